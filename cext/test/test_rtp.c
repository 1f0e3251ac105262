/* test_rtp.c  RTP headers, their lengths, and what a receiver counts */
#include <stdint.h>
#include <stdlib.h>
#include "branchline_media.h"
#include "check.h"
#include "rtp.h"

static void test_plain_packet(void)
{
	/* version 2, marker, payload type 8, seq 0x1234, timestamp 0x01020304, SSRC 0x0A0B0C0D */
	const uint8_t packet[] = {0x80, 0x88, 0x12, 0x34, 1, 2, 3, 4, 10, 11, 12, 13, 0x55, 0xAA};
	struct bl_rtp rtp;

	CHECK_EQUAL(BL_OK, bl_rtp_parse(packet, sizeof(packet), &rtp));
	CHECK(rtp.marker);
	CHECK_EQUAL(8, rtp.payload_type);
	CHECK_EQUAL(0x1234, rtp.seq);
	CHECK_EQUAL(0x01020304, rtp.timestamp);
	CHECK_EQUAL(0x0A0B0C0D, rtp.ssrc);
	CHECK_EQUAL(2, rtp.length);
	CHECK_EQUAL(0x55, rtp.payload[0]);
}

static void test_header_goes_round(void)
{
	struct bl_rtp in = {.marker = true,
			    .payload_type = 101,
			    .seq = 65535,
			    .timestamp = 0xFFFFFFF0,
			    .ssrc = 0xDEADBEEF},
		      out;
	uint8_t packet[BL_RTP_HEADER];

	CHECK_EQUAL(BL_RTP_HEADER, bl_rtp_header(packet, &in));
	CHECK_EQUAL(BL_OK, bl_rtp_parse(packet, sizeof(packet), &out));
	CHECK(out.marker);
	CHECK_EQUAL(101, out.payload_type);
	CHECK_EQUAL(65535, out.seq);
	CHECK_EQUAL(0xFFFFFFF0, out.timestamp);
	CHECK_EQUAL(0xDEADBEEF, out.ssrc);
	CHECK_EQUAL(0, out.length);
}

static void test_csrc_extension_and_padding(void)
{
	const uint8_t packet[] = {
		0xB1, 0,    0, 1, 0, 0, 0, 0, 0, 0, 0, 0, /* padding, extension, one CSRC */
		9,    9,    9, 9,			  /* CSRC */
		0xBE, 0xDE, 0, 1, 7, 7, 7, 7,		  /* extension of one word */
		0x11, 0x22,				  /* payload */
		0,    2,				  /* two octets of padding */
	};
	struct bl_rtp rtp;

	CHECK_EQUAL(BL_OK, bl_rtp_parse(packet, sizeof(packet), &rtp));
	CHECK_EQUAL(2, rtp.length);
	CHECK_EQUAL(0x11, rtp.payload[0]);
	/* every shorter piece is refused, or is a packet whose padding octet happens to fit */
	for (size_t size = 0; size < 24; size++)
		CHECK_EQUAL(BL_EINVAL, bl_rtp_parse(packet, size, &rtp));
}

static void test_wrong_packets(void)
{
	uint8_t packet[16] = {0x80};
	struct bl_rtp rtp;

	CHECK_EQUAL(BL_EINVAL, bl_rtp_parse(NULL, 12, &rtp));
	packet[0] = 0x40; /* version 1 */
	CHECK_EQUAL(BL_EINVAL, bl_rtp_parse(packet, sizeof(packet), &rtp));
	packet[0] = 0x8F; /* 15 CSRC in 4 octets */
	CHECK_EQUAL(BL_EINVAL, bl_rtp_parse(packet, sizeof(packet), &rtp));
	packet[0] = 0xA0; /* padding of 0 */
	CHECK_EQUAL(BL_EINVAL, bl_rtp_parse(packet, sizeof(packet), &rtp));
	packet[15] = 5; /* more padding than there is payload */
	CHECK_EQUAL(BL_EINVAL, bl_rtp_parse(packet, sizeof(packet), &rtp));
	packet[15] = 4;
	CHECK_EQUAL(BL_OK, bl_rtp_parse(packet, sizeof(packet), &rtp));
	CHECK_EQUAL(0, rtp.length);
	packet[0] = 0x90; /* an extension of 0xFFFF words */
	packet[14] = packet[15] = 0xFF;
	CHECK_EQUAL(BL_EINVAL, bl_rtp_parse(packet, sizeof(packet), &rtp));
}

