/* control_play.c  The caller's commands about plays and digits: checked, then sent */
#include <string.h>
#include "control.h"

enum {
	MAX_DIGITS = 64,
	FARTHEST_MS = 1 << 30, /* 12 days */
};

int bl_play(struct bl_engine *engine, int64_t id, int64_t play, const struct bl_play_spec *spec)
{
	struct bl_command command = {.kind = BL_COMMAND_PLAY};
	struct bl_leg *leg;
	int32_t rate = 0;
	int err;

	if (!engine || !spec)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	leg = bl_map_get(&engine->legs, id);
	if (leg)
		rate = bl_leg_asked_rate(leg);
	pthread_mutex_unlock(&engine->lock);
	if (!leg)
		return BL_ENOENT;
	/* without the lock: it may convert prompts to the leg's rate */
	err = bl_play_new(play, spec, rate, &command.play);
	if (err)
		return err;
	err = bl_push_for(engine, id, &command);
	if (err)
		bl_play_release(engine, &command.play->node);
	return err;
}

int bl_play_stop(struct bl_engine *engine, int64_t id, int64_t play)
{
	struct bl_command command = {.kind = BL_COMMAND_STOP_PLAY, .id = play};

	return engine ? bl_push_for(engine, id, &command) : BL_EINVAL;
}

int bl_play_pause(struct bl_engine *engine, int64_t id, bool on)
{
	struct bl_command command = {.kind = BL_COMMAND_PAUSE_PLAY, .on = on};

	return engine ? bl_push_for(engine, id, &command) : BL_EINVAL;
}

int bl_play_seek(struct bl_engine *engine, int64_t id, int64_t ms, bool relative)
{
	struct bl_command command = {
		.kind = relative ? BL_COMMAND_SKIP_PLAY : BL_COMMAND_SEEK_PLAY,
		.ms = ms,
	};

	if (!engine || ms > FARTHEST_MS || ms < (relative ? -FARTHEST_MS : 0))
		return BL_EINVAL;
	return bl_push_for(engine, id, &command);
}

int bl_play_gain(struct bl_engine *engine, int64_t id, double gain_db)
{
	struct bl_command command = {.kind = BL_COMMAND_GAIN_PLAY};

	if (!engine || !bl_play_factor(gain_db, &command.factor))
		return BL_EINVAL;
	return bl_push_for(engine, id, &command);
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
