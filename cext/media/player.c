/* player.c  A play: prompts and tones one after the other, once or for ever */
#include <stdlib.h>
#include <string.h>
#include "frame.h"
#include "player.h"

enum { MAX_ITEMS = 256 };

int bl_prompt_new(const int16_t *samples, size_t count, struct bl_prompt **out)
{
	struct bl_prompt *prompt;

	if (!samples || !out || !count || count > SIZE_MAX / 4)
		return BL_EINVAL;
	prompt = malloc(sizeof(*prompt) + count * sizeof(*samples));
	if (!prompt)
		return BL_ENOMEM;
	atomic_init(&prompt->users, 1);
	prompt->count = count;
	memcpy(prompt->samples, samples, count * sizeof(*samples));
	*out = prompt;
	return BL_OK;
}

void bl_prompt_free(struct bl_prompt *prompt)
{
	if (prompt && atomic_fetch_sub(&prompt->users, 1) == 1)
		free(prompt);
}

static uint64_t part_length(const struct bl_play_part *part)
{
	return part->prompt ? part->prompt->count : bl_tone_length(&part->tone);
}

int bl_play_make(int64_t id, const struct bl_play_item *items, int32_t count, bool loop,
		 struct bl_play **out)
{
	struct bl_play *play;
	uint64_t length = 0;
	int err = BL_OK;

	if (!items || count < 1 || count > MAX_ITEMS)
		return BL_EINVAL;
	play = calloc(1, sizeof(*play) + (size_t)count * sizeof(play->parts[0]));
	if (!play)
		return BL_ENOMEM;
	play->node.release = bl_play_release;
	play->id = id;
	play->loop = loop;
	for (; play->count < count && !err; play->count++) {
		struct bl_play_part *part = &play->parts[play->count];

		part->prompt = items[play->count].prompt;
		if (part->prompt)
			atomic_fetch_add(&part->prompt->users, 1);
		else
			err = bl_tone_plan(&items[play->count].tone, BL_RATE, &part->tone);
		length += part_length(part);
	}
	if (!err && !length)
		err = BL_EINVAL; /* an endless loop over nothing would never fill a frame */
	if (err)
		bl_play_release(NULL, &play->node);
	else
		*out = play;
	return err;
}

void bl_play_release(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_play *play = (struct bl_play *)node;

	(void)engine;
	for (int32_t i = 0; i < play->count; i++)
		bl_prompt_free(play->parts[i].prompt);
	free(play);
}

static size_t fill_part(struct bl_play *play, int16_t *out, size_t count)
{
	const struct bl_play_part *part = &play->parts[play->at];
	size_t left;

	if (!part->prompt)
		return bl_tone_fill(&part->tone, &play->tone, out, count);
	left = part->prompt->count - play->offset;
	if (count > left)
		count = left;
	memcpy(out, part->prompt->samples + play->offset, count * sizeof(*out));
	play->offset += count;
	return count;
}

static bool next_part(struct bl_play *play)
{
	play->offset = 0;
	memset(&play->tone, 0, sizeof(play->tone));
	play->at++;
	if (play->at == play->count && play->loop)
		play->at = 0;
	return play->at < play->count;
}

bool bl_play_frame(struct bl_play *play, int16_t *frame)
{
	size_t done = 0;

	for (;;) {
		done += fill_part(play, frame + done, BL_FRAME - done);
		if (done == BL_FRAME && !(play->at == play->count - 1 && !play->loop))
			return true;
		if (done == BL_FRAME) {
			/* the last part: has it just been used up? */
			const struct bl_play_part *part = &play->parts[play->at];

			return part->prompt ? play->offset < part->prompt->count
					    : play->tone.segment < part->tone.segments;
		}
		if (!next_part(play)) {
			memset(frame + done, 0, (BL_FRAME - done) * sizeof(*frame));
			return false;
		}
	}
}
