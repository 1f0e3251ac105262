/* noise.c  Comfort noise: RFC 3389 payloads made and played, and plain noise that fades */
#include <math.h>
#include <string.h>
#include "branchline_media.h"
#include "frame.h"
#include "noise.h"
#include "voice.h"

enum {
	TAKE_OVER_MS = 60,
	LONGEST_FADE_MS = 10000,
	MEAN_FRAMES = 25, /* the meter looks back about half a second */
	LONGEST = 960,	  /* [samples] of a frame */
	LEVEL_MOST = 127, /* [-dBov], RFC 3389 §3.1 */
};

#define PI 3.14159265358979323846
#define SILENT_DBM0 (-80.0f)
#define SILENT_GAIN 0.5f /* less than one step of a sample */
/* RFC 3389 §3.1: dBov counts from a square wave that overloads, 3.01 dB above such a sine */
#define OVERLOAD_DBM0 ((float)BL_FULL_SCALE_DBM0 + 3.01f)
/* RFC 3389 §3.2: k = 258 (N - 127) / 32768 */
#define STEP (258.0f / 32768.0f)
#define ZERO 127
#define COLOUR_HZ 600.0 /* where a room's noise begins to fall (ITU-T P.800: Hoth) */
#define WHITE 1.0001f	/* a little white noise keeps the recursion well conditioned: -40 dB */

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

void bl_noise_plain(struct bl_noise *noise, float level_dbm0, int32_t rate, int32_t fade_ms)
{
	memset(noise->target, 0, sizeof(noise->target));
	noise->target[0] = -expf((float)(-2.0 * PI * COLOUR_HZ / rate));
	noise->target_gain = rms(level_dbm0);
	noise->fade_ms = fade_ms < 0 ? 0 : fade_ms > LONGEST_FADE_MS ? LONGEST_FADE_MS : fade_ms;
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

void bl_noise_meter_frame(struct bl_noise_meter *meter, const int16_t *pcm, size_t count)
{
	float x[LONGEST], power = bl_power(pcm, count), share;

	if (!count || count > LONGEST)
		return;
	meter->frames += meter->frames < MEAN_FRAMES;
	share = 1.0f / (float)meter->frames;
	meter->power += (power - meter->power) * share;
	for (size_t n = 0; n < count; n++) /* Hann, so that tones do not leak */
		x[n] = (float)pcm[n] *
		       (0.5f - 0.5f * cosf((float)(2.0 * PI) * ((float)n + 0.5f) / (float)count));
	for (size_t lag = 0; lag <= BL_NOISE_PAYLOAD_ORDER; lag++) {
		float sum = 0.0f;

		for (size_t n = lag; n < count; n++)
			sum += x[n] * x[n - lag];
		meter->lags[lag] += (sum / (float)count - meter->lags[lag]) * share;
	}
}

/* Levinson's recursion: autocorrelation to reflection coefficients. */
static void levinson(const float *lags, size_t order, float *reflection)
{
	float a[BL_NOISE_PAYLOAD_ORDER + 1] = {1.0f}, error = lags[0] * WHITE;

	for (size_t i = 1; i <= order; i++) {
		float next[BL_NOISE_PAYLOAD_ORDER + 1], sum = 0.0f, k;

		for (size_t j = 0; j < i; j++)
			sum += a[j] * lags[i - j];
		k = error > 0.0f ? fminf(fmaxf(-sum / error, -1.0f), 1.0f) : 0.0f;
		memcpy(next, a, sizeof(next));
		for (size_t j = 1; j <= i; j++)
			next[j] = a[j] + k * a[i - j];
		memcpy(a, next, sizeof(a));
		error *= 1.0f - k * k;
		reflection[i - 1] = k;
	}
}

size_t bl_noise_meter_payload(const struct bl_noise_meter *meter, size_t order, uint8_t *payload,
			      size_t room)
{
	float reflection[BL_NOISE_PAYLOAD_ORDER] = {0}, level;

	if (!meter->frames || !room)
		return 0;
	order = order < BL_NOISE_PAYLOAD_ORDER ? order : BL_NOISE_PAYLOAD_ORDER;
	order = order < room - 1 ? order : room - 1;
	level = OVERLOAD_DBM0 - bl_power_dbm0(meter->power);
	payload[0] = (uint8_t)lrintf(fminf(fmaxf(level, 0.0f), (float)LEVEL_MOST));
	levinson(meter->lags, order, reflection);
	for (size_t i = 0; i < order; i++)
		payload[1 + i] =
			(uint8_t)lrintf(fminf(fmaxf(reflection[i] / STEP + ZERO, 0.0f), 254.0f));
	return 1 + order;
}
