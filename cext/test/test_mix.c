/* test_mix.c  N-1 sums against the plain definition, at each size, with and without AVX2; gain */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "mix.h"
#include "simd.h"

enum { LEGS = 40 };

static const size_t sizes[] = {160, 320, 960};
static int16_t says[LEGS][BL_FRAME_MAX + 1];

static int32_t clipped(int32_t value)
{
	return value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value;
}

/* Noise; the first legs at full scale, so that some sums leave 16 bits at both ends. */
static void fill(void)
{
	uint32_t random = 1;

	for (int leg = 0; leg < LEGS; leg++) {
		for (int i = 0; i <= BL_FRAME_MAX; i++) {
			random = random * 1664525 + 1013904223;
			says[leg][i] = (int16_t)((int16_t)(random >> 16) / (1 + leg));
		}
	}
	says[0][0] = says[1][0] = INT16_MIN;
	says[0][1] = says[1][1] = INT16_MAX;
}

/* odd: frames that begin at no multiple of anything */
static void check_rest(size_t count, size_t odd)
{
	int32_t sum[BL_FRAME_MAX + 1] = {0};
	int16_t hears[BL_FRAME_MAX + 1], whole[BL_FRAME_MAX + 1];
	int clips = 0;

	for (int leg = 0; leg < LEGS; leg++)
		bl_mix_sum(sum + odd, says[leg] + odd, count);
	bl_mix_whole(sum + odd, whole + odd, count);
	for (int leg = 0; leg < LEGS; leg++) {
		bl_mix_rest(sum + odd, says[leg] + odd, hears + odd, count);
		for (size_t i = odd; i < odd + count; i++) {
			int32_t rest = 0;

			for (int other = 0; other < LEGS; other++)
				rest += other == leg ? 0 : says[other][i];
			clips += rest != clipped(rest);
			if (hears[i] != clipped(rest))
				CHECK_EQUAL(clipped(rest), hears[i]);
			if (whole[i] != clipped(rest + says[leg][i]))
				CHECK_EQUAL(clipped(rest + says[leg][i]), whole[i]);
		}
	}
	CHECK(clips > 10);
}

static void test_each_hears_the_others(void)
{
	fill();
	for (int baseline = 0; baseline < 2; baseline++) {
		bl_simd_baseline = baseline;
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			check_rest(sizes[i], 0);
			check_rest(sizes[i], 1);
		}
	}
	bl_simd_baseline = false;
}

static void test_nothing_beyond_the_frame(void)
{
	int32_t sum[BL_FRAME_MAX + 1] = {0};
	int16_t out[BL_FRAME_MAX + 1];

	fill();
	for (int baseline = 0; baseline < 2; baseline++) {
		bl_simd_baseline = baseline;
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			sum[sizes[i]] = 77;
			out[sizes[i]] = 77;
			bl_mix_sum(sum, says[1], sizes[i]);
			bl_mix_rest(sum, says[1], out, sizes[i]);
			bl_mix_gain(out, sizes[i], 2, 3);
			CHECK_EQUAL(77, sum[sizes[i]]);
			CHECK_EQUAL(77, out[sizes[i]]);
		}
	}
	bl_simd_baseline = false;
}

static void test_gain_is_a_straight_line(void)
{
	int16_t frame[320];

	for (int baseline = 0; baseline < 2; baseline++) {
		bl_simd_baseline = baseline;
		for (int i = 0; i < 320; i++)
			frame[i] = 10000;
		bl_mix_gain(frame, 320, 1, 0.5F);
		CHECK_WITHIN(9983, 9986, frame[0]); /* less 5,000 / 320 */
		CHECK_WITHIN(7499, 7501, frame[159]);
		CHECK_WITHIN(4999, 5001, frame[319]);
		for (int i = 1; i < 320; i++)
			CHECK_WITHIN(15, 17, frame[i - 1] - frame[i]);
	}
	bl_simd_baseline = false;
}

/* A step of the gain is a click: nothing may jump by more than the sine itself does. */
static void test_no_click_from_frame_to_frame(void)
{
	double last = 0;

	for (int f = 0; f < 4; f++) {
		static const float gains[] = {1, 1, 0.1F, 2};
		int16_t frame[160];

		for (int i = 0; i < 160; i++)
			frame[i] =
				(int16_t)(8000 * cos(2 * 3.14159265 * 50 * (160 * f + i) / 8000));
		bl_mix_gain(frame, 160, gains[f ? f - 1 : 0], gains[f]);
		for (int i = 0; i < 160; i++) {
			if (f + i)
				CHECK_WITHIN(-800, 800, frame[i] - last);
			last = frame[i];
		}
	}
}

static void test_gain_clips(void)
{
	int16_t frame[160] = {20000, -20000, 1, -1};

	bl_mix_gain(frame, 160, 2, 2);
	CHECK_EQUAL(INT16_MAX, frame[0]);
	CHECK_EQUAL(INT16_MIN, frame[1]);
	CHECK_EQUAL(2, frame[2]);
	CHECK_EQUAL(-2, frame[3]);
	bl_mix_gain(frame, 160, 1, 1);
	CHECK_EQUAL(INT16_MAX, frame[0]);
	bl_mix_gain(frame, 160, 0, 0);
	CHECK_EQUAL(0, frame[0]);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_each_hears_the_others),
	CHECK_TEST(test_nothing_beyond_the_frame),
	CHECK_TEST(test_gain_is_a_straight_line),
	CHECK_TEST(test_no_click_from_frame_to_frame),
	CHECK_TEST(test_gain_clips),
};

CHECK_MAIN(tests)
