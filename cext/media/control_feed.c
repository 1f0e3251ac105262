/* control_feed.c  The caller's commands about recordings and taps: checked, then sent */
#include "control.h"

/* The writer has closed it: its id is free again. */
static void forget_recording(struct bl_engine *engine, struct bl_node *node)
{
	bl_map_remove(&engine->recordings, ((struct bl_recording *)node)->id);
	bl_recording_release(engine, node);
}

static void forget_tap(struct bl_engine *engine, struct bl_node *node)
{
	bl_map_remove(&engine->taps, ((struct bl_tap *)node)->id);
	bl_tap_release(engine, node);
}

/* With the lock held: the leg a new feed is of. */
static int leg_of_new(struct bl_engine *engine, const struct bl_map *map, int64_t id, int64_t leg,
		      struct bl_leg **out)
{
	bl_reap(engine);
	*out = bl_map_get(&engine->legs, leg);
	if (!*out)
		return BL_ENOENT;
	return bl_map_get(map, id) ? BL_EEXIST : BL_OK;
}

/* With the lock held: into the table and to the tick. */
static int enter(struct bl_engine *engine, struct bl_map *map, int64_t id, void *owner,
		 struct bl_leg *leg, struct bl_feed *feed)
{
	int err = bl_map_put(map, id, owner);

	if (err)
		return err;
	return bl_push(engine, &(struct bl_command){
				       .kind = BL_COMMAND_FEED,
				       .leg = leg,
				       .feed = feed,
			       });
}

int bl_record(struct bl_engine *engine, int64_t id, int64_t leg_id,
	      const struct bl_record_spec *spec)
{
	struct bl_recording *recording = NULL;
	struct bl_leg *leg;
	int err;

	if (!engine || !spec || !spec->path || !*spec->path)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	err = leg_of_new(engine, &engine->recordings, id, leg_id, &leg);
	if (!err)
		err = bl_recording_new(id, leg_id, spec, bl_leg_asked_rate(leg), &recording);
	if (!err) {
		recording->node.release = forget_recording;
		err = enter(engine, &engine->recordings, id, recording, leg, &recording->feed);
		if (err)
			forget_recording(engine, &recording->node);
		else
			bl_recorder_add(&engine->recorder, recording);
	}
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_tap(struct bl_engine *engine, int64_t id, int64_t leg_id, int fd, int32_t sides,
	   bool mask_digits)
{
	struct bl_tap *tap = NULL;
	struct bl_leg *leg;
	int err;

	if (!engine || fd < 0 || sides < BL_SIDE_SAYS || sides > BL_SIDE_BOTH)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	err = leg_of_new(engine, &engine->taps, id, leg_id, &leg);
	if (!err)
		err = bl_tap_new(id, leg_id, fd, sides, mask_digits, &tap);
	if (!err) {
		tap->node.release = forget_tap;
		err = enter(engine, &engine->taps, id, tap, leg, &tap->feed);
		if (err)
			forget_tap(engine, &tap->node);
		else
			bl_tapper_add(&engine->tapper, tap);
	}
	pthread_mutex_unlock(&engine->lock);
	if (!err)
		bl_wake_tapper(engine);
	return err;
}

/* With the lock held. No such leg: it was removed, and so the feed is being ended already. */
static int push_about(struct bl_engine *engine, int64_t leg, struct bl_command *command)
{
	command->leg = bl_map_get(&engine->legs, leg);
	return command->leg ? bl_push(engine, command) : BL_OK;
}

/* A recording or tap of that number: the command goes to the tick of its leg. */
static int about(struct bl_engine *engine, enum bl_feed_kind feed, int64_t id,
		 enum bl_command_kind kind, int32_t value)
{
	struct bl_command command = {.kind = kind, .of = {id, feed, value}};
	const struct bl_recording *recording;
	const struct bl_tap *tap;
	int err = BL_ENOENT;

	if (!engine)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	recording = feed == BL_FEED_RECORDING ? bl_map_get(&engine->recordings, id) : NULL;
	tap = feed == BL_FEED_TAP ? bl_map_get(&engine->taps, id) : NULL;
	if (recording || tap)
		err = push_about(engine, recording ? recording->leg : tap->leg, &command);
	bl_reap(engine);
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_record_stop(struct bl_engine *engine, int64_t id)
{
	return about(engine, BL_FEED_RECORDING, id, BL_COMMAND_STOP_FEED, 0);
}

int bl_record_pause(struct bl_engine *engine, int64_t id, bool on)
{
	return about(engine, BL_FEED_RECORDING, id, BL_COMMAND_PAUSE_FEED, on);
}

int bl_record_mute(struct bl_engine *engine, int64_t id, int32_t sides)
{
	if (sides < 0 || sides > BL_SIDE_BOTH)
		return BL_EINVAL;
	return about(engine, BL_FEED_RECORDING, id, BL_COMMAND_MUTE_FEED, sides);
}

int bl_record_mask(struct bl_engine *engine, int64_t id, bool on)
{
	return about(engine, BL_FEED_RECORDING, id, BL_COMMAND_MASK_FEED, on);
}

int bl_tap_mask(struct bl_engine *engine, int64_t id, bool on)
{
	return about(engine, BL_FEED_TAP, id, BL_COMMAND_MASK_FEED, on);
}

int bl_tap_stop(struct bl_engine *engine, int64_t id)
{
	return about(engine, BL_FEED_TAP, id, BL_COMMAND_STOP_FEED, 0);
}
