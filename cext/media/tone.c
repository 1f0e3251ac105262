/* tone.c  Tones: up to four frequencies at a time, modulated or not, in parts, repeated */
#include <math.h>
#include <string.h>
#include "frame.h"
#include "tone.h"

enum {
	LONGEST_MS = 3600 * 1000,
	RUN = 160, /* [samples] summed at a time */
};

#define PI 3.14159265358979323846
/* ITU-T Q.23 tones at usual levels; the high one is sent 2 dB stronger (ETSI ES 201 235-2 §4.2) */
#define DTMF_LOW_DBM0 (-9.0)
#define DTMF_HIGH_DBM0 (-7.0)
#define HIGHEST_DBM0 3.0
#define LOWEST_DBM0 (-80.0)
/* E.180 Supp. 2 gives no depth of modulation; 90 % is what exchanges' line cards use */
#define DEPTH 0.9

double bl_tone_peak(double level_dbm0)
{
	return 32768.0 * pow(10.0, (level_dbm0 - BL_FULL_SCALE_DBM0) / 20.0);
}

static bool same_sine(const struct bl_sine *a, const struct bl_sine *b)
{
	return a->turn == b->turn && a->first == b->first && a->second == b->second;
}

/* Puts a sine into the pool, or finds it there, and into the mask. */
static int add_sine(struct bl_tone_plan *plan, double turn, double peak, double phase,
		    uint8_t *mask)
{
	struct bl_sine sine = {.turn = 2.0 * cos(turn),
			       .first = peak * sin(phase - turn),
			       .second = peak * sin(phase - 2.0 * turn)};
	int32_t at = 0;

	if (!(turn > 0.0 && turn < PI))
		return BL_EINVAL;
	while (at < plan->sine_count && !same_sine(&plan->sines[at], &sine))
		at++;
	if (at == BL_TONE_SINES)
		return BL_EINVAL;
	plan->sines[at] = sine;
	plan->sine_count += at == plan->sine_count;
	*mask |= (uint8_t)(1U << at);
	return BL_OK;
}

/* sin a (1 + m sin b) = sin a + m/2 cos(a - b) - m/2 cos(a + b) */
static int add_modulated(struct bl_tone_plan *plan, double turn, double by, double peak,
			 uint8_t *mask)
{
	int err = add_sine(plan, turn, peak, 0.0, mask);

	if (!err)
		err = add_sine(plan, turn - by, peak * DEPTH / 2.0, PI / 2.0, mask);
	if (!err)
		err = add_sine(plan, turn + by, -peak * DEPTH / 2.0, PI / 2.0, mask);
	return err;
}

static int plan_part(const struct bl_tone_part *part, int32_t rate, struct bl_tone_plan *plan)
{
	int32_t per_ms = rate / 1000, at = plan->segments;

	if (part->on_ms < 0 || part->off_ms < 0 || part->on_ms > LONGEST_MS ||
	    part->off_ms > LONGEST_MS || !(part->modulate_hz >= 0.0))
		return BL_EINVAL;
	plan->on[at] = (uint32_t)(part->on_ms * per_ms);
	plan->off[at] = (uint32_t)(part->off_ms * per_ms);
	for (int i = 0; i < BL_TONE_HZ; i++) {
		double turn = 2.0 * PI * part->hz[i] / rate, level = part->level_dbm0[i];
		double by = i ? 0.0 : 2.0 * PI * part->modulate_hz / rate;
		uint8_t *mask = &plan->mask[at];
		int err;

		if (part->hz[i] == 0.0)
			continue;
		if (!(level >= LOWEST_DBM0 && level <= HIGHEST_DBM0))
			return BL_EINVAL;
		err = by > 0.0 ? add_modulated(plan, turn, by, bl_tone_peak(level), mask)
			       : add_sine(plan, turn, bl_tone_peak(level), 0.0, mask);
		if (err)
			return err;
	}
	plan->segments++;
	return BL_OK;
}

/* [samples] from a part on to the end */
static uint64_t length_from(const struct bl_tone_plan *plan, int32_t part)
{
	uint64_t length = 0;

	for (int32_t i = part; i < plan->segments; i++)
		length += (uint64_t)plan->on[i] + plan->off[i];
	return length;
}

int bl_tone_plan(const struct bl_tone *signal, int32_t rate, struct bl_tone_plan *out)
{
	if (!signal || !out || signal->count < 1 || signal->count > BL_TONE_PARTS ||
	    signal->from < 0 || signal->from >= signal->count || signal->times < -1)
		return BL_EINVAL;
	if (rate != BL_RATE && rate != BL_RATE_WIDE && rate != BL_RATE_FULL)
		return BL_EINVAL;
	memset(out, 0, sizeof(*out));
	out->from = signal->from;
	out->times = signal->times ? signal->times : 1;
	for (int32_t i = 0; i < signal->count; i++) {
		int err = plan_part(&signal->parts[i], rate, out);

		if (err)
			return err;
	}
	/* repeating nothing would never fill a frame */
	return out->times != 1 && !length_from(out, out->from) ? BL_EINVAL : BL_OK;
}

uint64_t bl_tone_length(const struct bl_tone_plan *plan)
{
	uint64_t again = length_from(plan, plan->from);

	if (plan->times < 0)
		return UINT64_MAX;
	return length_from(plan, 0) + (uint64_t)(plan->times - 1) * again;
}

static int16_t saturate(double value)
{
	return (int16_t)(value > 32767.0 ? 32767.0 : value < -32768.0 ? -32768.0 : rint(value));
}

static void add_run(const struct bl_sine *sine, double back[2], double *sum, size_t count)
{
	double turn = sine->turn, one = back[0], two = back[1];

	for (size_t i = 0; i < count; i++) {
		double next = turn * one - two;

		two = one;
		one = next;
		sum[i] += next;
	}
	back[0] = one;
	back[1] = two;
}

/* Sounds the sines of a mask; those that did not sound just before begin anew. */
static void sound(const struct bl_tone_plan *plan, struct bl_tone_state *state, uint8_t mask,
		  int16_t *out, size_t count)
{
	for (int k = 0; k < plan->sine_count; k++) {
		if (mask & ~state->sounding & 1U << k) {
			state->back[k][0] = plan->sines[k].first;
			state->back[k][1] = plan->sines[k].second;
		}
	}
	state->sounding = mask;
	for (size_t done = 0; done < count; done += RUN) {
		size_t run = count - done < RUN ? count - done : RUN;
		double sum[RUN] = {0};

		for (int k = 0; k < plan->sine_count; k++) {
			if (mask & 1U << k)
				add_run(&plan->sines[k], state->back[k], sum, run);
		}
		for (size_t i = 0; i < run; i++)
			out[done + i] = saturate(sum[i]);
	}
}

static void next_segment(const struct bl_tone_plan *plan, struct bl_tone_state *state)
{
	state->at = 0;
	if (++state->segment < plan->segments)
		return;
	if (plan->times >= 0 && ++state->played >= plan->times)
		return;
	state->segment = plan->from;
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
		if (sounds) {
			sound(plan, state, plan->mask[state->segment], out + done, run);
		} else if (run) {
			memset(out + done, 0, run * sizeof(*out));
			state->sounding = 0;
		}
		done += run;
		state->at += (uint32_t)run;
		if (state->at >= end)
			next_segment(plan, state);
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
		.count = 1,
		.parts = {{
			.hz = {low_hz[(at - keys) / 4], high_hz[(at - keys) % 4]},
			.level_dbm0 = {DTMF_LOW_DBM0, DTMF_HIGH_DBM0},
			.on_ms = on_ms,
		}},
	};
	return true;
}
