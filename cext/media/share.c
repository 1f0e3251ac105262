/* share.c  Legs that hear the same get the same payload */
#include "engine.h"
#include "share.h"

static bool is_whispered_to(const struct bl_bridge *bridge, const struct bl_leg *leg)
{
	for (int32_t i = 0; bridge->whispered && i < bridge->count; i++) {
		if (bridge->members[i].role == BL_ROLE_WHISPER && bridge->members[i].to == leg)
			return true;
	}
	return false;
}

/* Does this leg hear the bare sum, and nothing else? */
static bool hears_the_sum(const struct bl_bridge *bridge, const struct bl_leg *leg)
{
	int tick;

	return leg->kind == BL_LEG_RTP && leg->coder && !leg->fax && leg->send &&
	       leg->rtp.far.size &&
	       (leg->role != BL_ROLE_TALK || leg->quiet_ticks >= BL_SHARE_QUIET) &&
	       bl_player_is_idle(&leg->player) && !leg->feeds &&
	       bl_gain_is_unity(&leg->ear_gain) && !bl_digits_now(&leg->digits, &tick) &&
	       !is_whispered_to(bridge, leg);
}

static struct bl_share *share_of(struct bl_shares *shares, const struct bl_leg *leg)
{
	for (int i = 0; i < BL_SHARES; i++) {
		struct bl_share *share = &shares->way[i];

		if (!share->leader ||
		    bl_coder_same(&share->leader->coder->config, &leg->coder->config))
			return share;
	}
	return NULL;
}

/* An encoder that begins to serve others, or itself again, must not build on what they missed. */
static void set_coding(struct bl_leg *leg, enum bl_coding coding, const struct bl_share *share)
{
	if (leg->coding != coding && coding != BL_CODING_RESTS)
		bl_encoder_reset(leg->coder->encoder);
	leg->coding = coding;
	leg->shared = share;
}

static void gather(struct bl_bridge *bridge)
{
	struct bl_shares *shares = bridge->shares;

	for (int i = 0; i < BL_SHARES; i++) {
		shares->way[i].leader = NULL;
		shares->way[i].count = 0;
	}
	for (int32_t i = 0; i < bridge->count; i++) {
		struct bl_bridge_member *member = &bridge->members[i];

		member->share = NULL;
		if (!hears_the_sum(bridge, member->leg))
			continue;
		member->share = share_of(shares, member->leg);
		if (!member->share)
			continue;
		if (!member->share->leader)
			member->share->leader = member->leg;
		member->share->count++;
	}
}

static void encode(struct bl_worker *worker, const struct bl_bridge *bridge,
		   struct bl_share *share)
{
	struct bl_leg *leader = share->leader;

	bl_bridge_heard_by(bridge, leader, worker->hears);
	share->size = bl_encode(leader->coder->encoder, worker->hears, (size_t)leader->frame,
				share->payload, sizeof(share->payload));
	atomic_fetch_add_explicit(&worker->encodes, 1, memory_order_relaxed);
}

void bl_share_mix(struct bl_worker *worker, struct bl_bridge *bridge)
{
	gather(bridge);
	for (int32_t i = 0; i < bridge->count; i++) {
		struct bl_leg *leg = bridge->members[i].leg;
		const struct bl_share *share = bridge->members[i].share;

		if (!leg->coder)
			continue;
		if (!share || share->count < 2)
			set_coding(leg, BL_CODING_OWN, NULL);
		else
			set_coding(leg, share->leader == leg ? BL_CODING_SERVES : BL_CODING_RESTS,
				   share);
	}
	for (int i = 0; i < BL_SHARES; i++) {
		if (bridge->shares->way[i].count > 1)
			encode(worker, bridge, &bridge->shares->way[i]);
	}
}
