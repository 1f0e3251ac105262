/* branchline_engine.h  The media engine itself: its errors, events and counters */
#ifndef BRANCHLINE_ENGINE_H
#define BRANCHLINE_ENGINE_H
#include <stdbool.h>
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

enum bl_event_kind {
	BL_EVENT_DIGIT = 1,	/* code: the digit, id: enum bl_digit_source, value: [ms] so far */
	BL_EVENT_PLAY_ENDED,	/* id: play, code: enum bl_play_end, value: where it was [ms] */
	BL_EVENT_RECORD_CLOSED, /* id: recording, code: enum bl_record_end, value: [ms] */
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

struct bl_engine;

struct bl_engine_config {
	bool stepped;	  /* no threads: ticks run in bl_engine_step() */
	int32_t max_legs; /* 1 to 65536 */
	int32_t cpu;	  /* pin the tick to this CPU, its helpers to those after it; -1: do not */
	int32_t workers;  /* threads that share a tick, 1 to 64; 0: one for each CPU, 8 at most */
	bool unbatched;	  /* a system call for each packet, also where there is io_uring */
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
	uint64_t batched; /* workers that send and receive many packets with one system call */
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

#endif
