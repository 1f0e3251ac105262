/* test_telephone_event.c  DTMF digits as RTP payload: lengths, each digit once */
#include <stdint.h>
#include <stdlib.h>
#include "branchline_media.h"
#include "check.h"
#include "telephone_event.h"

/* The digit that the packet begins, else 0. */
static char receive(struct bl_telephone_receiver *receiver, uint32_t timestamp, int event,
		    uint16_t duration)
{
	struct bl_telephone_event packet = {.event = (uint8_t)event, .duration = duration};
	struct bl_telephone_told told[BL_TELEPHONE_TOLD];
	size_t count = bl_telephone_take(receiver, timestamp, &packet, told);

	for (size_t i = 0; i < count; i++) {
		if (!told[i].ended && told[i].event < BL_TELEPHONE_FLASH)
			return bl_telephone_digit(told[i].event);
	}
	return 0;
}

static void test_known_payload(void)
{
	/* event 11 (#), end, volume 10, duration 800 */
	const uint8_t payload[] = {11, 0x8A, 0x03, 0x20};
	struct bl_telephone_event event;
	uint8_t built[4];

	CHECK_EQUAL(BL_OK, bl_telephone_event_parse(payload, sizeof(payload), &event));
	CHECK_EQUAL(11, event.event);
	CHECK(event.end);
	CHECK_EQUAL(10, event.volume);
	CHECK_EQUAL(800, event.duration);
	bl_telephone_event_build(built, &event);
	CHECK_EQUAL(0, memcmp(payload, built, sizeof(built)));
	for (size_t size = 0; size < 4; size++)
		CHECK_EQUAL(BL_EINVAL, bl_telephone_event_parse(payload, size, &event));
}

static void test_digit_is_told_once(void)
{
	struct bl_telephone_receiver receiver = {0};

	CHECK_EQUAL('5', receive(&receiver, 1000, 5, 160));
	for (uint16_t i = 2; i < 6; i++)
		CHECK_EQUAL(0, receive(&receiver, 1000, 5, (uint16_t)(i * 160)));
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(0, receive(&receiver, 1000, 5, 800));
	CHECK_EQUAL('5', receive(&receiver, 2280, 5, 160));
	CHECK_EQUAL(0, receive(&receiver, 1000, 5, 800)); /* a straggler of the first */
}

static void test_only_the_end_came(void)
{
	struct bl_telephone_receiver receiver = {0};

	CHECK_EQUAL('*', receive(&receiver, 0xFFFFFF00, 10, 800));
	CHECK_EQUAL('D', receive(&receiver, 0x00000400, 15, 800)); /* over the edge of 32 bits */
}

static void test_long_digit_goes_on_in_segments(void)
{
	struct bl_telephone_receiver receiver = {0};

	CHECK_EQUAL('1', receive(&receiver, 0, 1, 160));
	CHECK_EQUAL(0, receive(&receiver, 0, 1, 0xFFFF));
	CHECK_EQUAL(0, receive(&receiver, 0xFFFF, 1, 160)); /* RFC 4733 §2.5.1.3 */
	CHECK_EQUAL('1', receive(&receiver, 0xFFFF + 4000, 1, 160));
}

static void test_other_events_are_no_digits(void)
{
	struct bl_telephone_receiver receiver = {0};

	CHECK_EQUAL(0, receive(&receiver, 0, 16, 160)); /* flash */
	CHECK_EQUAL(0, receive(&receiver, 160, 255, 160));
	CHECK_EQUAL(-1, bl_telephone_event_of('x'));
	CHECK_EQUAL(-1, bl_telephone_event_of(0));
	CHECK_EQUAL(12, bl_telephone_event_of('A'));
	CHECK_EQUAL(BL_TELEPHONE_FLASH, bl_telephone_event_of('!'));
	CHECK_EQUAL('D', bl_telephone_digit(15));
	CHECK_EQUAL('!', bl_telephone_digit(16));
	CHECK_EQUAL(0, bl_telephone_digit(17));
}

static size_t take(struct bl_telephone_receiver *receiver, uint32_t timestamp, int event,
		   uint16_t duration, struct bl_telephone_told told[BL_TELEPHONE_TOLD])
{
	return bl_telephone_take(receiver, timestamp,
				 &(struct bl_telephone_event){
					 .event = (uint8_t)event,
					 .end = duration & 1,
					 .volume = 7,
					 .duration = duration,
				 },
				 told);
}

