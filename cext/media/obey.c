/* obey.c  The caller's commands, carried out by the tick thread between two ticks */
#include <string.h>
#include "engine.h"

static struct bl_worker *first_worker(struct bl_engine *engine)
{
	return &engine->crew.workers[0];
}

static void empty_place(struct bl_engine *engine, struct bl_leg *leg)
{
	for (int32_t i = 0; i < engine->crew.count && leg->rtp.place >= 0; i++)
		bl_post_place(&engine->crew.workers[i].post, leg->rtp.place, -1);
	leg->rtp.place = -1;
}

/* Any worker may get the leg: its socket has a place with each of them, or with none. */
static void take_place(struct bl_engine *engine, struct bl_leg *leg)
{
	bool all = true;

	if (leg->kind != BL_LEG_RTP || leg->rtp.shared)
		return;
	leg->rtp.place = leg->slot;
	for (int32_t i = 0; i < engine->crew.count && all; i++)
		all = bl_post_place(&engine->crew.workers[i].post, leg->slot, leg->fd);
	if (!all)
		empty_place(engine, leg);
}

static void add_leg(struct bl_engine *engine, struct bl_leg *leg)
{
	int32_t cell = engine->first_free, at = 0;

	while (engine->cells[cell].count == BL_CELL)
		cell++;
	while (engine->cells[cell].legs[at])
		at++;
	engine->cells[cell].legs[at] = leg;
	engine->cells[cell].count++;
	engine->first_free = cell;
	if (cell >= engine->cell_count)
		engine->cell_count = cell + 1;
	leg->slot = cell * BL_CELL + at;
	leg->heard_tick = bl_now(engine);
	take_place(engine, leg);
}

static void leave_cell(struct bl_engine *engine, const struct bl_leg *leg)
{
	int32_t cell = leg->slot / BL_CELL;

	engine->cells[cell].legs[leg->slot % BL_CELL] = NULL;
	engine->cells[cell].count--;
	if (cell < engine->first_free)
		engine->first_free = cell;
	while (engine->cell_count && !engine->cells[engine->cell_count - 1].count)
		engine->cell_count--;
}

static void remove_leg(struct bl_engine *engine, struct bl_leg *leg)
{
	bl_bridge_leave(leg);
	bl_leg_end_plays(first_worker(engine), leg, BL_PLAY_REMOVED);
	bl_feeds_end_all(&leg->feeds);
	bl_fax_leg_end(leg);
	bl_obey_guard(engine); /* a record must not outlive its leg */
	if (leg->kind == BL_LEG_RTP)
		bl_rtcp_leg_bye(engine, leg);
	if (leg->rtp.shared)
		bl_port_forget(leg->rtp.shared, &leg->rtp.at, leg);
	bl_srtp_pair_clear(&leg->rtp.keys, &engine->retired);
	empty_place(engine, leg);
	leave_cell(engine, leg);
	bl_stack_push(&engine->retired, &leg->node);
}

static void drop_bridge(struct bl_engine *engine, struct bl_bridge *bridge)
{
	struct bl_bridge *last = engine->bridge_table[engine->bridge_count - 1];

	while (bridge->count)
		bl_bridge_leave(bridge->members[0].leg);
	engine->bridge_table[bridge->slot] = last;
	last->slot = bridge->slot;
	engine->bridge_count--;
	bl_stack_push(&engine->retired, &bridge->node);
}

static void make_bridge(struct bl_engine *engine, struct bl_bridge *bridge,
			struct bl_bridge *before)
{
	for (int32_t i = 0; i < bridge->count; i++) {
		struct bl_leg *leg = bridge->members[i].leg;

		if (!before || leg->bridge != before)
			bl_leg_end_plays(first_worker(engine), leg, BL_PLAY_BRIDGED);
	}
	bl_bridge_join_all(bridge);
	if (before)
		drop_bridge(engine, before);
	bridge->slot = engine->bridge_count;
	engine->bridge_table[engine->bridge_count++] = bridge;
}

static void set_flow(struct bl_engine *engine, struct bl_leg *leg, bool send, bool receive)
{
	if (receive != leg->receive) {
		bl_leg_empty(leg);
		leg->heard_tick = bl_now(engine);
	}
	leg->send = send;
	leg->receive = receive;
}

static void detect(struct bl_engine *engine, struct bl_leg *leg, bool on)
{
	if (on && !leg->detect)
		bl_dtmf_lane_reset(&engine->dtmf[leg->slot / BL_CELL],
				   (unsigned int)leg->slot % BL_CELL);
	leg->detect = on;
}

static void watch_silence(struct bl_engine *engine, struct bl_leg *leg, uint32_t ticks)
{
	leg->silence = ticks;
	leg->heard_tick = bl_now(engine);
	leg->silent = false;
}

/* About a recording or a tap; one that has ended already is not found. */
static void obey_feed(struct bl_leg *leg, const struct bl_command *command)
{
	struct bl_feed *feed = bl_feeds_find(leg->feeds, command->of.kind, command->of.id);

	if (!feed)
		return;
	if (command->kind == BL_COMMAND_STOP_FEED)
		bl_feeds_end(&leg->feeds, feed);
	else if (command->kind == BL_COMMAND_PAUSE_FEED)
		bl_feed_pause(feed, command->of.value);
	else if (command->kind == BL_COMMAND_MASK_FEED)
		bl_feed_hide_digits(feed, command->of.value);
	else
		bl_feed_mute(feed, command->of.value);
}

