/*
 * dtmf_bank.h  The DTMF detector's filter bank: the looks of sixteen channels, by vectors
 *
 * What does it do?  It makes one look of 5 ms more of each lane and says which lanes deserve a
 *   closer one.
 * How does it work?  A look is the sum of the half that rose in the hop before and the half that
 *   falls now, each hop counted from its own middle. There cosines are even and sines odd, so
 *   that the hop is folded (sums and differences of samples that mirror each other) and half of
 *   the multiplications are saved. One text (dtmf_bank_path.h), compiled for each vector width.
 * How do I use it?  bl_dtmf_bank_begin() once, then bl_dtmf_bank_look().
 */
#ifndef BL_DTMF_BANK_H
#define BL_DTMF_BANK_H
#include "dtmf.h"
#include "frame.h"

enum {
	BL_DTMF_HOP = 40,   /* [samples], 5 ms between two looks */
	BL_DTMF_NEEDED = 6, /* [looks]: 35 ms are always enough, 25 ms (Q.24: 23) never */
};

#define BL_DTMF_FALL_TO 0.25f	   /* power of a look against the strongest: half the amplitude */
#define BL_DTMF_PURE 0.72f	   /* share of the power that the two tones hold at least */
#define BL_DTMF_NORMAL_TWIST 10.0f /* [power], 10 dB: high tone weaker (Q.24 asks for 8) */
#define BL_DTMF_REVERSE_TWIST 5.0f /* [power], 7 dB: low tone weaker (Q.24 asks for 4) */
#define BL_DTMF_WEAKEST_DBM0 (-35.0) /* of each tone; Q.24 asks for -25 */

enum bl_dtmf_path {
	BL_DTMF_PORTABLE, /* four lanes at once: SSE2, NEON, or whatever the compiler makes of it
			   */
	BL_DTMF_AVX2,	  /* eight, with FMA */
	BL_DTMF_AVX512,	  /* all sixteen */
	BL_DTMF_PATHS,
};

/* What a look found, by lane. */
struct bl_dtmf_found {
	uint32_t likely; /* two tones are strong enough: it may be (also the edge of) a digit */
	uint32_t ripe;	 /* likely for BL_DTMF_NEEDED looks */
};

/* Fills the tables and takes the best path that the machine has, once; any thread. */
void bl_dtmf_bank_begin(void);
/* The power that a look has at least of a tone of BL_DTMF_WEAKEST_DBM0. */
float bl_dtmf_bank_weakest(void);
/* Takes a hop of each lane in, from sample `at` of its frame; the look goes to looks[newest]. */
struct bl_dtmf_found bl_dtmf_bank_look(struct bl_dtmf_block *block,
				       const int16_t *const frames[BL_DTMF_LANES], size_t at);

/* For tests: all blocks take that path from now on. False: this machine cannot. */
bool bl_dtmf_bank_force(enum bl_dtmf_path path);
const char *bl_dtmf_bank_name(enum bl_dtmf_path path);

#endif
