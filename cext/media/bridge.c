/* bridge.c  Who hears whom: two legs, or many */
#include <stdlib.h>
#include <string.h>
#include "bridge.h"
#include "engine.h"
#include "mix.h"

int bl_bridge_new(int32_t count, struct bl_bridge **out)
{
	struct bl_bridge *bridge =
		calloc(1, sizeof(*bridge) + (size_t)count * sizeof(bridge->members[0]));

	if (!bridge)
		return BL_ENOMEM;
	bridge->node.release = bl_bridge_release;
	bridge->rate = BL_RATE;
	*out = bridge;
	return BL_OK;
}

int bl_bridge_ready(struct bl_bridge *bridge)
{
	bridge->plain = bridge->count <= 2;
	for (int32_t i = 0; i < bridge->count; i++) {
		if (bridge->members[i].role != BL_ROLE_TALK)
			bridge->plain = false;
		if (bridge->members[i].role == BL_ROLE_WHISPER)
			bridge->whispered = true;
	}
	if (bridge->plain)
		return BL_OK;
	bridge->sum = aligned_alloc(64, BL_FRAME_MAX * sizeof(*bridge->sum));
	bridge->shares = calloc(1, sizeof(*bridge->shares));
	return bridge->sum && bridge->shares ? BL_OK : BL_ENOMEM;
}

void bl_bridge_release(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_bridge *bridge = (struct bl_bridge *)node;

	(void)engine;
	free(bridge->sum);
	free(bridge->shares);
	free(bridge);
}

void bl_bridge_leave(struct bl_leg *leg)
{
	struct bl_bridge *bridge = leg->bridge;

	if (!bridge)
		return;
	leg->bridge = NULL;
	leg->coding = BL_CODING_OWN;
	leg->shared = NULL;
	for (int32_t i = 0; i < bridge->count; i++) {
		if (bridge->members[i].leg == leg) {
			bridge->members[i] = bridge->members[--bridge->count];
			break;
		}
	}
	bl_bridge_settle(bridge);
}

void bl_bridge_join_all(struct bl_bridge *bridge)
{
	for (int32_t i = 0; i < bridge->count; i++) {
		struct bl_leg *leg = bridge->members[i].leg;

		bl_bridge_leave(leg);
		leg->bridge = bridge;
		leg->role = bridge->members[i].role;
	}
	bl_bridge_settle(bridge);
}

/* What runs between these rates already goes on without a break. */
static void turn_to(struct bl_resampler *resampler, int32_t from, int32_t to)
{
	if (resampler->from != from || resampler->to != to)
		bl_resample_init(resampler, from, to);
}

void bl_bridge_settle(struct bl_bridge *bridge)
{
	int32_t rate = BL_RATE;

	for (int32_t i = 0; i < bridge->count; i++)
		rate = bridge->members[i].leg->rate > rate ? bridge->members[i].leg->rate : rate;
	bridge->rate = rate;
	for (int32_t i = 0; i < bridge->count; i++) {
		struct bl_leg *leg = bridge->members[i].leg;
		const struct bl_leg *other = bridge->members[i ? 0 : bridge->count - 1].leg;

		turn_to(&leg->mouth, leg->rate, rate);
		turn_to(&leg->ear, bridge->plain ? other->rate : rate, leg->rate);
	}
}

/* Does the sum hold what this leg says? */
static bool is_added(const struct bl_leg *leg)
{
	return leg->role == BL_ROLE_TALK && leg->has_sound;
}

void bl_bridge_mix(struct bl_worker *worker, struct bl_bridge *bridge)
{
	size_t count = (size_t)bridge->rate / BL_TICKS_PER_S;

	if (bridge->plain)
		return;
	memset(bridge->sum, 0, count * sizeof(*bridge->sum));
	for (int32_t i = 0; i < bridge->count; i++) {
		const struct bl_leg *leg = bridge->members[i].leg;

		if (i + BL_MIX_AHEAD < bridge->count)
			bl_mix_fetch(bridge->members[i + BL_MIX_AHEAD].leg->said, count);
		if (is_added(leg))
			bl_mix_sum(bridge->sum, leg->said, count);
	}
	bl_share_mix(worker, bridge);
}

/* What is whispered to this leg only. */
static void add_whispers(const struct bl_bridge *bridge, const struct bl_leg *leg, int16_t *frame,
			 size_t count)
{
	for (int32_t i = 0; i < bridge->count; i++) {
		const struct bl_bridge_member *member = &bridge->members[i];

		if (member->role == BL_ROLE_WHISPER && member->to == leg && member->leg->has_sound)
			bl_mix_onto(frame, member->leg->said, count);
	}
}

bool bl_bridge_heard_by(const struct bl_bridge *bridge, struct bl_leg *leg, int16_t *frame)
{
	size_t count = (size_t)bridge->rate / BL_TICKS_PER_S;
	int16_t wide[BL_FRAME_MAX], *at_rate = leg->rate == bridge->rate ? frame : wide;
	const struct bl_leg *other;

	if (!bridge->plain) {
		if (is_added(leg))
			bl_mix_rest(bridge->sum, leg->said, at_rate, count);
		else
			bl_mix_whole(bridge->sum, at_rate, count);
		if (bridge->whispered)
			add_whispers(bridge, leg, at_rate, count);
		if (at_rate == wide)
			bl_resample(&leg->ear, wide, frame);
		return true;
	}
	other = bridge->members[bridge->members[0].leg == leg ? bridge->count - 1 : 0].leg;
	if (other == leg || !other->has_sound) {
		memset(frame, 0, (size_t)leg->frame * sizeof(*frame));
		return false;
	}
	if (other->rate == leg->rate)
		memcpy(frame, other->says, (size_t)leg->frame * sizeof(*frame));
	else
		bl_resample(&leg->ear, other->says, frame);
	return true;
}
