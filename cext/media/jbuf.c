/* jbuf.c  The jitter buffer: samples in at any time and size, one frame out each tick */
#include <stdlib.h>
#include <string.h>
#include "jbuf.h"

enum {
	MASK = BL_JBUF_SIZE - 1,
	FAR_LATE = BL_RATE,	   /* [samples] behind: not late but another time line */
	WINDOW = 50,		   /* [frames] in which the spare time is watched */
	CALM_WINDOWS = 10,	   /* without a late packet, before the target sinks */
	QUIET_PEAK = 300,	   /* about -37 dBm0: a frame that may be skipped unheard */
	MUCH_SPARE = 3 * BL_FRAME, /* so much too early that a frame is skipped even if heard */
	FADE_FRAMES = 3,	   /* repeats sink to silence within 60 ms */
};

void bl_jbuf_init(struct bl_jbuf *jbuf)
{
	memset(jbuf, 0, sizeof(*jbuf));
	jbuf->target = BL_JBUF_TARGET;
	jbuf->spare = INT32_MAX;
	jbuf->gap = FADE_FRAMES; /* there is nothing yet to be repeated */
}

static void restart(struct bl_jbuf *jbuf, uint32_t timestamp)
{
	jbuf->running = true;
	jbuf->strayed = false;
	jbuf->play = timestamp - jbuf->target;
	jbuf->spare = INT32_MAX;
	jbuf->window = 0;
	if (jbuf->buffered)
		memset(jbuf->have, 0, sizeof(jbuf->have));
	jbuf->buffered = 0;
}

/* A timestamp that fits nowhere: believe it when the next one agrees with it. */
static bool believe_stray(struct bl_jbuf *jbuf, uint32_t timestamp)
{
	bool agrees = jbuf->strayed && abs((int32_t)(timestamp - jbuf->stray)) < FAR_LATE;

	jbuf->strayed = true;
	jbuf->stray = timestamp;
	return agrees || !jbuf->buffered;
}

/* Waits longer from now on, so that a packet which came too late is played after all. */
static void wait_longer(struct bl_jbuf *jbuf, uint32_t late)
{
	uint32_t more = (late + BL_FRAME - 1) / BL_FRAME * BL_FRAME;

	jbuf->play -= more;
	jbuf->target += more;
	if (jbuf->target > BL_JBUF_MAX)
		jbuf->target = BL_JBUF_MAX;
	jbuf->calm = 0;
}

/* Writes what does not go over the ring's end. */
static void write_run(struct bl_jbuf *jbuf, uint32_t at, const int16_t *pcm, size_t count)
{
	uint32_t there = 0;

	for (size_t i = 0; i < count; i++)
		there += jbuf->have[at + i];
	jbuf->buffered += (uint32_t)count - there;
	memset(jbuf->have + at, 1, count);
	memcpy(jbuf->pcm + at, pcm, count * sizeof(*pcm));
}

static void write_samples(struct bl_jbuf *jbuf, uint32_t timestamp, const int16_t *pcm,
			  size_t count)
{
	uint32_t at = timestamp & MASK;
	size_t first = BL_JBUF_SIZE - at;

	if (first > count)
		first = count;
	write_run(jbuf, at, pcm, first);
	write_run(jbuf, 0, pcm + first, count - first);
}

/* Takes one frame out of the ring; returns how many of its samples were there. */
static size_t take(struct bl_jbuf *jbuf, int16_t *frame, uint8_t *have)
{
	uint32_t from = jbuf->play & MASK;
	size_t first = BL_JBUF_SIZE - from, there = 0;

	if (first > BL_FRAME)
		first = BL_FRAME;
	memcpy(frame, jbuf->pcm + from, first * sizeof(*frame));
	memcpy(frame + first, jbuf->pcm, (BL_FRAME - first) * sizeof(*frame));
	memcpy(have, jbuf->have + from, first);
	memcpy(have + first, jbuf->have, BL_FRAME - first);
	memset(jbuf->have + from, 0, first);
	memset(jbuf->have, 0, BL_FRAME - first);
	for (int i = 0; i < BL_FRAME; i++)
		there += have[i];
	jbuf->play += BL_FRAME;
	jbuf->buffered -= (uint32_t)there;
	return there;
}

/* A burst after a long stall: what is too old by now is not worth its delay. */
static void skip_to(struct bl_jbuf *jbuf, uint32_t samples)
{
	int16_t skipped[BL_FRAME];
	uint8_t have[BL_FRAME];

	while (jbuf->buffered > samples)
		take(jbuf, skipped, have);
}

