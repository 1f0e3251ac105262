/*
 * digits.h  Digits that wait to be sent to a leg, and the timing of the one being sent
 *
 * What does it do?  It sends queued digits one after another, each with a gap behind, as telephone
 *   events (RFC 4733) or as tones.
 * How does it work?  Time is counted in ticks. An event is one packet a tick that grows, then
 *   three ends in the first ticks of the gap.
 * How do I use it?  bl_digits_add(); each tick, when bl_digits_now() says that there is one,
 *   bl_digits_event() or bl_digits_tone(), then bl_digits_advance().
 */
#ifndef BL_DIGITS_H
#define BL_DIGITS_H
#include <stdbool.h>
#include <stdint.h>
#include "telephone_event.h"
#include "tone.h"

enum {
	BL_DIGITS_QUEUE = 64,
	BL_DIGITS_ON = 5,  /* [ticks], 100 ms: ETSI ES 201 235-2 asks for 65 ms at least */
	BL_DIGITS_GAP = 3, /* [ticks], 60 ms; also the three end packets of RFC 4733 §2.5.1.4 */
	BL_DIGITS_VOLUME = 8, /* [-dBm0], told in events */
};

struct bl_digits {
	uint8_t first, count;
	uint16_t tick; /* of the digit being sent, from 0 */
	char queue[BL_DIGITS_QUEUE];
	struct bl_telephone_sender event;
	struct bl_tone_plan tone;
	struct bl_tone_state state;
};

/* False when the queue is full. */
bool bl_digits_add(struct bl_digits *digits, char digit);
/* The digit being sent, 0 when there is none; *tick: where it stands. */
char bl_digits_now(const struct bl_digits *digits, int *tick);
/*
 * The packet of this tick, samples of the event's clock long; timestamp: of this tick. False:
 * the event and its ends are sent, the rest of the gap is free for sound.
 */
bool bl_digits_event(struct bl_digits *digits, uint32_t timestamp, uint32_t samples,
		     struct bl_telephone_packet *out);
/* One frame of the digit as a tone of that rate; a flash has none, and leaves the frame as it is.
 */
void bl_digits_tone(struct bl_digits *digits, int32_t rate, int16_t *frame);
void bl_digits_advance(struct bl_digits *digits);

#endif
