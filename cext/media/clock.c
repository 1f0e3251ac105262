/* clock.c  The threads of a running engine: the tick's, the writer's, the tapper's */
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include "engine.h"

#define NS_PER_S 1000000000LL
#define TICK_NS (BL_FRAME_MS * 1000000LL)

enum {
	MAX_BEHIND = 5, /* [ticks] that are caught up; what is beyond is given up */
	WRITE_EVERY_NS = 100000000,
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	struct timespec until = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void account(struct bl_engine *engine, uint64_t busy_ns)
{
	uint64_t longest = atomic_load_explicit(&engine->longest_ns, memory_order_relaxed);

	atomic_fetch_add_explicit(&engine->busy_ns, busy_ns, memory_order_relaxed);
	if (busy_ns > longest)
		atomic_store_explicit(&engine->longest_ns, busy_ns, memory_order_relaxed);
}

/* Counts a late start; returns when the tick should have been, after giving up what is too old. */
static int64_t keep_time(struct bl_engine *engine, int64_t due, int64_t now)
{
	int64_t behind = (now - due) / TICK_NS;

	if (behind < 1)
		return due;
	engine->late_untold++;
	atomic_fetch_add_explicit(&engine->late, 1, memory_order_relaxed);
	if (behind <= MAX_BEHIND)
		return due;
	atomic_fetch_add_explicit(&engine->skipped, (uint64_t)behind, memory_order_relaxed);
	return due + behind * TICK_NS;
}

void *bl_tick_thread(void *argument)
{
	struct bl_engine *engine = argument;
	int64_t due = clock_ns(CLOCK_MONOTONIC);

	prctl(PR_SET_NAME, "bl-tick");
	prctl(PR_SET_TIMERSLACK, 1UL); /* [ns]; the default may wake us 50 µs late */
	bl_crew_settle(&engine->crew, &engine->crew.workers[0]);
	while (!atomic_load(&engine->stopping)) {
		int64_t begin;

		due += TICK_NS;
		sleep_until(due);
		begin = clock_ns(CLOCK_MONOTONIC);
		due = keep_time(engine, due, begin);
		engine->due_us = (clock_ns(CLOCK_REALTIME) - (begin - due)) / 1000;
		bl_tick(engine);
		account(engine, (uint64_t)(clock_ns(CLOCK_MONOTONIC) - begin));
	}
	return NULL;
}

void *bl_writer_thread(void *argument)
{
	struct bl_engine *engine = argument;

	prctl(PR_SET_NAME, "bl-writer");
	while (!atomic_load(&engine->stopping)) {
		sleep_until(clock_ns(CLOCK_MONOTONIC) + WRITE_EVERY_NS);
		bl_recorder_service(&engine->recorder);
	}
	return NULL;
}

/* Sleeps until there is a tap, then serves it each 20 ms. */
void *bl_tapper_thread(void *argument)
{
	struct bl_engine *engine = argument;

	prctl(PR_SET_NAME, "bl-tapper");
	while (!atomic_load(&engine->stopping)) {
		struct pollfd bell = {.fd = engine->tapper_fd, .events = POLLIN};
		uint64_t rung;
		bool any = bl_tapper_service(&engine->tapper);

		if (any)
			sleep_until(clock_ns(CLOCK_MONOTONIC) + TICK_NS);
		else if (poll(&bell, 1, -1) == 1 && read(bell.fd, &rung, sizeof(rung)) < 0)
			break;
	}
	return NULL;
}

static void tell_from(struct bl_engine *engine, struct bl_ring *ring, const struct bl_event *event)
{
	if (!bl_ring_put(ring, event))
		atomic_fetch_add_explicit(&engine->dropped, 1, memory_order_relaxed);
	bl_wake_caller(engine);
}

void bl_recording_closed(struct bl_engine *engine, const struct bl_recording *recording)
{
	tell_from(engine, &engine->writer_events,
		  &(struct bl_event){
			  .leg = recording->leg,
			  .id = recording->id,
			  .kind = BL_EVENT_RECORD_CLOSED,
			  .code = (int32_t)recording->why,
			  .value = recording->written * 1000 / (uint64_t)recording->rate,
		  });
}

void bl_recording_gap(struct bl_engine *engine, const struct bl_recording *recording,
		      enum bl_feed_entry what, uint64_t at_ms)
{
	tell_from(engine, &engine->writer_events,
		  &(struct bl_event){
			  .leg = recording->leg,
			  .id = recording->id,
			  .kind = BL_EVENT_RECORD_GAP,
			  .code = what == BL_FEED_PAUSED ? BL_GAP_PAUSED : BL_GAP_LOST,
			  .value = at_ms,
		  });
}

void bl_tap_ended(struct bl_engine *engine, const struct bl_tap *tap)
{
	tell_from(engine, &engine->tapper_events,
		  &(struct bl_event){
			  .leg = tap->leg,
			  .id = tap->id,
			  .kind = BL_EVENT_TAP_ENDED,
			  .code = (int32_t)tap->why,
			  .value = tap->lost,
		  });
}
