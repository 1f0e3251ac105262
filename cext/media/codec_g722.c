/* codec_g722.c  ITU-T G.722 at 64 kbit/s, on libspandsp: 16 kHz in two bands of 4 kHz */
#include <stdint.h> /* which the next two need and leave out */
#include <spandsp/telephony.h>
#include <spandsp/g722.h>
#include "codec_kind.h"

enum { BITRATE = 64000 }; /* [bit/s] mode 1: an octet for each two samples */

static int encoder_new(const struct bl_encoder_config *config, void **state)
{
	(void)config;
	*state = g722_encode_init(NULL, BITRATE, 0);
	return *state ? 0 : BL_ENOMEM;
}

static void encoder_free(void *state)
{
	g722_encode_free(state);
}

static int encode(void *state, const int16_t *pcm, size_t count, uint8_t *payload, size_t room)
{
	if (count % 2 || count / 2 > room)
		return BL_EINVAL;
	return g722_encode(state, payload, pcm, (int)count);
}

static int decoder_new(int32_t rate, void **state)
{
	(void)rate;
	*state = g722_decode_init(NULL, BITRATE, 0);
	return *state ? 0 : BL_ENOMEM;
}

static void decoder_free(void *state)
{
	g722_decode_free(state);
}

static int length(const void *state, const uint8_t *payload, size_t size)
{
	(void)state, (void)payload;
	return (int)(2 * size);
}

static int decode(void *state, const uint8_t *payload, size_t size, int16_t *pcm, size_t room)
{
	(void)room;
	return g722_decode(state, pcm, payload, (int)size);
}

const struct bl_codec_kind bl_codec_g722 = {
	.encoder_new = encoder_new,
	.encoder_free = encoder_free,
	.encode = encode,
	.decoder_new = decoder_new,
	.decoder_free = decoder_free,
	.length = length,
	.decode = decode,
};
