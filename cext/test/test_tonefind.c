/*
 * test_tonefind.c  Call-progress tones named by frequency and cadence, through µ-law
 *
 * Tolerances are those of ITU-T Q.35 and E.180: frequencies ±1 %, times ±10 %.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "check.h"
#include "frame.h"
#include "g711.h"
#include "tonefind.h"

enum { DIAL = 1, RINGBACK, BUSY, CONGESTION, SIT, CNG };

#define ONE(hertz, on, off)                                                                       \
	{                                                                                         \
		.hz = {hertz}, .level_dbm0 = {-10}, .on_ms = (on), .off_ms = (off)                \
	}
#define TWO(one, two, on, off)                                                                    \
	{                                                                                         \
		.hz = {one, two}, .level_dbm0 = {-13, -13}, .on_ms = (on), .off_ms = (off)        \
	}
#define SIT_TONE                                                                                  \
	{                                                                                         \
		.id = SIT, .off_hz = 50, .off_percent = 20, .signal = {                           \
			3,                                                                        \
			0,                                                                        \
			1,                                                                        \
			{ONE(950, 330, 0), ONE(1400, 330, 0), ONE(1800, 330, 1000)}               \
		}                                                                                 \
	}
#define CNG_TONE                                                                                  \
	{                                                                                         \
		.id = CNG, .off_hz = 38, .off_percent = 15, .signal = {                           \
			1,                                                                        \
			0,                                                                        \
			-1,                                                                       \
			{ONE(1100, 500, 3000)}                                                    \
		}                                                                                 \
	}

static const struct bl_tonefind_tone us[] = {
	{.id = DIAL, .signal = {1, 0, -1, {TWO(350, 440, 1000, 0)}}},
	{.id = RINGBACK, .signal = {1, 0, -1, {TWO(440, 480, 2000, 4000)}}},
	{.id = BUSY, .signal = {1, 0, -1, {TWO(480, 620, 500, 500)}}},
	{.id = CONGESTION, .signal = {1, 0, -1, {TWO(480, 620, 250, 250)}}},
	SIT_TONE,
	CNG_TONE,
};
static const struct bl_tonefind_tone uk[] = {
	{.id = DIAL, .signal = {1, 0, -1, {TWO(350, 440, 1000, 0)}}},
	{.id = RINGBACK,
	 .signal = {2, 0, -1, {TWO(400, 450, 400, 200), TWO(400, 450, 400, 2000)}}},
	{.id = BUSY, .signal = {1, 0, -1, {ONE(400, 375, 375)}}},
	{.id = CONGESTION, .signal = {2, 0, -1, {ONE(400, 400, 350), ONE(400, 225, 525)}}},
	SIT_TONE,
	CNG_TONE,
};
static const struct bl_tonefind_tone es[] = {
	{.id = DIAL, .signal = {1, 0, -1, {ONE(425, 1000, 0)}}},
	{.id = RINGBACK, .signal = {1, 0, -1, {ONE(425, 1500, 3000)}}},
	{.id = BUSY, .signal = {1, 0, -1, {ONE(425, 200, 200)}}},
	{.id = CONGESTION,
	 .signal = {3, 0, -1, {ONE(425, 200, 200), ONE(425, 200, 200), ONE(425, 200, 600)}}},
	SIT_TONE,
	CNG_TONE,
};
static const struct bl_tonefind_tone za[] = {
	{.id = DIAL,
	 .signal = {1,
		    0,
		    -1,
		    {{.hz = {400}, .level_dbm0 = {-10}, .modulate_hz = 33, .on_ms = 1000}}}},
	{.id = RINGBACK,
	 .signal = {2,
		    0,
		    -1,
		    {{.hz = {400},
		      .level_dbm0 = {-10},
		      .modulate_hz = 33,
		      .on_ms = 400,
		      .off_ms = 200},
		     {.hz = {400},
		      .level_dbm0 = {-10},
		      .modulate_hz = 33,
		      .on_ms = 400,
		      .off_ms = 2000}}}},
	{.id = BUSY, .signal = {1, 0, -1, {ONE(400, 500, 500)}}},
	{.id = CONGESTION, .signal = {1, 0, -1, {ONE(400, 250, 250)}}},
	SIT_TONE,
	CNG_TONE,
};

static const struct {
	const char *name;
	const struct bl_tonefind_tone *tones;
} countries[] = {{"us", us}, {"uk", uk}, {"es", es}, {"za", za}};

enum { TONES = 6, COUNTRIES = 4, LONG = 8000 * 10 };

static int16_t sound[LONG];

/* How a tone comes off the line. */
struct line {
	double off, stretch; /* frequencies and times, relative */
	double gain_db;
	double noise_dbm0; /* 0: none */
};

static double uniform(void)
{
	return 2.0 * rand() / RAND_MAX - 1.0;
}

