/* test_delay.c  How long packets must wait: jitter, quantile, longer and shorter paths */
#include <stdlib.h>
#include "check.h"
#include "delay.h"

enum { RATE = 8000, MS = RATE / 1000 };

static struct bl_delay delay;

static void test_start_waits_20_ms_and_forgets_it(void)
{
	bl_delay_init(&delay, RATE);
	bl_delay_seen(&delay, 5000);
	CHECK_EQUAL(5000 + 20 * MS, bl_delay_target(&delay));
	for (int i = 0; i < 100; i++)
		bl_delay_seen(&delay, 5000);
	CHECK_EQUAL(5000, bl_delay_target(&delay));
}

/* One packet in n comes later: it is waited for when that is more than one in a hundred or so. */
static int64_t target_with(int n, int64_t later)
{
	bl_delay_init(&delay, RATE);
	for (int i = 0; i < 5000; i++)
		bl_delay_seen(&delay, i % n ? 0 : later);
	return bl_delay_target(&delay);
}

static void test_quantile(void)
{
	CHECK_EQUAL(40 * MS, target_with(20, 40 * MS));
	CHECK_EQUAL(40 * MS, target_with(100, 40 * MS));
	CHECK_EQUAL(0, target_with(3000, 40 * MS));
	CHECK_WITHIN(12 * MS, 15 * MS, target_with(20, 12 * MS)); /* up to the next bin */
}

static void test_grows_fast(void)
{
	bl_delay_init(&delay, RATE);
	for (int i = 0; i < 1000; i++)
		bl_delay_seen(&delay, 0);
	for (int i = 0; i < 5; i++)
		bl_delay_seen(&delay, 60 * MS);
	CHECK_EQUAL(60 * MS, bl_delay_target(&delay));
}

static void test_path_becomes_shorter_and_longer(void)
{
	bl_delay_init(&delay, RATE);
	for (int i = 0; i < 500; i++)
		bl_delay_seen(&delay, 0);
	for (int i = 0; i < 100; i++)
		bl_delay_seen(&delay, -300 * MS);
	CHECK_EQUAL(-300 * MS, delay.least);
	for (int i = 0; i < 1700; i++) /* half a minute */
		bl_delay_seen(&delay, -300 * MS);
	CHECK_EQUAL(-300 * MS, bl_delay_target(&delay));
	for (int i = 0; i < 100; i++)
		bl_delay_seen(&delay, 500 * MS);
	CHECK_EQUAL(500 * MS, bl_delay_target(&delay));
}

static void test_shares_stay_a_whole(void)
{
	float sum = 0.0f;

	bl_delay_init(&delay, RATE);
	for (int i = 0; i < 20000; i++)
		bl_delay_seen(&delay, rand() % (i % 7 ? 400 : 100000) - rand() % 2000);
	for (int i = 0; i < BL_DELAY_BINS; i++)
		sum += delay.bins[i] * delay.share;
	CHECK_WITHIN(0.99, 1.01, sum);
	CHECK_WITHIN(0, BL_DELAY_BINS - 1, delay.quantile);
}

/* What is summed step by step stays what the bins say. */
static void test_sum_above_stays_true(void)
{
	bl_delay_init(&delay, RATE);
	for (int i = 0; i < 200000; i++) {
		float above = 0.0f;

		bl_delay_seen(&delay, rand() % 7 * 8 * MS + rand() % 5000 / 4990 * 150 * MS);
		for (int32_t bin = delay.quantile + 1; bin < BL_DELAY_BINS; bin++)
			above += delay.bins[bin] * delay.share;
		CHECK_WITHIN(above - 1e-5, above + 1e-5, delay.above * delay.share);
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_start_waits_20_ms_and_forgets_it),
	CHECK_TEST(test_quantile),
	CHECK_TEST(test_grows_fast),
	CHECK_TEST(test_path_becomes_shorter_and_longer),
	CHECK_TEST(test_shares_stay_a_whole),
	CHECK_TEST(test_sum_above_stays_true),
};

CHECK_MAIN(tests)
