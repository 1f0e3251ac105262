/* spectrum.c  The power of the last 64 ms at each of 256 frequencies */
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include "spectrum.h"

enum {
	LENGTH = BL_SPECTRUM_LENGTH,
	HALF = BL_SPECTRUM_BINS,
};

#define PI 3.14159265358979323846
/* a Hann window keeps 3/8 of the power; a real signal has half of it at negative frequencies */
#define SCALE (float)(2.0 / (LENGTH * (LENGTH * 3.0 / 8.0)))

static pthread_once_t once = PTHREAD_ONCE_INIT;
static float window[LENGTH], cosines[LENGTH / 2], sines[LENGTH / 2];
static uint8_t reversed[HALF];

static void prepare(void)
{
	for (int n = 0; n < LENGTH; n++)
		window[n] = (float)(0.5 - 0.5 * cos(2.0 * PI * (n + 0.5) / LENGTH));
	for (int k = 0; k < LENGTH / 2; k++) {
		cosines[k] = (float)cos(2.0 * PI * k / LENGTH);
		sines[k] = (float)-sin(2.0 * PI * k / LENGTH);
	}
	for (int n = 0; n < HALF; n++) {
		int back = 0;

		for (int bit = 1, top = HALF / 2; top; bit <<= 1, top >>= 1)
			back |= n & bit ? top : 0;
		reversed[n] = (uint8_t)back;
	}
}

void bl_spectrum_prepare(void)
{
	pthread_once(&once, prepare);
}

/* The transform of HALF complex values in place, whose order was bit-reversed. */
static void transform(float *re, float *im)
{
	for (size_t size = 1; size < HALF; size *= 2) {
		size_t stride = LENGTH / 2 / size;

		for (size_t at = 0; at < HALF; at += 2 * size) {
			for (size_t k = 0; k < size; k++) {
				size_t low = at + k, high = low + size;
				float c = cosines[k * stride], s = sines[k * stride];
				float r = re[high] * c - im[high] * s;
				float i = re[high] * s + im[high] * c;

				re[high] = re[low] - r;
				im[high] = im[low] - i;
				re[low] += r;
				im[low] += i;
			}
		}
	}
}

void bl_spectrum(const int16_t *pcm, float *power)
{
	float re[HALF], im[HALF];

	for (size_t n = 0; n < HALF; n++) {
		re[reversed[n]] = (float)pcm[2 * n] * window[2 * n];
		im[reversed[n]] = (float)pcm[2 * n + 1] * window[2 * n + 1];
	}
	transform(re, im);
	power[0] = 0.0f; /* direct current is no sound */
	for (int k = 1; k < HALF; k++) {
		/* even and odd samples' transforms are the two symmetries of the pairs' one */
		float even_re = (re[k] + re[HALF - k]) / 2.0f;
		float even_im = (im[k] - im[HALF - k]) / 2.0f;
		float odd_re = (im[k] + im[HALF - k]) / 2.0f;
		float odd_im = (re[HALF - k] - re[k]) / 2.0f;
		float sum_re = even_re + odd_re * cosines[k] - odd_im * sines[k];
		float sum_im = even_im + odd_re * sines[k] + odd_im * cosines[k];

		power[k] = (sum_re * sum_re + sum_im * sum_im) * SCALE;
	}
}
