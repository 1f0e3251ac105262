/* tonefind.c  Finds call-progress tones: dial, ring-back, busy, congestion, SIT, a fax's CNG */
#include <string.h>
#include "frame.h"
#include "power.h"
#include "tonefind.h"

enum {
	HOP = 80, /* [samples], 10 ms */
	MIDDLE = BL_TONEFIND_HOPS / 2,
	BELIEVED = 3, /* [hops] until a change is one */
	JOINED = 6, /* [hops] between two sounds that are no pause: windows over both, line hits */
	FORGOTTEN = 25, /* [hops] of something else after which a told tone has ended */
};

#define MEAN_SQUARE_0DBM0 (32768.0f * 32768.0f / 2.0f * 0.4853f) /* full scale is +3.14 dBm0 */
#define LEAST (MEAN_SQUARE_0DBM0 * 1e-4f) /* [sample squared] -40 dBm0: below is silence */
#define EDGE 0.125f  /* of the power nearby: less is the window reaching over an end */
#define PAUSE 0.1f   /* of the tones' power: less is their silence, be the line noisy */
#define PURE 0.75f   /* share of the power that a sound's frequencies hold */
#define TWIST 0.08f  /* 11 dB: a weaker frequency against the strongest */
#define FADES 0.999f /* of the reference in a hop: half in 7 s */

void bl_tonefind_init(struct bl_tonefind *find, const struct bl_tonefind_set *set)
{
	memset(find, 0, sizeof(*find));
	find->set = set;
	find->told = -1;
	find->count = 1;
	find->segment[0].silent = true; /* what was before the beginning */
}

/* Power and centre of a band. */
static float band_power(const struct bl_tonefind_band *band, const float *power, float *centre)
{
	int from = (int)(band->low_hz / BL_SPECTRUM_STEP_HZ + 0.5f);
	int to = (int)(band->high_hz / BL_SPECTRUM_STEP_HZ + 0.5f);
	float sum = 1e-9f, moment = 0.0f;

	for (int k = from; k <= to && k < BL_SPECTRUM_BINS; k++) {
		sum += power[k];
		moment += power[k] * (float)k;
	}
	*centre = moment / sum * BL_SPECTRUM_STEP_HZ;
	return sum;
}

static bool sounds(const struct bl_tonefind_sound *sound, const float *power, float total)
{
	float powers[BL_TONE_HZ], sum = 0.0f, most = 0.0f;

	for (int i = 0; i < sound->bands; i++) {
		const struct bl_tonefind_band *band = &sound->band[i];
		float centre;

		powers[i] = band_power(band, power, &centre);
		if (centre < band->centre_hz - band->off_hz ||
		    centre > band->centre_hz + band->off_hz)
			return false;
		sum += powers[i];
		most = powers[i] > most ? powers[i] : most;
	}
	for (int i = 0; i < sound->bands; i++) {
		if (powers[i] < most * TWIST)
			return false;
	}
	return sum >= total * PURE;
}

/* What the last 64 ms are. */
static struct bl_tonefind_hop look(const struct bl_tonefind *find)
{
	float power[BL_SPECTRUM_BINS];
	struct bl_tonefind_hop hop = {0};

	/* the window keeps 8/3 of its middle at most, against the whole */
	if (bl_power(find->sound, BL_SPECTRUM_LENGTH) * (8.0f / 3.0f) < LEAST * EDGE)
		return hop;
	bl_spectrum(find->sound, power);
	for (int k = 0; k < BL_SPECTRUM_BINS; k++)
		hop.power += power[k];
	for (int i = 0; hop.power >= LEAST * EDGE && i < find->set->sounds; i++)
		hop.sounds |= (uint32_t)sounds(&find->set->sound[i], power, hop.power) << i;
	return hop;
}

/* The hop in the middle, judged by those around: where the window reaches over the end of a sound
 * there is less power, and half of the way belongs to the sound. */
static struct bl_tonefind_segment judge(struct bl_tonefind *find)
{
	const struct bl_tonefind_hop *hop = &find->hop[MIDDLE];
	struct bl_tonefind_segment now = {.hops = 1};
	float nearby = 0.0f;

	for (int i = 0; i < BL_TONEFIND_HOPS; i++)
		nearby = find->hop[i].power > nearby ? find->hop[i].power : nearby;
	find->reference *= FADES;
	if (hop->power < LEAST || hop->power < nearby * EDGE ||
	    hop->power < find->reference * PAUSE) {
		now.silent = true;
		return now;
	}
	now.sounds = hop->sounds;
	if (now.sounds && hop->power > find->reference)
		find->reference = hop->power;
	return now;
}

static bool same(const struct bl_tonefind_segment *a, const struct bl_tonefind_segment *b)
{
	return a->silent == b->silent && (a->sounds == b->sounds || (a->sounds & b->sounds));
}

static void drop_oldest(struct bl_tonefind *find)
{
	find->count--;
	memmove(find->segment, find->segment + 1, (size_t)find->count * sizeof(find->segment[0]));
}

/* More of the newest segment. Its sounds are those of most of its hops: in noise, one that is
 * alike may be lost for a moment. */
static void lengthen(struct bl_tonefind *find, uint32_t heard, int32_t hops)
{
	struct bl_tonefind_segment *last = &find->segment[find->count - 1];

	last->hops += hops;
	for (int i = 0; heard && i < find->set->sounds; i++) {
		if (!(heard >> i & 1U))
			continue;
		find->heard[i] += hops;
		last->sounds |= 1U << i;
	}
	for (int i = 0; last->sounds && i < find->set->sounds; i++) {
		if (find->heard[i] * 4 < last->hops * 3)
			last->sounds &= ~(1U << i);
	}
}

