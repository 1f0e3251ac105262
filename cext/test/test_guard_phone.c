/* test_guard_phone.c  Phones with a leg's own socket: both roles, NAT, ICE, and a flood of hellos
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "branchline_media.h"
#include "check.h"
#include "guard_kit.h"

/* A phone's leg with a socket of its own, without ICE. */
static void check_phone(enum bl_dtls_role ours)
{
	struct kit_world *world = kit_world(false, 10);
	struct kit_far far;

	kit_far_open(&far, 0, ours == BL_DTLS_CLIENT ? BL_DTLS_SERVER : BL_DTLS_CLIENT);
	kit_far_connect(&far,
			kit_ordinary_leg(world, ours, far.fingerprint, kit_far_port(&far), NULL));
	CHECK(kit_far_shake(world, &far, KIT_WAIT));
	CHECK(kit_told(world, 0, BL_GUARD_KEYS, 1));
	CHECK(kit_sound(world, 0, &far));
	CHECK_EQUAL(0, world->legs[0].told[BL_GUARD_PATH_ADDED]);
	/* the same once more, as a re-INVITE has it: nothing begins anew */
	CHECK_EQUAL(BL_OK,
		    bl_guard_dtls(world->guard, world->legs[0].id, ours, far.fingerprint, NULL));
	CHECK(kit_sound(world, 0, &far));
	world->now_ms += BL_DTLS_TIMEOUT_MS;
	kit_steps(world, 5);
	CHECK_EQUAL(1, kit_stats(world).handshakes);
	CHECK_EQUAL(0, world->legs[0].told[BL_GUARD_FAILED]);
	kit_far_close(&far);
	kit_world_free(world);
}

static void test_phone_calls(void)
{
	check_phone(BL_DTLS_SERVER);
}

static void test_phone_is_called(void)
{
	check_phone(BL_DTLS_CLIENT);
}

/* Its address is not the one of its SDP: a NAT stands between. */
static void test_phone_behind_nat(void)
{
	struct kit_world *world = kit_world(false, 10);
	struct kit_far far;

	kit_far_open(&far, 0, BL_DTLS_CLIENT);
	kit_far_connect(&far, kit_ordinary_leg(world, BL_DTLS_SERVER, far.fingerprint, 0, NULL));
	CHECK(kit_far_shake(world, &far, KIT_WAIT));
	CHECK(kit_sound(world, 0, &far));
	kit_far_close(&far);
	kit_world_free(world);
}

/* With ICE a leg's own socket asks for a check first, too. */
static void test_phone_with_ice(void)
{
	struct kit_world *world = kit_world(false, 10);
	struct bl_ice_credentials ours;
	struct kit_far far;

	kit_far_open(&far, 0, BL_DTLS_CLIENT);
	kit_far_connect(&far, kit_ordinary_leg(world, BL_DTLS_SERVER, far.fingerprint,
					       kit_far_port(&far), &ours));
	CHECK(!kit_far_shake(world, &far, 5));
	CHECK_EQUAL(1, kit_stats(world).unknown);
	kit_far_check(&far, &ours, "them", true);
	CHECK(kit_told(world, 0, BL_GUARD_PATH_CHOSEN, 1));
	CHECK_EQUAL(1, kit_far_answers(&far));
	usleep(1000000); /* OpenSSL's client says hello again after a second */
	DTLSv1_handle_timeout(far.ssl);
	CHECK(kit_far_shake(world, &far, KIT_WAIT));
	CHECK(kit_told(world, 0, BL_GUARD_KEYS, 1));
	CHECK(kit_sound(world, 0, &far));
	kit_far_close(&far);
	kit_world_free(world);
}

/* Another device takes the call over: a new fingerprint, and sound under the old keys till then.
 */
