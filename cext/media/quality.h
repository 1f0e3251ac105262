/*
 * quality.h  How good a talk sounds: the E-model (ITU-T G.107, G.107.1)
 *
 * What does it do?  It turns codec, loss and delay into the rating R (0 to 100) and two mean
 *   opinion scores: MOS-LQ of listening only, and MOS-CQ of the conversation, delay included.
 * How does it work?  Narrow-band codecs go by G.107 with the default values of all that we
 *   cannot know (rooms, handsets, echo). Wide-band codecs go by G.107.1 reduced to its codec and
 *   pure-delay terms, its R (up to 129) told on the same 0 to 100. So each kind is rated on its
 *   own scale, as the ITU does, and figures of the two kinds do not compare: G.722 without loss
 *   gets 4.34 and G.711 4.41, though everybody prefers G.722.
 * How do I use it?  Fill a bl_path, call bl_quality(). It takes about a microsecond: for each
 *   report, not for each packet.
 */
#ifndef BL_QUALITY_H
#define BL_QUALITY_H
#include <stdbool.h>
#include <stdint.h>
#include "branchline_media.h"

struct bl_path {
	enum bl_codec codec;
	int32_t rate;	    /* [Hz] of the sound */
	double loss;	    /* 0 to 1: lost and discarded */
	double burst_ratio; /* G.107 §3.5: 1 for random loss, more when it comes in bursts */
	double one_way_ms;  /* mouth to ear, bl_one_way_ms() */
};

struct bl_quality {
	double r; /* 0 to 100, of the conversation */
	double mos_lq, mos_cq;
	bool wide_band;
};

void bl_quality(const struct bl_path *path, struct bl_quality *out);
/* Mouth to ear: half the round trip, the jitter buffer, one frame and the codec's look-ahead. */
double bl_one_way_ms(enum bl_codec codec, double round_trip_ms, double buffer_ms);
/* G.107 Annex B: the mean opinion score of a rating. */
double bl_mos_of(double r);

#endif
