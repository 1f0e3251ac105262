/*
 * greeting.h  Who answered: a human, a machine, a fax or nobody; and a voicemail's beep
 *
 * What does it do?  After an outgoing call was answered it decides, once, what answered. After
 *   that it goes on looking for the beep after which a machine records.
 * How does it work?  By timing alone, as the field does: a human says a word or two and waits for
 *   an answer, a machine makes a speech. A beep is a steady pure tone: each sample is foretold
 *   by the two before it (x[n+1] = 2 cos w x[n] - x[n-1]), frame by frame with the same w.
 * How do I use it?  bl_greeting_init() on answer, then bl_greeting_frame() with each frame and
 *   whether it holds voice (bl_voice.active, no hang-over). Call bl_greeting_fax() when a fax
 *   tone was found.
 */
#ifndef BL_GREETING_H
#define BL_GREETING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"

enum bl_greeting_result {
	BL_GREETING_UNDECIDED,
	BL_GREETING_HUMAN,
	BL_GREETING_MACHINE,
	BL_GREETING_FAX,
	BL_GREETING_SILENCE, /* nobody said anything */
	BL_GREETING_UNKNOWN, /* the time was up */
	BL_GREETING_BEEP,    /* told after the decision, when the beep has ended */
};

/* The beep: how long the same pure tone has lasted. */
struct bl_beep {
	float hz, level_dbm0; /* of the tone that sounds */
	int32_t ms;
	bool heard;  /* long enough to be one */
	bool ending; /* one more frame may hold its end */
};

struct bl_greeting {
	struct bl_greeting_setting setting;
	enum bl_greeting_result result;
	int32_t at_ms;		     /* since the answer */
	int32_t first_ms, last_ms;   /* begin of the first word, end of the last */
	int32_t voice_ms, silent_ms; /* of the word and the pause that last */
	int32_t words;
	bool in_word, spoke;
	struct bl_beep beep;
};

/* NULL: the usual defaults. */
void bl_greeting_init(struct bl_greeting *greeting, const struct bl_greeting_setting *setting);
/* One frame of 20 ms, of 160, 320 or 960 samples. Each result is told once. */
enum bl_greeting_result bl_greeting_frame(struct bl_greeting *greeting, const int16_t *pcm,
					  size_t count, bool voice);
/* A fax tone was heard: returns BL_GREETING_FAX if that decides it. */
enum bl_greeting_result bl_greeting_fax(struct bl_greeting *greeting);

/* True in the frame in which a beep has just ended; beep.hz and beep.ms say what it was. */
bool bl_beep_frame(struct bl_beep *beep, const int16_t *pcm, size_t count);

#endif
