/* rtp_noise.c  Comfort noise in place of silence (RFC 3389), where G.711 and it were agreed */
#include <math.h>
#include "engine.h"
#include "power.h"

enum {
	HANG = 10,		    /* [ticks] of silence that are sent as sound */
	EVERY = 5 * BL_TICKS_PER_S, /* [ticks]; RFC 3389 §4 leaves it to us */
	FAINTEST = 127,		    /* [-dBov] */
};

/* What our own words leave of a quiet bridge is no silence: hears nobody, or next to nothing. */
#define SILENCE_DBM0 (-65.0f)
#define NOTHING_DBM0 (-80.0f)

int bl_rtp_leg_noise(struct bl_leg *leg, const int16_t *hears, uint8_t *payload)
{
	bool law = leg->coder->config.codec == BL_PCMU || leg->coder->config.codec == BL_PCMA;
	float level;

	if (leg->rtp.far.noise_payload_type <= 0 || !law || leg->shared || leg->fax)
		return -1;
	level = bl_power_dbm0(bl_power(hears, (size_t)leg->frame));
	if (level > SILENCE_DBM0) {
		leg->rtp.quiet_ticks = 0;
		return -1;
	}
	if (leg->rtp.quiet_ticks++ < HANG)
		return -1;
	if ((leg->rtp.quiet_ticks - HANG - 1) % EVERY)
		return 0;
	/* 0 dBov is the rms of a full square wave, 6.15 dBm0 (RFC 3389 §3.1, ITU-T G.711) */
	*payload = level < NOTHING_DBM0 ? FAINTEST : (uint8_t)lrintf(6.15f - level);
	return 1;
}
