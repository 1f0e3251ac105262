/*
 * bridge.h  Who hears whom: two legs, or many
 *
 * What does it do?  It gives each leg the sound of the others, at the leg's own rate.
 * How does it work?  Where two legs just hear each other, one hears the other's frame and nothing
 *   is added up. Otherwise all that is said goes into one sum at the highest rate of its legs, and
 *   each leg hears the sum less its own part: the work is linear in the number of legs.
 * How do I use it?  A bridge is a value: a command replaces it whole, in one tick, so that a leg
 *   that stays or moves to another bridge misses nothing.
 */
#ifndef BL_BRIDGE_H
#define BL_BRIDGE_H
#include <stdbool.h>
#include <stdint.h>
#include "branchline_media.h"
#include "node.h"
#include "share.h"

struct bl_leg;

struct bl_bridge_member {
	struct bl_leg *leg;
	struct bl_leg *to;	/* of a whisper: who hears it */
	struct bl_share *share; /* this tick: whose payload it gets, NULL: its own */
	enum bl_role role;
};

struct bl_bridge {
	struct bl_node node;
	int32_t slot;  /* in the tick's table */
	int32_t count; /* of members: legs may leave before the bridge is replaced */
	int32_t rate;  /* [Hz], the highest of its legs' */
	bool plain;    /* two legs that hear each other */
	bool whispered;
	int32_t *sum;		  /* [BL_FRAME_MAX], NULL where it is plain */
	struct bl_shares *shares; /* NULL where it is plain */
	struct bl_bridge_member members[];
};

/* The caller's side. */
int bl_bridge_new(int32_t count, struct bl_bridge **out);
/* After its members were set. */
int bl_bridge_ready(struct bl_bridge *bridge);
void bl_bridge_release(struct bl_engine *engine, struct bl_node *node);

/* Tick side. */
void bl_bridge_join_all(struct bl_bridge *bridge);
void bl_bridge_leave(struct bl_leg *leg);
/* A leg's rate has changed, or who is in it. */
void bl_bridge_settle(struct bl_bridge *bridge);
/* Adds up what is said; after all legs have been heard. */
void bl_bridge_mix(struct bl_worker *worker, struct bl_bridge *bridge);
/* One frame of what the leg is to hear, at its rate; false: silence, frame is zeroed. */
bool bl_bridge_heard_by(const struct bl_bridge *bridge, struct bl_leg *leg, int16_t *frame);

#endif