/* Silence of a random length, then the tone for ms; returns the samples before it. */
static int make(const struct bl_tone *tone, struct line line, int ms)
{
	struct bl_tone signal = *tone;
	struct bl_tone_plan plan;
	struct bl_tone_state state = {0};
	int before = 4000 + rand() % 1600;
	double noise = line.noise_dbm0 < 0.0
			       ? 32768.0 * pow(10.0, (line.noise_dbm0 - 6.15) / 20.0) * sqrt(3.0)
			       : 0.0;

	for (int i = 0; i < signal.count; i++) {
		struct bl_tone_part *part = &signal.parts[i];

		for (int k = 0; k < BL_TONE_HZ; k++) {
			part->hz[k] *= 1.0 + line.off;
			part->level_dbm0[k] += line.gain_db;
		}
		part->on_ms = (int)(part->on_ms * (1.0 + line.stretch));
		part->off_ms = (int)(part->off_ms * (1.0 + line.stretch));
	}
	memset(sound, 0, sizeof(sound));
	CHECK_EQUAL(BL_OK, bl_tone_plan(&signal, BL_RATE, &plan));
	bl_tone_fill(&plan, &state, sound + before, (size_t)ms * 8);
	for (int i = 0; noise > 0.0 && i < LONG; i++)
		sound[i] = (int16_t)fmax(-32768, fmin(32767, sound[i] + noise * uniform()));
	return before;
}

/* Runs the sound; the first id told, its time since `before` [ms], and how many were told. */
static int find(const struct bl_tonefind_set *set, int before, int *told, int *at_ms)
{
	struct bl_tonefind finder;
	int first = 0;

	*told = *at_ms = 0;
	bl_tonefind_init(&finder, set);
	for (int at = 0; at + BL_FRAME <= LONG; at += BL_FRAME) {
		uint8_t coded[BL_FRAME];
		int16_t frame[BL_FRAME];
		int id;

		bl_g711_encode(BL_PCMU, sound + at, BL_FRAME, coded);
		bl_g711_decode(BL_PCMU, coded, BL_FRAME, frame);
		id = bl_tonefind_frame(&finder, frame);
		if (!id)
			continue;
		++*told;
		if (!first) {
			first = id;
			*at_ms = (at + BL_FRAME - before) / 8;
		}
	}
	return first;
}

/* Every tone of every country: told, rightly, once. */
static void accepts(const char *name, struct line line)
{
	int right = 0, all = 0;

	for (int c = 0; c < COUNTRIES; c++) {
		struct bl_tonefind_set set;

		CHECK_EQUAL(BL_OK, bl_tonefind_set(countries[c].tones, TONES, &set));
		for (int i = 0; i < TONES; i++, all++) {
			const struct bl_tonefind_tone *tone = &countries[c].tones[i];
			int told, ms, before = make(&tone->signal, line, 9000);
			int id = find(&set, before, &told, &ms);

			right += id == tone->id && told == 1;
			if (id != tone->id || told != 1)
				printf("     %s: %s %d told as %d, %d times\n", name,
				       countries[c].name, tone->id, id, told);
		}
	}
	CHECK_EQUAL(all, right);
}

static void test_exact(void)
{
	accepts("exact", (struct line){0});
}

static void test_tolerances(void)
{
	accepts("+1.5 %", (struct line){.off = 0.015});
	accepts("-1.5 %", (struct line){.off = -0.015});
	accepts("10 % longer", (struct line){.stretch = 0.1});
	accepts("10 % shorter", (struct line){.stretch = -0.1});
	accepts("both", (struct line){.off = -0.01, .stretch = 0.08});
}

static void test_levels_and_noise(void)
{
	accepts("0 dBm0", (struct line){.gain_db = 10});
	accepts("-35 dBm0", (struct line){.gain_db = -22});
	accepts("SNR 15 dB", (struct line){.noise_dbm0 = -25});
	accepts("SNR 15 dB, low, off",
		(struct line){.gain_db = -15, .noise_dbm0 = -40, .off = 0.01, .stretch = 0.05});
}

static void refuses(const char *name, struct line line, int but)
{
	for (int c = 0; c < COUNTRIES; c++) {
		struct bl_tonefind_set set;

		CHECK_EQUAL(BL_OK, bl_tonefind_set(countries[c].tones, TONES, &set));
		for (int i = 0; i < TONES; i++) {
			const struct bl_tonefind_tone *tone = &countries[c].tones[i];
			int told, ms, before = make(&tone->signal, line, 9000);

			if (tone->id == but)
				continue;
			find(&set, before, &told, &ms);
			if (told)
				printf("     %s: %s %d was told\n", name, countries[c].name,
				       tone->id);
			CHECK_EQUAL(0, told);
		}
	}
}

static void test_refuses(void)
{
	refuses("+6 %", (struct line){.off = 0.06}, 0);
	refuses("-6 %", (struct line){.off = -0.06}, 0);
	refuses("40 % longer", (struct line){.stretch = 0.4}, DIAL);
	refuses("-50 dBm0", (struct line){.gain_db = -37}, 0);
}

