/*
 * voip_metrics.h  What RFC 3611 §4.7 tells of a talk: bursts and gaps of loss, levels, ratings
 *
 * What does it do?  It divides a stream into bursts, in which losses stand so close that they
 *   are heard as one trouble, and gaps, in which they stand alone; it measures how loud speech
 *   and the noise between words are; it makes the VoIP metrics block of it.
 * How does it work?  A burst begins and ends with a missing packet and holds no 16 played ones in
 *   a row (Gmin of §4.7.2); packets are counted one by one as they are played, so a packet costs
 *   two additions and a missing one a few more. Levels are mean squares of frames.
 * How do I use it?  bl_voip_packet() for each packet time that was played or had to be made up
 *   (none while the sender is silent on purpose), bl_voip_level() for frames that were played,
 *   bl_voip_fill() for a report. A zeroed struct begins it.
 */
#ifndef BL_VOIP_METRICS_H
#define BL_VOIP_METRICS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "quality.h"
#include "rtcp.h"

enum { BL_VOIP_GAP_MIN = 16 }; /* [packets], Gmin: RFC 3611 §4.7.2 recommends it */

struct bl_voip_metrics {
	uint64_t packets, missing;
	uint64_t runs; /* of missing packets in a row */
	uint64_t bursts, burst_packets, burst_missing;
	uint64_t whole;		     /* played in a row since the last missing one */
	uint64_t open, open_missing; /* what may become a burst, from its first missing one */
	double noise;		     /* mean square of the quietest frames */
	double speech;		     /* sum of mean squares of frames with speech */
	uint64_t speech_frames;
};

/* What the rest of the leg knows. */
struct bl_voip_leg {
	enum bl_codec codec;
	int32_t rate;	     /* [Hz] */
	uint64_t lost, late; /* [packets] of all expected */
	uint64_t expected;   /* [packets] */
	bool has_round_trip; /* the one below is measured */
	double round_trip_ms;
	double packet_ms;	/* sound in a packet */
	double buffer_ms;	/* the jitter buffer aims at */
	double buffer_most_ms;	/* for the packet that came most late */
	double buffer_limit_ms; /* it would wait at most */
};

void bl_voip_missing(struct bl_voip_metrics *metrics);
/* One packet time: its sound was played, or it was missing (lost, or late and discarded). */
static inline void bl_voip_packet(struct bl_voip_metrics *metrics, bool missing)
{
	metrics->packets++;
	metrics->whole++;
	if (missing)
		bl_voip_missing(metrics);
}
/* A frame that was heard. */
void bl_voip_level(struct bl_voip_metrics *metrics, const int16_t *pcm, size_t count);
/* Missing of all, 0 to 1, and how much it comes in bursts (BurstR of G.107 §3.5, at least 1). */
double bl_voip_loss(const struct bl_voip_metrics *metrics);
double bl_voip_burst_ratio(const struct bl_voip_metrics *metrics);
/* The block without its SSRC; *quality may be NULL. */
void bl_voip_fill(const struct bl_voip_metrics *metrics, const struct bl_voip_leg *leg,
		  struct bl_rtcp_voip *out, struct bl_quality *quality);

#endif
