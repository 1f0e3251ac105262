/*
 * spectrum.h  The power of the last 64 ms at each of 256 frequencies
 *
 * What does it do?  Turns 512 samples at 8 kHz into powers, 15.625 Hz apart.
 * How does it work?  A Hann window, then a Fourier transform of half the length over pairs of
 *   samples, whose two halves are told apart afterwards.
 * How do I use it?  bl_spectrum_prepare() once outside the tick, then bl_spectrum().
 */
#ifndef BL_SPECTRUM_H
#define BL_SPECTRUM_H
#include <stdint.h>

enum {
	BL_SPECTRUM_LENGTH = 512, /* [samples] */
	BL_SPECTRUM_BINS = BL_SPECTRUM_LENGTH / 2,
};

#define BL_SPECTRUM_STEP_HZ (8000.0f / BL_SPECTRUM_LENGTH)

void bl_spectrum_prepare(void);
/* power[k] is about k * BL_SPECTRUM_STEP_HZ; all together are the mean square of the samples. */
void bl_spectrum(const int16_t *pcm, float *power);

#endif
