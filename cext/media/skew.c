/* skew.c  A resampler between two clocks that are nearly alike */
#include <math.h>
#include <pthread.h>
#include <string.h>
#include "bessel.h"
#include "simd.h"
#include "skew.h"

enum {
	PHASES = 128, /* between two of them a line errs by 60 dB less than the sound */
	REACH = BL_SKEW_TAPS / 2,
};

#define PI 3.14159265358979323846
/* Kaiser's parameter for 60 dB: 0.1102 (60 - 8.7) */
#define KAISER_BETA 5.653

static float filter[PHASES + 1][BL_SKEW_TAPS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static double tap(double at)
{
	double edge = at / REACH;

	if (fabs(edge) >= 1)
		return 0;
	return (at == 0 ? 1 : sin(PI * at) / (PI * at)) *
	       bl_bessel_i0(KAISER_BETA * sqrt(1 - edge * edge)) / bl_bessel_i0(KAISER_BETA);
}

static void design(void)
{
	for (int phase = 0; phase <= PHASES; phase++) {
		double taps[BL_SKEW_TAPS], sum = 0;

		for (int i = 0; i < BL_SKEW_TAPS; i++)
			sum += taps[i] = tap(i - (REACH - 1) - (double)phase / PHASES);
		/* equal phases: a steady level stays steady */
		for (int i = 0; i < BL_SKEW_TAPS; i++)
			filter[phase][i] = (float)(taps[i] / sum);
	}
}

void bl_skew_init(struct bl_skew *skew)
{
	pthread_once(&once, design);
	memset(skew, 0, sizeof(*skew));
}

BL_KERNEL float between(const float *in, double at)
{
	int phase = (int)(at * PHASES);
	float share = (float)(at * PHASES - phase), sum[2] = {0};

	for (int i = 0; i < BL_SKEW_TAPS; i++) {
		sum[0] += in[i] * filter[phase][i];
		sum[1] += in[i] * filter[phase + 1][i];
	}
	return sum[0] + share * (sum[1] - sum[0]);
}

size_t bl_skew(struct bl_skew *skew, double ratio, const int16_t *in, size_t count, int16_t *out)
{
	float all[BL_SKEW_TAPS + BL_SKEW_IN];
	double step, at = skew->at;
	size_t made = 0;

	ratio = fmin(1 + BL_SKEW_MOST, fmax(1 - BL_SKEW_MOST, ratio));
	step = 1 / ratio;
	count = count < BL_SKEW_IN ? count : BL_SKEW_IN;
	memcpy(all, skew->past, sizeof(skew->past));
	for (size_t i = 0; i < count; i++)
		all[BL_SKEW_TAPS + i] = in[i];
	/* the last one needs all its taps, the first of the next frame then finds its own in past
	 */
	while (at < (double)count) {
		double whole = floor(at);

		out[made++] = bl_simd_sample(between(all + (size_t)whole + 1, at - whole));
		at += step;
	}
	skew->at = at - (double)count;
	memcpy(skew->past, all + count, sizeof(skew->past));
	return made;
}
