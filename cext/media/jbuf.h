/*
 * jbuf.h  The jitter buffer: samples in at any time and size, one frame out each tick
 *
 * What does it do?  It puts sound into order by its timestamps, waits just long enough for what is
 *   late, and fills what never comes with a fading repeat of the last frame.
 * How does it work?  A ring of samples with a flag for each; a packet of any length is written
 *   where its timestamp says. The delay grows at once when a packet comes too late to be played
 *   (up to BL_JBUF_MAX) and shrinks by one frame a second when every packet of that second came
 *   with time to spare; the same two moves absorb the drift between two sample clocks.
 * How do I use it?  bl_jbuf_init(), bl_jbuf_put() for each packet, bl_jbuf_get() each tick.
 */
#ifndef BL_JBUF_H
#define BL_JBUF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "frame.h"

enum {
	BL_JBUF_SIZE = 4096,			   /* [samples], 512 ms; a power of two */
	BL_JBUF_TARGET = 40 * BL_SAMPLES_PER_MS,   /* [samples] of delay to begin with */
	BL_JBUF_MAX = 200 * BL_SAMPLES_PER_MS,	   /* [samples] of delay aimed at, at most */
	BL_JBUF_FULL = 300 * BL_SAMPLES_PER_MS,	   /* [samples] after which some are skipped */
	BL_JBUF_LONGEST = 200 * BL_SAMPLES_PER_MS, /* [samples] of one packet at most */
};

enum bl_jbuf_put {
	BL_JBUF_TAKEN,
	BL_JBUF_LATE,  /* its time had passed, it is lost */
	BL_JBUF_STRAY, /* a timestamp far from all others; a second one restarts the buffer */
};

enum bl_jbuf_get {
	BL_JBUF_SILENT, /* nothing was to be expected */
	BL_JBUF_WHOLE,
	BL_JBUF_CONCEALED, /* some of it is made up */
};

struct bl_jbuf {
	bool running;
	uint32_t play;	   /* timestamp of the next sample to be played */
	uint32_t target;   /* [samples] */
	uint32_t buffered; /* [samples] that wait */
	uint32_t stray;	   /* timestamp of the last stray packet */
	bool strayed;
	int32_t spare;	 /* [samples] the least that a packet came early in this window */
	uint16_t window; /* [frames] since the window began */
	uint16_t calm;	 /* [windows] without a late packet */
	uint16_t gap;	 /* [frames] made up in a row */
	bool quiet;	 /* the sender stopped on purpose: conceal nothing */
	int16_t last[BL_FRAME];
	int16_t pcm[BL_JBUF_SIZE];
	uint8_t have[BL_JBUF_SIZE];
};

void bl_jbuf_init(struct bl_jbuf *jbuf);
/* newest: no later packet has come yet, so waiting longer can still save this one. */
enum bl_jbuf_put bl_jbuf_put(struct bl_jbuf *jbuf, uint32_t timestamp, const int16_t *pcm,
			     size_t count, bool newest);
enum bl_jbuf_get bl_jbuf_get(struct bl_jbuf *jbuf, int16_t *frame);
/* The sender pauses on purpose (RFC 3389 comfort noise, RFC 4733 events): no repeats till sound.
 */
void bl_jbuf_pause(struct bl_jbuf *jbuf);

#endif
