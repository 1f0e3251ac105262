/* test_guard.c  Browsers over real sockets: joins, restarts, and hostile visitors */
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "branchline_media.h"
#include "check.h"
#include "guard_kit.h"

/* A leg and a browser that has joined by it. */
static struct bl_ice_credentials join(struct kit_world *world, int leg, struct kit_far *far)
{
	struct bl_ice_credentials ours;

	kit_far_open(far, world->number, BL_DTLS_CLIENT);
	ours = kit_browser_leg(world, leg, far->fingerprint);
	kit_far_check(far, &ours, "them", true);
	CHECK(kit_told(world, leg, BL_GUARD_PATH_CHOSEN, 1));
	CHECK(kit_far_shake(world, far, KIT_WAIT));
	CHECK(kit_told(world, leg, BL_GUARD_KEYS, 1));
	return ours;
}

static void join_and_leave(bool threaded)
{
	struct kit_world *world = kit_world(threaded, 10);
	struct kit_leg *leg = &world->legs[0];
	struct kit_far far;

	join(world, 0, &far);
	CHECK_EQUAL(1, leg->told[BL_GUARD_PATH_ADDED]);
	CHECK(kit_sound(world, 0, &far));
	CHECK_EQUAL(0, leg->told[BL_GUARD_ENDED]);
	SSL_shutdown(far.ssl);
	CHECK(kit_told(world, 0, BL_GUARD_ENDED, 1));
	CHECK_EQUAL(1, leg->at.count);
	bl_port_forget(world->port, &leg->at, leg);
	CHECK_EQUAL(0, leg->at.count);
	kit_far_say(&far, 1, NULL);
	kit_steps(world, 3);
	CHECK_EQUAL(1, bl_port_stats(world->port)->foreign);
	CHECK_EQUAL(BL_OK, bl_guard_remove(world->guard, leg->id));
	CHECK_EQUAL(BL_ENOENT, bl_guard_remove(world->guard, leg->id));
	kit_far_close(&far);
	kit_world_free(world);
}

static void test_join_and_leave(void)
{
	join_and_leave(false);
}

static void test_join_with_a_thread(void)
{
	join_and_leave(true);
}

/* Legs come, restart and go while the thread answers their checks and another leg talks. */
static void test_coming_and_going_with_a_thread(void)
{
	struct kit_world *world = kit_world(true, 10);
	struct kit_far far, visitor;
	int answers = 0;

	join(world, 0, &far);
	kit_far_open(&visitor, world->number, BL_DTLS_CLIENT);
	for (int i = 1; i <= 60; i++) {
		struct bl_ice_credentials ours = kit_browser_leg(world, i, visitor.fingerprint);

		kit_far_check(&visitor, &ours, "them", true);
		SSL_clear(visitor.ssl);
		SSL_set_connect_state(visitor.ssl);
		SSL_do_handshake(visitor.ssl);
		kit_step(world);
		if (i % 2)
			bl_guard_restart(world->guard, world->legs[i].id, &ours);
		kit_far_check(&visitor, &ours, "them", true);
		if (i % 3)
			kit_steps(world, 2);
		CHECK_EQUAL(BL_OK, bl_guard_remove(world->guard, world->legs[i].id));
		kit_step(world); /* what was told before is taken before it is forgotten */
		bl_port_forget(world->port, &world->legs[i].at, &world->legs[i]);
		answers += kit_far_answers(&visitor);
	}
	CHECK_WITHIN(40, 120, answers);
	CHECK(kit_sound(world, 0, &far));
	kit_far_close(&far);
	kit_far_close(&visitor);
	kit_world_free(world);
}

