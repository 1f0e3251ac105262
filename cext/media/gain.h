/* gain.h  Louder, softer or mute, without a click: a change is spread over one frame */
#ifndef BL_GAIN_H
#define BL_GAIN_H
#include <stddef.h>
#include <stdint.h>

struct bl_gain {
	float now, wanted; /* factors of the amplitude */
};

static inline void bl_gain_init(struct bl_gain *gain)
{
	gain->now = gain->wanted = 1.0f;
}

/* True when the frame would come out as it is. */
static inline int bl_gain_is_unity(const struct bl_gain *gain)
{
	return gain->now == 1.0f && gain->wanted == 1.0f;
}

/* Scales one frame from the gain as it is to the gain wanted, saturated. */
void bl_gain_frame(struct bl_gain *gain, int16_t *frame, size_t count);

#endif
