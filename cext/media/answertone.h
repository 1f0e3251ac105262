/*
 * answertone.h  Finds the tones with which a fax or a modem answers, and tells them apart
 *
 * What does it do?  It names 2,100 Hz that lasts: plain (CED of ITU-T T.30, V.25), with
 *   phase reversals each 450 ms (V.25: echo cancellers are to switch off), amplitude modulated
 *   by 15 Hz (ANSam of V.8: a V.34 modem or fax), or both.
 * How does it work?  Every 10 ms, which are 21 turns of 2,100 Hz, it measures amplitude and phase.
 *   The phase's drift is the frequency's error; a jump against the drift is a reversal; the last
 *   400 ms of amplitudes, six turns of 15 Hz, tell the modulation.
 * How do I use it?  bl_answertone_init(), then bl_answertone_frame() with frames at 8 kHz.
 */
#ifndef BL_ANSWERTONE_H
#define BL_ANSWERTONE_H
#include <stdbool.h>
#include <stdint.h>

enum {
	BL_ANSWERTONE_MEMORY = 40, /* [hops] of 10 ms */
};

enum bl_answertone_kind {
	BL_ANSWERTONE_NONE,
	BL_ANSWERTONE_CED,	      /* told after 700 ms */
	BL_ANSWERTONE_REVERSED,	      /* told at the second reversal */
	BL_ANSWERTONE_ANSAM,	      /* told after 700 ms */
	BL_ANSWERTONE_ANSAM_REVERSED, /* told at the second reversal */
};

struct bl_answertone {
	float re, im;	   /* of the last hop that was the tone */
	float drift;	   /* [radians] of phase in a hop, the mean of late */
	int32_t since;	   /* [hops] from that one to now */
	int32_t lasted;	   /* [hops] since the tone began; 0: there is none */
	int32_t turned;	   /* [hops] since the last reversal */
	int32_t reversals; /* of those that came at their time */
	bool told;
	float amplitude[BL_ANSWERTONE_MEMORY];
};

void bl_answertone_init(struct bl_answertone *tone);
/* One frame of 160 samples; what has just become certain, told once a tone. */
enum bl_answertone_kind bl_answertone_frame(struct bl_answertone *tone, const int16_t *pcm);

#endif
