/*
 * skew.h  A little faster or slower: a resampler between two clocks that are nearly alike
 *
 * What does it do?  It makes a few samples more or less of each frame, smoothly, so that a device
 *   gets exactly as many as its own crystal plays. Tones up to 3.4 kHz (of 8) keep their level;
 *   what it adds is 58 dB below them.
 * How does it work?  A sinc under a Kaiser window, cut into phases; between two phases it is
 *   interpolated. As long as the ratio is 1 it passes the samples on unchanged, 1.5 ms later.
 * How do I use it?  bl_skew_init() in the caller's thread (the first of all computes the filter),
 *   then bl_skew() for each frame.
 */
#ifndef BL_SKEW_H
#define BL_SKEW_H
#include <stddef.h>
#include <stdint.h>
#include "frame.h"

enum {
	BL_SKEW_TAPS = 24,
	BL_SKEW_IN = 320, /* [samples] of a frame at most */
	BL_SKEW_OUT = BL_SKEW_IN + 8,
};

/* The ratio is 1 within this. */
#define BL_SKEW_MOST 0.005

struct bl_skew {
	double at; /* [samples] of the next output, from the first of past */
	float past[BL_SKEW_TAPS];
};

void bl_skew_init(struct bl_skew *skew);
/* ratio: samples out for each sample in. out has room for BL_SKEW_OUT; returns their number. */
size_t bl_skew(struct bl_skew *skew, double ratio, const int16_t *in, size_t count, int16_t *out);

#endif
