/* plc.c  Packet loss concealment: sound for what never came, and a smooth way back */
#include <math.h>
#include <string.h>
#include "pitch.h"
#include "plc.h"
#include "power.h"

enum {
	PERIOD_MIN_PER_S = 200, /* ITU-T G.711 App. I §I.2.2: repeats from 5 ms … */
	WINDOW_PER_S = 50,	/* 20 ms are compared */
	STEP_PER_S = 100,	/* 10 ms: the steps of repeats and fading */
	PERIODS_MAX = 3,
	JOINT_PARTS = 4,      /* a quarter of a period is blended */
	FADE_AFTER = 1,	      /* [steps] */
	FADE_STEPS = 5,	      /* from full to nothing: a fifth each */
	BRIDGE_PER_S = 200,   /* 5 ms are compared with what comes after a gap */
	BRIDGE_ROOM = 1024,   /* [samples] 50 ms at 16 kHz and more */
	JOIN_PER_S = 250,     /* 4 ms to blend into what follows … */
	JOIN_MAX_PER_S = 100, /* … and 4 ms more each step, up to 10 */
};

static const float VOICED = 0.6f;
static const float NOISE_RISE = 1.01f; /* a frame: 4 dB/s */
static const float NOISE_MAX = 100.0f; /* rms: -47 dBm0; louder is no background */

void bl_plc_init(struct bl_plc *plc, int32_t rate, int16_t *memory)
{
	memset(plc, 0, sizeof(*plc));
	plc->rate = rate;
	plc->wave = memory;
	plc->past = (size_t)(rate / BL_PLC_PAST_PER_S);
	plc->noise = NOISE_MAX;
	plc->random = 1;
}

void bl_plc_heard(struct bl_plc *plc, const int16_t *pcm, size_t count)
{
	float rms = sqrtf((bl_power_square(pcm, count) + 1.0f) / (float)(count + 1));
	float noise = plc->noise * NOISE_RISE;

	noise = rms < noise ? rms : noise;
	plc->noise = noise < NOISE_MAX ? noise : NOISE_MAX;
	plc->filled = 0;
}

void bl_plc_noise(struct bl_plc *plc, int16_t *pcm, size_t count, float rms)
{
	/* uniform from -1 to 1 has an rms of 1/sqrt(3) */
	float scale = fminf(rms * 1.7320508f / 32768.0f, 1.0f);

	for (size_t i = 0; i < count; i++) {
		plc->random = plc->random * 1664525u + 1013904223u;
		pcm[i] = (int16_t)(scale * (float)((int32_t)plc->random >> 16));
	}
}

static size_t periods(const struct bl_plc *plc)
{
	size_t steps = plc->filled / (size_t)(plc->rate / STEP_PER_S) + 1;

	return !plc->voiced || steps > PERIODS_MAX ? PERIODS_MAX : steps;
}

static void begin(struct bl_plc *plc, const int16_t *end)
{
	size_t window = (size_t)(plc->rate / WINDOW_PER_S);
	float likeness;

	memcpy(plc->wave, end - plc->past, plc->past * sizeof(*plc->wave));
	plc->period = bl_pitch_lag(end - window, window, (size_t)(plc->rate / PERIOD_MIN_PER_S),
				   (size_t)(plc->rate / BL_PITCH_MAX_PER_S), plc->rate, &likeness);
	plc->voiced = likeness > VOICED;
	plc->position = plc->past - periods(plc) * plc->period;
	plc->step = (float)(end[-1] - plc->wave[plc->position - 1]);
}

/* The next sample of the repeated periods; the end of the last fades into their beginning. */
static float repeat(struct bl_plc *plc)
{
	size_t joint = plc->period / JOINT_PARTS, left = plc->past - plc->position;
	float sample = plc->wave[plc->position];

	if (left <= joint) {
		size_t again = plc->past - periods(plc) * plc->period - left;
		float gain = (float)(joint - left + 1) / (float)(joint + 1);

		sample += gain * ((float)plc->wave[again] - sample);
	}
	if (++plc->position == plc->past)
		plc->position -= periods(plc) * plc->period;
	return sample;
}

static float gain_at(const struct bl_plc *plc, size_t filled)
{
	float steps = (float)filled * (float)STEP_PER_S / (float)plc->rate;

	if (steps <= FADE_AFTER)
		return 1.0f;
	return fmaxf(0.0f, 1.0f - (steps - FADE_AFTER) / FADE_STEPS);
}

static int16_t rounded(float sample)
{
	return (int16_t)fmaxf(-32768.0f, fminf(32767.0f, sample));
}

void bl_plc_fill(struct bl_plc *plc, int16_t *pcm, size_t count)
{
	int16_t noise[1];
	size_t joint;

	if (!plc->filled)
		begin(plc, pcm);
	joint = plc->period / JOINT_PARTS;
	for (size_t i = 0; i < count; i++) {
		float gain = gain_at(plc, plc->filled);
		float sample = repeat(plc);

		if (plc->filled < joint)
			sample += plc->step * (float)(joint - plc->filled) / (float)joint;
		bl_plc_noise(plc, noise, 1, plc->noise);
		pcm[i] = rounded(sample * gain + (1.0f - gain) * (float)noise[0]);
		plc->filled++;
	}
}

