/*
 * pace.h  How much a device is given, so that it neither runs dry nor gathers delay
 *
 * What does it do?  It says how much faster or slower than ours a device's clock runs, keeps a
 *   small lead of sound in its buffer, and says which read sample belongs to which written one.
 * How does it work?  A device plays and records by the same crystal: what was read from it tells
 *   how much of what was written it has played. The difference, counted from the first read on,
 *   is the sound in its buffer. Reads come in lumps, and we see them only at ticks: so the least
 * of a second counts, and its distance from the lead is worked off within 20 s by a ratio that
 *   nobody hears (a crystal 200 ppm off: 4 ms for ever). More than a jitter is put right at once:
 *   silence when it has run dry, sound left out when it is far ahead.
 * How do I use it?  bl_pace_init(); in each tick bl_pace_read() for what was read, then
 *   bl_pace_tick() for what to do now, bl_pace_wrote() for what is written. A device that is
 *   never read has no pace: ratio stays 1.
 */
#ifndef BL_PACE_H
#define BL_PACE_H
#include <stdbool.h>
#include <stdint.h>

struct bl_pace {
	int32_t rate;	/* [Hz] */
	int32_t lead;	/* [samples] in the device's buffer when a tick begins */
	int64_t wrote;	/* [samples] in all */
	int64_t played; /* [samples] of what was written, when all that was read had been recorded
			 */
	int64_t least;	/* [samples] in the buffer, of this window */
	int32_t ticks;	/* of this window; at first, of waiting for a read */
	bool running;	/* something was read */
	bool dry;
	double ratio; /* samples to be written for each of ours */
};

/* What to do before this tick's frame [samples]. */
struct bl_pace_step {
	int32_t silence; /* to be written first */
	int32_t skip;	 /* to be left out, once */
	bool full;	 /* nothing may be written: the device has stopped */
};

/* block [samples]: what the device takes at a time, 0 or 1: any number */
void bl_pace_init(struct bl_pace *pace, int32_t rate, int32_t block);
void bl_pace_read(struct bl_pace *pace, int32_t samples);
void bl_pace_wrote(struct bl_pace *pace, int32_t samples);
/* The device says, or it is known, that it has nothing to play. */
void bl_pace_dry(struct bl_pace *pace);
struct bl_pace_step bl_pace_tick(struct bl_pace *pace);

#endif
