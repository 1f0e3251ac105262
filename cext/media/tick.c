/* tick.c  One tick: commands, then every leg's 20 ms in, the bridges, every leg's 20 ms out */
#include <string.h>
#include <unistd.h>
#include "engine.h"
#include "mix.h"

enum { LATE_REPORT_TICKS = 50 }; /* 1 s */

uint64_t bl_now(const struct bl_engine *engine)
{
	return atomic_load_explicit(&engine->now, memory_order_relaxed);
}

void bl_tell(struct bl_engine *engine, const struct bl_event *event)
{
	if (!bl_ring_put(&engine->events, event))
		atomic_fetch_add_explicit(&engine->dropped, 1, memory_order_relaxed);
	engine->told = true;
}

void bl_wake_caller(struct bl_engine *engine)
{
	uint64_t one = 1;
	ssize_t size = write(engine->event_fd, &one, sizeof(one));

	(void)size; /* it fails only when 2^64 - 2 wake-ups wait already */
}

void bl_tell_late(struct bl_engine *engine)
{
	if (!engine->late_untold || bl_now(engine) < engine->late_told_tick + LATE_REPORT_TICKS)
		return;
	bl_tell(engine, &(struct bl_event){
				.kind = BL_EVENT_TICKS_LATE,
				.value = engine->late_untold,
			});
	engine->late_untold = 0;
	engine->late_told_tick = bl_now(engine);
}

static void leave_bridge(struct bl_leg *leg)
{
	struct bl_bridge *bridge = leg->bridge;

	if (!bridge)
		return;
	leg->bridge = NULL;
	for (int32_t i = 0; i < bridge->count; i++) {
		if (bridge->legs[i] == leg) {
			bridge->legs[i] = bridge->legs[--bridge->count];
			return;
		}
	}
}

static void drop_bridge(struct bl_engine *engine, struct bl_bridge *bridge)
{
	struct bl_bridge *last = engine->bridge_table[engine->bridge_count - 1];

	while (bridge->count)
		leave_bridge(bridge->legs[0]);
	engine->bridge_table[bridge->slot] = last;
	last->slot = bridge->slot;
	engine->bridge_count--;
	bl_stack_push(&engine->retired, &bridge->node);
}

static void make_bridge(struct bl_engine *engine, struct bl_bridge *bridge,
			struct bl_bridge *before)
{
	for (int32_t i = 0; i < bridge->count; i++) {
		if (!before || bridge->legs[i]->bridge != before)
			bl_leg_end_play(engine, bridge->legs[i], BL_PLAY_BRIDGED);
	}
	if (before)
		drop_bridge(engine, before);
	for (int32_t i = 0; i < bridge->count; i++) {
		leave_bridge(bridge->legs[i]);
		bridge->legs[i]->bridge = bridge;
	}
	bridge->slot = engine->bridge_count;
	engine->bridge_table[engine->bridge_count++] = bridge;
}

static void add_leg(struct bl_engine *engine, struct bl_leg *leg)
{
	leg->slot = engine->table_count;
	leg->heard_tick = bl_now(engine);
	engine->table[engine->table_count++] = leg;
}

static void remove_leg(struct bl_engine *engine, struct bl_leg *leg)
{
	struct bl_leg *last = engine->table[--engine->table_count];

	leave_bridge(leg);
	bl_leg_end_play(engine, leg, BL_PLAY_REMOVED);
	bl_leg_end_recording(leg);
	engine->table[leg->slot] = last;
	last->slot = leg->slot;
	bl_stack_push(&engine->retired, &leg->node);
}

static void start_recording(struct bl_leg *leg, struct bl_recording *recording)
{
	bl_leg_end_recording(leg);
	leg->recording = recording;
}

static void set_flow(struct bl_engine *engine, struct bl_leg *leg, bool send, bool receive)
{
	if (receive != leg->receive) {
		/* what came before the hold belongs to another time */
		bl_jbuf_init(&leg->jbuf);
		leg->heard_tick = bl_now(engine);
	}
	leg->send = send;
	leg->receive = receive;
}