static void test_several_browsers(void)
{
	struct kit_world *world = kit_world(false, 5);
	struct bl_ice_credentials unused;
	struct kit_far far[5];

	for (int i = 0; i < 5; i++)
		join(world, i, &far[i]);
	for (int i = 0; i < 5; i++)
		CHECK(kit_sound(world, i, &far[i]));
	for (int i = 0; i < 5; i++)
		CHECK_EQUAL(20, world->legs[i].verdicts[BL_SRTP_GOOD]);
	CHECK_EQUAL(BL_ENOMEM,
		    bl_guard_add(world->guard,
				 &(struct bl_guard_leg){.leg = 7, .fd = -1, .ice = true},
				 &unused));
	CHECK_EQUAL(BL_EEXIST, bl_guard_add(world->guard,
					    &(struct bl_guard_leg){.leg = 100, .fd = 0}, &unused));
	for (int i = 0; i < 5; i++)
		kit_far_close(&far[i]);
	kit_world_free(world);
}

/* Another network in the middle of a talk: not one packet is lost on the way over. */
static void test_restart(void)
{
	struct kit_world *world = kit_world(false, 10);
	struct kit_leg *leg = &world->legs[0];
	struct bl_ice_credentials before, now;
	struct kit_far far, other;

	before = join(world, 0, &far);
	CHECK(kit_sound(world, 0, &far));
	CHECK_EQUAL(BL_OK, bl_guard_restart(world->guard, leg->id, &now));
	other = far; /* the same browser by another socket */
	other.fd = dup(far.fd);
	kit_far_move(&other, world->number);
	for (uint8_t i = 1; i <= 40; i++) {
		struct kit_far *way = i % 2 && i > 10 ? &other : &far;

		if (i == 5)
			kit_far_check(&far, &before, "them", true); /* the old path goes on */
		if (i == 8)
			kit_far_check(&other, &now, "anew", false);
		if (i == 30)
			kit_far_check(&other, &now, "anew", true);
		way->seq = (uint16_t)(1000 + i);
		kit_far_say(way, i, NULL);
		kit_step(world);
		CHECK_EQUAL(i, leg->heard);
		CHECK_EQUAL(i < 31 ? 1 : 2, leg->told[BL_GUARD_PATH_CHOSEN]);
	}
	CHECK_EQUAL(60, leg->verdicts[BL_SRTP_GOOD]);
	CHECK_EQUAL(2, leg->told[BL_GUARD_PATH_ADDED]);
	CHECK_EQUAL(1, leg->told[BL_GUARD_KEYS]);
	kit_far_answers(&other);
	CHECK(kit_leg_say(world, 0, &other, 3000)); /* it is sent to the new one */
	kit_far_check(&far, &before, "them", true); /* now the former are void */
	kit_steps(world, 2);
	CHECK_EQUAL(1, kit_stats(world).wrong_user);
	CHECK_EQUAL(2, leg->told[BL_GUARD_PATH_CHOSEN]);
	close(other.fd);
	kit_far_close(&far);
	kit_world_free(world);
}

static void test_restart_many_times(void)
{
	struct kit_world *world = kit_world(false, 10);
	struct kit_far far;
	struct bl_ice_credentials now = join(world, 0, &far), all[21] = {now};

	for (int i = 0; i < 20; i++) {
		struct bl_ice_credentials next;

		CHECK_EQUAL(BL_OK, bl_guard_restart(world->guard, world->legs[0].id, &next));
		all[i + 1] = next;
		if (i % 3 == 0)
			continue; /* the far end never came to know these */
		kit_far_check(&far, &now, "them", true);
		kit_steps(world, 2);
		CHECK_EQUAL(1, kit_far_answers(&far));
		kit_far_check(&far, &next, "them", true);
		kit_steps(world, 2);
		CHECK_EQUAL(1, kit_far_answers(&far));
		now = next;
	}
	CHECK_EQUAL(BL_OK, bl_guard_remove(world->guard, world->legs[0].id));
	for (int i = 0; i <= 20; i++)
		kit_far_check(&far, &all[i], "them", true);
	kit_steps(world, 2);
	CHECK_EQUAL(0, kit_far_answers(&far));
	kit_far_close(&far);
	kit_world_free(world);
}

