/* player.h  A play: prompts and tones one after the other, once or for ever */
#ifndef BL_PLAYER_H
#define BL_PLAYER_H
#include <stdbool.h>
#include "branchline_media.h"
#include "node.h"
#include "tone.h"

struct bl_prompt {
	atomic_int users;
	size_t count;
	int16_t samples[];
};

struct bl_play_part {
	struct bl_prompt *prompt; /* NULL: the tone */
	struct bl_tone_plan tone;
};

struct bl_play {
	struct bl_node node;
	int64_t id;
	bool loop;
	int32_t count, at; /* [parts] */
	size_t offset;	   /* [samples] into the prompt */
	struct bl_tone_state tone;
	struct bl_play_part parts[];
};

int bl_play_make(int64_t id, const struct bl_play_item *items, int32_t count, bool loop,
		 struct bl_play **out);
void bl_play_release(struct bl_engine *engine, struct bl_node *node);
/* Fills one frame; false when this was the last of it. */
bool bl_play_frame(struct bl_play *play, int16_t *frame);

#endif
