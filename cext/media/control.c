/* control.c  The caller's commands about legs, bridges, plays and recordings: checked, then sent
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine.h"

enum {
	REST_TICKS = 100, /* 2 s: a removed leg keeps its port, so that no new call hears it */
	MAX_LEGS_OF_BRIDGE = 4096,
	MAX_DIGITS = 64,
	LONGEST_SILENCE_MS = 24 * 3600 * 1000,
};

static bool in_use(const struct bl_map *map, int64_t id)
{
	return bl_map_get(map, id) != NULL;
}

void bl_leg_free(struct bl_leg *leg)
{
	if (leg->fd >= 0)
		close(leg->fd);
	free(leg);
}

/* The tick has let go of the leg: free it, or let its port rest first. */
void bl_leg_rest(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_leg *leg = (struct bl_leg *)node;

	if (leg->kind == BL_LEG_PCM) {
		bl_leg_free(leg);
		return;
	}
	leg->free_tick = bl_now(engine) + REST_TICKS;
	leg->node.next = NULL;
	*engine->resting_end = leg;
	engine->resting_end = (struct bl_leg **)&leg->node.next;
}

void bl_rested_legs_free(struct bl_engine *engine, bool all)
{
	while (engine->resting && (all || engine->resting->free_tick <= bl_now(engine))) {
		struct bl_leg *leg = engine->resting;

		engine->resting = (struct bl_leg *)leg->node.next;
		if (!engine->resting)
			engine->resting_end = &engine->resting;
		bl_leg_free(leg);
	}
}

static struct bl_leg *make_leg(int64_t id, enum bl_leg_kind kind)
{
	struct bl_leg *leg = calloc(1, sizeof(*leg));

	if (!leg)
		return NULL;
	leg->node.release = bl_leg_rest;
	leg->id = id;
	leg->kind = kind;
	leg->fd = -1;
	leg->send = leg->receive = true;
	bl_jbuf_init(&leg->jbuf);
	return leg;
}

/* Takes the next free even port, going round the range so that none is used again soon. */
static int take_port(struct bl_engine *engine, struct bl_leg *leg, const char *address,
		     int32_t first, int32_t last)
{
	int32_t even = (first + 1) & ~1, count = (last - even) / 2 + 1;

	if (!first)
		return bl_rtp_leg_open(leg, address, 0, !engine->config.stepped);
	for (int32_t i = 0; i < count; i++) {
		int32_t port = even + (int32_t)(engine->port_cursor++ % (uint32_t)count) * 2;
		int got = bl_rtp_leg_open(leg, address, port, !engine->config.stepped);

		if (got != BL_EPORT)
			return got;
	}
	return BL_EPORT;
}

/* Puts an opened leg into table and tick; frees it when that fails. */
static int enter_leg(struct bl_engine *engine, struct bl_leg *leg)
{
	int err = bl_map_put(&engine->legs, leg->id, leg);

	if (!err) {
		err = bl_push(engine, &(struct bl_command){.kind = BL_COMMAND_ADD, .leg = leg});
		if (err)
			bl_map_remove(&engine->legs, leg->id);
	}
	if (err)
		bl_leg_free(leg);
	return err;
}

static int may_add(struct bl_engine *engine, int64_t id)
{
	bl_reap(engine);
	if (in_use(&engine->legs, id))
		return BL_EEXIST;
	return engine->legs.used < (size_t)engine->config.max_legs ? BL_OK : BL_ENOMEM;
}

int bl_leg_add_rtp(struct bl_engine *engine, int64_t id, const char *address, int32_t first_port,
		   int32_t last_port)
{
	struct bl_leg *leg = NULL;
	int port = 0, err;

	if (!engine || !address || first_port < 0 || last_port < first_port ||
	    last_port > UINT16_MAX || (first_port && last_port < ((first_port + 1) & ~1)))
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	err = may_add(engine, id);
	if (!err) {
		leg = make_leg(id, BL_LEG_RTP);
		err = leg ? BL_OK : BL_ENOMEM;
	}
	if (!err) {
		port = take_port(engine, leg, address, first_port, last_port);
		if (port < 0) {
			bl_leg_free(leg);
			err = port;
		} else {
			err = enter_leg(engine, leg);
		}
	}
	pthread_mutex_unlock(&engine->lock);
	return err ? err : port;
}

