/* tonefind_set.c  A set of tones to look for, worked out of their descriptions */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "frame.h"
#include "tonefind.h"

enum {
	HOP_MS = 10,
	JOINED_MS = 60,	 /* shorter silences are none (see tonefind.c) */
	QUICK_MS = 1800, /* a cadence that is shorter has to come twice */
	STEADY_MS = 1500,
	LAST_MS = 80,  /* of the sound that begins anew */
	SLACK_MS = 25, /* of the window's edges */
	EDGES_MS = 15, /* a sound looks that much longer, a silence shorter */
	PERCENT = 12,
	OUTLASTS = 125, /* [percent] */
	MOST_CYCLES = 4,
	PARTS_HZ = BL_TONE_HZ + 2, /* a modulated frequency is three */
	ENDLESS = 1 << 20,
};

#define APART_HZ 64.0f	/* the spectrum parts what is four bins apart */
#define AROUND_HZ 40.0f /* where a Hann window spreads a sine to, and a cut one */
#define LOWEST_HZ 100.0f
#define OFF_PART 0.02f
#define OFF_HZ 4.0f
#define LEANS_HZ 6.0f /* two close tones, one weaker than it should be */
#define SIDE_DB 6.9   /* side bands of 90 % modulation */

/* A frequency of a sound, and its power. */
struct line {
	float hz, power;
};

static int by_hz(const void *a, const void *b)
{
	float one = ((const struct line *)a)->hz, two = ((const struct line *)b)->hz;

	return (one > two) - (one < two);
}

static int list_lines(const struct bl_tone_part *part, struct line *lines)
{
	int count = 0;

	for (int i = 0; i < BL_TONE_HZ; i++) {
		float hz = (float)part->hz[i], by = i ? 0.0f : (float)part->modulate_hz;
		float power = (float)pow(10.0, part->level_dbm0[i] / 10.0);
		float side = power * (float)pow(10.0, -SIDE_DB / 10.0);

		if (!(hz >= LOWEST_HZ))
			continue;
		lines[count++] = (struct line){hz, power};
		if (by > 0.0f) {
			lines[count++] = (struct line){hz - by, side};
			lines[count++] = (struct line){hz + by, side};
		}
	}
	qsort(lines, (size_t)count, sizeof(*lines), by_hz);
	return count;
}

/* Groups the lines into bands that the spectrum can part. */
static int make_sound(const struct bl_tone_part *part, float off_hz, struct bl_tonefind_sound *out)
{
	struct line lines[PARTS_HZ];
	int count = list_lines(part, lines);

	memset(out, 0, sizeof(*out));
	for (int at = 0; at < count;) {
		struct bl_tonefind_band *band = &out->band[out->bands];
		float power = 0.0f, moment = 0.0f, first = lines[at].hz, last = first;

		if (out->bands++ == BL_TONE_HZ || !(first < BL_RATE / 2.0f))
			return BL_EINVAL;
		for (; at < count && lines[at].hz - last < APART_HZ; at++) {
			last = lines[at].hz;
			power += lines[at].power;
			moment += lines[at].hz * lines[at].power;
		}
		band->centre_hz = moment / power;
		band->off_hz = off_hz > 0.0f ? off_hz : band->centre_hz * OFF_PART + OFF_HZ;
		band->off_hz += fminf((last - first) / 8.0f, LEANS_HZ);
		band->low_hz = fmaxf(first - AROUND_HZ - band->off_hz, LOWEST_HZ / 2.0f);
		band->high_hz = last + AROUND_HZ + band->off_hz;
		if (out->bands > 1 && band->low_hz < band[-1].high_hz)
			band->low_hz = band[-1].high_hz = (band->low_hz + band[-1].high_hz) / 2.0f;
	}
	return BL_OK;
}

static bool same_sound(const struct bl_tonefind_sound *a, const struct bl_tonefind_sound *b)
{
	for (int32_t i = 0; i < a->bands; i++) {
		if (a->band[i].low_hz != b->band[i].low_hz ||
		    a->band[i].high_hz != b->band[i].high_hz ||
		    a->band[i].centre_hz != b->band[i].centre_hz ||
		    a->band[i].off_hz != b->band[i].off_hz)
			return false;
	}
	return a->bands == b->bands;
}