/* An odd duration is an end here. */
static void test_begin_and_end(void)
{
	struct bl_telephone_receiver receiver = {.clock = 16000};
	struct bl_telephone_told told[BL_TELEPHONE_TOLD];

	CHECK_EQUAL(1, take(&receiver, 500, 66, 320, told)); /* ring tone, RFC 4733 §3.6 */
	CHECK_EQUAL(66, told[0].event);
	CHECK(!told[0].ended);
	CHECK_EQUAL(20, told[0].ms);
	CHECK_EQUAL(7, told[0].volume);
	CHECK_EQUAL(0, take(&receiver, 500, 66, 1600, told));
	CHECK_EQUAL(1, take(&receiver, 500, 66, 3201, told));
	CHECK(told[0].ended);
	CHECK_EQUAL(200, told[0].ms);
	CHECK_EQUAL(0, take(&receiver, 500, 66, 3201, told)); /* its end again */
	CHECK_EQUAL(0, take(&receiver, 500, 66, 1600, told)); /* a straggler */
	/* all ends of one are lost: the next one ends it; a whole event in one packet */
	CHECK_EQUAL(1, take(&receiver, 5000, 16, 1600, told));
	CHECK_EQUAL(3, take(&receiver, 9000, 255, 801, told));
	CHECK(told[0].ended && told[0].event == 16 && told[0].ms == 100);
	CHECK(!told[1].ended && told[1].event == 255);
	CHECK(told[2].ended && told[2].event == 255 && told[2].ms == 50);
}

static void test_end_after_silence(void)
{
	struct bl_telephone_receiver receiver = {0};
	struct bl_telephone_told told[BL_TELEPHONE_TOLD];
	int ticks = 1;

	CHECK(!bl_telephone_tick(&receiver, told));
	take(&receiver, 0, 5, 160, told);
	for (int i = 0; i < 5; i++)
		CHECK(!bl_telephone_tick(&receiver, told));
	take(&receiver, 0, 5, 800, told);
	while (!bl_telephone_tick(&receiver, told) && ticks < 100)
		ticks++;
	CHECK_EQUAL(10, ticks); /* 200 ms */
	CHECK(told[0].ended && told[0].ms == 100);
	CHECK(!bl_telephone_tick(&receiver, told));
	CHECK_EQUAL(0, take(&receiver, 0, 5, 1600, told)); /* it went on after all */
	CHECK_EQUAL(0, take(&receiver, 0xFFFF, 5, 160, told));
	CHECK_EQUAL(0, take(&receiver, 0xFFFF, 5, 801, told));
	CHECK_EQUAL(2, take(&receiver, 0xFFFF + 2000, 5, 801, told));
}

/* A new stream with lower timestamps is not taken for stragglers of the old one. */
static void test_timestamps_that_jump_back(void)
{
	struct bl_telephone_receiver receiver = {0};

	CHECK_EQUAL('1', receive(&receiver, 4000000, 1, 160));
	CHECK_EQUAL(0, receive(&receiver, 4000000 - 79999, 2, 160));
	CHECK_EQUAL('2', receive(&receiver, 4000000 - 80001, 2, 160));
}

struct sent {
	struct bl_telephone_packet packet;
	int number; /* of the event */
	uint32_t ms;
};

enum { EVENTS = 6, MOST = 2000 };

/* Events of any length, each followed by three ends. */
static size_t send_events(uint32_t clock, struct sent *row)
{
	struct bl_telephone_sender sender;
	uint32_t timestamp = (uint32_t)rand() * 2, samples = clock / 50;
	size_t count = 0;

	for (int number = 0; number < EVENTS; number++) {
		int on = 2 + rand() % (number == 3 ? 200 : 10);

		bl_telephone_start(&sender, (uint8_t)(rand() % 3), 10, timestamp);
		for (int tick = 0; tick < on + BL_TELEPHONE_ENDS; tick++) {
			bl_telephone_next(&sender, samples, tick >= on, &row[count].packet);
			row[count].number = number;
			row[count++].ms = (uint32_t)on * 20;
		}
		timestamp += samples * (uint32_t)(on + 3);
	}
	return count;
}

