/* tone.h  Tones of up to two frequencies with a cadence */
#ifndef BL_TONE_H
#define BL_TONE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"

/* One sine, ready to run: y[n] = turn * y[n-1] - y[n-2] */
struct bl_sine {
	double turn;
	double first, second; /* y[-1] and y[-2] */
};

/* A checked bl_tone, its sines and lengths worked out outside the tick. */
struct bl_tone_plan {
	struct bl_sine sines[2];
	int32_t segments;
	uint32_t on[4], off[4]; /* [samples] */
};

struct bl_tone_state {
	int32_t segment;
	uint32_t at; /* [samples] into the segment */
	double back[2][2];
};

int bl_tone_plan(const struct bl_tone *tone, struct bl_tone_plan *out);
uint64_t bl_tone_length(const struct bl_tone_plan *plan);
/* Writes up to count samples; fewer when the tone ended. A zeroed state begins it. */
size_t bl_tone_fill(const struct bl_tone_plan *plan, struct bl_tone_state *state, int16_t *out,
		    size_t count);
/* The peak of a sine of that level. */
double bl_tone_peak(double level_dbm0);
/* The two sines of a DTMF digit (ITU-T Q.23), on for on_ms; false: no digit. */
bool bl_tone_digit(char digit, int32_t on_ms, struct bl_tone *out);

#endif
