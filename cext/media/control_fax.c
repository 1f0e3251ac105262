/* control_fax.c  The caller's commands about faxes: checked, then sent */
#include "control.h"

/* The thread has let go of it. Its events may still wait to be polled. */
static void take_back(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_fax_head *head = (struct bl_fax_head *)node;

	head->back = true;
	if (!head->over)
		return;
	bl_map_remove(&engine->faxes, head->id);
	bl_fax_free((struct bl_fax *)node);
}

void bl_faxes_told(void *user, struct bl_fax *fax)
{
	struct bl_engine *engine = user;
	const struct bl_fax_head *head = bl_fax_head(fax);
	struct bl_event event = {.leg = head->leg, .id = head->id, .kind = BL_EVENT_FAX};

	if (!bl_ring_put(&engine->fax_events, &event))
		atomic_fetch_add_explicit(&engine->dropped, 1, memory_order_relaxed);
	bl_wake_caller(engine);
}

void bl_faxes_left_free(struct bl_engine *engine)
{
	for (size_t i = 0; i < engine->faxes.size; i++)
		bl_fax_free(engine->faxes.slots[i].value);
}

/* With the lock held. */
static int enter(struct bl_engine *engine, struct bl_fax *fax, struct bl_leg **leg)
{
	struct bl_fax_head *head = bl_fax_head(fax);
	int err;

	bl_reap(engine);
	*leg = bl_map_get(&engine->legs, head->leg);
	if (!*leg)
		return BL_ENOENT;
	if (bl_map_get(&engine->faxes, head->id))
		return BL_EEXIST;
	if (bl_leg_asked_rate(*leg) != BL_RATE)
		return BL_ESTATE;
	err = bl_map_put(&engine->faxes, head->id, fax);
	if (err)
		return err;
	head->node.release = take_back;
	err = bl_push(engine,
		      &(struct bl_command){.kind = BL_COMMAND_FAX, .leg = *leg, .fax.it = fax});
	if (err)
		bl_map_remove(&engine->faxes, head->id);
	else
		bl_faxes_add(engine->fax_service, fax);
	return err;
}

int bl_fax(struct bl_engine *engine, int64_t id, int64_t leg_id,
	   const struct bl_fax_config *config)
{
	struct bl_fax *fax = NULL;
	struct bl_leg *leg;
	int err = engine ? bl_fax_new(id, leg_id, config, &fax) : BL_EINVAL;

	if (err)
		return err;
	pthread_mutex_lock(&engine->lock);
	err = enter(engine, fax, &leg);
	pthread_mutex_unlock(&engine->lock);
	if (err)
		bl_fax_free(fax);
	return err;
}

/* With the lock held: the leg that the fax was put on, NULL: it was removed. */
static struct bl_leg *leg_of(struct bl_engine *engine, struct bl_fax *fax)
{
	return bl_map_get(&engine->legs, bl_fax_head(fax)->leg);
}

static int to_t38(struct bl_engine *engine, struct bl_fax *fax, struct bl_command *command,
		  const struct bl_fax_t38 *t38)
{
	int err;

	command->leg = fax ? leg_of(engine, fax) : NULL;
	command->fax.it = fax;
	if (!command->leg)
		return BL_ENOENT;
	if (command->leg->kind != BL_LEG_RTP || command->leg->rtp.shared)
		return BL_ESTATE;
	err = bl_fax_switch(fax, t38);
	return err ? err : bl_push(engine, command);
}

int bl_fax_t38(struct bl_engine *engine, int64_t id, const char *address, int32_t port,
	       const struct bl_fax_t38 *t38)
{
	struct bl_command command = {.kind = BL_COMMAND_FAX_T38};
	int err;

	if (!engine || !t38 || !address || port < 1)
		return BL_EINVAL;
	err = bl_address_parse(address, port, &command.fax.address, &command.fax.size);
	if (err)
		return err;
	pthread_mutex_lock(&engine->lock);
	bl_reap(engine);
	err = to_t38(engine, bl_map_get(&engine->faxes, id), &command, t38);
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_fax_stop(struct bl_engine *engine, int64_t id)
{
	struct bl_fax *fax;

	if (!engine)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	fax = bl_map_get(&engine->faxes, id);
	if (fax)
		bl_fax_cancel(fax);
	bl_reap(engine);
	pthread_mutex_unlock(&engine->lock);
	return fax ? BL_OK : BL_ENOENT;
}

/* With the lock held: nothing of it will be polled any more. */
static void end(struct bl_engine *engine, struct bl_fax *fax)
{
	struct bl_fax_head *head = bl_fax_head(fax);
	struct bl_command command = {.kind = BL_COMMAND_FAX_END, .fax.it = fax};

	head->over = true;
	command.leg = leg_of(engine, fax);
	if (head->back)
		take_back(engine, &head->node);
	else if (command.leg)
		bl_push(engine, &command);
}

int bl_fax_poll(struct bl_engine *engine, int64_t id, struct bl_fax_event *out)
{
	struct bl_fax *fax;
	int result = BL_ENOENT;

	if (!engine || !out)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	fax = bl_map_get(&engine->faxes, id);
	if (fax && !bl_fax_head(fax)->over) {
		result = bl_fax_event(fax, out);
		if (result && out->kind == BL_FAX_DONE)
			end(engine, fax);
	}
	pthread_mutex_unlock(&engine->lock);
	return result;
}
