/* test_srtp.c  SRTP both ways in every suite; replays, forgeries, wrong lengths, new keys */
#include <stdint.h>
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "check.h"
#include "rtp.h"
#include "sdes.h"
#include "srtp.h"

enum {
	ROOM = 1024,
	SOUND = 160,
	PLAIN = BL_RTP_HEADER + SOUND,
	SSRC = 0x1234ABCD,
};

static const enum bl_srtp_suite all_suites[] = {
	BL_SRTP_AES_CM_128_HMAC_SHA1_80,
	BL_SRTP_AES_CM_128_HMAC_SHA1_32,
	BL_SRTP_AEAD_AES_128_GCM,
	BL_SRTP_AEAD_AES_256_GCM,
};

struct ends {
	struct bl_srtp *out, *in;
};

static struct ends make_ends(enum bl_srtp_suite suite, size_t mki)
{
	struct bl_sdes sdes;
	struct ends ends = {NULL, NULL};

	CHECK_EQUAL(BL_OK, bl_sdes_make(1, suite, &sdes));
	sdes.key.mki_size = mki;
	memset(sdes.key.mki, 7, mki);
	CHECK_EQUAL(BL_OK, bl_srtp_new(BL_SRTP_OUT, &sdes.key, &ends.out));
	CHECK_EQUAL(BL_OK, bl_srtp_new(BL_SRTP_IN, &sdes.key, &ends.in));
	return ends;
}

static void free_ends(struct ends *ends)
{
	bl_srtp_free(ends->in);
	bl_srtp_free(ends->out);
}

static size_t plain(uint8_t *packet, uint32_t ssrc, uint16_t seq)
{
	bl_rtp_header(packet, &(struct bl_rtp){.seq = seq, .ssrc = ssrc, .timestamp = seq * 160u});
	for (int i = 0; i < SOUND; i++)
		packet[BL_RTP_HEADER + i] = (uint8_t)(seq + i);
	return PLAIN;
}

static size_t secure(struct bl_srtp *out, uint8_t *packet, uint32_t ssrc, uint16_t seq)
{
	size_t size = plain(packet, ssrc, seq);

	CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_protect(out, packet, &size, ROOM));
	return size;
}

static size_t receiver_report(uint8_t *packet)
{
	const uint8_t report[] = {0x80, 201, 0, 1, 0x12, 0x34, 0xAB, 0xCD};

	memcpy(packet, report, sizeof(report));
	return sizeof(report);
}

static void test_round_trip(void)
{
	static const size_t tags[] = {10, 4, 16, 16};

	for (size_t i = 0; i < sizeof(all_suites) / sizeof(*all_suites); i++) {
		struct ends ends = make_ends(all_suites[i], 0);
		uint8_t packet[ROOM], want[ROOM];
		size_t size = secure(ends.out, packet, SSRC, 60000);

		plain(want, SSRC, 60000);
		CHECK_EQUAL(PLAIN + tags[i], size);
		CHECK(memcmp(packet + BL_RTP_HEADER, want + BL_RTP_HEADER, SOUND) != 0);
		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(ends.in, packet, &size));
		CHECK_EQUAL(PLAIN, size);
		CHECK(!memcmp(packet, want, PLAIN));
		free_ends(&ends);
	}
}

static void test_rtcp_round_trip(void)
{
	for (size_t i = 0; i < sizeof(all_suites) / sizeof(*all_suites); i++) {
		struct ends ends = make_ends(all_suites[i], 0);
		uint8_t packet[ROOM], again[ROOM];
		size_t size = receiver_report(packet), again_size;

		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_protect_rtcp(ends.out, packet, &size, ROOM));
		memcpy(again, packet, again_size = size);
		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect_rtcp(ends.in, packet, &size));
		CHECK_EQUAL(8, size);
		CHECK_EQUAL(201, packet[1]);
		CHECK_EQUAL(BL_SRTP_REPLAY, bl_srtp_unprotect_rtcp(ends.in, again, &again_size));
		free_ends(&ends);
	}
}

