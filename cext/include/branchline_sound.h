/* branchline_sound.h  What legs are played and what is listened for: prompts, tones, digits */
#ifndef BRANCHLINE_SOUND_H
#define BRANCHLINE_SOUND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_engine.h"

/* Tones of faxes and modems, as codes of BL_EVENT_TONE. */
enum bl_answer_tone {
	BL_TONE_CNG = -1,	     /* a fax calls (ITU-T T.30 §4.1.2) */
	BL_TONE_CED = -2,	     /* a fax or modem answers (T.30, V.25) */
	BL_TONE_CED_REVERSED = -3,   /* the same with phase reversals (V.25) */
	BL_TONE_ANSAM = -4,	     /* a V.34 fax or modem answers (V.8) */
	BL_TONE_ANSAM_REVERSED = -5, /* the same with phase reversals */
};

/* What answered a call; the beep comes after a machine, maybe more than once. */
enum bl_answer {
	BL_ANSWER_HUMAN = 1,
	BL_ANSWER_MACHINE,
	BL_ANSWER_FAX,
	BL_ANSWER_SILENCE, /* nobody said anything */
	BL_ANSWER_UNKNOWN, /* the time was up */
	BL_ANSWER_BEEP,	   /* a machine records from now on */
};

enum bl_play_end {
	BL_PLAY_END = 1,       /* all was played */
	BL_PLAY_STOPPED,       /* by bl_play_stop() */
	BL_PLAY_REPLACED,      /* by the next bl_play() */
	BL_PLAY_BRIDGED,       /* the leg came into a bridge */
	BL_PLAY_REMOVED,       /* the leg was removed */
	BL_PLAY_BARGED_DIGIT,  /* the leg pressed a key */
	BL_PLAY_BARGED_SPEECH, /* the leg began to speak */
};

enum bl_play_loop {
	BL_LOOP_NONE = 0,
	BL_LOOP_ALL,  /* from the first item again */
	BL_LOOP_LAST, /* the last item again and again */
};

/* What may stop a play, as flags. */
enum bl_barge {
	BL_BARGE_DIGIT = 1,
	BL_BARGE_SPEECH = 2,
};

struct bl_prompt;

/* What sounds for on_ms, and the silence of off_ms after it. Without any hz it is all silence. */
struct bl_tone_part {
	double hz[4];	      /* 0: unused */
	double level_dbm0[4]; /* of each frequency */
	double modulate_hz;   /* of hz[0]'s amplitude: f1 x f2 of ITU-T E.180 Supp. 2; 0: none */
	int32_t on_ms, off_ms;
};

/* A tone: its parts in order; then those from `from` on again, until they were played `times`. */
struct bl_tone {
	int32_t count; /* of parts, 1 to 8 */
	int32_t from;
	int32_t times; /* 0 and 1: once; -1: without end */
	struct bl_tone_part parts[8];
};

/* A tone to look for; levels count only against each other, repeats not at all. */
struct bl_find_tone {
	int32_t id;	     /* the caller's own, 1 and up */
	int32_t off_percent; /* times' tolerance; 0: 12 % */
	struct bl_tone tone;
	double off_hz; /* frequencies' tolerance; 0: 2 % and 4 Hz */
};

/* How a human is told from a machine; in brackets what is usual. */
struct bl_greeting_setting {
	int32_t initial_silence_ms; /* longer before any word: silence (2500) */
	int32_t greeting_ms;	    /* a longer greeting: machine (1500) */
	int32_t after_silence_ms;   /* so much after the greeting: human (800) */
	int32_t total_ms;	    /* longer altogether: unknown (5000) */
	int32_t word_ms;	    /* shorter is a noise, no word (100) */
	int32_t between_words_ms;   /* a shorter pause is inside a word (50) */
	int32_t words;		    /* more of them: machine (3) */
};

/* One thing to play: a prompt, or a tone where prompt is NULL. */
struct bl_play_item {
	struct bl_prompt *prompt;
	struct bl_tone tone;
};

struct bl_play_spec {
	const struct bl_play_item *items;
	int32_t count;
	int32_t loop;	  /* enum bl_play_loop */
	int32_t barge;	  /* enum bl_barge, or-ed */
	int32_t start_ms; /* where it begins; in a loop: within its first round */
	double gain_db;	  /* -60 to 20 */
	bool append;	  /* after what plays; else it replaces all that */
	bool over;	  /* the leg goes on hearing its bridge, the play is added to it */
};

int bl_leg_detect(struct bl_engine *engine, int64_t leg, bool on);
/* Tell when somebody begins and stops to talk. */
int bl_leg_voice(struct bl_engine *engine, int64_t leg, bool on);
/* Look for up to 16 tones in what the leg says, each told when it is certain; count 0: for none.
 */
int bl_leg_tones(struct bl_engine *engine, int64_t leg, const struct bl_find_tone *tones,
		 int32_t count);
/* Look for the tones of faxes and modems. */
int bl_leg_answer_tones(struct bl_engine *engine, int64_t leg, bool on);
/* From now on: who has answered? setting NULL: what is usual. */
int bl_leg_greeting(struct bl_engine *engine, int64_t leg, bool on,
		    const struct bl_greeting_setting *setting);

/* Copies the samples, 8, 16 or 48 kHz; share one prompt among any number of plays. */
int bl_prompt_new(const int16_t *samples, size_t count, int32_t rate, struct bl_prompt **out);
/* Converts it to a rate that it will be played at, so that bl_play() need not. */
int bl_prompt_prepare(struct bl_prompt *prompt, int32_t rate);
/* May be called while it is being played. */
void bl_prompt_free(struct bl_prompt *prompt);
/* The leg hears the items instead of its bridge, whose other legs go on hearing it. */
int bl_play(struct bl_engine *engine, int64_t leg, int64_t play, const struct bl_play_spec *spec);
/* One play, wherever it is in the queue; 0: all. */
int bl_play_stop(struct bl_engine *engine, int64_t leg, int64_t play);
/* The next three are about the play that sounds, and do nothing where there is none. */
int bl_play_pause(struct bl_engine *engine, int64_t leg, bool on);
int bl_play_seek(struct bl_engine *engine, int64_t leg, int64_t ms, bool relative);
int bl_play_gain(struct bl_engine *engine, int64_t leg, double gain_db);
/* Queues digits 0-9 * # A-D: RFC 4733 where the remote knows it, else as tones. */
int bl_digits_send(struct bl_engine *engine, int64_t leg, const char *digits);

#endif
