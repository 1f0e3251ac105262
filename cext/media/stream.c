/* stream.c  What a leg hears from its far end: packets in as they come, one frame out each tick */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "delay.h"
#include "frame.h"
#include "packets.h"
#include "plc.h"
#include "stream.h"
#include "stretch.h"

enum {
	PACKET_MAX_MS = 120,  /* RFC 6716 §2.1.4: no Opus packet is longer */
	PAST_MS = 50,	      /* kept of what was decoded, for plc.h and stretch.h */
	INSERT_MAX_MS = 15,   /* stretch.h's longest period */
	EXCESS_MS = 5,	      /* so much too late is let be: an insert is often too long */
	LUMP = 640,	      /* [bytes] of L16 are kept as one packet at most */
	GUARD_US = 2000,      /* before its tick: at 200 ppm it comes too late in 10 s */
	STRAY_EARLY_MS = 500, /* a packet so much ahead of all others, or … */
	STRAY_LATE_MS = 1000, /* … so much behind, is of another time line */
	GIVE_UP_MS = 120,     /* nothing came for so long: the sender has stopped */
	JUMP_MS = 240,	      /* a gap so long is none of loss */
	HURRY_MS = 260,	      /* so much too late: what waits is skipped */
	FEC_STEP_PER_S = 400, /* Opus conceals by 2.5 ms */
	CALM_TICKS = 50,      /* 1 s after a late packet the delay does not shrink */
	CUT_TICKS = 3,	      /* one cut in 60 ms: more would be heard as haste */
};

static const float LESS_LIKE = 0.02f; /* a packet: any sound will do after 1 s or so */

struct bl_stream {
	struct bl_decoder *decoder;
	enum bl_codec codec;
	int32_t rate, clock; /* [Hz] of samples and of timestamps */
	int64_t now;	     /* [samples] given out so far: this tick's time */
	int64_t play;	     /* [samples] on the sender's time line: what is decoded next */
	int64_t newest_end;  /* [samples] of the farthest packet so far */
	int64_t based_at;    /* [samples] on the sender's time line … */
	uint32_t base;	     /* … of this timestamp */
	uint32_t stray;	     /* timestamp of the last one that fitted nowhere */
	uint16_t seq;	     /* of the packet played last */
	uint8_t noise;	     /* [-dBov] the sender asked for in his pause */
	bool based, strayed;
	bool talking; /* the two time lines are tied together; else in a pause */
	bool pausing; /* the sender said so, after all that has come */
	bool restarting;
	bool made_up, sounded;	/* in this frame */
	uint16_t short_of;	/* [packets] since the delay became too small */
	uint16_t calm, uncut;	/* [ticks] since a packet came late, since a cut */
	size_t made;		/* [samples] made up since the last that was decoded */
	size_t head, end, room; /* [samples] in sound: what waits to be given out */
	size_t past;		/* [samples] kept before end */
	int16_t *sound;
	struct bl_delay delay;
	struct bl_plc plc;
	struct bl_stream_stats stats;
	struct bl_packets packets;
	int16_t memory[];
};

static size_t of_ms(const struct bl_stream *stream, int32_t ms)
{
	return (size_t)(stream->rate / 1000 * ms);
}

int bl_stream_new(struct bl_decoder *decoder, enum bl_codec codec, int32_t rate,
		  struct bl_stream **out)
{
	size_t past = (size_t)rate / 1000 * PAST_MS;
	size_t room = past + (size_t)rate / 1000 * (BL_FRAME_MS + PACKET_MAX_MS + INSERT_MAX_MS);
	struct bl_stream *stream;

	if (!decoder || !out || !bl_codec_knows(codec, rate))
		return BL_EINVAL;
	stream = calloc(1, sizeof(*stream) + (room + past) * sizeof(int16_t));
	if (!stream)
		return BL_ENOMEM;
	stream->rate = rate;
	stream->past = stream->head = stream->end = past;
	stream->room = room;
	stream->sound = stream->memory;
	stream->noise = BL_STREAM_NO_NOISE;
	bl_packets_init(&stream->packets);
	bl_delay_init(&stream->delay, rate);
	bl_plc_init(&stream->plc, rate, stream->memory + room);
	bl_stream_decoder(stream, decoder, codec);
	*out = stream;
	return BL_OK;
}

void bl_stream_free(struct bl_stream *stream)
{
	free(stream);
}

void bl_stream_decoder(struct bl_stream *stream, struct bl_decoder *decoder, enum bl_codec codec)
{
	stream->decoder = decoder;
	stream->codec = codec;
	stream->clock = bl_codec_clock(codec, stream->rate);
	while (bl_packets_first(&stream->packets))
		bl_packets_drop(&stream->packets);
	stream->restarting = true;
}

