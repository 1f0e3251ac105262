/* packets.c  The jitter buffer's store: packets in any order in, the earliest out */
#include <string.h>
#include "packets.h"

void bl_packets_init(struct bl_packets *packets)
{
	packets->first = packets->last = -1;
	packets->blocks_left = BL_PACKETS_BLOCKS;
	packets->packets_left = BL_PACKETS_MAX;
	for (int i = 0; i < BL_PACKETS_BLOCKS; i++)
		packets->free_blocks[i] = (uint8_t)i;
	for (int i = 0; i < BL_PACKETS_MAX; i++)
		packets->free_packets[i] = (uint8_t)i;
}

bool bl_packets_fit(const struct bl_packets *packets, size_t size)
{
	return packets->packets_left && size <= (size_t)packets->blocks_left * BL_PACKETS_BLOCK;
}

/* Copies a payload into a chain of free blocks; returns the first. */
static uint8_t store(struct bl_packets *packets, const uint8_t *payload, size_t size)
{
	uint8_t first = packets->free_blocks[packets->blocks_left - 1];

	while (size) {
		size_t part = size < BL_PACKETS_BLOCK ? size : BL_PACKETS_BLOCK;
		uint8_t block = packets->free_blocks[--packets->blocks_left];

		memcpy(packets->bytes[block], payload, part);
		payload += part;
		size -= part;
		if (size)
			packets->chain[block] = packets->free_blocks[packets->blocks_left - 1];
	}
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
	here = (int8_t)packets->free_packets[--packets->packets_left];
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

void bl_packets_peek(const struct bl_packets *packets, uint8_t *payload)
{
	const struct bl_packet *packet = &packets->packets[packets->first];
	uint8_t block = packet->block;

	for (size_t done = 0; done < packet->size; done += BL_PACKETS_BLOCK) {
		size_t part = packet->size - done;

		part = part < BL_PACKETS_BLOCK ? part : BL_PACKETS_BLOCK;
		memcpy(payload + done, packets->bytes[block], part);
		block = packets->chain[block];
	}
}

void bl_packets_drop(struct bl_packets *packets)
{
	int8_t here = packets->first;
	const struct bl_packet *packet = &packets->packets[here];
	uint8_t block = packet->block;

	for (size_t done = 0; done < packet->size; done += BL_PACKETS_BLOCK) {
		packets->free_blocks[packets->blocks_left++] = block;
		block = packets->chain[block];
	}
	packets->first = packet->next;
	if (packets->first < 0)
		packets->last = -1;
	packets->free_packets[packets->packets_left++] = (uint8_t)here;
}
