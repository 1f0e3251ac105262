/* test_voice.c  Levels, the noise floor, who talks and when, RFC 3611's levels */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "frame.h"
#include "power.h"
#include "voice.h"

#define PI 3.14159265358979323846

static double uniform(void)
{
	return 2.0 * rand() / RAND_MAX - 1.0;
}

/* One frame of noise and, where voice_dbm0 is above -90, of a sine with it. */
static void make(int rate, double noise_dbm0, double voice_dbm0, int n, int16_t *out)
{
	double noise = 32768.0 * pow(10.0, (noise_dbm0 - 6.15) / 20.0) * sqrt(3.0);
	double peak = voice_dbm0 > -90.0 ? 32768.0 * pow(10.0, (voice_dbm0 - 3.14) / 20.0) : 0.0;
	int count = rate / 50;

	for (int i = 0; i < count; i++)
		out[i] = (int16_t)lrint(noise * uniform() +
					peak * sin(2.0 * PI * 500.0 * (n * count + i) / rate));
}

/* Runs so many ms; returns the last event that was not none, *when its time within them. */
static enum bl_voice_event run(struct bl_voice *voice, int rate, double noise, double speech,
			       int ms, int *when)
{
	enum bl_voice_event last = BL_VOICE_NONE;
	int16_t frame[BL_FRAME_MAX];

	for (int n = 0; n < ms / 20; n++) {
		enum bl_voice_event event;

		make(rate, noise, speech, n, frame);
		event = bl_voice_frame(voice, frame, (size_t)rate / 50);
		if (event != BL_VOICE_NONE) {
			last = event;
			*when = (n + 1) * 20;
		}
	}
	return last;
}

static void test_level(void)
{
	static const int rates[] = {8000, 16000, 48000};

	for (int i = 0; i < 3; i++) {
		for (int dbm0 = -50; dbm0 <= 3; dbm0 += 10) {
			int16_t frame[BL_FRAME_MAX];

			make(rates[i], -200, dbm0, 0, frame);
			CHECK_WITHIN(dbm0 - 0.1, dbm0 + 0.1,
				     bl_power_dbm0(bl_power(frame, (size_t)rates[i] / 50)));
		}
	}
}

static void test_level_of_extremes(void)
{
	int16_t frame[BL_FRAME_MAX], odd[13] = {0};

	for (int i = 0; i < BL_FRAME_MAX; i++)
		frame[i] = i % 2 ? INT16_MAX : INT16_MIN;
	CHECK_WITHIN(6.1, 6.2, bl_power_dbm0(bl_power(frame, BL_FRAME_MAX)));
	for (int i = 0; i < BL_FRAME_MAX; i++)
		frame[i] = 5000; /* direct current is no sound */
	CHECK_WITHIN(-90, -60, bl_power_dbm0(bl_power(frame, BL_FRAME_MAX)));
	CHECK_EQUAL(0, bl_power(frame, 0));
	odd[12] = 1300;
	CHECK_WITHIN(119999, 120001, bl_power(odd, 13)); /* 1300^2 / 13 - 100^2 */
}

/* In a quiet and in a noisy room, at each rate: talk begins and ends when it does. */
static void test_talk_begins_and_ends(void)
{
	static const int rates[] = {8000, 16000, 48000};

	for (int i = 0; i < 6; i++) {
		double noise = i % 2 ? -40.0 : -70.0;
		struct bl_voice voice;
		int when = 0;

		bl_voice_init(&voice, NULL);
		run(&voice, rates[i / 2], noise, -99, 5000, &when);
		CHECK_WITHIN(noise < -65 ? -66 : noise - 1.5, noise < -65 ? -64 : noise + 1.5,
			     voice.floor_dbm0);
		CHECK(!voice.talking);
		CHECK_EQUAL(BL_VOICE_STARTED, run(&voice, rates[i / 2], noise, -20, 1000, &when));
		CHECK_EQUAL(60, when);
		/* a pause between words is none in talk */
		CHECK_EQUAL(BL_VOICE_NONE, run(&voice, rates[i / 2], noise, -99, 400, &when));
		CHECK(!voice.active && voice.talking);
		CHECK_EQUAL(BL_VOICE_NONE, run(&voice, rates[i / 2], noise, -25, 600, &when));
		CHECK_EQUAL(BL_VOICE_STOPPED, run(&voice, rates[i / 2], noise, -99, 1000, &when));
		CHECK_EQUAL(600, when);
	}
}

static void test_click_is_no_talk(void)
{
	struct bl_voice voice;
	int when;

	bl_voice_init(&voice, NULL);
	for (int i = 0; i < 20; i++) {
		CHECK_EQUAL(BL_VOICE_NONE, run(&voice, 8000, -60, -10, 40, &when));
		CHECK_EQUAL(BL_VOICE_NONE, run(&voice, 8000, -60, -99, 200, &when));
	}
}

/* A louder room is voice only until the floor has followed: three seconds and the hang-over. */
static void test_floor_follows(void)
{
	struct bl_voice voice;
	int when = 0;

	bl_voice_init(&voice, NULL);
	run(&voice, 8000, -65, -99, 5000, &when);
	CHECK_EQUAL(BL_VOICE_STOPPED, run(&voice, 8000, -35, -99, 6000, &when));
	CHECK_WITHIN(3000, 4000, when);
	run(&voice, 8000, -65, -99, 100, &when);
	CHECK_WITHIN(-66, -63, voice.floor_dbm0); /* down it goes at once */
}

static const struct check_test tests[] = {
	CHECK_TEST(test_level),
	CHECK_TEST(test_level_of_extremes),
	CHECK_TEST(test_talk_begins_and_ends),
	CHECK_TEST(test_click_is_no_talk),
	CHECK_TEST(test_floor_follows),
};

CHECK_MAIN(tests)
