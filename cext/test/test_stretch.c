/* test_stretch.c  Speech made shorter and longer: by whole periods, without a click */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "stretch.h"

enum { PAST = 400, COUNT = 160, ROOM = PAST + 960 + 720 };

static const double PI = 3.14159265358979323846;
static int16_t sound[ROOM];

static void tone(double hz, double peak, int32_t rate)
{
	for (int i = 0; i < ROOM; i++)
		sound[i] = (int16_t)lrint(peak * sin(2 * PI * hz * i / rate));
}

static void noise(int peak)
{
	for (int i = 0; i < ROOM; i++)
		sound[i] = (int16_t)(rand() % (2 * peak + 1) - peak);
}

/* The greatest departure from a lone tone, against its peak: 0 is a tone without any jump. */
static double jump(double hz, double peak, int32_t rate, size_t count)
{
	double turn = 2 * cos(2 * PI * hz / rate), most = 0.0;

	for (size_t i = 2; i < PAST + count; i++)
		most = fmax(most, fabs(sound[i] - turn * sound[i - 1] + sound[i - 2]) / peak);
	return most;
}

static void test_cut_tone(void)
{
	static const double hz[] = {100, 180, 233, 397, 1000};

	for (size_t i = 0; i < sizeof(hz) / sizeof(*hz); i++) {
		size_t cut;

		tone(hz[i], 8000, 8000);
		cut = bl_stretch_cut(sound + PAST, COUNT, 160, 8000, BL_STRETCH_WELL);
		CHECK_WITHIN(20, 120, cut);
		CHECK_WITHIN(0, 0.05, jump(hz[i], 8000, 8000, COUNT - cut));
	}
}

static void test_cut_no_more_than_asked(void)
{
	tone(400, 8000, 8000);
	CHECK_EQUAL(0, bl_stretch_cut(sound + PAST, COUNT, 19, 8000, BL_STRETCH_WELL));
	CHECK_WITHIN(20, 25, bl_stretch_cut(sound + PAST, COUNT, 25, 8000, BL_STRETCH_WELL));
	memset(sound, 0, sizeof(sound));
	CHECK_EQUAL(7, bl_stretch_cut(sound + PAST, COUNT, 7, 8000, BL_STRETCH_WELL));
	CHECK_EQUAL(120, bl_stretch_cut(sound + PAST, COUNT, 1000, 8000, BL_STRETCH_WELL));
}

static void test_insert_tone(void)
{
	static const double hz[] = {100, 180, 233, 397, 1000};

	for (size_t i = 0; i < sizeof(hz) / sizeof(*hz); i++) {
		size_t more;

		tone(hz[i], 8000, 8000);
		more = bl_stretch_insert(sound + PAST, COUNT, PAST, 1, 8000, BL_STRETCH_WELL);
		CHECK_WITHIN(20, 120, more);
		CHECK_WITHIN(0, 0.05, jump(hz[i], 8000, 8000, COUNT + more));
	}
}

/* Periods that are not alike: without blending there would be a step. */
static void rising_tone(void)
{
	tone(200, 2000, 8000);
	for (int i = PAST; i < PAST + COUNT; i++)
		sound[i] = (int16_t)(sound[i] * (1.0 + (i - PAST) / 40.0));
}

static void test_rising_tone_is_blended(void)
{
	size_t changed;

	rising_tone();
	changed = bl_stretch_cut(sound + PAST, COUNT, 60, 8000, BL_STRETCH_ANYHOW);
	CHECK_WITHIN(20, 120, changed);
	CHECK_WITHIN(0, 0.12, jump(200, 2000, 8000, COUNT - changed));
	rising_tone();
	changed = bl_stretch_insert(sound + PAST, COUNT, PAST, 1, 8000, BL_STRETCH_ANYHOW);
	CHECK_WITHIN(20, 120, changed);
	CHECK_WITHIN(0, 0.12, jump(200, 2000, 8000, COUNT + changed));
}

static void test_other_rates(void)
{
	size_t cut;

	tone(150, 8000, 16000);
	cut = bl_stretch_cut(sound + PAST, 320, 320, 16000, BL_STRETCH_WELL);
	CHECK_WITHIN(100, 240, cut);
	CHECK_WITHIN(0, 0.05, jump(150, 8000, 16000, 320 - cut));
	tone(150, 8000, 48000);
	cut = bl_stretch_cut(sound + PAST, 960, 960, 48000, BL_STRETCH_WELL);
	CHECK_WITHIN(300, 720, cut);
	CHECK_WITHIN(0, 0.05, jump(150, 8000, 48000, 960 - cut));
}

static void test_noise_is_left_alone_unless_it_must(void)
{
	noise(8000);
	CHECK_EQUAL(0, bl_stretch_cut(sound + PAST, COUNT, 160, 8000, BL_STRETCH_WELL));
	CHECK_EQUAL(0, bl_stretch_insert(sound + PAST, COUNT, PAST, 20, 8000, BL_STRETCH_WELL));
	CHECK_WITHIN(20, 120,
		     bl_stretch_insert(sound + PAST, COUNT, PAST, 20, 8000, BL_STRETCH_ANYHOW));
	noise(100); /* so faint that it may always */
	CHECK_WITHIN(20, 40,
		     bl_stretch_insert(sound + PAST, COUNT, PAST, 20, 8000, BL_STRETCH_WELL));
}

static void test_too_short_is_left_alone(void)
{
	memset(sound, 0, sizeof(sound));
	for (size_t count = 0; count < 80; count++)
		CHECK_EQUAL(0, bl_stretch_cut(sound + PAST, count, 160, 8000, BL_STRETCH_WELL));
	for (size_t count = 0; count < 40; count++)
		CHECK_EQUAL(0, bl_stretch_insert(sound + PAST, count, PAST, 20, 8000,
						 BL_STRETCH_WELL));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_cut_tone),
	CHECK_TEST(test_cut_no_more_than_asked),
	CHECK_TEST(test_insert_tone),
	CHECK_TEST(test_rising_tone_is_blended),
	CHECK_TEST(test_other_rates),
	CHECK_TEST(test_noise_is_left_alone_unless_it_must),
	CHECK_TEST(test_too_short_is_left_alone),
};

CHECK_MAIN(tests)
