/* test_packets.c  The jitter buffer's store: order, duplicates, room, chains of blocks */
#include <stdlib.h>
#include "check.h"
#include "packets.h"

static struct bl_packets packets;
static uint8_t payload[2000], got[2000];

static bool put(int64_t at, uint16_t size)
{
	for (size_t i = 0; i < size; i++)
		payload[i] = (uint8_t)((size_t)at * 7 + i);
	return bl_packets_put(&packets, &(struct bl_packet){.at = at, .size = size}, payload);
}

/* The earliest, whole. */
static int64_t take(void)
{
	const struct bl_packet *first = bl_packets_first(&packets);
	const uint8_t *payload_of_first;
	int64_t at;

	if (!first)
		return -1;
	at = first->at;
	payload_of_first = bl_packets_peek(&packets, got);
	for (size_t i = 0; i < first->size; i++)
		CHECK_EQUAL((uint8_t)((size_t)at * 7 + i), payload_of_first[i]);
	bl_packets_drop(&packets);
	return at;
}

static void test_order(void)
{
	bl_packets_init(&packets);
	CHECK(put(320, 160));
	CHECK(put(0, 33));
	CHECK(put(480, 64));
	CHECK(put(160, 65));
	CHECK_EQUAL(0, take());
	CHECK_EQUAL(160, take());
	CHECK_EQUAL(320, take());
	CHECK(put(400, 1));
	CHECK_EQUAL(400, take());
	CHECK_EQUAL(480, take());
	CHECK_EQUAL(-1, take());
}

static void test_duplicates_and_nothing_are_refused(void)
{
	bl_packets_init(&packets);
	CHECK(put(160, 10));
	CHECK(put(320, 10));
	CHECK(!put(160, 10));
	CHECK(!put(320, 20));
	CHECK(!put(480, 0));
	CHECK_EQUAL(160, take());
	CHECK_EQUAL(320, take());
	CHECK_EQUAL(-1, take());
}

static void test_room(void)
{
	int count = 0;

	bl_packets_init(&packets);
	while (put(count * 160, 160))
		count++;
	CHECK_WITHIN(25, 40, count); /* half a second of G.711 */
	CHECK(!bl_packets_fit(&packets, 160));
	CHECK_EQUAL(0, take());
	CHECK(put(1000000, 160));
	for (int i = 1; i < count; i++)
		CHECK_EQUAL(i * 160, take());
	CHECK_EQUAL(1000000, take());
	for (count = 0; put(count, 1275);)
		count++;
	CHECK_WITHIN(4, 10, count); /* the largest Opus packets */
	while (take() >= 0)
		;
	for (count = 0; put(count, 20);)
		count++;
	CHECK_EQUAL(BL_PACKETS_MAX, count);
	CHECK_WITHIN(0, 12 * 1024, sizeof(packets));
}

/* After anything, all of its room is there again. */
static void test_random_use_loses_no_room(void)
{
	bl_packets_init(&packets);
	for (int i = 0; i < 100000; i++) {
		if (rand() % 2)
			put(rand() % 10000, (uint16_t)(rand() % 300));
		else
			take();
	}
	while (take() >= 0)
		;
	CHECK_EQUAL(BL_PACKETS_BLOCKS, packets.blocks_left);
	CHECK_EQUAL(BL_PACKETS_MAX, __builtin_popcountll(packets.free_packets));
	CHECK_EQUAL(BL_PACKETS_BLOCKS, __builtin_popcountll(packets.free_blocks[0]) +
					       __builtin_popcountll(packets.free_blocks[1]));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_order),
	CHECK_TEST(test_duplicates_and_nothing_are_refused),
	CHECK_TEST(test_room),
	CHECK_TEST(test_random_use_loses_no_room),
};

CHECK_MAIN(tests)
