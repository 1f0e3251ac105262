/* digits.c  Digits that wait to be sent to a leg, and the timing of the one being sent */
#include <string.h>
#include "digits.h"
#include "frame.h"

bool bl_digits_add(struct bl_digits *digits, char digit)
{
	if (digits->count == BL_DIGITS_QUEUE)
		return false;
	digits->queue[(digits->first + digits->count++) % BL_DIGITS_QUEUE] = digit;
	return true;
}

char bl_digits_now(const struct bl_digits *digits, int *tick)
{
	*tick = digits->tick;
	return digits->count ? digits->queue[digits->first] : 0;
}

void bl_digits_tone(struct bl_digits *digits, int16_t *frame)
{
	size_t done;

	if (!digits->tick) {
		struct bl_tone tone;

		if (!bl_tone_digit(digits->queue[digits->first], BL_DIGITS_ON * BL_FRAME_MS,
				   &tone))
			return;
		bl_tone_plan(&tone, &digits->tone);
		memset(&digits->state, 0, sizeof(digits->state));
	}
	done = bl_tone_fill(&digits->tone, &digits->state, frame, BL_FRAME);
	memset(frame + done, 0, (BL_FRAME - done) * sizeof(*frame));
}

void bl_digits_advance(struct bl_digits *digits)
{
	if (++digits->tick < BL_DIGITS_ON + BL_DIGITS_GAP)
		return;
	digits->tick = 0;
	digits->first = (uint8_t)((digits->first + 1) % BL_DIGITS_QUEUE);
	digits->count--;
}
