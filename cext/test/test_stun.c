/* test_stun.c  STUN messages: the vectors of RFC 5769, round trips, hostile lengths */
#include <arpa/inet.h>
#include <stdint.h>
#include "branchline_media.h"
#include "bytes.h"
#include "check.h"
#include "stun.h"

static const char password[] = "VOkJxbRl1RmTxUk/WvJxBt";
#define KEY password, sizeof(password) - 1

/* RFC 5769 §2.1 */
static const uint8_t request[] =
	"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
	"\x80\x22\x00\x10STUN test client"
	"\x00\x24\x00\x04\x6e\x00\x01\xff"
	"\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36"
	"\x00\x06\x00\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20"
	"\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49"
	"\xc1\xb5\x71\xa2"
	"\x80\x28\x00\x04\xe5\x7a\x3b\xcf";

/* RFC 5769 §2.2 */
static const uint8_t response_v4[] =
	"\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
	"\x80\x22\x00\x0btest vector "
	"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"
	"\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53"
	"\xf0\x6b\xe7\xd7"
	"\x80\x28\x00\x04\xc0\x7d\x4c\x96";

/* RFC 5769 §2.3 */
static const uint8_t response_v6[] =
	"\x01\x01\x00\x48\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
	"\x80\x22\x00\x0btest vector "
	"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5"
	"\xbe\xd2\xb9\xd9"
	"\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84\xc9\x7c\x82\x92\xc2\x75"
	"\xbf\xe3\xed\x41"
	"\x80\x28\x00\x04\xc8\xfb\x0b\x4c";

#define SIZE(vector) (sizeof(vector) - 1)

static void test_sample_request(void)
{
	struct bl_stun stun;

	CHECK_EQUAL(BL_OK, bl_stun_parse(request, SIZE(request), &stun));
	CHECK_EQUAL(BL_STUN_REQUEST, stun.kind);
	CHECK_EQUAL(BL_STUN_BINDING, stun.method);
	CHECK(stun.has_priority);
	CHECK_EQUAL(0x6e0001ff, stun.priority);
	CHECK_EQUAL(BL_STUN_CONTROLLED, stun.role);
	CHECK(stun.tie_breaker == 0x932ff9b151263b36u);
	CHECK_EQUAL(9, stun.username.size);
	CHECK(!memcmp(stun.username.at, "evtj:h6vY", 9));
	CHECK_EQUAL(16, stun.software.size);
	CHECK(stun.has_fingerprint);
	CHECK(!stun.use_candidate);
	CHECK_EQUAL(0, stun.unknown_count);
	CHECK(bl_stun_check_integrity(request, SIZE(request), &stun, KEY));
	CHECK(!bl_stun_check_integrity(request, SIZE(request), &stun, password,
				       sizeof(password) - 2));
	CHECK(!bl_stun_check_integrity(request, SIZE(request), &stun, NULL, 0));
	CHECK(bl_stun_is_for(&stun, "evtj", 4));
	CHECK(!bl_stun_is_for(&stun, "evt", 3));
	CHECK(!bl_stun_is_for(&stun, "evtj:h6vY", 9));
	CHECK(!bl_stun_is_for(&stun, "evtk", 4));
}

static void test_sample_responses(void)
{
	struct bl_stun stun;
	char text[INET6_ADDRSTRLEN];

	CHECK_EQUAL(BL_OK, bl_stun_parse(response_v4, SIZE(response_v4), &stun));
	CHECK_EQUAL(BL_STUN_SUCCESS, stun.kind);
	CHECK(bl_stun_check_integrity(response_v4, SIZE(response_v4), &stun, KEY));
	CHECK(stun.has_mapped);
	CHECK_EQUAL(AF_INET, stun.mapped.any.sa_family);
	CHECK_EQUAL(32853, ntohs(stun.mapped.v4.sin_port));
	inet_ntop(AF_INET, &stun.mapped.v4.sin_addr, text, sizeof(text));
	CHECK(!strcmp(text, "192.0.2.1"));

	CHECK_EQUAL(BL_OK, bl_stun_parse(response_v6, SIZE(response_v6), &stun));
	CHECK(bl_stun_check_integrity(response_v6, SIZE(response_v6), &stun, KEY));
	CHECK_EQUAL(AF_INET6, stun.mapped.any.sa_family);
	CHECK_EQUAL(32853, ntohs(stun.mapped.v6.sin6_port));
	inet_ntop(AF_INET6, &stun.mapped.v6.sin6_addr, text, sizeof(text));
	CHECK(!strcmp(text, "2001:db8:1234:5678:11:2233:4455:6677"));
}

