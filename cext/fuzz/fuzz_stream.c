/* fuzz_stream.c  Any packets in any order through a stream, with ticks between them */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "branchline_media.h"
#include "bytes.h"
#include "codec.h"
#include "stream.h"

enum { HEAD = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	enum bl_codec codec;
	int32_t rate;
} kinds[] = {{BL_PCMU, 8000}, {BL_G722, 16000}, {BL_L16, 8000},
	     {BL_OPUS, 8000}, {BL_OPUS, 48000}, {BL_L16, 48000}};

static volatile int16_t heard;

/* Both ends of a frame are read, where the sanitizer sees it. */
static void hear(struct bl_stream *stream, size_t frame)
{
	enum bl_stream_get what;
	const int16_t *sound = bl_stream_next(stream, frame, &what);

	heard = sound[0];
	heard = sound[frame - 1];
}

/* A packet: how many ticks before it, its length, sequence number, timestamp; then its payload. */
static size_t step(struct bl_stream *stream, const uint8_t *data, size_t size, size_t frame)
{
	size_t length = bl_get16(data) % 1500;

	length = length < size - HEAD ? length : size - HEAD;
	for (int tick = 0; tick < (data[7] & 3); tick++)
		hear(stream, frame);
	if (data[7] >> 2 == 1)
		bl_stream_restart(stream);
	if (data[7] >> 2 == 2)
		bl_stream_pause(stream, data[2]);
	bl_stream_put(stream, &(struct bl_stream_packet){
				      .seq = data[2],
				      .timestamp = bl_get32(data + 3),
				      .payload = data + HEAD,
				      .size = length,
				      .waited_us = data[7] * 100,
			      });
	return HEAD + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bl_decoder *decoder;
	struct bl_stream *stream;
	struct bl_stream_stats stats;
	size_t kind;

	if (!size)
		return 0;
	kind = data[0] % (sizeof(kinds) / sizeof(*kinds));
	if (bl_decoder_new(kinds[kind].codec, kinds[kind].rate, &decoder) ||
	    bl_stream_new(decoder, kinds[kind].codec, kinds[kind].rate, &stream))
		abort();
	for (data++, size--; size > HEAD;) {
		size_t used = step(stream, data, size, (size_t)kinds[kind].rate / 50);

		data += used;
		size -= used;
	}
	bl_stream_stats(stream, &stats);
	bl_stream_free(stream);
	bl_decoder_free(decoder);
	return 0;
}
