/* test_pace.c  How much a device is given, and the resampler that gives it */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "kit.h"
#include "pace.h"
#include "skew.h"

enum { SECONDS = 4 };

/* What no sine of that pitch explains, against the whole [dB]: by least squares, because no whole
 * number of periods fits. */
static double rest_db_of(const int16_t *pcm, size_t count, double hz)
{
	double ss = 0, sc = 0, cc = 0, ys = 0, yc = 0, yy = 0;

	for (size_t i = 0; i < count; i++) {
		double phase = 2 * M_PI * hz / BL_RATE * (double)i, s = sin(phase), c = cos(phase);

		ss += s * s;
		sc += s * c;
		cc += c * c;
		ys += pcm[i] * s;
		yc += pcm[i] * c;
		yy += (double)pcm[i] * pcm[i];
	}
	ys = (cc * ys * ys - 2 * sc * ys * yc + ss * yc * yc) / (ss * cc - sc * sc);
	return 10.0 * log10(fmax(yy - ys, 1e-9) / yy);
}

/* A tone at a ratio: its pitch moves by it, its level stays, nothing else comes of it. */
static void check_skew(double ratio, double hz, double rest_db)
{
	static int16_t said[SECONDS * BL_RATE], heard[SECONDS * BL_RATE + 1000];
	struct bl_skew skew;
	size_t count = 0;

	bl_skew_init(&skew);
	kit_tone(hz, -6, 0, said, SECONDS * BL_RATE);
	for (size_t at = 0; at < SECONDS * BL_RATE; at += BL_FRAME) {
		size_t made = bl_skew(&skew, ratio, said + at, BL_FRAME, heard + count);

		CHECK_WITHIN(BL_FRAME - 1, BL_FRAME + 1, made);
		count += made;
	}
	CHECK_WITHIN(SECONDS * BL_RATE * ratio - 2, SECONDS * BL_RATE * ratio + 2, count);
	CHECK_WITHIN(-6.1, -5.9, kit_level_dbm0(heard + 800, 16000, hz / ratio));
	CHECK_WITHIN(-200, rest_db, rest_db_of(heard + 800, 16000, hz / ratio));
}

static void test_skew(void)
{
	static const double ratios[] = {1.0002, 0.9998, 1.003, 0.997};

	check_skew(1.0, 1000, -80);
	for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
		check_skew(ratios[i], 300, -65);
		check_skew(ratios[i], 1000, -65);
		check_skew(ratios[i], 3300, -55);
	}
}

static void test_nothing_but_full_scale(void)
{
	int16_t said[BL_FRAME], heard[BL_SKEW_OUT];
	struct bl_skew skew;

	bl_skew_init(&skew);
	for (int tick = 0; tick < 200; tick++) {
		for (int i = 0; i < BL_FRAME; i++)
			said[i] = rand() % 2 ? INT16_MAX : INT16_MIN;
		CHECK_WITHIN(
			BL_FRAME - 1, BL_FRAME + 1,
			bl_skew(&skew, 1.0 + (rand() % 100 - 50) / 5e3, said, BL_FRAME, heard));
	}
}

/* So many samples are read each tick; what is written follows the ratio. Returns the buffer. */
static int64_t run(struct bl_pace *pace, double read, int ticks)
{
	double wrote = 0, got = 0;

	for (int tick = 0; tick < ticks; tick++) {
		struct bl_pace_step step;
		int32_t now = (int32_t)got;

		bl_pace_read(pace, (int32_t)(got + read) - now);
		got += read;
		step = bl_pace_tick(pace);
		bl_pace_wrote(pace, step.silence);
		if (step.full)
			continue;
		now = (int32_t)wrote;
		wrote += BL_FRAME * pace->ratio;
		bl_pace_wrote(pace, (int32_t)wrote - now - step.skip);
	}
	return pace->wrote - pace->played;
}

static void test_pace_finds_the_ratio(void)
{
	static const double ppm[] = {0, 200, -200, 1000, -1000};

	for (size_t i = 0; i < sizeof(ppm) / sizeof(ppm[0]); i++) {
		struct bl_pace pace;
		int64_t buffer;

		bl_pace_init(&pace, BL_RATE, 0);
		buffer = run(&pace, BL_FRAME * (1 + ppm[i] / 1e6), 200 * BL_TICKS_PER_S);
		CHECK_WITHIN(ppm[i] - 10, ppm[i] + 10, (pace.ratio - 1) * 1e6);
		/* 20 s of the error are left over */
		CHECK_WITHIN(pace.lead + BL_FRAME - 0.16 * ppm[i] - 10,
			     pace.lead + BL_FRAME - 0.16 * ppm[i] + 10, buffer);
	}
}

static void test_pace_after_a_stall(void)
{
	struct bl_pace pace;

	bl_pace_init(&pace, BL_RATE, 0);
	run(&pace, BL_FRAME, 100);
	/* it stands still: no more than 200 ms and a frame are given */
	CHECK_WITHIN(1600, 2000 + BL_FRAME, run(&pace, 0, 100));
	run(&pace, BL_FRAME, 3 * BL_TICKS_PER_S);
	CHECK_WITHIN(pace.lead + BL_FRAME - 10, pace.lead + BL_FRAME + 330,
		     run(&pace, BL_FRAME, 1));
	/* it played all it had: the lead is put back */
	bl_pace_read(&pace, 4000);
	CHECK(pace.dry);
	CHECK_EQUAL(pace.lead + BL_FRAME, run(&pace, 0, 1));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_skew),
	CHECK_TEST(test_nothing_but_full_scale),
	CHECK_TEST(test_pace_finds_the_ratio),
	CHECK_TEST(test_pace_after_a_stall),
};

CHECK_MAIN(tests)
