/*
 * echo.h  Takes out of what a line says what it was told: the echo of its hybrid (ITU-T G.168)
 *
 * What does it do?  Two wires carry both directions of an analogue line; the hybrid that parts
 * them gives back some of what is sent, 6 to 20 dB below it. The canceller learns that path and
 * takes its echo out, also while both sides talk; what is left may be suppressed as well. How does
 * it work?  speexdsp's adaptive filter in blocks (MDF), with a learning rate that falls by itself
 * when both sides talk; the rest by its spectral suppressor. What is sent and what comes must be
 * of one clock: device.h pairs them by the count of samples. How do I use it?  bl_echo_new() in
 * the caller's thread, bl_echo_frame() with each 10 ms, bl_echo_free() in the caller's thread. A
 * frame allocates nothing and takes about 12 µs with a tail of 64 ms, 25 µs more with the
 * suppressor.
 */
#ifndef BL_ECHO_H
#define BL_ECHO_H
#include <stdbool.h>
#include <stdint.h>

enum {
	BL_ECHO_FRAMES_PER_S = 100,
	BL_ECHO_FRAME_MAX = 160, /* [samples] at 16 kHz */
	BL_ECHO_LEAST_MS = 16,
	BL_ECHO_MOST_MS = 128,
};

struct bl_echo;

/* tail_ms: how late the echo's end may be; rate: 8,000 or 16,000. */
int bl_echo_new(int32_t rate, int32_t tail_ms, bool suppress, struct bl_echo **out);
void bl_echo_free(struct bl_echo *echo);
/* One frame: heard, less the echo of sent. clean and heard may be the same. */
void bl_echo_frame(struct bl_echo *echo, const int16_t *heard, const int16_t *sent,
		   int16_t *clean);

#endif
