/*
 * share.h  Legs that hear the same get the same payload: one encode for all of them
 *
 * What does it do?  In a conference all who just listen hear the whole sum. It is coded once for
 *   each way of coding (codec, rate, bit rate …), however many they are.
 * How does it work?  While the bridge mixes, it gathers legs that hear the bare sum; where two or
 *   more code alike, the first one's encoder does it for all, and their own encoders rest. A leg
 *   that talks and falls silent joins them after a second: what it adds to the sum is nothing, so
 *   the sum less that is the sum. An encoder that begins or ends to serve is reset, so that what
 *   it sends does not build on what its listeners have not heard.
 * How do I use it?  bl_share_mix() after the sum was made; then a leg with `shared` sends that.
 */
#ifndef BL_SHARE_H
#define BL_SHARE_H
#include <stdint.h>
#include "codec.h"

struct bl_bridge;
struct bl_leg;
struct bl_worker;

enum {
	BL_SHARES = 4,	     /* ways of coding in one bridge that are shared */
	BL_SHARE_QUIET = 50, /* [ticks] of silence, 1 s, until a talker counts as a listener */
};

/* Who makes a leg's payload. */
enum bl_coding {
	BL_CODING_OWN = 0, /* its encoder, for itself */
	BL_CODING_SERVES,  /* its encoder, for itself and others */
	BL_CODING_RESTS,   /* another's */
};

struct bl_share {
	struct bl_leg *leader; /* NULL: unused this tick */
	int32_t count;	       /* of legs */
	int size;	       /* [bytes] of payload, 0: nothing is to be sent */
	uint8_t payload[BL_PAYLOAD_MAX];
};

struct bl_shares {
	struct bl_share way[BL_SHARES];
};

void bl_share_mix(struct bl_worker *worker, struct bl_bridge *bridge);

#endif
