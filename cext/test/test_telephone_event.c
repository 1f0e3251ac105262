/* test_telephone_event.c  DTMF digits as RTP payload: lengths, and each digit once */
#include <stdint.h>
#include "branchline_media.h"
#include "check.h"
#include "telephone_event.h"

static char receive(struct bl_telephone_receiver *receiver, uint32_t timestamp, int event,
		    uint16_t duration)
{
	return bl_telephone_receive(receiver, timestamp,
				    &(struct bl_telephone_event){
					    .event = (uint8_t)event,
					    .duration = duration,
				    });
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
}

static const struct check_test tests[] = {
	CHECK_TEST(test_known_payload),
	CHECK_TEST(test_digit_is_told_once),
	CHECK_TEST(test_only_the_end_came),
	CHECK_TEST(test_long_digit_goes_on_in_segments),
	CHECK_TEST(test_other_events_are_no_digits),
};

CHECK_MAIN(tests)
