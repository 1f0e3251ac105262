/* gain.c  Louder, softer or mute, without a click */
#include "gain.h"

void bl_gain_frame(struct bl_gain *gain, int16_t *frame, size_t count)
{
	float step = (gain->wanted - gain->now) / (float)count, factor = gain->now;

	for (size_t i = 0; i < count; i++) {
		float value = (float)frame[i] * (factor + step * (float)i);

		value = value > INT16_MAX ? INT16_MAX : value;
		frame[i] = (int16_t)(value < INT16_MIN ? INT16_MIN : value);
	}
	gain->now = gain->wanted;
}
