/* stream_play.c  A leg's incoming stream: what waits becomes one frame each tick */
#include <math.h>
#include <string.h>
#include "frame.h"
#include "stream_state.h"
#include "stretch.h"

enum {
	EXCESS_MS = 5,	      /* so much too late is let be: an insert is often too long */
	BRIDGE_MAX_MS = 40,   /* a gap that is filled from both of its ends */
	GIVE_UP_MS = 120,     /* nothing came for so long: the sender has stopped */
	JUMP_MS = 240,	      /* a gap so long is none of loss */
	HURRY_MS = 260,	      /* so much too late: what waits is skipped */
	FEC_STEP_PER_S = 400, /* Opus conceals by 2.5 ms */
	FEC_TICKS = 500,      /* 10 s after a loss the packet after the next one is awaited */
	FAINTEST = 80,	      /* [-dBov] what is below is silence */
	NOISE_TICKS = 250,    /* 5 s */
	CALM_TICKS = 50,      /* 1 s after a late packet the delay does not shrink */
	FIXED_MS = 80,	      /* the delay of modems' sound */
	CUT_TICKS = 4,	      /* one search in 80 ms: more cuts would be heard as haste … */
	NO_CUT_TICKS = 64,    /* … and ever less often, down to this, where nothing is found */
};

static const float LESS_LIKE = 0.02f; /* a packet: any sound will do after 1 s or so */

/* The time of what is appended to sound next. */
static int64_t due(const struct bl_stream *stream)
{
	return stream->now + (int64_t)(stream->end - stream->head);
}

static int16_t *tail(struct bl_stream *stream)
{
	return stream->sound + stream->end;
}

/* How far apart the two time lines are to be; with FEC the packet after a lost one is awaited. */
static int64_t aim(const struct bl_stream *stream)
{
	if (stream->fixed)
		return stream->delay.least + (int64_t)bl_stream_of_ms(stream, FIXED_MS);
	return bl_delay_target(&stream->delay) + (stream->awaits_fec ? stream->length : 0);
}

/*
 * A packet never came, and the next one came too late to give its sound back. Where it could have
 * done so, the next time it shall be waited for; and the decoder goes on from what it holds.
 */
static void probe_fec(struct bl_stream *stream, const uint8_t *payload, size_t size)
{
	size_t step = (size_t)(stream->rate / FEC_STEP_PER_S);

	if (stream->made <= bl_stream_of_ms(stream, BL_STREAM_PACKET_MAX_MS) &&
	    bl_decode_before(stream->decoder, payload, size, tail(stream),
			     stream->made / step * step) > 0)
		stream->awaits_fec = FEC_TICKS;
}

/* Nothing is to be heard: silence, or the noise of a pause. */
static void fill_pause(struct bl_stream *stream, size_t count)
{
	/* RFC 3389 §3.1: 0 dBov is the rms of a full square wave */
	float rms = 32768.0f * powf(10.0f, -(float)stream->noise / 20.0f);

	if (stream->coloured)
		bl_noise_frame(&stream->comfort, tail(stream), count);
	else if (stream->noise < BL_STREAM_NO_NOISE)
		bl_plc_noise(&stream->plc, tail(stream), count, rms);
	else
		memset(tail(stream), 0, count * sizeof(int16_t));
	stream->end += count;
}

/*
 * A codec conceals what one packet would have held, however little is asked for: its state goes on
 * by that much. (libopus' SILK does so by 10 ms at least, and fades by the call.)
 * gap [samples]: what is missing, 0: nobody knows; count: what is needed now.
 */
static void fill_gap(struct bl_stream *stream, size_t gap, size_t count)
{
	size_t step = (size_t)(stream->rate / FEC_STEP_PER_S);
	size_t frame = bl_stream_of_ms(stream, BL_FRAME_MS);
	size_t whole = stream->length && stream->length < frame ? stream->length : frame;
	int length;

	whole = gap && gap < whole ? gap : whole;
	length = bl_decode_lost(stream->decoder, tail(stream), (whole + step - 1) / step * step);
	if (length <= 0) {
		length = (int)(gap && gap < count ? gap : count);
		bl_plc_fill(&stream->plc, tail(stream), (size_t)length);
	}
	stream->end += (size_t)length;
	stream->made += (size_t)length;
	stream->stats.concealed += (uint64_t)length;
	stream->made_up = true;
}

