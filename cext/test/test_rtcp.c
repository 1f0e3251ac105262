/* test_rtcp.c  RTCP: packets read and written, hostile lengths, when reports go and what they say
 */
#include <stdint.h>
#include <stdlib.h>
#include "branchline_media.h"
#include "bytes.h"
#include "check.h"
#include "rtcp.h"

enum { OURS = 0x0A0B0C0D, THEIRS = 0x11223344 };

/* SR with two report blocks, SDES with CNAME and TOOL, XR, BYE with a reason; RFC 3550 §6 */
static const uint8_t compound[] = {
	/* SR, two blocks, 18 words after the first */
	0x82, 200, 0, 18, 0x11, 0x22, 0x33, 0x44,
	/* NTP, timestamp, packets, octets */
	0xE0, 1, 2, 3, 0x80, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 100, 0, 0, 0x3E, 0x80,
	/* about another stream */
	9, 9, 9, 9, 255, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9,
	/* about ours: 25 %, -2 lost, highest 0x0001FFFE, jitter 40, LSR, DLSR 1.5 s */
	0x0A, 0x0B, 0x0C, 0x0D, 64, 0xFF, 0xFF, 0xFE, 0, 1, 0xFF, 0xFE, 0, 0, 0, 40, 0x12, 0x34,
	0x56, 0x78, 0, 1, 0x80, 0,
	/* SDES: CNAME "a@b", TOOL "x" */
	0x81, 202, 0, 4, 0x11, 0x22, 0x33, 0x44, 1, 3, 'a', '@', 'b', 6, 1, 'x', 0, 0, 0, 0,
	/* XR: an unknown block, DLRR for two, receiver reference time */
	0x80, 207, 0, 13, 0x11, 0x22, 0x33, 0x44, 99, 0, 0, 1, 1, 2, 3, 4, 5, 0, 0, 6, 1, 1, 1, 1,
	0, 0, 0, 1, 0, 0, 0, 2, 0x0A, 0x0B, 0x0C, 0x0D, 0, 7, 0, 0, 0, 0, 0x40, 0, 4, 0, 0, 2, 1,
	2, 3, 4, 5, 6, 7, 8,
	/* APP, RTPFB (TWCC), BYE "bye" */
	0x80, 204, 0, 2, 0x11, 0x22, 0x33, 0x44, 'n', 'a', 'm', 'e', 0x8F, 205, 0, 2, 0x11, 0x22,
	0x33, 0x44, 0, 0, 0, 0, 0x81, 203, 0, 2, 0x11, 0x22, 0x33, 0x44, 3, 'b', 'y', 'e'};

static void test_compound_packet(void)
{
	struct bl_rtcp in;

	CHECK_EQUAL(BL_OK, bl_rtcp_parse(compound, sizeof(compound), OURS, &in));
	CHECK_EQUAL(THEIRS, in.ssrc);
	CHECK(in.has_sender);
	CHECK(in.sender.ntp == 0xE001020380000000u);
	CHECK_EQUAL(0x1000, in.sender.timestamp);
	CHECK_EQUAL(100, in.sender.packets);
	CHECK_EQUAL(16000, in.sender.bytes);
	CHECK(in.has_block);
	CHECK_EQUAL(OURS, in.block.ssrc);
	CHECK_EQUAL(64, in.block.fraction);
	CHECK_EQUAL(-2, in.block.lost);
	CHECK_EQUAL(0x1FFFE, in.block.highest);
	CHECK_EQUAL(40, in.block.jitter);
	CHECK_EQUAL(0x12345678, in.block.last);
	CHECK_EQUAL(0x18000, in.block.delay);
	CHECK_EQUAL(3, in.cname.size);
	CHECK(in.cname.at && !memcmp(in.cname.at, "a@b", 3));
	CHECK(in.has_dlrr);
	CHECK_EQUAL(0x70000, in.dlrr.last);
	CHECK_EQUAL(0x4000, in.dlrr.delay);
	CHECK(in.has_reference && in.reference == 0x0102030405060708u);
	CHECK(in.bye);
	CHECK_EQUAL(3, in.reason.size);
	CHECK_EQUAL(3, in.skipped); /* an XR block, APP, RTPFB */
}

/* Cut anywhere it is refused, unless the cut is between two packets. */
static void test_cut_packets(void)
{
	size_t whole[8] = {76, 96, 152, 164, 176, 188}, next = 0;
	struct bl_rtcp in;

	CHECK_EQUAL(188, sizeof(compound));
	CHECK_EQUAL(BL_EINVAL, bl_rtcp_parse(NULL, 8, OURS, &in));
	CHECK_EQUAL(BL_EINVAL, bl_rtcp_parse(compound, 0, OURS, &in));
	for (size_t size = 1; size <= sizeof(compound); size++) {
		uint8_t *copy = malloc(size); /* so that a byte read too far is found */

		memcpy(copy, compound, size);
		CHECK_EQUAL(size == whole[next] ? BL_OK : BL_EINVAL,
			    bl_rtcp_parse(copy, size, OURS, &in));
		next += size == whole[next];
		free(copy);
	}
}

