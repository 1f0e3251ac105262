/*
 * tonefind.h  Finds call-progress tones: dial, ring-back, busy, congestion, SIT, a fax's CNG
 *
 * What does it do?  It names a tone of a given set (a country's) after the fewest cycles that
 *   make it certain: two of a quick cadence, one of a slow one, one pass through tones that
 *   follow each other as those of SIT do, and a steady tone when it has outlasted all others.
 * How does it work?  Every 10 ms it looks at the power spectrum of the last 64 ms. A sound of the
 *   set is there if most of the power lies at its frequencies; frequencies closer than the
 *   spectrum can part (400 + 450, 400 x 25) are judged by their common centre. Stretches of the
 *   same sound and of silence become segments, and the last segments are held against each
 *   tone's cadence. Where one tone's cycles are part of another tone's, more of them are needed.
 * How do I use it?  bl_tonefind_set() with the tones outside the tick; any number of legs share
 *   the set. bl_tonefind_init() for each leg, then bl_tonefind_frame() with frames at 8 kHz.
 */
#ifndef BL_TONEFIND_H
#define BL_TONEFIND_H
#include <stdbool.h>
#include <stdint.h>
#include "spectrum.h"
#include "tone.h"

enum {
	BL_TONEFIND_TONES = 16,	   /* of a set */
	BL_TONEFIND_SOUNDS = 32,   /* different ones of a set's parts */
	BL_TONEFIND_STEPS = 16,	   /* sounds and silences until a tone is certain */
	BL_TONEFIND_SEGMENTS = 20, /* remembered */
	BL_TONEFIND_HOPS = 9,	   /* [hops] around the one that is judged */
};

/* What to look for; levels count only against each other, repeats not at all. */
struct bl_tonefind_tone {
	int32_t id; /* the caller's, not 0 */
	struct bl_tone signal;
	float off_hz;	     /* frequencies' tolerance; 0: 2 % and 4 Hz (ITU-T Q.35: 1 %) */
	int32_t off_percent; /* times' tolerance; 0: 12 % (ITU-T Q.35: 10 %), always and 25 ms */
};

/* Power between two frequencies, whose centre has to lie within off_hz of centre_hz. */
struct bl_tonefind_band {
	float low_hz, high_hz, centre_hz, off_hz;
};

struct bl_tonefind_sound {
	int32_t bands; /* 0: silence */
	struct bl_tonefind_band band[BL_TONE_HZ];
};

/* A sound, or silence (-1), and how long it may last [hops]. */
struct bl_tonefind_step {
	int32_t sound;
	int32_t least, most;
};

/* The whole cadence once, and how many steps of it have to pass. */
struct bl_tonefind_pattern {
	int32_t id, cycle;  /* [steps] */
	int32_t needed;	    /* [steps] before the one that lasts; 0: a steady tone */
	bool in_order;	    /* it begins at its first step only (SIT) */
	int32_t last_least; /* [hops] of the step that lasts */
	struct bl_tonefind_step step[BL_TONEFIND_STEPS];
};

struct bl_tonefind_set {
	int32_t sounds, patterns;
	struct bl_tonefind_sound sound[BL_TONEFIND_SOUNDS];
	struct bl_tonefind_pattern pattern[BL_TONEFIND_TONES];
};

/* The same for so many hops: one or more sounds of the set, silence, or anything else. */
struct bl_tonefind_segment {
	uint32_t sounds; /* a bit each; 0: none */
	bool silent;
	int32_t hops;
};

struct bl_tonefind_hop {
	uint32_t sounds;
	float power; /* [sample squared] */
};

struct bl_tonefind {
	const struct bl_tonefind_set *set;
	int16_t sound[BL_SPECTRUM_LENGTH];
	struct bl_tonefind_hop hop[BL_TONEFIND_HOPS]; /* newest last */
	float reference;			      /* power of the tones of late */
	/* the newest is segment[count - 1] and still lasts; changed: hops that may be the next */
	struct bl_tonefind_segment segment[BL_TONEFIND_SEGMENTS], changed;
	int32_t count;
	int32_t heard[BL_TONEFIND_SOUNDS]; /* [hops] each sound in the newest segment */
	int32_t told;			   /* pattern that was told and goes on; -1: none */
};

/* BL_EINVAL: too many tones, parts or different sounds, or nothing to hear in one. */
int bl_tonefind_set(const struct bl_tonefind_tone *tones, int32_t count,
		    struct bl_tonefind_set *out);
/* The calling tone of a fax (ITU-T T.30 §4.1.2): 1,100 Hz ± 38 Hz, 0.5 s of 3.5 s, ± 15 %. */
struct bl_tonefind_tone bl_tonefind_cng(int32_t id);
void bl_tonefind_init(struct bl_tonefind *find, const struct bl_tonefind_set *set);
/* One frame of 160 samples; the id of the tone that has just become certain, else 0. */
int32_t bl_tonefind_frame(struct bl_tonefind *find, const int16_t *pcm);

#endif
