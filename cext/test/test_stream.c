/* test_stream.c  What a leg hears: order, loss, pauses, restarts, hostility */
#include <math.h>
#include <stdlib.h>
#include "pages.h"
#include "stream_kit.h"

/* L16 tells best what was played: its samples say where they come from. */
static int16_t ramp(int64_t at)
{
	return (int16_t)(at % 20000 + 100);
}

static enum bl_stream_put put_l16(int64_t at, size_t count, int seq)
{
	uint8_t payload[2 * 1000];

	for (size_t i = 0; i < count; i++) {
		payload[2 * i] = (uint8_t)(ramp(at + (int64_t)i) >> 8);
		payload[2 * i + 1] = (uint8_t)ramp(at + (int64_t)i);
	}
	return put(payload, 2 * count, at, seq);
}

static enum bl_stream_put put_frame(int number)
{
	return put_l16((int64_t)number * FRAME, FRAME, number);
}

static bool plays(int number)
{
	return out[0] == ramp((int64_t)number * FRAME) &&
	       out[FRAME - 1] == ramp((int64_t)number * FRAME + FRAME - 1);
}

/* A talk of L16 frames that has found its delay: none. */
static int settle(void)
{
	int number = 0;

	start(BL_L16, RATE);
	for (; number < 300; number++) {
		put_frame(number);
		get();
	}
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(0, 5 * MS, stats.delay);
	return number;
}

static void test_first_packet_waits_20_ms(void)
{
	start(BL_L16, RATE);
	CHECK_EQUAL(BL_STREAM_SILENT, get());
	put_frame(0);
	CHECK_EQUAL(BL_STREAM_SILENT, get());
	put_frame(1);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	CHECK(plays(0));
	put_frame(2);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	CHECK(plays(1));
	stop();
}

static void test_clean_network_ends_without_delay(void)
{
	settle();
	CHECK_EQUAL(0, stats.concealed + stats.late + stats.discarded);
	CHECK_WITHIN(15 * MS, 20 * MS, stats.cut);
	stop();
}

static void packet_time(enum bl_codec codec, size_t samples)
{
	static const uint8_t silence[1920];
	size_t size = codec == BL_L16 ? 2 * samples : samples, sent = 0;

	start(codec, RATE);
	for (int tick = 0; tick < 500; tick++) {
		for (; (sent + 1) * samples <= (size_t)tick * FRAME; sent++)
			CHECK_EQUAL(BL_STREAM_TAKEN,
				    put(silence, size, (int64_t)(sent * samples), (int)sent));
		get();
	}
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(0, stats.late + stats.discarded);
	CHECK_WITHIN(0, 100 * MS, stats.concealed); /* while it learned */
	CHECK_WITHIN(0, 130 * MS, stats.delay);
	stop();
}

static void test_packet_times(void)
{
	static const size_t samples[] = {20, 40, 80, 160, 240, 320, 480, 960};

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		packet_time(BL_PCMA, samples[i]);
		packet_time(BL_L16, samples[i]);
	}
}

static void test_order_is_put_right(void)
{
	int got = 0;

	start(BL_L16, RATE);
	put_frame(0);
	put_frame(2);
	put_frame(1);
	CHECK_EQUAL(BL_STREAM_DUPLICATE, put_frame(1));
	get();
	for (int number = 0; number < 3; number++) {
		got += get() == BL_STREAM_WHOLE;
		CHECK(plays(number));
	}
	CHECK_EQUAL(3, got);
	CHECK_EQUAL(BL_STREAM_LATE, put_frame(1));
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(1, stats.late);
	stop();
}

/* What comes after a lost packet is heard at its own time. */
static void test_loss_is_concealed(void)
{
	start(BL_L16, RATE);
	for (int tick = 0; tick < 6; tick++) {
		if (tick != 3)
			put_frame(tick);
		CHECK_EQUAL(tick == 4 ? BL_STREAM_CONCEALED
			    : tick    ? BL_STREAM_WHOLE
				      : BL_STREAM_SILENT,
			    get());
	}
	CHECK_EQUAL(ramp(4 * FRAME + 159), out[159]);
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(FRAME, stats.concealed);
	stop();
}

/* Not dead silence at once, but the background noise of before for some seconds. */
static void test_sender_is_gone(void)
{
	int ticks = 0;

	settle();
	while (get() == BL_STREAM_CONCEALED)
		CHECK(ticks++ < 10);
	for (; get() == BL_STREAM_COMFORT; ticks++)
		CHECK_WITHIN(-1000, 1000, out[0]);
	CHECK_WITHIN(100, 300, ticks);
	for (int i = 0; i < FRAME; i++)
		CHECK_EQUAL(0, out[i]);
	CHECK_EQUAL(BL_STREAM_SILENT, get());
	stop();
}

static void test_announced_pause_conceals_nothing(void)
{
	int number = settle();

	put_frame(number);
	bl_stream_pause(stream, BL_STREAM_NO_NOISE);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	get(); /* perhaps the last of it */
	for (int i = 0; i < 50; i++)
		CHECK_EQUAL(BL_STREAM_SILENT, get());
	put_l16((number + 52) * FRAME, FRAME, number + 5);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(0, stats.concealed);
	CHECK_EQUAL(BL_STREAM_CONCEALED, get()); /* the pause is over */
	stop();
}

