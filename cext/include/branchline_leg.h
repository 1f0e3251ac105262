/* branchline_leg.h  Legs of audio, how they are reached and secured, and their bridges */
#ifndef BRANCHLINE_LEG_H
#define BRANCHLINE_LEG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_engine.h"

enum bl_codec {
	BL_PCMU = 0,   /* ITU-T G.711, 8 kHz */
	BL_PCMA = 8,   /* ITU-T G.711, 8 kHz */
	BL_G722 = 9,   /* ITU-T G.722 at 64 kbit/s, 16 kHz */
	BL_L16 = 11,   /* RFC 3551 §4.5.11, mono, any rate of ours */
	BL_OPUS = 120, /* RFC 6716, RFC 7587; 8, 16 or 48 kHz */
};

enum bl_digit_source {
	BL_DIGIT_INBAND = 1,
	BL_DIGIT_RFC4733 = 2,
	BL_DIGIT_DEVICE = 3, /* found by the modem itself */
};

enum bl_device_end {
	BL_DEVICE_ENDED = 1, /* nothing more will come: its other end was closed */
	BL_DEVICE_HUNG_UP,   /* unplugged, or the terminal was hung up */
	BL_DEVICE_FAILED,    /* any other error */
	BL_DEVICE_FINISHED,  /* the modem went back to its commands (DLE ETX) */
};

/* SRTP's (RFC 3711, RFC 7714). */
enum bl_suite {
	BL_SUITE_AES_CM_80 = 1, /* AES_CM_128_HMAC_SHA1_80 */
	BL_SUITE_AES_CM_32,	/* AES_CM_128_HMAC_SHA1_32 */
	BL_SUITE_GCM_128,	/* AEAD_AES_128_GCM */
	BL_SUITE_GCM_256,	/* AEAD_AES_256_GCM */
};

enum bl_insecure {
	BL_INSECURE_TIMEOUT = 1,
	BL_INSECURE_STRANGER,	/* a certificate with another fingerprint than SDP's */
	BL_INSECURE_NO_PROFILE, /* no suite in common */
	BL_INSECURE_REFUSED,	/* an alert, or a handshake that cannot be agreed */
};

enum bl_setup {
	BL_SETUP_PASSIVE = 1, /* the far end begins the handshake (RFC 4145) */
	BL_SETUP_ACTIVE,
};

/* What a leg is in its bridge. */
enum bl_role {
	BL_ROLE_TALK =
		0, /* hears all, is heard by all; a supervisor who barges in is no different */
	BL_ROLE_LISTEN,	 /* hears all, is heard by nobody */
	BL_ROLE_WHISPER, /* hears all, is heard by one leg only */
};

struct bl_member {
	int64_t leg;
	int64_t to;   /* of a whisper: the leg that hears it */
	int32_t role; /* enum bl_role */
};

struct bl_leg_stats {
	uint64_t packets_in;
	uint64_t packets_out;
	uint64_t bytes_in;  /* [bytes] of payload */
	uint64_t bytes_out; /* [bytes] of payload */
	uint64_t lost;	    /* RFC 3550 §A.3: expected less received */
	uint64_t late;	    /* came after their time to be played */
	uint64_t duplicate;
	uint64_t reordered;
	uint64_t unknown;   /* payload types that were not agreed */
	uint64_t malformed; /* not RTP, or lengths that do not fit */
	uint64_t foreign;   /* from another source than the latched one */
	uint64_t concealed; /* [frames] that were repeated or faded because sound was missing */
	uint64_t
		send_errors; /* packets or frames that could not be sent, or were refused (ICMP) */
	uint64_t jitter_us;  /* RFC 3550 §A.8 */
	uint64_t buffer_ms;  /* sound that waits in the jitter buffer */
	uint64_t record_lost; /* [samples] the recording missed, its ring being full */
	uint64_t replayed;    /* SRTP: seen before, or too old to tell */
	uint64_t forged;      /* SRTP: not made with the agreed keys */
	uint64_t recovered;   /* [samples] of lost packets that later ones brought (Opus FEC) */
	uint64_t rtcp_in;     /* reports that came */
	uint64_t rtcp_malformed;
	uint64_t round_trip_us;	    /* RFC 3550 §6.4.1; 0: not measured */
	uint64_t far_lost;	    /* [packets] of ours that the far end missed, by its reports */
	uint64_t far_jitter_us;	    /* that it measured */
	uint64_t r_factor;	    /* ITU-T G.107, 0 to 100 */
	uint64_t mos_lq_hundredths; /* 100 to 450: as it sounds here */
	uint64_t mos_cq_hundredths; /* the same with its delay */
	uint64_t level_dbm0_below;  /* [-dBm0] of the last second's loudest frame; 127: silence */
};