/* Reference packets of libsrtp's own validation: another libsrtp build must make the same. */
static void test_known_packets(void)
{
	static const struct {
		struct bl_srtp_key key;
		size_t size;
		uint8_t secure[12 + 16 + 16];
	} known[] = {
		{{.suite = BL_SRTP_AES_CM_128_HMAC_SHA1_80,
		  .bytes = {0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0, 0xd6, 0x4f,
			    0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39, 0x0e, 0xc6, 0x75, 0xad,
			    0x49, 0x8a, 0xfe, 0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6}},
		 38,
		 {0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba, 0xbe, 0x4e,
		  0x55, 0xdc, 0x4c, 0xe7, 0x99, 0x78, 0xd8, 0x8c, 0xa4, 0xd2, 0x15, 0x94, 0x9d,
		  0x24, 0x02, 0xb7, 0x8d, 0x6a, 0xcc, 0x99, 0xea, 0x17, 0x9b, 0x8d, 0xbb}},
		{{.suite = BL_SRTP_AEAD_AES_128_GCM,
		  .bytes = {0,	  1,	2,    3,    4,	  5,	6,    7,    8,	  9,
			    10,	  11,	12,   13,   14,	  15,	0xa0, 0xa1, 0xa2, 0xa3,
			    0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab}},
		 44,
		 {0x80, 0x0f, 0x12, 0x34, 0xde, 0xca, 0xfb, 0xad, 0xca, 0xfe, 0xba,
		  0xbe, 0xc5, 0x00, 0x2e, 0xde, 0x04, 0xcf, 0xdd, 0x2e, 0xb9, 0x11,
		  0x59, 0xe0, 0x88, 0x0a, 0xa0, 0x6e, 0xd2, 0x97, 0x68, 0x26, 0xf7,
		  0x96, 0xb2, 0x01, 0xdf, 0x31, 0x31, 0xa1, 0x27, 0xe8, 0xa3, 0x92}},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		uint8_t packet[ROOM];
		size_t size = 12 + 16;
		struct bl_srtp *out;

		memcpy(packet, known[i].secure, 12);
		memset(packet + 12, 0xAB, 16);
		CHECK_EQUAL(BL_OK, bl_srtp_new(BL_SRTP_OUT, &known[i].key, &out));
		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_protect(out, packet, &size, ROOM));
		CHECK_EQUAL(known[i].size, size);
		CHECK(!memcmp(known[i].secure, packet, size));
		bl_srtp_free(out);
	}
}

static void test_replay(void)
{
	struct ends ends = make_ends(BL_SRTP_AES_CM_128_HMAC_SHA1_80, 0);
	uint8_t first[ROOM], packet[ROOM], copy[ROOM];
	size_t first_size = secure(ends.out, first, SSRC, 1), size, copy_size;

	memcpy(copy, first, copy_size = first_size);
	CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(ends.in, copy, &copy_size));
	memcpy(copy, first, copy_size = first_size);
	CHECK_EQUAL(BL_SRTP_REPLAY, bl_srtp_unprotect(ends.in, copy, &copy_size));
	for (int seq = 2; seq < 2 + BL_SRTP_WINDOW + 10; seq++) {
		size = secure(ends.out, packet, SSRC, (uint16_t)seq);
		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(ends.in, packet, &size));
	}
	memcpy(copy, first, copy_size = first_size);
	CHECK_EQUAL(BL_SRTP_REPLAY, bl_srtp_unprotect(ends.in, copy, &copy_size));
	free_ends(&ends);
}

static void test_late_but_new(void)
{
	struct ends ends = make_ends(BL_SRTP_AEAD_AES_128_GCM, 0);
	uint8_t late[ROOM], packet[ROOM];
	size_t late_size = secure(ends.out, late, SSRC, 10), size;

	for (uint16_t seq = 11; seq < 11 + 200; seq++) {
		size = secure(ends.out, packet, SSRC, seq);
		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(ends.in, packet, &size));
	}
	CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(ends.in, late, &late_size));
	free_ends(&ends);
}

static void test_forged(void)
{
	for (size_t i = 0; i < sizeof(all_suites) / sizeof(*all_suites); i++) {
		struct ends ends = make_ends(all_suites[i], 0),
			    other = make_ends(all_suites[i], 0);
		uint8_t packet[ROOM], copy[ROOM];
		size_t size = secure(ends.out, packet, SSRC, 1), copy_size;

		for (size_t at = 1; at < size;
		     at += 7) { /* one bit, anywhere but in the version */
			memcpy(copy, packet, copy_size = size);
			copy[at] ^= 1;
			CHECK(bl_srtp_unprotect(ends.in, copy, &copy_size) != BL_SRTP_GOOD);
		}
		memcpy(copy, packet, copy_size = size);
		CHECK_EQUAL(BL_SRTP_FORGED, bl_srtp_unprotect(other.in, copy, &copy_size));
		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(ends.in, packet, &size));
		free_ends(&ends);
		free_ends(&other);
	}
}

