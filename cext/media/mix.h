/*
 * mix.h  What each leg of a bridge hears: the others, summed and kept within 16 bits
 *
 * What does it do?  It sums the legs' frames in 32 bits, and gives each leg that sum less its own
 *   frame, saturated: N-1 mixing at a cost that grows with N and not with its square. 65,536 legs
 *   at full scale still fit. bl_mix_gain() makes a frame louder or softer without a click.
 * How does it work?  With AVX2 where the machine has it. What costs is not the sum but the wait
 *   for the next leg's frame, which lies 20 kB further on: bl_mix_fetch() asks for it two legs
 *   ahead, and that keeps the cost of a leg flat up to 1,000 of them (`tests.bench mix`).
 * How do I use it?  Zero a sum; for each leg bl_mix_fetch() the leg after next, bl_mix_sum() this
 *   one; then bl_mix_rest() for each. Frames and sums that begin at a multiple of 64 bytes are
 *   the quickest; any are allowed.
 */
#ifndef BL_MIX_H
#define BL_MIX_H
#include <stddef.h>
#include <stdint.h>
#include "frame.h"

enum {
	BL_MIX_AHEAD = 2, /* [legs] to fetch ahead */
	BL_MIX_LINE = 64, /* [bytes] of a cache line */
};

/* count: [samples], a multiple of 16 in all of these, as 160, 320 and 960 are. */

static inline void bl_mix_fetch(const int16_t *frame, size_t count)
{
	for (size_t i = 0; i < count; i += BL_MIX_LINE / sizeof(*frame))
		__builtin_prefetch(frame + i);
}

/* sum[i] += frame[i] */
void bl_mix_sum(int32_t *sum, const int16_t *frame, size_t count);
/* out = sum less own, saturated */
void bl_mix_rest(const int32_t *sum, const int16_t *own, int16_t *out, size_t count);
/* out = sum, saturated: for legs that only listen; they can share it, and its encoding */
void bl_mix_whole(const int32_t *sum, int16_t *out, size_t count);
/* Multiplies by a gain that goes in a straight line from what the frame before ended with. */
void bl_mix_gain(int16_t *frame, size_t count, float from, float to);
/* frame += other, saturated */
void bl_mix_onto(int16_t *frame, const int16_t *other, size_t count);

#endif
