/*
 * branchline_media.h  The media engine: legs of audio, the bridges between them, what they hear
 *
 * What does it do?  It owns the sample clock. Fifty times a second it takes 20 ms of sound from
 *   every leg (RTP over UDP, or raw PCM on a file descriptor), finds DTMF digits in it, mixes the
 *   bridges, plays prompts and tones, sends 20 ms to every leg and records what was asked for.
 * How does it work?  One tick thread does all that without allocation, lock or log. The caller's
 *   commands reach it through a ring; events come back through a ring and an eventfd. Files are
 *   written by a thread of their own. docs/media-engine.md shows the picture.
 * How do I use it?  Make an engine, start it, add legs, read events whenever bl_engine_fd() is
 *   readable. A stepped engine has no threads: bl_engine_step() runs its ticks by hand.
 *
 * Ids of legs, bridges, plays and recordings are the caller's own numbers. Every function returns
 * 0 (or what its comment says) or a negative enum bl_err. Calls may come from any thread, they
 * are serialised; nothing here blocks longer than opening a socket or a file.
 *
 * Python declares this same text to cffi, less its preprocessor lines: keep macros out of it.
 */
#ifndef BRANCHLINE_MEDIA_H
#define BRANCHLINE_MEDIA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bl_err {
	BL_OK = 0,
	BL_EINVAL = -1, /* an argument is out of its range */
	BL_ENOMEM = -2, /* no memory, or max_legs reached */
	BL_ENOENT = -3, /* no such leg, bridge or recording */
	BL_EEXIST = -4, /* the id is in use */
	BL_EBUSY = -5,	/* the command ring stays full: the tick does not run */
	BL_EPORT = -6,	/* no free port in the range, or no such local address */
	BL_EIO = -7,	/* a file, descriptor or thread could not be opened */
	BL_ENOSPC = -8, /* the disk is full */
	BL_ESTATE = -9, /* not possible now, such as a step of a running engine */
};

enum bl_codec {
	BL_PCMU = 0,   /* ITU-T G.711, 8 kHz */
	BL_PCMA = 8,   /* ITU-T G.711, 8 kHz */
	BL_G722 = 9,   /* ITU-T G.722 at 64 kbit/s, 16 kHz */
	BL_L16 = 11,   /* RFC 3551 §4.5.11, mono, any rate of ours */
	BL_OPUS = 120, /* RFC 6716, RFC 7587; 8, 16 or 48 kHz */
};