static void test_strangers_get_no_answer(void)
{
	struct kit_world *world = kit_world(false, 10);
	struct bl_ice_credentials ours, wrong;
	struct kit_far far;
	uint8_t sound[200] = {0x80}, dtls[100] = {22, 0xFE, 0xFD, [12] = 80, [13] = 1};

	kit_far_open(&far, world->number, BL_DTLS_CLIENT);
	ours = kit_browser_leg(world, 0, far.fingerprint);
	wrong = ours;
	wrong.ufrag[0] = wrong.ufrag[0] == 'A' ? 'B' : 'A';
	kit_far_check(&far, &wrong, "them", true);
	wrong = ours;
	wrong.pwd[0] = wrong.pwd[0] == 'A' ? 'B' : 'A';
	kit_far_check(&far, &wrong, "them", true);
	kit_far_send(&far, "\0\1", 2);
	kit_far_send(&far, "", 0);
	kit_far_send(&far, sound, sizeof(sound));
	kit_far_send(&far, dtls, sizeof(dtls));
	CHECK(!kit_far_shake(world, &far, 5)); /* no check, no handshake */
	kit_steps(world, 3);
	CHECK_EQUAL(0, kit_far_take(&far, sound, sizeof(sound)));
	CHECK_WITHIN(4, 10, kit_stats(world).unknown); /* a fragment, two bytes, DTLS */
	CHECK_EQUAL(1, kit_stats(world).wrong_password);
	CHECK_EQUAL(1, bl_port_stats(world->port)->foreign);
	CHECK_EQUAL(0, kit_stats(world).checks + kit_stats(world).handshakes);
	for (int i = 1; i < KIT_KINDS; i++)
		CHECK_EQUAL(0, world->legs[0].told[i]);
	kit_far_close(&far);
	kit_world_free(world);
}

static void test_replays_and_forgeries(void)
{
	struct kit_world *world = kit_world(false, 10);
	struct kit_leg *leg = &world->legs[0];
	uint8_t copy[KIT_ROOM];
	struct kit_far far;
	size_t size;

	join(world, 0, &far);
	size = kit_far_say(&far, 1, copy);
	kit_step(world);
	for (int i = 0; i < 5; i++)
		kit_far_send(&far, copy, size);
	copy[3] ^= 0x10; /* another number: not signed */
	kit_far_send(&far, copy, size);
	kit_far_send(&far, copy, 13);
	kit_steps(world, 2);
	CHECK_EQUAL(1, leg->verdicts[BL_SRTP_GOOD]);
	CHECK_EQUAL(5, leg->verdicts[BL_SRTP_REPLAY]);
	CHECK_EQUAL(1, leg->verdicts[BL_SRTP_FORGED]);
	CHECK_EQUAL(1, leg->verdicts[BL_SRTP_MALFORMED]);
	kit_far_close(&far);
	kit_world_free(world);
}

static void test_wrong_fingerprint(void)
{
	struct kit_world *world = kit_world(false, 10);
	struct kit_leg *leg = &world->legs[0];
	struct bl_ice_credentials ours;
	struct kit_far far;

	kit_far_open(&far, world->number, BL_DTLS_CLIENT);
	ours = kit_browser_leg(world, 0, bl_guard_fingerprint(world->guard));
	kit_far_check(&far, &ours, "them", true);
	CHECK(kit_told(world, 0, BL_GUARD_PATH_CHOSEN, 1));
	CHECK(!kit_far_shake(world, &far, 20));
	CHECK(kit_told(world, 0, BL_GUARD_FAILED, 1));
	CHECK_EQUAL(BL_DTLS_STRANGER, leg->why);
	CHECK_EQUAL(0, leg->told[BL_GUARD_KEYS]);
	CHECK_EQUAL(1, kit_stats(world).failures);
	kit_far_close(&far);
	kit_world_free(world);
}

