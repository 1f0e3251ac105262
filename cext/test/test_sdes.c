/* test_sdes.c  a=crypto values: RFC 4568's own, those of real phones, and wrong ones */
#include <stdint.h>
#include <string.h>
#include "branchline_media.h"
#include "check.h"
#include "sdes.h"

#define KEY30 "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz" /* RFC 4568 §9.1's example */
#define CM80 "1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30

static int parse(const char *text, struct bl_sdes *out)
{
	return bl_sdes_parse(text, strlen(text), out);
}

static void test_rfc4568_example(void)
{
	struct bl_sdes sdes;

	CHECK_EQUAL(BL_OK, parse("1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "|2^20|1:4", &sdes));
	CHECK_EQUAL(1, sdes.tag);
	CHECK_EQUAL(BL_SRTP_AES_CM_128_HMAC_SHA1_80, sdes.key.suite);
	CHECK(!memcmp(sdes.key.bytes, "YS___semctl () {\t220;}\n}\nunles", 30));
	CHECK_EQUAL(1 << 20, sdes.lifetime);
	CHECK_EQUAL(4, sdes.key.mki_size);
	CHECK(!memcmp(sdes.key.mki, "\0\0\0\1", 4));
}

static void test_forms_that_phones_send(void)
{
	static const char *const good[] = {
		CM80,
		CM80 "|2^31",
		CM80 "|2^48",
		CM80 "|1048576",
		CM80 "|1:1",
		CM80 "|2^31|1:1",
		CM80 "|2^20|255:1",
		CM80 " WSH=64",
		CM80 " KDR=0 WSH=1024",
		CM80 " -whatever",
		CM80 "  ",
		"999999999\tAES_CM_128_HMAC_SHA1_32 \t inline:" KEY30,
		"2 aes_cm_128_hmac_sha1_32 INLINE:" KEY30,
		/* 28 and 44 bytes: with padding, and without as FreeSWITCH has it */
		"3 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==",
		"3 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw",
		"4 AEAD_AES_256_GCM "
		"inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct bl_sdes sdes;

		if (parse(good[i], &sdes))
			printf("refused: %s\n", good[i]);
		CHECK_EQUAL(BL_OK, parse(good[i], &sdes));
	}
}

static void check_all(const char *const *texts, size_t count, int want)
{
	static const struct bl_sdes wiped;

	for (size_t i = 0; i < count; i++) {
		struct bl_sdes sdes;

		if (parse(texts[i], &sdes) != want)
			printf("not so: %s\n", texts[i]);
		CHECK_EQUAL(want, parse(texts[i], &sdes));
		if (*texts[i])
			CHECK(!memcmp(&wiped, &sdes, sizeof(sdes))); /* NOLINT: to the bit */
	}
}

static void test_not_spoken(void)
{
	static const char *const texts[] = {
		"1 F8_128_HMAC_SHA1_80 inline:" KEY30,
		"1 AES_256_CM_HMAC_SHA1_80 inline:" KEY30,
		CM80 "|2^20|1:4;inline:" KEY30 "|2^20|2:4",
		CM80 "|2^20|1:5",
		CM80 "|1:128",
		"1 AES_CM_128_HMAC_SHA1_32 inline:" KEY30 "|1:1",
		CM80 " UNENCRYPTED_SRTP",
		CM80 " UNENCRYPTED_SRTCP",
		CM80 " UNAUTHENTICATED_SRTP",
		CM80 " WSH=64 UNENCRYPTED_SRTP",
		CM80 " KDR=1",
		CM80 " FEC_ORDER=FEC_SRTP",
		CM80 " WHATEVER",
		"1 AES_CM_128_HMAC_SHA1_80 outline:" KEY30,
	};

	check_all(texts, sizeof(texts) / sizeof(*texts), BL_ESTATE);
}

static void test_malformed(void)
{
	static const char *const texts[] = {
		"",
		"1",
		"1 ",
		" 1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30,
		"x AES_CM_128_HMAC_SHA1_80 inline:" KEY30,
		"-1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30,
		"1000000000 AES_CM_128_HMAC_SHA1_80 inline:" KEY30,
		"1 AES_CM_128_HMAC_SHA1_80",
		"1 AES_CM_128_HMAC_SHA1_80 ",
		"1 AES_CM_128_HMAC_SHA1_80 " KEY30,
		"1 AES_CM_128_HMAC_SHA1_80 inline:",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "A",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" KEY30 "==",
		"1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGV",
		"1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGV=",
		"1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVub-_z",
		/* padding that is half there, bits that should be zero */
		"3 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=",
		"3 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGx==",
		"3 AEAD_AES_128_GCM inline:" KEY30,
		CM80 "|",
		CM80 "|2^",
		CM80 "|2^49",
		CM80 "|0",
		CM80 "|2^20|",
		CM80 "|2^20|2^20",
		CM80 "|1:4|2^20",
		CM80 "|1:0",
		CM80 "|1:129",
		CM80 "|1:",
		CM80 "|:1",
		CM80 "|256:1",
		CM80 "|1:4|1:4",
		CM80 " WSH=63",
		CM80 " WSH=",
	};
	struct bl_sdes sdes;

	check_all(texts, sizeof(texts) / sizeof(*texts), BL_EINVAL);
	CHECK_EQUAL(BL_EINVAL, bl_sdes_parse(CM80 "\0", sizeof(CM80), &sdes));
}

static void test_made_keys_go_round(void)
{
	for (int suite = BL_SRTP_AES_CM_128_HMAC_SHA1_80; suite <= BL_SRTP_AEAD_AES_256_GCM;
	     suite++) {
		struct bl_sdes made, other, read;
		char text[BL_SDES_TEXT];
		int size;

		CHECK_EQUAL(BL_OK, bl_sdes_make(7, (enum bl_srtp_suite)suite, &made));
		CHECK_EQUAL(BL_OK, bl_sdes_make(7, (enum bl_srtp_suite)suite, &other));
		CHECK(!bl_sdes_same_key(&made, &other));
		made.lifetime = (uint64_t)1 << 31;
		if (suite != BL_SRTP_AES_CM_128_HMAC_SHA1_32) {
			made.key.mki_size = 2;
			made.key.mki[1] = 9;
		}
		size = bl_sdes_write(&made, text, sizeof(text));
		CHECK_EQUAL(strlen(text), size);
		CHECK_EQUAL(BL_OK, parse(text, &read));
		CHECK_EQUAL(7, read.tag);
		CHECK_EQUAL(made.lifetime, read.lifetime);
		CHECK(bl_sdes_same_key(&made, &read));
		read.tag = 9; /* another line of another offer */
		CHECK(bl_sdes_same_key(&made, &read));
		read.key.bytes[27] ^= 1;
		CHECK(!bl_sdes_same_key(&made, &read));
		CHECK(!bl_sdes_same_key(&made, &other));
		CHECK_EQUAL(BL_EINVAL, bl_sdes_write(&made, text, (size_t)size));
		CHECK_EQUAL(0, text[0]); /* no half of a key stays there */
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_rfc4568_example),    CHECK_TEST(test_forms_that_phones_send),
	CHECK_TEST(test_not_spoken),	     CHECK_TEST(test_malformed),
	CHECK_TEST(test_made_keys_go_round),
};

CHECK_MAIN(tests)
