/*
 * codec_g722.c  ITU-T G.722 at 64 kbit/s, on libspandsp: 16 kHz in two bands of 4 kHz
 *
 * libspandsp 0.0.6 joins the decoded bands without saturation: sound at full scale, such as a mix
 * that was clipped, wraps round to the other sign. So its decoder gives the bands here (the mode
 * that is there for the ITU's test vectors) and they are joined below, with its own filter.
 */
#include <stdint.h> /* which the next three need and leave out */
#include <spandsp/telephony.h>
#include <spandsp/g722.h>
#include <spandsp/private/g722.h>
#include <stdlib.h>
#include <string.h>
#include "codec_kind.h"

enum {
	BITRATE = 64000, /* [bit/s] mode 1: an octet for each two samples */
	TAPS = 12,	 /* of each half of the quadrature mirror filter */
	PAST = TAPS - 1,
	CHUNK = 160, /* [octets] that are decoded at once, 20 ms */
	SCALE_SHIFT = 11,
};

/* G.722's receive filter: every second coefficient; the others are the same backwards */
static const int16_t mirror[TAPS] = {3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};

struct decoder {
	g722_decode_state_t *g722;
	int16_t sums[PAST], differences[PAST]; /* of low and high band, the last ones */
};

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
	struct decoder *decoder = calloc(1, sizeof(*decoder));

	(void)rate;
	if (!decoder)
		return BL_ENOMEM;
	decoder->g722 = g722_decode_init(NULL, BITRATE, 0);
	if (!decoder->g722) {
		free(decoder);
		return BL_ENOMEM;
	}
	decoder->g722->itu_test_mode = 1;
	*state = decoder;
	return 0;
}

static void decoder_free(void *state)
{
	struct decoder *decoder = state;

	g722_decode_free(decoder->g722);
	free(decoder);
}

static int length(const void *state, const uint8_t *payload, size_t size)
{
	(void)state, (void)payload;
	return (int)(2 * size);
}

static int16_t saturated(int32_t value)
{
	value = value > INT16_MAX ? INT16_MAX : value;
	return (int16_t)(value < INT16_MIN ? INT16_MIN : value);
}

/* size: [octets], CHUNK at most */
static void decode_chunk(struct decoder *decoder, const uint8_t *payload, size_t size,
			 int16_t *pcm)
{
	int16_t bands[2 * CHUNK], sums[PAST + CHUNK], differences[PAST + CHUNK];

	g722_decode(decoder->g722, bands, payload, (int)size);
	memcpy(sums, decoder->sums, sizeof(decoder->sums));
	memcpy(differences, decoder->differences, sizeof(decoder->differences));
	for (size_t i = 0; i < size; i++) {
		/* 15 bits each, given as 16 */
		int32_t low = bands[2 * i] >> 1, high = bands[2 * i + 1] >> 1;

		sums[PAST + i] = (int16_t)(low + high);
		differences[PAST + i] = (int16_t)(low - high);
	}
	for (size_t i = 0; i < size; i++) {
		int32_t even = 0, odd = 0;

		for (size_t tap = 0; tap < TAPS; tap++) {
			even += differences[i + tap] * mirror[TAPS - 1 - tap];
			odd += sums[i + tap] * mirror[tap];
		}
		pcm[2 * i] = saturated(even >> SCALE_SHIFT);
		pcm[2 * i + 1] = saturated(odd >> SCALE_SHIFT);
	}
	memcpy(decoder->sums, sums + size, sizeof(decoder->sums));
	memcpy(decoder->differences, differences + size, sizeof(decoder->differences));
}

static int decode(void *state, const uint8_t *payload, size_t size, int16_t *pcm, size_t room)
{
	for (size_t done = 0; done < size; done += CHUNK)
		decode_chunk(state, payload + done, size - done < CHUNK ? size - done : CHUNK,
			     pcm + 2 * done);
	return (int)room;
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
