/* test_pages.c  Blocks out of large pages: zeroed, apart from each other, used again */
#include <stdint.h>
#include <stdlib.h>
#include "check.h"
/* as it is without sanitizers, whose own eyes on each block it would shut */
#define BL_PAGES_CUTS true
#include "pages.c" /* NOLINT(bugprone-suspicious-include): with the line above */

enum { BLOCK = 7000, MANY = 1000 };

static bool is_zero(const uint8_t *block, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (block[i])
			return false;
	}
	return true;
}

static void test_few_are_ordinary_many_are_cut(void)
{
	static uint8_t *blocks[MANY];
	int cuts = 0, first = -1;

	for (int i = 0; i < MANY; i++) {
		blocks[i] = bl_pages_get(BLOCK);
		CHECK(blocks[i] && is_zero(blocks[i], BLOCK));
		CHECK_EQUAL(0, (uintptr_t)blocks[i] % 64);
		memset(blocks[i], i & 0xFF, BLOCK);
		cuts += bl_pages_has(blocks[i]);
		first = first < 0 && cuts ? i : first;
	}
	CHECK_WITHIN(BL_PAGES_ORDINARY / (BLOCK + 200), BL_PAGES_ORDINARY / BLOCK, first);
	CHECK_EQUAL(MANY - first, cuts);
	/* nobody wrote into another's */
	for (int i = 0; i < MANY; i++) {
		CHECK_EQUAL(i & 0xFF, blocks[i][0]);
		CHECK_EQUAL(i & 0xFF, blocks[i][BLOCK - 1]);
	}
	for (int i = 0; i < MANY; i++)
		bl_pages_free(blocks[i]);
	bl_pages_free(NULL);
}

/* More than ever are in use at one time are never taken. */
static void test_what_is_freed_serves_again(void)
{
	static void *blocks[MANY];
	const uint8_t *piece;
	size_t left;

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < MANY; i++) {
			blocks[i] = bl_pages_get(BLOCK);
			CHECK(is_zero(blocks[i], BLOCK));
			memset(blocks[i], 0xFF, BLOCK);
		}
		if (round) {
			CHECK(pages.piece == piece);
			CHECK_EQUAL(left, pages.left);
		}
		piece = pages.piece;
		left = pages.left;
		for (int i = 0; i < MANY; i++)
			bl_pages_free(blocks[i]);
	}
	CHECK_EQUAL(0, pages.ordinary);
}

static void test_odd_ones_are_ordinary(void)
{
	void *filling = bl_pages_get(BL_PAGES_ORDINARY), *large = bl_pages_get(BL_PAGES_LARGEST);
	void *odd[2 * SIZES];

	CHECK(!bl_pages_has(large));
	for (size_t i = 0; i < 2 * SIZES; i++)
		odd[i] = bl_pages_get(64 + 64 * i);
	CHECK(bl_pages_has(odd[0]));
	CHECK(!bl_pages_has(odd[2 * SIZES - 1])); /* too many sizes */
	for (size_t i = 0; i < 2 * SIZES; i++)
		bl_pages_free(odd[i]);
	bl_pages_free(large);
	bl_pages_free(filling);
	CHECK_EQUAL(0, pages.ordinary);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_few_are_ordinary_many_are_cut),
	CHECK_TEST(test_what_is_freed_serves_again),
	CHECK_TEST(test_odd_ones_are_ordinary),
};

CHECK_MAIN(tests)
