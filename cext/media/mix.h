/* mix.h  What each leg of a bridge hears: the others, summed and kept within 16 bits */
#ifndef BL_MIX_H
#define BL_MIX_H
#include <stddef.h>
#include <stdint.h>

/* sum[i] += frame[i] */
void bl_mix_add(int32_t *sum, const int16_t *frame, size_t count);
/* out = sum less own, saturated; own NULL: just the sum */
void bl_mix_without(const int32_t *sum, const int16_t *own, int16_t *out, size_t count);
/* frame += other, saturated */
void bl_mix_onto(int16_t *frame, const int16_t *other, size_t count);

#endif
