/*
 * analysis.h  What a leg is listened to for on demand: tones, fax and modem tones, who answered
 *
 * What does it do?  It tells the call-progress tones of a given set, the tones of faxes and modems
 *   (CNG, CED, ANSam), and whether a human, a machine, a fax or nobody answered a call.
 * How does it work?  Each kind is an object of its own, made in the caller's thread and swapped by
 *   the tick, so that one may be switched without the others losing their place. They listen to
 *   the leg at 8 kHz. The set of tones, which takes long to work out, is shared by all legs that
 *   are listened to for the same.
 * How do I use it?  bl_analysis_new() and a command; each tick bl_leg_analyse(). What the tick
 *   lets go of is freed by its node's release, with the engine's lock held.
 */
#ifndef BL_ANALYSIS_H
#define BL_ANALYSIS_H
#include <stdbool.h>
#include <stdint.h>
#include "answertone.h"
#include "branchline_media.h"
#include "greeting.h"
#include "node.h"
#include "tonefind.h"

struct bl_leg;
struct bl_worker;

enum bl_analysis_kind {
	BL_ANALYSIS_TONES,
	BL_ANALYSIS_ANSWER_TONES,
	BL_ANALYSIS_GREETING,
	BL_ANALYSES,
};

/* What legs are listened to for. The caller's side, under its lock; the tick reads only `set`. */
struct bl_tone_set {
	struct bl_tone_set *next;
	struct bl_tone_sets *of;
	int32_t uses, count;
	struct bl_find_tone tones[BL_TONEFIND_TONES];
	struct bl_tonefind_set set;
};

struct bl_tone_sets {
	struct bl_tone_set *first;
};

struct bl_analysis {
	struct bl_node node;
	enum bl_analysis_kind kind;
	struct bl_tone_set *set;     /* the caller's tones, or CNG */
	struct bl_tonefind find;     /* of that set */
	struct bl_answertone answer; /* not of BL_ANALYSIS_TONES */
	struct bl_greeting greeting; /* of BL_ANALYSIS_GREETING */
};

/* What the caller asks for. */
struct bl_analysis_wish {
	enum bl_analysis_kind kind;
	int32_t count; /* of tones, BL_ANALYSIS_TONES only */
	const struct bl_find_tone *tones;
	const struct bl_greeting_setting *setting; /* NULL: what is usual */
};

int bl_analysis_new(struct bl_tone_sets *sets, const struct bl_analysis_wish *wish,
		    struct bl_analysis **out);
void bl_analysis_release(struct bl_engine *engine, struct bl_node *node);

/* The tick's: one frame at 8 kHz, after the leg's level was measured. */
void bl_leg_analyse(struct bl_worker *worker, struct bl_leg *leg, const int16_t *narrow);
/* Is it listened to at all? */
bool bl_leg_is_analysed(const struct bl_leg *leg);

#endif
