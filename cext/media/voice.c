/* voice.c  How loud a leg is, and whether somebody speaks */
#include <math.h>
#include <string.h>
#include "frame.h"
#include "voice.h"

enum {
	SPAN_FRAMES = 15, /* 300 ms: ten spans are three seconds */
	LANES = 8,
};

#define SILENT_DBM0 (-90.0f)	  /* what digital silence is called */
#define LEAST_FLOOR_DBM0 (-65.0f) /* an idle G.711 line: quantising noise (ITU-T G.712 §9) */
#define FLOOR_BIAS_DB 1.0f	  /* the least of many frames lies below their mean */
#define STAY_DB 3.0f /* voice goes on until it is that much lower than where it began */

typedef int16_t samples_vector __attribute__((vector_size(LANES * 2)));
typedef float vector __attribute__((vector_size(LANES * 4)));

float bl_power(const int16_t *pcm, size_t count)
{
	vector squares = {0}, sums = {0};
	float square = 0.0f, sum = 0.0f, mean;
	size_t at = 0;

	if (!count)
		return 0.0f;
	for (; at + LANES <= count; at += LANES) {
		samples_vector chunk;
		vector values;

		memcpy(&chunk, pcm + at, sizeof(chunk));
		values = __builtin_convertvector(chunk, vector);
		squares += values * values;
		sums += values;
	}
	for (int i = 0; i < LANES; i++) {
		square += squares[i];
		sum += sums[i];
	}
	for (; at < count; at++) {
		square += (float)pcm[at] * (float)pcm[at];
		sum += (float)pcm[at];
	}
	mean = sum / (float)count;
	return fmaxf(square / (float)count - mean * mean, 0.0f);
}

float bl_power_dbm0(float power)
{
	/* a sine that reaches full scale has half its peak's square */
	float ratio = power / (32768.0f * 32768.0f / 2.0f);
	float dbm0 = 10.0f * log10f(ratio + 1e-12f) + (float)BL_FULL_SCALE_DBM0;

	return fmaxf(dbm0, SILENT_DBM0);
}

void bl_voice_init(struct bl_voice *voice, const struct bl_voice_config *config)
{
	static const struct bl_voice_config usual = {
		.onset_ms = 60, .hang_ms = 600, .above_db = 9.0f, .least_dbm0 = -50.0f};

	memset(voice, 0, sizeof(*voice));
	voice->config = config ? *config : usual;
	voice->level_dbm0 = SILENT_DBM0;
	voice->floor_dbm0 = LEAST_FLOOR_DBM0;
	/* until it is known better, a line is quiet */
	for (int i = 0; i < BL_VOICE_SPANS; i++)
		voice->least[i] = LEAST_FLOOR_DBM0;
}

static void follow_floor(struct bl_voice *voice)
{
	float least = voice->level_dbm0;

	if (voice->span_frames == SPAN_FRAMES) {
		voice->span_frames = 0;
		voice->span = (uint8_t)((voice->span + 1) % BL_VOICE_SPANS);
	}
	if (!voice->span_frames++ || least < voice->least[voice->span])
		voice->least[voice->span] = least;
	for (int i = 0; i < BL_VOICE_SPANS; i++)
		least = fminf(least, voice->least[i]);
	voice->floor_dbm0 = fmaxf(least + FLOOR_BIAS_DB, LEAST_FLOOR_DBM0);
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
