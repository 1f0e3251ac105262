/* test_fax_leg.c  Faxes between legs of two engines: over RTP in both laws, and over T.38 */
#include <arpa/inet.h>
#include <unistd.h>
#include "faxcall.h"
#include "kit.h"

enum { FAX = 9, LEG = 3, WIDE_LEG = 4, LONGEST_S = 180 };

/* A leg of an engine of its own, and what its fax told. */
struct side {
	struct bl_engine *engine;
	int port;
	struct bl_fax_event page, done;
	int pages, ended;
};

static struct side sides[2]; /* who sends, who receives */

static void agree(struct side *side, int port, enum bl_codec law)
{
	struct bl_remote remote = {
		.address = "127.0.0.1",
		.port = port,
		.payload_type = (int32_t)law,
		.codec = (int32_t)law,
		.event_payload_type = -1,
	};

	CHECK_EQUAL(BL_OK, bl_leg_remote(side->engine, LEG, &remote));
}

static void begin_legs(enum bl_codec law)
{
	for (int i = 0; i < 2; i++) {
		sides[i] = (struct side){.engine = kit_engine()};
		sides[i].port = bl_leg_add_rtp(sides[i].engine, LEG, "127.0.0.1", 0, 0);
		CHECK(sides[i].port > 0);
	}
	for (int i = 0; i < 2; i++)
		agree(&sides[i], sides[!i].port, law);
	unlink(got_path);
}

static void begin_faxes(enum bl_codec law)
{
	begin_legs(law);
	CHECK_EQUAL(BL_OK, bl_fax(sides[0].engine, FAX, LEG, &sending));
	CHECK_EQUAL(BL_OK, bl_fax(sides[1].engine, FAX, LEG, &receiving));
}

static void end_legs(void)
{
	for (int i = 0; i < 2; i++)
		bl_engine_free(sides[i].engine);
}

static void take_fax_events(struct side *side)
{
	struct bl_fax_event event;

	while (bl_fax_poll(side->engine, FAX, &event) == 1) {
		if (event.kind == BL_FAX_DONE) {
			side->done = event;
			side->ended++;
		} else {
			side->page = event;
			side->pages++;
		}
	}
}

static void step(struct side *side)
{
	struct bl_event event;

	bl_engine_step(side->engine, 1);
	while (bl_engine_poll(side->engine, &event, 1) == 1) {
		if (event.kind != BL_EVENT_FAX)
			continue;
		CHECK_EQUAL(FAX, event.id);
		CHECK_EQUAL(LEG, event.leg);
		take_fax_events(side);
	}
}

static void run_ticks(int ticks)
{
	for (int i = 0; i < ticks && !(sides[0].ended && sides[1].ended); i++) {
		step(&sides[0]);
		step(&sides[1]);
	}
}

static void check_both_sides_well(void)
{
	for (int i = 0; i < 2; i++) {
		CHECK_EQUAL(1, sides[i].ended);
		CHECK_EQUAL(BL_FAX_OK, sides[i].done.end);
		CHECK_EQUAL(2, sides[i].done.pages);
	}
	CHECK_EQUAL(2, sides[1].pages);
	CHECK(!strcmp("+49 30 1234567", sides[1].done.station));
}

static void test_sound(void)
{
	static const enum bl_codec laws[] = {BL_PCMU, BL_PCMA};

	for (int i = 0; i < 2; i++) {
		draw(2, 200);
		begin_faxes(laws[i]);
		run_ticks(LONGEST_S * BL_TICKS_PER_S);
		check_both_sides_well();
		CHECK_EQUAL(14400, sides[1].done.bit_rate);
		CHECK(!sides[1].done.t38);
		check_pages(2, 0);
		end_legs();
	}
}

/* Packets that come in lumps, as from a network: they wait, nothing is cut out or made up. */
static void test_sound_over_a_restless_network(void)
{
	draw(2, 200);
	begin_faxes(BL_PCMA);
	for (int i = 0; i < LONGEST_S * BL_TICKS_PER_S && !(sides[0].ended && sides[1].ended);
	     i += 3) {
		for (int k = 0; k < 3; k++)
			step(&sides[0]);
		for (int k = 0; k < 3; k++)
			step(&sides[1]);
	}
	check_both_sides_well();
	check_pages(2, 0);
	end_legs();
}

