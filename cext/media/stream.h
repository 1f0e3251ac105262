/*
 * stream.h  What a leg hears from its far end: packets in as they come, one frame out each tick
 *
 * What does it do?  It waits just long enough for what is late, decodes when it is to be played,
 *   makes up what never comes, and keeps in step with a far end whose clock runs apart from ours.
 * How does it work?  Undecoded packets wait in order (packets.h). delay.h says how long they must
 *   wait; the stream follows it by making speech a pitch period longer or shorter (stretch.h), and
 *   in pauses freely. What is missing comes out of the next packet (Opus FEC), from the codec's
 *   own concealment, or from plc.h. A pause that the sender makes on purpose is no loss: it is
 *   filled with nothing, or with the noise that he asked for (RFC 3389).
 *   Devices are streams too: L16, with the count of samples read as the timestamp.
 * How do I use it?  bl_stream_new() in the caller's thread; in the tick bl_stream_put() for all
 *   that came, then bl_stream_next() once. What it takes, one frame at a time, is at the decoder's
 *   rate. One thread at a time; nothing here allocates but bl_stream_new().
 */
#ifndef BL_STREAM_H
#define BL_STREAM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "codec.h"

enum {
	BL_STREAM_WAITED_UNKNOWN = -1000000,
	BL_STREAM_NO_NOISE = 127, /* [-dBov] */
	BL_STREAM_LIMIT_MS = 260, /* a packet so much too late makes what waits be skipped */
};

struct bl_stream;

struct bl_stream_packet {
	uint16_t seq;
	uint32_t timestamp; /* of the codec's RTP clock */
	const uint8_t *payload;
	size_t size;	   /* [bytes] */
	int32_t waited_us; /* from its arrival to this tick's due time; or ..._WAITED_UNKNOWN */
};

enum bl_stream_put {
	BL_STREAM_TAKEN,
	BL_STREAM_LATE,	     /* its time had passed */
	BL_STREAM_DUPLICATE, /* its place is taken */
	BL_STREAM_MALFORMED, /* no such payload in this codec, or longer than 120 ms */
	BL_STREAM_STRAY,     /* its timestamp fits nowhere; a second one like it is believed */
};

enum bl_stream_get {
	BL_STREAM_SILENT,    /* all zero: nothing was to be expected */
	BL_STREAM_COMFORT,   /* the background noise of a pause */
	BL_STREAM_WHOLE,     /* what was sent, or what its redundancy gave */
	BL_STREAM_CONCEALED, /* some of it is made up */
};

struct bl_stream_stats {
	uint64_t concealed; /* [samples] made up */
	uint64_t recovered; /* [samples] out of the next packet (Opus FEC) */
	uint64_t late;	    /* packets whose time had passed */
	uint64_t discarded; /* packets for which there was no room */
	uint64_t cut;	    /* [samples] less, to shrink the delay */
	uint64_t inserted;  /* [samples] more, to let it grow */
	int32_t delay;	    /* [samples] from a packet's tick to its play, of the quickest */
	int32_t target;	    /* [samples] aimed at */
};

/* The stream uses the decoder and does not own it. */
int bl_stream_new(struct bl_decoder *decoder, enum bl_codec codec, int32_t rate,
		  struct bl_stream **out);
void bl_stream_free(struct bl_stream *stream);
/* Another codec of the same rate from now on; what waits undecoded is dropped. */
void bl_stream_decoder(struct bl_stream *stream, struct bl_decoder *decoder, enum bl_codec codec);
/* The sender's numbering begins anew (another SSRC): the next packet follows on the last. */
void bl_stream_restart(struct bl_stream *stream);
/* The sender pauses on purpose after what it has sent: events (RFC 4733), or comfort noise of
 * that level (RFC 3389 §3.1) [-dBov], or BL_STREAM_NO_NOISE. */
void bl_stream_pause(struct bl_stream *stream, uint8_t noise);
/* The same with the noise that an RFC 3389 payload describes. */
void bl_stream_noise(struct bl_stream *stream, const uint8_t *payload, size_t size);
/* The sender has said that he pauses, and nothing has come since. */
bool bl_stream_rests(const struct bl_stream *stream);
enum bl_stream_put bl_stream_put(struct bl_stream *stream, const struct bl_stream_packet *packet);
/* What comes is modems': one delay for all, nothing is cut out of it or put into it. */
void bl_stream_fixed(struct bl_stream *stream, bool on);
/*
 * The next frame; its samples stay where they are until the stream is told anything again.
 * samples: one frame at the decoder's rate, 20 ms
 */
const int16_t *bl_stream_next(struct bl_stream *stream, size_t samples, enum bl_stream_get *what);
void bl_stream_stats(const struct bl_stream *stream, struct bl_stream_stats *out);

#endif
