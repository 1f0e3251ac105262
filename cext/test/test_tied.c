/* test_tied.c  A leg's socket is connected to whom it talks with, and others are heard all the
 * same */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "check.h"
#include "engine.h"
#include "kit.h"

enum { SEEN_TICKS = 16 }; /* what others send is looked for so often at least */

static struct bl_leg_stats stats_of(struct bl_engine *engine)
{
	struct bl_leg_stats stats = {0};

	CHECK_EQUAL(BL_OK, bl_leg_stats(engine, 1, &stats));
	return stats;
}

static int port_of(int fd)
{
	struct sockaddr_in at = {0};
	socklen_t size = sizeof(at);

	CHECK_EQUAL(0, getsockname(fd, (struct sockaddr *)&at, &size));
	return ntohs(at.sin_port);
}

/* To whom the leg's socket is connected; 0: to nobody. */
static int tied_to(const struct bl_engine *engine)
{
	struct sockaddr_in at = {0};
	socklen_t size = sizeof(at);

	return getpeername(engine->cells[0].legs[0]->fd, (struct sockaddr *)&at, &size)
		       ? 0
		       : ntohs(at.sin_port);
}

static int open_at(int port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	CHECK_EQUAL(0, bind(fd, (struct sockaddr *)&at, sizeof(at)));
	return fd;
}

static void say(struct bl_engine *engine, struct kit_phone *phone, int ticks)
{
	static const int16_t frame[BL_FRAME] = {1000, -1000};

	for (int tick = 0; tick < ticks; tick++) {
		kit_say(phone, frame, BL_FRAME);
		bl_engine_step(engine, 1);
		kit_listen(phone);
	}
}

static struct kit_phone *talking_phone(struct bl_engine *engine)
{
	struct kit_phone *phone = kit_phone(engine, 1, -1);

	say(engine, phone, 20);
	CHECK_EQUAL(port_of(phone->fd), tied_to(engine));
	return phone;
}

static void test_strangers_are_counted(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = talking_phone(engine), stranger = *phone;

	stranger.fd = open_at(0);
	stranger.ssrc = 99;
	for (int i = 0; i < 5; i++)
		kit_say(&stranger, (const int16_t[BL_FRAME]){0}, BL_FRAME);
	say(engine, phone, SEEN_TICKS + 1);
	CHECK_EQUAL(5, stats_of(engine).foreign);
	CHECK_EQUAL(20 + SEEN_TICKS + 1, stats_of(engine).packets_in);
	CHECK_EQUAL(port_of(phone->fd), tied_to(engine));
	close(stranger.fd);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static void test_a_nat_binds_anew(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = talking_phone(engine);
	int before = phone->fd;
	size_t heard;

	phone->fd = open_at(0);
	say(engine, phone, BL_LATCH_STOPPED + 1); /* until then the former source is believed */
	CHECK_EQUAL(port_of(phone->fd), tied_to(engine));
	heard = phone->heard_count;
	say(engine, phone, 10);
	CHECK_EQUAL(heard + 10 * BL_FRAME, phone->heard_count);
	close(before);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static void test_a_refusal_ends_nothing(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = talking_phone(engine);
	uint64_t sent = stats_of(engine).packets_out, came = stats_of(engine).packets_in;
	size_t heard = phone->heard_count;
	int port = port_of(phone->fd);

	close(phone->fd);
	bl_engine_step(engine, 10);
	CHECK_EQUAL(sent + 10, stats_of(engine).packets_out);
	CHECK_WITHIN(1, 10, stats_of(engine).send_errors);
	phone->fd = open_at(port); /* the last refusal is still to be told */
	say(engine, phone, 1);
	CHECK_EQUAL(came + 1, stats_of(engine).packets_in);
	say(engine, phone, 9);
	CHECK_EQUAL(came + 10, stats_of(engine).packets_in);
	CHECK_EQUAL(heard + 10 * BL_FRAME, phone->heard_count);
	CHECK_WITHIN(1, 11, stats_of(engine).send_errors);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static void test_no_two_legs_share_a_port(void)
{
	struct bl_engine *engine = kit_engine();
	int port = 1;

	/* ranges hold even ports only */
	for (int id = 1; id < KIT_MEMBERS && port % 2; id++)
		port = bl_leg_add_rtp(engine, id, "127.0.0.1", 0, 0);
	CHECK(port > 0 && port % 2 == 0);
	CHECK_EQUAL(BL_EPORT, bl_leg_add_rtp(engine, KIT_MEMBERS, "127.0.0.1", port, port));
	bl_engine_free(engine);
}

static void test_any_address_is_not_tied(void)
{
	struct bl_engine *engine = kit_engine();
	struct bl_remote remote = {
		.address = "127.0.0.1", .port = 9, .codec = BL_PCMU, .event_payload_type = -1};

	CHECK(bl_leg_add_rtp(engine, 1, "0.0.0.0", 0, 0) > 0);
	CHECK_EQUAL(BL_OK, bl_leg_remote(engine, 1, &remote));
	bl_engine_step(engine, 2);
	CHECK_EQUAL(0, tied_to(engine));
	bl_engine_free(engine);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_strangers_are_counted),	  CHECK_TEST(test_a_nat_binds_anew),
	CHECK_TEST(test_a_refusal_ends_nothing),  CHECK_TEST(test_no_two_legs_share_a_port),
	CHECK_TEST(test_any_address_is_not_tied),
};

CHECK_MAIN(tests)