/* A pause of two frames, the sound after it there in time; its packets are numbered so or so. */
static void short_pause(bool announced, int seq)
{
	start(BL_L16, RATE);
	put_frame(0);
	put_frame(1);
	if (announced)
		bl_stream_pause(stream, BL_STREAM_NO_NOISE);
	put_l16(4 * FRAME, FRAME, seq);
	for (int tick = 0; tick < 6; tick++)
		get();
	CHECK_EQUAL(ramp(5 * FRAME - 1), out[FRAME - 1]);
	bl_stream_stats(stream, &stats);
	stop();
}

static void test_short_pause_is_no_loss(void)
{
	short_pause(true, 4); /* comfort noise and events had numbers too */
	CHECK_EQUAL(0, stats.concealed);
	short_pause(false, 2); /* nothing was sent between */
	CHECK_EQUAL(0, stats.concealed);
	short_pause(false, 4);
	CHECK_EQUAL(2 * FRAME, stats.concealed);
}

static void test_comfort_noise_has_its_level(void)
{
	double sum = 0.0;

	settle();
	bl_stream_pause(stream, 50); /* RFC 3389: -50 dBov */
	get();
	for (int i = 0; i < 50; i++) {
		CHECK_EQUAL(BL_STREAM_COMFORT, get());
		for (int k = 0; k < FRAME; k++)
			sum += (double)out[k] * out[k];
	}
	CHECK_WITHIN(-51, -49, 10 * log10(sum / (50 * FRAME)) - 20 * log10(32768));
	stop();
}

/* The sequence goes on where it stopped: nothing was lost, the sender was silent (DTX). */
static void test_unannounced_pause(void)
{
	int number = settle();

	for (int i = 0; i < 50; i++)
		get();
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(FRAME, 140 * MS, stats.concealed);
	put_l16((number + 50) * FRAME, FRAME, number);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	CHECK(plays(number + 50));
	stop();
}

static void test_stray_timestamp_needs_a_second(void)
{
	int number = settle();

	CHECK_EQUAL(BL_STREAM_STRAY, put_frame(number + 100000));
	CHECK_EQUAL(BL_STREAM_TAKEN, put_frame(number++));
	get();
	CHECK_EQUAL(BL_STREAM_STRAY, put_frame(number + 100000));
	CHECK_EQUAL(BL_STREAM_TAKEN, put_frame(number + 100001));
	for (int i = 0; i < 3; i++)
		get();
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(0, 2 * FRAME, stats.concealed);
	stop();
}

static void test_restart_keeps_the_sound_flowing(void)
{
	int number = settle();

	bl_stream_restart(stream);
	for (int i = 0; i < 50; i++) {
		CHECK_EQUAL(BL_STREAM_TAKEN, put_l16(777777 + i * FRAME, FRAME, 3 * number + i));
		CHECK_EQUAL(BL_STREAM_WHOLE, get());
	}
	CHECK_WITHIN(ramp(777777 + 49 * FRAME) - 5 * MS, ramp(777777 + 49 * FRAME), out[0]);
	stop();
	start(BL_L16, RATE); /* what waits is heard before it */
	put_frame(0);
	bl_stream_restart(stream);
	put_l16(777777, FRAME, 700);
	get();
	get();
	CHECK(plays(0));
	get();
	CHECK_EQUAL(ramp(777777), out[0]);
	stop();
}

static void test_malformed(void)
{
	static const uint8_t payload[4000];

	start(BL_PCMU, RATE);
	CHECK_EQUAL(BL_STREAM_MALFORMED, put(payload, 0, 0, 0));
	CHECK_EQUAL(BL_STREAM_MALFORMED, put(payload, 961, 0, 0)); /* more than 120 ms */
	stop();
	start(BL_L16, RATE);
	CHECK_EQUAL(BL_STREAM_MALFORMED, put(payload, 3, 0, 0));
	stop();
}

static void test_memory(void)
{
	start(BL_PCMU, RATE);
	CHECK_WITHIN(0, 12 * 1024, bl_pages_size(stream));
	stop();
}

static void test_random_input(void)
{
	uint8_t payload[1500];

	for (int round = 0; round < 4; round++) {
		start(round % 2 ? BL_OPUS : BL_PCMU, RATE);
		for (int i = 0; i < 20000; i++) {
			for (int k = 0; k < 8; k++)
				payload[k] = (uint8_t)rand();
			if (rand() % 3)
				put(payload, 1 + (size_t)rand() % 1000,
				    rand() % (rand() % 50 ? 20000 : 2000000000), rand());
			else
				get();
			if (rand() % 1000 == 0)
				bl_stream_pause(stream, (uint8_t)rand());
			if (rand() % 1000 == 0)
				bl_stream_restart(stream);
		}
		stop();
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_first_packet_waits_20_ms),
	CHECK_TEST(test_clean_network_ends_without_delay),
	CHECK_TEST(test_packet_times),
	CHECK_TEST(test_order_is_put_right),
	CHECK_TEST(test_loss_is_concealed),
	CHECK_TEST(test_sender_is_gone),
	CHECK_TEST(test_announced_pause_conceals_nothing),
	CHECK_TEST(test_short_pause_is_no_loss),
	CHECK_TEST(test_comfort_noise_has_its_level),
	CHECK_TEST(test_unannounced_pause),
	CHECK_TEST(test_stray_timestamp_needs_a_second),
	CHECK_TEST(test_restart_keeps_the_sound_flowing),
	CHECK_TEST(test_malformed),
	CHECK_TEST(test_memory),
	CHECK_TEST(test_random_input),
};

CHECK_MAIN(tests)
