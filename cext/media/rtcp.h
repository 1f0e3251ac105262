/*
 * rtcp.h  RTCP packets: read and written (RFC 3550 §6, RFC 3611, RFC 5506)
 *
 * What does it do?  It reads a datagram of RTCP, compound or reduced in size, and keeps what
 *   concerns one leg: sender information, the report about our own stream, the name, a goodbye
 *   and the extended reports of VoIP. It writes the same.
 * How does it work?  Pure functions over bytes. Every length is checked before anything behind it
 *   is read; types and blocks that are not known are skipped by their length; a datagram whose
 *   lengths do not fit is refused as a whole.
 * How do I use it?  bl_rtcp_parse() and bl_rtcp_build(); report.h knows when and what to send.
 */
#ifndef BL_RTCP_H
#define BL_RTCP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BL_RTCP_MAX = 288,    /* [bytes]: room for all that bl_rtcp_build() can write */
	BL_RTCP_TEXT = 64,    /* [bytes] of a name or a reason that is written, at most */
	BL_RTCP_UNKNOWN = 127 /* of a VoIP metric: not measured (RFC 3611 §4.7) */
};

/* Text in a packet, not ended by 0; NULL: there is none. */
struct bl_rtcp_text {
	const char *at;
	size_t size; /* [bytes] */
};

struct bl_rtcp_sender { /* RFC 3550 §6.4.1 */
	uint64_t ntp;	/* [s << 32] since 1900 */
	uint32_t timestamp, packets, bytes;
};

struct bl_rtcp_block { /* RFC 3550 §6.4.1: how a stream is received */
	uint32_t ssrc;
	uint8_t fraction; /* lost since the report before [1/256] */
	int32_t lost;	  /* in all, 24 bits */
	uint32_t highest; /* extended sequence number */
	uint32_t jitter;  /* [samples] */
	uint32_t last;	  /* middle of the last sender report's NTP time [s << 16]; 0: none */
	uint32_t delay;	  /* since it came [s << 16] */
};

struct bl_rtcp_dlrr { /* RFC 3611 §4.5: the answer to a receiver reference time */
	uint32_t ssrc;
	uint32_t last, delay; /* as in a block */
};

struct bl_rtcp_voip { /* RFC 3611 §4.7 */
	uint32_t ssrc;
	uint8_t loss_rate, discard_rate;       /* [1/256] */
	uint8_t burst_density, gap_density;    /* [1/256] */
	uint16_t burst_ms, gap_ms;	       /* mean durations */
	uint16_t round_trip_ms, end_system_ms; /* 0: not measured */
	int8_t signal_dbm0, noise_dbm0;	       /* BL_RTCP_UNKNOWN: not measured */
	uint8_t echo_loss_db;		       /* BL_RTCP_UNKNOWN: not measured */
	uint8_t gap_min;		       /* [packets] */
	uint8_t r_factor, r_external;
	uint8_t mos_lq, mos_cq; /* [1/10] */
	uint8_t config;		/* RFC 3611 §4.7.6: concealment, kind and rate of the buffer */
	uint16_t buffer_ms, buffer_most_ms, buffer_limit_ms;
};

struct bl_rtcp_summary { /* RFC 3611 §4.6, without its TTL part */
	uint32_t ssrc;
	uint16_t first, end; /* sequence numbers, the end not included */
	uint32_t lost, duplicate;
	uint32_t jitter_least, jitter_most, jitter_mean, jitter_deviation;
};

/* What a datagram says; where a has_ is false, what follows it is zero. */
struct bl_rtcp {
	uint32_t ssrc; /* of who sent it */
	bool has_sender;
	struct bl_rtcp_sender sender;
	bool has_block;
	struct bl_rtcp_block block;
	struct bl_rtcp_text cname;
	bool has_reference;
	uint64_t reference; /* NTP time of a receiver, RFC 3611 §4.4 */
	bool has_dlrr;
	struct bl_rtcp_dlrr dlrr;
	bool has_voip;
	struct bl_rtcp_voip voip;
	bool has_summary; /* read, never written */
	struct bl_rtcp_summary summary;
	bool bye;
	struct bl_rtcp_text reason;
	uint32_t skipped; /* packets and blocks of other types */
};

/* BL_OK, or BL_EINVAL. Keeps the blocks about our ssrc; of several the last one. */
int bl_rtcp_parse(const uint8_t *packet, size_t size, uint32_t ours, struct bl_rtcp *out);
/*
 * A compound packet: SR or RR, SDES where there is a cname, XR where there is something for it,
 * BYE. Returns the bytes written, or BL_EINVAL: there is no room, or a text is too long.
 */
int bl_rtcp_build(const struct bl_rtcp *rtcp, uint8_t *packet, size_t room);
/* A clock's time since 1970 as NTP time [s << 32]. */
uint64_t bl_rtcp_ntp(int64_t seconds, uint32_t ns);

/* The middle of an NTP time [s << 16], as blocks carry it. */
static inline uint32_t bl_rtcp_middle(uint64_t ntp)
{
	return (uint32_t)(ntp >> 16);
}

#endif