/* RFC 7983 §7, RFC 5761 §4 */
static void test_what_a_datagram_is(void)
{
	uint8_t packet[2] = {0};

	for (int first = 0; first < 256; first++) {
		packet[0] = (uint8_t)first;
		for (int second = 0; second < 256; second++) {
			enum bl_wire want = first <= 3			     ? BL_WIRE_STUN
					    : first >= 20 && first <= 63     ? BL_WIRE_DTLS
					    : first < 128 || first > 191     ? BL_WIRE_OTHER
					    : second >= 192 && second <= 223 ? BL_WIRE_RTCP
									     : BL_WIRE_RTP;

			packet[1] = (uint8_t)second;
			CHECK_EQUAL(want, bl_wire_of(packet, sizeof(packet)));
		}
	}
	CHECK_EQUAL(BL_WIRE_OTHER, bl_wire_of(packet, 1));
	CHECK_EQUAL(BL_WIRE_OTHER, bl_wire_of(NULL, 2));
}

static enum bl_rtp_order come(struct bl_rtp_source *source, uint16_t seq)
{
	return bl_rtp_source_update(source, &(struct bl_rtp){.seq = seq, .ssrc = 1});
}

static void test_order_and_loss(void)
{
	struct bl_rtp_source source = {0};

	CHECK_EQUAL(BL_RTP_RESTARTED, come(&source, 65533));
	CHECK_EQUAL(BL_RTP_NEXT, come(&source, 65534));
	CHECK_EQUAL(BL_RTP_NEXT, come(&source, 1)); /* over the edge, two are missing */
	CHECK_EQUAL(2, bl_rtp_source_lost(&source));
	CHECK_EQUAL(5, bl_rtp_source_expected(&source));
	CHECK_EQUAL(3, bl_rtp_source_received(&source));
	CHECK_EQUAL(65537, source.highest); /* one turn of the numbers */
	CHECK_EQUAL(BL_RTP_REORDERED, come(&source, 0));
	CHECK_EQUAL(BL_RTP_DUPLICATE, come(&source, 0));
	CHECK_EQUAL(BL_RTP_DUPLICATE, come(&source, 1));
	CHECK_EQUAL(1, bl_rtp_source_lost(&source));
	CHECK_EQUAL(BL_RTP_RESTARTED, come(&source, 30000));
	CHECK_EQUAL(1, bl_rtp_source_lost(&source));
	CHECK_EQUAL(BL_RTP_RESTARTED,
		    bl_rtp_source_update(&source, &(struct bl_rtp){.seq = 30001, .ssrc = 2}));
}

static void test_jitter(void)
{
	struct bl_rtp_source source = {0};

	/* RFC 3550 §A.8: every packet 80 samples off the one before tends to 80 */
	for (uint32_t i = 0; i < 400; i++)
		bl_rtp_source_jitter(&source, i * 160, 5000 + i * 160 + (i & 1) * 80);
	CHECK_WITHIN(79, 81, source.jitter >> 4);
	source = (struct bl_rtp_source){0};
	for (uint32_t i = 0; i < 400; i++)
		bl_rtp_source_jitter(&source, i * 160, 5000 + i * 160);
	CHECK_EQUAL(0, source.jitter >> 4);
	/* a step of less than 1 s of the clock is jitter, more is none */
	source = (struct bl_rtp_source){.clock = 48000};
	bl_rtp_source_jitter(&source, 0, 5000);
	bl_rtp_source_jitter(&source, 0, 5000 + 47000);
	CHECK_EQUAL(47000 / 16, source.jitter >> 4);
	bl_rtp_source_jitter(&source, 0, 52000 + 49000);
	CHECK_EQUAL(47000 / 16, source.jitter >> 4);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_plain_packet),
	CHECK_TEST(test_header_goes_round),
	CHECK_TEST(test_csrc_extension_and_padding),
	CHECK_TEST(test_wrong_packets),
	CHECK_TEST(test_what_a_datagram_is),
	CHECK_TEST(test_order_and_loss),
	CHECK_TEST(test_jitter),
};

CHECK_MAIN(tests)