/* Ours differs from the vector in padding (0, not blanks), so build it and read it again. */
static void test_request_goes_round(void)
{
	struct bl_stun in, out;
	uint8_t packet[BL_STUN_MAX];
	int size;

	bl_stun_parse(request, SIZE(request), &in);
	in.use_candidate = true;
	in.role = BL_STUN_CONTROLLING;
	size = bl_stun_build_request(&in, KEY, packet, sizeof(packet));
	CHECK_EQUAL((int)SIZE(request) + 4, size);
	CHECK_EQUAL(BL_OK, bl_stun_parse(packet, (size_t)size, &out));
	CHECK(bl_stun_check_integrity(packet, (size_t)size, &out, KEY));
	CHECK(out.use_candidate);
	CHECK_EQUAL(BL_STUN_CONTROLLING, out.role);
	CHECK(in.tie_breaker == out.tie_breaker);
	CHECK_EQUAL(in.priority, out.priority);
	CHECK_EQUAL(9, out.username.size);
	CHECK(!memcmp(in.transaction, out.transaction, sizeof(in.transaction)));
	for (size_t room = 0; room < (size_t)size; room++)
		CHECK_EQUAL(BL_EINVAL, bl_stun_build_request(&in, KEY, packet, room));

	in = (struct bl_stun){.kind = BL_STUN_INDICATION, .method = BL_STUN_BINDING};
	size = bl_stun_build_request(&in, NULL, 0, packet, sizeof(packet));
	CHECK_EQUAL(BL_OK, bl_stun_parse(packet, (size_t)size, &out));
	CHECK_EQUAL(BL_STUN_INDICATION, out.kind);
	CHECK(!out.integrity);
	CHECK(!bl_stun_check_integrity(packet, (size_t)size, &out, KEY));
	in.kind = BL_STUN_SUCCESS;
	CHECK_EQUAL(BL_EINVAL, bl_stun_build_request(&in, NULL, 0, packet, sizeof(packet)));
}

/* The response vector less its SOFTWARE is what we answer to the request. */
static void test_success_goes_round(void)
{
	struct bl_stun in, vector, out;
	uint8_t packet[BL_STUN_MAX];
	int size;

	bl_stun_parse(request, SIZE(request), &in);
	bl_stun_parse(response_v6, SIZE(response_v6), &vector);
	size = bl_stun_build_success(&in, &vector.mapped.any, KEY, packet, sizeof(packet));
	CHECK_EQUAL((int)SIZE(response_v6) - 16, size);
	CHECK(!memcmp(packet + 20, response_v6 + 36, 24)); /* the address as in the vector */
	CHECK_EQUAL(BL_OK, bl_stun_parse(packet, (size_t)size, &out));
	CHECK_EQUAL(BL_STUN_SUCCESS, out.kind);
	CHECK(bl_stun_check_integrity(packet, (size_t)size, &out, KEY));
	CHECK(!memcmp(&out.mapped.v6.sin6_addr, &vector.mapped.v6.sin6_addr, 16));

	bl_stun_parse(response_v4, SIZE(response_v4), &vector);
	CHECK_EQUAL(64,
		    bl_stun_build_success(&in, &vector.mapped.any, KEY, packet, sizeof(packet)));
	CHECK(!memcmp(packet + 20, response_v4 + 36, 12));
	vector.mapped.any.sa_family = AF_UNIX;
	CHECK_EQUAL(BL_EINVAL,
		    bl_stun_build_success(&in, &vector.mapped.any, KEY, packet, sizeof(packet)));
}

