/*
 * plc.h  Packet loss concealment: sound for what never came, and a smooth way back
 *
 * What does it do?  It continues speech over a gap, fades it out when the gap is long, and blends
 *   it into what comes after; in long gaps it leaves the background noise of before.
 * How does it work?  As ITU-T G.711 Appendix I: the last pitch period is repeated, then two and
 *   three of them as the gap goes on, blended at their joints by a quarter of a period; after
 *   10 ms it fades by a fifth each 10 ms. Sound without a pitch is repeated from farther back, or
 *   it would buzz. Where the packet after the gap is there already, the gap is filled from both
 *   ends.
 * How do I use it?  bl_plc_init(), bl_plc_heard() with all good sound; in a gap bl_plc_fill(),
 *   and bl_plc_join() on the first good sound after it; or bl_plc_bridge() for both.
 */
#ifndef BL_PLC_H
#define BL_PLC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BL_PLC_PAST_PER_S = 20 }; /* 50 ms: three periods of the deepest voice and a joint */

struct bl_plc {
	int32_t rate;
	int16_t *wave;	 /* the past as it was when the gap began */
	size_t past;	 /* [samples] of it */
	size_t period;	 /* [samples] */
	size_t position; /* in wave, of the next sample */
	size_t filled;	 /* [samples] of this gap so far */
	float step;	 /* at the gap's beginning, faded out */
	bool voiced;
	float noise; /* rms of the background */
	uint32_t random;
};

/* memory: BL_PLC_PAST_PER_S's share of the rate, [samples] */
void bl_plc_init(struct bl_plc *plc, int32_t rate, int16_t *memory);
/* All good sound goes through here. */
void bl_plc_heard(struct bl_plc *plc, const int16_t *pcm, size_t count);
/* Right before pcm lie 50 ms of what was played before it. */
void bl_plc_fill(struct bl_plc *plc, int16_t *pcm, size_t count);
/* The first good sound after a gap: blends the filling into it. */
void bl_plc_join(struct bl_plc *plc, int16_t *pcm, size_t count);
/*
 * Fills a gap whose end is known: the past is bent so that it meets what comes after in its phase,
 * and fades into the periods of that. After the gap there are length good samples.
 */
void bl_plc_bridge(struct bl_plc *plc, int16_t *gap, size_t count, int16_t *after, size_t length);
/* Background noise of that strength (rms). */
void bl_plc_noise(struct bl_plc *plc, int16_t *pcm, size_t count, float rms);

#endif