/* The sound's number in the set, which gets it if it is new; -1: silence. */
static int add_sound(struct bl_tonefind_set *set, const struct bl_tonefind_sound *sound,
		     int32_t *number)
{
	*number = -1;
	if (!sound->bands)
		return BL_OK;
	for (*number = 0; *number < set->sounds; ++*number) {
		if (same_sound(&set->sound[*number], sound))
			return BL_OK;
	}
	if (set->sounds == BL_TONEFIND_SOUNDS)
		return BL_EINVAL;
	set->sound[set->sounds++] = *sound;
	return BL_OK;
}

/* Appends so much of a sound or of silence; the same as before makes that one longer. */
static int add_step(struct bl_tonefind_pattern *pattern, int32_t sound, int32_t ms,
		    int32_t percent)
{
	struct bl_tonefind_step *step = &pattern->step[pattern->cycle];
	int32_t slack = ms * (percent ? percent : PERCENT) / 100 + SLACK_MS;
	int32_t looks = ms + (sound < 0 ? -EDGES_MS : EDGES_MS);

	if (ms <= 0 || (sound < 0 && (ms <= JOINED_MS || !pattern->cycle)))
		return BL_OK;
	if (pattern->cycle == BL_TONEFIND_STEPS)
		return BL_EINVAL;
	if (pattern->cycle && step[-1].sound == sound) {
		step[-1].least += (ms - slack + SLACK_MS) / HOP_MS;
		step[-1].most += (ms + slack - SLACK_MS) / HOP_MS;
		return BL_OK;
	}
	*step = (struct bl_tonefind_step){.sound = sound,
					  .least = (looks - slack) / HOP_MS,
					  .most = (looks + slack + HOP_MS - 1) / HOP_MS};
	pattern->cycle++;
	return BL_OK;
}

static int add_parts(struct bl_tonefind_set *set, const struct bl_tonefind_tone *tone,
		     struct bl_tonefind_pattern *pattern)
{
	const struct bl_tone *signal = &tone->signal;

	for (int32_t i = signal->from; i < signal->count; i++) {
		const struct bl_tone_part *part = &signal->parts[i];
		struct bl_tonefind_sound sound;
		int32_t number;

		if (make_sound(part, tone->off_hz, &sound) || add_sound(set, &sound, &number) ||
		    add_step(pattern, number, part->on_ms, tone->off_percent) ||
		    add_step(pattern, -1, part->off_ms, tone->off_percent))
			return BL_EINVAL;
	}
	return pattern->cycle ? BL_OK : BL_EINVAL;
}

static bool sounds_change(const struct bl_tonefind_pattern *pattern)
{
	for (int32_t i = 1; i < pattern->cycle; i++) {
		if (pattern->step[i].sound >= 0 &&
		    pattern->step[i].sound != pattern->step[0].sound)
			return true;
	}
	return false;
}

/* How much has to be heard, before other tones are looked at. */
static void need(struct bl_tonefind_pattern *pattern)
{
	int32_t hops = 0;

	for (int32_t i = 0; i < pattern->cycle; i++)
		hops += (pattern->step[i].least + pattern->step[i].most) / 2;
	pattern->last_least = LAST_MS / HOP_MS;
	if (pattern->cycle == 1) {
		pattern->needed = 0;
		pattern->last_least = STEADY_MS / HOP_MS;
		pattern->step[0].most = ENDLESS;
	} else if (sounds_change(pattern) || pattern->step[pattern->cycle - 1].sound >= 0) {
		/* up to the last sound, whatever silence follows; without any it comes once */
		pattern->in_order = true;
		pattern->needed = pattern->cycle - 1;
		while (pattern->step[pattern->needed].sound < 0)
			pattern->needed--;
		pattern->last_least = pattern->step[pattern->needed].least;
	} else {
		pattern->needed = pattern->cycle * (hops * HOP_MS < QUICK_MS ? 2 : 1);
	}
}