static void test_error_goes_round(void)
{
	static const int codes[] = {400, 401, 420, 487, 500};
	struct bl_stun in, out;
	uint8_t packet[BL_STUN_MAX];
	int size;

	bl_stun_parse(request, SIZE(request), &in);
	in.unknown[0] = 0x0042;
	in.unknown[1] = 0x7FFF;
	in.unknown[2] = 0x0043;
	in.unknown_count = 3;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		size = bl_stun_build_error(&in, codes[i], KEY, packet, sizeof(packet));
		CHECK_EQUAL(BL_OK, bl_stun_parse(packet, (size_t)size, &out));
		CHECK_EQUAL(BL_STUN_ERROR, out.kind);
		CHECK_EQUAL(codes[i], out.error_code);
		CHECK(out.reason.size > 0);
		CHECK(bl_stun_check_integrity(packet, (size_t)size, &out, KEY));
		CHECK_EQUAL(codes[i] == 420 ? 3 : 0, out.unknown_count);
	}
	size = bl_stun_build_error(&in, 420, NULL, 0, packet, sizeof(packet));
	CHECK_EQUAL(BL_OK, bl_stun_parse(packet, (size_t)size, &out));
	CHECK_EQUAL(0x7FFF, out.unknown[1]);
	CHECK(!out.integrity);
	CHECK_EQUAL(BL_EINVAL, bl_stun_build_error(&in, 200, NULL, 0, packet, sizeof(packet)));
}

/*
 * Any byte changed is found out by the FINGERPRINT, unless it is the FINGERPRINT's own type; cut
 * anywhere it is refused.
 */
static void test_damaged_messages(void)
{
	uint8_t packet[SIZE(request)];
	struct bl_stun stun;

	for (size_t i = 0; i < SIZE(request); i++) {
		memcpy(packet, request, sizeof(packet));
		packet[i] ^= 0x01;
		CHECK_EQUAL(i / 2 == (SIZE(request) - 8) / 2 ? BL_OK : BL_EINVAL,
			    bl_stun_parse(packet, sizeof(packet), &stun));
		CHECK_EQUAL(BL_EINVAL, bl_stun_parse(request, i, &stun));
	}
	CHECK_EQUAL(BL_EINVAL, bl_stun_parse(NULL, 20, &stun));
}

/* Without a FINGERPRINT only the MESSAGE-INTEGRITY finds a changed byte. */
static void test_forged_request(void)
{
	uint8_t packet[SIZE(request) - 8];
	struct bl_stun stun;

	memcpy(packet, request, sizeof(packet));
	bl_put16(packet + 2, sizeof(packet) - 20);
	CHECK_EQUAL(BL_OK, bl_stun_parse(packet, sizeof(packet), &stun));
	CHECK(bl_stun_check_integrity(packet, sizeof(packet), &stun, KEY));
	for (size_t i = 8; i < sizeof(packet); i++) {
		packet[i] ^= 0x10;
		if (!bl_stun_parse(packet, sizeof(packet), &stun))
			CHECK(!bl_stun_check_integrity(packet, sizeof(packet), &stun, KEY));
		packet[i] ^= 0x10;
	}
}

/* A bare head with one attribute of that type and size behind it. */
static int parse_one(uint16_t type, uint16_t told, size_t real, struct bl_stun *out)
{
	uint8_t packet[BL_STUN_MAX + 400] = {0, 1};

	bl_put16(packet + 2, (uint16_t)(real + 4));
	bl_put32(packet + 4, 0x2112A442);
	bl_put16(packet + 20, type);
	bl_put16(packet + 22, told);
	packet[25] = 1; /* a family, of an address */
	return bl_stun_parse(packet, 24 + real, out);
}

