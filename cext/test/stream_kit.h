/* stream_kit.h  One stream and what goes into it and comes out, for several tests */
#ifndef BL_STREAM_KIT_H
#define BL_STREAM_KIT_H
#include "check.h"
#include "codec.h"
#include "stream.h"

enum { FRAME = 160, RATE = 8000, MS = RATE / 1000, FRAME_US = 20000 };

static struct bl_stream *stream;
static struct bl_decoder *decoder;
static struct bl_stream_stats stats;
static const int16_t *out;		  /* the frame got last */
static uint32_t first_timestamp = -1600u; /* wraps after 200 ms, the sequence after 120 ms */
static uint16_t first_seq = 65530;
static int32_t waited_us = FRAME_US / 2;

static inline void start(enum bl_codec codec, int32_t rate)
{
	CHECK_EQUAL(BL_OK, bl_decoder_new(codec, rate, &decoder));
	CHECK_EQUAL(BL_OK, bl_stream_new(decoder, codec, rate, &stream));
}

static inline void stop(void)
{
	bl_stream_free(stream);
	bl_decoder_free(decoder);
}

static inline enum bl_stream_put put(const uint8_t *payload, size_t size, int64_t timestamp,
				     int64_t seq)
{
	return bl_stream_put(stream, &(struct bl_stream_packet){
					     .seq = (uint16_t)(first_seq + seq),
					     .timestamp = first_timestamp + (uint32_t)timestamp,
					     .payload = payload,
					     .size = size,
					     .waited_us = waited_us,
				     });
}

static inline enum bl_stream_get get(void)
{
	enum bl_stream_get what;

	out = bl_stream_next(stream, FRAME, &what);
	return what;
}

#endif
