/* stream.c  A leg's incoming stream: made, told of pauses and restarts, its packets taken */
#include <string.h>
#include "frame.h"
#include "pages.h"
#include "stream_state.h"

enum {
	LUMP = 640,	      /* [bytes] of L16 are kept as one packet at most */
	GUARD_US = 2000,      /* before its tick: at 200 ppm it comes too late in 10 s */
	NOISE_LEVEL = 0x7F,   /* RFC 3389 §3.1 */
	NOISE_LOUDEST = 26,   /* [-dBov] that is speech (ITU-T P.56, P.830), no background */
	STRAY_EARLY_MS = 500, /* a packet so much ahead of all others, or … */
	STRAY_LATE_MS = 1000, /* … so much behind, is of another time line */
};

int bl_stream_new(struct bl_decoder *decoder, enum bl_codec codec, int32_t rate,
		  struct bl_stream **out)
{
	size_t past = (size_t)rate / 1000 * BL_STREAM_PAST_MS;
	size_t room =
		past + (size_t)rate / 1000 *
			       (BL_FRAME_MS + BL_STREAM_PACKET_MAX_MS + BL_STREAM_INSERT_MAX_MS);
	struct bl_stream *stream;

	if (!decoder || !out || !bl_codec_knows(codec, rate))
		return BL_EINVAL;
	stream = bl_pages_get(sizeof(*stream) + (room + past) * sizeof(int16_t));
	if (!stream)
		return BL_ENOMEM;
	stream->rate = rate;
	stream->past = stream->head = stream->end = past;
	stream->room = room;
	stream->sound = stream->memory;
	stream->noise = BL_STREAM_NO_NOISE;
	bl_packets_init(&stream->packets);
	bl_delay_init(&stream->delay, rate);
	bl_noise_init(&stream->comfort, 1);
	bl_plc_init(&stream->plc, rate, stream->memory + room);
	bl_stream_decoder(stream, decoder, codec);
	*out = stream;
	return BL_OK;
}

void bl_stream_free(struct bl_stream *stream)
{
	bl_pages_free(stream);
}

void bl_stream_decoder(struct bl_stream *stream, struct bl_decoder *decoder, enum bl_codec codec)
{
	stream->decoder = decoder;
	stream->codec = codec;
	stream->clock = bl_codec_clock(codec, stream->rate);
	while (bl_packets_first(&stream->packets))
		bl_packets_drop(&stream->packets);
	stream->restarting = true;
	stream->awaits_fec = 0;
}

void bl_stream_restart(struct bl_stream *stream)
{
	stream->restarting = true;
}

void bl_stream_pause(struct bl_stream *stream, uint8_t noise)
{
	stream->pausing = true;
	stream->noise = noise < BL_STREAM_NO_NOISE ? noise : BL_STREAM_NO_NOISE;
	stream->noise_left = 0;
	stream->coloured = false;
}

void bl_stream_noise(struct bl_stream *stream, const uint8_t *payload, size_t size)
{
	uint8_t model[1 + BL_NOISE_ORDER];
	uint8_t level = size ? payload[0] & NOISE_LEVEL : BL_STREAM_NO_NOISE;

	level = level < NOISE_LOUDEST ? NOISE_LOUDEST : level;
	bl_stream_pause(stream, level);
	/* its coefficients are of the clock's rate: not G.722's, and Opus has noise of its own */
	if (size < 2 || stream->clock != stream->rate || stream->codec == BL_OPUS)
		return;
	size = size < sizeof(model) ? size : sizeof(model);
	memcpy(model, payload, size);
	model[0] = level;
	stream->coloured = !bl_noise_payload(&stream->comfort, model, size);
}

bool bl_stream_rests(const struct bl_stream *stream)
{
	return stream->pausing && !stream->talking;
}

void bl_stream_fixed(struct bl_stream *stream, bool on)
{
	if (on && !stream->fixed)
		stream->talking = false; /* and waits anew, for that delay */
	stream->fixed = on;
}