/* The gap before a packet, out of that packet's redundancy. */
static bool recover(struct bl_stream *stream, size_t count)
{
	uint8_t room[BL_PAYLOAD_MAX];
	int length;

	if (count > bl_stream_of_ms(stream, BL_STREAM_PACKET_MAX_MS))
		return false;
	length = bl_decode_before(stream->decoder, bl_packets_peek(&stream->packets, room),
				  bl_packets_first(&stream->packets)->size, tail(stream), count);
	if (length <= 0)
		return false;
	stream->awaits_fec = FEC_TICKS;
	stream->recovered = true;
	stream->end += (size_t)length;
	stream->made += (size_t)length;
	stream->stats.recovered += (uint64_t)length;
	stream->sounded = true;
	return true;
}

/* Takes what it can of the excess out of what was just decoded. */
static void cut(struct bl_stream *stream, size_t count, size_t excess)
{
	size_t changed =
		bl_stretch_cut(tail(stream) - count, count, excess, stream->rate, BL_STRETCH_WELL);

	stream->end -= changed;
	stream->stats.cut += changed;
	stream->uncut = 0;
	if (changed || stream->cut_ticks < CUT_TICKS)
		stream->cut_ticks = CUT_TICKS;
	else if (stream->cut_ticks < NO_CUT_TICKS)
		stream->cut_ticks *= 2;
}

/* Makes what was just decoded shorter or longer when the delay is not the one aimed at. */
static void adjust(struct bl_stream *stream, size_t count)
{
	int64_t excess = due(stream) - stream->play - aim(stream);
	size_t changed;

	if (stream->fixed)
		return;
	if (excess < 0) {
		/* the longer it has to wait for fit sound, the less it asks for */
		float likeness = BL_STRETCH_WELL - LESS_LIKE * (float)stream->short_of++;

		changed = bl_stretch_insert(tail(stream) - count, count, stream->past,
					    (size_t)-excess, stream->rate, likeness);
		stream->end += changed;
		stream->stats.inserted += changed;
		return;
	}
	stream->short_of = 0;
	if (excess >= (int64_t)bl_stream_of_ms(stream, EXCESS_MS) && stream->calm >= CALM_TICKS &&
	    stream->uncut >= stream->cut_ticks)
		cut(stream, count, (size_t)excess);
}

/* bridge: [samples] of a gap before it */
static void play_packet(struct bl_stream *stream, size_t bridge)
{
	struct bl_packet packet = *bl_packets_first(&stream->packets);
	uint8_t room[BL_PAYLOAD_MAX];
	const uint8_t *payload = bl_packets_peek(&stream->packets, room);
	size_t old = stream->play > packet.at ? (size_t)(stream->play - packet.at) : 0;
	int length;

	bl_packets_drop(&stream->packets);
	if (stream->made && !stream->recovered && packet.at > stream->play)
		probe_fec(stream, payload, packet.size);
	length = bl_decode(stream->decoder, payload, packet.size, tail(stream) + bridge,
			   stream->room - stream->end - bridge);
	if (length < 0 || (size_t)length <= old)
		return;
	length -= (int)old;
	if (old)
		memmove(tail(stream) + bridge, tail(stream) + bridge + old,
			(size_t)length * sizeof(int16_t));
	if (bridge) {
		bl_plc_bridge(&stream->plc, tail(stream), bridge, tail(stream) + bridge,
			      (size_t)length);
		stream->end += bridge;
		stream->stats.concealed += bridge;
		stream->made_up = true;
	} else if (stream->made) {
		bl_plc_join(&stream->plc, tail(stream), (size_t)length);
	}
	bl_plc_heard(&stream->plc, tail(stream), (size_t)length);
	if ((int64_t)stream->made > packet.at - stream->play)
		stream->calm = 0; /* it was late, and is played all the same */
	stream->made = 0;
	stream->recovered = false;
	stream->seq = packet.seq;
	stream->play = packet.at + (int64_t)packet.samples;
	stream->length = packet.samples;
	stream->end += (size_t)length;
	stream->sounded = true;
	adjust(stream, (size_t)length);
}

/* In a pause: waits until the first packet has had its delay. */
static void wait(struct bl_stream *stream, const struct bl_packet *first, size_t count)
{
	int64_t left = first ? first->at + aim(stream) - due(stream) : (int64_t)count;

	if (left > 0 || !first) {
		fill_pause(stream, left < (int64_t)count ? (size_t)left : count);
		return;
	}
	stream->talking = true;
	if (!stream->pausing) /* else it is for the pause after this */
		stream->noise = BL_STREAM_NO_NOISE;
	stream->play = first->at;
	stream->made = 0;
	play_packet(stream, 0);
}

/* Has the sender stopped on purpose? */
static bool has_stopped(const struct bl_stream *stream, const struct bl_packet *next)
{
	if (!next)
		return stream->pausing || stream->made >= bl_stream_of_ms(stream, GIVE_UP_MS);
	return next->resumes || next->seq == (uint16_t)(stream->seq + 1) ||
	       next->at - stream->play > (int64_t)bl_stream_of_ms(stream, JUMP_MS);
}