/* ITU-T T.30 §4.1.2 */
static void test_fax_calling(void)
{
	static const struct line lines[] = {{.off = 38.0 / 1100.0, .stretch = 0.15},
					    {.off = -38.0 / 1100.0, .stretch = -0.15}};
	struct bl_tonefind_tone cng = bl_tonefind_cng(CNG);
	struct bl_tonefind_set set;

	CHECK_EQUAL(BL_OK, bl_tonefind_set(&cng, 1, &set));
	for (int i = 0; i < 2; i++) {
		int told, ms, before = make(&cng.signal, lines[i], 9000);

		CHECK_EQUAL(CNG, find(&set, before, &told, &ms));
		CHECK_EQUAL(1, told);
		CHECK_WITHIN(3000, 4300, ms);
	}
}

/* Busy tone with a third frequency in it, or hardly its second, is none. */
static void test_impure(void)
{
	struct bl_tone impure = us[2].signal;
	struct bl_tonefind_set set;
	int told, ms;

	CHECK_EQUAL(BL_OK, bl_tonefind_set(us, TONES, &set));
	impure.parts[0].hz[2] = 1000;
	impure.parts[0].level_dbm0[2] = impure.parts[0].level_dbm0[0];
	find(&set, make(&impure, (struct line){0}, 9000), &told, &ms);
	CHECK_EQUAL(0, told);
	impure = us[2].signal;
	impure.parts[0].level_dbm0[1] -= 15.0; /* hardly a second one */
	find(&set, make(&impure, (struct line){0}, 9000), &told, &ms);
	CHECK_EQUAL(0, told);
}

/* After how long each is told. */
static void test_time_to_tell(void)
{
	static const struct {
		int tone, most_ms; /* of the US set */
	} times[] = {{0, 1700}, {1, 6300}, {2, 2300}, {3, 1300}, {4, 1100}, {5, 3700}};
	struct bl_tonefind_set set;

	CHECK_EQUAL(BL_OK, bl_tonefind_set(us, TONES, &set));
	for (int i = 0; i < TONES; i++) {
		int told, ms, before = make(&us[times[i].tone].signal, (struct line){0}, 9000);

		CHECK_EQUAL(us[times[i].tone].id, find(&set, before, &told, &ms));
		CHECK_WITHIN(500, times[i].most_ms, ms);
		printf("     us %d told after %d ms\n", us[times[i].tone].id, ms);
	}
}

/* One tone after the other, as a call goes: ring-back, then busy, then dial tone. */
static void test_one_after_the_other(void)
{
	static int16_t first[LONG];
	struct bl_tonefind_set set;
	struct bl_tonefind finder;
	int ids[8] = {0}, count = 0;

	CHECK_EQUAL(BL_OK, bl_tonefind_set(us, TONES, &set));
	bl_tonefind_init(&finder, &set);
	for (int i = 1; i < 4; i++) {
		make(&us[i % 3].signal, (struct line){0}, 9000);
		memcpy(first, sound, sizeof(first));
		for (int at = 0; at < LONG; at += BL_FRAME) {
			int id = bl_tonefind_frame(&finder, first + at);

			if (id && count < 8)
				ids[count++] = id;
		}
	}
	CHECK_EQUAL(3, count);
	CHECK_EQUAL(RINGBACK, ids[0]);
	CHECK_EQUAL(BUSY, ids[1]);
	CHECK_EQUAL(DIAL, ids[2]);
}

static void test_arguments(void)
{
	struct bl_tonefind_tone bad = us[0], many[17];
	struct bl_tonefind_set set;

	CHECK_EQUAL(BL_EINVAL, bl_tonefind_set(NULL, 1, &set));
	CHECK_EQUAL(BL_EINVAL, bl_tonefind_set(us, 0, &set));
	bad.id = 0;
	CHECK_EQUAL(BL_EINVAL, bl_tonefind_set(&bad, 1, &set));
	bad = us[0];
	bad.signal.parts[0].hz[0] = 5000;
	CHECK_EQUAL(BL_EINVAL, bl_tonefind_set(&bad, 1, &set));
	bad = us[0];
	bad.signal.parts[0].hz[0] = bad.signal.parts[0].hz[1] = 0;
	CHECK_EQUAL(BL_EINVAL, bl_tonefind_set(&bad, 1, &set)); /* nothing to hear */
	for (int i = 0; i < 17; i++)
		many[i] = us[0];
	CHECK_EQUAL(BL_EINVAL, bl_tonefind_set(many, 17, &set));
}

/* Not a check: what it costs, for the eye. */
static void test_cost_is_shown(void)
{
	struct bl_tonefind_set set;
	struct timespec a, b;
	int told, ms;

	bl_tonefind_set(us, TONES, &set);
	make(&us[2].signal, (struct line){0}, 9000);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	find(&set, 0, &told, &ms);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	printf("     %.2f us a frame; %zu bytes a leg, %zu a set\n",
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 1e3 /
		       (LONG / BL_FRAME),
	       sizeof(struct bl_tonefind), sizeof(struct bl_tonefind_set));
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_exact),
		CHECK_TEST(test_tolerances),
		CHECK_TEST(test_levels_and_noise),
		CHECK_TEST(test_refuses),
		CHECK_TEST(test_fax_calling),
		CHECK_TEST(test_impure),
		CHECK_TEST(test_time_to_tell),
		CHECK_TEST(test_one_after_the_other),
		CHECK_TEST(test_arguments),
		CHECK_TEST(test_cost_is_shown),
	};

	return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
