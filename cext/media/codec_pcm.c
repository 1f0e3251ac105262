/* codec_pcm.c  The codecs without memory: G.711 (RFC 3551 §4.5.14) and L16 (§4.5.11) */
#include "codec_kind.h"
#include "g711.h"

static int g711_length(const void *state, const uint8_t *payload, size_t size)
{
	(void)state, (void)payload;
	return (int)size;
}

static int g711_encode(enum bl_codec law, const int16_t *pcm, size_t count, uint8_t *payload,
		       size_t room)
{
	if (count > room)
		return BL_EINVAL;
	bl_g711_encode(law, pcm, count, payload);
	return (int)count;
}

static int pcmu_encode(void *state, const int16_t *pcm, size_t count, uint8_t *payload,
		       size_t room)
{
	(void)state;
	return g711_encode(BL_PCMU, pcm, count, payload, room);
}

static int pcma_encode(void *state, const int16_t *pcm, size_t count, uint8_t *payload,
		       size_t room)
{
	(void)state;
	return g711_encode(BL_PCMA, pcm, count, payload, room);
}

static int pcmu_decode(void *state, const uint8_t *payload, size_t size, int16_t *pcm, size_t room)
{
	(void)state, (void)room;
	bl_g711_decode(BL_PCMU, payload, size, pcm);
	return (int)size;
}

static int pcma_decode(void *state, const uint8_t *payload, size_t size, int16_t *pcm, size_t room)
{
	(void)state, (void)room;
	bl_g711_decode(BL_PCMA, payload, size, pcm);
	return (int)size;
}

const struct bl_codec_kind bl_codec_pcmu = {
	.encode = pcmu_encode,
	.length = g711_length,
	.decode = pcmu_decode,
};

const struct bl_codec_kind bl_codec_pcma = {
	.encode = pcma_encode,
	.length = g711_length,
	.decode = pcma_decode,
};

static int l16_encode(void *state, const int16_t *pcm, size_t count, uint8_t *payload, size_t room)
{
	(void)state;
	if (2 * count > room)
		return BL_EINVAL;
	for (size_t i = 0; i < count; i++) {
		uint16_t bits = (uint16_t)pcm[i];

		payload[2 * i] = (uint8_t)(bits >> 8);
		payload[2 * i + 1] = (uint8_t)bits;
	}
	return (int)(2 * count);
}

static int l16_length(const void *state, const uint8_t *payload, size_t size)
{
	(void)state, (void)payload;
	return size % 2 ? BL_EINVAL : (int)(size / 2);
}

static int l16_decode(void *state, const uint8_t *payload, size_t size, int16_t *pcm, size_t room)
{
	(void)state, (void)size;
	for (size_t i = 0; i < room; i++)
		pcm[i] = (int16_t)(uint16_t)(payload[2 * i] << 8 | payload[2 * i + 1]);
	return (int)room;
}

const struct bl_codec_kind bl_codec_l16 = {
	.encode = l16_encode,
	.length = l16_length,
	.decode = l16_decode,
};