enum bl_jbuf_put bl_jbuf_put(struct bl_jbuf *jbuf, uint32_t timestamp, const int16_t *pcm,
			     size_t count, bool newest)
{
	int32_t early = (int32_t)(timestamp - jbuf->play);
	bool far = early < -FAR_LATE || early + (int32_t)count > BL_JBUF_SIZE;
	/* a pause in which the sender's time ran on */
	bool paused = !jbuf->buffered && early > (int32_t)jbuf->target + 2 * BL_FRAME;

	if (jbuf->running && far && !believe_stray(jbuf, timestamp))
		return BL_JBUF_STRAY;
	if (!jbuf->running || far || paused)
		restart(jbuf, timestamp);
	else if (early < 0 && newest)
		wait_longer(jbuf, (uint32_t)-early);
	jbuf->strayed = false;
	early = (int32_t)(timestamp - jbuf->play);
	if (early < jbuf->spare && newest)
		jbuf->spare = early;
	if (early < 0) {
		if ((size_t)-early >= count)
			return BL_JBUF_LATE;
		timestamp += (uint32_t)-early;
		pcm -= early;
		count -= (size_t)-early;
	}
	jbuf->quiet = false;
	write_samples(jbuf, timestamp, pcm, count);
	if (jbuf->buffered > BL_JBUF_FULL)
		skip_to(jbuf, jbuf->target);
	return BL_JBUF_TAKEN;
}

static bool is_quiet(const int16_t *frame)
{
	for (int i = 0; i < BL_FRAME; i++) {
		if (frame[i] > QUIET_PEAK || frame[i] < -QUIET_PEAK)
			return false;
	}
	return true;
}

/* At a window's end: skip a frame when all came early, let the target sink when all was calm. */
static void watch(struct bl_jbuf *jbuf)
{
	int32_t excess;

	if (++jbuf->window < WINDOW)
		return;
	excess = jbuf->spare == INT32_MAX ? 0 : jbuf->spare - (int32_t)jbuf->target;
	if (++jbuf->calm >= CALM_WINDOWS && jbuf->target > BL_JBUF_TARGET) {
		jbuf->target -= BL_FRAME;
		jbuf->calm = 0;
	}
	if (excess >= BL_FRAME && jbuf->buffered > BL_FRAME &&
	    (excess >= MUCH_SPARE || is_quiet(jbuf->last))) {
		skip_to(jbuf, jbuf->buffered - BL_FRAME);
	} else if (excess >= BL_FRAME && jbuf->window < 2 * WINDOW) {
		return; /* wait for a quiet frame */
	}
	jbuf->window = 0;
	jbuf->spare = INT32_MAX;
}

/* Fills what is missing with the frame before, fainter each time. */
static void conceal(struct bl_jbuf *jbuf, int16_t *frame, const uint8_t *have)
{
	int before = FADE_FRAMES - jbuf->gap, after = before - 1;

	for (int i = 0; i < BL_FRAME; i++) {
		int gain = before * (BL_FRAME - i) + after * i; /* of FADE_FRAMES * BL_FRAME */

		if (!have[i])
			frame[i] = (int16_t)(jbuf->last[i] * gain / (FADE_FRAMES * BL_FRAME));
	}
}

enum bl_jbuf_get bl_jbuf_get(struct bl_jbuf *jbuf, int16_t *frame)
{
	uint8_t have[BL_FRAME];
	size_t there = jbuf->running ? take(jbuf, frame, have) : 0;

	if (jbuf->running)
		watch(jbuf);
	if (there == BL_FRAME) {
		jbuf->gap = 0;
		memcpy(jbuf->last, frame, sizeof(jbuf->last));
		return BL_JBUF_WHOLE;
	}
	if (!there && (!jbuf->running || jbuf->quiet || jbuf->gap >= FADE_FRAMES)) {
		memset(frame, 0, BL_FRAME * sizeof(*frame));
		return BL_JBUF_SILENT;
	}
	if (jbuf->gap >= FADE_FRAMES || jbuf->quiet)
		memset(jbuf->last, 0, sizeof(jbuf->last));
	conceal(jbuf, frame, have);
	if (there) {
		memcpy(jbuf->last, frame, sizeof(jbuf->last));
		jbuf->gap = 0;
	} else {
		jbuf->gap++;
	}
	return BL_JBUF_CONCEALED;
}

void bl_jbuf_pause(struct bl_jbuf *jbuf)
{
	jbuf->quiet = true;
}
