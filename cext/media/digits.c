/* digits.c  Digits that wait to be sent to a leg, and the timing of the one being sent */
#include <string.h>
#include "digits.h"
#include "frame.h"

static bool add(struct bl_digits *digits, struct bl_digit digit)
{
	if (digits->count == BL_DIGITS_QUEUE)
		return false;
	digits->queue[(digits->first + digits->count++) % BL_DIGITS_QUEUE] = digit;
	return true;
}

bool bl_digits_add(struct bl_digits *digits, char digit)
{
	return add(digits, (struct bl_digit){digit, BL_DIGITS_ON, BL_DIGITS_GAP});
}

static uint16_t ticks_of(int32_t ms)
{
	return (uint16_t)((ms + BL_FRAME_MS - 1) / BL_FRAME_MS);
}

bool bl_digits_add_for(struct bl_digits *digits, char digit, int32_t on_ms, int32_t gap_ms)
{
	int32_t on = on_ms ? on_ms : BL_DIGITS_ON * BL_FRAME_MS;
	int32_t gap = gap_ms ? gap_ms : BL_DIGITS_GAP * BL_FRAME_MS;

	if (on < BL_DIGITS_ON_LEAST_MS || on > BL_DIGITS_ON_MOST_MS ||
	    gap < BL_DIGITS_GAP_LEAST_MS || gap > BL_DIGITS_GAP_MOST_MS)
		return false;
	return add(digits, (struct bl_digit){digit, ticks_of(on), ticks_of(gap)});
}

char bl_digits_now(const struct bl_digits *digits, int *tick)
{
	*tick = digits->tick;
	return digits->count ? digits->queue[digits->first].digit : 0;
}

bool bl_digits_event(struct bl_digits *digits, uint32_t timestamp, uint32_t samples,
		     struct bl_telephone_packet *out)
{
	const struct bl_digit *now = &digits->queue[digits->first];
	int event = bl_telephone_event_of(now->digit);

	if (!digits->count || event < 0 || digits->tick >= now->on + BL_TELEPHONE_ENDS)
		return false;
	if (!digits->tick)
		bl_telephone_start(&digits->event, (uint8_t)event, BL_DIGITS_VOLUME, timestamp);
	bl_telephone_next(&digits->event, samples, digits->tick >= now->on, out);
	return true;
}

void bl_digits_tone(struct bl_digits *digits, int32_t rate, int16_t *frame)
{
	size_t count = (size_t)rate / BL_TICKS_PER_S;
	const struct bl_digit *now = &digits->queue[digits->first];
	size_t done;

	if (now->digit == '!')
		return;
	if (!digits->tick) {
		struct bl_tone tone;

		if (!bl_tone_digit(now->digit, now->on * BL_FRAME_MS, &tone))
			return;
		bl_tone_plan(&tone, rate, &digits->tone);
		memset(&digits->state, 0, sizeof(digits->state));
	}
	done = bl_tone_fill(&digits->tone, &digits->state, frame, count);
	memset(frame + done, 0, (count - done) * sizeof(*frame));
}

void bl_digits_advance(struct bl_digits *digits)
{
	const struct bl_digit *now = &digits->queue[digits->first];

	if (!digits->count || ++digits->tick < now->on + now->gap)
		return;
	digits->tick = 0;
	digits->first = (uint8_t)((digits->first + 1) % BL_DIGITS_QUEUE);
	digits->count--;
}
