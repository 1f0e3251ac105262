/* test_codec.c  Each codec there and back, by tones; G.722's extremes; what is malformed */
#include <stdint.h>
#include <spandsp/telephony.h>
#include <spandsp/g722.h>
#include <stdlib.h>
#include <string.h>
#include "codec_kit.h"

static const struct {
	enum bl_codec codec;
	int32_t rate;
	double snr_db; /* at least, of a tone */
} spoken[] = {
	{BL_PCMU, 8000, 36}, {BL_PCMA, 8000, 36},  {BL_L16, 8000, 80},
	{BL_L16, 16000, 80}, {BL_L16, 48000, 80},  {BL_G722, 16000, 30},
	{BL_OPUS, 8000, 10}, {BL_OPUS, 16000, 10}, {BL_OPUS, 48000, 10},
};

/* Through the codec and back: the tone over all else [dB], and its peak. */
static double there_and_back(enum bl_codec codec, int32_t rate, double level, double *peak)
{
	size_t frame = (size_t)rate / BL_TICKS_PER_S;
	struct bl_encoder *encoder = encoder_of(codec, rate);
	struct bl_decoder *decoder = decoder_of(codec, rate);
	int16_t in[BL_FRAME_MAX], *out = calloc(FRAMES * frame, sizeof(*out));
	uint8_t payload[2 * BL_FRAME_MAX];
	double snr_db;

	for (size_t f = 0; f < FRAMES; f++) {
		int size;

		fill_tone(in, frame, 450, rate, f * frame, level);
		size = bl_encode(encoder, in, frame, payload, sizeof(payload));
		CHECK(size > 0);
		CHECK_EQUAL(frame, bl_decoder_length(decoder, payload, (size_t)size));
		CHECK_EQUAL(frame,
			    bl_decode(decoder, payload, (size_t)size, out + f * frame, frame));
	}
	snr_db = tone_snr_db(out + SKIPPED * frame, (FRAMES - SKIPPED) * frame, 450, rate, peak);
	free(out);
	bl_encoder_free(encoder);
	bl_decoder_free(decoder);
	return snr_db;
}

static void test_tone_there_and_back(void)
{
	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++) {
		double peak, snr_db = there_and_back(spoken[i].codec, spoken[i].rate, 8000, &peak);

		CHECK_WITHIN(spoken[i].snr_db, 200, snr_db);
		CHECK_WITHIN(7000, 9000, peak);
	}
}

static void test_full_scale_does_not_wrap(void)
{
	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++) {
		double peak,
			snr_db = there_and_back(spoken[i].codec, spoken[i].rate, 32767, &peak);

		CHECK_WITHIN(spoken[i].codec == BL_OPUS ? 6 : 24, 200, snr_db);
	}
}

/* A mix that was clipped: nearly a square, whose edges overshoot between the samples. */
static void test_g722_saturates(void)
{
	struct bl_encoder *encoder = encoder_of(BL_G722, 16000);
	struct bl_decoder *decoder = decoder_of(BL_G722, 16000);
	int16_t in[320], *out = calloc(FRAMES * 320, sizeof(*out));
	uint8_t payload[160];
	double peak;

	for (size_t f = 0; f < FRAMES; f++) {
		for (size_t i = 0; i < 320; i++) {
			double value = 120000 * sin(2 * PI * 450 * (double)(f * 320 + i) / 16000);

			in[i] = (int16_t)fmax(INT16_MIN, fmin(INT16_MAX, value));
		}
		CHECK_EQUAL(160, bl_encode(encoder, in, 320, payload, sizeof(payload)));
		CHECK_EQUAL(320, bl_decode(decoder, payload, 160, out + f * 320, 320));
	}
	/* the first harmonic of a square is 4 / pi as high as itself and has 81 % of its power */
	CHECK_WITHIN(
		6, 12,
		tone_snr_db(out + SKIPPED * 320, (FRAMES - SKIPPED) * 320, 450, 16000, &peak));
	CHECK_WITHIN(38000, 42000, peak);
	free(out);
	bl_encoder_free(encoder);
	bl_decoder_free(decoder);
}

/* Below full scale every sample is what the library makes of it, whatever the payload's length. */
static void test_g722_is_as_the_library_has_it(void)
{
	static const size_t sizes[] = {160, 1, 80, 240, 3, 400};
	struct bl_encoder *encoder = encoder_of(BL_G722, 16000);
	struct bl_decoder *decoder = decoder_of(BL_G722, 16000);
	g722_decode_state_t *library = g722_decode_init(NULL, 64000, 0);
	size_t from = 0;

	for (size_t i = 0; i < 60; i++) {
		size_t size = sizes[i % 6];
		int16_t in[800], got[800], right[800];
		uint8_t payload[400];

		fill_voice(in, 2 * size, 16000, from);
		from += 2 * size;
		CHECK_EQUAL(size, bl_encode(encoder, in, 2 * size, payload, sizeof(payload)));
		CHECK_EQUAL(2 * size, bl_decode(decoder, payload, size, got, 2 * size));
		CHECK_EQUAL(2 * size, g722_decode(library, right, payload, (int)size));
		CHECK(!memcmp(right, got, 2 * size * sizeof(*got)));
	}
	g722_decode_free(library);
	bl_encoder_free(encoder);
	bl_decoder_free(decoder);
}

