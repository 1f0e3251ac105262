/* test_v253.c  A voice modem's stream: codes apart from samples, however it is cut */
#include <stdlib.h>
#include "check.h"
#include "v253.h"

enum { ROOM = 256, REPEAT = 8 * BL_V253_REPEAT_MS };

#define DLE "\x10"

/* Samples as they are, codes in brackets; pieces of `cut` bytes. */
static const char *read_in_pieces(struct bl_v253 *reader, const char *in, size_t size, size_t cut)
{
	static char text[2 * ROOM];
	size_t used = 0;

	for (size_t at = 0; at < size;) {
		size_t piece = size - at < cut ? size - at : cut;
		struct bl_v253_got got;
		uint8_t samples[ROOM];

		at += bl_v253_read(reader, (const uint8_t *)in + at, piece, samples, &got);
		memcpy(text + used, samples, got.bytes);
		used += got.bytes;
		if (got.code)
			used += (size_t)snprintf(text + used, sizeof(text) - used,
						 got.digit ? "<%c>" : "[%c]",
						 got.code == BL_V253_ETX ? 'E' : got.code);
	}
	text[used] = 0;
	return text;
}

/* Reads it whole, byte by byte, and in all sizes between. */
static void check_reads(const char *want, const char *in, size_t size)
{
	for (size_t cut = 1; cut <= size; cut++) {
		struct bl_v253 reader = {.repeat = REPEAT};
		const char *got = read_in_pieces(&reader, in, size, cut);

		if (strcmp(want, got) != 0)
			printf("pieces of %zu: wanted %s, got %s\n", cut, want, got);
		CHECK(strcmp(want, got) == 0);
	}
}

#define CHECK_READS(want, in) check_reads(want, in, sizeof(in) - 1)

static void test_samples_and_codes(void)
{
	CHECK_READS("abcd", "abcd");
	CHECK_READS("a\x10z", "a" DLE DLE "z");
	CHECK_READS("a\x10\x10z", "a" DLE "\x1Az");
	CHECK_READS("ab[b]cd[q]", "ab" DLE "bcd" DLE "q");
	CHECK_READS("[s][l][L][h][H][u][o][R][d][r][a][c][P][p][K]",
		    DLE "s" DLE "l" DLE "L" DLE "h" DLE "H" DLE "u" DLE "o" DLE "R" DLE "d" DLE
			"r" DLE "a" DLE "c" DLE "P" DLE "p" DLE "K");
	CHECK_READS("a[E]", "a" DLE "\x03");
}

static void test_a_digit_is_told_once_a_press(void)
{
	/* with begin and end, repeated every 70 ms */
	CHECK_READS("x<5>yyz<5>", "x" DLE "/" DLE "5" DLE "~"
				  "yyz" DLE "/" DLE "5" DLE "5" DLE "5" DLE "~");
	/* one code a press, and another digit straight behind it */
	CHECK_READS("<1><2><1><#><*><A><D>",
		    DLE "1" DLE "2" DLE "1" DLE "#" DLE "*" DLE "A" DLE "D");
	CHECK_READS("<7>xx", DLE "7" DLE "7xx" DLE "7");
	/* the end of the first got lost */
	CHECK_READS("<5><6>", DLE "/" DLE "5" DLE "/" DLE "6" DLE "~");
}

/* Bare repeats are the same key within 150 ms of samples; later it was pressed again. */
static void test_bare_repeats(void)
{
	struct bl_v253 reader = {.repeat = REPEAT};
	uint8_t sound[REPEAT], samples[REPEAT];
	struct bl_v253_got got;
	int told = 0;

	memset(sound, 0x80, sizeof(sound));
	for (int press = 0; press < 3; press++) {
		for (int repeat = 0; repeat < 6; repeat++) {
			bl_v253_read(&reader, (const uint8_t *)DLE "9", 2, samples, &got);
			told += got.digit;
			bl_v253_read(&reader, sound, 560, samples, &got);
			CHECK_EQUAL(560, got.bytes);
		}
		bl_v253_read(&reader, sound, 640, samples, &got);
	}
	CHECK_EQUAL(3, told);
	/* but not while the modem says that the key is down */
	bl_v253_read(&reader, (const uint8_t *)DLE "/", 2, samples, &got);
	for (int repeat = 0; repeat < 3; repeat++) {
		bl_v253_read(&reader, (const uint8_t *)DLE "9", 2, samples, &got);
		told += got.digit;
		bl_v253_read(&reader, sound, REPEAT, samples, &got);
		bl_v253_read(&reader, sound, REPEAT, samples, &got);
	}
	CHECK_EQUAL(4, told);
}

static void test_what_is_no_code_is_counted(void)
{
	struct bl_v253 reader = {.repeat = REPEAT};

	CHECK(strcmp("ab", read_in_pieces(&reader, "a" DLE "\x01" DLE "\xFF" DLE "\0b", 8, 8)) ==
	      0);
	CHECK_EQUAL(3, reader.broken);
}

static void test_shielding_comes_back(void)
{
	uint8_t in[ROOM], out[2 * ROOM];
	struct bl_v253 reader = {.repeat = REPEAT};
	struct bl_v253_got got;
	size_t size;

	for (int round = 0; round < 100; round++) {
		size_t doubled = 0;

		for (size_t i = 0; i < ROOM; i++) {
			in[i] = (uint8_t)(rand() % 4 ? rand() : BL_V253_DLE);
			doubled += in[i] == BL_V253_DLE;
		}
		size = bl_v253_shield(in, ROOM, out);
		CHECK_EQUAL(ROOM + doubled, size);
		CHECK_EQUAL(size, bl_v253_read(&reader, out, size, out, &got));
		CHECK_EQUAL(ROOM, got.bytes);
		CHECK_EQUAL(0, got.code);
		CHECK(memcmp(in, out, ROOM) == 0);
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_samples_and_codes),    CHECK_TEST(test_a_digit_is_told_once_a_press),
	CHECK_TEST(test_bare_repeats),	       CHECK_TEST(test_what_is_no_code_is_counted),
	CHECK_TEST(test_shielding_comes_back),
};

CHECK_MAIN(tests)
