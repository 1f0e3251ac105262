/*
 * device.h  The stream of a device: its bytes to samples and back, in step with its clock
 *
 * What does it do?  It reads and makes the formats of serial modems, voice modems (ITU-T V.253)
 * and DAHDI channels, keeps the device's buffer neither dry nor long (pace.h, skew.h), and cancels
 *   the echo of an analogue line (echo.h), whose two sides it pairs by the count of samples.
 * How does it work?  No descriptor, no clock: bytes are handed in and out. What is to be written
 *   waits as bytes; when it waits for too long the device is behind, and frames are left out whole
 *   until it has taken all.
 * How do I use it?  bl_device_new() in the caller's thread. Each tick bl_device_read() for what
 * came until all bytes are taken, bl_device_write() for the frame, then write what bl_device_due()
 *   gives and say so with bl_device_went(). Nothing but bl_device_new() allocates.
 */
#ifndef BL_DEVICE_H
#define BL_DEVICE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"
#include "echo.h"
#include "frame.h"

enum {
	BL_DEVICE_READ = 1280, /* [bytes] of one read at most */
	BL_DEVICE_BLOCK = BL_DEVICE_READ / 2,
};

struct bl_device;

/* What bl_device_read() found: samples, then at most one code. */
struct bl_device_got {
	char code;  /* 0: none */
	bool digit; /* the code is a digit that was pressed */
	size_t count;
	int16_t samples[BL_DEVICE_READ + BL_ECHO_FRAME_MAX];
};

int bl_device_new(const struct bl_device_config *config, struct bl_device **out);
void bl_device_free(struct bl_device *device);
/* [bytes] to ask of each read */
size_t bl_device_chunk(const struct bl_device *device);
/* Takes up to BL_DEVICE_READ bytes, up to the first code; returns how many it took. */
size_t bl_device_read(struct bl_device *device, const uint8_t *bytes, size_t size,
		      struct bl_device_got *got);
/* One frame of 20 ms; false: it is left out. */
bool bl_device_write(struct bl_device *device, const int16_t *frame);
/* What may be written now, at most one block of a device that takes blocks. */
const uint8_t *bl_device_due(const struct bl_device *device, size_t *size);
void bl_device_went(struct bl_device *device, size_t size);
/* The device took less than it was given so often that all of its buffers are full. */
bool bl_device_is_behind(const struct bl_device *device);
/* It has taken all that was written. */
void bl_device_drained(struct bl_device *device);

#endif
