/* engine.h  What an engine is made of, side by side: the caller's, the shared, the tick's */
#ifndef BL_ENGINE_H
#define BL_ENGINE_H
#include <pthread.h>
#include <stdalign.h>
#include <sys/socket.h>
#include <time.h>
#include "branchline_media.h"
#include "crew.h"
#include "dtmf.h"
#include "leg.h"
#include "map.h"
#include "node.h"
#include "recorder.h"
#include "tap.h"
#include "ring.h"

enum {
	BL_DIGITS_PER_COMMAND = 32,
	BL_CELL = BL_DTMF_LANES, /* [legs] */
	BL_PORTS = 4,		 /* that browser legs share */
};

/* Legs that one worker takes at a time; their digits are sought side by side. */
struct bl_cell {
	int32_t count;
	struct bl_leg *legs[BL_CELL]; /* NULL: the slot is free */
};

enum bl_command_kind {
	BL_COMMAND_ADD,
	BL_COMMAND_REMOVE,
	BL_COMMAND_FAR,
	BL_COMMAND_KEYS,
	BL_COMMAND_SECURE,
	BL_COMMAND_FLOW,
	BL_COMMAND_DETECT,
	BL_COMMAND_SILENCE,
	BL_COMMAND_KEEP_DIGITS,
	BL_COMMAND_GAIN,
	BL_COMMAND_VOICE,
	BL_COMMAND_BRIDGE,
	BL_COMMAND_UNBRIDGE,
	BL_COMMAND_PLAY,
	BL_COMMAND_STOP_PLAY,
	BL_COMMAND_PAUSE_PLAY,
	BL_COMMAND_SEEK_PLAY,
	BL_COMMAND_SKIP_PLAY,
	BL_COMMAND_GAIN_PLAY,
	BL_COMMAND_DIGITS,
	BL_COMMAND_FEED,
	BL_COMMAND_STOP_FEED,
	BL_COMMAND_PAUSE_FEED,
	BL_COMMAND_MUTE_FEED,
	BL_COMMAND_MASK_FEED,
	BL_COMMAND_ANALYSE,
	BL_COMMAND_FAX,
	BL_COMMAND_FAX_T38,
	BL_COMMAND_FAX_END,
};

/* The objects a command names stay until the tick has carried out their removal. */
struct bl_command {
	enum bl_command_kind kind;
	struct bl_leg *leg;
	union {
		struct {
			struct bl_far to;
			struct bl_coder *coder; /* NULL: as before */
		} far;
		struct {
			bool send, receive;
		} flow;
		bool on;
		uint32_t ticks;
		struct {
			float mouth, ear;
		} gain;
		struct {
			struct bl_bridge *now, *before;
		} bridge;
		struct bl_play *play;
		char digits[BL_DIGITS_PER_COMMAND];
		struct {
			struct bl_srtp *in, *out; /* NULL: as before */
		} keys;
		struct bl_feed *feed; /* new */
		struct {
			int64_t id;
			enum bl_feed_kind kind;
			int32_t value;
		} of; /* a feed that is there already */
		struct {
			enum bl_analysis_kind kind;
			struct bl_analysis *now; /* NULL: off */
		} analyse;
		struct {
			struct bl_fax *it;
			union bl_address address;
			socklen_t size;
		} fax;
		int64_t id, ms;
		float factor;
	};
};

struct bl_engine {
	struct bl_engine_config config;

	/* the caller's side, under this lock */
	pthread_mutex_t lock;
	struct bl_map legs, bridges, recordings, taps;
	struct bl_tone_sets tone_sets;
	struct bl_map faxes;
	struct bl_faxes *fax_service;
	struct bl_leg *resting; /* removed legs whose ports are not free yet, oldest first */
	struct bl_leg **resting_end;
	int32_t leg_count;
	uint64_t batched; /* [workers] */
	uint32_t port_cursor;
	bool running;
	pthread_t tick_thread, writer_thread, tapper_thread;

	/* shared */
	struct bl_ring commands, events, writer_events, tapper_events, fax_events;
	struct bl_stack retired;
	int event_fd;
	struct bl_guard *guard;
	struct bl_port *ports[BL_PORTS]; /* only grows; a new one is there before it is counted */
	atomic_int port_count;
	atomic_bool stopping;
	_Atomic uint64_t now; /* [ticks] */
	int64_t due_us;	      /* when this tick should have begun, by the wall clock */
	_Atomic uint64_t late, skipped, busy_ns, longest_ns, dropped;

	/* the tick's */
	struct bl_crew crew;
	struct bl_cell *cells;
	struct bl_dtmf_block *dtmf;	/* one for each cell */
	int32_t cell_count, first_free; /* cells in use; none before this one has a free slot */
	struct bl_bridge **bridge_table;
	int32_t bridge_count;
	bool told; /* this tick made an event */
	uint64_t late_untold, late_told_tick;

	/* the writer's */
	struct bl_recorder recorder;

	/* the tapper's */
	struct bl_tapper tapper;
	int tapper_fd; /* an eventfd: there is a first tap, or an end */
};

/* tick.c */
void bl_tick(struct bl_engine *engine);
void bl_wake_caller(struct bl_engine *engine);
uint64_t bl_now(const struct bl_engine *engine);
uint64_t bl_now_ms(const struct bl_engine *engine); /* the same in ms */

/* guarded.c: what the guard tells the tick, and what comes on the shared ports */
void bl_obey_guard(struct bl_engine *engine);
void bl_read_ports(struct bl_engine *engine);

/* obey.c */
void bl_obey_commands(struct bl_engine *engine);
/* Takes all legs and bridges out, when the engine ends. */
void bl_obey_end(struct bl_engine *engine);

/* clock.c: the threads */
void *bl_tick_thread(void *engine);
void *bl_writer_thread(void *engine);
void *bl_tapper_thread(void *engine);
void bl_recording_closed(struct bl_engine *engine, const struct bl_recording *recording);
void bl_recording_gap(struct bl_engine *engine, const struct bl_recording *recording,
		      enum bl_feed_entry what, uint64_t at_ms);
void bl_tap_ended(struct bl_engine *engine, const struct bl_tap *tap);

/* engine.c: the caller's side; call these with the lock held */
void bl_reap(struct bl_engine *engine);
int bl_push(struct bl_engine *engine, const struct bl_command *command);
void bl_wake_tapper(struct bl_engine *engine);

/* control_fax.c: told by the thread of the faxes; what nobody has polled to its end */
void bl_faxes_told(void *engine, struct bl_fax *fax);
void bl_faxes_left_free(struct bl_engine *engine);

/* control.c: what is freed when the tick has handed it back */
void bl_leg_rest(struct bl_engine *engine, struct bl_node *node);
void bl_leg_free(struct bl_leg *leg);
void bl_rested_legs_free(struct bl_engine *engine, bool all);

#endif
