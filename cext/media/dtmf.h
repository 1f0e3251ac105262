/*
 * dtmf.h  Finds DTMF digits in sound (ITU-T Q.23, Q.24; ETSI ES 201 235-3)
 *
 * What does it do?  It names a digit once, about 35 ms after its tone began, and not again while
 *   that tone goes on. What it accepts and refuses is measured by test_dtmf.c, figure by figure.
 * How does it work?  Every 5 ms it looks at the last 10 ms through a Hann window at the eight
 *   frequencies. A digit is six looks in a row in which the same low and the same high tone
 *   stayed strong, hold most of the power, fit each other (twist), and turn at the right speed:
 *   the phase from look to look tells the frequency far better than the narrow filter that such
 *   short tones leave no time for.
 * How do I use it?  bl_dtmf_init(), then bl_dtmf_frame() for each frame.
 */
#ifndef BL_DTMF_H
#define BL_DTMF_H
#include <stdint.h>

enum {
	BL_DTMF_TONES = 8,
	BL_DTMF_LOOKS = 8, /* kept; a power of two */
};

/* One look: the eight tones' complex amplitudes and powers, and the power of its last 5 ms. */
struct bl_dtmf_look {
	float re[BL_DTMF_TONES], im[BL_DTMF_TONES], power[BL_DTMF_TONES];
	float total;
};

struct bl_dtmf {
	float rising[2 * BL_DTMF_TONES]; /* first half of the next look */
	struct bl_dtmf_look looks[BL_DTMF_LOOKS];
	uint32_t newest;
	int8_t low, high;	     /* tones of the digit that sounds, -1: none */
	uint8_t absent;		     /* [looks] in a row without it */
	float low_power, high_power; /* what it had lately */
};

void bl_dtmf_init(struct bl_dtmf *dtmf);
/* The digit whose tone this frame confirmed, else 0; ms: how long it has been heard. */
char bl_dtmf_frame(struct bl_dtmf *dtmf, const int16_t *frame, int *ms);

#endif