static int parse(const char *bytes, size_t size)
{
	struct bl_rtcp in;

	return bl_rtcp_parse((const uint8_t *)bytes, size, OURS, &in);
}
#define PARSE(text) parse(text, sizeof(text) - 1)

static void test_hostile_lengths(void)
{
	CHECK_EQUAL(BL_EINVAL, PARSE("\x40\xc9\0\1\0\0\0\1"));	   /* version 1 */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x80\xc9\xff\xff\0\0\0\1")); /* 256 kB */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x9f\xc9\0\1\0\0\0\1"));	   /* 31 blocks in none */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x80\xc8\0\1\0\0\0\1"));	   /* SR of an RR's size */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x80\xc9\0\0"));		   /* no SSRC */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x81\xca\0\2\0\0\0\1\1\xff"
				     "aa"));			       /* CNAME of 255 */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x82\xca\0\2\0\0\0\1\0\0\0\0")); /* second chunk missing */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x81\xca\0\2\0\0\0\1\1\1"
				     "a\1"));		       /* an item's type only */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x82\xcb\0\1\0\0\0\1")); /* BYE of two in one */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x81\xcb\0\2\0\0\0\1\4"
				     "abc"));			       /* reason too long */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x80\xcf\0\2\0\0\0\1\4\0\0\2")); /* XR block over the end */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x80\xcf\0\3\0\0\0\1\4\0\0\1\0\0\0\0")); /* RRT too short */
	CHECK_EQUAL(BL_EINVAL,
		    PARSE("\x80\xcf\0\3\0\0\0\1\5\0\0\1\0\0\0\0")); /* a third of DLRR */
	CHECK_EQUAL(BL_EINVAL, PARSE("\x80\xcf\0\3\0\0\0\1\7\0\0\1\0\0\0\0")); /* VoIP too short */
	CHECK_EQUAL(BL_EINVAL, PARSE("\xa0\xc9\0\2\0\0\0\1\0\0\0\0"));	       /* padding of 0 */
	CHECK_EQUAL(BL_EINVAL, PARSE("\xa0\xc9\0\2\0\0\0\1\0\0\0\x0c")); /* more than there is */
	CHECK_EQUAL(BL_EINVAL, PARSE("\xa0\xc9\0\2\0\0\0\1\0\0\0\3"));	 /* no whole word */
	CHECK_EQUAL(BL_OK, PARSE("\xa0\xc9\0\2\0\0\0\1\0\0\0\4"));
	/* padding of any but the last */
	CHECK_EQUAL(BL_EINVAL, PARSE("\xa0\xc9\0\2\0\0\0\1\0\0\0\4\x80\xc9\0\1\0\0\0\1"));
	CHECK_EQUAL(BL_OK, PARSE("\x80\xff\0\0")); /* an unknown type without a body */
}

/* RFC 5506: any packet may stand alone. */
static void test_reduced_size(void)
{
	static const uint8_t bye[] = {0x81, 203, 0, 1, 0, 0, 0, 5};
	static const uint8_t feedback[] = {0x81, 206, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6};
	static const uint8_t unended[] = {0x81, 202, 0, 2, 0, 0, 0, 5, 1, 2, 'a', 'b'};
	struct bl_rtcp in;

	CHECK_EQUAL(BL_OK, bl_rtcp_parse(bye, sizeof(bye), OURS, &in));
	CHECK(in.bye);
	CHECK_EQUAL(5, in.ssrc);
	CHECK_EQUAL(BL_OK, bl_rtcp_parse(feedback, sizeof(feedback), OURS, &in));
	CHECK_EQUAL(1, in.skipped);
	CHECK_EQUAL(BL_OK, bl_rtcp_parse(unended, sizeof(unended), OURS, &in));
	CHECK_EQUAL(2, in.cname.size);
}

static struct bl_rtcp full_report(void)
{
	return (struct bl_rtcp){
		.ssrc = THEIRS,
		.has_sender = true,
		.sender = {0x123456789ABCDEF0u, 11, 12, 13},
		.has_block = true,
		.block = {OURS, 200, -8388608, 70000, 77, 88, 99},
		.cname = {"0123456789abcdef", 16},
		.has_reference = true,
		.reference = 0xFEDCBA9876543210u,
		.has_dlrr = true,
		.dlrr = {OURS, 5, 6},
		.has_voip = true,
		.voip = {OURS, 1,  2, 3,  4,  5,  6,	7,  8,	-20, -60,
			 127,  16, 9, 10, 44, 43, 0xF0, 40, 60, 200},
		.bye = true,
		.reason = {"done", 4},
	};
}

