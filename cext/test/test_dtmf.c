/*
 * test_dtmf.c  The digit detector on a grid: 16 digits at random phases and alignments
 *
 * The figures are those of ITU-T Q.24, ETSI ES 201 235-3 and Bellcore GR-506. A fixed phase hides
 * failures, so every cell is 16 digits times TRIALS random ones, each through µ-law and back.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include "check.h"
#include "dtmf.h"
#include "frame.h"
#include "g711.h"
#include "tone.h"

enum { TRIALS = 25, BEFORE = 1600, AFTER = 1600, LONGEST = 8000 };

#define PI 3.14159265358979323846
#define USUAL_MS 60.0

static const char keys[] = "123A456B789C*0#D";
static const double low_hz[] = {697, 770, 852, 941}, high_hz[] = {1209, 1336, 1477, 1633};

/* One cell of the grid. */
struct cell {
	double off;	   /* both tones' frequency, relative */
	double twist_db;   /* high tone against low */
	double level_dbm0; /* of the stronger tone */
	double ms;	   /* of tone; 0: USUAL_MS */
	double gap_ms;	   /* in its middle */
	double snr_db;	   /* against white noise that lasts all the time; 0: no noise */
};

static double uniform(void)
{
	return (double)rand() / RAND_MAX;
}

static double gauss(void)
{
	return sqrt(-2.0 * log(uniform() + 1e-12)) * cos(2.0 * PI * uniform());
}

/* Makes the tone of one digit with silence around; returns its length in whole frames. */
static int make(const struct cell *cell, int key, int16_t *out)
{
	double low = bl_tone_peak(cell->level_dbm0 - fmax(0.0, cell->twist_db));
	double high = bl_tone_peak(cell->level_dbm0 + fmin(0.0, cell->twist_db));
	double sigma = sqrt((low * low + high * high) / 2.0) * pow(10.0, -cell->snr_db / 20.0);
	double phases[] = {uniform() * 2.0 * PI, uniform() * 2.0 * PI};
	double ms = cell->ms > 0.0 ? cell->ms : USUAL_MS;
	double begin = BEFORE + uniform() * BL_FRAME, end = begin + ms * 8.0;
	double gap = (begin + end) / 2.0 - cell->gap_ms * 4.0;
	int length = ((int)end + AFTER) / BL_FRAME * BL_FRAME;

	for (int n = 0; n < length; n++) {
		double value = cell->snr_db > 0.0 ? gauss() * sigma : 0.0;

		if (n >= begin && n < end && !(n >= gap && n < gap + cell->gap_ms * 8.0)) {
			double turn = 2.0 * PI * n / BL_RATE * (1.0 + cell->off);

			value += low * sin(turn * low_hz[key / 4] + phases[0]) +
				 high * sin(turn * high_hz[key % 4] + phases[1]);
		}
		value = fmax(-32768.0, fmin(32767.0, value));
		out[n] = (int16_t)lrint(value);
	}
	return length;
}

/* Counts how often the digit, and any other, is told. */
static void detect(const int16_t *pcm, int length, char key, int *right, int *wrong)
{
	struct bl_dtmf dtmf;
	int16_t frame[BL_FRAME];
	uint8_t coded[BL_FRAME];

	*right = *wrong = 0;
	bl_dtmf_init(&dtmf);
	for (int at = 0; at < length; at += BL_FRAME) {
		int ms = 0;
		char digit;

		bl_g711_encode(BL_PCMU, pcm + at, BL_FRAME, coded);
		bl_g711_decode(BL_PCMU, coded, BL_FRAME, frame);
		digit = bl_dtmf_frame(&dtmf, frame, &ms);
		if (digit)
			*(digit == key ? right : wrong) += 1;
	}
}

/* Percent of tones that were told exactly once; *any: percent that were told at all. */
static double run_cell(const struct cell *cell, double *any)
{
	static int16_t pcm[BEFORE + LONGEST + AFTER + BL_FRAME];
	int once = 0, told = 0;

	bl_g711_init();
	for (int key = 0; key < 16; key++) {
		for (int trial = 0; trial < TRIALS; trial++) {
			int right, wrong;

			detect(pcm, make(cell, key, pcm), keys[key], &right, &wrong);
			once += right == 1 && !wrong;
			told += right || wrong;
		}
	}
	*any = 100.0 * told / (16 * TRIALS);
	return 100.0 * once / (16 * TRIALS);
}

static void accepts(const char *name, double percent, struct cell cell)
{
	double any, once = run_cell(&cell, &any);

	printf("     %-44s told once %6.2f %%, told %6.2f %%\n", name, once, any);
	CHECK_WITHIN(percent, 100.0, once);
}

