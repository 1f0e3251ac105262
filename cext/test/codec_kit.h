/* codec_kit.h  What the tests of the codecs share: coders, tones, a voice */
#ifndef BL_CODEC_KIT_H
#define BL_CODEC_KIT_H
#include <math.h>
#include "check.h"
#include "codec.h"
#include "frame.h"

enum {
	FRAMES = 50,
	SKIPPED = 10, /* [frames] until a codec has found its feet */
};

#define PI 3.14159265358979323846

static inline struct bl_encoder *encoder_of(enum bl_codec codec, int32_t rate)
{
	struct bl_encoder_config config = {.codec = codec, .rate = rate, .complexity = -1};
	struct bl_encoder *encoder = NULL;

	CHECK_EQUAL(0, bl_encoder_new(&config, &encoder));
	return encoder;
}

static inline struct bl_decoder *decoder_of(enum bl_codec codec, int32_t rate)
{
	struct bl_decoder *decoder = NULL;

	CHECK_EQUAL(0, bl_decoder_new(codec, rate, &decoder));
	return decoder;
}

static inline void fill_tone(int16_t *pcm, size_t count, double hz, int32_t rate, size_t from,
			     double peak)
{
	for (size_t i = 0; i < count; i++)
		pcm[i] = (int16_t)lrint(peak * sin(2 * PI * hz * (double)(from + i) / rate));
}

/* How far the tone stands above all else [dB] */
static inline double tone_snr_db(const int16_t *pcm, size_t count, double hz, int32_t rate,
				 double *peak)
{
	double re = 0, im = 0, power = 0, tone;

	for (size_t i = 0; i < count; i++) {
		double angle = 2 * PI * hz * (double)i / rate;

		re += pcm[i] * cos(angle);
		im += pcm[i] * sin(angle);
		power += (double)pcm[i] * pcm[i];
	}
	*peak = 2 * sqrt(re * re + im * im) / (double)count;
	tone = *peak * *peak / 2 * (double)count;
	return 10 * log10(tone / (power - tone + 1));
}

/* Something like a voice: harmonics of 140 Hz, which rises and falls, swelling four times a
 * second.
 */
static inline void fill_voice(int16_t *pcm, size_t count, int32_t rate, size_t from)
{
	for (size_t i = 0; i < count; i++) {
		double t = (double)(from + i) / rate, sum = 0;
		double turns = 140 * t + 2 * sin(2 * PI * 3 * t);

		for (int harmonic = 1; harmonic <= 20; harmonic++)
			sum += sin(2 * PI * harmonic * turns + harmonic * harmonic) / harmonic;
		pcm[i] = (int16_t)lrint(5000 * (1 - 0.7 * cos(2 * PI * 4 * t)) * sum);
	}
}

#endif
