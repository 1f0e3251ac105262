/*
 * play.h  One play: prompts and tones as one line of samples, once or in a loop
 *
 * What does it do?  It gives the samples of its items one after the other, at the rate of the leg,
 *   and can be set to any place in them.
 * How does it work?  All lengths are known beforehand, so a place is a number of samples. Prompts
 *   are read where they are; tones are computed as they sound. A tone of no frequency is a pause.
 * How do I use it?  bl_play_new() in the caller's thread; the player does the rest. Seeking into a
 *   tone begins that tone anew.
 */
#ifndef BL_PLAY_H
#define BL_PLAY_H
#include <stdbool.h>
#include "branchline_media.h"
#include "node.h"
#include "prompt.h"
#include "tone.h"

struct bl_play_part {
	struct bl_prompt *prompt; /* NULL: the tone */
	struct bl_tone tone;
	struct bl_tone_plan plan;
	uint64_t length; /* [samples] */
};

struct bl_play_place {
	int32_t part;
	uint64_t offset; /* [samples] into the part */
	uint64_t done;	 /* [samples] since the first part's beginning */
	struct bl_tone_state tone;
};

struct bl_play {
	struct bl_node node;
	struct bl_play *next; /* of the player's queue */
	int64_t id;
	int32_t why; /* enum bl_play_end, once it has ended */
	int32_t loop, barge;
	bool append, over, paused;
	int32_t rate;		     /* [Hz] that all lengths here are counted in */
	float level, level_to, step; /* gain now, gain aimed at, change a sample */
	uint64_t length;	     /* [samples] of all parts */
	struct bl_play_place place;
	int32_t count;
	struct bl_play_part parts[];
};

/* A gain of -60 to +20 dB as a factor; false: it is none. */
bool bl_play_factor(double gain_db, float *factor);
/* Keeps the prompts and converts them to the rate of the leg [Hz]. */
int bl_play_new(int64_t id, const struct bl_play_spec *spec, int32_t rate, struct bl_play **out);
void bl_play_release(struct bl_engine *engine, struct bl_node *node);
/* Up to count samples from its place on, which moves; fewer where it ends. go_on: in a loop. */
size_t bl_play_read(struct bl_play *play, bool go_on, int16_t *out, size_t count);
/* [samples] to its end, or to the end of this round. */
uint64_t bl_play_left(const struct bl_play *play);
void bl_play_set_place(struct bl_play *play, int64_t ms);
uint64_t bl_play_position_ms(const struct bl_play *play);
/* The leg has another rate now: keeps the place. */
void bl_play_set_rate(struct bl_play *play, int32_t rate);

#endif
