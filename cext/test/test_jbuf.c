/* test_jbuf.c  The jitter buffer: order, loss, late packets, drift, strange timestamps */
#include <stdint.h>
#include <stdlib.h>
#include "check.h"
#include "jbuf.h"

static struct bl_jbuf jbuf;
static int16_t out[BL_FRAME];

/* A packet whose samples are its own timestamps, so that what is played can be told. */
static enum bl_jbuf_put put(uint32_t timestamp, size_t count, bool newest)
{
	int16_t pcm[BL_JBUF_LONGEST];

	for (size_t i = 0; i < count; i++)
		pcm[i] = (int16_t)((uint32_t)(timestamp + i) % 30000 + 1);
	return bl_jbuf_put(&jbuf, timestamp, pcm, count, newest);
}

static bool plays(uint32_t timestamp)
{
	return out[0] == (int16_t)(timestamp % 30000 + 1) &&
	       out[BL_FRAME - 1] == (int16_t)((timestamp + BL_FRAME - 1) % 30000 + 1);
}

static void test_first_packet_waits_for_the_target(void)
{
	bl_jbuf_init(&jbuf);
	CHECK_EQUAL(BL_JBUF_SILENT, bl_jbuf_get(&jbuf, out));
	put(8000, BL_FRAME, true);
	CHECK_EQUAL(BL_JBUF_SILENT, bl_jbuf_get(&jbuf, out));
	put(8160, BL_FRAME, true);
	CHECK_EQUAL(BL_JBUF_SILENT, bl_jbuf_get(&jbuf, out));
	CHECK_EQUAL(BL_JBUF_WHOLE, bl_jbuf_get(&jbuf, out));
	CHECK(plays(8000));
	CHECK_EQUAL(BL_JBUF_WHOLE, bl_jbuf_get(&jbuf, out));
	CHECK(plays(8160));
}

/* Any packet time, over the edge of 32 bits. */
static void packet_time(size_t count)
{
	uint32_t sent = 0xFFFFF000, played = sent;
	int whole = 0;

	bl_jbuf_init(&jbuf);
	for (int tick = 0; tick < 120; tick++) {
		while ((uint32_t)(tick * BL_FRAME) >= sent - 0xFFFFF000) {
			CHECK_EQUAL(BL_JBUF_TAKEN, put(sent, count, true));
			sent += (uint32_t)count;
		}
		if (bl_jbuf_get(&jbuf, out) == BL_JBUF_WHOLE) {
			whole++;
			CHECK(plays(played));
			played += BL_FRAME;
		}
	}
	CHECK_WITHIN(115, 118, whole);
}

static void test_packet_times(void)
{
	static const size_t counts[] = {80, 160, 240, 320, 480};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		packet_time(counts[i]);
}

static void test_reordered_packets_are_put_right(void)
{
	uint32_t t = 16000;

	bl_jbuf_init(&jbuf);
	put(t, BL_FRAME, true);
	put(t + 320, BL_FRAME, true);
	put(t + 160, BL_FRAME, false);
	bl_jbuf_get(&jbuf, out);
	bl_jbuf_get(&jbuf, out);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_EQUAL(BL_JBUF_WHOLE, bl_jbuf_get(&jbuf, out));
		CHECK(plays(t + i * BL_FRAME));
	}
}

static void test_loss_fades_to_silence(void)
{
	int before;

	bl_jbuf_init(&jbuf);
	put(0, BL_FRAME, true);
	for (int i = 0; i < 3; i++)
		bl_jbuf_get(&jbuf, out);
	CHECK(plays(0));
	for (int i = 0; i < 3; i++) {
		before = out[BL_FRAME - 1];
		CHECK_EQUAL(BL_JBUF_CONCEALED, bl_jbuf_get(&jbuf, out));
		CHECK(out[BL_FRAME - 1] < before);
	}
	CHECK_EQUAL(BL_JBUF_SILENT, bl_jbuf_get(&jbuf, out));
	CHECK_EQUAL(0, out[0]);
}

static void test_pause_conceals_nothing(void)
{
	bl_jbuf_init(&jbuf);
	put(0, BL_FRAME, true);
	bl_jbuf_pause(&jbuf);
	for (int i = 0; i < 3; i++)
		bl_jbuf_get(&jbuf, out);
	CHECK_EQUAL(BL_JBUF_SILENT, bl_jbuf_get(&jbuf, out));
}