static void test_new_association(void)
{
	struct kit_world *world = kit_world(false, 10);
	struct kit_leg *leg = &world->legs[0];
	struct kit_far far, next;
	int port;

	kit_far_open(&far, 0, BL_DTLS_CLIENT);
	kit_far_open(&next, 0, BL_DTLS_CLIENT);
	port = kit_ordinary_leg(world, BL_DTLS_SERVER, far.fingerprint, kit_far_port(&far), NULL);
	kit_far_connect(&far, port);
	kit_far_connect(&next, port);
	CHECK(kit_far_shake(world, &far, KIT_WAIT));
	CHECK(kit_sound(world, 0, &far));
	CHECK_EQUAL(BL_EINVAL, bl_guard_dtls(world->guard, leg->id, BL_DTLS_SERVER, "none", NULL));
	CHECK_EQUAL(BL_OK,
		    bl_guard_dtls(world->guard, leg->id, BL_DTLS_SERVER, next.fingerprint, NULL));
	kit_far_say(&far, 33, NULL);
	kit_steps(world, 2);
	CHECK_EQUAL(33, leg->heard);
	CHECK(kit_far_shake(world, &next, KIT_WAIT));
	CHECK(kit_told(world, 0, BL_GUARD_KEYS, 2));
	kit_far_say(&far, 34, NULL); /* was under way */
	kit_steps(world, 2);
	CHECK_EQUAL(34, leg->heard);
	leg->at.chosen.address.v4.sin_port = htons((uint16_t)kit_far_port(&next));
	CHECK(kit_sound(world, 0, &next));
	kit_far_close(&far);
	kit_far_close(&next);
	kit_world_free(world);
}

/* Takes what a stranger was answered: a HelloVerifyRequest, shorter than the hello, or nothing. */
static int take_refusals(struct kit_far *stranger)
{
	uint8_t data[2048];
	int count = 0;

	for (size_t size; (size = kit_far_take(stranger, data, sizeof(data))); count++) {
		CHECK_EQUAL(3, data[13]);
		CHECK(size < 100);
	}
	return count;
}

/* A hello as a stranger would send it: a good one, over and over, from many sockets. */
static void test_flood_of_hellos(void)
{
	enum { STRANGERS = 40, HELLOS = 20 };
	struct kit_world *world = kit_world(false, 10);
	struct kit_far far, stranger[STRANGERS];
	int port, answered = 0;

	kit_far_open(&far, 0, BL_DTLS_CLIENT);
	port = kit_ordinary_leg(world, BL_DTLS_SERVER, far.fingerprint, 0, NULL);
	/* no address is agreed, so that all are strangers */
	for (int i = 0; i < STRANGERS; i++)
		kit_far_open(&stranger[i], port, BL_DTLS_CLIENT);
	for (int k = 0; k < HELLOS; k++) {
		for (int i = 0; i < STRANGERS; i++) {
			SSL_clear(stranger[i].ssl);
			SSL_set_connect_state(stranger[i].ssl);
			SSL_do_handshake(stranger[i].ssl);
			kit_step(world);
			answered += take_refusals(&stranger[i]);
		}
	}
	/* 16 s of it: one association at a time, a new one after 3 s at the soonest */
	CHECK_WITHIN(1, 6, answered);
	CHECK_WITHIN(STRANGERS * HELLOS * 3 / 4, STRANGERS * HELLOS,
		     kit_stats(world).refused_hellos);
	/* the far end gets through all the same, for signalling names its address */
	CHECK_EQUAL(BL_OK,
		    bl_guard_dtls(world->guard, world->legs[0].id, BL_DTLS_SERVER, far.fingerprint,
				  &(union bl_address){
					  .v4 = {.sin_family = AF_INET,
						 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}}));
	kit_far_connect(&far, port);
	CHECK(kit_far_shake(world, &far, KIT_WAIT));
	CHECK(kit_sound(world, 0, &far));
	for (int i = 0; i < STRANGERS; i++)
		kit_far_close(&stranger[i]);
	kit_far_close(&far);
	kit_world_free(world);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_phone_calls),	   CHECK_TEST(test_phone_is_called),
	CHECK_TEST(test_phone_behind_nat), CHECK_TEST(test_phone_with_ice),
	CHECK_TEST(test_new_association),  CHECK_TEST(test_flood_of_hellos),
};

CHECK_MAIN(tests)