static void test_l16_is_big_endian(void)
{
	static const int16_t pcm[] = {0x0102, -2};
	struct bl_encoder *encoder = encoder_of(BL_L16, 8000);
	struct bl_decoder *decoder = decoder_of(BL_L16, 8000);
	uint8_t payload[4];
	int16_t out[2];

	CHECK_EQUAL(4, bl_encode(encoder, pcm, 2, payload, sizeof(payload)));
	CHECK(!memcmp(payload, "\x01\x02\xFF\xFE", 4));
	CHECK_EQUAL(2, bl_decode(decoder, payload, 4, out, 2));
	CHECK(!memcmp(out, pcm, sizeof(pcm)));
	bl_encoder_free(encoder);
	bl_decoder_free(decoder);
}

static void test_clocks_and_rates(void)
{
	CHECK_EQUAL(8000, bl_codec_clock(BL_PCMU, 8000));
	CHECK_EQUAL(8000, bl_codec_clock(BL_G722, 16000));
	CHECK_EQUAL(48000, bl_codec_clock(BL_OPUS, 8000));
	CHECK_EQUAL(16000, bl_codec_clock(BL_L16, 16000));
	for (int32_t rate = 8000; rate <= 48000; rate += 8000) {
		bool ours = rate == 8000 || rate == 16000 || rate == 48000;

		CHECK_EQUAL(rate == 8000, bl_codec_knows(BL_PCMU, rate));
		CHECK_EQUAL(rate == 8000, bl_codec_knows(BL_PCMA, rate));
		CHECK_EQUAL(rate == 16000, bl_codec_knows(BL_G722, rate));
		CHECK_EQUAL(ours, bl_codec_knows(BL_L16, rate));
		CHECK_EQUAL(ours, bl_codec_knows(BL_OPUS, rate));
	}
	CHECK(!bl_codec_knows((enum bl_codec)3, 8000));
}

static void test_arguments(void)
{
	struct bl_encoder_config config = {.codec = BL_PCMU, .rate = 16000};
	struct bl_encoder *encoder;
	struct bl_decoder *decoder;
	int16_t pcm[BL_FRAME_MAX] = {0};
	uint8_t payload[100];

	CHECK_EQUAL(BL_EINVAL, bl_encoder_new(&config, &encoder));
	CHECK_EQUAL(BL_EINVAL, bl_encoder_new(NULL, &encoder));
	CHECK_EQUAL(BL_EINVAL, bl_decoder_new(BL_G722, 8000, &decoder));
	CHECK_EQUAL(BL_EINVAL, bl_decoder_new((enum bl_codec)3, 8000, &decoder));
	config = (struct bl_encoder_config){.codec = BL_OPUS, .rate = 8000, .complexity = 11};
	CHECK_EQUAL(BL_EINVAL, bl_encoder_new(&config, &encoder));
	config = (struct bl_encoder_config){.codec = BL_OPUS, .rate = 8000, .bitrate = -5};
	CHECK_EQUAL(BL_EINVAL, bl_encoder_new(&config, &encoder));
	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++) {
		encoder = encoder_of(spoken[i].codec, spoken[i].rate);
		CHECK_EQUAL(BL_EINVAL, bl_encode(encoder, pcm, 0, payload, sizeof(payload)));
		CHECK_EQUAL(BL_EINVAL, bl_encode(encoder, NULL, 160, payload, sizeof(payload)));
		CHECK_EQUAL(BL_EINVAL, bl_encode(encoder, pcm, 160, payload, 0));
		bl_encoder_loss(encoder, 1000);
		bl_encoder_free(encoder);
	}
	encoder = encoder_of(BL_G722, 16000);
	CHECK_EQUAL(BL_EINVAL, bl_encode(encoder, pcm, 161, payload, sizeof(payload)));
	CHECK_EQUAL(BL_EINVAL, bl_encode(encoder, pcm, 320, payload, 100));
	bl_encoder_free(encoder);
	encoder = encoder_of(BL_L16, 8000);
	CHECK_EQUAL(BL_EINVAL, bl_encode(encoder, pcm, 51, payload, sizeof(payload)));
	CHECK_EQUAL(100, bl_encode(encoder, pcm, 50, payload, sizeof(payload)));
	bl_encoder_free(encoder);
	encoder = encoder_of(BL_OPUS, 16000);
	CHECK_EQUAL(BL_EINVAL, bl_encode(encoder, pcm, 321, payload, sizeof(payload)));
	bl_encoder_free(encoder);
	bl_encoder_free(NULL);
	bl_decoder_free(NULL);
}

