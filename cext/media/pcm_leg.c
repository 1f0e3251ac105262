/*
 * pcm_leg.c  A leg on a file descriptor: raw s16le samples, as serial modems and cards give them
 *
 * The device has a clock of its own and hands over its samples in lumps. They go through the same
 * jitter buffer as RTP, with the count of samples as their timestamp.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "engine.h"

enum {
	READ_ROUNDS = 4,
	READ_SAMPLES = 4 * BL_FRAME,
};

int bl_pcm_leg_open(struct bl_leg *leg, int fd)
{
	int flags;

	leg->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (leg->fd < 0)
		return BL_EIO;
	flags = fcntl(leg->fd, F_GETFL);
	if (flags < 0 || fcntl(leg->fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		close(leg->fd);
		leg->fd = -1;
		return BL_EIO;
	}
	return BL_OK;
}

static void gone(struct bl_worker *worker, struct bl_leg *leg)
{
	if (leg->pcm.gone)
		return;
	leg->pcm.gone = true;
	bl_tell(worker, &(struct bl_event){.leg = leg->id, .kind = BL_EVENT_DEVICE_GONE});
}

/* A terminal that waits for nothing (VMIN 0) reads 0 bytes while idle; hung up, it says so. */
static bool hung_up(int fd)
{
	struct pollfd asked = {.fd = fd, .events = POLLIN};

	return !isatty(fd) || (poll(&asked, 1, 0) > 0 && (asked.revents & (POLLHUP | POLLERR)));
}

static void take(struct bl_worker *worker, struct bl_leg *leg, const uint8_t *bytes, size_t size)
{
	struct bl_pcm_leg *pcm = &leg->pcm;
	uint8_t lump[2 * (READ_SAMPLES + 1)];
	struct bl_stream_packet packet = {
		.seq = pcm->lumps,
		.timestamp = pcm->read,
		.payload = lump,
		.waited_us = BL_STREAM_WAITED_UNKNOWN,
	};

	/* L16 has the high byte first (RFC 3551 §4.5.11), the device the low one */
	for (size_t i = 0; i < size; i++) {
		if (pcm->have_odd) {
			lump[packet.size++] = bytes[i];
			lump[packet.size++] = pcm->odd;
		} else {
			pcm->odd = bytes[i];
		}
		pcm->have_odd = !pcm->have_odd;
	}
	bl_leg_alive(worker, leg);
	leg->stats.bytes_in += size;
	leg->stats.packets_in++;
	if (!packet.size)
		return;
	if (leg->receive && bl_stream_put(leg->coder->stream, &packet) == BL_STREAM_LATE)
		leg->stats.late++;
	pcm->lumps++;
	pcm->read += (uint32_t)(packet.size / 2);
}

void bl_pcm_leg_receive(struct bl_worker *worker, struct bl_leg *leg)
{
	uint8_t bytes[READ_SAMPLES * 2];

	for (int round = 0; round < READ_ROUNDS && !leg->pcm.gone; round++) {
		ssize_t size = read(leg->fd, bytes, sizeof(bytes));

		if (size > 0)
			take(worker, leg, bytes, (size_t)size);
		else if (size < 0 ? errno != EAGAIN && errno != EINTR : hung_up(leg->fd))
			gone(worker, leg);
		if (size < (ssize_t)sizeof(bytes))
			return;
	}
}

/* True when all was written; what was not stays at the end of the buffer. */
static bool write_pending(struct bl_leg *leg)
{
	struct bl_pcm_leg *pcm = &leg->pcm;
	ssize_t size =
		write(leg->fd, pcm->pending + sizeof(pcm->pending) - pcm->unsent, pcm->unsent);

	if (size > 0)
		pcm->unsent = (uint16_t)(pcm->unsent - size);
	return !pcm->unsent;
}

void bl_pcm_leg_send(struct bl_leg *leg, const int16_t *hears)
{
	struct bl_pcm_leg *pcm = &leg->pcm;
	int tick;

	if (bl_digits_now(&leg->digits, &tick))
		bl_digits_advance(&leg->digits);
	if (pcm->gone || !leg->send)
		return;
	if (pcm->unsent && !write_pending(leg)) {
		leg->stats.send_errors++; /* the device is behind: this frame is left out whole */
		return;
	}
	for (size_t i = 0; i < BL_FRAME; i++) {
		pcm->pending[2 * i] = (uint8_t)hears[i];
		pcm->pending[2 * i + 1] = (uint8_t)((uint16_t)hears[i] >> 8);
	}
	pcm->unsent = sizeof(pcm->pending);
	if (write_pending(leg) || pcm->unsent < sizeof(pcm->pending)) {
		leg->stats.packets_out++;
		leg->stats.bytes_out += sizeof(pcm->pending);
	} else {
		pcm->unsent = 0; /* none of it went: drop it rather than add delay */
		leg->stats.send_errors++;
	}
}