void bl_plc_join(struct bl_plc *plc, int16_t *pcm, size_t count)
{
	int16_t filling[480]; /* 10 ms at 48 kHz */
	size_t steps = plc->filled / (size_t)(plc->rate / STEP_PER_S) + 1;
	size_t length = steps * (size_t)(plc->rate / JOIN_PER_S);
	size_t most = (size_t)(plc->rate / JOIN_MAX_PER_S);

	if (!plc->filled)
		return;
	length = length < most ? length : most;
	length = length < count ? length : count;
	bl_plc_fill(plc, filling, length);
	for (size_t i = 0; i < length; i++) {
		float gain = (float)(i + 1) / (float)(length + 1);

		pcm[i] = rounded((float)filling[i] + gain * ((float)pcm[i] - (float)filling[i]));
	}
	plc->filled = 0;
}

/* The period of what comes after a gap, near that of before. */
static size_t period_after(const struct bl_plc *plc, const int16_t *after, size_t length,
			   float *likeness)
{
	size_t window = (size_t)(plc->rate / BRIDGE_PER_S);
	size_t min = plc->period * 4 / 5, max = plc->period * 5 / 4;

	*likeness = 0.0f;
	if (length < window + min)
		return 0;
	max = max < length - window ? max : length - window;
	return bl_pitch_lag(after + max, window, min, max, plc->rate, likeness);
}

/* How much later than it would have come the filling looks most like what does come. */
static int32_t find_shift(const struct bl_plc *plc, const int16_t *filling, size_t count,
			  const int16_t *after, float *likeness)
{
	int32_t half = (int32_t)plc->period / 2, best = 0;
	size_t window = (size_t)(plc->rate / BRIDGE_PER_S);

	*likeness = -1.0f;
	for (int32_t shift = -half; shift <= half; shift++) {
		const int16_t *there = filling + (int64_t)count + shift;
		float xy = 0.0f, xx = 1.0f, yy = 1.0f, found;

		for (size_t i = 0; i < window; i++) {
			xy += (float)there[i] * (float)after[i];
			xx += (float)there[i] * (float)there[i];
			yy += (float)after[i] * (float)after[i];
		}
		found = xy / sqrtf(xx * yy);
		if (found > *likeness) {
			*likeness = found;
			best = shift;
		}
	}
	return best;
}

/* How the filling of a gap meets what comes after. */
struct meeting {
	const int16_t *filling; /* goes on over the gap's end */
	int32_t shift;		/* [samples] that it comes late by */
	size_t period;		/* [samples] of what comes after */
	size_t window;		/* [samples] to be blended */
};

/* From the filling into what comes after, mirrored: for sound without a pitch. */
static void meet_mirrored(int16_t *gap, size_t count, const int16_t *after)
{
	for (size_t i = 0; i < count; i++) {
		float share = (float)(i + 1) / (float)(count + 1);

		gap[i] = rounded((float)gap[i] + share * (float)(after[count - 1 - i] - gap[i]));
	}
}

/* From the filling, bent by shift, into periods of what comes after, and into that itself. */
static void meet_in_phase(const struct meeting *meeting, int16_t *gap, size_t count,
			  int16_t *after)
{
	const int16_t *there = meeting->filling + (int64_t)count + meeting->shift;
	float turn = (float)((int64_t)count + meeting->shift) / (float)count;

	for (size_t i = 0; i < count; i++) {
		float at = (float)i * turn, share = (float)(i + 1) / (float)(count + 1);
		size_t whole = (size_t)at, left = count - 1 - i;
		const int16_t *filling = meeting->filling + whole;
		float before =
			(float)filling[0] + (at - (float)whole) * (float)(filling[1] - filling[0]);
		float behind = after[meeting->period - 1 - left % meeting->period];

		gap[i] = rounded(before + share * (behind - before));
	}
	for (size_t i = 0; i < meeting->window; i++) {
		float gain = (float)(i + 1) / (float)(meeting->window + 1);

		after[i] = rounded((float)there[i] + gain * (float)(after[i] - there[i]));
	}
}

void bl_plc_bridge(struct bl_plc *plc, int16_t *gap, size_t count, int16_t *after, size_t length)
{
	int16_t filling[BRIDGE_ROOM];
	struct meeting meeting = {
		.filling = filling,
		.window = (size_t)(plc->rate / BRIDGE_PER_S),
	};
	float alike, steady;
	size_t more;

	bl_plc_fill(plc, gap, count);
	more = plc->period / 2 + meeting.window + 1;
	if (length < count || length < meeting.window || count <= plc->period / 2 ||
	    count + more > BRIDGE_ROOM) {
		bl_plc_join(plc, after, length);
		return;
	}
	memcpy(filling, gap, count * sizeof(*gap));
	bl_plc_fill(plc, filling + count, more);
	plc->filled = 0;
	meeting.shift = find_shift(plc, filling, count, after, &alike);
	meeting.period = period_after(plc, after, length, &steady);
	if (meeting.period && plc->voiced && alike > VOICED && steady > VOICED)
		meet_in_phase(&meeting, gap, count, after);
	else
		meet_mirrored(gap, count, after);
}
