/*
 * noise.h  Comfort noise: RFC 3389 payloads made and played, and plain noise that fades
 *
 * What does it do?  A source plays noise of a level and a colour, which come from an RFC 3389
 *   payload or from the caller, and changes from one to the next without a step. A meter listens
 *   to the noise between words and describes it as such a payload.
 * How does it work?  White noise goes through a normalised lattice of reflection coefficients,
 *   which keeps its power and stays stable for each payload there can be, and from one to the
 *   next. The meter keeps a mean autocorrelation, which Levinson's recursion turns into the same
 *   coefficients.
 * How do I use it?  Source: bl_noise_init(), bl_noise_payload() or bl_noise_plain(), then
 *   bl_noise_frame(). Meter: zeroed; bl_noise_meter_frame() with frames without voice, then
 *   bl_noise_meter_payload() whenever a packet is due.
 */
#ifndef BL_NOISE_H
#define BL_NOISE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BL_NOISE_ORDER = 12, /* of the model; coefficients beyond are left out (RFC 3389 §3) */
	BL_NOISE_PAYLOAD_ORDER = 10, /* of the payloads we make */
};

struct bl_noise {
	float reflection[BL_NOISE_ORDER], target[BL_NOISE_ORDER];
	float back[BL_NOISE_ORDER]; /* the lattice's memory */
	float gain, target_gain;    /* RMS of what is played [samples] */
	int32_t fade_ms;	    /* until the target is reached */
	uint32_t seed;
};

struct bl_noise_meter {
	float lags[BL_NOISE_PAYLOAD_ORDER + 1]; /* mean autocorrelation [sample squared] */
	float power;				/* [sample squared] */
	uint32_t frames;
};

/* Silent; noises of different seeds differ. */
void bl_noise_init(struct bl_noise *noise, uint32_t seed);
/* Takes an RFC 3389 payload over within 60 ms; BL_EINVAL when it is empty. */
int bl_noise_payload(struct bl_noise *noise, const uint8_t *payload, size_t size);
/* Noise of a room's colour at the rate [Hz]; below -80 dBm0: fade to silence. */
void bl_noise_plain(struct bl_noise *noise, float level_dbm0, int32_t rate, int32_t fade_ms);
/* One frame of 20 ms at any rate; false: it is silent and will stay so. */
bool bl_noise_frame(struct bl_noise *noise, int16_t *out, size_t count);

/* One frame of 20 ms without voice, at the rate of the payload type. */
void bl_noise_meter_frame(struct bl_noise_meter *meter, const int16_t *pcm, size_t count);
/* Bytes written: the level and up to `order` coefficients, as there is room; 0: nothing heard. */
size_t bl_noise_meter_payload(const struct bl_noise_meter *meter, size_t order, uint8_t *payload,
			      size_t room);

#endif
