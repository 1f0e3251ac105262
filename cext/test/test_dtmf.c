/* test_dtmf.c  The digit detector: the grid on each path, when and where, and what is no digit */
#include <glob.h>
#include <stdlib.h>
#include "../bench/sound.h"
#include "check.h"
#include "dtmf.h"
#include "dtmf_bank.h"
#include "dtmf_grid.h"

enum {
	LANES = BL_DTMF_LANES,
	TRIALS = 25,
	FEW_TRIALS = 3,
	ALL_LANES = (1 << LANES) - 1,
};

/* What a block told of each lane. */
struct told {
	char digits[LANES][8];
	int count[LANES];
	double began[LANES]; /* [samples], of the last digit */
	double at[LANES];    /* [samples], when it was told */
};

static void best_path(void)
{
	for (int path = 0; path < BL_DTMF_PATHS; path++)
		bl_dtmf_bank_force((enum bl_dtmf_path)path);
}

/* Lets sixteen lanes hear GRID_SAMPLES. */
static void hear(struct bl_dtmf_block *block, int16_t pcm[LANES][GRID_SAMPLES], struct told *told)
{
	memset(told, 0, sizeof(*told));
	for (int at = 0; at < GRID_SAMPLES; at += BL_FRAME) {
		const int16_t *frames[LANES];
		struct bl_dtmf_hit hits[LANES];
		size_t count;

		for (int lane = 0; lane < LANES; lane++)
			frames[lane] = pcm[lane] + at;
		count = bl_dtmf_block_frame(block, frames, hits);
		for (size_t i = 0; i < count; i++) {
			int lane = hits[i].lane;

			told->at[lane] = at + BL_FRAME;
			told->began[lane] = at + BL_FRAME - hits[i].began;
			CHECK_WITHIN(30, 60, hits[i].ms);
			if (told->count[lane] < (int)sizeof(told->digits[0]))
				told->digits[lane][told->count[lane]++] = hits[i].digit;
		}
	}
}

/* Percent of a line's tones that were told as often as they should be. */
static double ask(const struct grid_line *line, int trials)
{
	static int16_t pcm[LANES][GRID_SAMPLES];
	struct bl_dtmf_block block;
	uint64_t random = 88172645463325252u;
	int good = 0;

	for (int trial = 0; trial < trials; trial++) {
		struct told told;

		bl_dtmf_block_init(&block);
		for (int lane = 0; lane < LANES; lane++)
			grid_make(&line->cell, lane, &random, pcm[lane]);
		hear(&block, pcm, &told);
		for (int lane = 0; lane < LANES; lane++) {
			int right = 0;

			for (int i = 0; i < told.count[lane]; i++)
				right += told.digits[lane][i] == grid_keys[lane];
			good += grid_as_wanted(line->want, right, told.count[lane] - right);
		}
	}
	return 100.0 * good / (trials * LANES);
}

static void check_grid(int trials, double mercy)
{
	for (int i = 0; i < GRID_LINES; i++) {
		double percent = ask(&grid_lines[i], trials);

		printf("     %-28s %6.2f %%\n", grid_lines[i].name, percent);
		CHECK_WITHIN(grid_lines[i].percent - mercy, 100.0, percent);
		if (percent < grid_lines[i].percent - mercy)
			printf("     ^ that was %s\n", grid_lines[i].name);
	}
}

static void test_grid(void)
{
	best_path();
	check_grid(TRIALS, 0.0);
}

static void test_grid_on_each_path(void)
{
	for (int path = 0; path < BL_DTMF_PATHS; path++) {
		if (!bl_dtmf_bank_force((enum bl_dtmf_path)path))
			continue;
		printf("     -- %s\n", bl_dtmf_bank_name((enum bl_dtmf_path)path));
		check_grid(FEW_TRIALS, 0.0);
	}
	best_path();
}

/* Noise, then a tone in it, weak or off by more from lane to lane: many near misses. */
static void make_doubtful(int16_t pcm[LANES][GRID_SAMPLES], uint64_t *random)
{
	for (int lane = 0; lane < LANES; lane++) {
		struct grid_cell cell = {
			.level_dbm0 = -40.0 * grid_uniform(random),
			.off = 0.05 * (grid_uniform(random) - 0.5),
			.twist_db = 24.0 * (grid_uniform(random) - 0.5),
			.ms = 20.0 + 40.0 * grid_uniform(random),
			.snr_db = 1.0 + 20.0 * grid_uniform(random),
		};

		grid_make(&cell, lane, random, pcm[lane]);
	}
}

