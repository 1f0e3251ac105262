/* test_codec.c  Each codec there and back, by tones; what is malformed; FEC, loss and silence */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "codec.h"
#include "frame.h"

enum {
	FRAMES = 50,
	SKIPPED = 10, /* [frames] until a codec has found its feet */
};

#define PI 3.14159265358979323846

static const struct {
	enum bl_codec codec;
	int32_t rate;
	double snr_db; /* at least, of a tone */
} spoken[] = {
	{BL_PCMU, 8000, 36}, {BL_PCMA, 8000, 36},  {BL_L16, 8000, 80},
	{BL_L16, 16000, 80}, {BL_L16, 48000, 80},  {BL_G722, 16000, 30},
	{BL_OPUS, 8000, 10}, {BL_OPUS, 16000, 10}, {BL_OPUS, 48000, 10},
};

static struct bl_encoder *encoder_of(enum bl_codec codec, int32_t rate)
{
	struct bl_encoder_config config = {.codec = codec, .rate = rate, .complexity = -1};
	struct bl_encoder *encoder = NULL;

	CHECK_EQUAL(0, bl_encoder_new(&config, &encoder));
	return encoder;
}

static struct bl_decoder *decoder_of(enum bl_codec codec, int32_t rate)
{
	struct bl_decoder *decoder = NULL;

	CHECK_EQUAL(0, bl_decoder_new(codec, rate, &decoder));
	return decoder;
}

static void fill_tone(int16_t *pcm, size_t count, double hz, int32_t rate, size_t from,
		      double peak)
{
	for (size_t i = 0; i < count; i++)
		pcm[i] = (int16_t)lrint(peak * sin(2 * PI * hz * (double)(from + i) / rate));
}

/* How far the tone stands above all else [dB]; its level may differ by `gain` at most. */
static double tone_snr_db(const int16_t *pcm, size_t count, double hz, int32_t rate, double *peak)
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

static void test_tone_there_and_back(void)
{
	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++) {
		int32_t rate = spoken[i].rate;
		size_t frame = (size_t)rate / BL_TICKS_PER_S;
		struct bl_encoder *encoder = encoder_of(spoken[i].codec, rate);
		struct bl_decoder *decoder = decoder_of(spoken[i].codec, rate);
		int16_t in[BL_FRAME_MAX], *out = calloc(FRAMES * frame, sizeof(*out));
		uint8_t payload[2 * BL_FRAME_MAX];
		double peak;

		for (size_t f = 0; f < FRAMES; f++) {
			int size;

			fill_tone(in, frame, 450, rate, f * frame, 8000);
			size = bl_encode(encoder, in, frame, payload, sizeof(payload));
			CHECK(size > 0);
			CHECK_EQUAL(frame, bl_decoder_length(decoder, payload, (size_t)size));
			CHECK_EQUAL(frame, bl_decode(decoder, payload, (size_t)size,
						     out + f * frame, frame));
		}
		CHECK_WITHIN(spoken[i].snr_db, 200,
			     tone_snr_db(out + SKIPPED * frame, (FRAMES - SKIPPED) * frame, 450,
					 rate, &peak));
		CHECK_WITHIN(7000, 9000, peak);
		free(out);
		bl_encoder_free(encoder);
		bl_decoder_free(decoder);
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_tone_there_and_back),
};

CHECK_MAIN(tests)
