/* test_g711.c  G.711 against the values of ITU-T G.711 and against itself */
#include <stdint.h>
#include <stdlib.h>
#include "check.h"
#include "g711.h"
#include "simd.h"

static int16_t decode(enum bl_codec codec, uint8_t code)
{
	int16_t pcm;

	bl_g711_decode(codec, &code, 1, &pcm);
	return pcm;
}

static uint8_t encode(enum bl_codec codec, int pcm)
{
	int16_t sample = (int16_t)pcm;
	uint8_t code;

	bl_g711_encode(codec, &sample, 1, &code);
	return code;
}

static void test_known_values(void)
{
	CHECK_EQUAL(0, decode(BL_PCMU, 0xFF));
	CHECK_EQUAL(32124, decode(BL_PCMU, 0x80)); /* 8031 in 14 bits, G.711 table 2a */
	CHECK_EQUAL(-32124, decode(BL_PCMU, 0x00));
	CHECK_EQUAL(8, decode(BL_PCMA, 0xD5));
	CHECK_EQUAL(32256, decode(BL_PCMA, 0xAA)); /* 4032 in 13 bits, G.711 table 1a */
	CHECK_EQUAL(-32256, decode(BL_PCMA, 0x2A));
	CHECK_EQUAL(0xFF, encode(BL_PCMU, 0));
	CHECK_EQUAL(0x80, encode(BL_PCMU, 32767));
	CHECK_EQUAL(0x00, encode(BL_PCMU, -32768));
	CHECK_EQUAL(0xAA, encode(BL_PCMA, 32767));
	CHECK_EQUAL(0x2A, encode(BL_PCMA, -32768));
}

static void test_codes_come_back(void)
{
	for (int code = 0; code < 256; code++) {
		CHECK_EQUAL(code, encode(BL_PCMA, decode(BL_PCMA, (uint8_t)code)));
		/* µ-law knows two zeros */
		if (code != 0x7F)
			CHECK_EQUAL(code, encode(BL_PCMU, decode(BL_PCMU, (uint8_t)code)));
	}
}

/* The error is half a step: a 32nd of the value, and 8 where the steps are smallest. */
static void test_error_is_half_a_step(void)
{
	for (int law = 0; law < 2; law++) {
		enum bl_codec codec = law ? BL_PCMA : BL_PCMU;

		for (int pcm = -32768; pcm < 32768; pcm++) {
			int error = abs(decode(codec, encode(codec, pcm)) - pcm);

			if (error > abs(pcm) / 32 + 8)
				CHECK_WITHIN(0, abs(pcm) / 32 + 8, error);
		}
	}
}

enum { COUNTS = 70 }; /* more than any vector and its rest */

static void check_vectors(enum bl_codec codec, size_t count, uint32_t *random)
{
	int16_t pcm[COUNTS], decoded[2][COUNTS + 1];
	uint8_t codes[2][COUNTS + 1];

	for (size_t i = 0; i < count; i++) {
		*random = *random * 1664525 + 1013904223;
		pcm[i] = (int16_t)(*random >> 16);
	}
	for (int baseline = 0; baseline < 2; baseline++) {
		bl_simd_baseline = baseline;
		codes[baseline][count] = 99;
		decoded[baseline][count] = 99;
		bl_g711_encode(codec, pcm, count, codes[baseline]);
		bl_g711_decode(codec, codes[baseline], count, decoded[baseline]);
		CHECK_EQUAL(99, codes[baseline][count]);
		CHECK_EQUAL(99, decoded[baseline][count]);
	}
	bl_simd_baseline = false;
	CHECK(!memcmp(codes[0], codes[1], count));
	CHECK(!memcmp(decoded[0], decoded[1], count * sizeof(int16_t)));
	for (size_t i = 0; i < count; i++) {
		CHECK_EQUAL(encode(codec, pcm[i]), codes[0][i]);
		CHECK_EQUAL(decode(codec, codes[0][i]), decoded[0][i]);
	}
}

static void test_vectors_of_any_length(void)
{
	uint32_t random = 1;

	for (size_t count = 0; count <= COUNTS - 1; count++) {
		check_vectors(BL_PCMU, count, &random);
		check_vectors(BL_PCMA, count, &random);
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_known_values),
	CHECK_TEST(test_codes_come_back),
	CHECK_TEST(test_error_is_half_a_step),
	CHECK_TEST(test_vectors_of_any_length),
};

CHECK_MAIN(tests)
