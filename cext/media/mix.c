/* mix.c  What each leg of a bridge hears: the others, summed and kept within 16 bits */
#include "frame.h"
#include "mix.h"

void bl_mix_add(int32_t *restrict sum, const int16_t *restrict frame)
{
	for (int i = 0; i < BL_FRAME; i++)
		sum[i] += frame[i];
}

void bl_mix_without(const int32_t *restrict sum, const int16_t *restrict own,
		    int16_t *restrict out)
{
	for (int i = 0; i < BL_FRAME; i++) {
		int32_t rest = sum[i] - own[i];

		rest = rest > INT16_MAX ? INT16_MAX : rest;
		out[i] = (int16_t)(rest < INT16_MIN ? INT16_MIN : rest);
	}
}
