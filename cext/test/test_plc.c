/* test_plc.c  Loss concealment: goes on with the pitch, fades, leaves the background, joins */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include "check.h"
#include "plc.h"

enum { RATE = 8000, PAST = RATE / BL_PLC_PAST_PER_S, FRAME = 160, ROOM = PAST + 20 * FRAME };

static const double PI = 3.14159265358979323846;
static struct bl_plc plc;
static int16_t sound[ROOM], memory[PAST];

/* A voice of that pitch: five harmonics. */
static int16_t voice(double hz, int i)
{
	double sum = 0.0;

	for (int k = 1; k <= 5; k++)
		sum += 3000.0 / k * sin(2 * PI * hz * k * i / RATE);
	return (int16_t)lrint(sum);
}

static void start(double hz)
{
	bl_plc_init(&plc, RATE, memory);
	for (int i = 0; i < PAST; i++)
		sound[i] = voice(hz, i);
	bl_plc_heard(&plc, sound, PAST);
}

static double rms(const int16_t *pcm, size_t count)
{
	double sum = 0.0;

	for (size_t i = 0; i < count; i++)
		sum += (double)pcm[i] * pcm[i];
	return sqrt(sum / (double)count);
}

static void test_goes_on_with_the_pitch(void)
{
	static const double hz[] = {80, 125, 190};

	for (size_t k = 0; k < sizeof(hz) / sizeof(*hz); k++) {
		double off = 0.0, all = 0.0;

		start(hz[k]);
		bl_plc_fill(&plc, sound + PAST, FRAME / 2);
		for (int i = PAST; i < PAST + FRAME / 2; i++) {
			off += fabs((double)sound[i] - voice(hz[k], i));
			all += fabs((double)voice(hz[k], i));
		}
		CHECK_WITHIN(0, 0.25, off / all);
	}
}

static void test_fades_within_60_ms(void)
{
	double before;

	start(125);
	before = rms(sound, PAST);
	bl_plc_fill(&plc, sound + PAST, 4 * FRAME);
	CHECK_WITHIN(0.9, 1.1, rms(sound + PAST, FRAME / 2) / before);
	CHECK_WITHIN(0.3, 0.8, rms(sound + PAST + 3 * FRAME / 2, FRAME / 2) / before);
	CHECK_WITHIN(0, 0.05, rms(sound + PAST + 3 * FRAME, FRAME) / before);
}

static void test_background_stays(void)
{
	bl_plc_init(&plc, RATE, memory);
	for (int i = 0; i < PAST; i++)
		sound[i] = (int16_t)(rand() % 61 - 30);
	for (int i = 0; i < PAST; i += FRAME / 4)
		bl_plc_heard(&plc, sound + i, FRAME / 4);
	bl_plc_fill(&plc, sound + PAST, 10 * FRAME);
	CHECK_WITHIN(8, 25, rms(sound + PAST + 5 * FRAME, 5 * FRAME));
}

/* Neither the gap's beginning nor its end is a step. */
static void test_no_clicks(void)
{
	int most = 0, usual = 0;

	start(125);
	bl_plc_fill(&plc, sound + PAST, FRAME);
	for (int i = PAST + FRAME; i < PAST + 3 * FRAME; i++)
		sound[i] = voice(137, i);
	bl_plc_join(&plc, sound + PAST + FRAME, 2 * FRAME);
	for (int i = 1; i < PAST; i++)
		usual = abs(sound[i] - sound[i - 1]) > usual ? abs(sound[i] - sound[i - 1])
							     : usual;
	for (int i = PAST; i < PAST + 3 * FRAME; i++)
		most = abs(sound[i] - sound[i - 1]) > most ? abs(sound[i] - sound[i - 1]) : most;
	CHECK_WITHIN(0, 1.5 * usual, most);
	CHECK_EQUAL(voice(137, PAST + 3 * FRAME - 1), sound[PAST + 3 * FRAME - 1]);
}

