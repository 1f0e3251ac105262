/* test_crew.c  Every number is done once, by whoever; and an engine of many threads */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "check.h"
#include "crew.h"
#include "kit.h"
#include "worker.h"

enum { NUMBERS = 300, ROUNDS = 2000, WORKERS = 4, LEGS = 200 };

static atomic_int done[NUMBERS];
static atomic_int by_others;

static void count(struct bl_worker *worker, int32_t number)
{
	atomic_fetch_add(&done[number], 1);
	if (worker != &worker->crew->workers[0])
		atomic_fetch_add(&by_others, 1);
	for (volatile int i = 0; i < 200; i++)
		;
}

static void test_each_number_once(void)
{
	struct bl_crew crew;
	int wrong = 0;

	CHECK_EQUAL(BL_OK, bl_crew_init(&crew, WORKERS, -1));
	CHECK_EQUAL(BL_OK, bl_crew_start(&crew));
	for (int round = 0; round < ROUNDS; round++) {
		int numbers = rand() % NUMBERS;

		memset(done, 0, sizeof(done));
		bl_crew_run(&crew, count, numbers);
		for (int i = 0; i < NUMBERS; i++)
			wrong += atomic_load(&done[i]) != (i < numbers);
	}
	CHECK_EQUAL(0, wrong);
	CHECK(atomic_load(&by_others) > 0);
	bl_crew_stop(&crew);
	bl_crew_run(&crew, count, NUMBERS); /* alone */
	bl_crew_release(&crew);
}

static void wait_ticks(struct bl_engine *engine, uint64_t ticks)
{
	struct bl_engine_stats stats;
	uint64_t until;

	bl_engine_stats(engine, &stats);
	until = stats.ticks + ticks;
	while (stats.ticks < until) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		bl_engine_stats(engine, &stats);
	}
}

static bool has_uring(void)
{
	struct bl_uring ring;
	bool has = bl_uring_open(&ring, 1) == BL_OK;

	bl_uring_close(&ring);
	return has;
}

/* Half of the legs talk to the other half, in pairs, over sockets of this machine. */
static void test_many_threads_carry_many_legs(void)
{
	struct bl_engine_config config = {
		.max_legs = LEGS, .cpu = -1, .unbatched = kit_unbatched(), .workers = WORKERS};
	struct bl_engine *engine = NULL;
	struct bl_play_item tone = {
		.tone = {.count = 1, .parts = {{.hz = {440}, .on_ms = 60000}}}};
	struct bl_engine_stats stats;
	int32_t ports[LEGS];
	int silent = 0;

	CHECK_EQUAL(BL_OK, bl_engine_new(&config, &engine));
	CHECK_EQUAL(BL_OK, bl_engine_stats(engine, &stats));
	CHECK_EQUAL(has_uring() && !kit_unbatched() ? WORKERS : 0, stats.batched);
	CHECK_EQUAL(BL_OK, bl_engine_start(engine));
	for (int i = 0; i < LEGS; i++) {
		ports[i] = bl_leg_add_rtp(engine, i + 1, "127.0.0.1", 0, 0);
		CHECK(ports[i] > 0);
	}
	for (int i = 0; i < LEGS; i++) {
		struct bl_remote remote = {
			.address = "127.0.0.1",
			.port = ports[i ^ 1],
			.event_payload_type = 101,
		};

		CHECK_EQUAL(BL_OK, bl_leg_remote(engine, i + 1, &remote));
		CHECK_EQUAL(BL_OK, bl_leg_detect(engine, i + 1, true));
		if (i < LEGS / 2)
			CHECK_EQUAL(BL_OK, kit_play(engine, i + 1, i, &tone, 1, true));
	}
	for (int round = 0; round < 20; round++) {
		int64_t first = 1 + rand() % (LEGS - 8);
		int64_t ids[8];

		for (int i = 0; i < 8; i++)
			ids[i] = first + i;
		CHECK_EQUAL(BL_OK, kit_bridge(engine, round % 7, ids, 2 + rand() % 7));
		bl_digits_send(engine, first, "12");
		wait_ticks(engine, 3);
	}
	for (int i = 0; i < LEGS; i++) {
		struct bl_leg_stats leg;

		CHECK_EQUAL(BL_OK, bl_leg_stats(engine, i + 1, &leg));
		silent += !leg.packets_in || !leg.packets_out;
	}
	CHECK_EQUAL(0, silent);
	bl_engine_free(engine);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_each_number_once),
	CHECK_TEST(test_many_threads_carry_many_legs),
};

CHECK_MAIN(tests)
