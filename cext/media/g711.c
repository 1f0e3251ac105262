/* g711.c  ITU-T G.711: A-law and µ-law to linear 16 bits and back, by tables */
#include <pthread.h>
#include "g711.h"

enum {
	MULAW_BIAS = 33 << 2,	/* G.711 table 2: 33 in 14 bits */
	MULAW_CLIP = 8158 << 2, /* the last decision value */
	ENCODE_SHIFT = 2,	/* 14 bits are enough for both laws */
	ENCODE_SIZE = 65536 >> ENCODE_SHIFT,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int16_t decode_table[2][256];
static uint8_t encode_table[2][ENCODE_SIZE];

static int segment_of(int magnitude)
{
	int segment = 0;

	while (segment < 7 && magnitude >= 0x100 << segment)
		segment++;
	return segment;
}

static int16_t mulaw_decode(int code)
{
	int flipped = ~code & 0xFF, segment = (flipped >> 4) & 7;
	int magnitude = ((((flipped & 15) << 3) + MULAW_BIAS) << segment) - MULAW_BIAS;

	return (int16_t)(flipped & 0x80 ? -magnitude : magnitude);
}

static uint8_t mulaw_encode(int pcm)
{
	int sign = pcm < 0 ? 0x80 : 0, magnitude = sign ? -pcm : pcm, segment;

	if (magnitude > MULAW_CLIP)
		magnitude = MULAW_CLIP;
	magnitude += MULAW_BIAS;
	segment = segment_of(magnitude);
	return (uint8_t) ~(sign | segment << 4 | ((magnitude >> (segment + 3)) & 15));
}

static int16_t alaw_decode(int code)
{
	int even = code ^ 0x55, segment = (even >> 4) & 7;
	int magnitude = ((even & 15) << 4) + 8;

	if (segment)
		magnitude = (magnitude + 0x100) << (segment - 1);
	return (int16_t)(even & 0x80 ? magnitude : -magnitude);
}

static uint8_t alaw_encode(int pcm)
{
	int sign = pcm < 0 ? 0 : 0x80, magnitude = sign ? pcm : -pcm - 1, segment;

	segment = segment_of(magnitude);
	return (uint8_t)((sign | segment << 4 |
			  ((magnitude >> (segment ? segment + 3 : 4)) & 15)) ^
			 0x55);
}

static void fill(void)
{
	for (int code = 0; code < 256; code++) {
		decode_table[0][code] = mulaw_decode(code);
		decode_table[1][code] = alaw_decode(code);
	}
	for (int i = 0; i < ENCODE_SIZE; i++) {
		int pcm = (int16_t)(uint16_t)(i << ENCODE_SHIFT);

		encode_table[0][i] = mulaw_encode(pcm);
		encode_table[1][i] = alaw_encode(pcm);
	}
}

void bl_g711_init(void)
{
	pthread_once(&once, fill);
}

void bl_g711_decode(enum bl_codec codec, const uint8_t *in, size_t count, int16_t *out)
{
	const int16_t *table = decode_table[codec == BL_PCMA];

	for (size_t i = 0; i < count; i++)
		out[i] = table[in[i]];
}

void bl_g711_encode(enum bl_codec codec, const int16_t *in, size_t count, uint8_t *out)
{
	const uint8_t *table = encode_table[codec == BL_PCMA];

	for (size_t i = 0; i < count; i++)
		out[i] = table[(uint16_t)in[i] >> ENCODE_SHIFT];
}