static void test_consent_and_deadline(void)
{
	struct kit_world *world = kit_world(false, 10);
	struct kit_leg *joined = &world->legs[0], *never = &world->legs[1];
	struct bl_ice_credentials ours;
	struct kit_far far;

	ours = join(world, 0, &far);
	kit_browser_leg(world, 1, far.fingerprint);
	for (int i = 0; i < 5; i++) { /* 25 s each: consent is renewed in time */
		world->now_ms += 25000;
		kit_far_check(&far, &ours, "them", false);
		kit_steps(world, 2);
	}
	CHECK_EQUAL(0, joined->told[BL_GUARD_LOST]);
	CHECK_EQUAL(1, never->told[BL_GUARD_FAILED]);
	CHECK_EQUAL(BL_DTLS_TIMEOUT, never->why);
	CHECK_EQUAL(5, kit_far_answers(&far));
	CHECK(kit_sound(world, 0, &far));
	world->now_ms += BL_ICE_CONSENT_MS;
	kit_steps(world, 2);
	CHECK_EQUAL(1, joined->told[BL_GUARD_LOST]);
	CHECK_EQUAL(1, joined->told[BL_GUARD_PATH_GONE]);
	CHECK(!joined->at.count && !joined->at.has_chosen);
	kit_far_say(&far, 1, NULL);
	kit_steps(world, 2);
	CHECK_EQUAL(1, bl_port_stats(world->port)->foreign);
	kit_far_check(&far, &ours, "them", false); /* it comes back: with the same keys */
	kit_steps(world, 2);
	kit_far_answers(&far);
	CHECK(kit_sound(world, 0, &far));
	CHECK_EQUAL(0, joined->told[BL_GUARD_FAILED]);
	kit_far_close(&far);
	kit_world_free(world);
}

/* A browser that leaves the calling to us (a=setup:passive). */
static void test_browser_is_called(void)
{
	struct kit_world *world = kit_world(false, 10);
	struct bl_ice_credentials ours;
	struct kit_far far;

	kit_far_open(&far, world->number, BL_DTLS_SERVER);
	CHECK_EQUAL(BL_OK, bl_guard_add(world->guard,
					&(struct bl_guard_leg){.leg = world->legs[0].id,
							       .owner = &world->legs[0],
							       .fd = -1,
							       .ice = true,
							       .role = BL_DTLS_CLIENT,
							       .fingerprint = far.fingerprint},
					&ours));
	kit_steps(world, 5);
	kit_far_check(&far, &ours, "any", true);
	kit_steps(world, 2);
	CHECK_EQUAL(1, kit_far_answers(&far)); /* and takes our hello: it is sent again */
	usleep(250000);
	CHECK(kit_far_shake(world, &far, KIT_WAIT));
	CHECK(kit_told(world, 0, BL_GUARD_KEYS, 1));
	CHECK(kit_sound(world, 0, &far));
	kit_far_close(&far);
	kit_world_free(world);
}

/* More news than the ring to the tick holds, from a tick that does not listen: none gets lost. */
static void test_tick_that_stalls(void)
{
	enum { LEGS = 800 };
	struct kit_world *world = kit_world(false, LEGS);
	struct bl_ice_credentials ours[LEGS];
	struct kit_far far;
	int added = 0;

	kit_far_open(&far, world->number, BL_DTLS_CLIENT);
	for (int i = 0; i < LEGS; i++)
		ours[i] = kit_browser_leg(world, i, far.fingerprint);
	world->deaf = true;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < LEGS; i++) { /* as a browser does: until it is answered */
			if (!world->legs[i].told[BL_GUARD_PATH_ADDED])
				kit_far_check(&far, &ours[i], "them", true);
			if (i % 32 == 31)
				kit_step(world);
		}
		kit_steps(world, 3);
		if (!round)
			CHECK(kit_stats(world).checks < LEGS);
		world->deaf = false;
		kit_steps(world, 30);
	}
	for (int i = 0; i < LEGS; i++) {
		added += world->legs[i].told[BL_GUARD_PATH_ADDED];
		CHECK_EQUAL(1, world->legs[i].told[BL_GUARD_PATH_CHOSEN]);
	}
	CHECK_EQUAL(LEGS, added);
	kit_far_close(&far);
	kit_world_free(world);
}

