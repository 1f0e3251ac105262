/* mix.h  What each leg of a bridge hears: the others, summed and kept within 16 bits */
#ifndef BL_MIX_H
#define BL_MIX_H
#include <stddef.h>
#include <stdint.h>

/* sum[i] += frame[i], one frame */
void bl_mix_add(int32_t *sum, const int16_t *frame);
/* out = sum less own, saturated, one frame */
void bl_mix_without(const int32_t *sum, const int16_t *own, int16_t *out);

#endif
