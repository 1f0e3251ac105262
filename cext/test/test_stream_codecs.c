/* test_stream_codecs.c  Each codec through a stream, with and without loss, and a change of it */
#include <math.h>
#include <stdlib.h>
#include "stream_kit.h"

static const double PI = 3.14159265358979323846;

/* A voice that rises and falls by syllables. */
static int16_t syllables(double t)
{
	double loud = 0.6 + 0.4 * sin(2 * PI * 4 * t), sum = 0.0;

	for (int k = 1; k <= 8; k++)
		sum += sin(2 * PI * 130 * k * t + k) / k;
	return (int16_t)(4000 * loud * sum + rand() % 200);
}

/* Through a codec, each so many packets one lost: how loud it is after it, over before. */
static double through(enum bl_codec codec, int32_t rate, int lose)
{
	struct bl_encoder_config config = {
		.codec = codec, .rate = rate, .bitrate = 24000, .complexity = -1, .fec = lose > 0};
	size_t frame = (size_t)rate / 50;
	int64_t step = bl_codec_clock(codec, rate) / 50;
	struct bl_encoder *encoder;
	double in = 0.0, heard = 0.0;

	start(codec, rate);
	CHECK_EQUAL(BL_OK, bl_encoder_new(&config, &encoder));
	bl_encoder_loss(encoder, 20);
	for (int number = 0; number < 200; number++) {
		int16_t pcm[960];
		uint8_t payload[2000];
		enum bl_stream_get what;
		int size;

		for (size_t i = 0; i < frame; i++) {
			pcm[i] = syllables((double)((size_t)number * frame + i) / rate);
			in += (double)pcm[i] * pcm[i];
		}
		size = bl_encode(encoder, pcm, frame, payload, sizeof(payload));
		CHECK(size > 0);
		if (!lose || number % lose != lose - 1)
			put(payload, (size_t)size, step * number, number);
		out = bl_stream_next(stream, frame, &what);
		for (size_t i = 0; i < frame; i++)
			heard += (double)out[i] * out[i];
	}
	bl_stream_stats(stream, &stats);
	bl_encoder_free(encoder);
	stop();
	return sqrt(heard / in);
}

static void test_all_codecs(void)
{
	static const struct {
		enum bl_codec codec;
		int32_t rate;
	} all[] = {{BL_PCMU, 8000}, {BL_PCMA, 8000},  {BL_G722, 16000}, {BL_L16, 16000},
		   {BL_OPUS, 8000}, {BL_OPUS, 16000}, {BL_OPUS, 48000}};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		int32_t frame = all[i].rate / 50;

		CHECK_WITHIN(0.8, 1.1, through(all[i].codec, all[i].rate, 0));
		CHECK_EQUAL(0, stats.concealed + stats.late + stats.discarded);
		CHECK_WITHIN(0, frame, stats.delay);
		CHECK_WITHIN(0.7, 1.2, through(all[i].codec, all[i].rate, 9));
		CHECK_WITHIN(1, 23 * frame, stats.concealed + stats.recovered);
	}
}

/* It learns to wait for the packet after a lost one. */
static void test_opus_gives_lost_sound_back(void)
{
	through(BL_OPUS, 16000, 9);
	CHECK_WITHIN(10 * 320, 22 * 320, stats.recovered);
	CHECK_WITHIN(15 * 16, 30 * 16, stats.delay);
}

static void test_codec_changes(void)
{
	static const uint8_t law[FRAME], step[2 * FRAME];
	struct bl_decoder *other;

	start(BL_L16, RATE);
	CHECK_EQUAL(BL_OK, bl_decoder_new(BL_PCMU, RATE, &other));
	for (int i = 0; i < 20; i++) {
		put(step, sizeof(step), i * FRAME, i);
		get();
	}
	bl_stream_decoder(stream, other, BL_PCMU);
	for (int i = 20; i < 40; i++) {
		CHECK_EQUAL(BL_STREAM_TAKEN, put(law, sizeof(law), i * FRAME, i));
		CHECK(get() != BL_STREAM_SILENT);
	}
	CHECK_EQUAL(-32124, out[80]); /* ITU-T G.711: 0x00 is the most negative */
	bl_decoder_free(other);
	stop();
}

static const struct check_test tests[] = {
	CHECK_TEST(test_all_codecs),
	CHECK_TEST(test_opus_gives_lost_sound_back),
	CHECK_TEST(test_codec_changes),
};

CHECK_MAIN(tests)