/* One check and its answer, and a packet of the leg's, over the other family. */
static void test_over_ipv6(void)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct kit_world *world = kit_world(false, 10);
	struct kit_far far;
	struct bl_ice_credentials ours;
	struct bl_port *v4 = world->port;
	struct bl_stun stun;
	uint8_t data[BL_STUN_MAX];
	size_t size;

	kit_far_open(&far, world->number, BL_DTLS_CLIENT);
	to.sin6_port = htons((uint16_t)bl_port_open("::1", 0, 10, true, &world->port));
	close(far.fd);
	far.fd = socket(AF_INET6, SOCK_DGRAM, 0);
	CHECK(!connect(far.fd, (struct sockaddr *)&to, sizeof(to)));
	ours = kit_browser_leg(world, 0, far.fingerprint);
	kit_far_check(&far, &ours, "them", true);
	CHECK(kit_told(world, 0, BL_GUARD_PATH_CHOSEN, 1));
	size = kit_far_take(&far, data, sizeof(data));
	CHECK_EQUAL(BL_OK, bl_stun_parse(data, size, &stun));
	CHECK_EQUAL(AF_INET6, stun.mapped.any.sa_family);
	CHECK_EQUAL(kit_far_port(&far), ntohs(stun.mapped.v6.sin6_port));
	memset(data, 0x80, 40);
	kit_far_send(&far, data, 40);
	kit_steps(world, 2);
	CHECK_EQUAL(1, world->legs[0].verdicts[BL_SRTP_FAILED]); /* it has no keys yet */
	CHECK_EQUAL(0, bl_port_stats(world->port)->foreign);
	bl_port_close(v4);
	kit_far_close(&far);
	kit_world_free(world);
}

static void test_arguments(void)
{
	struct bl_guard *guard = NULL;
	struct bl_port *port = NULL;
	struct bl_ice_credentials ours;

	CHECK_EQUAL(BL_EINVAL, bl_guard_new(&(struct bl_guard_config){0}, &guard));
	CHECK_EQUAL(
		BL_EINVAL,
		bl_guard_new(&(struct bl_guard_config){.workers = 1, .max_legs = 1, .pem = "?"},
			     &guard));
	CHECK_EQUAL(BL_OK,
		    bl_guard_new(&(struct bl_guard_config){.workers = 1, .max_legs = 1}, &guard));
	CHECK_EQUAL(BL_EINVAL,
		    bl_guard_add(guard, &(struct bl_guard_leg){.ice = true, .fd = -1}, NULL));
	CHECK_EQUAL(BL_EINVAL, bl_guard_add(guard, &(struct bl_guard_leg){.fd = -1}, &ours));
	CHECK_EQUAL(BL_EINVAL,
		    bl_guard_add(guard, &(struct bl_guard_leg){.fd = 0, .fingerprint = "md5 00"},
				 &ours));
	CHECK_EQUAL(BL_ENOENT, bl_guard_restart(guard, 1, &ours));
	bl_guard_free(guard);
	bl_guard_free(NULL);
	CHECK_EQUAL(BL_EINVAL, bl_port_open("localhost", 0, 1, false, &port));
	CHECK_EQUAL(BL_EINVAL, bl_port_open("127.0.0.1", 65536, 1, false, &port));
	CHECK_EQUAL(BL_EPORT, bl_port_open("192.0.2.1", 0, 1, false, &port));
	CHECK(bl_port_open("::1", 0, 1, false, &port) > 0);
	bl_port_close(port);
	bl_port_close(NULL);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_join_and_leave),
	CHECK_TEST(test_join_with_a_thread),
	CHECK_TEST(test_coming_and_going_with_a_thread),
	CHECK_TEST(test_several_browsers),
	CHECK_TEST(test_restart),
	CHECK_TEST(test_restart_many_times),
	CHECK_TEST(test_strangers_get_no_answer),
	CHECK_TEST(test_replays_and_forgeries),
	CHECK_TEST(test_wrong_fingerprint),
	CHECK_TEST(test_consent_and_deadline),
	CHECK_TEST(test_browser_is_called),
	CHECK_TEST(test_tick_that_stalls),
	CHECK_TEST(test_over_ipv6),
	CHECK_TEST(test_arguments),
};

CHECK_MAIN(tests)
