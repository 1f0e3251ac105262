/* noise.c  Comfort noise: RFC 3389 payloads played */
#include <math.h>
#include <string.h>
#include "branchline_media.h"
#include "frame.h"
#include "noise.h"

enum {
	TAKE_OVER_MS = 60,
	LEVEL_MOST = 127, /* [-dBov], RFC 3389 §3.1 */
};

#define SILENT_DBM0 (-80.0f)
#define SILENT_GAIN 0.5f /* less than one step of a sample */
/* RFC 3389 §3.1: dBov counts from a square wave that overloads, 3.01 dB above such a sine */
#define OVERLOAD_DBM0 ((float)BL_FULL_SCALE_DBM0 + 3.01f)
/* RFC 3389 §3.2: k = 258 (N - 127) / 32768 */
#define STEP (258.0f / 32768.0f)
#define ZERO 127

static float rms(float level_dbm0)
{
	return level_dbm0 < SILENT_DBM0
		       ? 0.0f
		       : 32768.0f * powf(10.0f, (level_dbm0 - OVERLOAD_DBM0) / 20.0f);
}

void bl_noise_init(struct bl_noise *noise, uint32_t seed)
{
	memset(noise, 0, sizeof(*noise));
	noise->seed = seed * 2654435761U + 1;
}

int bl_noise_payload(struct bl_noise *noise, const uint8_t *payload, size_t size)
{
	size_t order;

	if (!size)
		return BL_EINVAL;
	order = size - 1 < BL_NOISE_ORDER ? size - 1 : BL_NOISE_ORDER;
	/* the first bit is reserved and to be ignored */
	noise->target_gain = rms(OVERLOAD_DBM0 - (float)(payload[0] & LEVEL_MOST));
	memset(noise->target, 0, sizeof(noise->target));
	for (size_t i = 0; i < order; i++) {
		int coded = payload[1 + i] < 255 ? payload[1 + i] : 254; /* 255 is none */

		noise->target[i] = STEP * (float)(coded - ZERO);
	}
	noise->fade_ms = TAKE_OVER_MS;
	return BL_OK;
}

/* White noise of variance 1: one step of a generator that is quick, not secret. */
static float white(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return (float)(int32_t)*seed * (1.7320508f / 2147483648.0f);
}

/* One sample through the normalised lattice, from the highest stage to the lowest: each stage
 * turns two values of variance 1 into two such, also while the coefficients change. Stages above
 * the order are nothing but delays that nobody hears. */
static float lattice(struct bl_noise *noise, int order, const float *through, float forward)
{
	float *back = noise->back;

	for (int i = order - 1; i >= 0; i--) {
		float k = noise->reflection[i], old = back[i];

		if (i < BL_NOISE_ORDER - 1)
			back[i + 1] = k * forward + through[i] * old;
		forward = through[i] * forward - k * old;
	}
	back[0] = forward;
	return forward;
}

/* Moves a frame's share of the way to the target; returns the gain at the frame's end. */
static float approach(struct bl_noise *noise)
{
	float share =
		noise->fade_ms > BL_FRAME_MS ? (float)BL_FRAME_MS / (float)noise->fade_ms : 1.0f;

	for (int i = 0; i < BL_NOISE_ORDER; i++)
		noise->reflection[i] += (noise->target[i] - noise->reflection[i]) * share;
	noise->fade_ms = noise->fade_ms > BL_FRAME_MS ? noise->fade_ms - BL_FRAME_MS : 0;
	return noise->gain + (noise->target_gain - noise->gain) * share;
}

bool bl_noise_frame(struct bl_noise *noise, int16_t *out, size_t count)
{
	float before = noise->gain, step, through[BL_NOISE_ORDER];
	int order = 0;

	if (before < SILENT_GAIN && noise->target_gain < SILENT_GAIN) {
		memset(out, 0, count * sizeof(*out));
		noise->gain = noise->target_gain;
		noise->fade_ms = 0;
		return false;
	}
	noise->gain = approach(noise);
	step = (noise->gain - before) / (float)(count ? count : 1);
	for (int i = 0; i < BL_NOISE_ORDER; i++) {
		through[i] = sqrtf(1.0f - noise->reflection[i] * noise->reflection[i]);
		order = noise->reflection[i] != 0.0f ? i + 1 : order;
	}
	for (size_t i = 0; i < count; i++) {
		float value = lattice(noise, order, through, white(&noise->seed)) *
			      (before + step * (float)(i + 1));

		value = fminf(fmaxf(value, -32768.0f), 32767.0f);
		out[i] = (int16_t)lrintf(value);
	}
	return true;
}
