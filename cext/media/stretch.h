/*
 * stretch.h  Makes a piece of speech one pitch period shorter or longer, unheard
 *
 * What does it do?  It changes the length of sound without changing its pitch: so the jitter
 *   buffer's delay shrinks and grows without clicks.
 * How does it work?  Overlap-add at the period (2.5 to 15 ms) where the sound looks most like
 *   itself (WSOLA). Sound that looks too little like itself is left alone, but for sound so faint
 *   that nobody hears the joint.
 * How do I use it?  Hand over the newest piece with the history right before it in the same array.
 */
#ifndef BL_STRETCH_H
#define BL_STRETCH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The least likeness of the two periods that are blended (see pitch.h). */
#define BL_STRETCH_WELL 0.85f
#define BL_STRETCH_ANYHOW -1.0f

/* Cuts at most `most` samples out of pcm; returns how many, 0: it was left alone. */
size_t bl_stretch_cut(int16_t *pcm, size_t count, size_t most, int32_t rate, float likeness);
/*
 * Puts a period in, at its beginning; there is room for 15 ms more, and `past` samples of what was
 * played before it lie right before it. Of silence hardly more than `least` is put in.
 * Returns how many samples, 0: it was left alone.
 */
size_t bl_stretch_insert(int16_t *pcm, size_t count, size_t past, size_t least, int32_t rate,
			 float likeness);

#endif
