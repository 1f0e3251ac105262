/*
 * dtmf_grid.h  What a DTMF receiver must accept and refuse, line by line, and the tones to ask it
 *
 * The figures are those of ITU-T Q.24, ETSI ES 201 235-3 and Bellcore GR-506. A fixed phase hides
 * failures, so each trial is sixteen digits at random phases and places in the frame, each through
 * µ-law and back. Used by test_dtmf.c and by the bench dtmf-grid, which asks spandsp the same.
 */
#ifndef DTMF_GRID_H
#define DTMF_GRID_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include "frame.h"
#include "g711.h"
#include "tone.h"

enum {
	GRID_DIGITS = 16,
	GRID_BEFORE = 8 * BL_FRAME,   /* [samples] before a tone */
	GRID_AFTER = 5 * BL_FRAME,    /* [samples] after it at least */
	GRID_LONGEST = 25 * BL_FRAME, /* [samples] of tone */
	GRID_SAMPLES = GRID_BEFORE + GRID_LONGEST + GRID_AFTER + 2 * BL_FRAME,
};

#define GRID_PI 3.14159265358979323846

static const char grid_keys[] = "123A456B789C*0#D";

struct grid_cell {
	double off;	   /* both tones' frequency, relative */
	double twist_db;   /* high tone against low */
	double level_dbm0; /* of the stronger tone */
	double ms;	   /* of tone; 0: 60 */
	double gap_ms;	   /* in its middle */
	double swell_db;   /* its level rises by so much from its begin to its end */
	double snr_db;	   /* against white noise that lasts all the time; 0: no noise */
};

/* How often a tone must be told. */
enum grid_want { GRID_ONCE, GRID_NEVER, GRID_TWICE, GRID_OPEN };

struct grid_line {
	const char *name;
	enum grid_want want;
	double percent; /* of the tones at least, that are told as often as they should be */
	struct grid_cell cell;
};

#define GRID_TONE .level_dbm0 = -8.0

static const struct grid_line grid_lines[] = {
	{"exact", GRID_ONCE, 100, {GRID_TONE}},
	{"off_plus_1.5", GRID_ONCE, 100, {GRID_TONE, .off = 0.015}},
	{"off_minus_1.5", GRID_ONCE, 100, {GRID_TONE, .off = -0.015}},
	{"off_plus_2.5", GRID_OPEN, 0, {GRID_TONE, .off = 0.025}},
	{"off_minus_2.5", GRID_OPEN, 0, {GRID_TONE, .off = -0.025}},
	{"off_plus_3.5", GRID_NEVER, 100, {GRID_TONE, .off = 0.035}},
	{"off_minus_3.5", GRID_NEVER, 100, {GRID_TONE, .off = -0.035}},
	{"twist_minus_8_db", GRID_ONCE, 100, {GRID_TONE, .twist_db = -8.0}},
	{"twist_plus_4_db", GRID_ONCE, 100, {GRID_TONE, .twist_db = 4.0}},
	{"level_0_dbm0", GRID_ONCE, 100, {.level_dbm0 = 0.0}},
	{"level_minus_3_dbm0", GRID_ONCE, 100, {.level_dbm0 = -3.0}},
	{"level_minus_25_dbm0", GRID_ONCE, 100, {.level_dbm0 = -25.0}},
	{"level_minus_30_dbm0", GRID_ONCE, 100, {.level_dbm0 = -30.0}},
	{"level_minus_45_dbm0", GRID_NEVER, 100, {.level_dbm0 = -45.0}},
	{"tone_23_ms", GRID_NEVER, 100, {GRID_TONE, .ms = 23.0}},
	{"tone_40_ms", GRID_ONCE, 100, {GRID_TONE, .ms = 40.0}},
	{"tone_500_ms", GRID_ONCE, 100, {GRID_TONE, .ms = 500.0}},
	{"gap_10_ms", GRID_ONCE, 100, {GRID_TONE, .ms = 150.0, .gap_ms = 10.0}},
	/* Q.24 leaves what is between 10 and 40 ms open: we bridge 20 ms, nearer to a drop-out */
	{"gap_20_ms", GRID_ONCE, 100, {GRID_TONE, .ms = 150.0, .gap_ms = 20.0}},
	{"gap_40_ms", GRID_TWICE, 100, {GRID_TONE, .ms = 140.0, .gap_ms = 40.0}},
	{"snr_15_db", GRID_ONCE, 100, {GRID_TONE, .snr_db = 15.0}},
	{"snr_15_db_40_ms", GRID_ONCE, 99, {GRID_TONE, .ms = 40.0, .snr_db = 15.0}},
	{"snr_9_db_minus_10_dbm0", GRID_ONCE, 99, {.level_dbm0 = -10.0, .snr_db = 9.0}},
	{"snr_6_db_minus_10_dbm0", GRID_ONCE, 99, {.level_dbm0 = -10.0, .snr_db = 6.0}},
	{"snr_15_db_off_plus_3.5", GRID_NEVER, 100, {GRID_TONE, .off = 0.035, .snr_db = 15.0}},
	{"snr_15_db_off_minus_3.5", GRID_NEVER, 100, {GRID_TONE, .off = -0.035, .snr_db = 15.0}},
	{"snr_15_db_tone_23_ms", GRID_NEVER, 100, {GRID_TONE, .ms = 23.0, .snr_db = 15.0}},
	{"combined_plus",
	 GRID_ONCE,
	 95,
	 {GRID_TONE, .off = 0.015, .twist_db = -8.0, .ms = 40.0, .snr_db = 24.0}},
	{"combined_minus",
	 GRID_ONCE,
	 95,
	 {GRID_TONE, .off = -0.015, .twist_db = -8.0, .ms = 40.0, .snr_db = 24.0}},
};

