/* worker.h  What one thread of a tick has to itself: its scratch memory, and what it has to tell
 */
#ifndef BL_WORKER_H
#define BL_WORKER_H
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include "address.h"
#include "branchline_media.h"
#include "codec.h"
#include "frame.h"

enum {
	BL_RECEIVE_BATCH = 8, /* [packets] of one system call */
	BL_RECEIVE_CONTROL = CMSG_SPACE(sizeof(struct timespec)),
	BL_RECEIVE_SIZE = 2048,	    /* [bytes] of a datagram; more is cut off and then malformed */
	BL_EVENTS_OF_WORKER = 1024, /* told in one tick; more are dropped and counted */
	BL_RELAYS_OF_WORKER = 1024,
	BL_PACKET_ROOM = BL_PAYLOAD_MAX + 256, /* with headers and SRTP's trailer */
};

/* Room for one recvmmsg(). */
struct bl_receive {
	struct mmsghdr messages[BL_RECEIVE_BATCH];
	struct iovec vectors[BL_RECEIVE_BATCH];
	union bl_address from[BL_RECEIVE_BATCH];
	alignas(struct cmsghdr) uint8_t control[BL_RECEIVE_BATCH][BL_RECEIVE_CONTROL];
	uint8_t data[BL_RECEIVE_BATCH][BL_RECEIVE_SIZE];
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
	struct bl_receive receive;
	alignas(16) uint8_t packet[BL_PACKET_ROOM]; /* that is being made */
	alignas(64) int16_t hears[BL_FRAME_MAX];    /* of the leg that is being spoken to */
};

void bl_worker_init(struct bl_worker *worker, struct bl_crew *crew);
/* Keeps an event until the tick's end. */
void bl_tell(struct bl_worker *worker, const struct bl_event *event);

#endif
