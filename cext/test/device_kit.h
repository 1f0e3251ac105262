/* device_kit.h  The far end of a device's descriptor, with a clock of its own, for several tests
 */
#ifndef BL_DEVICE_KIT_H
#define BL_DEVICE_KIT_H
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "check.h"
#include "g711.h"
#include "kit.h"

enum {
	BUFFER = 1024,	      /* [samples] of a device's memory */
	EARS = 2000,	      /* [samples] kept of what it played last */
	LUMP_MAX = 320,	      /* [samples] */
	LUMP = 160,	      /* [samples] it takes and gives at once */
	MARK_EVERY_MS = 1000, /* a mark in what it says, by which the delay is measured */
	MARK = 30000,
};

#define QUIET -20.0

/* The far end of a descriptor: it records and plays by its own crystal, in lumps. */
struct device {
	int fd;
	double speed;	       /* of its clock against ours */
	double due;	       /* [samples] it should have played by now */
	int64_t played;	       /* [samples] */
	int32_t format;	       /* enum bl_device_format */
	int lump;	       /* [samples] */
	bool reads, writes;    /* it does */
	bool mute;	       /* it says no marks */
	int16_t tone[BL_RATE]; /* a second of what it says */
	double echo;	       /* of what it plays, in what it says */
	int16_t buffer[BUFFER];
	int waiting, least, most; /* [samples] in its buffer before it plays */
	int dry;		  /* [lumps] for which there was not enough */
	uint8_t rest;
	bool has_rest;
	int64_t marked;	     /* [our samples] when it said its last mark */
	int64_t heard_mark;  /* [our samples] when it played one */
	int16_t ears[EARS];  /* the newest last */
	int64_t quiet_since; /* a mark is heard once */
};

static inline struct device *new_device(struct bl_engine *engine, int64_t leg,
					const struct bl_device_config *config, double ppm,
					double hz)
{
	struct device *device = calloc(1, sizeof(*device));
	int fds[2], small = 4096;

	CHECK_EQUAL(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	CHECK_EQUAL(0, setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
	CHECK_EQUAL(BL_OK, bl_leg_add_device(engine, leg, fds[0], config));
	close(fds[0]);
	device->fd = fds[1];
	device->format = config->format;
	device->lump = config->block ? config->block : LUMP;
	device->speed = 1.0 + ppm / 1e6;
	device->reads = device->writes = true;
	kit_tone(hz, QUIET, 0, device->tone, BL_RATE);
	device->least = BUFFER;
	return device;
}

static inline void free_device(struct device *device)
{
	if (device->fd >= 0)
		close(device->fd);
	free(device);
}

static inline struct bl_leg_stats stats_of(struct bl_engine *engine, int64_t leg)
{
	struct bl_leg_stats stats = {0};

	CHECK_EQUAL(BL_OK, bl_leg_stats(engine, leg, &stats));
	return stats;
}

/* What was written to it, into its memory as far as that goes. */
static inline void take_in(struct device *device)
{
	uint8_t bytes[64];
	ssize_t size;

	while (device->waiting <= BUFFER - (int)sizeof(bytes) &&
	       (size = read(device->fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < size; i++) {
			int16_t *to = &device->buffer[device->waiting];

			if (device->format == BL_DEVICE_PCMA || device->format == BL_DEVICE_PCMU) {
				bl_g711_decode(device->format == BL_DEVICE_PCMA ? BL_PCMA
										: BL_PCMU,
					       &bytes[i], 1, to);
				device->waiting++;
			} else if (device->has_rest) {
				*to = (int16_t)(uint16_t)(bytes[i] << 8 | device->rest);
				device->waiting++;
				device->has_rest = false;
			} else {
				device->rest = bytes[i];
				device->has_rest = true;
			}
		}
	}
}

static inline void hear_marks(struct device *device, const int16_t *lump, int64_t now)
{
	for (int i = 0; i < device->lump; i++) {
		int64_t at = now + i;

		if (abs(lump[i]) > MARK / 2 && at > device->quiet_since) {
			device->heard_mark = at;
			device->quiet_since = at + BL_RATE / 4;
		}
	}
}

/* One lump out of its memory to its ear, and one of what it says into the descriptor. */
static inline void play_lump(struct device *device, int64_t now)
{
	int16_t played[LUMP_MAX], said[LUMP_MAX];
	uint8_t bytes[2 * LUMP_MAX];
	size_t count = (size_t)device->lump;

	memset(played, 0, sizeof(*played) * count);
	if (device->reads) {
		if (device->waiting < device->least)
			device->least = device->waiting;
		if (device->waiting > device->most)
			device->most = device->waiting;
		if (device->waiting < device->lump) {
			device->dry++;
		} else {
			memcpy(played, device->buffer, sizeof(*played) * count);
			device->waiting -= device->lump;
			memmove(device->buffer, device->buffer + count,
				sizeof(*played) * (size_t)device->waiting);
		}
	}
	hear_marks(device, played, now);
	memmove(device->ears, device->ears + count, sizeof(*played) * (EARS - count));
	memcpy(device->ears + EARS - count, played, sizeof(*played) * count);
	if (!device->writes)
		return;
	for (size_t i = 0; i < count; i++) {
		int64_t at = device->played + (int64_t)i;

		said[i] = device->tone[at % BL_RATE];
		if (at % (MARK_EVERY_MS * BL_SAMPLES_PER_MS) == 0)
			device->marked = now + (int64_t)i;
		if (!device->mute && at % (MARK_EVERY_MS * BL_SAMPLES_PER_MS) < 4)
			said[i] = MARK;
		if (device->echo > 0) /* which comes back 5 ms later */
			said[i] = (int16_t)(said[i] +
					    device->echo * device->ears[EARS - count - 40 + i]);
	}
	if (device->format == BL_DEVICE_PCMA || device->format == BL_DEVICE_PCMU) {
		bl_g711_encode(device->format == BL_DEVICE_PCMA ? BL_PCMA : BL_PCMU, said, count,
			       bytes);
	} else {
		for (size_t i = 0; i < count; i++) {
			bytes[2 * i] = (uint8_t)said[i];
			bytes[2 * i + 1] = (uint8_t)((uint16_t)said[i] >> 8);
		}
		count *= 2;
	}
	CHECK_EQUAL((ssize_t)count, write(device->fd, bytes, count));
}

/* 20 ms of our time. */
static inline void run_device(struct device *device, int64_t now)
{
	device->due += BL_FRAME * device->speed;
	if (device->reads)
		take_in(device);
	for (; device->due - (double)device->played >= device->lump;
	     device->played += device->lump)
		play_lump(device, now - BL_FRAME);
}

#endif
