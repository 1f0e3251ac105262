/*
 * test_answertone.c  CED, ANSam, each with reversals and without, through µ-law
 *
 * As ITU-T T.30 §4.1.1 (2,100 Hz ± 15 Hz), V.25 (reversals each 450 ms ± 25 ms) and V.8 (15 Hz,
 * depth 20 %) describe them.
 */
#include <math.h>
#include <stdlib.h>
#include "answertone.h"
#include "check.h"
#include "frame.h"
#include "g711.h"

enum { LONG = 8000 * 4 };

#define PI 3.14159265358979323846

struct cell {
	double off_hz, level_dbm0, snr_db; /* snr_db 0: no noise */
	double reversal_ms, depth;	   /* 0: none */
	int ms;				   /* 0: 3,000 */
};

static double uniform(void)
{
	return 2.0 * rand() / RAND_MAX - 1.0;
}

/* The kind that was told, 0: none, -1: more than one. */
static int hears(struct cell cell, int *at_ms)
{
	struct bl_answertone tone;
	double peak = 32768.0 * pow(10.0, (cell.level_dbm0 - 3.14) / 20.0);
	double noise = cell.snr_db > 0.0 ? peak * sqrt(1.5) * pow(10.0, -cell.snr_db / 20.0) : 0.0;
	double phase = uniform() * PI;
	int begin = 800 + rand() % 400, length = (cell.ms ? cell.ms : 3000) * 8, told = 0;

	bl_answertone_init(&tone);
	for (int at = 0; at < LONG; at += BL_FRAME) {
		int16_t frame[BL_FRAME];
		uint8_t coded[BL_FRAME];
		int kind;

		for (int i = 0; i < BL_FRAME; i++) {
			int n = at + i - begin;
			double turns =
				cell.reversal_ms > 0.0 ? floor(n / 8.0 / cell.reversal_ms) : 0.0;
			double value = sin(2.0 * PI * (2100.0 + cell.off_hz) * n / 8000.0 + phase +
					   PI * turns) *
				       (1.0 + cell.depth * sin(2.0 * PI * 15.0 * n / 8000.0));

			value = n >= 0 && n < length ? peak * value : 0.0;
			frame[i] = (int16_t)lrint(
				fmax(-32768, fmin(32767, value + noise * uniform())));
		}
		bl_g711_encode(BL_PCMU, frame, BL_FRAME, coded);
		bl_g711_decode(BL_PCMU, coded, BL_FRAME, frame);
		kind = (int)bl_answertone_frame(&tone, frame);
		if (kind) {
			told = told ? -1 : kind;
			*at_ms = (at + BL_FRAME - begin) / 8;
		}
	}
	return told;
}

/* Twelve times each, as phase and alignment fall. */
static void told(int kind, int least_ms, int most_ms, struct cell cell)
{
	for (int i = 0; i < 12; i++) {
		int at_ms = 0;

		CHECK_EQUAL(kind, hears(cell, &at_ms));
		if (kind)
			CHECK_WITHIN(least_ms, most_ms, at_ms);
	}
}

static void all_kinds(struct cell cell)
{
	cell.reversal_ms = cell.depth = 0.0;
	told(BL_ANSWERTONE_CED, 690, 730, cell);
	cell.depth = 0.2;
	told(BL_ANSWERTONE_ANSAM, 690, 730, cell);
	cell.reversal_ms = 450;
	told(BL_ANSWERTONE_ANSAM_REVERSED, 890, 940, cell);
	cell.depth = 0.0;
	told(BL_ANSWERTONE_REVERSED, 890, 940, cell);
}

static void test_kinds(void)
{
	all_kinds((struct cell){.level_dbm0 = -13});
}

static void test_tolerances(void)
{
	all_kinds((struct cell){.level_dbm0 = -13, .off_hz = 15});
	all_kinds((struct cell){.level_dbm0 = -13, .off_hz = -15});
	all_kinds((struct cell){.level_dbm0 = 0});
	all_kinds((struct cell){.level_dbm0 = -38});
	all_kinds((struct cell){.level_dbm0 = -20, .snr_db = 15});
	told(BL_ANSWERTONE_REVERSED, 840, 890,
	     (struct cell){.level_dbm0 = -13, .reversal_ms = 428});
	told(BL_ANSWERTONE_REVERSED, 940, 990,
	     (struct cell){.level_dbm0 = -13, .reversal_ms = 472});
}

static void test_refuses(void)
{
	told(0, 0, 0, (struct cell){.level_dbm0 = -13, .off_hz = 45});
	told(0, 0, 0, (struct cell){.level_dbm0 = -13, .off_hz = -45});
	told(0, 0, 0, (struct cell){.level_dbm0 = -13, .off_hz = -450}); /* 1,650 Hz */
	told(0, 0, 0, (struct cell){.level_dbm0 = -50});
	told(0, 0, 0, (struct cell){.level_dbm0 = -13, .ms = 500});
	told(0, 0, 0, (struct cell){.level_dbm0 = -13, .reversal_ms = 200}); /* no such tone */
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_kinds),
		CHECK_TEST(test_tolerances),
		CHECK_TEST(test_refuses),
	};

	return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
