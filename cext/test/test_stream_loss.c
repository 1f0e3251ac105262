/* test_stream_loss.c  What is heard of Opus when packets are lost: what libopus makes of it */
#include <string.h>
#include "codec_kit.h"
#include "stream.h"

/* The first packet holds half a frame, so that no later one begins or ends with a tick. */
enum {
	COUNT = 100,
	FRAME = BL_FRAME,
	HALF = FRAME / 2,
	CLOCK = 6, /* of the RTP clock for each sample */
	LEAD_MAX = 10 * FRAME,
};

static int16_t expected[COUNT * FRAME], heard[COUNT * FRAME + LEAD_MAX];

static bool is_lost(int number)
{
	/* one, while the next one waits already, and more than those that wait */
	return number == 35 || number == 60 || (number >= 80 && number < 85);
}

static int begin(int number)
{
	return number ? number * FRAME - HALF : 0;
}

static void put(struct bl_stream *stream, int number, const uint8_t *payload, int size)
{
	bl_stream_put(stream, &(struct bl_stream_packet){
				      .seq = (uint16_t)number,
				      .timestamp = (uint32_t)begin(number) * CLOCK,
				      .payload = payload,
				      .size = (size_t)size,
				      .waited_us = 10000,
			      });
}

static void hear(struct bl_stream *stream, int tick)
{
	enum bl_stream_get what;

	memcpy(heard + (size_t)tick * FRAME, bl_stream_next(stream, FRAME, &what),
	       FRAME * sizeof(*heard));
}

/* All packets through a stream, and through a decoder that is told of each lost one. */
static void play(void)
{
	struct bl_encoder *encoder = encoder_of(BL_OPUS, BL_RATE);
	struct bl_decoder *ideal = decoder_of(BL_OPUS, BL_RATE);
	struct bl_decoder *decoder = decoder_of(BL_OPUS, BL_RATE);
	struct bl_stream *stream;

	CHECK_EQUAL(BL_OK, bl_stream_new(decoder, BL_OPUS, BL_RATE, &stream));
	bl_stream_fixed(stream, true); /* nothing is stretched: every sample can be compared */
	for (int number = 0; number < COUNT; number++) {
		int16_t pcm[FRAME];
		uint8_t payload[BL_PAYLOAD_MAX];
		size_t count = number ? FRAME : HALF;
		int16_t *sound = expected + begin(number);
		int size;

		fill_voice(pcm, count, BL_RATE, (size_t)begin(number));
		size = bl_encode(encoder, pcm, count, payload, sizeof(payload));
		CHECK(size > 0);
		if (is_lost(number)) {
			bl_decode_lost(ideal, sound, count);
		} else {
			bl_decode(ideal, payload, (size_t)size, sound, count);
			put(stream, number, payload, size);
		}
		hear(stream, number);
	}
	for (int i = 0; i < LEAD_MAX / FRAME; i++)
		hear(stream, COUNT + i);
	bl_stream_free(stream);
	bl_decoder_free(decoder);
	bl_decoder_free(ideal);
	bl_encoder_free(encoder);
}

static void test_lost_packets_are_concealed_whole(void)
{
	int lead = 0;

	play();
	while (lead < LEAD_MAX && memcmp(heard + lead, expected, FRAME * sizeof(*heard)) != 0)
		lead++;
	CHECK_WITHIN(60 * BL_SAMPLES_PER_MS, 120 * BL_SAMPLES_PER_MS, lead);
	CHECK(lead % FRAME == 0);
	CHECK(!memcmp(heard + lead, expected, (size_t)begin(COUNT) * sizeof(*heard)));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_lost_packets_are_concealed_whole),
};

CHECK_MAIN(tests)
