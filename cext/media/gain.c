/* gain.c  Louder, softer or mute, without a click */
#include "gain.h"
#include "mix.h"

void bl_gain_frame(struct bl_gain *gain, int16_t *frame, size_t count)
{
	bl_mix_gain(frame, count, gain->now, gain->wanted);
	gain->now = gain->wanted;
}