static void to_t38(struct side *side, int port)
{
	CHECK_EQUAL(BL_OK, bl_fax_t38(side->engine, FAX, "127.0.0.1", port, &plain));
	CHECK_EQUAL(BL_ESTATE, bl_fax_t38(side->engine, FAX, "127.0.0.1", port, &plain));
}

static void stranger_sends(int port)
{
	static const uint8_t datagram[] = {0, 0, 1, 0, 0, 0};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port),
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(sendto(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&to, sizeof(to)) > 0);
	close(fd);
}

static void test_t38_takes_over_the_port(void)
{
	struct bl_leg_stats stats;

	draw(2, 200);
	begin_faxes(BL_PCMU);
	run_ticks(2 * BL_TICKS_PER_S);
	to_t38(&sides[0], sides[1].port);
	to_t38(&sides[1], sides[0].port);
	run_ticks(5 * BL_TICKS_PER_S);
	stranger_sends(sides[1].port);
	run_ticks(LONGEST_S * BL_TICKS_PER_S);
	check_both_sides_well();
	CHECK(sides[1].done.t38);
	check_pages(2, 0);
	CHECK_EQUAL(BL_OK, bl_leg_stats(sides[1].engine, LEG, &stats));
	CHECK_EQUAL(1, stats.foreign);
	CHECK_EQUAL(0, stats.malformed);
	end_legs();
}

/* The leg hears its plays again. */
static void test_a_leg_is_free_after_its_fax(void)
{
	struct bl_play_item beep = {.tone = {.count = 1, .parts = {{{1000}, {-10}, 0, 100, 0}}}};
	struct kit_phone *phone;
	struct bl_engine *engine = kit_engine();
	struct bl_event event;
	struct side side = {.engine = engine};

	draw(1, 50);
	phone = kit_phone(engine, LEG, -1);
	CHECK_EQUAL(BL_OK, bl_fax(engine, FAX, LEG, &sending));
	for (int i = 0; i < 50; i++)
		step(&side);
	kit_listen(phone);
	CHECK_WITHIN(-25, 0, kit_level_dbm0(phone->heard + 4000, 2000, 1100)); /* CNG */
	CHECK_EQUAL(BL_OK, bl_fax_stop(engine, FAX));
	for (int i = 0; i < 50; i++)
		step(&side);
	CHECK_EQUAL(1, side.ended);
	CHECK_EQUAL(BL_FAX_CALL_DROPPED, side.done.end);
	CHECK_EQUAL(BL_ENOENT, bl_fax_stop(engine, FAX));
	CHECK_EQUAL(BL_OK, kit_play(engine, LEG, 1, &beep, 1, false));
	kit_listen(phone);
	phone->heard_count = 0;
	for (int i = 0; i < 10 && !kit_event(engine, BL_EVENT_PLAY_ENDED, &event); i++)
		;
	kit_listen(phone);
	CHECK_WITHIN(-12, -8, kit_level_dbm0(phone->heard, 800, 1000));
	kit_phone_free(phone);
	bl_engine_free(engine);
}

static void test_a_removed_leg_ends_its_fax(void)
{
	struct side *side = &sides[1];

	draw(1, 50);
	begin_faxes(BL_PCMU);
	run_ticks(BL_TICKS_PER_S);
	CHECK_EQUAL(BL_OK, bl_leg_remove(side->engine, LEG));
	bl_engine_step(side->engine, 5);
	step(side);
	CHECK_EQUAL(1, side->ended);
	CHECK_EQUAL(BL_FAX_CALL_DROPPED, side->done.end);
	CHECK_EQUAL(BL_ENOENT, bl_fax_poll(side->engine, FAX, &side->done));
	end_legs();
}

static void take_away(struct side *side)
{
	CHECK_EQUAL(BL_OK, bl_leg_remove(side->engine, LEG));
	bl_engine_step(side->engine, 5);
	step(side);
	CHECK_EQUAL(1, side->ended);
}

