/* test_opus.c  What Opus has beyond the other codecs: FEC, silence, stereo, long payloads */
#include <opus/opus.h>
#include <stdlib.h>
#include "codec_kit.h"

static const int32_t rates[] = {BL_RATE, BL_RATE_WIDE, BL_RATE_FULL};

static struct bl_encoder *opus_encoder(int32_t rate, bool fec, bool dtx)
{
	struct bl_encoder_config config = {
		.codec = BL_OPUS, .rate = rate, .complexity = -1, .fec = fec, .dtx = dtx};
	struct bl_encoder *encoder = NULL;

	CHECK_EQUAL(0, bl_encoder_new(&config, &encoder));
	return encoder;
}

static double power(const int16_t *pcm, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += (double)pcm[i] * pcm[i];
	return sum / (double)count;
}

/* How much louder a frame is than its difference from the right one [dB]. */
static double likeness_db(const int16_t *right, const int16_t *got, size_t count)
{
	double error = 1;

	for (size_t i = 0; i < count; i++)
		error += pow(right[i] - got[i], 2) / (double)count;
	return 10 * log10(power(right, count) / error);
}

/* Each tenth payload is lost; it is restored out of the next one if that holds it (only voiced
 * frames are sent twice), or concealed. Returns how like the made-up frames are to those of a
 * decoder that lost nothing.
 */
static double restored_db(int32_t rate, bool fec, int *restored)
{
	size_t frame = (size_t)rate / BL_TICKS_PER_S;
	struct bl_encoder *encoder = opus_encoder(rate, fec, false);
	struct bl_decoder *whole = decoder_of(BL_OPUS, rate), *lossy = decoder_of(BL_OPUS, rate);
	int16_t in[BL_FRAME_MAX], right[BL_FRAME_MAX], before[BL_FRAME_MAX], got[BL_FRAME_MAX];
	uint8_t payload[BL_PAYLOAD_MAX];
	double sum = 0;

	bl_encoder_loss(encoder, 10);
	for (size_t f = 0; f < 100; f++) {
		int size;

		fill_voice(in, frame, rate, f * frame);
		size = bl_encode(encoder, in, frame, payload, sizeof(payload));
		memcpy(before, right, sizeof(before));
		CHECK_EQUAL(frame, bl_decode(whole, payload, (size_t)size, right, frame));
		if (f % 10 == 8)
			continue;
		if (f % 10 == 9) {
			int made = bl_decode_before(lossy, payload, (size_t)size, got, frame);

			*restored += made == (int)frame;
			if (!made)
				made = bl_decode_lost(lossy, got, frame);
			CHECK_EQUAL(frame, made);
			sum += likeness_db(before, got, frame);
		}
		CHECK_EQUAL(frame, bl_decode(lossy, payload, (size_t)size, got, frame));
	}
	bl_encoder_free(encoder);
	bl_decoder_free(whole);
	bl_decoder_free(lossy);
	return sum / 10;
}

static void test_restores_what_was_lost(void)
{
	for (int i = 0; i < 3; i++) {
		int32_t rate = rates[i];
		int never = 0, often = 0;
		double concealed_db = restored_db(rate, false, &never);

		CHECK_WITHIN(concealed_db + 3, 100, restored_db(rate, true, &often));
		CHECK_EQUAL(0, never);
		CHECK_WITHIN(5, 10, often);
	}
}

/* A gap longer than the frame that the next payload holds; and lengths that are none of Opus. */
static void test_restores_odd_lengths(void)
{
	struct bl_encoder *encoder = opus_encoder(16000, true, false);
	struct bl_decoder *decoder = decoder_of(BL_OPUS, 16000);
	int16_t pcm[2000] = {0};
	uint8_t payload[BL_PAYLOAD_MAX];
	int size = 0;

	bl_encoder_loss(encoder, 20);
	for (size_t f = 0; f < 10; f++) {
		fill_voice(pcm, 320, 16000, f * 320);
		size = bl_encode(encoder, pcm, 320, payload, sizeof(payload));
		if (f < 6)
			bl_decode(decoder, payload, (size_t)size, pcm, 2000);
	}
	CHECK_EQUAL(0, bl_decode_before(decoder, payload, (size_t)size, pcm, 0));
	CHECK_EQUAL(0, bl_decode_before(decoder, payload, (size_t)size, pcm, 160));
	CHECK_EQUAL(0, bl_decode_before(decoder, payload, (size_t)size, pcm, 321));
	CHECK_EQUAL(960, bl_decode_before(decoder, payload, (size_t)size, pcm, 960));
	CHECK(power(pcm + 640, 320) > 1e5);
	CHECK_EQUAL(0, bl_decode_lost(decoder, pcm, 0));
	CHECK_EQUAL(0, bl_decode_lost(decoder, pcm, 321));
	CHECK_EQUAL(1600, bl_decode_lost(decoder, pcm, 1600));
	bl_encoder_free(encoder);
	bl_decoder_free(decoder);
}

