/*
 * voice.h  Whether somebody speaks
 *
 * What does it do?  For each frame it measures the level, follows the noise floor, says whether
 *   the frame holds voice, and tells when somebody begins and stops to talk.
 * How does it work?  The floor is the least level of the last three seconds, in which every
 *   speaker draws breath. Voice is what stands clearly above it. Talk begins after a few frames of
 *   voice, so that a click is none, and ends after a longer pause, so that words hang together.
 * How do I use it?  bl_voice_init(), then bl_voice_frame() with each frame of any rate.
 */
#ifndef BL_VOICE_H
#define BL_VOICE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BL_VOICE_SPANS = 10, /* of the floor's memory */
};

enum bl_voice_event {
	BL_VOICE_NONE,
	BL_VOICE_STARTED, /* somebody talks */
	BL_VOICE_STOPPED,
};

struct bl_voice_config {
	int32_t onset_ms; /* of voice until it is talk */
	int32_t hang_ms;  /* of silence until talk has ended */
	float above_db;	  /* of voice over the noise floor */
	float least_dbm0; /* nothing below is voice */
};

struct bl_voice {
	struct bl_voice_config config;
	float level_dbm0; /* of the last frame */
	float floor_dbm0; /* of the noise under it */
	bool active;	  /* does the last frame hold voice? No hang-over. */
	bool talking;
	uint8_t span, span_frames;
	int32_t run_ms; /* of voice before talk, of silence in it */
	float lowest;	/* of this span so far */
	float others;	/* the least of the other spans */
	float least[BL_VOICE_SPANS];
};

/* NULL: 60 ms, 600 ms, 9 dB, -50 dBm0, which suit a display of who talks. */
void bl_voice_init(struct bl_voice *voice, const struct bl_voice_config *config);
/* One frame of 20 ms; tells when talk began or ended. */
enum bl_voice_event bl_voice_frame(struct bl_voice *voice, const int16_t *pcm, size_t count);

#endif
