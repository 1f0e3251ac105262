/* leg.h  One audio end point: what is the same for RTP and PCM, and the state of both */
#ifndef BL_LEG_H
#define BL_LEG_H
#include <netinet/in.h>
#include <stdatomic.h>
#include "analysis.h"
#include "branchline_media.h"
#include "bridge.h"
#include "coder.h"
#include "device.h"
#include "digits.h"
#include "fax.h"
#include "frame.h"
#include "gain.h"
#include "latch.h"
#include "node.h"
#include "player.h"
#include "port.h"
#include "feed.h"
#include "report.h"
#include "sdes.h"
#include "rtp.h"
#include "resample.h"
#include "telephone_event.h"
#include "voice.h"
#include "voip_metrics.h"
#include "worker.h"

enum bl_leg_kind { BL_LEG_RTP, BL_LEG_PCM };

/* The agreed far end of an RTP leg. */
struct bl_far {
	union bl_address address;
	socklen_t size; /* 0: not set yet, send nothing */
	uint8_t payload_type;
	uint8_t payload_type_in;       /* in what comes, where it differs; 0: it does not */
	uint8_t event_payload_type_in; /* the same of telephone-event */
	int16_t event_payload_type;    /* -1: none */
	int32_t event_rate;	       /* [Hz] of its timestamps; 0: the codec's */
	int16_t noise_payload_type;    /* 0: none */
	int32_t rtcp_port;	       /* -1: none */
};

/* Its RTCP, and what the reports need. */
struct bl_rtcp_leg {
	struct bl_voip_metrics metrics;
	int fd; /* -1: none, or the reports share RTP's port */
	bool on;
	uint64_t rated_tick; /* when the ratings were last worked out */
	struct bl_report report;
	union bl_address to;
};

struct bl_rtp_leg {
	uint32_t ssrc, timestamp;
	uint32_t event_timestamp; /* of events whose clock is not the codec's */
	uint16_t seq;
	uint8_t expected;     /* [packets] at the next tick */
	bool events_seen;     /* it sends RFC 4733: digits in its sound are echoes of these */
	bool talking;	      /* the last tick sent a packet of sound */
	bool secure;	      /* nothing but SRTP is sent or taken */
	uint32_t quiet_ticks; /* in a row it hears silence */
	struct bl_telephone_receiver events;
	struct bl_far far;
	struct bl_rtp_source source;
	struct bl_latch latch;
	union bl_address tied_to; /* whom the socket is connected to; zeroed: nobody */
	int wide;		  /* a second socket on its port, for all others; -1: none */
	int32_t place;		  /* of its socket in the workers' rings (uring.h); -1: none */
	struct bl_port *shared;	  /* a browser leg's; NULL: it has a socket of its own */
	struct bl_port_packet *arrived; /* this tick, on the shared port */
	struct bl_rtcp_leg rtcp;
	struct bl_srtp_pair keys;
	struct bl_port_leg at; /* the paths of a leg with ICE */
};

struct bl_pcm_leg {
	struct bl_device *device;
	uint32_t read;	/* [samples] so far: the timestamp of what comes next */
	uint16_t lumps; /* so far: the sequence number of the next */
	int32_t error;	/* errno of a write that failed, told with the next read */
	bool gone;
};

/*
 * What each tick needs comes first and lies together: the first touch of a leg's memory is dear,
 * since hundreds of others were touched after the tick before.
 */
struct bl_leg {
	struct bl_node node;
	int64_t id;
	enum bl_leg_kind kind;
	int fd;
	int32_t slot;		  /* in the tick's cells */
	int32_t rate;		  /* [Hz] of what it says and hears */
	int32_t frame;		  /* [samples] of 20 ms at that rate */
	struct bl_coder *coder;	  /* NULL: nothing is agreed yet; tick side */
	struct bl_bridge *bridge; /* tick side */
	enum bl_role role;	  /* in its bridge */
	enum bl_coding coding;
	bool send, receive, detect;
	bool keeps_digits;    /* passes none on in its bridge */
	bool started, silent; /* told so */
	bool has_sound;	      /* this tick's frame is not all zero by nature */
	bool digit_sounds;    /* in what it says, this tick */
	bool tells_talk;
	bool udptl;	      /* its port carries T.38 until RTP is agreed again */
	uint32_t quiet_ticks; /* in a row without sound */
	uint32_t silence;     /* [ticks], 0: never */
	uint64_t heard_tick;
	const int16_t *says;   /* this tick's frame */
	const int16_t *said;   /* the same at its bridge's rate */
	const int16_t *sought; /* this tick: where digits are to be found in, NULL: nowhere */
	const struct bl_share *shared; /* this tick: the payload to send, NULL: its own */
	struct bl_feed *feeds;	       /* recordings and taps */
	struct bl_fax *fax;	       /* NULL: none; hears and speaks instead of all else */
	struct bl_gain mouth_gain, ear_gain;
	struct bl_gain
		event_gain; /* mute while a digit comes as an event: its tone would be a second */
	struct bl_analysis *analyses[BL_ANALYSES]; /* NULL: not listened to for that */
	float loudest_dbm0;			   /* since it was published */
	struct bl_voice voice;
	struct bl_rtp_leg rtp;
	struct bl_leg_stats stats; /* tick side */
	struct bl_digits digits;
	struct bl_player player;
	struct bl_pcm_leg pcm;
	enum bl_digit_source digit_source; /* of the digit told last */
	char digit;
	uint64_t digit_tick;
	struct bl_encoder_config asked; /* caller side: what the coder was made for */
	bool has_asked;
	bool guarded;			/* caller side: the guard knows it */
	union bl_address asked_address; /* caller side */
	struct bl_sdes *sdes[2];	/* caller side: keys in use, ours and theirs; NULL: none */
	uint64_t free_tick;		/* caller side: until then a removed leg keeps its port */
	_Atomic uint64_t published[sizeof(struct bl_leg_stats) / sizeof(uint64_t)];
	struct bl_resampler mouth;  /* from the leg's rate to its bridge's */
	struct bl_resampler ear;    /* from what it hears to the leg's rate */
	struct bl_resampler narrow; /* from the leg's rate to 8 kHz, where digits are sought */
	alignas(64)
		int16_t changed[BL_FRAME_MAX];	/* what it says, where a gain makes it another */
	alignas(64) int16_t wide[BL_FRAME_MAX]; /* the same where the bridge's rate does */
};

