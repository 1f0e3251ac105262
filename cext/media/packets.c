/* packets.c  The jitter buffer's store: packets in any order in, the earliest out */
#include <string.h>
#include "packets.h"

void bl_packets_init(struct bl_packets *packets)
{
	packets->first = packets->last = -1;
	packets->blocks_left = BL_PACKETS_BLOCKS;
	packets->free_packets = UINT64_MAX;
	packets->free_blocks[0] = UINT64_MAX;
	packets->free_blocks[1] = UINT64_MAX >> (128 - BL_PACKETS_BLOCKS);
}

bool bl_packets_fit(const struct bl_packets *packets, size_t size)
{
	return packets->free_packets && size <= (size_t)packets->blocks_left * BL_PACKETS_BLOCK;
}

/* The first free one: it is used all the time, and so is in the cache. */
static uint8_t take_first(uint64_t *of)
{
	int bit = __builtin_ctzll(*of);

	*of &= *of - 1;
	return (uint8_t)bit;
}

static uint8_t take_block(struct bl_packets *packets)
{
	packets->blocks_left--;
	if (packets->free_blocks[0])
		return take_first(&packets->free_blocks[0]);
	return (uint8_t)(64 + take_first(&packets->free_blocks[1]));
}

static void free_block(struct bl_packets *packets, uint8_t block)
{
	packets->blocks_left++;
	packets->free_blocks[block / 64] |= (uint64_t)1 << block % 64;
}

/* Copies a payload into a chain of free blocks; returns the first. */
static uint8_t store(struct bl_packets *packets, const uint8_t *payload, size_t size)
{
	uint8_t first = take_block(packets), block = first;

	for (; size > BL_PACKETS_BLOCK; size -= BL_PACKETS_BLOCK) {
		memcpy(packets->bytes[block], payload, BL_PACKETS_BLOCK);
		payload += BL_PACKETS_BLOCK;
		packets->chain[block] = take_block(packets);
		block = packets->chain[block];
	}
	memcpy(packets->bytes[block], payload, size);
	return first;
}

/* The last packet whose sound is not after this one; -1: it goes first. */
static int8_t place(const struct bl_packets *packets, int64_t at)
{
	int8_t before = -1;

	if (packets->last >= 0 && packets->packets[packets->last].at <= at)
		return packets->last;
	for (int8_t i = packets->first; i >= 0; i = packets->packets[i].next) {
		if (packets->packets[i].at > at)
			break;
		before = i;
	}
	return before;
}

bool bl_packets_put(struct bl_packets *packets, const struct bl_packet *packet,
		    const uint8_t *payload)
{
	int8_t before = place(packets, packet->at), here;
	struct bl_packet *slot;

	if (!packet->size || !bl_packets_fit(packets, packet->size) ||
	    (before >= 0 && packets->packets[before].at == packet->at))
		return false;
	here = (int8_t)take_first(&packets->free_packets);
	slot = &packets->packets[here];
	*slot = *packet;
	slot->block = store(packets, payload, packet->size);
	if (before >= 0) {
		slot->next = packets->packets[before].next;
		packets->packets[before].next = here;
	} else {
		slot->next = packets->first;
		packets->first = here;
	}
	if (slot->next < 0)
		packets->last = here;
	return true;
}

const struct bl_packet *bl_packets_first(const struct bl_packets *packets)
{
	return packets->first < 0 ? NULL : &packets->packets[packets->first];
}

const uint8_t *bl_packets_peek(const struct bl_packets *packets, uint8_t *room)
{
	const struct bl_packet *packet = &packets->packets[packets->first];
	uint8_t block = packet->block;
	size_t done = BL_PACKETS_BLOCK;

	while (done < packet->size && packets->chain[block] == block + 1) {
		block++;
		done += BL_PACKETS_BLOCK;
	}
	if (done >= packet->size)
		return packets->bytes[packet->block];
	block = packet->block;
	for (done = 0; done < packet->size; done += BL_PACKETS_BLOCK) {
		size_t part = packet->size - done;

		part = part < BL_PACKETS_BLOCK ? part : BL_PACKETS_BLOCK;
		memcpy(room + done, packets->bytes[block], part);
		block = packets->chain[block];
	}
	return room;
}

void bl_packets_drop(struct bl_packets *packets)
{
	int8_t here = packets->first;
	const struct bl_packet *packet = &packets->packets[here];
	uint8_t block = packet->block;

	for (size_t done = 0; done < packet->size; done += BL_PACKETS_BLOCK) {
		uint8_t next = packets->chain[block];

		free_block(packets, block);
		block = next;
	}
	packets->first = packet->next;
	if (packets->first < 0)
		packets->last = -1;
	packets->free_packets |= (uint64_t)1 << here;
}
