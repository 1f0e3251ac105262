/* test_digits.c  Queued digits: their times, as events and as tones */
#include <stdint.h>
#include "branchline_media.h"
#include "check.h"
#include "digits.h"
#include "frame.h"

enum { MOST = 32 };

/* Runs the queue to its end; returns the ticks, and the packets that were sent. */
static int run_events(struct bl_digits *digits, uint32_t samples,
		      struct bl_telephone_packet packets[MOST], int *count)
{
	int ticks = 0, tick;

	*count = 0;
	for (; bl_digits_now(digits, &tick) && ticks < MOST; ticks++) {
		*count += bl_digits_event(digits, (uint32_t)ticks * samples, samples,
					  &packets[*count]);
		bl_digits_advance(digits);
	}
	return ticks;
}

/* 100 ms and 60 ms: five packets that grow, then three ends. */
static void test_event(void)
{
	static struct bl_telephone_packet packets[MOST];
	struct bl_digits digits = {0};
	int count;

	CHECK(bl_digits_add(&digits, '5'));
	CHECK_EQUAL(8, run_events(&digits, 160, packets, &count));
	CHECK_EQUAL(8, count);
	for (int i = 0; i < 8; i++) {
		CHECK_EQUAL(i == 0, packets[i].marker);
		CHECK_EQUAL(0, packets[i].timestamp);
		CHECK_EQUAL(5, packets[i].event.event);
		CHECK_EQUAL(i >= 5, packets[i].event.end);
		CHECK_EQUAL(i < 5 ? 160 * (i + 1) : 800, packets[i].event.duration);
		CHECK_EQUAL(BL_DIGITS_VOLUME, packets[i].event.volume);
	}
}

/* In the clock of any stream the far end is told just these times, of a digit and of a flash. */
static void test_told_times(void)
{
	static const uint32_t clocks[] = {8000, 16000, 48000};
	static struct bl_telephone_packet packets[MOST];

	for (size_t k = 0; k < sizeof(clocks) / sizeof(clocks[0]); k++) {
		struct bl_telephone_receiver receiver = {.clock = clocks[k]};
		struct bl_digits digits = {0};
		int count, begun = 0, ended = 0;

		CHECK(bl_digits_add(&digits, '#'));
		CHECK(bl_digits_add(&digits, '!'));
		CHECK_EQUAL(16, run_events(&digits, clocks[k] / 50, packets, &count));
		CHECK_EQUAL(16, count);
		for (int i = 0; i < count; i++) {
			struct bl_telephone_told told[BL_TELEPHONE_TOLD];
			size_t got = bl_telephone_take(&receiver, packets[i].timestamp,
						       &packets[i].event, told);

			for (size_t t = 0; t < got; t++) {
				int *which = told[t].ended ? &ended : &begun;

				CHECK_EQUAL(++*which == 1 ? 11 : 16, told[t].event);
				if (told[t].ended)
					CHECK_EQUAL(100, told[t].ms);
			}
		}
		CHECK_EQUAL(2, begun);
		CHECK_EQUAL(2, ended);
	}
}

static void test_empty_queue(void)
{
	struct bl_digits digits = {0};
	int tick;

	CHECK_EQUAL(0, bl_digits_now(&digits, &tick));
	bl_digits_advance(&digits);
	CHECK_EQUAL(0, digits.tick);
}

static void test_full_queue(void)
{
	struct bl_digits digits = {0};
	int tick;

	for (int i = 0; i < BL_DIGITS_QUEUE; i++)
		CHECK(bl_digits_add(&digits, (char)('0' + i % 10)));
	CHECK(!bl_digits_add(&digits, '1'));
	for (int i = 0; i < BL_DIGITS_QUEUE; i++) {
		CHECK_EQUAL('0' + i % 10, bl_digits_now(&digits, &tick));
		for (int k = 0; k < BL_DIGITS_ON + BL_DIGITS_GAP; k++)
			bl_digits_advance(&digits);
	}
	CHECK_EQUAL(0, bl_digits_now(&digits, &tick));
}

/* As a tone: sound for just its time, silence for the gap; a flash leaves the sound alone. */
static void test_tones(void)
{
	struct bl_digits digits = {0};
	int16_t frame[BL_FRAME];
	int tick, last = -1, first = -1;

	CHECK(bl_digits_add(&digits, '1'));
	for (int at = 0; bl_digits_now(&digits, &tick); at += BL_FRAME) {
		bl_digits_tone(&digits, BL_RATE, frame);
		for (int i = 0; i < BL_FRAME; i++) {
			if (frame[i] && first < 0)
				first = at + i;
			if (frame[i])
				last = at + i;
		}
		bl_digits_advance(&digits);
	}
	CHECK_WITHIN(0, 2, first);
	CHECK_WITHIN(100 * 8 - 4, 100 * 8 - 1, last);
	CHECK(bl_digits_add(&digits, '!'));
	for (int i = 0; i < 3; i++) {
		frame[7] = 1234;
		bl_digits_tone(&digits, BL_RATE, frame);
		CHECK_EQUAL(1234, frame[7]);
		bl_digits_advance(&digits);
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_event),	     CHECK_TEST(test_told_times), CHECK_TEST(test_empty_queue),
	CHECK_TEST(test_full_queue), CHECK_TEST(test_tones),
};

CHECK_MAIN(tests)
