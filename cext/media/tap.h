/*
 * tap.h  Taps: a live copy of what a leg says or hears, for transcription and supervisors
 *
 * What does it do?  It writes one or both sides of a leg into a socket or pipe, 20 ms at a time. A
 *   reader that is too slow loses whole frames, never part of one, and sees by the clock how much
 *   that was; a reader that goes away ends its tap. The call never waits for either.
 * How does it work?  A tap is a feed (feed.h) and a non-blocking descriptor, served by a thread of
 *   its own, because a disk that stalls shall not silence a supervisor.
 * How do I use it?  bl_tap_new() and bl_tapper_add() in the caller's thread, the feed to the tick
 *   (bl_feeds_add()), bl_tapper_service() in the tap thread every 20 ms while it returns true.
 *
 * The reader gets, little-endian, for each frame:
 *     0  u8[2]  'B' 'T'
 *     2  u8     version: 1
 *     3  u8     sides: 1 what the leg says, 2 what it hears, 3 both, interleaved, says first
 *     4  u16    rate [Hz]: 8000, 16000 or 48000; it may change from frame to frame
 *     6  u16    count [samples] of each side
 *     8  u64    clock [1/48000 s] of the first sample, since the tap began; always a multiple of
 *               960, and 960 more than the frame's before unless something is missing
 *    16  s16    the samples: count, or 2 × count for both sides
 * A tap that is to hide dialled digits (mask_digits) is 60 ms later than one that is not.
 */
#ifndef BL_TAP_H
#define BL_TAP_H
#include <stdbool.h>
#include <stdint.h>
#include "branchline_media.h"
#include "feed.h"
#include "frame.h"
#include "node.h"

enum {
	BL_TAP_HEADER = 16, /* [bytes] */
	BL_TAP_FRAME_MAX = BL_TAP_HEADER + BL_FRAME_MAX * 4,
	BL_TAPPER_MS = 20,
};

struct bl_tap {
	struct bl_node node;
	struct bl_tap *next; /* of the thread's list */
	int64_t id, leg;
	struct bl_feed feed;
	int fd;
	uint8_t sides; /* enum bl_side */
	enum bl_tap_end why;
	uint64_t lost; /* [frames] */
	uint64_t next_clock;
	size_t unsent, sent; /* [bytes] of a frame that is half written, and how far it is */
	uint8_t frame[BL_TAP_FRAME_MAX];
};

struct bl_tapper {
	struct bl_stack added; /* by the caller's side */
	struct bl_tap *list;   /* the thread's own */
	struct bl_stack *retired;
	/* called by whoever runs bl_tapper_service() */
	void (*ended)(struct bl_engine *engine, const struct bl_tap *tap);
	struct bl_engine *engine;
};

/* The descriptor is duplicated and made non-blocking: a connected socket, or a pipe's end (then
 * SIGPIPE must be blocked or ignored where the tapper runs).
 */
int bl_tap_new(int64_t id, int64_t leg, int fd, int sides, bool mask_digits, struct bl_tap **out);
void bl_tap_release(struct bl_engine *engine, struct bl_node *node);
void bl_tapper_add(struct bl_tapper *tapper, struct bl_tap *tap);
/* Writes what waits and ends what has ended; false: there are no taps. */
bool bl_tapper_service(struct bl_tapper *tapper);

#endif
