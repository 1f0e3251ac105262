/* voice.c  Whether somebody speaks */
#include <string.h>
#include "frame.h"
#include "power.h"
#include "voice.h"

enum {
	SPAN_FRAMES = 15, /* 300 ms: ten spans are three seconds */
};

#define LEAST_FLOOR_DBM0 (-65.0f) /* an idle G.711 line: quantising noise (ITU-T G.712 §9) */
#define FLOOR_BIAS_DB 1.0f	  /* the least of many frames lies below their mean */
#define STAY_DB 3.0f /* voice goes on until it is that much lower than where it began */

void bl_voice_init(struct bl_voice *voice, const struct bl_voice_config *config)
{
	static const struct bl_voice_config usual = {
		.onset_ms = 60, .hang_ms = 600, .above_db = 9.0f, .least_dbm0 = -50.0f};

	memset(voice, 0, sizeof(*voice));
	voice->config = config ? *config : usual;
	voice->level_dbm0 = BL_SILENT_DBM0;
	voice->floor_dbm0 = LEAST_FLOOR_DBM0;
	/* until it is known better, a line is quiet */
	voice->others = LEAST_FLOOR_DBM0;
	for (int i = 0; i < BL_VOICE_SPANS; i++)
		voice->least[i] = LEAST_FLOOR_DBM0;
}

/* Files what the span that ends had at least, and begins the one that is the oldest by now. */
static void next_span(struct bl_voice *voice)
{
	voice->least[voice->span] = voice->lowest;
	voice->span = (uint8_t)((voice->span + 1) % BL_VOICE_SPANS);
	voice->span_frames = 0;
	voice->others = voice->least[(voice->span + 1) % BL_VOICE_SPANS];
	for (int i = 0; i < BL_VOICE_SPANS; i++) {
		if (i != voice->span && voice->least[i] < voice->others)
			voice->others = voice->least[i];
	}
}

static void follow_floor(struct bl_voice *voice)
{
	float least;

	if (voice->span_frames == SPAN_FRAMES)
		next_span(voice);
	if (!voice->span_frames++ || voice->level_dbm0 < voice->lowest)
		voice->lowest = voice->level_dbm0;
	least = (voice->lowest < voice->others ? voice->lowest : voice->others) + FLOOR_BIAS_DB;
	voice->floor_dbm0 = least < LEAST_FLOOR_DBM0 ? LEAST_FLOOR_DBM0 : least;
}

/* Talk begins after onset_ms of voice and ends after hang_ms without. */
static enum bl_voice_event follow_talk(struct bl_voice *voice)
{
	if (voice->active == voice->talking) {
		voice->run_ms = 0;
		return BL_VOICE_NONE;
	}
	voice->run_ms += BL_FRAME_MS;
	if (voice->run_ms < (voice->talking ? voice->config.hang_ms : voice->config.onset_ms))
		return BL_VOICE_NONE;
	voice->talking = !voice->talking;
	voice->run_ms = 0;
	return voice->talking ? BL_VOICE_STARTED : BL_VOICE_STOPPED;
}

enum bl_voice_event bl_voice_frame(struct bl_voice *voice, const int16_t *pcm, size_t count)
{
	float needed = voice->config.above_db;

	voice->level_dbm0 = bl_power_dbm0(bl_power(pcm, count));
	follow_floor(voice);
	if (voice->active)
		needed -= STAY_DB;
	voice->active = voice->level_dbm0 >= voice->floor_dbm0 + needed &&
			voice->level_dbm0 >= voice->config.least_dbm0;
	return follow_talk(voice);
}
