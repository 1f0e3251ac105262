/*
 * pcm_leg.c  A leg on a file descriptor: a serial or voice modem, a card's channel
 *
 * The device has a clock of its own and hands over its samples in lumps. They go through the same
 * jitter buffer as RTP, with the count of samples as their timestamp; device.h keeps what is
 * written in step with the same clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include "bytes.h"
#include "engine.h"
#include "v253.h"

enum {
	READ_ROUNDS = 4,
	CLOSE_EVERY = 64, /* [lumps]; the delay fits the latest of a hundred */
	CODES = 16,	  /* told in one tick; a device that sends more sends garbage */
	ELAST_ = 500,	  /* DAHDI: an event waits, which the line's driver fetches */
};

int bl_pcm_leg_open(struct bl_leg *leg, int fd, const struct bl_device_config *config)
{
	int flags, err = bl_device_new(config, &leg->pcm.device);

	leg->asked = (struct bl_encoder_config){.codec = BL_L16, .rate = config->rate};
	if (!err)
		err = bl_coder_new(&leg->asked, &leg->coder);
	if (err)
		return err;
	leg->has_asked = true;
	bl_leg_set_rate(leg, config->rate);
	leg->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (leg->fd < 0)
		return BL_EIO;
	flags = fcntl(leg->fd, F_GETFL);
	return flags < 0 || fcntl(leg->fd, F_SETFL, flags | O_NONBLOCK) < 0 ? BL_EIO : BL_OK;
}

static void gone(struct bl_worker *worker, struct bl_leg *leg, enum bl_device_end why, int error)
{
	if (leg->pcm.gone)
		return;
	leg->pcm.gone = true;
	bl_tell(worker, &(struct bl_event){
				.leg = leg->id,
				.kind = BL_EVENT_DEVICE_GONE,
				.code = (int32_t)why,
				.value = (uint64_t)error,
			});
}

static void failed(struct bl_worker *worker, struct bl_leg *leg, int error)
{
	bool unplugged = error == EIO || error == ENODEV || error == ENXIO;
	bool closed = error == EPIPE || error == ECONNRESET;

	gone(worker, leg,
	     unplugged ? BL_DEVICE_HUNG_UP
	     : closed  ? BL_DEVICE_ENDED
		       : BL_DEVICE_FAILED,
	     error);
}

static bool is_for_now(int error)
{
	return error == EAGAIN || error == EINTR || error == ELAST_;
}

/* Nothing was read: a terminal that waits for nothing (VMIN 0) is idle, else this is the end. */
static void watch_end(struct bl_worker *worker, struct bl_leg *leg)
{
	struct pollfd asked = {.fd = leg->fd, .events = POLLIN};

	if (!isatty(leg->fd))
		gone(worker, leg, BL_DEVICE_ENDED, 0);
	else if (poll(&asked, 1, 0) > 0 && (asked.revents & (POLLHUP | POLLERR)))
		gone(worker, leg, BL_DEVICE_HUNG_UP, 0);
}

static void put(struct bl_leg *leg, const struct bl_device_got *got)
{
	struct bl_pcm_leg *pcm = &leg->pcm;
	uint8_t lump[sizeof(got->samples)];
	struct bl_stream_packet packet = {
		.seq = pcm->lumps,
		.timestamp = pcm->read,
		.payload = lump,
		.size = got->count * sizeof(*got->samples),
		.waited_us = BL_STREAM_WAITED_UNKNOWN,
	};

	/* nobody sees how close to the tick a lump came; as the clocks drift, it will come a tick
	 * later one day: some are counted as if, so that the delay has room for it */
	if (pcm->lumps % CLOSE_EVERY == 0)
		packet.waited_us = 0;

	if (!got->count)
		return;
	/* L16 has the high byte first (RFC 3551 §4.5.11) */
	for (size_t i = 0; i < got->count; i++)
		bl_put16(lump + 2 * i, (uint16_t)got->samples[i]);
	if (leg->receive && bl_stream_put(leg->coder->stream, &packet) == BL_STREAM_LATE)
		leg->stats.late++;
	pcm->lumps++;
	pcm->read += (uint32_t)got->count;
}

