/* control_analysis.c  The caller's commands about what legs are listened to for */
#include "control.h"

/* analysis NULL: that kind no more. Frees it where it cannot be sent. */
static int push_analysis(struct bl_engine *engine, struct bl_leg *leg, enum bl_analysis_kind kind,
			 struct bl_analysis *analysis)
{
	int err = bl_push(engine, &(struct bl_command){
					  .kind = BL_COMMAND_ANALYSE,
					  .leg = leg,
					  .analyse = {kind, analysis},
				  });

	if (err && analysis)
		bl_analysis_release(engine, &analysis->node);
	return err;
}

static int analyse(struct bl_engine *engine, int64_t id, bool on,
		   const struct bl_analysis_wish *wish)
{
	struct bl_analysis *analysis = NULL;
	struct bl_leg *leg;
	int err;

	pthread_mutex_lock(&engine->lock);
	leg = bl_map_get(&engine->legs, id);
	err = leg ? BL_OK : BL_ENOENT;
	if (!err && on)
		err = bl_analysis_new(&engine->tone_sets, wish, &analysis);
	if (!err)
		err = push_analysis(engine, leg, wish->kind, analysis);
	bl_reap(engine);
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_leg_tones(struct bl_engine *engine, int64_t id, const struct bl_find_tone *tones,
		 int32_t count)
{
	if (!engine || count < 0 || count > BL_TONEFIND_TONES || (count && !tones))
		return BL_EINVAL;
	for (int32_t i = 0; i < count; i++) {
		if (tones[i].id < 1 || !(tones[i].off_hz >= 0.0 && tones[i].off_hz <= 100.0) ||
		    tones[i].off_percent < 0 || tones[i].off_percent > 50)
			return BL_EINVAL;
	}
	return analyse(engine, id, count > 0,
		       &(struct bl_analysis_wish){
			       .kind = BL_ANALYSIS_TONES, .tones = tones, .count = count});
}

int bl_leg_answer_tones(struct bl_engine *engine, int64_t id, bool on)
{
	struct bl_analysis_wish wish = {.kind = BL_ANALYSIS_ANSWER_TONES};

	return engine ? analyse(engine, id, on, &wish) : BL_EINVAL;
}

int bl_leg_greeting(struct bl_engine *engine, int64_t id, bool on,
		    const struct bl_greeting_setting *setting)
{
	struct bl_analysis_wish wish = {.kind = BL_ANALYSIS_GREETING, .setting = setting};

	return engine ? analyse(engine, id, on, &wish) : BL_EINVAL;
}
