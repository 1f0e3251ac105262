/* guard_peer.h  What the guard's three files share: itself and the legs it guards */
#ifndef BL_GUARD_PEER_H
#define BL_GUARD_PEER_H
#include <pthread.h>
#include <stdatomic.h>
#include "guard.h"
#include "map.h"
#include "ring.h"

enum {
	BL_GUARD_SLOTS = 2,    /* associations of a leg without ICE: agreed address, others */
	BL_GUARD_RECORDS = 16, /* one datagram or one round of timers makes no more of a leg */
};

/* One DTLS association of a leg. */
struct bl_guard_slot {
	struct bl_dtls *dtls; /* NULL: free */
	struct bl_source to;  /* where its datagrams go */
	uint64_t since_ms;
};

struct bl_guard_peer {
	struct bl_guard_peer *next, **link; /* of the guard's list */
	int64_t leg;
	void *owner;
	int fd; /* -1: shared */
	bool has_ice, has_dtls;
	bool up;     /* keys were told */
	bool failed; /* and that was told */
	struct bl_ice ice;
	int64_t number[2]; /* of its fragments, by which it is found; -1: none */
	enum bl_dtls_role role;
	enum bl_dtls_why why; /* what ended its last association */
	char fingerprint[BL_DTLS_FINGERPRINT];
	union bl_address remote;
	uint64_t deadline_ms;
	struct bl_guard_slot slots[BL_GUARD_SLOTS];
};

struct bl_guard_datagram {
	struct bl_source from;
	int64_t leg;
	bool shared;
	size_t size;
	uint8_t data[BL_GUARD_DATAGRAM];
};

/* Of one worker of the tick. */
struct bl_guard_inbox {
	struct bl_ring ring;
	struct bl_guard_datagram writing; /* the worker's */
};

struct bl_guard {
	struct bl_guard_config config;
	struct bl_dtls_identity *identity;

	/* shared with the tick */
	struct bl_guard_inbox *inboxes;
	struct bl_ring records;
	int event_fd;
	atomic_bool woken;
	_Atomic uint64_t dropped;

	/* the caller's and the thread's, under this lock */
	pthread_mutex_t lock;
	struct bl_map legs, numbers;
	struct bl_paths paths; /* of shared sockets */
	struct bl_guard_peer *peers;
	struct bl_guard_stats stats;
	uint64_t now_ms, timers_ms, consent_ms;
	struct bl_guard_datagram reading;

	pthread_t thread;
	bool running;
	atomic_bool stopping;
};

/* guard.c */
void bl_guard_wake(struct bl_guard *guard);
/* Is there room for what one datagram may make? */
bool bl_guard_room(const struct bl_guard *guard);
void bl_guard_tell(struct bl_guard *guard, const struct bl_guard_peer *peer,
		   struct bl_guard_record *record);

/* guard_legs.c; with the lock held */
void bl_guard_drop(struct bl_guard *guard, struct bl_guard_peer *peer);

/* guard_peer.c; with the lock held */
void bl_guard_peer_stun(struct bl_guard *guard, struct bl_guard_peer *peer,
			const struct bl_guard_datagram *datagram);
void bl_guard_peer_dtls(struct bl_guard *guard, struct bl_guard_peer *peer,
			const struct bl_guard_datagram *datagram);
/* Retransmissions and deadlines. */
void bl_guard_peer_timers(struct bl_guard *guard, struct bl_guard_peer *peer);
void bl_guard_peer_consent(struct bl_guard *guard, struct bl_guard_peer *peer);
/* Begins where we are the client and know where to. */
void bl_guard_peer_begin(struct bl_guard *guard, struct bl_guard_peer *peer);
/* Ends all associations. */
void bl_guard_peer_end(struct bl_guard_peer *peer);

#endif
