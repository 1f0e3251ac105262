/*
 * prompt.h  Sound that is played: decoded once, shared by all legs, at every rate that is asked
 * for
 *
 * What does it do?  It keeps a prompt's samples at its own rate and, once somebody has played it
 * to a leg of another rate, at that rate too. How does it work?  Conversion happens in the
 * caller's thread, once for each rate, so that a tick only copies. Where a leg changes its rate in
 * the midst of a play the tick interpolates: plain, but without a gap and without waiting. How do
 * I use it?  bl_prompt_new(), bl_prompt_prepare() for each rate it will be played at, then
 *   bl_prompt_read() in the tick; bl_prompt_free() by everybody who made or kept it.
 */
#ifndef BL_PROMPT_H
#define BL_PROMPT_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"

enum {
	BL_RATES = 3, /* 8, 16 and 48 kHz */
};

struct bl_samples {
	size_t count;
	int16_t pcm[];
};

struct bl_prompt {
	atomic_int users;
	int32_t rate; /* [Hz] it came with */
	_Atomic(struct bl_samples *) at[BL_RATES];
};

/* Of a leg or a prompt: 8,000, 16,000 or 48,000 Hz. */
bool bl_rate_known(int32_t rate);
/* [samples] it lasts at that rate. */
uint64_t bl_prompt_length(const struct bl_prompt *prompt, int32_t rate);
/* Copies count samples from offset on, which must lie within its length at that rate. */
void bl_prompt_read(const struct bl_prompt *prompt, int32_t rate, uint64_t offset, int16_t *out,
		    size_t count);

#endif
