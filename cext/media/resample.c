/* resample.c  stand-in */
#include "resample.h"

void bl_resample_init(struct bl_resample *resample, int32_t from, int32_t to)
{
	resample->from = from;
	resample->to = to;
}

void bl_resample_frame(struct bl_resample *resample, const int16_t *in, int16_t *out)
{
	for (int32_t i = 0; i < resample->to / 50; i++)
		out[i] = in[i * resample->from / resample->to];
}