static void test_hostile_lengths(void)
{
	static const struct {
		uint16_t type, right;
	} fixed[] = {{0x0024, 4}, {0x0025, 0},	{0x8029, 8},
		     {0x802A, 8}, {0x0008, 20}, {0x0020, 8}};
	struct bl_stun stun;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		for (uint16_t size = 0; size < 32; size++) {
			size_t padded = (size_t)(size + 3) / 4 * 4;

			CHECK_EQUAL(size == fixed[i].right ? BL_OK : BL_EINVAL,
				    parse_one(fixed[i].type, size, padded, &stun));
		}
	}
	for (uint16_t told = 9; told; told = (uint16_t)(told * 3 | 1)) {
		if (told > 8)
			CHECK_EQUAL(BL_EINVAL, parse_one(0x8022, told, 8, &stun));
		if (told > 60000)
			break;
	}
	CHECK_EQUAL(BL_EINVAL, parse_one(0x8022, 1600, 1600, &stun)); /* more than a datagram */
	CHECK_EQUAL(BL_EINVAL, parse_one(0x8022, 764, 764, &stun));
	CHECK_EQUAL(BL_EINVAL, parse_one(0x0006, 514, 516, &stun));
	CHECK_EQUAL(BL_OK, parse_one(0x0006, 513, 516, &stun));
	CHECK_EQUAL(BL_EINVAL, parse_one(0x0009, 8, 8, &stun)); /* class 0 */
	CHECK_EQUAL(BL_EINVAL, parse_one(0x000A, 3, 4, &stun));
	CHECK_EQUAL(BL_EINVAL, parse_one(0x8028, 4, 4, &stun)); /* a wrong FINGERPRINT */
}

static void test_unknown_attributes(void)
{
	uint8_t packet[20 + 4 * 20] = {0, 1, 0, 80};
	struct bl_stun stun;

	CHECK_EQUAL(BL_OK, parse_one(0x7123, 5, 8, &stun));
	CHECK_EQUAL(1, stun.unknown_count);
	CHECK_EQUAL(0x7123, stun.unknown[0]);
	CHECK_EQUAL(BL_OK, parse_one(0xC057, 5, 8, &stun));
	CHECK_EQUAL(0, stun.unknown_count);
	bl_put32(packet + 4, 0x2112A442);
	for (int i = 0; i < 20; i++)
		bl_put16(packet + 20 + 4 * i, (uint16_t)(0x100 + i));
	CHECK_EQUAL(BL_OK, bl_stun_parse(packet, sizeof(packet), &stun));
	CHECK_EQUAL(BL_STUN_UNKNOWN, stun.unknown_count); /* no more than there is room for */
}

/* What stands behind the MESSAGE-INTEGRITY could have been put there by anybody. */
static void test_nothing_counts_behind_the_integrity(void)
{
	struct bl_stun in = {.method = BL_STUN_BINDING}, out;
	uint8_t packet[BL_STUN_MAX];
	int size = bl_stun_build_request(&in, KEY, packet, sizeof(packet)) - 8;

	CHECK_EQUAL(44, size);
	bl_put16(packet + size, 0x0025); /* USE-CANDIDATE in the place of the FINGERPRINT */
	bl_put16(packet + size + 2, 0);
	bl_put16(packet + 2, (uint16_t)(size + 4 - 20));
	CHECK_EQUAL(BL_OK, bl_stun_parse(packet, (size_t)size + 4, &out));
	CHECK(bl_stun_check_integrity(packet, (size_t)size + 4, &out, KEY));
	CHECK(!out.use_candidate);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_sample_request),     CHECK_TEST(test_sample_responses),
	CHECK_TEST(test_request_goes_round), CHECK_TEST(test_success_goes_round),
	CHECK_TEST(test_error_goes_round),   CHECK_TEST(test_damaged_messages),
	CHECK_TEST(test_forged_request),     CHECK_TEST(test_hostile_lengths),
	CHECK_TEST(test_unknown_attributes), CHECK_TEST(test_nothing_counts_behind_the_integrity),
};

CHECK_MAIN(tests)