static void hear_code(struct bl_worker *worker, struct bl_leg *leg,
		      const struct bl_device_got *got)
{
	if (got->code == BL_V253_ETX) {
		gone(worker, leg, BL_DEVICE_FINISHED, 0);
	} else if (got->digit) {
		/* from now on the modem is believed, its sound is not searched any more */
		leg->rtp.events_seen = true;
		bl_leg_digit(worker, leg, got->code, BL_DIGIT_DEVICE, 0);
	} else {
		bl_tell(worker, &(struct bl_event){
					.leg = leg->id,
					.kind = BL_EVENT_DEVICE_CODE,
					.code = got->code,
				});
	}
}

static void take(struct bl_worker *worker, struct bl_leg *leg, const uint8_t *bytes, size_t size,
		 int *codes)
{
	struct bl_device_got got;

	bl_leg_alive(worker, leg);
	leg->stats.bytes_in += size;
	leg->stats.packets_in++;
	while (size && !leg->pcm.gone) {
		size_t taken = bl_device_read(leg->pcm.device, bytes, size, &got);

		bytes += taken;
		size -= taken;
		put(leg, &got);
		if (got.code && ++*codes > CODES)
			leg->stats.malformed++;
		else if (got.code)
			hear_code(worker, leg, &got);
	}
}

void bl_pcm_leg_receive(struct bl_worker *worker, struct bl_leg *leg)
{
	uint8_t bytes[BL_DEVICE_READ];
	size_t chunk = bl_device_chunk(leg->pcm.device);
	int codes = 0;

	if (leg->pcm.error)
		failed(worker, leg, leg->pcm.error);
	for (size_t round = 0; round < READ_ROUNDS * sizeof(bytes) / chunk; round++) {
		ssize_t size;

		if (leg->pcm.gone)
			return;
		size = read(leg->fd, bytes, chunk);
		if (size > 0)
			take(worker, leg, bytes, (size_t)size, &codes);
		else if (size == 0)
			watch_end(worker, leg);
		else if (!is_for_now(errno))
			failed(worker, leg, errno);
		if (size < (ssize_t)chunk)
			return;
	}
}

/* A device that was behind goes on when the kernel, too, has nothing left for it. */
static void watch_queue(struct bl_leg *leg)
{
	int queued = 0;
	size_t due;

	bl_device_due(leg->pcm.device, &due);
	if (!due && (ioctl(leg->fd, TIOCOUTQ, &queued) < 0 || queued <= 0))
		bl_device_drained(leg->pcm.device);
}

static void write_due(struct bl_leg *leg)
{
	size_t due;
	const uint8_t *bytes = bl_device_due(leg->pcm.device, &due);
	ssize_t size = 0;

	while (due) {
		size = write(leg->fd, bytes, due);
		if (size < 0 && !is_for_now(errno))
			leg->pcm.error = errno;
		if (size <= 0)
			break;
		bl_device_went(leg->pcm.device, (size_t)size);
		leg->stats.bytes_out += (uint64_t)size;
		bytes = bl_device_due(leg->pcm.device, &due);
	}
}

void bl_pcm_leg_send(struct bl_leg *leg, const int16_t *hears)
{
	static const int16_t silence[BL_FRAME_MAX];
	struct bl_pcm_leg *pcm = &leg->pcm;
	int tick;

	if (bl_digits_now(&leg->digits, &tick))
		bl_digits_advance(&leg->digits);
	if (pcm->gone || pcm->error)
		return;
	if (bl_device_write(pcm->device, leg->send ? hears : silence))
		leg->stats.packets_out++;
	else
		leg->stats.send_errors++;
	write_due(leg);
	if (bl_device_is_behind(pcm->device))
		watch_queue(leg);
}