static void refuses(const char *name, struct cell cell)
{
	double any, once = run_cell(&cell, &any);

	printf("     %-44s told once %6.2f %%, told %6.2f %%\n", name, once, any);
	CHECK_WITHIN(0.0, 0.0, any);
}

#define TONE .level_dbm0 = -8.0

static void test_frequency(void)
{
	accepts("exact", 100, (struct cell){TONE});
	accepts("+1.5 %", 100, (struct cell){TONE, .off = 0.015});
	accepts("-1.5 %", 100, (struct cell){TONE, .off = -0.015});
	refuses("+3.5 %", (struct cell){TONE, .off = 0.035});
	refuses("-3.5 %", (struct cell){TONE, .off = -0.035});
}

static void test_level_and_twist(void)
{
	accepts("twist -8 dB (high weaker)", 100, (struct cell){TONE, .twist_db = -8.0});
	accepts("twist +4 dB (high stronger)", 100, (struct cell){TONE, .twist_db = 4.0});
	accepts("0 dBm0", 100, (struct cell){.level_dbm0 = 0.0});
	accepts("-3 dBm0", 100, (struct cell){.level_dbm0 = -3.0});
	accepts("-25 dBm0", 100, (struct cell){.level_dbm0 = -25.0});
	refuses("-45 dBm0", (struct cell){.level_dbm0 = -45.0});
}

static void test_timing(void)
{
	accepts("40 ms", 100, (struct cell){TONE, .ms = 40.0});
	refuses("23 ms", (struct cell){TONE, .ms = 23.0});
	accepts("500 ms", 100, (struct cell){TONE, .ms = 500.0});
	accepts("10 ms interruption of 150 ms", 100,
		(struct cell){TONE, .ms = 150.0, .gap_ms = 10.0});
	accepts("20 ms interruption of 150 ms (bridged)", 100,
		(struct cell){TONE, .ms = 150.0, .gap_ms = 20.0});
}

static void test_pause_parts_digits(void)
{
	struct cell cell = {TONE, .ms = 140.0, .gap_ms = 40.0};
	static int16_t pcm[BEFORE + LONGEST + AFTER + BL_FRAME];
	int twice = 0;

	for (int trial = 0; trial < 400; trial++) {
		int right, wrong;

		detect(pcm, make(&cell, trial % 16, pcm), keys[trial % 16], &right, &wrong);
		twice += right == 2 && !wrong;
	}
	CHECK_EQUAL(400, twice);
}

static void test_noise(void)
{
	accepts("SNR 15 dB", 100, (struct cell){TONE, .snr_db = 15.0});
	accepts("SNR 15 dB, 40 ms", 99, (struct cell){TONE, .ms = 40.0, .snr_db = 15.0});
	accepts("SNR 6 dB, -10 dBm0", 99, (struct cell){.level_dbm0 = -10.0, .snr_db = 6.0});
	accepts("+1.5 %, -8 dB, 40 ms, SNR 24 dB", 95,
		(struct cell){TONE, .off = 0.015, .twist_db = -8.0, .ms = 40.0, .snr_db = 24.0});
	accepts("-1.5 %, -8 dB, 40 ms, SNR 24 dB", 95,
		(struct cell){TONE, .off = -0.015, .twist_db = -8.0, .ms = 40.0, .snr_db = 24.0});
	refuses("+3.5 %, SNR 15 dB", (struct cell){TONE, .off = 0.035, .snr_db = 15.0});
	refuses("-3.5 %, SNR 15 dB", (struct cell){TONE, .off = -0.035, .snr_db = 15.0});
	refuses("23 ms, SNR 15 dB", (struct cell){TONE, .ms = 23.0, .snr_db = 15.0});
}

/* Not a check: what it costs, for the eye. */
static void test_cost_is_shown(void)
{
	enum { CHANNELS = 500, FRAMES = 20 };
	static struct bl_dtmf dtmf[CHANNELS];
	int16_t frame[BL_FRAME];
	struct timespec a, b;
	int ms;

	for (int i = 0; i < BL_FRAME; i++)
		frame[i] = (int16_t)(gauss() * 2000.0);
	for (int i = 0; i < CHANNELS; i++)
		bl_dtmf_init(&dtmf[i]);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int n = 0; n < FRAMES; n++) {
		for (int i = 0; i < CHANNELS; i++)
			bl_dtmf_frame(&dtmf[i], frame, &ms);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	printf("     %.2f ns/sample/channel\n",
	       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
		       (CHANNELS * FRAMES * BL_FRAME));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_frequency), CHECK_TEST(test_level_and_twist),
	CHECK_TEST(test_timing),    CHECK_TEST(test_pause_parts_digits),
	CHECK_TEST(test_noise),	    CHECK_TEST(test_cost_is_shown),
};

CHECK_MAIN(tests)
