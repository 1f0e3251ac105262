/* digits.h  Digits that wait to be sent to a leg, and the timing of the one being sent */
#ifndef BL_DIGITS_H
#define BL_DIGITS_H
#include <stdbool.h>
#include <stdint.h>
#include "tone.h"

enum {
	BL_DIGITS_QUEUE = 64,
	BL_DIGITS_ON = 5,  /* [ticks], 100 ms: ETSI ES 201 235-2 asks for 65 ms at least */
	BL_DIGITS_GAP = 3, /* [ticks], 60 ms; also the three end packets of RFC 4733 §2.5.1.4 */
};

struct bl_digits {
	char queue[BL_DIGITS_QUEUE];
	uint8_t first, count;
	uint8_t tick; /* of the digit being sent, from 0 */
	struct bl_tone_plan tone;
	struct bl_tone_state state;
};

/* False when the queue is full. */
bool bl_digits_add(struct bl_digits *digits, char digit);
/* The digit being sent, 0 when there is none; *tick: where it stands. */
char bl_digits_now(const struct bl_digits *digits, int *tick);
/* One frame of the digit as a tone. */
void bl_digits_tone(struct bl_digits *digits, int16_t *frame);
void bl_digits_advance(struct bl_digits *digits);

#endif
