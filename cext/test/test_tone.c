/* test_tone.c  Tones: levels, modulation, parts, repeats, phase across frames, three rates */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "frame.h"
#include "tone.h"

enum { LONG = 4 * 48000 };

#define PI 3.14159265358979323846

static int16_t sound[LONG], again[LONG];

/* Level of one frequency over that stretch [dBm0]. */
static double level(const int16_t *pcm, size_t count, double hz, int rate)
{
	double re = 0.0, im = 0.0;

	for (size_t n = 0; n < count; n++) {
		re += pcm[n] * cos(2.0 * PI * hz * (double)n / rate);
		im += pcm[n] * sin(2.0 * PI * hz * (double)n / rate);
	}
	return 20.0 * log10(2.0 * sqrt(re * re + im * im) / (double)count / 32768.0 + 1e-9) +
	       BL_FULL_SCALE_DBM0;
}

static struct bl_tone once(double hz, int on_ms, int off_ms)
{
	return (struct bl_tone){
		.count = 1,
		.parts = {{.hz = {hz}, .level_dbm0 = {-10}, .on_ms = on_ms, .off_ms = off_ms}}};
}

static size_t fill(const struct bl_tone *signal, int rate, int16_t *out, size_t count)
{
	struct bl_tone_plan plan;
	struct bl_tone_state state = {0};

	CHECK_EQUAL(BL_OK, bl_tone_plan(signal, rate, &plan));
	return bl_tone_fill(&plan, &state, out, count);
}

static void test_four_levels_at_three_rates(void)
{
	static const int rates[] = {8000, 16000, 48000};
	struct bl_tone signal = {.count = 1,
				 .parts = {{.hz = {350, 440, 1000, 3000},
					    .level_dbm0 = {-13, -16, -30, -40},
					    .on_ms = 1000}}};

	for (int i = 0; i < 3; i++) {
		size_t second = (size_t)rates[i];

		CHECK_EQUAL(second, fill(&signal, rates[i], sound, LONG));
		for (int k = 0; k < 4; k++) {
			double want = signal.parts[0].level_dbm0[k];

			CHECK_WITHIN(want - 0.1, want + 0.1,
				     level(sound, second, signal.parts[0].hz[k], rates[i]));
		}
		CHECK_WITHIN(-200, -75, level(sound, second, 700, rates[i]));
	}
}

/* ITU-T E.180 Supp. 2: South Africa's 400 x 33 */
static void test_modulation(void)
{
	struct bl_tone signal = once(400, 1000, 0);

	signal.parts[0].modulate_hz = 33;
	fill(&signal, 8000, sound, 8000);
	CHECK_WITHIN(-10.1, -9.9, level(sound, 8000, 400, 8000));
	/* each side band has half the depth of 90 %: 6.9 dB less */
	CHECK_WITHIN(-17.1, -16.7, level(sound, 8000, 433, 8000));
	CHECK_WITHIN(-17.1, -16.7, level(sound, 8000, 367, 8000));
}

/* ITU-T E.180 §7.3: three tones in sequence, here with the pause after them, twice. */
static void test_parts_and_repeats(void)
{
	struct bl_tone sit = {.count = 4, .from = 1, .times = 2};
	static const double hz[] = {500, 950, 1400, 1800};

	for (int i = 0; i < 4; i++)
		sit.parts[i] =
			(struct bl_tone_part){.hz = {hz[i]}, .level_dbm0 = {-10}, .on_ms = 330};
	sit.parts[3].off_ms = 1000;
	CHECK_EQUAL((330 * 4 + 1000 + 330 * 3 + 1000) * 8, fill(&sit, 8000, sound, LONG));
	for (int i = 0; i < 4; i++)
		CHECK_WITHIN(-10.1, -9.9, level(sound + 330 * 8 * i, 330 * 8, hz[i], 8000));
	CHECK_WITHIN(-200, -90, level(sound + 330 * 8 * 4, 8000, 1800, 8000));
	for (int i = 1; i < 4; i++)
		CHECK_WITHIN(-10.1, -9.9,
			     level(sound + (330 * (3 + i) + 1000) * 8, 330 * 8, hz[i], 8000));
}

/* Frames of any size give the same samples as one long run. */
static void test_phase_across_frames(void)
{
	struct bl_tone signal = once(440, 700, 130);
	struct bl_tone_plan plan;
	struct bl_tone_state state = {0};
	size_t whole, done = 0, step = 1;

	signal.times = 3;
	signal.parts[0].hz[1] = 480;
	whole = fill(&signal, 16000, sound, LONG);
	CHECK_EQUAL(830 * 16 * 3, whole);
	CHECK_EQUAL(BL_OK, bl_tone_plan(&signal, 16000, &plan));
	CHECK_EQUAL(whole, bl_tone_length(&plan));
	while (done < whole) {
		done += bl_tone_fill(&plan, &state, again + done, step);
		step = step * 7 % 331 + 1;
	}
	CHECK_EQUAL(whole, done);
	CHECK_EQUAL(0, memcmp(sound, again, whole * sizeof(*sound)));
}