/* Ties a timestamp to the sender's time line so that it follows on what came before. */
static void tie(struct bl_stream *stream, uint32_t timestamp)
{
	int64_t at = stream->now;

	if (stream->delay.running)
		at -= stream->delay.least;
	if (at < stream->newest_end)
		at = stream->newest_end;
	stream->base = timestamp;
	stream->based_at = at;
	stream->based = true;
	stream->restarting = false;
}

static int64_t place(const struct bl_stream *stream, uint32_t timestamp)
{
	int64_t apart = (int32_t)(timestamp - stream->base);

	return stream->based_at + apart * stream->rate / stream->clock;
}

/* Is this timestamp of our time line, or does a second one say that there is a new one? */
static bool believe(struct bl_stream *stream, uint32_t timestamp)
{
	int64_t behind = stream->now - place(stream, timestamp) - stream->delay.least;
	int64_t stray_apart = (int32_t)(timestamp - stream->stray);

	if (behind > -(int64_t)bl_stream_of_ms(stream, STRAY_EARLY_MS) &&
	    behind < (int64_t)bl_stream_of_ms(stream, STRAY_LATE_MS)) {
		stream->strayed = false;
		return true;
	}
	if (stream->strayed && stray_apart > -stream->clock && stray_apart < stream->clock) {
		stream->strayed = false;
		tie(stream, timestamp);
		return true;
	}
	stream->strayed = true;
	stream->stray = timestamp;
	return false;
}

static enum bl_stream_put keep(struct bl_stream *stream, const struct bl_stream_packet *in,
			       int64_t at, int length)
{
	struct bl_packet packet = {
		.at = at,
		.seq = in->seq,
		.size = (uint16_t)in->size,
		.samples = (uint16_t)length,
		.resumes = stream->pausing,
	};

	if (at + length <= stream->play) {
		stream->stats.late++;
		return BL_STREAM_LATE;
	}
	while (!bl_packets_fit(&stream->packets, in->size)) {
		bl_packets_drop(&stream->packets);
		stream->stats.discarded++;
	}
	if (!bl_packets_put(&stream->packets, &packet, in->payload))
		return BL_STREAM_DUPLICATE;
	stream->pausing = false;
	return BL_STREAM_TAKEN;
}

static enum bl_stream_put put_one(struct bl_stream *stream, const struct bl_stream_packet *packet)
{
	int length = bl_decoder_length(stream->decoder, packet->payload, packet->size);
	int64_t at, distance;

	if (length <= 0 || (size_t)length > bl_stream_of_ms(stream, BL_STREAM_PACKET_MAX_MS) ||
	    packet->size > BL_PAYLOAD_MAX)
		return BL_STREAM_MALFORMED;
	if (!stream->based || stream->restarting)
		tie(stream, packet->timestamp);
	else if (!believe(stream, packet->timestamp))
		return BL_STREAM_STRAY;
	at = place(stream, packet->timestamp);
	distance = stream->now - at;
	if (packet->waited_us == BL_STREAM_WAITED_UNKNOWN)
		distance += stream->delay.bin; /* nobody sees it come closer to the tick */
	else if (packet->waited_us < GUARD_US)
		distance += (int64_t)bl_stream_of_ms(stream, BL_FRAME_MS);
	bl_delay_seen(&stream->delay, distance);
	if (at + length > stream->newest_end) { /* stay within 32 bits of what comes */
		stream->newest_end = at + length;
		stream->based_at = at;
		stream->base = packet->timestamp;
	}
	return keep(stream, packet, at, length);
}

enum bl_stream_put bl_stream_put(struct bl_stream *stream, const struct bl_stream_packet *packet)
{
	struct bl_stream_packet lump = *packet;
	enum bl_stream_put done;

	if (stream->codec != BL_L16 || packet->size <= LUMP)
		return put_one(stream, packet);
	lump.size = LUMP;
	do {
		done = put_one(stream, &lump);
		lump.payload += lump.size;
		lump.timestamp += (uint32_t)lump.size / sizeof(int16_t);
		lump.size = (size_t)(packet->payload + packet->size - lump.payload);
		lump.size = lump.size < LUMP ? lump.size : LUMP;
	} while (lump.size);
	return done;
}
