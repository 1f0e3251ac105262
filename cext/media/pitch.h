/* pitch.h  How far back sound looks most like itself: its pitch period, if it has one */
#ifndef BL_PITCH_H
#define BL_PITCH_H
#include <stddef.h>
#include <stdint.h>

enum {
	BL_PITCH_MIN_PER_S = 400, /* shortest period: 2.5 ms */
	BL_PITCH_MAX_PER_S = 67,  /* longest: not quite 15 ms; a deep voice */
};

/*
 * The lag of min to max samples at which count samples from x on look most like those before;
 * max samples before x must be there. likeness: normalised correlation, 1: the very same.
 */
size_t bl_pitch_lag(const int16_t *x, size_t count, size_t min, size_t max, int32_t rate,
		    float *likeness);

#endif