/* After a payload without a SILK layer libopus would conceal and call it restored. */
static void test_restores_nothing_after_celt(void)
{
	int err, size;
	OpusEncoder *celt =
		opus_encoder_create(16000, 1, OPUS_APPLICATION_RESTRICTED_LOWDELAY, &err);
	struct bl_encoder *silk = opus_encoder(16000, true, false);
	struct bl_decoder *decoder = decoder_of(BL_OPUS, 16000);
	int16_t in[320], pcm[320];
	uint8_t payload[BL_PAYLOAD_MAX], other[BL_PAYLOAD_MAX];

	bl_encoder_loss(silk, 20);
	for (size_t f = 0; f < 10; f++) {
		fill_voice(in, 320, 16000, f * 320);
		size = opus_encode(celt, in, 320, other, sizeof(other));
		CHECK_EQUAL(320, bl_decode(decoder, other, (size_t)size, pcm, 320));
		size = bl_encode(silk, in, 320, payload, sizeof(payload));
		CHECK_EQUAL(0, bl_decode_before(decoder, payload, (size_t)size, pcm, 320));
	}
	CHECK_EQUAL(320, bl_decode(decoder, payload, (size_t)size, pcm, 320));
	CHECK_EQUAL(320, bl_decode_before(decoder, payload, (size_t)size, pcm, 320));
	opus_encoder_destroy(celt);
	bl_encoder_free(silk);
	bl_decoder_free(decoder);
}

/* RFC 7587 §3.1.3: hardly anything is sent while there is silence; the voice comes back whole. */
static void test_silence_is_not_sent(void)
{
	for (int i = 0; i < 3; i++) {
		int32_t rate = rates[i];
		size_t frame = (size_t)rate / BL_TICKS_PER_S;
		struct bl_encoder *encoder = opus_encoder(rate, false, true);
		int16_t pcm[BL_FRAME_MAX];
		uint8_t payload[BL_PAYLOAD_MAX];
		int sent[3] = {0};

		for (size_t f = 0; f < 300; f++) {
			memset(pcm, 0, sizeof(pcm));
			if (f / 100 != 1)
				fill_voice(pcm, frame, rate, f * frame);
			sent[f / 100] +=
				bl_encode(encoder, pcm, frame, payload, sizeof(payload)) > 0;
		}
		CHECK_EQUAL(100, sent[0]);
		/* until it is sure of the silence, then each 400 ms */
		CHECK_WITHIN(3, 25, sent[1]);
		CHECK_WITHIN(99, 100, sent[2]);
		bl_encoder_free(encoder);
	}
}

static void test_stereo_becomes_mono(void)
{
	int err;
	OpusEncoder *stereo = opus_encoder_create(48000, 2, OPUS_APPLICATION_AUDIO, &err);
	struct bl_decoder *decoder = decoder_of(BL_OPUS, 16000);
	int16_t both[2 * 960], *out = calloc(FRAMES * 320, sizeof(*out));
	uint8_t payload[BL_PAYLOAD_MAX];
	double peak;

	for (size_t f = 0; f < FRAMES; f++) {
		int16_t left[960], right[960];
		int size;

		fill_tone(left, 960, 440, 48000, f * 960, 8000);
		fill_tone(right, 960, 1000, 48000, f * 960, 8000);
		for (int i = 0; i < 960; i++) {
			both[2 * i] = left[i];
			both[2 * i + 1] = right[i];
		}
		size = opus_encode(stereo, both, 960, payload, sizeof(payload));
		CHECK_EQUAL(320, bl_decode(decoder, payload, (size_t)size, out + 320 * f, 320));
	}
	tone_snr_db(out + 320 * SKIPPED, 320 * (FRAMES - SKIPPED), 440, 16000, &peak);
	CHECK_WITHIN(3000, 5000, peak);
	tone_snr_db(out + 320 * SKIPPED, 320 * (FRAMES - SKIPPED), 1000, 16000, &peak);
	CHECK_WITHIN(3000, 5000, peak);
	free(out);
	opus_encoder_destroy(stereo);
	bl_decoder_free(decoder);
}

/* 60 ms in one payload, as some phones send; and 120 ms, the most there is */
static void test_long_payloads(void)
{
	int err;
	OpusEncoder *opus = opus_encoder_create(16000, 1, OPUS_APPLICATION_VOIP, &err);
	struct bl_decoder *decoder = decoder_of(BL_OPUS, 8000);
	int16_t pcm[1920];
	uint8_t payload[BL_PAYLOAD_MAX];

	for (int ms = 60; ms <= 120; ms += 60) {
		int size;

		fill_voice(pcm, 1920, 16000, 0);
		size = opus_encode(opus, pcm, ms * 16, payload, sizeof(payload));
		CHECK_EQUAL(ms * 8, bl_decoder_length(decoder, payload, (size_t)size));
		CHECK_EQUAL(BL_EINVAL,
			    bl_decode(decoder, payload, (size_t)size, pcm, (size_t)ms * 8 - 1));
		CHECK_EQUAL(ms * 8, bl_decode(decoder, payload, (size_t)size, pcm, 1920));
	}
	opus_encoder_destroy(opus);
	bl_decoder_free(decoder);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_restores_what_was_lost),      CHECK_TEST(test_restores_odd_lengths),
	CHECK_TEST(test_restores_nothing_after_celt), CHECK_TEST(test_silence_is_not_sent),
	CHECK_TEST(test_stereo_becomes_mono),	      CHECK_TEST(test_long_payloads),
};

CHECK_MAIN(tests)
