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

bool bl_digits_event(struct bl_digits *digits, uint32_t timestamp, uint32_t samples,
		     struct bl_telephone_packet *out)
{
	int event = bl_telephone_event_of(digits->queue[digits->first]);

	if (!digits->count || event < 0 || digits->tick >= BL_DIGITS_ON + BL_TELEPHONE_ENDS)
		return false;
	if (!digits->tick)
		bl_telephone_start(&digits->event, (uint8_t)event, BL_DIGITS_VOLUME, timestamp);
	bl_telephone_next(&digits->event, samples, digits->tick >= BL_DIGITS_ON, out);
	return true;
}

void bl_digits_tone(struct bl_digits *digits, int32_t rate, int16_t *frame)
{
	size_t count = (size_t)rate / BL_TICKS_PER_S;
	char digit = digits->queue[digits->first];
	size_t done;

	if (digit == '!')
		return;
	if (!digits->tick) {
		struct bl_tone tone;

		if (!bl_tone_digit(digit, BL_DIGITS_ON * BL_FRAME_MS, &tone))
			return;
		bl_tone_plan(&tone, rate, &digits->tone);
		memset(&digits->state, 0, sizeof(digits->state));
	}
	done = bl_tone_fill(&digits->tone, &digits->state, frame, count);
	memset(frame + done, 0, (count - done) * sizeof(*frame));
}

void bl_digits_advance(struct bl_digits *digits)
{
	if (!digits->count || ++digits->tick < BL_DIGITS_ON + BL_DIGITS_GAP)
		return;
	digits->tick = 0;
	digits->first = (uint8_t)((digits->first + 1) % BL_DIGITS_QUEUE);
	digits->count--;
}