/* A new segment has begun: a very short one between it and the last sound was no pause. */
static void join(struct bl_tonefind *find)
{
	struct bl_tonefind_segment *now = &find->segment[find->count - 1], *gap = now - 1,
				   *before = now - 2;
	int32_t half;

	if (find->count < 3 || gap->sounds || gap->hops > JOINED || !now->sounds ||
	    !before->sounds)
		return;
	half = gap->hops / 2;
	before->hops += half;
	now->hops += gap->hops - half;
	if (same(before, now)) {
		now->sounds &= before->sounds;
		now->hops += before->hops;
		*before = *now;
		find->count -= 2;
	} else {
		*gap = *now;
		find->count--;
	}
	for (int i = 0; i < find->set->sounds; i++)
		find->heard[i] = now->sounds >> i & 1U ? now->hops : 0;
}

static void begin(struct bl_tonefind *find)
{
	if (find->count == BL_TONEFIND_SEGMENTS)
		drop_oldest(find);
	find->segment[find->count++] = find->changed;
	for (int i = 0; i < find->set->sounds; i++)
		find->heard[i] = find->changed.sounds >> i & 1U ? find->changed.hops : 0;
	find->changed.hops = 0;
	join(find);
}

/* Makes the segment longer, or after BELIEVED different hops begins the next one. */
static void extend(struct bl_tonefind *find, const struct bl_tonefind_segment *now)
{
	if (same(&find->segment[find->count - 1], now)) {
		lengthen(find, now->sounds, 1 + find->changed.hops);
		find->changed.hops = 0;
		return;
	}
	if (find->changed.hops && same(&find->changed, now)) {
		find->changed.hops++;
		find->changed.sounds |= now->sounds;
	} else {
		/* neither this nor that: what was in between belongs to the segment */
		lengthen(find, find->segment[find->count - 1].sounds, find->changed.hops);
		find->changed = *now;
	}
	if (find->changed.hops >= BELIEVED)
		begin(find);
}

static bool fits(const struct bl_tonefind_segment *segment, const struct bl_tonefind_step *step)
{
	if (segment->hops < step->least || segment->hops > step->most)
		return false;
	return step->sound < 0 ? segment->silent : segment->sounds >> step->sound & 1U;
}

/* Do the last segments follow the pattern, of which the newest is the step at `to`? */
static bool follows(const struct bl_tonefind *find, const struct bl_tonefind_pattern *pattern,
		    int32_t to)
{
	const struct bl_tonefind_segment *now = &find->segment[find->count - 1];
	const struct bl_tonefind_step *step = &pattern->step[to];

	if (step->sound < 0 || !(now->sounds >> step->sound & 1U) ||
	    now->hops < pattern->last_least || now->hops > step->most)
		return false;
	for (int32_t i = 1; i <= pattern->needed; i++) {
		int32_t at = (to - i) % pattern->cycle;

		if (!fits(now - i, &pattern->step[at < 0 ? at + pattern->cycle : at]))
			return false;
	}
	return true;
}

static bool matches(const struct bl_tonefind *find, const struct bl_tonefind_pattern *pattern)
{
	if (find->count < pattern->needed + 2) /* its first sound has to begin in our time */
		return false;
	if (pattern->in_order || pattern->cycle == 1)
		return follows(find, pattern, pattern->needed % pattern->cycle);
	for (int32_t to = 0; to < pattern->cycle; to++) {
		if (follows(find, pattern, to))
			return true;
	}
	return false;
}

/* Has the tone that was told given way to something that is not in it? */
static bool ended(const struct bl_tonefind *find)
{
	const struct bl_tonefind_pattern *pattern = &find->set->pattern[find->told];
	const struct bl_tonefind_segment *now = &find->segment[find->count - 1];

	for (int32_t i = 0; i < pattern->cycle; i++) {
		const struct bl_tonefind_step *step = &pattern->step[i];

		if ((step->sound < 0 ? now->silent : now->sounds >> step->sound & 1U) &&
		    now->hops <= step->most)
			return false;
	}
	return now->hops >= FORGOTTEN;
}

static int32_t tell(struct bl_tonefind *find)
{
	if (find->told >= 0 && ended(find))
		find->told = -1;
	for (int32_t i = 0; find->segment[find->count - 1].sounds && i < find->set->patterns;
	     i++) {
		if (!matches(find, &find->set->pattern[i]))
			continue;
		if (i == find->told)
			return 0;
		find->told = i;
		return find->set->pattern[i].id;
	}
	return 0;
}

int32_t bl_tonefind_frame(struct bl_tonefind *find, const int16_t *pcm)
{
	int32_t id = 0;

	for (int at = 0; at < BL_FRAME; at += HOP) {
		struct bl_tonefind_segment now;
		int32_t told;

		memmove(find->sound, find->sound + HOP, sizeof(find->sound) - HOP * sizeof(*pcm));
		memcpy(find->sound + BL_SPECTRUM_LENGTH - HOP, pcm + at, HOP * sizeof(*pcm));
		memmove(find->hop, find->hop + 1, sizeof(find->hop) - sizeof(find->hop[0]));
		find->hop[BL_TONEFIND_HOPS - 1] = look(find);
		now = judge(find);
		extend(find, &now);
		told = tell(find);
		id = told ? told : id;
	}
	return id;
}
