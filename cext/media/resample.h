/*
 * resample.h  A stream of frames from one of the rates 8, 16 and 48 kHz to another
 *
 * What does it do?  Each 20 ms in gives 20 ms out, in any of the six directions. Up to 3.4 kHz
 *   (7 kHz between 16 and 48 kHz) the level stays within 0.1 dB; images and aliases beyond
 *   4.6 kHz (9 kHz) are 65 dB down: test_resample.c measures it with sines.
 * How does it work?  One low-pass for each ratio 2, 3 and 6, a sinc under a Kaiser window, with
 *   its zeros on the low rate: so each sample of the low rate passes unchanged and only the ones
 *   between are computed (or, downwards, averaged in). Measured with AVX2, 0.3 µs a frame between
 *   8 and 16 kHz and 1 to 1.6 µs to and from 48 kHz; speexdsp at its quality 3 takes 5 to 7 times
 *   that, and 3 ms where this takes 1.9.
 * How do I use it?  bl_resample_init() (the first of all computes the filters: not in a tick),
 *   then bl_resample() for each frame. It needs no memory but its struct.
 */
#ifndef BL_RESAMPLE_H
#define BL_RESAMPLE_H
#include <stdint.h>

enum {
	BL_RESAMPLE_REACH = 18, /* [samples of the low rate] a filter looks at most to each side */
	BL_RESAMPLE_PAST =
		180, /* [samples] of input it keeps at most: 48 to 8 kHz, 15 each side */
};

struct bl_resampler {
	int32_t from, to; /* [Hz] */
	int16_t past[BL_RESAMPLE_PAST];
};

/* BL_EINVAL: not rates of ours. Equal ones are allowed: it copies then. */
int bl_resample_init(struct bl_resampler *resampler, int32_t from, int32_t to);
/* One frame of 20 ms, in and out; they must not overlap. */
void bl_resample(struct bl_resampler *resampler, const int16_t *in, int16_t *out);
/* How much later the sound comes out [µs] */
int32_t bl_resample_delay_us(int32_t from, int32_t to);

#endif