/* He stopped without a word: for some seconds his background noise stays. */
static void leave_noise(struct bl_stream *stream)
{
	float below = 20.0f * log10f(32768.0f / stream->plc.noise);

	stream->noise = below < FAINTEST ? (uint8_t)below : BL_STREAM_NO_NOISE;
	stream->noise_left = NOISE_TICKS;
	stream->coloured = false;
}

/* Far behind, as after a stall: lets go of what is not worth its delay any more. */
static const struct bl_packet *skip(struct bl_stream *stream)
{
	int64_t target = aim(stream);
	const struct bl_packet *first = bl_packets_first(&stream->packets);
	bool hurry = false;

	if (first && !stream->fixed)
		hurry = due(stream) - first->at - target >
			(int64_t)bl_stream_of_ms(stream, HURRY_MS);
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

/* A short gap, from its beginning, in sound whose codec conceals nothing by itself? */
static bool can_bridge(const struct bl_stream *stream, const struct bl_packet *next, size_t gap)
{
	return stream->codec != BL_OPUS && !stream->made &&
	       gap <= bl_stream_of_ms(stream, BRIDGE_MAX_MS) &&
	       gap + next->samples <= bl_stream_of_ms(stream, BL_STREAM_PACKET_MAX_MS);
}

/* [samples] that one step may append, with what it inserts */
static size_t to_come(const struct bl_stream *stream, const struct bl_packet *first)
{
	int32_t most_ms = BL_STREAM_PACKET_MAX_MS;

	if (first && first->at <= stream->play &&
	    first->samples <= bl_stream_of_ms(stream, BL_FRAME_MS))
		most_ms = BL_FRAME_MS;
	return bl_stream_of_ms(stream, most_ms + BL_STREAM_INSERT_MAX_MS);
}

/* Moves sound down when there is no room for what may come: each time would be dear. */
static void compact(struct bl_stream *stream, const struct bl_packet *first)
{
	size_t from = stream->end - stream->past;

	if (stream->end + to_come(stream, first) <= stream->room)
		return;
	from = from < stream->head ? from : stream->head;
	memmove(stream->sound, stream->sound + from, (stream->end - from) * sizeof(int16_t));
	stream->head -= from;
	stream->end -= from;
}

/* Appends some sound, of count samples if nothing says otherwise. */
static void produce(struct bl_stream *stream, size_t count)
{
	const struct bl_packet *first = skip(stream);
	int64_t gap = first ? first->at - stream->play - (int64_t)stream->made : 0;

	compact(stream, first);
	if (!stream->talking) {
		wait(stream, first, count);
	} else if (first && gap <= 0) {
		play_packet(stream, 0);
	} else if (has_stopped(stream, first)) {
		stream->talking = false;
		if (!stream->pausing && stream->made)
			leave_noise(stream);
	} else if (!first) {
		fill_gap(stream, 0, count);
	} else if (can_bridge(stream, first, (size_t)gap)) {
		play_packet(stream, (size_t)gap);
	} else if (!recover(stream, (size_t)gap)) {
		fill_gap(stream, (size_t)gap, count);
	}
}

static enum bl_stream_get kind_of_frame(const struct bl_stream *stream)
{
	if (stream->made_up)
		return BL_STREAM_CONCEALED;
	if (stream->sounded || stream->talking)
		return BL_STREAM_WHOLE;
	return stream->noise < BL_STREAM_NO_NOISE ? BL_STREAM_COMFORT : BL_STREAM_SILENT;
}

const int16_t *bl_stream_next(struct bl_stream *stream, size_t samples, enum bl_stream_get *what)
{
	const int16_t *frame;

	stream->made_up = stream->sounded = false;
	if (stream->calm < CALM_TICKS)
		stream->calm++;
	if (stream->uncut < NO_CUT_TICKS)
		stream->uncut++;
	if (stream->awaits_fec)
		stream->awaits_fec--;
	if (stream->noise_left && !--stream->noise_left)
		stream->noise = BL_STREAM_NO_NOISE;
	while (stream->end - stream->head < samples) {
		produce(stream, samples - (stream->end - stream->head));
	}
	frame = stream->sound + stream->head;
	stream->head += samples;
	stream->now += (int64_t)samples;
	*what = kind_of_frame(stream);
	return frame;
}

void bl_stream_stats(const struct bl_stream *stream, struct bl_stream_stats *out)
{
	*out = stream->stats;
	out->target = (int32_t)(aim(stream) - stream->delay.least);
	out->delay =
		stream->talking ? (int32_t)(due(stream) - stream->play - stream->delay.least) : 0;
}
