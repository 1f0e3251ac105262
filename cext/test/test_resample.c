/* test_resample.c  The response of all six directions, by sines; delay, level, limits */
#include <math.h>
#include <stdlib.h>
#include "branchline_media.h"
#include "check.h"
#include "frame.h"
#include "resample.h"
#include "simd.h"

#define PI 3.14159265358979323846

enum {
	FRAMES = 20,
	SKIPPED = 4, /* [frames] until the filters are full */
	SECOND = BL_RATE_FULL,
};

static const int32_t rates[] = {BL_RATE, BL_RATE_WIDE, BL_RATE_FULL};

static int16_t in[SECOND], out[SECOND];

static void convert(int32_t from, int32_t to)
{
	struct bl_resampler resampler;

	CHECK_EQUAL(0, bl_resample_init(&resampler, from, to));
	for (int f = 0; f < FRAMES; f++)
		bl_resample(&resampler, in + f * from / BL_TICKS_PER_S,
			    out + f * to / BL_TICKS_PER_S);
}

static void fill_sine(double hz, int32_t rate, double peak)
{
	for (int i = 0; i < FRAMES * rate / BL_TICKS_PER_S; i++)
		in[i] = (int16_t)lrint(peak * sin(2 * PI * hz * i / rate));
}

/* The peak of what comes out at a frequency, under a Hann window; phase: against a sine. */
static double heard(double hz, int32_t rate, double *phase)
{
	int first = SKIPPED * rate / BL_TICKS_PER_S,
	    count = FRAMES * rate / BL_TICKS_PER_S - first;
	double re = 0, im = 0;

	for (int i = 0; i < count; i++) {
		double window = 0.5 - 0.5 * cos(2 * PI * i / count);
		double angle = 2 * PI * hz * (first + i) / rate;

		re += window * out[first + i] * sin(angle);
		im += window * out[first + i] * cos(angle);
	}
	if (phase)
		*phase = atan2(im, re);
	return 4 * sqrt(re * re + im * im) / count;
}

static double db(double ratio)
{
	return 20 * log10(ratio + 1e-9);
}

/* Where the pass band ends [Hz]; the stop band begins as far beyond half the low rate. */
static double pass_of(int32_t low)
{
	return low == BL_RATE ? 3400 : 7000;
}

static void check_pass(int32_t from, int32_t to)
{
	double end = pass_of(from < to ? from : to);

	for (double hz = 50; hz <= end; hz += (end - 50) / 12) {
		double delay_s = bl_resample_delay_us(from, to) / 1e6, phase, turns;

		fill_sine(hz, from, 16000);
		convert(from, to);
		CHECK_WITHIN(-0.1, 0.1, db(heard(hz, to, &phase) / 16000));
		turns = phase / (2 * PI) + hz * delay_s;
		CHECK_WITHIN(-0.01, 0.01, turns - round(turns));
	}
}

/* Upwards: nothing at the images of a sine. */
static void check_images(int32_t from, int32_t to)
{
	double stop = from - pass_of(from);

	for (double hz = 100; hz <= pass_of(from); hz += pass_of(from) / 7) {
		fill_sine(hz, from, 16000);
		convert(from, to);
		for (int32_t around = from; around <= to / 2; around += from) {
			for (int side = -1; side <= 1; side += 2) {
				double image = around + side * hz;

				if (image >= stop && image < to / 2.0)
					CHECK_WITHIN(-200, -65,
						     db(heard(image, to, NULL) / 16000));
			}
		}
	}
}

/* Downwards: a sine beyond the stop band's begin leaves no alias. */
static void check_aliases(int32_t from, int32_t to)
{
	double stop = to - pass_of(to);

	for (double hz = stop; hz < from / 2.0; hz += (from / 2.0 - stop) / 16) {
		double alias = fmod(hz, to);

		alias = alias > to / 2.0 ? to - alias : alias;
		fill_sine(hz, from, 16000);
		convert(from, to);
		CHECK_WITHIN(-200, -65, db(heard(alias, to, NULL) / 16000));
	}
}

static void check_response(int32_t from, int32_t to)
{
	check_pass(from, to);
	if (from < to)
		check_images(from, to);
	else
		check_aliases(from, to);
	CHECK_WITHIN(1, 2000, bl_resample_delay_us(from, to));
}

static void each_direction(void (*check)(int32_t from, int32_t to))
{
	for (int baseline = 0; baseline < 2; baseline++) {
		bl_simd_baseline = baseline;
		for (int i = 0; i < 9; i++) {
			if (i / 3 != i % 3)
				check(rates[i / 3], rates[i % 3]);
		}
	}
	bl_simd_baseline = false;
}

static void test_response(void)
{
	each_direction(check_response);
}

static void check_steady(int32_t from, int32_t to)
{
	for (int i = 0; i < SECOND; i++)
		in[i] = 1234;
	convert(from, to);
	for (int i = SKIPPED * to / BL_TICKS_PER_S; i < FRAMES * to / BL_TICKS_PER_S; i++)
		CHECK_EQUAL(1234, out[i]);
}

static void test_steady_level_stays(void)
{
	each_direction(check_steady);
}

/* A square at full scale overshoots between its samples: it must clip and never wrap. */
static void check_clipping(int32_t from, int32_t to)
{
	int half = from / 400, clipped = 0;

	for (int i = 0; i < SECOND; i++)
		in[i] = i / half % 2 ? INT16_MIN : INT16_MAX;
	convert(from, to);
	for (int i = SKIPPED * to / BL_TICKS_PER_S; i < FRAMES * to / BL_TICKS_PER_S; i++) {
		double at = (double)i * from / to - bl_resample_delay_us(from, to) * 1e-6 * from;
		double edge = fmod(at / half, 1);

		clipped += out[i] == INT16_MAX || out[i] == INT16_MIN;
		if (edge > 0.3 && edge < 0.7)
			CHECK((out[i] > 20000) == !((int)(at / half) % 2));
	}
	CHECK(clipped > 20);
}

static void test_clips_and_never_wraps(void)
{
	each_direction(check_clipping);
}

static void test_equal_rates_copy(void)
{
	struct bl_resampler resampler;

	fill_sine(440, BL_RATE_WIDE, 8000);
	CHECK_EQUAL(0, bl_resample_init(&resampler, BL_RATE_WIDE, BL_RATE_WIDE));
	bl_resample(&resampler, in, out);
	CHECK(!memcmp(in, out, 320 * sizeof(*in)));
	CHECK_EQUAL(0, bl_resample_delay_us(BL_RATE_WIDE, BL_RATE_WIDE));
}

static void test_arguments(void)
{
	struct bl_resampler resampler;

	CHECK_EQUAL(BL_EINVAL, bl_resample_init(NULL, 8000, 16000));
	CHECK_EQUAL(BL_EINVAL, bl_resample_init(&resampler, 8000, 0));
	CHECK_EQUAL(BL_EINVAL, bl_resample_init(&resampler, 24000, 48000));
	CHECK_EQUAL(BL_EINVAL, bl_resample_init(&resampler, 8000, 11025));
	CHECK_EQUAL(0, bl_resample_delay_us(8000, 0));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_response),
	CHECK_TEST(test_steady_level_stays),
	CHECK_TEST(test_clips_and_never_wraps),
	CHECK_TEST(test_equal_rates_copy),
	CHECK_TEST(test_arguments),
};

CHECK_MAIN(tests)