int bl_leg_add_pcm(struct bl_engine *engine, int64_t id, int fd)
{
	struct bl_leg *leg = NULL;
	int err;

	if (!engine || fd < 0)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	err = may_add(engine, id);
	if (!err) {
		leg = make_leg(id, BL_LEG_PCM);
		err = leg ? bl_pcm_leg_open(leg, fd) : BL_ENOMEM;
		if (!err)
			err = enter_leg(engine, leg);
		else if (leg)
			bl_leg_free(leg);
	}
	pthread_mutex_unlock(&engine->lock);
	return err;
}

/* Sends a command about a leg that must exist. */
static int push_for(struct bl_engine *engine, int64_t id, struct bl_command *command)
{
	int err = BL_ENOENT;

	pthread_mutex_lock(&engine->lock);
	command->leg = bl_map_get(&engine->legs, id);
	if (command->leg)
		err = bl_push(engine, command);
	bl_reap(engine);
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_leg_remove(struct bl_engine *engine, int64_t id)
{
	int err;

	if (!engine)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	err = in_use(&engine->legs, id) ? BL_OK : BL_ENOENT;
	if (!err)
		err = bl_push(engine, &(struct bl_command){
					      .kind = BL_COMMAND_REMOVE,
					      .leg = bl_map_get(&engine->legs, id),
				      });
	if (!err)
		bl_map_remove(&engine->legs, id);
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_leg_remote(struct bl_engine *engine, int64_t id, const struct bl_remote *remote)
{
	struct bl_command command = {.kind = BL_COMMAND_FAR};
	int err = BL_ENOENT;

	if (!engine || !remote)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	command.leg = bl_map_get(&engine->legs, id);
	if (command.leg)
		err = bl_rtp_leg_far(command.leg, remote, &command.far);
	if (!err)
		err = bl_push(engine, &command);
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_leg_flow(struct bl_engine *engine, int64_t id, bool send, bool receive)
{
	struct bl_command command = {.kind = BL_COMMAND_FLOW, .flow = {send, receive}};

	return engine ? push_for(engine, id, &command) : BL_EINVAL;
}

int bl_leg_detect(struct bl_engine *engine, int64_t id, bool on)
{
	struct bl_command command = {.kind = BL_COMMAND_DETECT, .on = on};

	return engine ? push_for(engine, id, &command) : BL_EINVAL;
}

int bl_leg_silence(struct bl_engine *engine, int64_t id, int32_t ms)
{
	struct bl_command command = {.kind = BL_COMMAND_SILENCE};

	if (!engine || ms < 0 || ms > LONGEST_SILENCE_MS)
		return BL_EINVAL;
	command.ticks = (uint32_t)(ms + BL_FRAME_MS - 1) / BL_FRAME_MS;
	return push_for(engine, id, &command);
}

int bl_leg_stats(struct bl_engine *engine, int64_t id, struct bl_leg_stats *out)
{
	uint64_t *to = (uint64_t *)out;
	struct bl_leg *leg;

	if (!engine || !out)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	leg = bl_map_get(&engine->legs, id);
	for (size_t i = 0; leg && i < sizeof(*out) / sizeof(*to); i++)
		to[i] = atomic_load_explicit(&leg->published[i], memory_order_relaxed);
	pthread_mutex_unlock(&engine->lock);
	return leg ? BL_OK : BL_ENOENT;
}

static void free_bridge(struct bl_engine *engine, struct bl_node *node)
{
	(void)engine;
	free(node);
}

static int make_bridge(struct bl_engine *engine, const int64_t *ids, int32_t count,
		       struct bl_bridge **out)
{
	struct bl_bridge *bridge = calloc(1, sizeof(*bridge) + (size_t)count * sizeof(void *));
	int err = BL_OK;

	if (!bridge)
		return BL_ENOMEM;
	bridge->node.release = free_bridge;
	for (int32_t i = 0; i < count && !err; i++) {
		struct bl_leg *leg = bl_map_get(&engine->legs, ids[i]);

		if (!leg)
			err = BL_ENOENT;
		for (int32_t k = 0; k < i; k++) {
			if (bridge->legs[k] == leg)
				err = BL_EINVAL;
		}
		bridge->legs[bridge->count++] = leg;
	}
	if (err)
		free(bridge);
	else
		*out = bridge;
	return err;
}

int bl_bridge(struct bl_engine *engine, int64_t id, const int64_t *legs, int32_t count)
{
	struct bl_command command = {.kind = BL_COMMAND_BRIDGE};
	int err;

	if (!engine || !legs || count < 1 || count > MAX_LEGS_OF_BRIDGE)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	bl_reap(engine);
	command.bridge.before = bl_map_get(&engine->bridges, id);
	err = !command.bridge.before && engine->bridges.used >= (size_t)engine->config.max_legs
		      ? BL_ENOMEM
		      : make_bridge(engine, legs, count, &command.bridge.now);
	if (!err) {
		err = bl_map_put(&engine->bridges, id, command.bridge.now);
		if (!err)
			err = bl_push(engine, &command);
		if (err && command.bridge.before)
			bl_map_put(&engine->bridges, id, command.bridge.before);
		else if (err)
			bl_map_remove(&engine->bridges, id);
		if (err)
			free(command.bridge.now);
	}
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_unbridge(struct bl_engine *engine, int64_t id)
{
	struct bl_command command = {.kind = BL_COMMAND_UNBRIDGE};
	int err = BL_ENOENT;

	if (!engine)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	bl_reap(engine);
	command.bridge.before = bl_map_get(&engine->bridges, id);
	if (command.bridge.before)
		err = bl_push(engine, &command);
	if (!err)
		bl_map_remove(&engine->bridges, id);
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_play(struct bl_engine *engine, int64_t id, int64_t play, const struct bl_play_item *items,
	    int32_t count, bool loop)
{
	struct bl_command command = {.kind = BL_COMMAND_PLAY};
	int err;

	if (!engine)
		return BL_EINVAL;
	err = bl_play_make(play, items, count, loop, &command.play);
	if (err)
		return err;
	err = push_for(engine, id, &command);
	if (err)
		bl_play_release(engine, &command.play->node);
	return err;
}

int bl_play_stop(struct bl_engine *engine, int64_t id)
{
	struct bl_command command = {.kind = BL_COMMAND_STOP_PLAY};

	return engine ? push_for(engine, id, &command) : BL_EINVAL;
}

int bl_digits_send(struct bl_engine *engine, int64_t id, const char *digits)
{
	size_t count = digits ? strnlen(digits, MAX_DIGITS + 1) : 0;
	int err = BL_OK;

	if (!engine || !count || count > MAX_DIGITS)
		return BL_EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (bl_telephone_event_of(digits[i]) < 0)
			return BL_EINVAL;
	}
	for (size_t at = 0; at < count && !err; at += BL_DIGITS_PER_COMMAND - 1) {
		struct bl_command command = {.kind = BL_COMMAND_DIGITS};
		size_t run = count - at;

		if (run > BL_DIGITS_PER_COMMAND - 1)
			run = BL_DIGITS_PER_COMMAND - 1;
		memcpy(command.digits, digits + at, run);
		err = push_for(engine, id, &command);
	}
	return err;
}

/* The writer has closed it: its id is free again. */
static void forget_recording(struct bl_engine *engine, struct bl_node *node)
{
	bl_map_remove(&engine->recordings, ((struct bl_recording *)node)->id);
	bl_recording_release(engine, node);
}

int bl_record(struct bl_engine *engine, int64_t id, int64_t leg, const char *path)
{
	struct bl_command command = {.kind = BL_COMMAND_RECORD};
	int err;

	if (!engine || !path || !*path)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	bl_reap(engine);
	command.leg = bl_map_get(&engine->legs, leg);
	err = !command.leg ? BL_ENOENT : in_use(&engine->recordings, id) ? BL_EEXIST : BL_OK;
	if (!err)
		err = bl_recording_open(id, leg, path, &command.recording);
	if (!err) {
		command.recording->node.release = forget_recording;
		err = bl_map_put(&engine->recordings, id, command.recording);
		if (!err)
			err = bl_push(engine, &command);
		if (err)
			forget_recording(engine, &command.recording->node);
		else
			bl_recorder_add(&engine->recorder, command.recording);
	}
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_record_stop(struct bl_engine *engine, int64_t id)
{
	struct bl_command command = {.kind = BL_COMMAND_STOP_RECORD, .id = id};
	struct bl_recording *recording;
	int err = BL_ENOENT;

	if (!engine)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	recording = bl_map_get(&engine->recordings, id);
	if (recording) {
		/* no such leg: it was removed, and so the recording is being closed already */
		command.leg = bl_map_get(&engine->legs, recording->leg);
		err = command.leg ? bl_push(engine, &command) : BL_OK;
	}
	bl_reap(engine);
	pthread_mutex_unlock(&engine->lock);
	return err;
}
