/*
 * delay.h  How long packets must wait so that hardly any comes too late
 *
 * What does it do?  It watches at which tick each packet arrives against the time of its sound,
 *   and says how far apart the two must be kept: the least delay that loses about one in a
 *   hundred.
 * How does it work?  A histogram of the distances, newest first in weight (a bad time is forgotten
 *   within half a minute), counted from the smallest one. The target follows its upper quantile,
 *   with hysteresis; a path that becomes longer or shorter for good moves the histogram, a stall
 *   is left out of it. Ticks, not microseconds, are the grain, since sound leaves only then; but
 *   a packet that came within the last milliseconds before its tick counts as one of the next
 *   (stream.c): as the two sides' clocks drift, it soon will be.
 * How do I use it?  bl_delay_init(), bl_delay_seen() for each packet, then read target.
 */
#ifndef BL_DELAY_H
#define BL_DELAY_H
#include <stdbool.h>
#include <stdint.h>

enum {
	BL_DELAY_BINS = 80,
	BL_DELAY_BINS_PER_S = 400, /* of 2.5 ms: 200 ms in all */
};

struct bl_delay {
	int64_t least;	  /* [samples] distance of the first bin */
	int64_t lowest;	  /* [samples] seen in this window */
	int32_t bin;	  /* [samples] of a bin */
	int32_t seen;	  /* packets so far, up to the histogram's memory */
	int32_t window;	  /* packets in this window */
	int32_t quantile; /* bin */
	bool running;
	float share;		   /* of the packets, that a count of one is */
	float above;		   /* counts in the bins above the quantile */
	float bins[BL_DELAY_BINS]; /* counts: times share, the share of the packets */
};

void bl_delay_init(struct bl_delay *delay, int32_t rate);
/* distance [samples] from the packet's place on the sender's time line to its tick on ours */
void bl_delay_seen(struct bl_delay *delay, int64_t distance);
/* [samples] to be kept between the two time lines */
int64_t bl_delay_target(const struct bl_delay *delay);

#endif
