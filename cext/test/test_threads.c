/* test_threads.c  A running engine: its threads, its eventfd, commands while it ticks */
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "kit.h"

enum { DEADLINE_MS = 20000 };

static struct bl_engine *running_engine(void)
{
	struct bl_engine_config config = {.max_legs = 64, .cpu = -1, .unbatched = kit_unbatched()};
	struct bl_engine *engine = NULL;

	CHECK_EQUAL(BL_OK, bl_engine_new(&config, &engine));
	CHECK_EQUAL(BL_OK, bl_engine_start(engine));
	return engine;
}

/* Waits on the eventfd for an event of that kind. */
static bool wait_for(struct bl_engine *engine, int32_t kind, struct bl_event *event)
{
	struct pollfd fd = {.fd = bl_engine_fd(engine), .events = POLLIN};

	while (poll(&fd, 1, DEADLINE_MS) == 1) {
		while (bl_engine_poll(engine, event, 1) == 1) {
			if (event->kind == kind)
				return true;
		}
	}
	return false;
}

static void test_states(void)
{
	struct bl_engine *engine = running_engine();
	struct bl_engine_config wrong = {.max_legs = 0, .cpu = -1};

	CHECK_EQUAL(BL_ESTATE, bl_engine_start(engine));
	CHECK_EQUAL(BL_ESTATE, bl_engine_step(engine, 1));
	CHECK_EQUAL(BL_OK, bl_engine_stop(engine));
	CHECK_EQUAL(BL_OK, bl_engine_stop(engine));
	CHECK_EQUAL(BL_OK, bl_engine_start(engine));
	bl_engine_free(engine);
	CHECK_EQUAL(BL_EINVAL, bl_engine_new(&wrong, &engine));
	engine = kit_engine();
	CHECK_EQUAL(BL_ESTATE, bl_engine_start(engine));
	bl_engine_free(engine);
	bl_engine_free(NULL);
}

static void test_events_wake_the_caller(void)
{
	struct bl_engine *engine = running_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);
	int16_t frame[BL_FRAME] = {0};
	struct bl_play_item tone = {
		.tone = {.count = 1, .parts = {{.hz = {440}, .on_ms = 60}}},
	};
	struct bl_event event = {0};

	kit_say(phone, frame, BL_FRAME);
	CHECK(wait_for(engine, BL_EVENT_MEDIA_STARTED, &event));
	CHECK_EQUAL(BL_OK, kit_play(engine, 1, 3, &tone, 1, false));
	CHECK(wait_for(engine, BL_EVENT_PLAY_ENDED, &event));
	CHECK_EQUAL(3, event.id);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

/* Ten thousand random commands against running ticks: nothing leaks, hangs or is used after. */
static void test_commands_race_ticks(void)
{
	struct bl_engine *engine = running_engine();
	struct bl_play_item tone = {
		.tone = {.count = 1, .parts = {{.hz = {440}, .on_ms = 60}}},
	};
	struct bl_event events[16];
	struct bl_leg_stats stats;
	char name[64];

	for (int i = 0; i < 10000; i++) {
		int64_t leg = 1 + rand() % 20, other = 1 + rand() % 20;

		switch (rand() % 10) {
		case 0:
			bl_leg_add_rtp(engine, leg, "127.0.0.1", 0, 0);
			break;
		case 1:
			bl_leg_remove(engine, leg);
			break;
		case 2:
			kit_bridge(engine, rand() % 5, (int64_t[]){leg, other}, 2);
			break;
		case 3:
			bl_unbridge(engine, rand() % 5);
			break;
		case 4:
			kit_play(engine, leg, i, &tone, 1, rand() % 2);
			break;
		case 5:
			bl_play_stop(engine, leg, 0);
			break;
		case 6:
			bl_engine_poll(engine, events, 16);
			break;
		case 7:
			bl_digits_send(engine, leg, "12");
			break;
		case 8:
			bl_leg_stats(engine, leg, &stats);
			break;
		default:
			snprintf(name, sizeof(name), "race-%d-%d.wav", getpid(), i);
			if (rand() % 50 == 0 && !kit_record(engine, i % 7, leg, name))
				unlink(name);
			bl_record_stop(engine, i % 7);
		}
		if (i % 100 == 0) /* the race wants ticks in between; it is no synchronisation */
			nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
	bl_engine_free(engine);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_states),
	CHECK_TEST(test_events_wake_the_caller),
	CHECK_TEST(test_commands_race_ticks),
};

CHECK_MAIN(tests)
