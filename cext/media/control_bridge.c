/* control_bridge.c  The caller's commands about bridges: checked, then sent */
#include "control.h"

enum { MAX_LEGS_OF_BRIDGE = 4096 };

static struct bl_leg *leg_of(const struct bl_engine *engine, const struct bl_member *member)
{
	return bl_map_get(&engine->legs, member->leg);
}

static bool is_in(const struct bl_bridge *bridge, const struct bl_leg *leg)
{
	for (int32_t i = 0; i < bridge->count; i++) {
		if (bridge->members[i].leg == leg)
			return true;
	}
	return false;
}

static int fill_bridge(const struct bl_engine *engine, const struct bl_member *members,
		       int32_t count, struct bl_bridge *bridge)
{
	for (int32_t i = 0; i < count; i++) {
		struct bl_leg *leg = leg_of(engine, &members[i]);

		if (!leg)
			return BL_ENOENT;
		if (is_in(bridge, leg) || members[i].role < BL_ROLE_TALK ||
		    members[i].role > BL_ROLE_WHISPER)
			return BL_EINVAL;
		bridge->members[bridge->count++] = (struct bl_bridge_member){
			.leg = leg,
			.role = (enum bl_role)members[i].role,
		};
	}
	for (int32_t i = 0; i < count; i++) {
		struct bl_bridge_member *member = &bridge->members[i];

		if (member->role != BL_ROLE_WHISPER)
			continue;
		member->to = bl_map_get(&engine->legs, members[i].to);
		if (!member->to || member->to == member->leg || !is_in(bridge, member->to))
			return BL_EINVAL;
	}
	return bl_bridge_ready(bridge);
}

static int make_bridge(const struct bl_engine *engine, const struct bl_member *members,
		       int32_t count, struct bl_bridge **out)
{
	int err = bl_bridge_new(count, out);

	if (err)
		return err;
	err = fill_bridge(engine, members, count, *out);
	if (err)
		bl_bridge_release(NULL, &(*out)->node);
	return err;
}

int bl_bridge(struct bl_engine *engine, int64_t id, const struct bl_member *members, int32_t count)
{
	struct bl_command command = {.kind = BL_COMMAND_BRIDGE};
	int err;

	if (!engine || !members || count < 1 || count > MAX_LEGS_OF_BRIDGE)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	bl_reap(engine);
	command.bridge.before = bl_map_get(&engine->bridges, id);
	err = !command.bridge.before && engine->bridges.used >= (size_t)engine->config.max_legs
		      ? BL_ENOMEM
		      : make_bridge(engine, members, count, &command.bridge.now);
	if (!err) {
		err = bl_map_put(&engine->bridges, id, command.bridge.now);
		if (!err)
			err = bl_push(engine, &command);
		if (err && command.bridge.before)
			bl_map_put(&engine->bridges, id, command.bridge.before);
		else if (err)
			bl_map_remove(&engine->bridges, id);
		if (err)
			bl_bridge_release(engine, &command.bridge.now->node);
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
