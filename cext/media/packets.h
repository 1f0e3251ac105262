/*
 * packets.h  The jitter buffer's store: packets in any order in, the earliest out
 *
 * What does it do?  It keeps a leg's undecoded packets in the order of their sound, within a fixed
 *   amount of memory; duplicates are refused.
 * How does it work?  Payloads lie in chains of small blocks, so that small packets and large ones
 *   share the same bytes; a list sorted by position runs through the packets.
 * How do I use it?  bl_packets_init(), bl_packets_put() as they come, bl_packets_first() to look,
 *   bl_packets_peek() at its payload, bl_packets_drop() to let go of it.
 */
#ifndef BL_PACKETS_H
#define BL_PACKETS_H
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BL_PACKETS_BLOCK = 64,	/* [bytes] */
	BL_PACKETS_BLOCKS = 88, /* 580 ms of G.711 at 20 ms a packet */
	BL_PACKETS_MAX = 64,	/* 160 ms of packets of 2.5 ms */
};

struct bl_packet {
	int64_t at;	  /* [samples] of the sender's time line */
	uint16_t seq;	  /* RTP sequence number */
	uint16_t size;	  /* [bytes] of payload */
	uint16_t samples; /* it holds so many */
	bool resumes;	  /* the sender paused on purpose before it */
	uint8_t block;	  /* first of its chain */
	int8_t next;	  /* packet, in the order of sound; -1: the last */
};

/* What is used at one time lies together, and where it lay the last time. */
struct bl_packets {
	uint64_t free_packets;		  /* a bit each */
	uint64_t free_blocks[2];	  /* a bit each */
	int8_t first, last;		  /* -1: none */
	uint8_t blocks_left;		  /* that are free */
	uint8_t chain[BL_PACKETS_BLOCKS]; /* block -> next block of the same packet */
	struct bl_packet packets[BL_PACKETS_MAX];
	alignas(64) uint8_t bytes[BL_PACKETS_BLOCKS][BL_PACKETS_BLOCK];
};

void bl_packets_init(struct bl_packets *packets);
/* Is there room for so many bytes? */
bool bl_packets_fit(const struct bl_packets *packets, size_t size);
/* Copies payload in; false: no room, or this very packet is there. Fills block and next itself. */
bool bl_packets_put(struct bl_packets *packets, const struct bl_packet *packet,
		    const uint8_t *payload);
/* The earliest, NULL: there is none. */
const struct bl_packet *bl_packets_first(const struct bl_packets *packets);
/* The earliest packet's payload, until the next bl_packets_put(); room: for its size. */
const uint8_t *bl_packets_peek(const struct bl_packets *packets, uint8_t *room);
/* Lets go of the earliest. */
void bl_packets_drop(struct bl_packets *packets);

#endif