/* Tick side, in this order each tick. */
void bl_leg_hear(struct bl_worker *worker, struct bl_leg *leg);
void bl_leg_speak(struct bl_worker *worker, struct bl_leg *leg);
void bl_leg_set_rate(struct bl_leg *leg, int32_t rate);
void bl_leg_end_plays(struct bl_worker *worker, struct bl_leg *leg, enum bl_play_end why);
/* Tells the ends of plays and hands them back. */
void bl_leg_tell_plays(struct bl_worker *worker, struct bl_leg *leg);
void bl_leg_digit(struct bl_worker *worker, struct bl_leg *leg, char digit,
		  enum bl_digit_source source, int ms);
/* Digits were sought in its sound this tick: the rest of the hearing. */
void bl_leg_heard(struct bl_worker *worker, struct bl_leg *leg);
/* A digit sent as an event carries no sound: passes it on to whom the leg talks with. */
void bl_leg_relay_digit(struct bl_leg *leg, char digit);
/* Something came in: the leg is alive. */
void bl_leg_alive(struct bl_worker *worker, struct bl_leg *leg);

void bl_leg_set_coder(struct bl_engine *engine, struct bl_leg *leg, struct bl_coder *coder);
/* What has come so far belongs to another time: a hold begins or ends. */
void bl_leg_empty(struct bl_leg *leg);

/* rtp_leg.c */
/* stamped: the kernel notes when each packet came. Returns the port it is bound to. */
int bl_rtp_leg_open(struct bl_leg *leg, const char *address, int32_t port, bool stamped);
/* Draws what a stream begins with: SSRC, numbers, the report's name. */
int bl_rtp_leg_begin(struct bl_leg *leg);
int bl_rtp_leg_far(const struct bl_leg *leg, const struct bl_remote *remote, struct bl_far *out);
void bl_rtp_leg_set_far(struct bl_leg *leg, const struct bl_far *far);
/* [Hz] of the timestamps and durations of telephone events, both ways */
uint32_t bl_rtp_leg_event_clock(const struct bl_leg *leg);
/*
 * Connects its socket to whom its sound goes to now: the kernel then need not look up the way for
 * each packet. What others send, who may have good reasons to, comes to the wide socket.
 */
void bl_rtp_leg_tie(struct bl_leg *leg);
/* rtp_in.c, rtp_out.c */
struct bl_post_route bl_rtp_leg_route(const struct bl_leg *leg);
struct bl_cell;
/* The first datagram of each leg in the cell at once, where the kernel lets us. */
void bl_rtp_fetch(struct bl_worker *worker, const struct bl_cell *cell);
void bl_rtp_leg_receive(struct bl_worker *worker, struct bl_leg *leg);
/* Ends an event of which nothing comes any more. */
void bl_rtp_leg_events(struct bl_worker *worker, struct bl_leg *leg);
/* rtp_noise.c: -1: send what it hears; 0: send nothing; else the bytes of a payload of noise. */
int bl_rtp_leg_noise(struct bl_leg *leg, const int16_t *hears, uint8_t *payload);
void bl_rtp_leg_send(struct bl_worker *worker, struct bl_leg *leg, const int16_t *hears);

/*
 * The packet in bl_post_packet(), under the agreed keys, to where the leg is now.
 * payload: [bytes] of it that count as sent; 0: it is a report, and does not count.
 */
void bl_rtp_leg_put(struct bl_worker *worker, struct bl_leg *leg, size_t size, size_t payload);

/* rtcp_leg.c */
void bl_rtcp_leg_take(struct bl_worker *worker, struct bl_leg *leg, const uint8_t *packet,
		      size_t size);
/* What came on a port of its own; reports that are due; ratings. */
void bl_rtcp_leg_tick(struct bl_worker *worker, struct bl_leg *leg);
void bl_rtcp_leg_bye(struct bl_engine *engine, struct bl_leg *leg);

/* fax_leg.c */
void bl_fax_leg_begin(struct bl_leg *leg, struct bl_fax *fax);
/* Does nothing where there is none. */
void bl_fax_leg_end(struct bl_leg *leg);
void bl_fax_leg_t38(struct bl_leg *leg, const union bl_address *address, socklen_t size);
void bl_fax_leg_hear(struct bl_leg *leg, enum bl_stream_get got);
void bl_fax_leg_speak(struct bl_leg *leg, int16_t *hears);
/* One datagram on the leg's port, once that carries T.38. */
void bl_fax_leg_take(struct bl_worker *worker, struct bl_leg *leg, const uint8_t *data,
		     size_t size, const union bl_address *from);
void bl_fax_leg_send(struct bl_worker *worker, struct bl_leg *leg);

/* pcm_leg.c */
/* The leg takes a duplicate of fd, and the device. */
int bl_pcm_leg_open(struct bl_leg *leg, int fd, const struct bl_device_config *config);
void bl_pcm_leg_receive(struct bl_worker *worker, struct bl_leg *leg);
void bl_pcm_leg_send(struct bl_leg *leg, const int16_t *hears);

#endif