struct bl_remote {
	const char *address; /* numeric, of the local address's family */
	int32_t port;
	int32_t payload_type;	    /* 0 to 127 */
	int32_t codec;		    /* enum bl_codec */
	int32_t event_payload_type; /* of telephone-event (RFC 4733); -1: none */
	int32_t event_rate;	    /* [Hz] of its timestamps, 8,000 to 48,000; 0: the codec's */
	int32_t payload_type_in;    /* in what comes, where it differs; 0: the same */
	int32_t event_payload_type_in; /* the same of telephone-event */
	int32_t rate;		       /* [Hz] of our samples; 0: the codec's usual, Opus 16,000 */
	int32_t bitrate;	       /* Opus [bit/s]; 0: chosen by rate */
	int32_t rtcp_port;	 /* 0: the next after port; port: the same (RFC 5761); -1: none */
	int32_t cn_payload_type; /* of comfort noise (RFC 3389), sent by G.711 only; 0, -1: none */
	bool fec, dtx;		 /* Opus: error correction; nothing is sent in silence */
};

/* The samples of a device, mono. */
enum bl_device_format {
	BL_DEVICE_S16LE = 0, /* as serial modems' voice ports give it */
	BL_DEVICE_U8,	     /* linear, 128 is silence */
	BL_DEVICE_S8,	     /* linear */
	BL_DEVICE_PCMU,
	BL_DEVICE_PCMA,
};

struct bl_device_config {
	int32_t format;	      /* enum bl_device_format */
	int32_t rate;	      /* [Hz] 8,000, or 16,000 of linear samples */
	int32_t block;	      /* [samples] of each read and write, as DAHDI has it; 0: any */
	int32_t echo_ms;      /* the echo's tail, 16 to 128, on analogue lines; 0: no canceller */
	bool suppress;	      /* with the canceller: what it leaves of the echo as well */
	bool shielded;	      /* a voice modem's stream with DLE codes in it (ITU-T V.253) */
	double in_db, out_db; /* -40 to 40, of what it says and of what it hears */
};

/* What the answer to a browser's offer needs. */
struct bl_browser {
	char ufrag[16];
	char pwd[32];
	char fingerprint[256]; /* "sha-256 AB:…", for a=fingerprint */
};

/* Returns the even port it took, from first to last; first 0: any free port. */
int bl_leg_add_rtp(struct bl_engine *engine, int64_t leg, const char *address, int32_t first_port,
		   int32_t last_port);
/*
 * The descriptor is duplicated and made non-blocking. A device is always written to, be it
 * silence, because its clock is followed by what it takes and gives; nobody else may read it as
 * long as the leg is.
 */
int bl_leg_add_device(struct bl_engine *engine, int64_t leg, int fd,
		      const struct bl_device_config *config);
/* The UDP port that all browser legs share; call it before the first of them. Returns the port. */
int bl_browser_open(struct bl_engine *engine, const char *address, int32_t port);
/*
 * A leg by WebRTC: ICE-lite (RFC 8445), DTLS-SRTP (RFC 5764). setup: our own role (enum bl_setup);
 * fingerprint: the far end's, sha-256, sha-384 or sha-512. bl_leg_remote() agrees its codec.
 */
int bl_leg_add_browser(struct bl_engine *engine, int64_t leg, int32_t setup,
		       const char *fingerprint, struct bl_browser *out);
/* ICE restart: new ufrag and pwd; keys, SSRC and the old paths go on. */
int bl_leg_restart(struct bl_engine *engine, int64_t leg, struct bl_browser *out);
int bl_leg_remove(struct bl_engine *engine, int64_t leg);
int bl_leg_remote(struct bl_engine *engine, int64_t leg, const struct bl_remote *remote);
/* Writes one a=crypto value (RFC 4568) with a new key. Returns its length. */
int bl_crypto_make(int32_t tag, int32_t suite, char *text, size_t room);
/*
 * The a=crypto values of the agreed line, ours and theirs; new ones change the keys without a gap.
 * From now on the leg sends and takes nothing but SRTP. BL_ESTATE: theirs is well formed, but
 * nothing that we speak: try the next line.
 */
int bl_leg_secure(struct bl_engine *engine, int64_t leg, const char *ours, const char *theirs);
/* Our own certificate's, for a=fingerprint. Returns its length. */
int bl_fingerprint(struct bl_engine *engine, char *text, size_t room);
/* DTLS-SRTP on a leg with a port of its own; call it after bl_leg_remote(). */
int bl_leg_dtls(struct bl_engine *engine, int64_t leg, int32_t setup, const char *fingerprint);
int bl_leg_flow(struct bl_engine *engine, int64_t leg, bool send, bool receive);
/* [dB] of what it says and of what it hears, -60 to 20; -INFINITY: mute. Changes are no clicks. */
int bl_leg_gain(struct bl_engine *engine, int64_t leg, double says_db, double hears_db);
/* Tell when nothing was received for this long; 0: never. */
int bl_leg_silence(struct bl_engine *engine, int64_t leg, int32_t ms);
/* Digits that come as events (RFC 4733) are told, and passed on in no bridge. */
int bl_leg_keep_digits(struct bl_engine *engine, int64_t leg, bool on);
int bl_leg_stats(struct bl_engine *engine, int64_t leg, struct bl_leg_stats *out);

/*
 * Makes the bridge, or gives it exactly these legs and roles; a leg is in one bridge at most, and
 * is moved without a gap.
 */
int bl_bridge(struct bl_engine *engine, int64_t bridge, const struct bl_member *members,
	      int32_t count);
int bl_unbridge(struct bl_engine *engine, int64_t bridge);

#endif
