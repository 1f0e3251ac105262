/* stream_state.h  A stream's state: stream.c makes it and takes packets, stream_play.c plays them
 */
#ifndef BL_STREAM_STATE_H
#define BL_STREAM_STATE_H
#include "delay.h"
#include "noise.h"
#include "packets.h"
#include "plc.h"
#include "stream.h"

enum {
	BL_STREAM_PACKET_MAX_MS = 120, /* RFC 6716 §2.1.4: no Opus packet is longer */
	BL_STREAM_PAST_MS = 50,	       /* kept of what was decoded, for plc.h and stretch.h */
	BL_STREAM_INSERT_MAX_MS = 15,  /* stretch.h's longest period */
};

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
	uint8_t noise;	     /* [-dBov] of the pause */
	uint16_t noise_left; /* [ticks], 0: as long as the pause */
	bool based, strayed;
	bool talking; /* the two time lines are tied together; else in a pause */
	bool pausing; /* the sender said so, after all that has come */
	bool restarting;
	bool fixed;		/* its delay does not follow the network */
	uint16_t awaits_fec;	/* [ticks] from now on */
	uint16_t length;	/* [samples] of the last packet */
	bool recovered;		/* this gap's sound came out of the next packet */
	bool made_up, sounded;	/* in this frame */
	uint16_t short_of;	/* [packets] since the delay became too small */
	uint16_t calm, uncut;	/* [ticks] since a packet came late, since a cut was sought */
	uint16_t cut_ticks;	/* [ticks] from one such search to the next */
	size_t made;		/* [samples] made up since the last that was decoded */
	size_t head, end, room; /* [samples] in sound: what waits to be given out */
	size_t past;		/* [samples] kept before end */
	int16_t *sound;
	struct bl_delay delay;
	struct bl_plc plc;
	struct bl_noise comfort;
	bool coloured; /* the pause's noise is comfort */
	struct bl_stream_stats stats;
	struct bl_packets packets;
	int16_t memory[];
};

static inline size_t bl_stream_of_ms(const struct bl_stream *stream, int32_t ms)
{
	return (size_t)stream->rate / 1000 * (size_t)ms;
}

#endif
