/*
 * power.h  How loud samples are
 *
 * What does it do?  It gives the power of samples, and the level in dBm0 that it is.
 * How does it work?  Sums of squares in floats, many lanes at a time.
 * How do I use it?  bl_power() of a frame at any rate, and bl_power_dbm0() of that.
 */
#ifndef BL_POWER_H
#define BL_POWER_H
#include <stddef.h>
#include <stdint.h>

#define BL_SILENT_DBM0 (-90.0f) /* what digital silence is called */

/* Mean square of the samples, less their mean: a line's direct current is no sound. */
float bl_power(const int16_t *pcm, size_t count);
float bl_power_dbm0(float power);
/* The sum of their squares. */
float bl_power_square(const int16_t *pcm, size_t count);

#endif
