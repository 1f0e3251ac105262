/* test_stream.c  What a leg hears: order, loss, jitter, pauses, restarts, two clocks, hostility */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "codec.h"
#include "stream.h"

enum { FRAME = 160, RATE = 8000 };

static struct bl_stream *stream;
static struct bl_decoder *decoder;
static int16_t out[960];
static uint16_t first_seq = 65530;	  /* wraps soon */
static uint32_t first_timestamp = -1600u; /* wraps after 200 ms */

static void start(enum bl_codec codec, int32_t rate)
{
	CHECK_EQUAL(BL_OK, bl_decoder_new(codec, rate, &decoder));
	CHECK_EQUAL(BL_OK, bl_stream_new(decoder, codec, rate, &stream));
}

static void stop(void)
{
	bl_stream_free(stream);
	bl_decoder_free(decoder);
}

/* L16 tells best what was played: its samples say where they come from. */
static int16_t ramp(int64_t at)
{
	return (int16_t)(at % 20000 + 100);
}

static enum bl_stream_put put_l16(int64_t at, size_t count, uint16_t seq)
{
	uint8_t payload[2 * 1000];

	for (size_t i = 0; i < count; i++) {
		payload[2 * i] = (uint8_t)(ramp(at + (int64_t)i) >> 8);
		payload[2 * i + 1] = (uint8_t)ramp(at + (int64_t)i);
	}
	return bl_stream_put(stream, &(struct bl_stream_packet){
					     .seq = (uint16_t)(first_seq + seq),
					     .timestamp = first_timestamp + (uint32_t)at,
					     .payload = payload,
					     .size = 2 * count,
					     .waited_us = BL_STREAM_WAITED_UNKNOWN,
				     });
}

static enum bl_stream_put put_frame(int number)
{
	return put_l16((int64_t)number * FRAME, FRAME, (uint16_t)number);
}

static enum bl_stream_get get(void)
{
	return bl_stream_get(stream, out, FRAME);
}

static void test_first_packet_waits_20_ms(void)
{
	start(BL_L16, RATE);
	CHECK_EQUAL(BL_STREAM_SILENT, get());
	put_frame(0);
	CHECK_EQUAL(BL_STREAM_SILENT, get());
	put_frame(1);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	CHECK_EQUAL(ramp(0), out[0]);
	CHECK_EQUAL(ramp(159), out[159]);
	put_frame(2);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	CHECK_EQUAL(ramp(160), out[0]);
	stop();
}

static void test_clean_network_ends_without_delay(void)
{
	struct bl_stream_stats stats;

	start(BL_L16, RATE);
	for (int tick = 0; tick < 1000; tick++) {
		put_frame(tick);
		get();
	}
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(0, stats.concealed);
	CHECK_WITHIN(0, 40, stats.delay);
	CHECK_EQUAL(0, stats.late + stats.discarded);
	stop();
}

static const struct check_test tests[] = {
	CHECK_TEST(test_first_packet_waits_20_ms),
	CHECK_TEST(test_clean_network_ends_without_delay),
};

CHECK_MAIN(tests)
