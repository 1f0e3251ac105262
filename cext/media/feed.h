/*
 * feed.h  Both sides of a leg, frame by frame, from the tick to a slow thread: recordings and taps
 *
 * What does it do?  It takes what the leg says and what it hears, sample by sample in step, and
 *   keeps it until a file or a socket wants it. It can be muted on either side, paused, and
 *   blanked a little backwards: a digit is known some 35 ms after its tone began (dtmf.h), and no
 *   sound of a card's number may reach a file.
 * How does it work?  One ring of sample pairs; each entry begins with a header of two of them.
 *   The newest frames (behind) are the tick's own until they are old enough, so blanking needs no
 *   lock. What finds no room is counted and leaves a gap entry, as a pause does. One thread puts,
 *   one takes; a leg holds any number of feeds as a list.
 * How do I use it?  bl_feed_init() in the caller's thread, bl_feeds_add() by the tick, then
 *   bl_feeds_put() each tick; bl_feed_take() in the slow thread. The tick lets go of a feed by
 *   bl_feeds_end(), or in bl_feeds_put() when the slow thread has set `failed`; only after
 *   `detached` the slow thread may hand the feed's owner back.
 */
#ifndef BL_FEED_H
#define BL_FEED_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"

enum {
	BL_FEED_BEHIND = 3,    /* [frames] that may be kept back: 60 ms */
	BL_FEED_CLOCK = 48000, /* [Hz] of the clock: it counts the same at any rate */
};

enum bl_feed_kind { BL_FEED_RECORDING, BL_FEED_TAP };

enum bl_feed_entry {
	BL_FEED_NOTHING,
	BL_FEED_FRAME,
	BL_FEED_PAUSED, /* by command, for that long */
	BL_FEED_LOST,	/* the ring was full for that long */
};

/* What bl_feed_take() took. */
struct bl_feed_item {
	enum bl_feed_entry entry;
	int32_t rate;	/* [Hz] of a frame */
	size_t count;	/* [samples] of a frame, of each side */
	uint64_t clock; /* [1/48000 s] from the feed's beginning to the frame's; loops never */
	uint32_t ms;	/* of a gap */
};

struct bl_feed {
	struct bl_feed *next; /* on the leg's list */
	int64_t id;
	enum bl_feed_kind kind;

	/* the tick's */
	uint32_t head;		       /* [pairs], as all indexes here: free running */
	uint32_t held[BL_FEED_BEHIND]; /* where the newest frames begin, oldest first */
	uint8_t behind, held_count;    /* [frames] */
	uint8_t mute;		       /* enum bl_side */
	bool paused, mask_digits;
	uint32_t blank_ms[2]; /* of each side, still to come */
	uint32_t frames;      /* since the beginning, lost and paused ones too */
	uint32_t gap_ms;      /* left out since the last frame */
	enum bl_feed_entry gap;

	/* shared */
	_Atomic uint32_t ready; /* the reader may take what is before it */
	atomic_bool detached;	/* the tick will not touch it again */
	_Atomic uint32_t tail;
	atomic_bool failed; /* the reader gave up: the tick shall let go */

	/* the reader's */
	uint32_t last_frame; /* clock of the last frame taken, to make 64 bits of it */
	uint64_t clock;

	uint32_t mask;
	int16_t (*ring)[2]; /* says, hears */
};

/* Room for so many pairs, a power of two (4 s at 8 kHz: 32,768); behind: [frames] kept back. */
int bl_feed_init(struct bl_feed *feed, enum bl_feed_kind kind, int64_t id, uint32_t pairs,
		 uint8_t behind);
void bl_feed_release(struct bl_feed *feed);

/* Tick side. */
void bl_feeds_add(struct bl_feed **list, struct bl_feed *feed);
struct bl_feed *bl_feeds_find(struct bl_feed *list, enum bl_feed_kind kind, int64_t id);
/* One frame to each; returns the samples that found no room, in all of them together. */
uint32_t bl_feeds_put(struct bl_feed **list, int32_t rate, const int16_t *says,
		      const int16_t *hears);
/* The leg lets go of one, or of all. */
void bl_feeds_end(struct bl_feed **list, struct bl_feed *feed);
void bl_feeds_end_all(struct bl_feed **list);
/* A digit was found on these sides: those that hide digits blank it, before and after now. */
void bl_feeds_hide_digit(struct bl_feed *list, int sides);

uint32_t bl_feed_put(struct bl_feed *feed, int32_t rate, const int16_t *says,
		     const int16_t *hears);
void bl_feed_end(struct bl_feed *feed);
/* Frames of these sides are silence from now on, in step; 0: none. */
void bl_feed_mute(struct bl_feed *feed, int sides);
/* Silence for the last back_ms (60 at most, and no more than is kept back) and the next ahead_ms.
 */
void bl_feed_blank(struct bl_feed *feed, int sides, uint32_t back_ms, uint32_t ahead_ms);
void bl_feed_pause(struct bl_feed *feed, bool on);
/* Whether bl_feeds_hide_digit() is for it. Once on, its newest frames stay kept back. */
void bl_feed_hide_digits(struct bl_feed *feed, bool on);

/* Reader side. */
/* [pairs] that wait, headers counted. */
uint32_t bl_feed_waiting(struct bl_feed *feed);
/* The next entry; a frame's samples go to pcm, which has room for BL_FRAME_MAX. */
bool bl_feed_take(struct bl_feed *feed, struct bl_feed_item *item, int16_t (*pcm)[2]);

#endif
