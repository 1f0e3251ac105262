/*
 * dtmf.h  Finds DTMF digits in sound (ITU-T Q.23, Q.24; ETSI ES 201 235-3), sixteen legs at once
 *
 * What does it do?  It names a digit once, about 35 ms after its tone began, and not again while
 *   that tone goes on. What it accepts and refuses is measured by test_dtmf.c, figure by figure.
 * How does it work?  Every 5 ms it looks at the last 10 ms through a Hann window at the eight
 *   frequencies. A digit is six looks in a row in which the same low and the same high tone
 *   stayed strong and level, hold most of the power, leave no third tone any, fit each other
 *   (twist), and turn at the right speed: the phase from look to look tells the frequency far
 *   better than the narrow filter that such short tones leave no time for.
 *   The looks of sixteen channels are made together, a channel in each lane of the vectors, by
 *   the widest vectors that the machine has (dtmf_bank.h). Only a lane whose looks were all likely
 *   is judged, one by one.
 * How do I use it?  A block for sixteen channels from bl_dtmf_blocks_new(), not in the tick; then
 *   bl_dtmf_block_frame() with each tick's frames. One thread at a time uses a block.
 */
#ifndef BL_DTMF_H
#define BL_DTMF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BL_DTMF_LANES = 16, /* channels in a block */
	BL_DTMF_TONES = 8,
	BL_DTMF_LOOKS = 8, /* kept; a power of two */
};

/* One look: the eight tones' complex amplitudes, and the mean power of its last 5 ms. */
struct bl_dtmf_look {
	float re[BL_DTMF_TONES][BL_DTMF_LANES], im[BL_DTMF_TONES][BL_DTMF_LANES];
	float total[BL_DTMF_LANES];
};

/* The digit that sounds in a lane; of no meaning in a lane that is not in `sounding`. */
struct bl_dtmf_digit {
	int8_t low, high;	     /* tones */
	uint8_t absent;		     /* [looks] in a row without it */
	float low_power, high_power; /* what it had lately */
};

/* Sixteen channels. A mask's bit n is lane n. */
struct bl_dtmf_block {
	/* first half of the next look; a cache line for each row */
	_Alignas(64) float rising[2 * BL_DTMF_TONES][BL_DTMF_LANES];
	float total_before[BL_DTMF_LANES]; /* of the hop before */
	int32_t run[BL_DTMF_LANES];	   /* [looks] in a row that were likely */
	struct bl_dtmf_look looks[BL_DTMF_LOOKS];
	uint32_t newest;   /* look */
	uint32_t sounding; /* lanes with a digit that was told and has not ended */
	bool idle;	   /* it heard nothing in its last frame, and nothing sounds */
	struct bl_dtmf_digit digits[BL_DTMF_LANES];
};

/* A digit that was confirmed, and told this once. */
struct bl_dtmf_hit {
	uint8_t lane;
	char digit;
	uint16_t ms;	/* how long its tone has been heard */
	uint16_t began; /* [samples] before the end of this frame, within 1 ms or so */
};

/* Zeroed and on cache lines of their own; NULL: no memory. Not in the tick. */
struct bl_dtmf_block *bl_dtmf_blocks_new(size_t count);
void bl_dtmf_blocks_free(struct bl_dtmf_block *blocks);

void bl_dtmf_block_init(struct bl_dtmf_block *block);
/* The lane's channel is another one from now on. */
void bl_dtmf_lane_reset(struct bl_dtmf_block *block, unsigned int lane);

/*
 * Hears 20 ms at 8 kHz (BL_FRAME samples) in each lane; NULL: nothing there to hear. Writes the
 * digits that were confirmed, and returns how many.
 */
size_t bl_dtmf_block_frame(struct bl_dtmf_block *block, const int16_t *const frames[BL_DTMF_LANES],
			   struct bl_dtmf_hit hits[BL_DTMF_LANES]);

#endif
