/* test_latch.c  Whose packets are believed: the far end's through any NAT, a stranger's never */
#include "check.h"
#include "latch.h"

static union bl_address at(const char *text, int port)
{
	union bl_address address;
	socklen_t size;

	CHECK_EQUAL(0, bl_address_parse(text, port, &address, &size));
	return address;
}

static bool admit(struct bl_latch *latch, const union bl_address *from, uint32_t ssrc, int seq,
		  uint64_t now)
{
	struct bl_latch_packet packet = {.from = from, .ssrc = ssrc, .seq = (uint16_t)seq};

	return bl_latch_admit(latch, &packet, now);
}

static void test_the_named_address_is_believed_at_once_and_always(void)
{
	union bl_address home = at("192.0.2.1", 4000), nat = at("198.51.100.7", 62000);
	struct bl_latch latch;

	bl_latch_reset(&latch, &home);
	CHECK(bl_address_same(&home, bl_latch_target(&latch)));
	for (int i = 0; i < 5; i++)
		admit(&latch, &nat, 9, i, 1);
	CHECK(bl_address_same(&nat, bl_latch_target(&latch))); /* a stranger came first */
	CHECK(admit(&latch, &home, 7, 100, 2));
	CHECK(bl_address_same(&home, bl_latch_target(&latch)));
	CHECK(!admit(&latch, &nat, 9, 6, 3));
	CHECK(!admit(&latch, &nat, 9, 7, 5000)); /* however long the far end is silent */
}

static void test_a_nat_passes_after_probation(void)
{
	union bl_address home = at("10.0.0.1", 4000), nat = at("198.51.100.7", 62000);
	struct bl_latch latch;

	bl_latch_reset(&latch, &home);
	CHECK(!admit(&latch, &nat, 7, 65534, 1));
	CHECK(!admit(&latch, &nat, 7, 65535, 1));
	CHECK(admit(&latch, &nat, 7, 0, 1));
	CHECK(bl_address_same(&nat, bl_latch_target(&latch)));
}

static void test_guesses_do_not_pass_probation(void)
{
	union bl_address home = at("10.0.0.1", 4000), nat = at("198.51.100.7", 62000);
	struct bl_latch latch;

	bl_latch_reset(&latch, &home);
	for (int i = 0; i < 100; i++)
		CHECK(!admit(&latch, &nat, (uint32_t)i, i, 1)); /* another stream each time */
	for (int i = 0; i < 100; i++)
		CHECK(!admit(&latch, &nat, 7, 2 * i, 1)); /* not in order */
}

static void test_a_nat_may_bind_anew_a_stranger_may_not(void)
{
	union bl_address home = at("10.0.0.1", 4000), nat = at("198.51.100.7", 62000),
			 anew = at("198.51.100.7", 62001), stranger = at("203.0.113.9", 5000);
	struct bl_latch latch;

	bl_latch_reset(&latch, &home);
	for (int i = 0; i < 3; i++)
		admit(&latch, &nat, 7, i, 1);
	CHECK(!admit(&latch, &anew, 7, 3, 2)); /* the former has not stopped */
	for (int i = 0; i < 50; i++)
		CHECK(!admit(&latch, &stranger, 99, i, (uint64_t)(1000 + i)));
	CHECK(!admit(&latch, &stranger, 7, 2, 1100)); /* an old number of the stream */
	CHECK(admit(&latch, &anew, 7, 60, 1100));
	CHECK(bl_address_same(&anew, bl_latch_target(&latch)));
	CHECK(!admit(&latch, &nat, 7, 61, 1101));
}

static void test_what_is_authentic_is_believed(void)
{
	union bl_address home = at("2001:db8::1", 4000), moved = at("2001:db8::2", 4000);
	struct bl_latch_packet packet = {.from = &moved, .ssrc = 1, .seq = 1, .authentic = true};
	struct bl_latch latch;

	bl_latch_reset(&latch, &home);
	CHECK(admit(&latch, &home, 1, 1, 1));
	CHECK(bl_latch_admit(&latch, &packet, 1));
	CHECK(bl_address_same(&moved, bl_latch_target(&latch)));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_the_named_address_is_believed_at_once_and_always),
	CHECK_TEST(test_a_nat_passes_after_probation),
	CHECK_TEST(test_guesses_do_not_pass_probation),
	CHECK_TEST(test_a_nat_may_bind_anew_a_stranger_may_not),
	CHECK_TEST(test_what_is_authentic_is_believed),
};

CHECK_MAIN(tests)