static void test_report_goes_round(void)
{
	struct bl_rtcp out = full_report(), in;
	uint8_t packet[BL_RTCP_MAX], again[BL_RTCP_MAX];
	int size = bl_rtcp_build(&out, packet, sizeof(packet));

	CHECK_EQUAL(52 + 28 + 72 + 16, size);
	CHECK_EQUAL(BL_OK, bl_rtcp_parse(packet, (size_t)size, OURS, &in));
	CHECK(in.sender.ntp == out.sender.ntp && in.sender.bytes == 13);
	CHECK_EQUAL(-8388608, in.block.lost);
	CHECK_EQUAL(-20, in.voip.signal_dbm0);
	CHECK_EQUAL(200, in.voip.buffer_limit_ms);
	CHECK_EQUAL(0, in.skipped);
	CHECK_EQUAL(size, bl_rtcp_build(&in, again, sizeof(again))); /* nothing got lost */
	CHECK(!memcmp(packet, again, (size_t)size));
	for (size_t room = 0; room < (size_t)size; room++)
		CHECK_EQUAL(BL_EINVAL, bl_rtcp_build(&out, packet, room));
	CHECK_EQUAL(BL_OK, bl_rtcp_parse(packet, (size_t)size, OURS + 1, &in));
	CHECK(!in.has_block && !in.has_dlrr && !in.has_voip); /* they are about somebody else */
}

/* RFC 3611 §4.6 */
static void test_statistics_summary(void)
{
	uint8_t packet[4 + 4 + 4 + 36] = {0x80, 207, 0, 11, 0x11, 0x22, 0x33, 0x44, 6, 0xE0, 0, 9};
	struct bl_rtcp in;

	bl_put32(packet + 12, OURS);
	for (uint8_t i = 16; i < 48; i++)
		packet[i] = i;
	CHECK_EQUAL(BL_OK, bl_rtcp_parse(packet, sizeof(packet), OURS, &in));
	CHECK(in.has_summary);
	CHECK_EQUAL(0x1011, in.summary.first);
	CHECK_EQUAL(0x1213, in.summary.end);
	CHECK_EQUAL(0x14151617, in.summary.lost);
	CHECK_EQUAL(0x18191A1B, in.summary.duplicate);
	CHECK_EQUAL(0x1C1D1E1F, in.summary.jitter_least);
	CHECK_EQUAL(0x28292A2B, in.summary.jitter_deviation);
	CHECK_EQUAL(BL_OK, bl_rtcp_parse(packet, sizeof(packet), OURS + 1, &in));
	CHECK(!in.has_summary);
	packet[3] = 10; /* one word less, in both lengths */
	packet[11] = 8;
	CHECK_EQUAL(BL_EINVAL, bl_rtcp_parse(packet, sizeof(packet) - 4, OURS, &in));
}

static void test_texts_of_any_length(void)
{
	static const char text[BL_RTCP_TEXT + 1] = "x";
	struct bl_rtcp out = full_report(), in;
	uint8_t packet[BL_RTCP_MAX];

	for (size_t length = 0; length <= BL_RTCP_TEXT; length++) {
		int size;

		out.cname = out.reason = (struct bl_rtcp_text){text, length};
		size = bl_rtcp_build(&out, packet, sizeof(packet));
		CHECK_EQUAL(0, size % 4);
		CHECK_EQUAL(BL_OK, bl_rtcp_parse(packet, (size_t)size, OURS, &in));
		CHECK_EQUAL(length, in.cname.size);
		CHECK_EQUAL(0, in.cname.at[length]); /* RFC 3550 §6.5: a 0 ends the items */
		CHECK_EQUAL(length, in.reason.size);
	}
	out.cname.size = BL_RTCP_TEXT + 1;
	CHECK_EQUAL(BL_EINVAL, bl_rtcp_build(&out, packet, sizeof(packet)));
}

static void test_ntp_time(void)
{
	CHECK(bl_rtcp_ntp(0, 0) == 2208988800u * (uint64_t)4294967296);
	CHECK_EQUAL(0x80000000, (uint32_t)bl_rtcp_ntp(1, 500000000));
	CHECK_EQUAL(0x7E808000, bl_rtcp_middle(bl_rtcp_ntp(0, 500000000)));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_compound_packet),     CHECK_TEST(test_cut_packets),
	CHECK_TEST(test_hostile_lengths),     CHECK_TEST(test_reduced_size),
	CHECK_TEST(test_report_goes_round),   CHECK_TEST(test_statistics_summary),
	CHECK_TEST(test_texts_of_any_length), CHECK_TEST(test_ntp_time),
};

CHECK_MAIN(tests)
