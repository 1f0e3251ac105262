/* mix.c  What each leg of a bridge hears: the others, summed and kept within 16 bits */
#include "mix.h"

static int16_t saturated(int32_t value)
{
	value = value > INT16_MAX ? INT16_MAX : value;
	return (int16_t)(value < INT16_MIN ? INT16_MIN : value);
}

void bl_mix_add(int32_t *restrict sum, const int16_t *restrict frame, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sum[i] += frame[i];
}

void bl_mix_without(const int32_t *restrict sum, const int16_t *restrict own,
		    int16_t *restrict out, size_t count)
{
	if (own) {
		for (size_t i = 0; i < count; i++)
			out[i] = saturated(sum[i] - own[i]);
	} else {
		for (size_t i = 0; i < count; i++)
			out[i] = saturated(sum[i]);
	}
}

void bl_mix_onto(int16_t *restrict frame, const int16_t *restrict other, size_t count)
{
	for (size_t i = 0; i < count; i++)
		frame[i] = saturated(frame[i] + other[i]);
}