/* Loses, doubles and mixes up packets. */
static size_t pass(const struct sent *row, size_t count, int lost, struct sent *out)
{
	size_t through = 0;

	for (size_t i = 0; i < count; i++) {
		if (rand() % 100 < lost)
			continue;
		out[through++] = row[i];
		if (rand() % 100 < 10)
			out[through++] = row[i];
	}
	for (size_t i = 0; i + 1 < through; i++) {
		size_t other = i + (size_t)rand() % 4;

		if (rand() % 100 < lost && other < through) {
			struct sent swapped = out[i];

			out[i] = out[other];
			out[other] = swapped;
		}
	}
	return through;
}

/* What must be told is known from the numbers: each event once, when its first packet comes. */
static void judge(uint32_t clock, const struct sent *row, size_t count)
{
	struct bl_telephone_receiver receiver = {.clock = clock};
	int newest = -1;
	bool ended = true;

	for (size_t i = 0; i < count; i++) {
		struct bl_telephone_told told[BL_TELEPHONE_TOLD];
		size_t got = bl_telephone_take(&receiver, row[i].packet.timestamp,
					       &row[i].packet.event, told);
		size_t at = 0;

		if (row[i].number > newest) {
			if (!ended)
				CHECK(at < got && told[at++].ended);
			CHECK(at < got && !told[at].ended &&
			      told[at].event == row[i].packet.event.event);
			at++;
			newest = row[i].number;
			ended = false;
		}
		if (row[i].number == newest && row[i].packet.event.end && !ended) {
			CHECK(at < got && told[at].ended && told[at].ms == row[i].ms);
			at++;
			ended = true;
		}
		CHECK_EQUAL(at, got);
	}
}

static void test_each_event_once_whatever_the_network_does(void)
{
	static struct sent row[MOST], through[2 * MOST];
	static const uint32_t clocks[] = {8000, 16000, 48000};

	srand(5);
	for (int round = 0; round < 600; round++) {
		uint32_t clock = clocks[round % 3];
		size_t count = send_events(clock, row);

		count = pass(row, count, round % 50, through);
		judge(clock, through, count);
	}
}

/* RFC 4733 §2.5.1.3: 3 s at 48 kHz are three segments, told as one event. */
static void test_segments_of_a_long_event(void)
{
	struct bl_telephone_receiver receiver = {.clock = 48000};
	struct bl_telephone_told told[BL_TELEPHONE_TOLD];
	struct bl_telephone_sender sender;
	struct bl_telephone_packet packet;
	uint32_t last = 1000;
	int markers = 0, segments = 1, begins = 0, full = 0;

	bl_telephone_start(&sender, 5, 10, last);
	for (int tick = 0; tick < 153; tick++) {
		size_t got;

		bl_telephone_next(&sender, 960, tick >= 150, &packet);
		markers += packet.marker;
		full += packet.event.duration == 0xFFFF;
		if (packet.timestamp != last)
			CHECK_EQUAL(65535, packet.timestamp - last);
		segments += packet.timestamp != last;
		last = packet.timestamp;
		got = bl_telephone_take(&receiver, packet.timestamp, &packet.event, told);
		begins += got && !told[0].ended;
		CHECK_EQUAL(tick == 0 || tick == 150 ? 1 : 0, got);
		if (tick == 150)
			CHECK(told[0].ended && told[0].ms == 3000);
	}
	CHECK_EQUAL(1, markers);
	CHECK_EQUAL(1, begins);
	CHECK_EQUAL(3, segments);
	CHECK_EQUAL(2, full); /* each segment but the last goes to its end */
}

static const struct check_test tests[] = {
	CHECK_TEST(test_known_payload),
	CHECK_TEST(test_digit_is_told_once),
	CHECK_TEST(test_only_the_end_came),
	CHECK_TEST(test_long_digit_goes_on_in_segments),
	CHECK_TEST(test_other_events_are_no_digits),
	CHECK_TEST(test_begin_and_end),
	CHECK_TEST(test_end_after_silence),
	CHECK_TEST(test_timestamps_that_jump_back),
	CHECK_TEST(test_each_event_once_whatever_the_network_does),
	CHECK_TEST(test_segments_of_a_long_event),
};

CHECK_MAIN(tests)
