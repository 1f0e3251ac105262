/*
 * codec.h  Sound to payload and back: PCMU, PCMA (G.711), G.722, Opus (RFC 6716), L16
 *
 * What does it do?  An encoder makes one payload of each frame, a decoder makes samples of each
 *   payload, and tells how long a payload is before it is decoded.
 * How does it work?  G.711 and L16 keep no state and cost a table; G.722 stands on libspandsp,
 *   Opus on libopus. All memory is taken when a coder is made, outside the tick.
 * How do I use it?  bl_encoder_new() or bl_decoder_new() in the caller's thread, then one call a
 *   frame in the tick, then free it in the caller's thread again.
 */
#ifndef BL_CODEC_H
#define BL_CODEC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"

enum {
	BL_PAYLOAD_MAX = 1500, /* [bytes]; Opus: at most 1,275 a frame */
};

struct bl_encoder;
struct bl_decoder;

/* [Hz] of the RTP clock: 48,000 for Opus, 8,000 for G.722 (RFC 3551 §4.5.2), else the rate. */
int32_t bl_codec_clock(enum bl_codec codec, int32_t rate);
/* Is the codec spoken, and at that rate? G.711: 8,000; G.722: 16,000; Opus: 8,000 16,000 48,000.
 */
bool bl_codec_knows(enum bl_codec codec, int32_t rate);

struct bl_encoder_config {
	enum bl_codec codec;
	int32_t rate;	    /* [Hz] of the samples given */
	int32_t bitrate;    /* Opus [bit/s], 0: chosen by rate */
	int32_t complexity; /* Opus, 0 to 10; -1: chosen for many legs on a core */
	bool fec;	    /* Opus: in-band forward error correction (RFC 6716 §2.1.7) */
	bool dtx;	    /* Opus: nothing is sent while there is silence */
};

int bl_encoder_new(const struct bl_encoder_config *config, struct bl_encoder **out);
void bl_encoder_free(struct bl_encoder *encoder);
/* How much of what is sent gets lost, [percent]: Opus fits its FEC to it. */
void bl_encoder_loss(struct bl_encoder *encoder, int32_t percent);
/* Forgets what it coded before: the next payload builds on nothing. */
void bl_encoder_reset(struct bl_encoder *encoder);
/* One frame; returns the bytes of payload, 0: nothing is to be sent (DTX), or an enum bl_err. */
int bl_encode(struct bl_encoder *encoder, const int16_t *pcm, size_t count, uint8_t *payload,
	      size_t room);

int bl_decoder_new(enum bl_codec codec, int32_t rate, struct bl_decoder **out);
void bl_decoder_free(struct bl_decoder *decoder);
/* [samples] that a payload holds at the decoder's rate; BL_EINVAL: it is malformed. */
int bl_decoder_length(const struct bl_decoder *decoder, const uint8_t *payload, size_t size);
/* Returns the samples, or BL_EINVAL when it is malformed or there is no room for it. */
int bl_decode(struct bl_decoder *decoder, const uint8_t *payload, size_t size, int16_t *pcm,
	      size_t room);
/* The lost samples before this payload, out of its own redundancy (Opus FEC); 0: it holds none. */
int bl_decode_before(struct bl_decoder *decoder, const uint8_t *payload, size_t size, int16_t *pcm,
		     size_t count);
/* Sound for a payload that never came, by the codec's own concealment; 0: it has none. */
int bl_decode_lost(struct bl_decoder *decoder, int16_t *pcm, size_t count);

#endif
