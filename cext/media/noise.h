/*
 * noise.h  Comfort noise: RFC 3389 payloads played
 *
 * What does it do?  It plays noise of the level and colour of an RFC 3389 payload, and changes
 *   from one to the next without a step.
 * How does it work?  White noise goes through a normalised lattice of reflection coefficients,
 *   which keeps its power and stays stable for each payload there can be, and from one to the
 *   next.
 * How do I use it?  bl_noise_init(), bl_noise_payload(), then bl_noise_frame().
 */
#ifndef BL_NOISE_H
#define BL_NOISE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BL_NOISE_ORDER = 12, /* of the model; coefficients beyond are left out (RFC 3389 §3) */
};

struct bl_noise {
	float reflection[BL_NOISE_ORDER], target[BL_NOISE_ORDER];
	float back[BL_NOISE_ORDER]; /* the lattice's memory */
	float gain, target_gain;    /* RMS of what is played [samples] */
	int32_t fade_ms;	    /* until the target is reached */
	uint32_t seed;
};

/* Silent; noises of different seeds differ. */
void bl_noise_init(struct bl_noise *noise, uint32_t seed);
/* Takes an RFC 3389 payload over within 60 ms; BL_EINVAL when it is empty. */
int bl_noise_payload(struct bl_noise *noise, const uint8_t *payload, size_t size);
/* One frame of 20 ms at any rate; false: it is silent and will stay so. */
bool bl_noise_frame(struct bl_noise *noise, int16_t *out, size_t count);

#endif
