/* g711.c  ITU-T G.711: A-law and µ-law to linear 16 bits and back */
#include <string.h>
#include "g711.h"
#include "simd.h"

/*
 * Both laws are floating-point numbers of 3 bits of exponent (the segment) and 4 of fraction, so
 * the machine's own conversions do the work: 7 bits of a code stand in a float's bits as they
 * are, beside an offset of the exponent. That needs no tables and goes by vectors.
 */
enum {
	FRACTION_SHIFT = 23 - 4, /* a float has 23 bits of fraction, a code 4 */
	EXPONENT = 127 + 7,	 /* segment 0 begins at 2^7; a float's exponent at -127 */
	HALF_STEP = 1 << (FRACTION_SHIFT - 1),
	MULAW_BIAS = 33 << 2,	/* G.711 table 2: 33 in 14 bits; makes segment 0 like the others */
	MULAW_CLIP = 8158 << 2, /* the last decision value */
	ALAW_LINEAR = 16,	/* [steps] in segment 0; they are as large as in segment 1 */
	ALAW_STEP_SHIFT = 4,
	ALAW_EVEN_BITS = 0x55, /* are sent inverted: G.711 table 1, note 2 */
	SIGN = 0x80,
};

/* Segment and step of a magnitude from 2^7 up to 2^15 */
BL_KERNEL int32_t code_of(int32_t magnitude)
{
	float number = (float)magnitude;
	int32_t bits;

	memcpy(&bits, &number, sizeof(bits));
	return (bits >> FRACTION_SHIFT) - (EXPONENT << 4);
}

/* The middle of that step */
BL_KERNEL int32_t magnitude_of(int32_t code)
{
	int32_t bits = (code + (EXPONENT << 4)) << FRACTION_SHIFT | HALF_STEP;
	float number;

	memcpy(&number, &bits, sizeof(number));
	return (int32_t)number;
}

BL_KERNEL int16_t mulaw_decode(uint8_t code)
{
	int32_t flipped = ~code, magnitude = magnitude_of(flipped & 0x7F) - MULAW_BIAS;

	return (int16_t)(flipped & SIGN ? -magnitude : magnitude);
}

BL_KERNEL uint8_t mulaw_encode(int16_t pcm)
{
	int32_t magnitude = pcm < 0 ? -pcm : pcm;

	magnitude = magnitude > MULAW_CLIP ? MULAW_CLIP : magnitude;
	return (uint8_t) ~(code_of(magnitude + MULAW_BIAS) | (pcm < 0 ? SIGN : 0));
}

BL_KERNEL int16_t alaw_decode(uint8_t code)
{
	int32_t even = code ^ ALAW_EVEN_BITS, steps = even & 0x7F;
	int32_t linear = steps << ALAW_STEP_SHIFT | 1 << (ALAW_STEP_SHIFT - 1);
	int32_t curved = magnitude_of(steps);
	int32_t magnitude = steps < ALAW_LINEAR ? linear : curved;

	return (int16_t)(even & SIGN ? magnitude : -magnitude);
}

BL_KERNEL uint8_t alaw_encode(int16_t pcm)
{
	int32_t minus = pcm >> 15; /* all bits or none */
	int32_t magnitude = pcm ^ minus;
	int32_t linear = magnitude >> ALAW_STEP_SHIFT;
	int32_t end = ALAW_LINEAR << ALAW_STEP_SHIFT;
	int32_t curved = code_of(magnitude < end ? end : magnitude);
	/* beyond it steps only grow, so that the lesser is the right one */
	int32_t steps = linear < curved ? linear : curved;

	return (uint8_t)((steps | (~minus & SIGN)) ^ ALAW_EVEN_BITS);
}

BL_KERNEL void decode(enum bl_codec codec, const uint8_t *restrict in, size_t count,
		      int16_t *restrict out)
{
	if (codec == BL_PCMA) {
		for (size_t i = 0; i < count; i++)
			out[i] = alaw_decode(in[i]);
	} else {
		for (size_t i = 0; i < count; i++)
			out[i] = mulaw_decode(in[i]);
	}
}

BL_KERNEL void encode(enum bl_codec codec, const int16_t *restrict in, size_t count,
		      uint8_t *restrict out)
{
	if (codec == BL_PCMA) {
		for (size_t i = 0; i < count; i++)
			out[i] = alaw_encode(in[i]);
	} else {
		for (size_t i = 0; i < count; i++)
			out[i] = mulaw_encode(in[i]);
	}
}

BL_AVX2 void decode_avx2(enum bl_codec codec, const uint8_t *in, size_t count, int16_t *out)
{
	decode(codec, in, count, out);
}

BL_AVX2 void encode_avx2(enum bl_codec codec, const int16_t *in, size_t count, uint8_t *out)
{
	encode(codec, in, count, out);
}

void bl_g711_decode(enum bl_codec codec, const uint8_t *in, size_t count, int16_t *out)
{
	if (bl_simd_avx2())
		decode_avx2(codec, in, count, out);
	else
		decode(codec, in, count, out);
}

void bl_g711_encode(enum bl_codec codec, const int16_t *in, size_t count, uint8_t *out)
{
	if (bl_simd_avx2())
		encode_avx2(codec, in, count, out);
	else
		encode(codec, in, count, out);
}
