/* tone.c  Tones of up to two frequencies with a cadence */
#include <math.h>
#include <string.h>
#include "frame.h"
#include "tone.h"

enum { LONGEST_MS = 3600 * 1000 };

#define PI 3.14159265358979323846
/* ITU-T Q.23 tones at usual levels; the high one is sent 2 dB stronger (ETSI ES 201 235-2 §4.2) */
#define DTMF_LOW_DBM0 (-9.0)
#define DTMF_HIGH_DBM0 (-7.0)
#define HIGHEST_DBM0 3.0
#define LOWEST_DBM0 (-80.0)

double bl_tone_peak(double level_dbm0)
{
	return 32768.0 * pow(10.0, (level_dbm0 - BL_FULL_SCALE_DBM0) / 20.0);
}

static int plan_sine(double hz, double level_dbm0, struct bl_sine *out)
{
	double turn = 2.0 * PI * hz / BL_RATE;

	memset(out, 0, sizeof(*out));
	if (hz == 0.0)
		return BL_OK;
	if (!(hz > 0.0 && hz < BL_RATE / 2.0) ||
	    !(level_dbm0 >= LOWEST_DBM0 && level_dbm0 <= HIGHEST_DBM0))
		return BL_EINVAL;
	out->turn = 2.0 * cos(turn);
	out->first = -bl_tone_peak(level_dbm0) * sin(turn);
	out->second = -bl_tone_peak(level_dbm0) * sin(2.0 * turn);
	return BL_OK;
}

int bl_tone_plan(const struct bl_tone *tone, struct bl_tone_plan *out)
{
	if (!tone || !out || tone->segments < 1 || tone->segments > 4)
		return BL_EINVAL;
	for (int i = 0; i < 2; i++) {
		if (plan_sine(tone->hz[i], tone->level_dbm0[i], &out->sines[i]))
			return BL_EINVAL;
	}
	out->segments = tone->segments;
	for (int i = 0; i < tone->segments; i++) {
		if (tone->on_ms[i] < 0 || tone->off_ms[i] < 0 || tone->on_ms[i] > LONGEST_MS ||
		    tone->off_ms[i] > LONGEST_MS)
			return BL_EINVAL;
		out->on[i] = (uint32_t)tone->on_ms[i] * BL_SAMPLES_PER_MS;
		out->off[i] = (uint32_t)tone->off_ms[i] * BL_SAMPLES_PER_MS;
	}
	return BL_OK;
}

uint64_t bl_tone_length(const struct bl_tone_plan *plan)
{
	uint64_t length = 0;

	for (int i = 0; i < plan->segments; i++)
		length += (uint64_t)plan->on[i] + plan->off[i];
	return length;
}

static int16_t saturate(double value)
{
	return (int16_t)(value > 32767.0 ? 32767.0 : value < -32768.0 ? -32768.0 : rint(value));
}

static void sound(const struct bl_tone_plan *plan, struct bl_tone_state *state, int16_t *out,
		  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		double sum = 0.0;

		for (int k = 0; k < 2; k++) {
			double next = plan->sines[k].turn * state->back[k][0] - state->back[k][1];

			state->back[k][1] = state->back[k][0];
			state->back[k][0] = next;
			sum += next;
		}
		out[i] = saturate(sum);
	}
}

static void begin_segment(const struct bl_tone_plan *plan, struct bl_tone_state *state)
{
	for (int k = 0; k < 2; k++) {
		state->back[k][0] = plan->sines[k].first;
		state->back[k][1] = plan->sines[k].second;
	}
}

size_t bl_tone_fill(const struct bl_tone_plan *plan, struct bl_tone_state *state, int16_t *out,
		    size_t count)
{
	size_t done = 0;

	while (done < count && state->segment < plan->segments) {
		uint32_t on = plan->on[state->segment], end = on + plan->off[state->segment];
		bool sounds = state->at < on;
		size_t run = (sounds ? on : end) - state->at;

		if (run > count - done)
			run = count - done;
		if (!state->at)
			begin_segment(plan, state);
		if (sounds)
			sound(plan, state, out + done, run);
		else
			memset(out + done, 0, run * sizeof(*out));
		done += run;
		state->at += (uint32_t)run;
		if (state->at >= end) {
			state->at = 0;
			state->segment++;
		}
	}
	return done;
}

bool bl_tone_digit(char digit, int32_t on_ms, struct bl_tone *out)
{
	static const char keys[] = "123A456B789C*0#D";
	static const double low_hz[] = {697, 770, 852, 941}, high_hz[] = {1209, 1336, 1477, 1633};
	const char *at = digit ? strchr(keys, digit) : NULL;

	if (!at)
		return false;
	*out = (struct bl_tone){
		.hz = {low_hz[(at - keys) / 4], high_hz[(at - keys) % 4]},
		.level_dbm0 = {DTMF_LOW_DBM0, DTMF_HIGH_DBM0},
		.segments = 1,
		.on_ms = {on_ms},
	};
	return true;
}