/* A steady tone is its one part without end: no seam where it repeats. */
static void test_steady_tone_has_no_seam(void)
{
	struct bl_tone signal = once(425, 101, 0);
	struct bl_tone_plan plan;
	int32_t worst = 0;

	signal.times = -1;
	CHECK_EQUAL(LONG, fill(&signal, 8000, sound, LONG));
	for (int n = 0; n < LONG; n++) {
		double want = bl_tone_peak(-10) * sin(2.0 * PI * 425 * n / 8000.0);
		int32_t off = abs((int32_t)lrint(want) - sound[n]);

		worst = off > worst ? off : worst;
	}
	CHECK_WITHIN(0, 1, worst);
	CHECK_EQUAL(BL_OK, bl_tone_plan(&signal, 8000, &plan));
	CHECK_EQUAL(-1, (int64_t)bl_tone_length(&plan));
}

/* What changes and what goes on: 440 of dial tone goes on when 350 joins it. */
static void test_shared_sine_goes_on(void)
{
	struct bl_tone signal = once(440, 97, 0);

	signal.count = 2;
	signal.parts[1] =
		(struct bl_tone_part){.hz = {350, 440}, .level_dbm0 = {-10, -10}, .on_ms = 1000};
	fill(&signal, 8000, sound, 97 * 8 + 8000);
	for (int n = 97 * 8; n < 97 * 8 + 8000; n++) {
		double want = sin(2.0 * PI * 440 * n / 8000.0) +
			      sin(2.0 * PI * 350 * (n - 97 * 8) / 8000.0);

		CHECK_WITHIN(-2, 2, bl_tone_peak(-10) * want - sound[n]);
	}
}

static void test_too_loud_is_cut(void)
{
	struct bl_tone signal = {
		.count = 1, .parts = {{.hz = {500, 500.5}, .level_dbm0 = {3, 3}, .on_ms = 1000}}};
	int16_t most = 0, least = 0;

	fill(&signal, 8000, sound, 8000);
	for (int n = 0; n < 8000; n++) {
		most = sound[n] > most ? sound[n] : most;
		least = sound[n] < least ? sound[n] : least;
	}
	CHECK_EQUAL(32767, most);
	CHECK_EQUAL(-32768, least);
}

static void test_arguments(void)
{
	struct bl_tone good = once(425, 100, 0), bad;
	struct bl_tone_plan plan;

	CHECK_EQUAL(BL_OK, bl_tone_plan(&good, 8000, &plan));
	CHECK_EQUAL(BL_EINVAL, bl_tone_plan(&good, 11025, &plan));
	CHECK_EQUAL(BL_EINVAL, bl_tone_plan(NULL, 8000, &plan));
#define REFUSED(change)                                                                           \
	do {                                                                                      \
		bad = good;                                                                       \
		(change);                                                                         \
		CHECK_EQUAL(BL_EINVAL, bl_tone_plan(&bad, 8000, &plan));                          \
	} while (0)
	REFUSED(bad.count = 0);
	REFUSED(bad.count = 9);
	REFUSED(bad.from = 1);
	REFUSED(bad.times = -2);
	REFUSED(bad.parts[0].hz[0] = 4000);
	REFUSED(bad.parts[0].hz[0] = -1);
	REFUSED(bad.parts[0].hz[0] = NAN);
	REFUSED(bad.parts[0].modulate_hz = NAN);
	REFUSED(bad.parts[0].modulate_hz = 425);
	REFUSED(bad.parts[0].level_dbm0[0] = 4);
	REFUSED(bad.parts[0].on_ms = -1);
	REFUSED(bad.parts[0].off_ms = 3600001);
	REFUSED((bad.times = -1, bad.parts[0].on_ms = 0)); /* it would never fill a frame */
	bad = (struct bl_tone){.count = 3};
	for (int i = 0; i < 12; i++)
		bad.parts[i / 4].hz[i % 4] = 300 + i;
	CHECK_EQUAL(BL_EINVAL, bl_tone_plan(&bad, 8000, &plan)); /* twelve sines */
}

static const struct check_test tests[] = {
	CHECK_TEST(test_four_levels_at_three_rates),
	CHECK_TEST(test_modulation),
	CHECK_TEST(test_parts_and_repeats),
	CHECK_TEST(test_phase_across_frames),
	CHECK_TEST(test_steady_tone_has_no_seam),
	CHECK_TEST(test_shared_sine_goes_on),
	CHECK_TEST(test_too_loud_is_cut),
	CHECK_TEST(test_arguments),
};

CHECK_MAIN(tests)
