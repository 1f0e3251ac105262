/*
 * udptl.h  T.38's UDP transport (ITU-T T.38 §9.1): datagrams with a way to survive loss
 *
 * What does it do?  Each datagram carries one IFP packet, its sequence number and something to
 *   recover the packets before it: copies of them (redundancy) or parities over them (FEC).
 * How does it work?  The receiver hands IFP packets over in the order of their numbers, each
 *   once. What a datagram repairs is handed over right before it; what comes later than its
 *   successor has been repaired by it, or is given up, as modems cannot wait. Parity m of a
 *   datagram s covers the packets s + m - i * parities, i from 1 to the span (T.38 §9.1.4.2).
 * How do I use it?  bl_udptl_receive() for each datagram; bl_udptl_build() for each IFP packet.
 *   Both structures begin as zeroes.
 */
#ifndef BL_UDPTL_H
#define BL_UDPTL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"

enum {
	BL_UDPTL_MAX = 1400,	/* [bytes] of a datagram */
	BL_UDPTL_IFP_MAX = 400, /* [bytes] of an IFP packet; 128 bit rates times 40 ms need 80 */
	BL_UDPTL_ENTRIES = 8,	/* copies or parities that are looked at */
	BL_UDPTL_SPAN = 8,	/* packets under one parity */
	BL_UDPTL_HISTORY = 128, /* [packets] kept to repair others; a power of two */
};

struct bl_udptl_piece {
	const uint8_t *data;
	size_t size;
};

/* A datagram, cut up; the pieces point into it. */
struct bl_udptl {
	uint16_t seq;
	enum bl_udptl_repair repair; /* what the entries are */
	struct bl_udptl_piece ifp;
	int32_t count; /* entries: copies, the newest first, or parities */
	int32_t span;  /* [packets] under each parity */
	struct bl_udptl_piece entries[BL_UDPTL_ENTRIES];
};

struct bl_udptl_slot {
	uint16_t seq;
	uint16_t size; /* 0: empty */
	uint8_t data[BL_UDPTL_IFP_MAX];
};

struct bl_udptl_receiver {
	bool running;
	uint16_t next; /* seq that is due */
	uint64_t received, malformed, late, lost, repaired;
	struct bl_udptl_slot history[BL_UDPTL_HISTORY];
};

struct bl_udptl_sender {
	enum bl_udptl_repair repair;
	int32_t count;	/* copies or parities, up to BL_UDPTL_ENTRIES */
	int32_t span;	/* [packets] under a parity, up to BL_UDPTL_SPAN */
	size_t largest; /* [bytes] of a datagram the far end takes (T38FaxMaxDatagram), 0: any */
	uint16_t next;	/* seq of the next datagram */
	uint32_t history_size; /* [packets] sent so far, up to BL_UDPTL_HISTORY */
	struct bl_udptl_slot history[BL_UDPTL_HISTORY];
};

typedef void bl_udptl_ifp(void *user, uint16_t seq, const uint8_t *ifp, size_t size);

/* BL_OK, or BL_EINVAL where lengths do not fit. */
int bl_udptl_parse(const uint8_t *data, size_t size, struct bl_udptl *out);
/* Hands over what became known, in order. */
int bl_udptl_receive(struct bl_udptl_receiver *receiver, const uint8_t *data, size_t size,
		     bl_udptl_ifp *take, void *user);
/* Returns the bytes of the datagram, or BL_EINVAL: the packet is too long or there is no room. */
int bl_udptl_build(struct bl_udptl_sender *sender, const uint8_t *ifp, size_t size, uint8_t *out,
		   size_t room);

#endif
