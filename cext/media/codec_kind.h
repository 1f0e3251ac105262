/*
 * codec_kind.h  One codec behind codec.h: what codec.c calls for it
 *
 * codec.c has checked the arguments by then: nothing is NULL, a payload was found well-formed by
 * length() and its samples fit. A function that is NULL is one that the codec has no use for.
 */
#ifndef BL_CODEC_KIND_H
#define BL_CODEC_KIND_H
#include "codec.h"

struct bl_codec_kind {
	int (*encoder_new)(const struct bl_encoder_config *config, void **state);
	void (*encoder_free)(void *state);
	void (*reset)(void *state);
	void (*loss)(void *state, int32_t percent);
	int (*encode)(void *state, const int16_t *pcm, size_t count, uint8_t *payload,
		      size_t room);

	int (*decoder_new)(int32_t rate, void **state);
	void (*decoder_free)(void *state);
	int (*length)(const void *state, const uint8_t *payload, size_t size);
	int (*decode)(void *state, const uint8_t *payload, size_t size, int16_t *pcm, size_t room);
	int (*before)(void *state, const uint8_t *payload, size_t size, int16_t *pcm,
		      size_t count);
	int (*lost)(void *state, int16_t *pcm, size_t count);
};

extern const struct bl_codec_kind bl_codec_pcmu, bl_codec_pcma, bl_codec_l16; /* codec_pcm.c */
extern const struct bl_codec_kind bl_codec_g722;			      /* codec_g722.c */
extern const struct bl_codec_kind bl_codec_opus;			      /* codec_opus.c */

#endif
