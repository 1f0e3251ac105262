/* resample.c  A stream of frames from one of the rates 8, 16 and 48 kHz to another */
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include "bessel.h"
#include "branchline_media.h"
#include "frame.h"
#include "resample.h"
#include "simd.h"

enum {
	RATIO_MAX = 6,
	TAPS_MAX = 2 * BL_RESAMPLE_REACH,	 /* of one phase */
	LOW_MAX = BL_RATE_WIDE / BL_TICKS_PER_S, /* [samples] of a frame at the low rate */
	REACH_NARROW = 15, /* [samples at 8 kHz] 1.9 ms: 3.4 kHz pass, 4.6 kHz are stopped */
	REACH_WIDE = 18,   /* [samples at 16 kHz] 1.1 ms: 7 kHz pass, 9 kHz are stopped */
	BLOCK = 32,
	/* [samples] kept in registers; divides each frame */ /* divides each frame */
};

#define PI 3.14159265358979323846
/* Kaiser's parameter for 70 dB: 0.1102 (70 - 8.7) */
#define KAISER_BETA 6.755

/* The low-pass, cut into phases: tap i of phase p stands ratio * i + p samples of the high rate
 * from its begin. Phase 0 is one tap of 1 in the middle, which is left out.
 */
struct filter {
	size_t ratio;
	size_t reach; /* [samples of the low rate] to each side */
	float taps[RATIO_MAX][TAPS_MAX];
};

static struct filter filters[] = {
	{.ratio = 2, .reach = REACH_NARROW},
	{.ratio = 3, .reach = REACH_WIDE},
	{.ratio = 6, .reach = REACH_NARROW},
};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void design(struct filter *filter)
{
	double ratio = (double)filter->ratio, reach = (double)filter->reach;

	for (size_t phase = 1; phase < filter->ratio; phase++) {
		double taps[TAPS_MAX], sum = 0;

		for (size_t i = 0; i < 2 * filter->reach; i++) {
			/* [samples of the low rate] from the middle */
			double at = (double)i + (double)phase / ratio - reach;
			double edge = at / reach;

			taps[i] = sin(PI * at) / (PI * at) *
				  bl_bessel_i0(KAISER_BETA * sqrt(1 - edge * edge));
			sum += taps[i];
		}
		/* equal phases: a steady level stays steady */
		for (size_t i = 0; i < 2 * filter->reach; i++)
			filter->taps[phase][i] = (float)(taps[i] / sum);
	}
}

static void design_all(void)
{
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		design(&filters[i]);
}

/* NULL: between equal rates */
static const struct filter *filter_between(int32_t from, int32_t to)
{
	size_t ratio = (size_t)(from > to ? from / to : to / from);

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		if (filters[i].ratio == ratio)
			return &filters[i];
	}
	return NULL;
}

static bool is_rate(int32_t rate)
{
	return rate == BL_RATE || rate == BL_RATE_WIDE || rate == BL_RATE_FULL;
}

int bl_resample_init(struct bl_resampler *resampler, int32_t from, int32_t to)
{
	if (!resampler || !is_rate(from) || !is_rate(to))
		return BL_EINVAL;
	pthread_once(&once, design_all);
	*resampler = (struct bl_resampler){.from = from, .to = to};
	return 0;
}

int32_t bl_resample_delay_us(int32_t from, int32_t to)
{
	const struct filter *filter =
		is_rate(from) && is_rate(to) ? filter_between(from, to) : NULL;
	int32_t low = from < to ? from : to;

	return filter ? (int32_t)filter->reach * 1000000 / low : 0;
}

/* out[j] += sum of taps[i] * newest[j - i] */
BL_KERNEL void convolve(const float *taps, size_t count, const float *newest, float *out,
			size_t size)
{
	for (size_t j = 0; j < size; j += BLOCK) {
		float block[BLOCK];

		memcpy(block, out + j, sizeof(block));
		for (size_t i = 0; i < count; i++) {
			const float *from = newest + j - i;

			for (int k = 0; k < BLOCK; k++)
				block[k] += from[k] * taps[i];
		}
		memcpy(out + j, block, sizeof(block));
	}
}

/* in: size samples of the low rate, before them 2 * reach that came earlier */
BL_KERNEL void upwards(const struct filter *filter, const int16_t *in, size_t size, int16_t *out)
{
	float low[TAPS_MAX + LOW_MAX], between[LOW_MAX];
	size_t ratio = filter->ratio, taps = 2 * filter->reach;

	for (size_t i = 0; i < taps + size; i++)
		low[i] = (in - taps)[i];
	for (size_t j = 0; j < size; j++)
		out[ratio * j] = (in - filter->reach)[j];
	for (size_t phase = 1; phase < ratio; phase++) {
		memset(between, 0, sizeof(between));
		convolve(filter->taps[phase], taps, low + taps, between, size);
		for (size_t j = 0; j < size; j++)
			out[ratio * j + phase] = bl_simd_sample(between[j]);
	}
}

/* in: size * ratio samples of the high rate, before them 2 * reach * ratio that came earlier */
BL_KERNEL void downwards(const struct filter *filter, const int16_t *in, size_t size, int16_t *out)
{
	float phases[TAPS_MAX + LOW_MAX] = {0}, sum[LOW_MAX];
	size_t ratio = filter->ratio, taps = 2 * filter->reach;

	for (size_t j = 0; j < size; j++)
		sum[j] = (in - filter->reach * ratio)[ratio * j];
	for (size_t phase = 1; phase < ratio; phase++) {
		const int16_t *first = in - taps * ratio + ratio - phase;

		for (size_t i = 0; i < taps + size; i++)
			phases[i] = first[ratio * i];
		convolve(filter->taps[phase], taps, phases + taps - 1, sum, size);
	}
	for (size_t j = 0; j < size; j++)
		out[j] = bl_simd_sample(sum[j] / (float)ratio);
}

BL_KERNEL void convert(const struct filter *filter, bool up, const int16_t *in, int16_t *out,
		       size_t size)
{
	if (up)
		upwards(filter, in, size, out);
	else
		downwards(filter, in, size, out);
}

BL_AVX2 void convert_avx2(const struct filter *filter, bool up, const int16_t *in, int16_t *out,
			  size_t size)
{
	convert(filter, up, in, out, size);
}

void bl_resample(struct bl_resampler *resampler, const int16_t *in, int16_t *out)
{
	int16_t all[BL_RESAMPLE_PAST + BL_FRAME_MAX];
	const struct filter *filter = filter_between(resampler->from, resampler->to);
	size_t size = (size_t)resampler->from / BL_TICKS_PER_S, past, low;
	bool up = resampler->from < resampler->to;

	if (!filter) {
		memcpy(out, in, size * sizeof(*out));
		return;
	}
	past = 2 * filter->reach * (up ? 1 : filter->ratio);
	low = up ? size : size / filter->ratio;
	memcpy(all, resampler->past, past * sizeof(*all));
	memcpy(all + past, in, size * sizeof(*all));
	memcpy(resampler->past, all + size, past * sizeof(*all));
	if (bl_simd_avx2())
		convert_avx2(filter, up, all + past, out, low);
	else
		convert(filter, up, all + past, out, low);
}