static void test_paths_agree(void)
{
	static int16_t pcm[LANES][GRID_SAMPLES];
	uint64_t random = 1;
	int digits = 0;

	for (int trial = 0; trial < 20; trial++) {
		struct told first = {0}, told = {0};
		struct bl_dtmf_block block;

		make_doubtful(pcm, &random);
		for (int path = 0; path < BL_DTMF_PATHS; path++) {
			if (!bl_dtmf_bank_force((enum bl_dtmf_path)path))
				continue;
			bl_dtmf_block_init(&block);
			hear(&block, pcm, path == BL_DTMF_PORTABLE ? &first : &told);
			if (path == BL_DTMF_PORTABLE)
				continue;
			CHECK(memcmp(first.digits, told.digits, sizeof(told.digits)) == 0);
			for (int lane = 0; lane < LANES; lane++)
				CHECK(first.at[lane] == told.at[lane]);
		}
		for (int lane = 0; lane < LANES; lane++)
			digits += first.count[lane];
	}
	CHECK_WITHIN(30, 290, digits); /* some, not all */
	best_path();
}

static void test_tells_where_it_began(void)
{
	static int16_t pcm[LANES][GRID_SAMPLES];
	struct grid_cell cell = {GRID_TONE, .ms = 80.0};
	struct bl_dtmf_block block;
	uint64_t random = 7;
	double earliest = 0.0, latest = 0.0;

	for (int trial = 0; trial < 10; trial++) {
		double begin[LANES];
		struct told told;

		bl_dtmf_block_init(&block);
		for (int lane = 0; lane < LANES; lane++)
			begin[lane] = grid_make(&cell, lane, &random, pcm[lane]);
		hear(&block, pcm, &told);
		for (int lane = 0; lane < LANES; lane++) {
			double error = told.began[lane] - begin[lane];

			CHECK_EQUAL(1, told.count[lane]);
			CHECK_WITHIN(0, 60 * BL_SAMPLES_PER_MS, told.at[lane] - begin[lane]);
			earliest = fmin(earliest, error);
			latest = fmax(latest, error);
		}
	}
	printf("     began %.1f to %+.1f samples from the truth\n", earliest, latest);
	CHECK_WITHIN(-16, 0, earliest);
	CHECK_WITHIN(0, 8, latest);
}

static void test_lanes_are_apart(void)
{
	static int16_t pcm[LANES][GRID_SAMPLES];
	struct grid_cell cell = {GRID_TONE};
	uint64_t random = 3;

	for (int alone = 0; alone < LANES; alone++) {
		struct bl_dtmf_block block;
		struct told told;

		memset(pcm, 0, sizeof(pcm));
		grid_make(&cell, 15 - alone, &random, pcm[alone]);
		bl_dtmf_block_init(&block);
		hear(&block, pcm, &told);
		for (int lane = 0; lane < LANES; lane++)
			CHECK_EQUAL(lane == alone, told.count[lane]);
		CHECK_EQUAL(grid_keys[15 - alone], told.digits[alone][0]);
	}
}

/* A lane that is not heard any more ends its digit; one that is reset knows nothing of it. */
static void test_silent_and_reset_lanes(void)
{
	static int16_t pcm[LANES][GRID_SAMPLES];
	const int16_t *nothing[LANES] = {NULL}, *again[LANES] = {NULL};
	struct grid_cell cell = {GRID_TONE, .ms = 500.0};
	struct bl_dtmf_block block;
	struct bl_dtmf_hit hits[LANES];
	uint64_t random = 5;

	bl_dtmf_block_init(&block);
	for (int lane = 0; lane < LANES; lane++)
		grid_make(&cell, lane, &random, pcm[lane]);
	for (int turn = 0; turn < 3; turn++) {
		size_t count = 0;

		for (int at = GRID_BEFORE + BL_FRAME; at < GRID_BEFORE + 4 * BL_FRAME;
		     at += BL_FRAME) {
			for (int lane = 0; lane < LANES; lane++)
				again[lane] = pcm[lane] + at;
			count += bl_dtmf_block_frame(&block, again, hits);
		}
		/* the reset lane's digit is a new one, the others' goes on */
		CHECK_EQUAL(turn == 1 ? 1 : LANES, count);
		CHECK_EQUAL(ALL_LANES, block.sounding);
		if (turn == 0)
			bl_dtmf_lane_reset(&block, 3);
		for (int i = 0; turn == 1 && i < 3; i++)
			CHECK_EQUAL(0, bl_dtmf_block_frame(&block, nothing, hits));
		CHECK_EQUAL(turn == 1, block.idle);
	}
}

