/* control.c  What the files of the caller's side share */
#include "control.h"

int bl_push_for(struct bl_engine *engine, int64_t id, struct bl_command *command)
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

int32_t bl_leg_asked_rate(const struct bl_leg *leg)
{
	return leg->has_asked ? leg->asked.rate : BL_RATE;
}