static void test_malformed(void)
{
	static const uint8_t csrc[20] = {0x8F}, extension[20] = {0x90, 0, 0, 0, 0, 0, 0,    0,
								 0,    0, 0, 0, 1, 1, 0xFF, 0xFF},
			     version[40] = {0x40};
	struct ends ends = make_ends(BL_SRTP_AEAD_AES_256_GCM, 0);
	uint8_t packet[ROOM] = {0};
	size_t size;

	for (size = 0; size < 12 + 16; size++) {
		size_t length = size;

		packet[0] = 0x80;
		CHECK_EQUAL(BL_SRTP_MALFORMED, bl_srtp_unprotect(ends.in, packet, &length));
		length = size < 8 + 4 + 16 ? size : 8;
		CHECK_EQUAL(BL_SRTP_MALFORMED, bl_srtp_unprotect_rtcp(ends.in, packet, &length));
	}
	memcpy(packet, csrc, size = sizeof(csrc));
	CHECK_EQUAL(BL_SRTP_MALFORMED, bl_srtp_unprotect(ends.in, packet, &size));
	memcpy(packet, extension, size = sizeof(extension));
	CHECK_EQUAL(BL_SRTP_MALFORMED, bl_srtp_unprotect(ends.in, packet, &size));
	memcpy(packet, version, size = sizeof(version));
	CHECK_EQUAL(BL_SRTP_MALFORMED, bl_srtp_unprotect(ends.in, packet, &size));
	size = 4;
	CHECK_EQUAL(BL_SRTP_MALFORMED, bl_srtp_protect(ends.out, packet, &size, ROOM));
	size = plain(packet, SSRC, 1);
	CHECK_EQUAL(BL_SRTP_FAILED, bl_srtp_protect(ends.out, packet, &size, size + 8));
	CHECK_EQUAL(BL_SRTP_FAILED, bl_srtp_protect(ends.in, packet, &size, ROOM));
	CHECK_EQUAL(BL_SRTP_FAILED, bl_srtp_unprotect(ends.out, packet, &size));
	free_ends(&ends);
}

/* SRTCP whose E bit says that it is not encrypted: its tag would fit, but we agreed otherwise. */
static void test_plain_rtcp_is_refused(void)
{
	struct ends ends = make_ends(BL_SRTP_AES_CM_128_HMAC_SHA1_80, 0);
	uint8_t packet[ROOM];
	size_t size = receiver_report(packet);

	CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_protect_rtcp(ends.out, packet, &size, ROOM));
	packet[8] &= 0x7F;
	CHECK(bl_srtp_unprotect_rtcp(ends.in, packet, &size) != BL_SRTP_GOOD);
	free_ends(&ends);
}

static void test_roll_over(void)
{
	struct ends ends = make_ends(BL_SRTP_AEAD_AES_128_GCM, 0);
	uint8_t packet[ROOM];

	for (uint32_t seq = 65000; seq < 65536 * 2 + 100; seq += 50) {
		size_t size = secure(ends.out, packet, SSRC, (uint16_t)seq);

		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(ends.in, packet, &size));
	}
	free_ends(&ends);
}

static void test_many_sources(void)
{
	struct ends ends = make_ends(BL_SRTP_AES_CM_128_HMAC_SHA1_80, 0);
	uint8_t packet[ROOM], first[ROOM];
	size_t first_size = secure(ends.out, first, 1000, 1);

	/* each sends twice: the second is no new source */
	for (uint32_t ssrc = 1; ssrc < 1 + 4 * BL_SRTP_SOURCES; ssrc++) {
		for (uint16_t seq = 1; seq <= 2; seq++) {
			size_t size = secure(ends.out, packet, ssrc, seq);

			CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(ends.in, packet, &size));
		}
		if (ssrc == 1) { /* the very first is known, and then forgotten */
			uint8_t copy[ROOM];
			size_t size = first_size;

			memcpy(copy, first, size);
			CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(ends.in, copy, &size));
			memcpy(copy, first, size = first_size);
			CHECK_EQUAL(BL_SRTP_REPLAY, bl_srtp_unprotect(ends.in, copy, &size));
		}
	}
	CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(ends.in, first, &first_size));
	free_ends(&ends);
}

