/* test_noise.c  Comfort noise: level and colour of RFC 3389 payloads; fades */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "branchline_media.h"
#include "frame.h"
#include "noise.h"
#include "power.h"

enum { SECOND = 8000 };

static int16_t sound[4 * SECOND];

static void play(struct bl_noise *noise, int16_t *out, size_t count)
{
	for (size_t at = 0; at < count; at += BL_FRAME)
		bl_noise_frame(noise, out + at, BL_FRAME);
}

static double level(const int16_t *pcm, size_t count)
{
	return bl_power_dbm0(bl_power(pcm, count));
}

/* Autocorrelation at one sample, normed: how dark the noise is. */
static double lag(const int16_t *pcm, size_t count, size_t by)
{
	double with = 0.0, self = 0.0;

	for (size_t n = by; n < count; n++) {
		with += (double)pcm[n] * pcm[n - by];
		self += (double)pcm[n] * pcm[n];
	}
	return with / self;
}

/* RFC 3389 §3.1: 40 is -40 dBov, with 0 dBov 6.15 dB above 0 dBm0 (see frame.h) */
static void test_level_of_payload(void)
{
	static const int levels[] = {20, 40, 60};

	for (int i = 0; i < 3; i++) {
		uint8_t payload[] = {(uint8_t)(levels[i] | 0x80)}; /* the first bit is ignored */
		struct bl_noise noise;

		bl_noise_init(&noise, 1);
		CHECK_EQUAL(BL_OK, bl_noise_payload(&noise, payload, sizeof(payload)));
		play(&noise, sound, 2 * SECOND);
		CHECK_WITHIN(6.15 - levels[i] - 0.4, 6.15 - levels[i] + 0.4,
			     level(sound + SECOND, SECOND));
		CHECK_WITHIN(-0.05, 0.05, lag(sound + SECOND, SECOND, 1));
	}
}

/* k1 = -0.5 is a correlation of 0.5 from sample to sample; RFC 3389 §3.2 codes it as 63.5 */
static void test_colour_of_payload(void)
{
	uint8_t dark[] = {40, 63}, bright[] = {40,  191, 127, 127, 127, 127, 127, 127,
					       127, 127, 127, 127, 127, 127, 127, 0};
	struct bl_noise noise;

	bl_noise_init(&noise, 1);
	CHECK_EQUAL(BL_OK, bl_noise_payload(&noise, dark, sizeof(dark)));
	play(&noise, sound, 2 * SECOND);
	CHECK_WITHIN(0.46, 0.55, lag(sound + SECOND, SECOND, 1));
	CHECK_WITHIN(0.20, 0.31, lag(sound + SECOND, SECOND, 2));
	CHECK_WITHIN(-34.3, -33.3, level(sound + SECOND, SECOND));
	CHECK_EQUAL(BL_OK, bl_noise_payload(&noise, bright, sizeof(bright)));
	play(&noise, sound, 2 * SECOND);
	CHECK_WITHIN(-0.55, -0.45, lag(sound + SECOND, SECOND, 1));
	CHECK_EQUAL(BL_EINVAL, bl_noise_payload(&noise, bright, 0));
}

/* A new level is taken over within 60 ms (three frames), and silence is true silence. */
static void test_fades_at_any_rate(void)
{
	static const int rates[] = {8000, 16000, 48000};
	static const uint8_t loud[] = {56}, silent[] = {127};

	for (int i = 0; i < 3; i++) {
		size_t count = (size_t)rates[i] / 50;
		struct bl_noise noise;
		double last = -100.0;
		int16_t frame[BL_FRAME_MAX];

		bl_noise_init(&noise, 3);
		CHECK(!bl_noise_frame(&noise, frame, count));
		CHECK_EQUAL(BL_OK, bl_noise_payload(&noise, loud, sizeof(loud)));
		for (int n = 0; n < 3; n++) {
			CHECK(bl_noise_frame(&noise, frame, count));
			CHECK_WITHIN(last, -48.0, level(frame, count));
			last = level(frame, count);
		}
		bl_noise_frame(&noise, frame, count);
		CHECK_WITHIN(-52.0, -48.0, level(frame, count));
		CHECK_EQUAL(BL_OK, bl_noise_payload(&noise, silent, sizeof(silent)));
		for (int n = 0; n < 3; n++)
			CHECK(bl_noise_frame(&noise, frame, count));
		CHECK(!bl_noise_frame(&noise, frame, count));
		CHECK_WITHIN(-90.0, -90.0, level(frame, count));
	}
}

static void test_seeds_differ(void)
{
	static const uint8_t payload[] = {36};
	struct bl_noise one, two;
	int same = 0;

	bl_noise_init(&one, 1);
	bl_noise_init(&two, 2);
	bl_noise_payload(&one, payload, sizeof(payload));
	bl_noise_payload(&two, payload, sizeof(payload));
	play(&one, sound, SECOND);
	play(&two, sound + SECOND, SECOND);
	for (int i = 0; i < SECOND; i++)
		same += sound[i] == sound[SECOND + i];
	CHECK_WITHIN(0, 100, same);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_level_of_payload),
	CHECK_TEST(test_colour_of_payload),
	CHECK_TEST(test_fades_at_any_rate),
	CHECK_TEST(test_seeds_differ),
};

CHECK_MAIN(tests)
