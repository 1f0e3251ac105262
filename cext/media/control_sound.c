/* control_sound.c  The caller's commands about plays, digits and recordings: checked, then sent */
#include <string.h>
#include "control.h"

enum { MAX_DIGITS = 64 };

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
	err = bl_push_for(engine, id, &command);
	if (err)
		bl_play_release(engine, &command.play->node);
	return err;
}

int bl_play_stop(struct bl_engine *engine, int64_t id)
{
	struct bl_command command = {.kind = BL_COMMAND_STOP_PLAY};

	return engine ? bl_push_for(engine, id, &command) : BL_EINVAL;
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
		err = bl_push_for(engine, id, &command);
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
	err = !command.leg ? BL_ENOENT : bl_map_get(&engine->recordings, id) ? BL_EEXIST : BL_OK;
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
