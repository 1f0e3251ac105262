/* worker.h  What one thread of a tick has to itself: its scratch memory, and what it has to tell
 */
#ifndef BL_WORKER_H
#define BL_WORKER_H
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include "branchline_media.h"
#include "frame.h"
#include "post.h"

enum {
	BL_RECEIVE_BATCH = 8,	    /* [packets] of one system call */
	BL_EVENTS_OF_WORKER = 1024, /* told in one tick; more are dropped and counted */
	BL_RELAYS_OF_WORKER = 1024,
};

/* A digit that came as an event, for the other legs of the bridge. */
struct bl_relay {
	struct bl_leg *leg;
	char digit;
};

struct bl_worker {
	alignas(64) struct bl_crew *crew;
	struct bl_engine *engine;
	pthread_t thread;
	uint32_t heard; /* the bell's number when the thread was made */
	_Atomic uint64_t busy_ns;
	int32_t event_count;
	uint64_t events_dropped;
	_Atomic uint64_t encodes; /* payloads made */
	struct bl_event events[BL_EVENTS_OF_WORKER];
	int32_t relay_count;
	struct bl_relay relays[BL_RELAYS_OF_WORKER];
	struct bl_receive receive; /* of one socket */
	struct bl_post post;
	alignas(64) int16_t hears[BL_FRAME_MAX]; /* of the leg that is being spoken to */
};

void bl_worker_init(struct bl_worker *worker, struct bl_crew *crew);
/* Keeps an event until the tick's end. */
void bl_tell(struct bl_worker *worker, const struct bl_event *event);

#endif
