/* play.c  One play: prompts and tones as one line of samples, once or in a loop */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "frame.h"
#include "play.h"

enum {
	MAX_ITEMS = 256,
	MS_PER_S = 1000,
	LONGEST_START_MS = 24 * 3600 * 1000,
	LONGEST_TONE_MS = 600 * 1000, /* of a segment */
};

#define ENDLESS (1ULL << 40) /* [samples], 265 days at 48 kHz: nothing lasts longer */

#define LOWEST_DB (-60.0)
#define HIGHEST_DB 20.0

static int plan_part(struct bl_play_part *part, int32_t rate)
{
	int err = BL_OK;

	if (part->prompt) {
		part->length = bl_prompt_length(part->prompt, rate);
	} else {
		err = bl_tone_plan(&part->tone, rate, &part->plan);
		part->length = err ? 0 : bl_tone_length(&part->plan);
	}
	if (part->length > ENDLESS)
		part->length = ENDLESS;
	return err;
}

bool bl_play_factor(double gain_db, float *factor)
{
	if (!(gain_db >= LOWEST_DB && gain_db <= HIGHEST_DB))
		return false;
	*factor = (float)pow(10.0, gain_db / 20.0);
	return true;
}

static bool spec_good(const struct bl_play_spec *spec)
{
	return spec && spec->items && spec->count >= 1 && spec->count <= MAX_ITEMS &&
	       spec->loop >= BL_LOOP_NONE && spec->loop <= BL_LOOP_LAST &&
	       !(spec->barge & ~(BL_BARGE_DIGIT | BL_BARGE_SPEECH)) && spec->start_ms >= 0 &&
	       spec->start_ms <= LONGEST_START_MS;
}

static int take_items(struct bl_play *play, const struct bl_play_spec *spec)
{
	int err = BL_OK;

	for (; play->count < spec->count && !err; play->count++) {
		struct bl_play_part *part = &play->parts[play->count];

		part->prompt = spec->items[play->count].prompt;
		part->tone = spec->items[play->count].tone;
		if (part->prompt) {
			atomic_fetch_add(&part->prompt->users, 1);
			err = bl_prompt_prepare(part->prompt, play->rate);
		}
		if (!err)
			err = plan_part(part, play->rate);
		play->length += part->length;
	}
	return err;
}

int bl_play_new(int64_t id, const struct bl_play_spec *spec, int32_t rate, struct bl_play **out)
{
	struct bl_play *play;
	int err;

	if (!spec_good(spec) || !bl_rate_known(rate))
		return BL_EINVAL;
	play = calloc(1, sizeof(*play) + (size_t)spec->count * sizeof(play->parts[0]));
	if (!play)
		return BL_ENOMEM;
	play->node.release = bl_play_release;
	play->id = id;
	play->loop = spec->loop;
	play->barge = spec->barge;
	play->append = spec->append;
	play->over = spec->over;
	play->rate = rate;
	err = bl_play_factor(spec->gain_db, &play->level_to) ? take_items(play, spec) : BL_EINVAL;
	/* an endless loop over nothing would never fill a frame */
	if (!err && (!play->length ||
		     (play->loop == BL_LOOP_LAST && !play->parts[play->count - 1].length)))
		err = BL_EINVAL;
	if (err) {
		bl_play_release(NULL, &play->node);
		return err;
	}
	bl_play_set_place(play, spec->start_ms);
	*out = play;
	return BL_OK;
}

void bl_play_release(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_play *play = (struct bl_play *)node;

	(void)engine;
	for (int32_t i = 0; i < play->count; i++)
		bl_prompt_free(play->parts[i].prompt);
	free(play);
}

static void read_part(struct bl_play *play, int16_t *out, size_t count)
{
	const struct bl_play_part *part = &play->parts[play->place.part];

	if (part->prompt)
		bl_prompt_read(part->prompt, play->rate, play->place.offset, out, count);
	else
		bl_tone_fill(&part->plan, &play->place.tone, out, count);
	play->place.offset += count;
	play->place.done += count;
}

/* To the next part that holds something; false at the end. */
static bool next_part(struct bl_play *play, bool go_on)
{
	struct bl_play_place *place = &play->place;
	bool last = place->part == play->count - 1;

	if (last && !(go_on && play->loop))
		return false;
	if (last && play->loop == BL_LOOP_LAST)
		place->done -= play->parts[place->part].length;
	else if (last)
		*place = (struct bl_play_place){.part = -1};
	if (!last || play->loop == BL_LOOP_ALL)
		place->part++;
	place->offset = 0;
	memset(&place->tone, 0, sizeof(place->tone));
	return true;
}

size_t bl_play_read(struct bl_play *play, bool go_on, int16_t *out, size_t count)
{
	size_t done = 0;

	while (done < count) {
		uint64_t left = play->parts[play->place.part].length - play->place.offset;
		size_t run = left < count - done ? (size_t)left : count - done;

		if (run)
			read_part(play, out + done, run);
		else if (!next_part(play, go_on))
			break;
		done += run;
	}
	return done;
}

uint64_t bl_play_left(const struct bl_play *play)
{
	return play->length - play->place.done;
}

static void go_to(struct bl_play *play, uint64_t at)
{
	struct bl_play_place place = {0};

	while (place.part < play->count - 1 && at >= play->parts[place.part].length) {
		at -= play->parts[place.part].length;
		place.done += play->parts[place.part].length;
		place.part++;
	}
	if (play->parts[place.part].prompt || at == play->parts[place.part].length) {
		place.offset = at;
		place.done += at;
	}
	play->place = place;
}

void bl_play_set_place(struct bl_play *play, int64_t ms)
{
	int64_t longest_ms = (int64_t)(play->length * MS_PER_S / (uint64_t)play->rate);
	uint64_t at;

	if (ms > longest_ms)
		ms = play->loop ? ms % (longest_ms + 1) : longest_ms;
	at = ms > 0 ? (uint64_t)ms * (uint64_t)play->rate / MS_PER_S : 0;
	if (ms == longest_ms && !play->loop)
		at = play->length; /* the last part of a millisecond too */
	go_to(play, at);
}

uint64_t bl_play_position_ms(const struct bl_play *play)
{
	return play->place.done * MS_PER_S / (uint64_t)play->rate;
}

void bl_play_set_rate(struct bl_play *play, int32_t rate)
{
	uint64_t at = play->place.done * (uint64_t)rate / (uint64_t)play->rate;

	if (rate == play->rate)
		return;
	play->rate = rate;
	play->length = 0;
	for (int32_t i = 0; i < play->count; i++) {
		plan_part(&play->parts[i], rate);
		play->length += play->parts[i].length;
	}
	go_to(play, at < play->length ? at : play->length);
}
