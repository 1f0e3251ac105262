/* test_stream_fixed.c  A stream of modems' sound: one delay, nothing cut out and nothing put in */
#include "check.h"
#include "frame.h"
#include "stream.h"

enum { PACKETS = 1000, LUMPS = 100, FIRST = 7000 };

static struct bl_stream *stream;
static struct bl_decoder *decoder;

/* Its samples count: each is one more than the one before. */
static void put(int number)
{
	uint8_t payload[2 * BL_FRAME];

	for (int i = 0; i < BL_FRAME; i++) {
		int sample = (number * BL_FRAME + i) % 30000 + 1;

		payload[2 * i] = (uint8_t)(sample >> 8);
		payload[2 * i + 1] = (uint8_t)sample;
	}
	CHECK_EQUAL(
		BL_STREAM_TAKEN,
		bl_stream_put(stream, &(struct bl_stream_packet){
					      .seq = (uint16_t)number,
					      .timestamp = (uint32_t)(FIRST + number * BL_FRAME),
					      .payload = payload,
					      .size = sizeof(payload),
					      .waited_us = 10000,
				      }));
}

/* Lumps of three packets at first, then one a tick. Returns how often the count was broken. */
static int play(bool fixed, struct bl_stream_stats *stats)
{
	int broken = 0, next = 0, last = 0;

	CHECK_EQUAL(BL_OK, bl_decoder_new(BL_L16, BL_RATE, &decoder));
	CHECK_EQUAL(BL_OK, bl_stream_new(decoder, BL_L16, BL_RATE, &stream));
	bl_stream_fixed(stream, fixed);
	for (int tick = 0; next < PACKETS; tick++) {
		enum bl_stream_get what;
		const int16_t *frame;
		int count = tick > LUMPS ? 1 : tick % 3 ? 0 : 3;

		while (count--)
			put(next++);
		frame = bl_stream_next(stream, BL_FRAME, &what);
		for (int i = 0; i < BL_FRAME; i++) {
			broken += last && frame[i] != last % 30000 + 1;
			last = frame[i];
		}
	}
	bl_stream_stats(stream, stats);
	bl_stream_free(stream);
	bl_decoder_free(decoder);
	return broken;
}

static void test_nothing_is_cut_or_put_in(void)
{
	struct bl_stream_stats stats;

	CHECK_EQUAL(0, play(true, &stats));
	CHECK_EQUAL(0, stats.cut);
	CHECK_EQUAL(0, stats.inserted);
	CHECK_EQUAL(0, stats.concealed);
	CHECK_WITHIN(60 * BL_SAMPLES_PER_MS, 120 * BL_SAMPLES_PER_MS, stats.delay);
}

/* The same packets, so that the test above has something to show. */
static void test_speech_is_adjusted(void)
{
	struct bl_stream_stats stats;

	CHECK(play(false, &stats) > 0);
	CHECK(stats.cut + stats.inserted > 0);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_nothing_is_cut_or_put_in),
	CHECK_TEST(test_speech_is_adjusted),
};

CHECK_MAIN(tests)
