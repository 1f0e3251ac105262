/* rtp.h  RTP packets (RFC 3550 §5.1) and what a receiver counts about them (§A.1, A.3, A.8) */
#ifndef BL_RTP_H
#define BL_RTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BL_RTP_HEADER = 12 }; /* [bytes] without CSRC and extension */

struct bl_rtp {
	bool marker;
	uint8_t payload_type;
	uint16_t seq;
	uint32_t timestamp;
	uint32_t ssrc;
	const uint8_t *payload;
	size_t length; /* [bytes] of payload, padding taken off */
};

/* What shares the port of a leg (RFC 7983 §7), and RTCP beside RTP (RFC 5761 §4). */
enum bl_wire {
	BL_WIRE_OTHER,
	BL_WIRE_STUN,
	BL_WIRE_DTLS,
	BL_WIRE_RTP,
	BL_WIRE_RTCP,
};

/* Where a packet stands in its stream. */
enum bl_rtp_order {
	BL_RTP_NEXT,	  /* newer than all before */
	BL_RTP_REORDERED, /* older than the newest, seen for the first time */
	BL_RTP_DUPLICATE,
	BL_RTP_RESTARTED, /* the numbering jumped: a new stream */
};

struct bl_rtp_source {
	bool running;
	uint32_t ssrc;
	uint16_t newest;
	uint64_t seen;				   /* bit n: newest - n has come */
	uint64_t expected_before, received_before; /* of earlier numberings */
	uint64_t base, highest, received;	   /* extended sequence numbers */
	uint32_t transit;			   /* of the last packet [samples] */
	uint32_t jitter;			   /* [samples << 4] */
	uint32_t clock;				   /* [Hz] of the timestamps; 0: 8,000 */
};

/* What a datagram is, by its first two octets; says nothing about the rest of it. */
enum bl_wire bl_wire_of(const uint8_t *packet, size_t size);

/* BL_OK, or BL_EINVAL when it is not RTP version 2 or its lengths do not fit. */
int bl_rtp_parse(const uint8_t *packet, size_t size, struct bl_rtp *out);
/* Writes the header; returns BL_RTP_HEADER. */
size_t bl_rtp_header(uint8_t *packet, const struct bl_rtp *rtp);
enum bl_rtp_order bl_rtp_source_update(struct bl_rtp_source *source, const struct bl_rtp *rtp);
/* arrival in samples of the same clock as the timestamps */
void bl_rtp_source_jitter(struct bl_rtp_source *source, uint32_t timestamp, uint32_t arrival);
/* Packets expected and received (RFC 3550 §A.3), over all numberings of the source. */
uint64_t bl_rtp_source_expected(const struct bl_rtp_source *source);
uint64_t bl_rtp_source_received(const struct bl_rtp_source *source);
uint64_t bl_rtp_source_lost(const struct bl_rtp_source *source);

#endif
