/* resample.h  stand-in */
#ifndef BL_RESAMPLE_H
#define BL_RESAMPLE_H
#include <stdint.h>

struct bl_resample {
	int32_t from, to;
};

void bl_resample_init(struct bl_resample *resample, int32_t from, int32_t to);
/* One frame of 20 ms. */
void bl_resample_frame(struct bl_resample *resample, const int16_t *in, int16_t *out);

#endif