/* A receiver that hangs up on the sender's last word, and a sender that does so before it. */
static void test_who_hangs_up_when_all_is_said_has_done_well(void)
{
	for (int i = 0; i < 2; i++) {
		draw(1, 50);
		begin_faxes(BL_PCMA);
		to_t38(&sides[0], sides[1].port);
		to_t38(&sides[1], sides[0].port);
		while (i ? !sides[1].pages : !sides[1].ended)
			run_ticks(1);
		CHECK_EQUAL(0, sides[0].ended);
		take_away(&sides[i]);
		CHECK_EQUAL(BL_FAX_OK, sides[i].done.end);
		CHECK_EQUAL(1, sides[i].done.pages);
		check_pages(1, 0);
		end_legs();
	}
}

/* A modem's stream of 16 kHz: no fax goes over it. */
static void add_wide_device(struct bl_engine *engine)
{
	struct bl_device_config wide = {.rate = 16000};
	int fds[2];

	CHECK_EQUAL(0, pipe(fds));
	CHECK_EQUAL(BL_OK, bl_leg_add_device(engine, WIDE_LEG, fds[0], &wide));
	close(fds[0]);
	close(fds[1]);
}

static void test_what_is_refused(void)
{
	struct bl_fax_config bad = sending;
	struct bl_fax_event event;
	struct bl_engine *engine;

	draw(1, 50);
	begin_legs(BL_PCMU);
	engine = sides[0].engine;
	bad.max_pages = 0;
	CHECK_EQUAL(BL_EINVAL, bl_fax(engine, FAX, LEG, &bad));
	CHECK_EQUAL(BL_EINVAL, bl_fax(NULL, FAX, LEG, &sending));
	CHECK_EQUAL(BL_ENOENT, bl_fax(engine, FAX, 99, &sending));
	CHECK_EQUAL(BL_ENOENT, bl_fax_poll(engine, FAX, &event));
	add_wide_device(engine);
	CHECK_EQUAL(BL_ESTATE, bl_fax(engine, FAX, WIDE_LEG, &sending));
	CHECK_EQUAL(BL_OK, bl_fax(engine, FAX, LEG, &sending));
	CHECK_EQUAL(BL_EEXIST, bl_fax(engine, FAX, LEG, &sending));
	CHECK_EQUAL(0, bl_fax_poll(engine, FAX, &event));
	CHECK_EQUAL(BL_EINVAL, bl_fax_t38(engine, FAX, "nowhere", 4000, &plain));
	CHECK_EQUAL(BL_ENOENT, bl_fax_t38(engine, 99, "127.0.0.1", 4000, &plain));
	agree(&sides[1], sides[0].port, BL_G722);
	CHECK_EQUAL(BL_ESTATE, bl_fax(sides[1].engine, FAX, LEG, &receiving));
	end_legs();
}

/* Threads start and end, with a fax in the middle. */
static void test_a_running_engine(void)
{
	struct bl_engine_config config = {
		.max_legs = 4, .cpu = -1, .unbatched = kit_unbatched(), .workers = 1};
	struct bl_engine *engine = NULL;

	draw(1, 50);
	CHECK_EQUAL(BL_OK, bl_engine_new(&config, &engine));
	CHECK_EQUAL(BL_OK, bl_engine_start(engine));
	CHECK(bl_leg_add_rtp(engine, LEG, "127.0.0.1", 0, 0) > 0);
	CHECK_EQUAL(BL_OK, bl_fax(engine, FAX, LEG, &sending));
	usleep(100000);
	CHECK_EQUAL(BL_OK, bl_engine_stop(engine));
	CHECK_EQUAL(BL_OK, bl_engine_start(engine));
	bl_engine_free(engine);
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_sound),
		CHECK_TEST(test_sound_over_a_restless_network),
		CHECK_TEST(test_t38_takes_over_the_port),
		CHECK_TEST(test_a_leg_is_free_after_its_fax),
		CHECK_TEST(test_a_removed_leg_ends_its_fax),
		CHECK_TEST(test_who_hangs_up_when_all_is_said_has_done_well),
		CHECK_TEST(test_what_is_refused),
		CHECK_TEST(test_a_running_engine),
	};

	return run_all(tests, sizeof(tests) / sizeof(tests[0]));
}