static void test_malformed(void)
{
	static const struct {
		enum bl_codec codec;
		int32_t rate;
		size_t size;
		const char *payload;
	} bad[] = {
		{BL_L16, 8000, 3, "abc"},
		/* RFC 6716 §3.4: R3, two frames of an odd size; R4, a size beyond the end */
		{BL_OPUS, 8000, 4,
		 "\x01"
		 "abc"},
		{BL_OPUS, 8000, 3,
		 "\x02\x09"
		 "a"},
		/* R6: no frame; R5: 49 frames of 2.5 ms, more than 120 ms of 20 ms */
		{BL_OPUS, 48000, 3,
		 "\x03\x00"
		 "a"},
		{BL_OPUS, 48000, 51, "\xE3\x31"},
		{BL_OPUS, 48000, 9,
		 "\x0B\x07"
		 "1234567"},
		{BL_OPUS, 48000, 1, "\x03"},
	};
	int16_t pcm[6 * BL_FRAME_MAX];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bl_decoder *decoder = decoder_of(bad[i].codec, bad[i].rate);
		uint8_t payload[64] = {0};

		memcpy(payload, bad[i].payload, bad[i].size < 9 ? bad[i].size : 2);
		CHECK_EQUAL(BL_EINVAL, bl_decoder_length(decoder, payload, bad[i].size));
		CHECK_EQUAL(BL_EINVAL, bl_decode(decoder, payload, bad[i].size, pcm, 5760));
		CHECK_EQUAL(BL_EINVAL, bl_decode_before(decoder, payload, bad[i].size, pcm, 160));
		bl_decoder_free(decoder);
	}
	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++) {
		struct bl_decoder *decoder = decoder_of(spoken[i].codec, spoken[i].rate);
		uint8_t payload[65537] = {0};

		CHECK_EQUAL(BL_EINVAL, bl_decoder_length(decoder, payload, 0));
		CHECK_EQUAL(BL_EINVAL, bl_decoder_length(decoder, NULL, 10));
		CHECK_EQUAL(BL_EINVAL, bl_decoder_length(decoder, payload, 65536));
		CHECK_EQUAL(BL_EINVAL, bl_decode(decoder, payload, 160, pcm, 79));
		CHECK_EQUAL(BL_EINVAL, bl_decode(decoder, payload, 160, NULL, 5760));
		bl_decoder_free(decoder);
	}
}

static void test_only_opus_conceals(void)
{
	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++) {
		struct bl_decoder *decoder = decoder_of(spoken[i].codec, spoken[i].rate);
		size_t frame = (size_t)spoken[i].rate / BL_TICKS_PER_S;
		int16_t pcm[BL_FRAME_MAX];

		CHECK_EQUAL(spoken[i].codec == BL_OPUS ? frame : 0,
			    bl_decode_lost(decoder, pcm, frame));
		bl_decoder_free(decoder);
	}
}

/* The sanitizer tells of each allocation; without it there is nothing to ask. */
int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t),
					      void (*freed)(const volatile void *))
	__attribute__((weak));

static int allocations;

static void count_allocation(const volatile void *memory, size_t size)
{
	(void)memory, (void)size;
	allocations++;
}

static void ignore_free(const volatile void *memory)
{
	(void)memory;
}

static void test_nothing_is_allocated_by_the_frame(void)
{
	if (!__sanitizer_install_malloc_and_free_hooks)
		return;
	__sanitizer_install_malloc_and_free_hooks(count_allocation, ignore_free);
	for (size_t i = 0; i < sizeof(spoken) / sizeof(spoken[0]); i++) {
		size_t frame = (size_t)spoken[i].rate / BL_TICKS_PER_S;
		struct bl_encoder *encoder = encoder_of(spoken[i].codec, spoken[i].rate);
		struct bl_decoder *decoder = decoder_of(spoken[i].codec, spoken[i].rate);
		int16_t pcm[BL_FRAME_MAX];
		uint8_t payload[2 * BL_FRAME_MAX];
		int before = allocations;

		CHECK(before > 0);
		for (size_t f = 0; f < 5; f++) {
			int size;

			fill_voice(pcm, frame, spoken[i].rate, f * frame);
			size = bl_encode(encoder, pcm, frame, payload, sizeof(payload));
			bl_decode_before(decoder, payload, (size_t)size, pcm, frame);
			bl_decode(decoder, payload, (size_t)size, pcm, frame);
			bl_decode_lost(decoder, pcm, frame);
		}
		CHECK_EQUAL(before, allocations);
		bl_encoder_free(encoder);
		bl_decoder_free(decoder);
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_tone_there_and_back), CHECK_TEST(test_full_scale_does_not_wrap),
	CHECK_TEST(test_g722_saturates),      CHECK_TEST(test_g722_is_as_the_library_has_it),
	CHECK_TEST(test_l16_is_big_endian),   CHECK_TEST(test_clocks_and_rates),
	CHECK_TEST(test_arguments),	      CHECK_TEST(test_malformed),
	CHECK_TEST(test_only_opus_conceals),  CHECK_TEST(test_nothing_is_allocated_by_the_frame),
};

CHECK_MAIN(tests)