static void test_master_key_identifier(void)
{
	for (size_t i = 0; i < sizeof(all_suites) / sizeof(*all_suites); i++) {
		if (all_suites[i] == BL_SRTP_AES_CM_128_HMAC_SHA1_32)
			continue; /* not spoken: test_sdes.c */
		struct ends with = make_ends(all_suites[i], 1),
			    without = make_ends(all_suites[i], 0);
		uint8_t packet[ROOM];
		size_t size = secure(with.out, packet, SSRC, 1), none, report;

		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect(with.in, packet, &size));
		CHECK_EQUAL(PLAIN, size);
		report = receiver_report(packet);
		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_protect_rtcp(with.out, packet, &report, ROOM));
		CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_unprotect_rtcp(with.in, packet, &report));
		none = secure(without.out, packet, SSRC, 2);
		CHECK_EQUAL(BL_SRTP_FORGED, bl_srtp_unprotect(with.in, packet, &none));
		free_ends(&with);
		free_ends(&without);
	}
}

static int count_retired(struct bl_stack *retired)
{
	int count = 0;

	for (struct bl_node *node = bl_stack_take(retired); node; count++) {
		struct bl_node *next = node->next;

		node->release(NULL, node);
		node = next;
	}
	return count;
}

static enum bl_srtp_verdict hear(struct bl_srtp_pair *pair, struct bl_srtp *out, uint16_t seq,
				 uint64_t now_ms, struct bl_stack *retired)
{
	uint8_t packet[ROOM], want[ROOM];
	size_t size = secure(out, packet, SSRC, seq);
	enum bl_srtp_verdict got =
		bl_srtp_pair_unprotect(pair, packet, &size, false, now_ms, retired);

	plain(want, SSRC, seq);
	CHECK(got != BL_SRTP_GOOD || !memcmp(packet, want, PLAIN));
	return got;
}

static void test_new_keys(void)
{
	for (size_t i = 0; i < sizeof(all_suites) / sizeof(*all_suites); i++) {
		struct ends old = make_ends(all_suites[i], 0), new = make_ends(all_suites[i], 0);
		struct bl_srtp_pair pair = {0};
		struct bl_stack retired = {NULL};

		CHECK_EQUAL(BL_SRTP_FAILED, hear(&pair, old.out, 1, 0, &retired));
		bl_srtp_pair_set(&pair, old.in, NULL, 0, &retired);
		CHECK_EQUAL(BL_SRTP_GOOD, hear(&pair, old.out, 2, 0, &retired));
		bl_srtp_pair_set(&pair, new.in, NULL, 1000, &retired);
		/* packets of both keys, in any order, until the old ones' time is over */
		CHECK_EQUAL(BL_SRTP_GOOD, hear(&pair, old.out, 3, 1000, &retired));
		CHECK_EQUAL(BL_SRTP_GOOD, hear(&pair, new.out, 5, 1020, &retired));
		CHECK_EQUAL(BL_SRTP_GOOD, hear(&pair, old.out, 4, 1040, &retired));
		CHECK_EQUAL(0, count_retired(&retired));
		CHECK_EQUAL(BL_SRTP_GOOD, hear(&pair, new.out, 6, 7000, &retired));
		CHECK_EQUAL(1, count_retired(&retired));
		CHECK_EQUAL(BL_SRTP_FORGED, hear(&pair, old.out, 7, 7020, &retired));
		bl_srtp_pair_clear(&pair, &retired);
		CHECK_EQUAL(1, count_retired(&retired));
		bl_srtp_free(old.out);
		bl_srtp_free(new.out);
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_round_trip),
	CHECK_TEST(test_rtcp_round_trip),
	CHECK_TEST(test_known_packets),
	CHECK_TEST(test_replay),
	CHECK_TEST(test_late_but_new),
	CHECK_TEST(test_forged),
	CHECK_TEST(test_malformed),
	CHECK_TEST(test_plain_rtcp_is_refused),
	CHECK_TEST(test_roll_over),
	CHECK_TEST(test_many_sources),
	CHECK_TEST(test_master_key_identifier),
	CHECK_TEST(test_new_keys),
};

CHECK_MAIN(tests)