enum { GRID_LINES = sizeof(grid_lines) / sizeof(grid_lines[0]) };

/* A random number of its own (xorshift), so that every machine asks the same. */
static inline double grid_uniform(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (double)(*random >> 11) / 9007199254740992.0;
}

/* Box and Muller. */
static inline double grid_gauss(uint64_t *random)
{
	return sqrt(-2.0 * log(grid_uniform(random) + 1e-12)) *
	       cos(2.0 * GRID_PI * grid_uniform(random));
}

static inline void grid_through_g711(int16_t *pcm, size_t count)
{
	uint8_t coded[BL_FRAME];

	for (size_t at = 0; at < count; at += BL_FRAME) {
		bl_g711_encode(BL_PCMU, pcm + at, BL_FRAME, coded);
		bl_g711_decode(BL_PCMU, coded, BL_FRAME, pcm + at);
	}
}

/* Makes GRID_SAMPLES with one tone of one digit; returns the sample at which it begins. */
static inline double grid_make(const struct grid_cell *cell, int key, uint64_t *random,
			       int16_t *out)
{
	static const double low_hz[] = {697, 770, 852, 941}, high_hz[] = {1209, 1336, 1477, 1633};
	double low = bl_tone_peak(cell->level_dbm0 - fmax(0.0, cell->twist_db));
	double high = bl_tone_peak(cell->level_dbm0 + fmin(0.0, cell->twist_db));
	double sigma = sqrt((low * low + high * high) / 2.0) * pow(10.0, -cell->snr_db / 20.0);
	double low_phase = grid_uniform(random) * 2.0 * GRID_PI;
	double high_phase = grid_uniform(random) * 2.0 * GRID_PI;
	double ms = cell->ms > 0.0 ? cell->ms : 60.0;
	double begin = GRID_BEFORE + grid_uniform(random) * BL_FRAME, end = begin + ms * 8.0;
	double gap = (begin + end) / 2.0 - cell->gap_ms * 4.0, gap_end = gap + cell->gap_ms * 8.0;

	for (int n = 0; n < GRID_SAMPLES; n++) {
		double value = cell->snr_db > 0.0 ? grid_gauss(random) * sigma : 0.0;

		if (n >= begin && n < end && !(n >= gap && n < gap_end)) {
			double turn = 2.0 * GRID_PI * n / BL_RATE * (1.0 + cell->off);

			double rise = cell->swell_db * ((n - begin) / (end - begin) - 1.0);

			value += pow(10.0, rise / 20.0) *
				 (low * sin(turn * low_hz[key / 4] + low_phase) +
				  high * sin(turn * high_hz[key % 4] + high_phase));
		}
		out[n] = (int16_t)lrint(fmax(-32768.0, fmin(32767.0, value)));
	}
	grid_through_g711(out, GRID_SAMPLES);
	return begin;
}

/* Was the tone told as often as it should be? */
static inline bool grid_as_wanted(enum grid_want want, int right, int wrong)
{
	switch (want) {
	case GRID_ONCE:
		return right == 1 && !wrong;
	case GRID_TWICE:
		return right == 2 && !wrong;
	case GRID_NEVER:
	case GRID_OPEN:
		break;
	}
	return !right && !wrong;
}

#endif