/* Might one sound be taken for the other? */
static bool alike(const struct bl_tonefind_set *set, int32_t a, int32_t b)
{
	const struct bl_tonefind_sound *one, *two;

	if (a < 0 || b < 0)
		return a == b;
	one = &set->sound[a];
	two = &set->sound[b];
	for (int32_t i = 0; i < one->bands && i < two->bands; i++) {
		if (fabsf(one->band[i].centre_hz - two->band[i].centre_hz) >
		    one->band[i].off_hz + two->band[i].off_hz)
			return false;
	}
	return one->bands == two->bands;
}

/* Could what is needed of one tone, begun at that step, be heard in another from that step on? */
static bool runs_in(const struct bl_tonefind_set *set, const struct bl_tonefind_pattern *one,
		    int32_t begin, const struct bl_tonefind_pattern *other, int32_t from)
{
	for (int32_t at = 0; at < one->needed; at++) {
		const struct bl_tonefind_step *a = &one->step[(begin + at) % one->cycle];
		const struct bl_tonefind_step *b = &other->step[(from + at) % other->cycle];
		int32_t usual = (b->least + b->most) / 2;

		if (!alike(set, a->sound, b->sound) || usual < a->least || usual > a->most)
			return false;
	}
	return true;
}

static bool within(const struct bl_tonefind_set *set, const struct bl_tonefind_pattern *one,
		   const struct bl_tonefind_pattern *other)
{
	for (int32_t begin = 0; begin < one->cycle; begin++) {
		for (int32_t from = 0; from < other->cycle; from++) {
			if (one->step[begin].sound >= 0 && runs_in(set, one, begin, other, from))
				return true;
		}
	}
	return false;
}

/* Asks for more of a tone while another of the set might be taken for it. */
static void part(struct bl_tonefind_set *set, struct bl_tonefind_pattern *one)
{
	for (int32_t i = 0; i < set->patterns; i++) {
		const struct bl_tonefind_pattern *other = &set->pattern[i];
		int32_t asked = one->needed;

		if (other == one)
			continue;
		if (one->cycle == 1) {
			/* a steady tone outlasts each that has pauses */
			for (int32_t k = 0; other->cycle > 1 && k < other->cycle; k++) {
				if (alike(set, other->step[k].sound, one->step[0].sound) &&
				    one->last_least < other->step[k].most * OUTLASTS / 100)
					one->last_least = other->step[k].most * OUTLASTS / 100;
			}
			continue;
		}
		while (!one->in_order && within(set, one, other)) {
			one->needed += one->cycle;
			if (one->needed > one->cycle * MOST_CYCLES ||
			    one->needed >= BL_TONEFIND_SEGMENTS - 1) {
				one->needed = asked; /* they are the same: the first is told */
				break;
			}
		}
	}
}

int bl_tonefind_set(const struct bl_tonefind_tone *tones, int32_t count,
		    struct bl_tonefind_set *out)
{
	bl_spectrum_prepare();
	if (!tones || !out || count < 1 || count > BL_TONEFIND_TONES)
		return BL_EINVAL;
	memset(out, 0, sizeof(*out));
	for (int32_t i = 0; i < count; i++) {
		struct bl_tone_plan plan;
		struct bl_tonefind_pattern *pattern = &out->pattern[out->patterns++];

		pattern->id = tones[i].id;
		if (!tones[i].id || bl_tone_plan(&tones[i].signal, BL_RATE, &plan) ||
		    add_parts(out, &tones[i], pattern))
			return BL_EINVAL;
		need(pattern);
	}
	for (int32_t i = 0; i < out->patterns; i++)
		part(out, &out->pattern[i]);
	return BL_OK;
}

struct bl_tonefind_tone bl_tonefind_cng(int32_t id)
{
	return (struct bl_tonefind_tone){
		.id = id,
		.off_hz = 38.0f + 4.0f, /* and what the spectrum may err */
		.off_percent = 15,
		.signal = {.count = 1,
			   .times = -1,
			   .parts = {{.hz = {1100.0}, .on_ms = 500, .off_ms = 3000}}}};
}
