/* tick.c  One tick: commands, then every leg's 20 ms in, the bridges, every leg's 20 ms out */
#include <unistd.h>
#include "engine.h"

enum { LATE_REPORT_TICKS = BL_TICKS_PER_S };

uint64_t bl_now(const struct bl_engine *engine)
{
	return atomic_load_explicit(&engine->now, memory_order_relaxed);
}

uint64_t bl_now_ms(const struct bl_engine *engine)
{
	return bl_now(engine) * BL_FRAME_MS;
}

void bl_wake_caller(struct bl_engine *engine)
{
	uint64_t one = 1;
	ssize_t size = write(engine->event_fd, &one, sizeof(one));

	(void)size; /* it fails only when 2^64 - 2 wake-ups wait already */
}

static void tell_late(struct bl_engine *engine)
{
	if (!engine->late_untold || bl_now(engine) < engine->late_told_tick + LATE_REPORT_TICKS)
		return;
	bl_tell(&engine->crew.workers[0], &(struct bl_event){
						  .kind = BL_EVENT_TICKS_LATE,
						  .value = engine->late_untold,
					  });
	engine->late_untold = 0;
	engine->late_told_tick = bl_now(engine);
}

/* Passes on what one worker had to tell. */
static void collect_from(struct bl_engine *engine, struct bl_worker *worker)
{
	for (int32_t i = 0; i < worker->event_count; i++) {
		const struct bl_event *event = &worker->events[i];

		if (!bl_ring_put(&engine->events, event))
			worker->events_dropped++;
	}
	engine->told = engine->told || worker->event_count;
	worker->event_count = 0;
	if (worker->events_dropped)
		atomic_fetch_add_explicit(&engine->dropped, worker->events_dropped,
					  memory_order_relaxed);
	worker->events_dropped = 0;
}

static void collect(struct bl_engine *engine)
{
	for (int32_t i = 0; i < engine->crew.count; i++)
		collect_from(engine, &engine->crew.workers[i]);
}

static void seek_digits(struct bl_worker *worker, const struct bl_cell *cell,
			struct bl_dtmf_block *block)
{
	const int16_t *frames[BL_CELL] = {NULL};
	struct bl_dtmf_hit hits[BL_CELL];
	size_t count;

	for (int32_t i = 0; i < BL_CELL; i++) {
		if (cell->legs[i])
			frames[i] = cell->legs[i]->sought;
	}
	count = bl_dtmf_block_frame(block, frames, hits);
	for (size_t i = 0; i < count; i++)
		bl_leg_digit(worker, cell->legs[hits[i].lane], hits[i].digit, BL_DIGIT_INBAND,
			     hits[i].ms);
	for (uint32_t i = 0; i < BL_CELL; i++) {
		if (cell->legs[i])
			cell->legs[i]->digit_sounds |= block->sounding >> i & 1;
	}
}

/*
 * A leg that hears nobody, or one in its own cell, is spoken to right after the cell was heard,
 * while all of it is still in the cache: that saves a tenth. What its bridge says does not change
 * in between.
 */
static bool speaks_at_once(const struct bl_leg *leg, int32_t number)
{
	const struct bl_bridge *bridge = leg->bridge;

	if (!bridge)
		return true;
	if (!bridge->plain)
		return false;
	for (int32_t i = 0; i < bridge->count; i++) {
		if (bridge->members[i].leg->slot / BL_CELL != number)
			return false;
	}
	return true;
}

static void hear(struct bl_worker *worker, int32_t number)
{
	struct bl_cell *cell = &worker->engine->cells[number];
	bool any = false;

	bl_rtp_fetch(worker, cell);
	for (int32_t i = 0; i < BL_CELL; i++) {
		if (!cell->legs[i])
			continue;
		bl_leg_hear(worker, cell->legs[i]);
		any = any || cell->legs[i]->detect;
	}
	if (any)
		seek_digits(worker, cell, &worker->engine->dtmf[number]);
	for (int32_t i = 0; i < BL_CELL; i++) {
		if (cell->legs[i])
			bl_leg_heard(worker, cell->legs[i]);
	}
	for (int32_t i = 0; i < BL_CELL; i++) {
		if (cell->legs[i] && speaks_at_once(cell->legs[i], number))
			bl_leg_speak(worker, cell->legs[i]);
	}
}

static void mix(struct bl_worker *worker, int32_t number)
{
	bl_bridge_mix(worker, worker->engine->bridge_table[number]);
}

static void speak(struct bl_worker *worker, int32_t number)
{
	struct bl_cell *cell = &worker->engine->cells[number];

	for (int32_t i = 0; i < BL_CELL; i++) {
		if (cell->legs[i] && !speaks_at_once(cell->legs[i], number))
			bl_leg_speak(worker, cell->legs[i]);
	}
}

/* Digits that came as events go on to the bridge's other legs, which any worker may have had. */
static void relay_digits(struct bl_engine *engine)
{
	for (int32_t w = 0; w < engine->crew.count; w++) {
		const struct bl_worker *worker = &engine->crew.workers[w];

		for (int32_t i = 0; i < worker->relay_count; i++)
			bl_leg_relay_digit(worker->relays[i].leg, worker->relays[i].digit);
		engine->crew.workers[w].relay_count = 0;
	}
}

void bl_tick(struct bl_engine *engine)
{
	if (engine->config.stepped)
		engine->due_us = (int64_t)bl_now(engine) * BL_FRAME_MS * 1000;
	bl_obey_guard(engine);
	bl_obey_commands(engine);
	bl_read_ports(engine);
	bl_crew_run(&engine->crew, hear, engine->cell_count);
	relay_digits(engine);
	bl_crew_run(&engine->crew, mix, engine->bridge_count);
	bl_crew_run(&engine->crew, speak, engine->cell_count);
	tell_late(engine);
	collect(engine);
	atomic_store_explicit(&engine->now, bl_now(engine) + 1, memory_order_relaxed);
	if (engine->told)
		bl_wake_caller(engine);
	engine->told = false;
}
