/* test_stream_delay.c  How long a stream's sound waits: bad times, stalls, clocks that differ */
#include <math.h>
#include <string.h>
#include "stream_kit.h"

static const double PI = 3.14159265358979323846;

/* A voice, so that there is something to be stretched. */
static void put_voice(int number)
{
	uint8_t payload[2 * FRAME];

	for (int i = 0; i < FRAME; i++) {
		double t = (double)(number * FRAME + i) / RATE;
		double sum = sin(2 * PI * 120 * t) + sin(2 * PI * 240 * t) / 2;
		int16_t sample = (int16_t)(6000 * sum);

		payload[2 * i] = (uint8_t)((uint16_t)sample >> 8);
		payload[2 * i + 1] = (uint8_t)sample;
	}
	put(payload, sizeof(payload), number * FRAME, number);
}

/* Each tenth packet comes with the second after it. */
static int bad_time(int number, int ticks)
{
	for (int tick = 0; tick < ticks; tick++, number++) {
		for (int late = number - 2; late <= number; late++) {
			if (late % 10 ? late == number && late % 10 != 1 && late % 10 != 2
				      : late == number - 2) {
				put_voice(late);
				if (late % 10 == 0) {
					put_voice(late + 1);
					put_voice(late + 2);
				}
			}
		}
		get();
	}
	return number;
}

static void test_delay_grows_and_shrinks(void)
{
	struct bl_stream_stats bad;
	int number;

	start(BL_L16, RATE);
	number = bad_time(0, 500);
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(40 * MS, 60 * MS, stats.delay);
	number = bad_time(number, 500);
	bl_stream_stats(stream, &bad);
	CHECK_EQUAL(stats.concealed, bad.concealed); /* it has learned */
	for (int tick = 0; tick < 2500; tick++, number++) {
		put_voice(number);
		CHECK_EQUAL(BL_STREAM_WHOLE, get());
	}
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(0, 5 * MS, stats.delay);
	CHECK_EQUAL(bad.concealed, stats.concealed);
	stop();
}

static void put_noise(int number)
{
	static uint32_t random = 1;
	uint8_t payload[2 * FRAME];

	for (size_t i = 0; i < sizeof(payload); i++) {
		random = random * 1664525u + 1013904223u;
		payload[i] = (uint8_t)(i % 2 ? random >> 24 : (random >> 29) - 4);
	}
	put(payload, sizeof(payload), number * FRAME, number);
}

/* In noise there is no place for a cut, and it is looked for less often; in voice at once again.
 */
static void test_delay_stays_in_noise_and_shrinks_after_it(void)
{
	int number;

	start(BL_L16, RATE);
	number = bad_time(0, 500);
	for (int tick = 0; tick < 2500; tick++, number++) {
		put_noise(number);
		get();
	}
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(20 * MS, 60 * MS, stats.delay);
	for (int tick = 0; tick < 200; tick++, number++) {
		put_voice(number);
		CHECK_EQUAL(BL_STREAM_WHOLE, get());
	}
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(0, 5 * MS, stats.delay);
	stop();
}

static void test_stall_leaves_no_lasting_delay(void)
{
	static uint8_t silence[FRAME];
	int number = 0;

	memset(silence, 0xFF, sizeof(silence));
	start(BL_PCMU, RATE);
	for (; number < 300; number++) {
		put(silence, FRAME, number * FRAME, number);
		get();
	}
	for (int i = 0; i < 40; i++) /* 800 ms */
		get();
	for (int i = 0; i < 1000; i++) {
		for (int k = 0; k < (i ? 1 : 40); k++, number++)
			put(silence, FRAME, number * FRAME, number);
		get();
		bl_stream_stats(stream, &stats);
		CHECK_WITHIN(-FRAME, 280 * MS, stats.delay);
	}
	CHECK_WITHIN(0, 5 * MS, stats.delay);
	CHECK_WITHIN(1, 40, stats.discarded);
	stop();
}

/* 0.1 % is five times what clocks differ by. */
static void drift(double rate)
{
	double due = 0.0;
	int sent = 0;

	start(BL_L16, RATE);
	for (int tick = 0; tick < 6000; tick++, due += rate) {
		for (; sent <= due; sent++) {
			waited_us = (int32_t)((due - sent) / rate * FRAME_US);
			put_voice(sent);
		}
		get();
	}
	waited_us = FRAME_US / 2;
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(0, stats.concealed);
	CHECK_EQUAL(0, stats.discarded);
	CHECK_WITHIN(-20 * MS, 60 * MS, stats.delay);
	stop();
}

static void test_drift(void)
{
	drift(1.001);
	drift(0.999);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_delay_grows_and_shrinks),
	CHECK_TEST(test_delay_stays_in_noise_and_shrinks_after_it),
	CHECK_TEST(test_stall_leaves_no_lasting_delay),
	CHECK_TEST(test_drift),
};

CHECK_MAIN(tests)