/* The gap's error against what was said, over its loudness; the pitch rises through it. */
static double error_of(bool bridge)
{
	enum { GAP = FRAME, AFTER = FRAME };
	double off = 0.0, all = 0.0, phase = 0.0;
	static int16_t said[ROOM];

	bl_plc_init(&plc, RATE, memory);
	for (int i = 0; i < PAST + GAP + AFTER; i++) {
		phase += 2 * PI * (120 + 20.0 * i / PAST) / RATE;
		said[i] = (int16_t)(4000 * (sin(phase) + sin(2 * phase) / 2 + sin(3 * phase) / 3));
		sound[i] = said[i];
	}
	bl_plc_heard(&plc, sound, PAST);
	if (bridge) {
		bl_plc_bridge(&plc, sound + PAST, GAP, sound + PAST + GAP, AFTER);
	} else {
		bl_plc_fill(&plc, sound + PAST, GAP);
		bl_plc_join(&plc, sound + PAST + GAP, AFTER);
	}
	CHECK_EQUAL(0, plc.filled);
	for (int i = PAST; i < PAST + GAP; i++) {
		off += ((double)sound[i] - said[i]) * ((double)sound[i] - said[i]);
		all += (double)said[i] * said[i];
	}
	CHECK_EQUAL(said[PAST + GAP + AFTER - 1], sound[PAST + GAP + AFTER - 1]);
	return sqrt(off / all);
}

static void test_bridge_meets_what_comes_after(void)
{
	CHECK_WITHIN(0, 0.3, error_of(true));
	CHECK_WITHIN(0, error_of(false) / 2, error_of(true));
}

static void test_bridge_over_noise_and_over_too_little(void)
{
	bl_plc_init(&plc, RATE, memory);
	for (int i = 0; i < PAST + 2 * FRAME; i++)
		sound[i] = (int16_t)(rand() % 4001 - 2000);
	bl_plc_bridge(&plc, sound + PAST, FRAME, sound + PAST + FRAME, FRAME);
	CHECK_WITHIN(700, 1300, rms(sound + PAST, FRAME));
	for (size_t length = 0; length < 50; length++) {
		bl_plc_bridge(&plc, sound + PAST, 2 * FRAME, sound + PAST + 2 * FRAME, length);
		CHECK_EQUAL(0, plc.filled);
	}
}

/* The periods repeated are louder than the sound was last, and yet it goes on from there. */
static void test_begins_without_a_step(void)
{
	int begin = PAST;

	start(125);
	for (int i = 0; i < PAST; i++)
		sound[i] = (int16_t)(sound[i] + 12 * (PAST - i)); /* a slope under it */
	bl_plc_heard(&plc, sound, PAST);
	bl_plc_fill(&plc, sound + begin, FRAME);
	CHECK_WITHIN(0, 500, abs(sound[begin] - sound[begin - 1]));
}

static void test_join_without_gap_changes_nothing(void)
{
	start(125);
	for (int i = 0; i < FRAME; i++)
		sound[PAST + i] = (int16_t)i;
	bl_plc_join(&plc, sound + PAST, FRAME);
	for (int i = 0; i < FRAME; i++)
		CHECK_EQUAL(i, sound[PAST + i]);
}

static void test_extreme_sound(void)
{
	bl_plc_init(&plc, RATE, memory);
	for (int i = 0; i < PAST; i++)
		sound[i] = rand() % 2 ? 32767 : -32768;
	bl_plc_heard(&plc, sound, PAST);
	bl_plc_fill(&plc, sound + PAST, 20 * FRAME);
	bl_plc_join(&plc, sound, 3); /* less than it would blend */
	CHECK_EQUAL(0, plc.filled);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_goes_on_with_the_pitch),
	CHECK_TEST(test_fades_within_60_ms),
	CHECK_TEST(test_background_stays),
	CHECK_TEST(test_no_clicks),
	CHECK_TEST(test_bridge_meets_what_comes_after),
	CHECK_TEST(test_bridge_over_noise_and_over_too_little),
	CHECK_TEST(test_begins_without_a_step),
	CHECK_TEST(test_join_without_gap_changes_nothing),
	CHECK_TEST(test_extreme_sound),
};

CHECK_MAIN(tests)