/* A stall of the network is waited for, and the delay comes back when it is calm. */
static void test_late_packets_make_it_wait_longer(void)
{
	uint32_t sent = 0;

	bl_jbuf_init(&jbuf);
	for (int tick = 0; tick < 10; tick++, sent += BL_FRAME) {
		put(sent, BL_FRAME, true);
		bl_jbuf_get(&jbuf, out);
	}
	for (int tick = 0; tick < 5; tick++) /* 100 ms without a packet */
		bl_jbuf_get(&jbuf, out);
	CHECK_EQUAL(BL_JBUF_TAKEN, put(sent, BL_FRAME, true));
	CHECK_WITHIN(BL_JBUF_TARGET + 1, BL_JBUF_MAX, jbuf.target);
	CHECK_EQUAL(BL_JBUF_WHOLE, bl_jbuf_get(&jbuf, out));
	CHECK(plays(sent));
	for (int tick = 0; tick < 6000; tick++) {
		sent += BL_FRAME;
		put(sent, BL_FRAME, true);
		bl_jbuf_get(&jbuf, out);
	}
	CHECK_EQUAL(BL_JBUF_TARGET, jbuf.target);
	CHECK_WITHIN(0, BL_JBUF_TARGET + 2 * BL_FRAME, sent + BL_FRAME - jbuf.play);
}

static void test_straggler_is_late(void)
{
	bl_jbuf_init(&jbuf);
	put(8000, BL_FRAME, true);
	put(8320, BL_FRAME, true);
	for (int i = 0; i < 6; i++)
		bl_jbuf_get(&jbuf, out);
	CHECK_EQUAL(BL_JBUF_LATE, put(8160, BL_FRAME, false));
}

static void test_stray_timestamp_needs_a_second(void)
{
	bl_jbuf_init(&jbuf);
	put(8000, BL_FRAME, true);
	CHECK_EQUAL(BL_JBUF_STRAY, put(900000, BL_FRAME, true));
	CHECK_EQUAL(BL_JBUF_TAKEN, put(8160, BL_FRAME, true));
	CHECK_EQUAL(BL_JBUF_STRAY, put(900000, BL_FRAME, true));
	CHECK_EQUAL(BL_JBUF_TAKEN, put(900160, BL_FRAME, true));
	bl_jbuf_get(&jbuf, out);
	bl_jbuf_get(&jbuf, out);
	CHECK_EQUAL(BL_JBUF_WHOLE, bl_jbuf_get(&jbuf, out));
	CHECK(plays(900160));
}

/* A sender whose time stood still in a pause is not late for ever. */
static void test_timestamps_that_stood_still(void)
{
	uint32_t sent = 0;
	int whole = 0;

	bl_jbuf_init(&jbuf);
	for (int tick = 0; tick < 10; tick++, sent += BL_FRAME) {
		put(sent, BL_FRAME, true);
		bl_jbuf_get(&jbuf, out);
	}
	for (int tick = 0; tick < 40; tick++) /* 800 ms */
		bl_jbuf_get(&jbuf, out);
	for (int tick = 0; tick < 50; tick++, sent += BL_FRAME) {
		put(sent, BL_FRAME, true);
		whole += bl_jbuf_get(&jbuf, out) == BL_JBUF_WHOLE;
	}
	CHECK_WITHIN(30, 50, whole);
}

/* 1 % is far more than any two clocks differ: nothing may pile up, hardly anything get lost. */
static void drift(double rate)
{
	double due = 0.0;
	uint32_t sent = 0;
	int whole = 0;

	bl_jbuf_init(&jbuf);
	for (int tick = 0; tick < 3000; tick++, due += BL_FRAME * rate) {
		while (sent <= due) {
			put(sent, BL_FRAME, true);
			sent += BL_FRAME;
		}
		whole += bl_jbuf_get(&jbuf, out) == BL_JBUF_WHOLE;
		CHECK_WITHIN(0, BL_JBUF_MAX + BL_FRAME, jbuf.buffered);
	}
	CHECK_WITHIN(2900, 3000, whole);
}

static void test_drift(void)
{
	drift(1.01);
	drift(0.99);
}

/* Whatever comes, it stays within its memory (the sanitizers watch) and its counts agree. */
static void test_random_input(void)
{
	bl_jbuf_init(&jbuf);
	for (int i = 0; i < 200000; i++) {
		uint32_t have = 0;

		if (rand() % 3)
			put((uint32_t)rand() % (rand() % 50 ? 20000 : 4000000000u),
			    1 + (size_t)rand() % BL_JBUF_LONGEST, rand() % 2);
		else
			bl_jbuf_get(&jbuf, out);
		if (i % 1000)
			continue;
		for (int k = 0; k < BL_JBUF_SIZE; k++)
			have += jbuf.have[k];
		CHECK_EQUAL(have, jbuf.buffered);
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_first_packet_waits_for_the_target),
	CHECK_TEST(test_packet_times),
	CHECK_TEST(test_reordered_packets_are_put_right),
	CHECK_TEST(test_loss_fades_to_silence),
	CHECK_TEST(test_pause_conceals_nothing),
	CHECK_TEST(test_late_packets_make_it_wait_longer),
	CHECK_TEST(test_straggler_is_late),
	CHECK_TEST(test_stray_timestamp_needs_a_second),
	CHECK_TEST(test_timestamps_that_stood_still),
	CHECK_TEST(test_drift),
	CHECK_TEST(test_random_input),
};

CHECK_MAIN(tests)