static void stop_play(struct bl_engine *engine, struct bl_leg *leg, int64_t play)
{
	if (play)
		bl_player_stop_one(&leg->player, play, BL_PLAY_STOPPED);
	else
		bl_player_stop(&leg->player, BL_PLAY_STOPPED);
	bl_leg_tell_plays(first_worker(engine), leg);
}

static void analyse(struct bl_engine *engine, struct bl_leg *leg, enum bl_analysis_kind kind,
		    struct bl_analysis *now)
{
	if (leg->analyses[kind])
		bl_stack_push(&engine->retired, &leg->analyses[kind]->node);
	leg->analyses[kind] = now;
}

static void obey_fax(struct bl_leg *leg, const struct bl_command *command)
{
	if (command->kind == BL_COMMAND_FAX)
		bl_fax_leg_begin(leg, command->fax.it);
	else if (command->fax.it != leg->fax)
		return; /* it is no more */
	else if (command->kind == BL_COMMAND_FAX_T38)
		bl_fax_leg_t38(leg, &command->fax.address, command->fax.size);
	else
		bl_fax_leg_end(leg);
}

static void obey_sound(struct bl_engine *engine, const struct bl_command *command)
{
	struct bl_leg *leg = command->leg;

	switch (command->kind) {
	case BL_COMMAND_PLAY:
		bl_player_add(&leg->player, command->play);
		bl_leg_tell_plays(first_worker(engine), leg);
		break;
	case BL_COMMAND_STOP_PLAY:
		stop_play(engine, leg, command->id);
		break;
	case BL_COMMAND_PAUSE_PLAY:
		bl_player_pause(&leg->player, command->on);
		break;
	case BL_COMMAND_SEEK_PLAY:
		bl_player_seek(&leg->player, command->ms);
		break;
	case BL_COMMAND_SKIP_PLAY:
		bl_player_skip(&leg->player, command->ms);
		break;
	case BL_COMMAND_GAIN_PLAY:
		bl_player_gain(&leg->player, command->factor);
		break;
	case BL_COMMAND_FAX:
	case BL_COMMAND_FAX_T38:
	case BL_COMMAND_FAX_END:
		obey_fax(leg, command);
		break;
	case BL_COMMAND_ANALYSE:
		analyse(engine, leg, command->analyse.kind, command->analyse.now);
		break;
	case BL_COMMAND_FEED:
		bl_feeds_add(&leg->feeds, command->feed);
		break;
	case BL_COMMAND_STOP_FEED:
	case BL_COMMAND_PAUSE_FEED:
	case BL_COMMAND_MUTE_FEED:
	case BL_COMMAND_MASK_FEED:
		obey_feed(leg, command);
		break;
	default:
		break;
	}
}

static void obey_leg(struct bl_engine *engine, const struct bl_command *command)
{
	struct bl_leg *leg = command->leg;

	switch (command->kind) {
	case BL_COMMAND_FAR:
		bl_rtp_leg_set_far(leg, &command->far.to);
		leg->udptl = false;
		if (command->far.coder)
			bl_leg_set_coder(engine, leg, command->far.coder);
		break;
	case BL_COMMAND_KEYS:
		leg->rtp.secure = true;
		bl_srtp_pair_set(&leg->rtp.keys, command->keys.in, command->keys.out,
				 bl_now_ms(engine), &engine->retired);
		break;
	case BL_COMMAND_SECURE:
		leg->rtp.secure = true;
		break;
	case BL_COMMAND_FLOW:
		set_flow(engine, leg, command->flow.send, command->flow.receive);
		break;
	case BL_COMMAND_DETECT:
		detect(engine, leg, command->on);
		break;
	case BL_COMMAND_SILENCE:
		watch_silence(engine, leg, command->ticks);
		break;
	case BL_COMMAND_GAIN:
		leg->mouth_gain.wanted = command->gain.mouth;
		leg->ear_gain.wanted = command->gain.ear;
		break;
	case BL_COMMAND_KEEP_DIGITS:
		leg->keeps_digits = command->on;
		break;
	case BL_COMMAND_VOICE:
		leg->tells_talk = command->on;
		break;
	case BL_COMMAND_DIGITS:
		for (const char *digit = command->digits; *digit; digit++)
			bl_digits_add(&leg->digits, *digit);
		break;
	default:
		obey_sound(engine, command);
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

void bl_obey_commands(struct bl_engine *engine)
{
	struct bl_command command;

	while (bl_ring_get(&engine->commands, &command))
		obey(engine, &command);
}

void bl_obey_end(struct bl_engine *engine)
{
	bl_obey_commands(engine);
	while (engine->bridge_count)
		drop_bridge(engine, engine->bridge_table[0]);
	for (int32_t cell = engine->cell_count - 1; cell >= 0; cell--) {
		for (int32_t i = 0; i < BL_CELL; i++) {
			if (engine->cells[cell].legs[i])
				remove_leg(engine, engine->cells[cell].legs[i]);
		}
	}
}
