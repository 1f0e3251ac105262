/*
 * tone.h  Tones: up to four frequencies at a time, modulated or not, in parts that follow,
 * repeated
 *
 * What does it do?  It makes call-progress tones, the special information tone, DTMF digits and
 *   any other sound of sines with a cadence, at 8, 16 or 48 kHz.
 * How does it work?  A tone is checked and worked out once, outside the tick, into a plan: a pool
 *   of sines (a modulated sine is its carrier and two side bands) and the parts that sound some
 *   of them. Each sine is a recursion of one product a sample. A sine that goes on from one part
 *   into the next is not begun anew, so there is neither click nor jump of phase.
 * How do I use it?  bl_tone_plan(), then bl_tone_fill() with a zeroed state for any number of
 *   samples at a time. A plan may be shared, a state belongs to one listener.
 */
#ifndef BL_TONE_H
#define BL_TONE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"

enum {
	BL_TONE_HZ = 4,	   /* frequencies of a part */
	BL_TONE_PARTS = 8, /* of a tone */
	BL_TONE_SINES = 8, /* different ones of a whole tone; a modulated one counts as three */
};

/* One sine, ready to run: y[n] = turn * y[n-1] - y[n-2] */
struct bl_sine {
	double turn;
	double first, second; /* y[-1] and y[-2] */
};

/* A checked tone, its sines and lengths worked out outside the tick. */
struct bl_tone_plan {
	struct bl_sine sines[BL_TONE_SINES];
	int32_t sine_count, segments, from, times;
	uint8_t mask[BL_TONE_PARTS];			/* which sines sound in a part */
	uint32_t on[BL_TONE_PARTS], off[BL_TONE_PARTS]; /* [samples] */
};

struct bl_tone_state {
	int32_t segment;
	int32_t played;	  /* how often the repeated parts have been */
	uint32_t at;	  /* [samples] into the segment */
	uint8_t sounding; /* sines that sounded in the sample before */
	double back[BL_TONE_SINES][2];
};

/* BL_EINVAL: a number is out of range, or there are more sines than BL_TONE_SINES. */
int bl_tone_plan(const struct bl_tone *signal, int32_t rate, struct bl_tone_plan *out);
/* [samples]; UINT64_MAX: it has no end */
uint64_t bl_tone_length(const struct bl_tone_plan *plan);
/* Writes up to count samples; fewer when the tone ended. A zeroed state begins it. */
size_t bl_tone_fill(const struct bl_tone_plan *plan, struct bl_tone_state *state, int16_t *out,
		    size_t count);
/* The peak of a sine of that level. */
double bl_tone_peak(double level_dbm0);
/* The two sines of a DTMF digit (ITU-T Q.23), on for on_ms; false: no digit. */
bool bl_tone_digit(char digit, int32_t on_ms, struct bl_tone *out);

#endif
