/*
 * report.h  The RTCP of one leg: when a report is due, what it says, what the far end's says
 *
 * What does it do?  It keeps the time of reports (RFC 3550 §6.2, §6.3), counts what they need,
 *   measures the round trip from both kinds of answer (LSR and DLSR, RFC 3611 DLRR), and gives
 *   way when the far end uses our SSRC (RFC 3550 §8.2).
 * How does it work?  A plain state without memory or clock of its own: the caller hands in the
 *   tick, the wall clock as NTP time, and what the leg has sent and received.
 * How do I use it?  bl_report_init() with random octets; each tick bl_report_due() and, when it
 *   is, bl_report_send() into a buffer of BL_RTCP_MAX bytes; bl_report_receive() for each RTCP
 *   datagram; bl_report_bye() when the leg ends. When bl_report_collides() says so, the leg goes
 *   on with report.ssrc. Everything may run in the tick.
 */
#ifndef BL_REPORT_H
#define BL_REPORT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "rtcp.h"
#include "rtp.h"

enum {
	BL_REPORT_RANDOM = 20, /* [bytes] */
	BL_REPORT_CNAME = 16,  /* [characters] for 96 random bits, RFC 7022 §4.2 */
};

/* What the far end told last about our stream, and how far away it is. */
struct bl_report_far {
	uint64_t reports;    /* datagrams of RTCP that came */
	uint64_t malformed;  /* refused for their lengths */
	bool has_block;	     /* the four below are told */
	uint8_t fraction;    /* lost between its last two reports [1/256] */
	int32_t lost;	     /* in all [packets] */
	uint32_t jitter;     /* [samples] of our stream's clock */
	uint32_t highest;    /* extended sequence number */
	bool has_round_trip; /* the one below is measured */
	uint32_t round_trip_us;
	bool has_voip;
	struct bl_rtcp_voip voip;
	bool bye;
};

struct bl_report {
	uint32_t ssrc; /* ours */
	char cname[BL_REPORT_CNAME];
	uint64_t random;
	uint64_t last, next; /* [ticks] */
	bool begun;	     /* the first report was sent */
	bool leaving;	     /* a goodbye for the SSRC before is still to be sent */
	uint32_t ssrc_before;
	bool collided;
	uint64_t collided_tick;
	uint64_t packets_base, bytes_base; /* sent before this SSRC */
	uint64_t packets_at[2];		   /* sent in all at the last two reports */
	uint64_t expected, received;	   /* at the last report */
	uint32_t sender_ssrc, sender_middle;
	uint64_t sender_arrival; /* NTP; 0: no sender report came */
	uint32_t reference_ssrc, reference_middle;
	uint64_t reference_arrival; /* NTP; 0: no receiver reference time came */
	struct bl_report_far far;
};

/* The leg as it stands when a report is made. */
struct bl_report_now {
	uint64_t tick;
	uint64_t ntp;			    /* the wall clock, bl_rtcp_ntp() */
	uint32_t timestamp;		    /* of our stream, for this moment */
	uint64_t packets_out, bytes_out;    /* of the leg since it began */
	const struct bl_rtp_source *source; /* what is received */
	const struct bl_rtcp_voip *voip;    /* NULL: tell no VoIP metrics */
};

void bl_report_init(struct bl_report *report, const uint8_t random[BL_REPORT_RANDOM],
		    uint32_t ssrc, uint64_t tick);
bool bl_report_due(struct bl_report *report, uint64_t tick);
/* Return the bytes written, or BL_EINVAL: there is no room. */
int bl_report_send(struct bl_report *report, const struct bl_report_now *now, uint8_t *packet,
		   size_t room);
/* Also 0: nothing was ever sent, so there is nothing to take leave of. */
int bl_report_bye(struct bl_report *report, const struct bl_report_now *now, uint8_t *packet,
		  size_t room);
/* BL_OK, or BL_EINVAL when it was refused. ntp, tick: when it came. */
int bl_report_receive(struct bl_report *report, const uint8_t *packet, size_t size, uint64_t ntp,
		      uint64_t tick);
/*
 * The far end was seen with this SSRC. True: it was ours, we have another one from now on. A
 * second time soon after it is our own packets that come back, and nothing changes.
 */
bool bl_report_collides(struct bl_report *report, uint32_t ssrc, uint64_t tick);

#endif