/* The loudest squares and steps there are: no digit but in tune, and no undefined arithmetic. */
static void test_extremes(void)
{
	static int16_t pcm[LANES][GRID_SAMPLES];

	for (int path = 0; path < BL_DTMF_PATHS; path++) {
		struct bl_dtmf_block block;
		struct told told;

		if (!bl_dtmf_bank_force((enum bl_dtmf_path)path))
			continue;
		for (int lane = 0; lane < LANES; lane++) {
			for (int n = 0; n < GRID_SAMPLES; n++)
				pcm[lane][n] = n / (lane + 1) % 2 ? INT16_MIN : INT16_MAX;
		}
		bl_dtmf_block_init(&block);
		hear(&block, pcm, &told);
		for (int lane = 0; lane < LANES; lane++)
			CHECK_EQUAL(0, told.count[lane]);
	}
	best_path();
}

/* A vowel's harmonics can be in tune, but they swell and fade: 0.3 dB a ms is no key's tone. */
static void test_swelling_tone_is_no_digit(void)
{
	static const struct grid_line swelling = {
		.want = GRID_NEVER,
		.cell = {GRID_TONE, .ms = 150.0, .swell_db = 45.0},
	};
	static const struct grid_line rising_a_bit = {
		.want = GRID_ONCE,
		.cell = {GRID_TONE, .ms = 150.0, .swell_db = 10.0},
	};

	CHECK_WITHIN(100, 100, ask(&swelling, TRIALS));
	CHECK_WITHIN(100, 100, ask(&rising_a_bit, TRIALS));
}

/* A voice's pitch of 238.4 Hz has its fourth and fifth harmonic at * within 1.5 %; and others. */
static void test_harmonics_are_no_digit(void)
{
	static const double third[] = {0.0, 300.0, 1600.0}; /* peak of the third harmonic */
	static int16_t pcm[LANES][GRID_SAMPLES];

	for (int i = 0; i < 3; i++) {
		struct bl_dtmf_block block;
		struct told told;

		for (int n = 0; n < GRID_SAMPLES; n++) {
			double turn = 2.0 * GRID_PI * 238.4 * n / BL_RATE;
			double value = 3000.0 * sin(turn * 4) + 2400.0 * sin(turn * 5) +
				       third[i] * sin(turn * 3);

			for (int lane = 0; lane < LANES; lane++)
				pcm[lane][n] = (int16_t)lrint(value);
		}
		bl_dtmf_block_init(&block);
		hear(&block, pcm, &told);
		for (int lane = 0; lane < LANES; lane++)
			CHECK_EQUAL(i < 2, told.count[lane]);
	}
}

/* Four minutes of a voice: none of them sends digits. */
static void hear_voice(const char *directory)
{
	enum { MOST = 240 * BL_RATE, TO_READ = MOST / LANES / BL_FRAME * BL_FRAME };
	static int16_t pcm[MOST];
	static struct bl_dtmf_block block;
	struct bl_dtmf_hit hits[LANES];
	size_t have = 0, told = 0;
	glob_t found = {0};
	char pattern[512];

	snprintf(pattern, sizeof(pattern), "%s/*.wav", directory);
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && have < MOST; i++)
		have += sound_read(found.gl_pathv[i], pcm + have, MOST - have);
	globfree(&found);
	bl_dtmf_block_init(&block);
	for (int at = 0; at < TO_READ; at += BL_FRAME) {
		const int16_t *frames[LANES];

		for (int lane = 0; lane < LANES; lane++)
			frames[lane] = pcm + lane * TO_READ + at;
		told += bl_dtmf_block_frame(&block, frames, hits);
	}
	printf("     %s: %zu s\n", directory, have / BL_RATE);
	CHECK_EQUAL(0, told);
}

/* Prompts that are read in a studio, in the languages that are installed. */
static void test_talk_off(void)
{
	glob_t voices = {0};

	glob("/usr/share/asterisk/sounds/*", GLOB_ONLYDIR, NULL, &voices);
	for (size_t i = 0; i < voices.gl_pathc; i++)
		hear_voice(voices.gl_pathv[i]);
	globfree(&voices);
}

static void test_blocks_are_aligned(void)
{
	struct bl_dtmf_block *blocks = bl_dtmf_blocks_new(3);

	CHECK(blocks && (uintptr_t)blocks % 64 == 0 && blocks[2].idle);
	CHECK(!bl_dtmf_blocks_new(SIZE_MAX / 2));
	bl_dtmf_blocks_free(blocks);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_grid),
	CHECK_TEST(test_grid_on_each_path),
	CHECK_TEST(test_paths_agree),
	CHECK_TEST(test_tells_where_it_began),
	CHECK_TEST(test_lanes_are_apart),
	CHECK_TEST(test_silent_and_reset_lanes),
	CHECK_TEST(test_extremes),
	CHECK_TEST(test_swelling_tone_is_no_digit),
	CHECK_TEST(test_harmonics_are_no_digit),
	CHECK_TEST(test_talk_off),
	CHECK_TEST(test_blocks_are_aligned),
};

CHECK_MAIN(tests)