void bl_stream_restart(struct bl_stream *stream)
{
	stream->restarting = true;
}

void bl_stream_pause(struct bl_stream *stream, uint8_t noise)
{
	stream->pausing = true;
	stream->noise = noise;
}

/* The time of what is appended to sound next. */
static int64_t due(const struct bl_stream *stream)
{
	return stream->now + (int64_t)(stream->end - stream->head);
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

	if (behind > -(int64_t)of_ms(stream, STRAY_EARLY_MS) &&
	    behind < (int64_t)of_ms(stream, STRAY_LATE_MS)) {
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

	if (length <= 0 || (size_t)length > of_ms(stream, PACKET_MAX_MS) ||
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
		distance += (int64_t)of_ms(stream, BL_FRAME_MS);
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

/* -- play-out ------------------------------------------------------------------------------- */

static int16_t *tail(struct bl_stream *stream)
{
	return stream->sound + stream->end;
}

/* Nothing is to be heard: silence, or the noise of a pause. */
static void fill_pause(struct bl_stream *stream, size_t count)
{
	/* RFC 3389 §3.1: 0 dBov is the rms of a full square wave */
	float rms = 32768.0f * powf(10.0f, -(float)stream->noise / 20.0f);

	if (stream->noise < BL_STREAM_NO_NOISE)
		bl_plc_noise(&stream->plc, tail(stream), count, rms);
	else
		memset(tail(stream), 0, count * sizeof(int16_t));
	stream->end += count;
}

static void fill_gap(struct bl_stream *stream, size_t count)
{
	size_t step = (size_t)(stream->rate / FEC_STEP_PER_S);
	int length =
		bl_decode_lost(stream->decoder, tail(stream), (count + step - 1) / step * step);

	if (length <= 0) {
		bl_plc_fill(&stream->plc, tail(stream), count);
		length = (int)count;
	}
	stream->end += (size_t)length;
	stream->made += (size_t)length;
	stream->stats.concealed += (uint64_t)length;
	stream->made_up = true;
}

/* The gap before a packet, out of that packet's redundancy. */
static bool recover(struct bl_stream *stream, size_t count)
{
	uint8_t payload[BL_PAYLOAD_MAX];
	int length;

	if (count > of_ms(stream, PACKET_MAX_MS))
		return false;
	bl_packets_peek(&stream->packets, payload);
	length = bl_decode_before(stream->decoder, payload,
				  bl_packets_first(&stream->packets)->size, tail(stream), count);
	if (length <= 0)
		return false;
	stream->end += (size_t)length;
	stream->made += (size_t)length;
	stream->stats.recovered += (uint64_t)length;
	stream->sounded = true;
	return true;
}

/* Makes what was just decoded shorter or longer when the delay is not the one aimed at. */
static void adjust(struct bl_stream *stream, size_t count)
{
	int64_t excess = due(stream) - stream->play - bl_delay_target(&stream->delay);
	size_t changed;

	if (excess >= (int64_t)of_ms(stream, EXCESS_MS) && stream->calm >= CALM_TICKS &&
	    stream->uncut >= CUT_TICKS) {
		changed = bl_stretch_cut(tail(stream) - count, count, (size_t)excess, stream->rate,
					 BL_STRETCH_WELL);
		stream->end -= changed;
		stream->stats.cut += changed;
		if (changed)
			stream->uncut = 0;
	} else if (excess < 0) {
		/* the longer it has to wait for fit sound, the less it asks for */
		float likeness = BL_STRETCH_WELL - LESS_LIKE * (float)stream->short_of++;

		changed = bl_stretch_insert(tail(stream) - count, count, stream->past,
					    (size_t)-excess, stream->rate, likeness);
		stream->end += changed;
		stream->stats.inserted += changed;
	} else {
		stream->short_of = 0;
	}
}

static void play_packet(struct bl_stream *stream)
{
	struct bl_packet packet = *bl_packets_first(&stream->packets);
	uint8_t payload[BL_PAYLOAD_MAX];
	size_t old = stream->play > packet.at ? (size_t)(stream->play - packet.at) : 0;
	int length;

	bl_packets_peek(&stream->packets, payload);
	bl_packets_drop(&stream->packets);
	length = bl_decode(stream->decoder, payload, packet.size, tail(stream),
			   stream->room - stream->end);
	if (length < 0 || (size_t)length <= old)
		return;
	length -= (int)old;
	memmove(tail(stream), tail(stream) + old, (size_t)length * sizeof(int16_t));
	if (stream->made)
		bl_plc_join(&stream->plc, tail(stream), (size_t)length);
	bl_plc_heard(&stream->plc, tail(stream), (size_t)length);
	if ((int64_t)stream->made > packet.at - stream->play)
		stream->calm = 0; /* it was late, and is played all the same */
	stream->made = 0;
	stream->seq = packet.seq;
	stream->play = packet.at + (int64_t)packet.samples;
	stream->end += (size_t)length;
	stream->sounded = true;
	adjust(stream, (size_t)length);
}

/* In a pause: waits until the first packet has had its delay. */
static void wait(struct bl_stream *stream, const struct bl_packet *first, size_t count)
{
	int64_t begin = first ? first->at + bl_delay_target(&stream->delay) : INT64_MAX;

	if (begin <= due(stream)) {
		stream->talking = true;
		stream->noise = BL_STREAM_NO_NOISE;
		stream->play = first->at;
		stream->made = 0;
		play_packet(stream);
		return;
	}
	if (begin - due(stream) < (int64_t)count)
		count = (size_t)(begin - due(stream));
	fill_pause(stream, count);
}

/* Has the sender stopped on purpose? */
static bool has_stopped(const struct bl_stream *stream, const struct bl_packet *next)
{
	if (!next)
		return stream->pausing || stream->made >= of_ms(stream, GIVE_UP_MS);
	return next->resumes || next->seq == (uint16_t)(stream->seq + 1) ||
	       next->at - stream->play > (int64_t)of_ms(stream, JUMP_MS);
}

/* Far behind, as after a stall: lets go of what is not worth its delay any more. */
static const struct bl_packet *skip(struct bl_stream *stream)
{
	int64_t target = bl_delay_target(&stream->delay);
	const struct bl_packet *first = bl_packets_first(&stream->packets);
	bool hurry = first && due(stream) - first->at - target > (int64_t)of_ms(stream, HURRY_MS);

	while (first && (first->at + first->samples <= stream->play ||
			 (hurry && due(stream) - first->at > target))) {
		if (first->at + first->samples <= stream->play)
			stream->stats.late++;
		else
			stream->stats.discarded++;
		bl_packets_drop(&stream->packets);
		first = bl_packets_first(&stream->packets);
	}
	return first;
}

/* Appends some sound, of count samples if nothing says otherwise. */
static void produce(struct bl_stream *stream, size_t count)
{
	const struct bl_packet *first = skip(stream);
	int64_t gap = first ? first->at - stream->play - (int64_t)stream->made : 0;

	if (!stream->talking) {
		wait(stream, first, count);
	} else if (first && gap <= 0) {
		play_packet(stream);
	} else if (has_stopped(stream, first)) {
		stream->talking = false;
	} else if (!first) {
		fill_gap(stream, count);
	} else if (!recover(stream, (size_t)gap)) {
		fill_gap(stream, (size_t)gap < count ? (size_t)gap : count);
	}
}

/* Moves sound down so that there is room for the longest packet. */
static void compact(struct bl_stream *stream)
{
	size_t from = stream->end - stream->past;

	from = from < stream->head ? from : stream->head;
	memmove(stream->sound, stream->sound + from, (stream->end - from) * sizeof(int16_t));
	stream->head -= from;
	stream->end -= from;
}

enum bl_stream_get bl_stream_get(struct bl_stream *stream, int16_t *frame, size_t samples)
{
	stream->made_up = stream->sounded = false;
	if (stream->calm < CALM_TICKS)
		stream->calm++;
	if (stream->uncut < CUT_TICKS)
		stream->uncut++;
	while (stream->end - stream->head < samples) {
		compact(stream);
		produce(stream, samples - (stream->end - stream->head));
	}
	memcpy(frame, stream->sound + stream->head, samples * sizeof(*frame));
	stream->head += samples;
	stream->now += (int64_t)samples;
	if (stream->made_up)
		return BL_STREAM_CONCEALED;
	if (stream->sounded || stream->talking)
		return BL_STREAM_WHOLE;
	return stream->noise < BL_STREAM_NO_NOISE ? BL_STREAM_COMFORT : BL_STREAM_SILENT;
}

void bl_stream_stats(const struct bl_stream *stream, struct bl_stream_stats *out)
{
	*out = stream->stats;
	out->target = (int32_t)(bl_delay_target(&stream->delay) - stream->delay.least);
	out->delay =
		stream->talking ? (int32_t)(due(stream) - stream->play - stream->delay.least) : 0;
}