static void obey_leg(struct bl_engine *engine, const struct bl_command *command)
{
	struct bl_leg *leg = command->leg;

	switch (command->kind) {
	case BL_COMMAND_FAR:
		bl_rtp_leg_set_far(leg, &command->far);
		break;
	case BL_COMMAND_FLOW:
		set_flow(engine, leg, command->flow.send, command->flow.receive);
		break;
	case BL_COMMAND_DETECT:
		if (command->on && !leg->detect)
			bl_dtmf_init(&leg->dtmf);
		leg->detect = command->on;
		break;
	case BL_COMMAND_SILENCE:
		leg->silence = command->ticks;
		leg->heard_tick = bl_now(engine);
		leg->silent = false;
		break;
	case BL_COMMAND_PLAY:
		bl_leg_end_play(engine, leg, BL_PLAY_REPLACED);
		leg->play = command->play;
		break;
	case BL_COMMAND_STOP_PLAY:
		bl_leg_end_play(engine, leg, BL_PLAY_STOPPED);
		break;
	case BL_COMMAND_DIGITS:
		for (const char *digit = command->digits; *digit; digit++)
			bl_digits_add(&leg->digits, *digit);
		break;
	case BL_COMMAND_RECORD:
		start_recording(leg, command->recording);
		break;
	case BL_COMMAND_STOP_RECORD:
		if (leg->recording && leg->recording->id == command->id)
			bl_leg_end_recording(leg);
		break;
	default:
		break;
	}
}

static void obey(struct bl_engine *engine, const struct bl_command *command)
{
	switch (command->kind) {
	case BL_COMMAND_ADD:
		add_leg(engine, command->leg);
		break;
	case BL_COMMAND_REMOVE:
		remove_leg(engine, command->leg);
		break;
	case BL_COMMAND_BRIDGE:
		make_bridge(engine, command->bridge.now, command->bridge.before);
		break;
	case BL_COMMAND_UNBRIDGE:
		drop_bridge(engine, command->bridge.before);
		break;
	default:
		obey_leg(engine, command);
		break;
	}
}

void bl_tick_commands(struct bl_engine *engine)
{
	struct bl_command command;

	while (bl_ring_get(&engine->commands, &command))
		obey(engine, &command);
}

static void mix_many(const struct bl_bridge *bridge)
{
	int32_t sum[BL_FRAME] = {0};

	for (int32_t i = 0; i < bridge->count; i++) {
		if (bridge->legs[i]->has_sound)
			bl_mix_add(sum, bridge->legs[i]->says);
	}
	for (int32_t i = 0; i < bridge->count; i++)
		bl_mix_without(sum, bridge->legs[i]->says, bridge->legs[i]->hears);
}

static void mix(const struct bl_bridge *bridge)
{
	if (bridge->count == 2) {
		struct bl_leg *a = bridge->legs[0], *b = bridge->legs[1];

		memcpy(a->hears, b->says, sizeof(a->hears));
		memcpy(b->hears, a->says, sizeof(b->hears));
	} else {
		mix_many(bridge);
	}
}

void bl_tick(struct bl_engine *engine)
{
	bl_tick_commands(engine);
	for (int32_t i = 0; i < engine->table_count; i++) {
		struct bl_leg *leg = engine->table[i];

		bl_leg_hear(engine, leg);
		if (!leg->bridge)
			memset(leg->hears, 0, sizeof(leg->hears));
	}
	for (int32_t i = 0; i < engine->bridge_count; i++)
		mix(engine->bridge_table[i]);
	for (int32_t i = 0; i < engine->table_count; i++)
		bl_leg_speak(engine, engine->table[i]);
	bl_tell_late(engine);
	atomic_store_explicit(&engine->now, bl_now(engine) + 1, memory_order_relaxed);
	if (engine->told)
		bl_wake_caller(engine);
	engine->told = false;
}
