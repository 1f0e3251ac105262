/*
 * latch.h  Whose packets are believed: symmetric RTP that a stranger cannot steal
 *
 * What does it do?  It says of each packet whether its source is the one we talk with, and so
 * where our own sound goes. How does it work?  The address that SDP named is believed at once and
 * always. Another one, such as a NAT gives, is believed after BL_LATCH_PROBATION packets of one
 * stream in their order, as long as nothing else is. From then on a different source must go on
 * with the same stream (SSRC and sequence, which a stranger off the path does not know), when the
 * former one has stopped: so a NAT may bind anew. What SRTP has authenticated needs no such rules.
 * How do I use it?  bl_latch_reset() when SDP names another address; bl_latch_admit() a packet.
 */
#ifndef BL_LATCH_H
#define BL_LATCH_H
#include "address.h"

enum {
	BL_LATCH_PROBATION = 3,	 /* [packets] */
	BL_LATCH_STOPPED = 10,	 /* [ticks], 200 ms: the former source has stopped */
	BL_LATCH_GOES_ON = 1000, /* [packets] that may be missing where a stream goes on */
};

/* A stream from somewhere: where it stands. */
struct bl_latch_source {
	union bl_address address;
	uint32_t ssrc;
	uint16_t seq;
};

struct bl_latch {
	struct bl_latch_source believed;
	bool latched, tried;
	uint64_t heard_tick;   /* when the believed one was last heard */
	union bl_address home; /* as SDP named it */
	struct bl_latch_source candidate;
	int32_t trial; /* [packets] of the candidate in order */
};

struct bl_latch_packet {
	const union bl_address *from;
	uint32_t ssrc;
	uint16_t seq;
	bool authentic; /* SRTP says so */
};

void bl_latch_reset(struct bl_latch *latch, const union bl_address *home);
bool bl_latch_admit(struct bl_latch *latch, const struct bl_latch_packet *packet, uint64_t now);
/* Where our own sound goes. */
const union bl_address *bl_latch_target(const struct bl_latch *latch);

#endif