enum bl_event_kind {
	BL_EVENT_DIGIT = 1,	/* code: the digit, id: enum bl_digit_source, value: [ms] so far */
	BL_EVENT_PLAY_ENDED,	/* id: play, code: enum bl_play_end, value: where it was [ms] */
	BL_EVENT_RECORD_CLOSED, /* id: recording, code: enum bl_record_end, value: [samples] */
	BL_EVENT_MEDIA_STARTED, /* the leg's first sound */
	BL_EVENT_MEDIA_SILENT, /* nothing came for the leg's silence time; once for each silence */
	BL_EVENT_DEVICE_GONE,  /* code: enum bl_device_end, value: errno where it failed */
	BL_EVENT_TICKS_LATE,  /* value: late ticks since the last such event; at most 1 a second */
	BL_EVENT_DIGIT_ENDED, /* RFC 4733 only; code: the digit, value: [ms] in all */
	BL_EVENT_TELEPHONE, /* RFC 4733, no digit: code: its number (16: flash), value: [ms] so far
			     */
	BL_EVENT_TALK,	    /* code: 1 somebody begins to talk, 0 has stopped; where asked for */
	BL_EVENT_RECORD_GAP, /* id: recording, code: enum bl_record_gap, value: in the file [ms] */
	BL_EVENT_TAP_ENDED,  /* id: tap, code: enum bl_tap_end, value: [frames] that were lost */
	BL_EVENT_SECURED,    /* keys are in use; code: enum bl_suite */
	BL_EVENT_INSECURE,   /* no keys will come; code: enum bl_insecure */
	BL_EVENT_PATH,	     /* ICE (RFC 8445): there is a path, the first or one come back */
	BL_EVENT_PATH_LOST,  /* ICE: nobody has checked any path for 30 s (RFC 7675) */
	BL_EVENT_FAR_CLOSED, /* DTLS close_notify */
	BL_EVENT_FAR_GONE,   /* RTCP BYE (RFC 3550 §6.6) */
	BL_EVENT_TONE,	     /* code: id of a bl_find_tone, or enum bl_answer_tone */
	BL_EVENT_ANSWERED,   /* code: enum bl_answer, value: since it was asked for [ms] */
	BL_EVENT_FAX,	     /* id: fax; bl_fax_poll() has something */
	BL_EVENT_DEVICE_CODE, /* code: what a voice modem said behind DLE (V.253), no digit */
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

/* Tones of faxes and modems, as codes of BL_EVENT_TONE. */
enum bl_answer_tone {
	BL_TONE_CNG = -1,	     /* a fax calls (ITU-T T.30 §4.1.2) */
	BL_TONE_CED = -2,	     /* a fax or modem answers (T.30, V.25) */
	BL_TONE_CED_REVERSED = -3,   /* the same with phase reversals (V.25) */
	BL_TONE_ANSAM = -4,	     /* a V.34 fax or modem answers (V.8) */
	BL_TONE_ANSAM_REVERSED = -5, /* the same with phase reversals */
};

/* What answered a call; the beep comes after a machine, maybe more than once. */
enum bl_answer {
	BL_ANSWER_HUMAN = 1,
	BL_ANSWER_MACHINE,
	BL_ANSWER_FAX,
	BL_ANSWER_SILENCE, /* nobody said anything */
	BL_ANSWER_UNKNOWN, /* the time was up */
	BL_ANSWER_BEEP,	   /* a machine records from now on */
};

enum bl_play_end {
	BL_PLAY_END = 1,       /* all was played */
	BL_PLAY_STOPPED,       /* by bl_play_stop() */
	BL_PLAY_REPLACED,      /* by the next bl_play() */
	BL_PLAY_BRIDGED,       /* the leg came into a bridge */
	BL_PLAY_REMOVED,       /* the leg was removed */
	BL_PLAY_BARGED_DIGIT,  /* the leg pressed a key */
	BL_PLAY_BARGED_SPEECH, /* the leg began to speak */
};

enum bl_record_end {
	BL_RECORD_COMPLETE = 1, /* stopped, or its leg was removed */
	BL_RECORD_DISK_FULL,
	BL_RECORD_FAILED,  /* any other write error */
	BL_RECORD_LONGEST, /* it reached longest_ms: whole */
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

/* Why a recording's file has a beep in place of what was said. */
enum bl_record_gap {
	BL_GAP_PAUSED = 2,
	BL_GAP_LOST, /* the disk stalled for longer than its ring lasts */
};

enum bl_record_format {
	BL_RECORD_WAV = 1,
	BL_RECORD_OPUS, /* Ogg Opus (RFC 7845) */
};

enum bl_tap_end {
	BL_TAP_STOPPED = 1, /* by command, or its leg was removed */
	BL_TAP_READER_GONE,
	BL_TAP_FAILED,
};

enum bl_side {
	BL_SIDE_SAYS = 1,  /* what the leg says */
	BL_SIDE_HEARS = 2, /* what the leg hears */
	BL_SIDE_BOTH = 3,
};

enum bl_play_loop {
	BL_LOOP_NONE = 0,
	BL_LOOP_ALL,  /* from the first item again */
	BL_LOOP_LAST, /* the last item again and again */
};

/* What may stop a play, as flags. */
enum bl_barge {
	BL_BARGE_DIGIT = 1,
	BL_BARGE_SPEECH = 2,
};

/* What a leg is in its bridge. */
enum bl_role {
	BL_ROLE_TALK =
		0, /* hears all, is heard by all; a supervisor who barges in is no different */
	BL_ROLE_LISTEN,	 /* hears all, is heard by nobody */
	BL_ROLE_WHISPER, /* hears all, is heard by one leg only */
};

struct bl_engine;
struct bl_prompt;

struct bl_member {
	int64_t leg;
	int64_t to;   /* of a whisper: the leg that hears it */
	int32_t role; /* enum bl_role */
};

struct bl_engine_config {
	bool stepped;	  /* no threads: ticks run in bl_engine_step() */
	int32_t max_legs; /* 1 to 65536 */
	int32_t cpu;	  /* pin the tick to this CPU, its helpers to those after it; -1: do not */
	int32_t workers;  /* threads that share a tick, 1 to 64; 0: one for each CPU, 8 at most */
};

struct bl_event {
	int64_t leg; /* 0 where it is about none */
	int64_t id;
	int32_t kind; /* enum bl_event_kind */
	int32_t code;
	uint64_t value;
};

struct bl_engine_stats {
	uint64_t ticks;
	uint64_t late_ticks;	/* begun more than one tick length after their time */
	uint64_t skipped_ticks; /* given up, because the engine was too far behind */
	uint64_t busy_ns;	/* time spent in ticks */
	uint64_t longest_tick_ns;
	uint64_t events_dropped; /* the event ring was full */
	uint64_t legs;
	uint64_t encodes; /* payloads made; a payload that many legs hear counts once */
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
	uint64_t unknown;     /* payload types that were not agreed */
	uint64_t malformed;   /* not RTP, or lengths that do not fit */
	uint64_t foreign;     /* from another source than the latched one */
	uint64_t concealed;   /* [frames] that were repeated or faded because sound was missing */
	uint64_t send_errors; /* packets or frames that could not be sent */
	uint64_t jitter_us;   /* RFC 3550 §A.8 */
	uint64_t buffer_ms;   /* sound that waits in the jitter buffer */
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

/* What sounds for on_ms, and the silence of off_ms after it. Without any hz it is all silence. */
struct bl_tone_part {
	double hz[4];	      /* 0: unused */
	double level_dbm0[4]; /* of each frequency */
	double modulate_hz;   /* of hz[0]'s amplitude: f1 x f2 of ITU-T E.180 Supp. 2; 0: none */
	int32_t on_ms, off_ms;
};

/* A tone: its parts in order; then those from `from` on again, until they were played `times`. */
struct bl_tone {
	int32_t count; /* of parts, 1 to 8 */
	int32_t from;
	int32_t times; /* 0 and 1: once; -1: without end */
	struct bl_tone_part parts[8];
};

/* A tone to look for; levels count only against each other, repeats not at all. */
struct bl_find_tone {
	int32_t id;	     /* the caller's own, 1 and up */
	int32_t off_percent; /* times' tolerance; 0: 12 % */
	struct bl_tone tone;
	double off_hz; /* frequencies' tolerance; 0: 2 % and 4 Hz */
};

/* How a human is told from a machine; in brackets what is usual. */
struct bl_greeting_setting {
	int32_t initial_silence_ms; /* longer before any word: silence (2500) */
	int32_t greeting_ms;	    /* a longer greeting: machine (1500) */
	int32_t after_silence_ms;   /* so much after the greeting: human (800) */
	int32_t total_ms;	    /* longer altogether: unknown (5000) */
	int32_t word_ms;	    /* shorter is a noise, no word (100) */
	int32_t between_words_ms;   /* a shorter pause is inside a word (50) */
	int32_t words;		    /* more of them: machine (3) */
};

/* One thing to play: a prompt, or a tone where prompt is NULL. */
struct bl_play_item {
	struct bl_prompt *prompt;
	struct bl_tone tone;
};

struct bl_play_spec {
	const struct bl_play_item *items;
	int32_t count;
	int32_t loop;	  /* enum bl_play_loop */
	int32_t barge;	  /* enum bl_barge, or-ed */
	int32_t start_ms; /* where it begins; in a loop: within its first round */
	double gain_db;	  /* -60 to 20 */
	bool append;	  /* after what plays; else it replaces all that */
	bool over;	  /* the leg goes on hearing its bridge, the play is added to it */
};

struct bl_record_spec {
	const char *path;   /* the file must not exist */
	int32_t format;	    /* enum bl_record_format */
	int32_t longest_ms; /* 0: no limit */
	bool mono; /* both sides mixed; else left is what the leg says, right what it hears */
	bool mask_digits; /* what is dialled is silence */
};

/* What the answer to a browser's offer needs. */
struct bl_browser {
	char ufrag[16];
	char pwd[32];
	char fingerprint[256]; /* "sha-256 AB:…", for a=fingerprint */
};

/* T38FaxUdpEC of the SDP (ITU-T T.38 table D.1). */
enum bl_udptl_repair {
	BL_UDPTL_NONE,
	BL_UDPTL_REDUNDANCY,
	BL_UDPTL_FEC,
};

/* How a fax ended. */
enum bl_fax_end {
	BL_FAX_OK = 0,
	BL_FAX_NO_FAX,	       /* nobody spoke T.30, or too late (T0, T1) */
	BL_FAX_TRAINING,       /* no modem speed worked */
	BL_FAX_INCOMPATIBLE,   /* the far end cannot do what is needed */
	BL_FAX_CARRIER_LOST,   /* the signal broke off in a page */
	BL_FAX_NO_ANSWER,      /* the far end fell silent between pages (T2, T4, T5) */
	BL_FAX_PROTOCOL,       /* an answer or command that does not belong there */
	BL_FAX_FAR_END_ENDED,  /* a disconnect (DCN) before the end */
	BL_FAX_CALL_DROPPED,   /* the leg went away, or bl_fax_stop() */
	BL_FAX_BAD_FILE,       /* the TIFF cannot be opened, or is none that can be sent */
	BL_FAX_WRITE_FAILED,   /* the pages could not be written */
	BL_FAX_DISK_FULL,      /* less than 64 MB are left */
	BL_FAX_TOO_MANY_PAGES, /* max_pages */
	BL_FAX_TOO_LARGE,      /* max_bytes, or a page of more than 20,000 rows */
	BL_FAX_TOO_LONG,       /* max_seconds */
};

enum bl_fax_event_kind {
	BL_FAX_PAGE = 1, /* a page is complete */
	BL_FAX_DONE,	 /* the last event */
};

struct bl_fax_config {
	bool send;	     /* false: receive */
	const char *path;    /* of the TIFF; where received it must not exist */
	const char *station; /* our number (CSI or TSI), may be "" */
	const char *header;  /* sender: text above each page, "": none */
	bool ecm;	     /* error correction mode (T.30 annex A) */
	bool v17;	     /* up to 14,400 bit/s; without it 9,600 */
	int32_t max_pages;
	int32_t max_seconds;
	int64_t max_bytes; /* of the file */
};

/* What offer and answer agreed on, from the far end's side of the SDP. */
struct bl_fax_t38 {
	int32_t version;       /* T38FaxVersion, 0 to 3 */
	int32_t max_datagram;  /* [bytes] T38FaxMaxDatagram; 0: not told */
	int32_t repair;	       /* enum bl_udptl_repair */
	bool local_tcf;	       /* T38FaxRateManagement: localTCF */
	bool fill_bit_removal; /* T38FaxFillBitRemoval */
};

struct bl_fax_event {
	int32_t kind;			  /* enum bl_fax_event_kind */
	int32_t end;			  /* enum bl_fax_end, of BL_FAX_DONE */
	int32_t t30_code;		  /* libspandsp's, of BL_FAX_DONE */
	int32_t pages;			  /* complete so far */
	int32_t width, rows, bad_rows;	  /* [pixels] of the last page */
	int32_t x_per_metre, y_per_metre; /* [pixels/m] */
	int32_t bit_rate;		  /* [bit/s] */
	bool ecm, t38;
	char station[21]; /* of the far end: printable ASCII */
	uint64_t bytes;	  /* of the file */
};

int bl_engine_new(const struct bl_engine_config *config, struct bl_engine **out);
int bl_engine_start(struct bl_engine *engine);
int bl_engine_stop(struct bl_engine *engine);
void bl_engine_free(struct bl_engine *engine);
int bl_engine_step(struct bl_engine *engine, int32_t ticks);
/* An eventfd: readable when bl_engine_poll() has something. */
int bl_engine_fd(const struct bl_engine *engine);
/* Clears the eventfd and returns how many events were copied; ask again when it was max. */
int bl_engine_poll(struct bl_engine *engine, struct bl_event *events, int32_t max);
int bl_engine_stats(struct bl_engine *engine, struct bl_engine_stats *out);

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
int bl_leg_detect(struct bl_engine *engine, int64_t leg, bool on);
/* [dB] of what it says and of what it hears, -60 to 20; -INFINITY: mute. Changes are no clicks. */
int bl_leg_gain(struct bl_engine *engine, int64_t leg, double says_db, double hears_db);
/* Tell when somebody begins and stops to talk. */
int bl_leg_voice(struct bl_engine *engine, int64_t leg, bool on);
/* Look for up to 16 tones in what the leg says, each told when it is certain; count 0: for none.
 */
int bl_leg_tones(struct bl_engine *engine, int64_t leg, const struct bl_find_tone *tones,
		 int32_t count);
/* Look for the tones of faxes and modems. */
int bl_leg_answer_tones(struct bl_engine *engine, int64_t leg, bool on);
/* From now on: who has answered? setting NULL: what is usual. */
int bl_leg_greeting(struct bl_engine *engine, int64_t leg, bool on,
		    const struct bl_greeting_setting *setting);
/* Tell when nothing was received for this long; 0: never. */
int bl_leg_silence(struct bl_engine *engine, int64_t leg, int32_t ms);
int bl_leg_stats(struct bl_engine *engine, int64_t leg, struct bl_leg_stats *out);

/*
 * Makes the bridge, or gives it exactly these legs and roles; a leg is in one bridge at most, and
 * is moved without a gap.
 */
int bl_bridge(struct bl_engine *engine, int64_t bridge, const struct bl_member *members,
	      int32_t count);
int bl_unbridge(struct bl_engine *engine, int64_t bridge);

/* Copies the samples, 8, 16 or 48 kHz; share one prompt among any number of plays. */
int bl_prompt_new(const int16_t *samples, size_t count, int32_t rate, struct bl_prompt **out);
/* Converts it to a rate that it will be played at, so that bl_play() need not. */
int bl_prompt_prepare(struct bl_prompt *prompt, int32_t rate);
/* May be called while it is being played. */
void bl_prompt_free(struct bl_prompt *prompt);
/* The leg hears the items instead of its bridge, whose other legs go on hearing it. */
int bl_play(struct bl_engine *engine, int64_t leg, int64_t play, const struct bl_play_spec *spec);
/* One play, wherever it is in the queue; 0: all. */
int bl_play_stop(struct bl_engine *engine, int64_t leg, int64_t play);
/* The next three are about the play that sounds, and do nothing where there is none. */
int bl_play_pause(struct bl_engine *engine, int64_t leg, bool on);
int bl_play_seek(struct bl_engine *engine, int64_t leg, int64_t ms, bool relative);
int bl_play_gain(struct bl_engine *engine, int64_t leg, double gain_db);
/* Queues digits 0-9 * # A-D: RFC 4733 where the remote knows it, else as tones. */
int bl_digits_send(struct bl_engine *engine, int64_t leg, const char *digits);

/* A new file; what a killed process leaves of it can be played. */
int bl_record(struct bl_engine *engine, int64_t recording, int64_t leg,
	      const struct bl_record_spec *spec);
/* The file has a beep in place of the pause, and PATH.marks a line about it. */
int bl_record_pause(struct bl_engine *engine, int64_t recording, bool on);
/* These sides (enum bl_side, or-ed) are silence from now on; 0: none. */
int bl_record_mute(struct bl_engine *engine, int64_t recording, int32_t sides);
/* Whether what is dialled is silence in it from now on. */
int bl_record_mask(struct bl_engine *engine, int64_t recording, bool on);
int bl_record_stop(struct bl_engine *engine, int64_t recording);
/* A live copy of sides of the leg into a connected socket or a pipe, as docs/media-engine.md says.
 */
int bl_tap(struct bl_engine *engine, int64_t tap, int64_t leg, int fd, int32_t sides,
	   bool mask_digits);
int bl_tap_mask(struct bl_engine *engine, int64_t tap, bool on);
int bl_tap_stop(struct bl_engine *engine, int64_t tap);

/*
 * The leg, at 8 kHz, speaks T.30 instead of hearing anything else, until the fax is over; not more
 * than one fax a leg. BL_EINVAL: an argument; BL_EIO: the file; BL_ENOSPC: the disk is (near)
 * full.
 */
int bl_fax(struct bl_engine *engine, int64_t fax, int64_t leg, const struct bl_fax_config *config);
/* From now on by T.38 over UDPTL with that address, on the leg's own port; BL_ESTATE: it does so
 * already, or pages have come by sound. */
int bl_fax_t38(struct bl_engine *engine, int64_t fax, const char *address, int32_t port,
	       const struct bl_fax_t38 *t38);
/* BL_FAX_DONE follows. */
int bl_fax_stop(struct bl_engine *engine, int64_t fax);
/* 1: an event; 0: there is none. After BL_FAX_DONE the id is free again. */
int bl_fax_poll(struct bl_engine *engine, int64_t fax, struct bl_fax_event *out);
/* A word for it. */
const char *bl_fax_reason(enum bl_fax_end end);

#endif
