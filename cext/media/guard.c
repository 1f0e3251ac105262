/* guard.c  The side thread that answers STUN and shakes DTLS hands for all legs */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "branchline_media.h"
#include "guard_peer.h"

enum {
	TIMERS_MS = 50,	   /* a quarter of DTLS's first retransmission */
	CONSENT_MS = 1000, /* consent lasts 30 s */
	FULL_MS = 10,	   /* the tick has to make room first */
	RECORDS = 1024,	   /* that wait for the tick; a power of two */
	MOST_WORKERS = 64,
	MOST_LEGS = 65536,
};

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int make_parts(struct bl_guard *guard)
{
	const struct bl_guard_config *config = &guard->config;
	int err = bl_dtls_identity_new(config->pem, &guard->identity);

	if (!err)
		err = bl_map_init(&guard->legs);
	if (!err)
		err = bl_map_init(&guard->numbers);
	if (!err)
		err = bl_paths_init(&guard->paths, (size_t)config->max_legs * BL_ICE_PATHS);
	if (!err)
		err = bl_ring_init(&guard->records, sizeof(struct bl_guard_record), RECORDS);
	for (int32_t i = 0; i < config->workers && !err; i++)
		err = bl_ring_init(&guard->inboxes[i].ring, sizeof(struct bl_guard_datagram),
				   BL_GUARD_INBOX);
	guard->event_fd = err ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return err ? err : guard->event_fd < 0 ? BL_EIO : BL_OK;
}

int bl_guard_new(const struct bl_guard_config *config, struct bl_guard **out)
{
	struct bl_guard *guard;
	int err;

	if (!config || !out || config->workers < 1 || config->workers > MOST_WORKERS ||
	    config->max_legs < 1 || config->max_legs > MOST_LEGS)
		return BL_EINVAL;
	guard = aligned_alloc(alignof(struct bl_guard), sizeof(*guard));
	if (!guard)
		return BL_ENOMEM;
	memset(guard, 0, sizeof(*guard));
	guard->config = *config;
	guard->event_fd = -1;
	guard->now_ms = config->stepped ? 0 : clock_ms();
	pthread_mutex_init(&guard->lock, NULL);
	guard->inboxes = aligned_alloc(alignof(struct bl_guard_inbox),
				       (size_t)config->workers * sizeof(*guard->inboxes));
	err = guard->inboxes ? BL_OK : BL_ENOMEM;
	if (!err) {
		memset(guard->inboxes, 0, (size_t)config->workers * sizeof(*guard->inboxes));
		err = make_parts(guard);
	}
	if (err)
		bl_guard_free(guard);
	else
		*out = guard;
	return err;
}

void bl_guard_free(struct bl_guard *guard)
{
	struct bl_guard_record record;

	if (!guard)
		return;
	bl_guard_stop(guard);
	while (guard->peers)
		bl_guard_drop(guard, guard->peers);
	while (guard->records.data && bl_guard_next(guard, &record)) {
		bl_srtp_free(record.in);
		bl_srtp_free(record.out);
	}
	for (int32_t i = 0; guard->inboxes && i < guard->config.workers; i++)
		bl_ring_release(&guard->inboxes[i].ring);
	bl_ring_release(&guard->records);
	bl_paths_release(&guard->paths);
	bl_map_release(&guard->legs);
	bl_map_release(&guard->numbers);
	bl_dtls_identity_free(guard->identity);
	if (guard->event_fd >= 0)
		close(guard->event_fd);
	pthread_mutex_destroy(&guard->lock);
	free(guard->inboxes);
	free(guard);
}

const char *bl_guard_fingerprint(const struct bl_guard *guard)
{
	return bl_dtls_identity_fingerprint(guard->identity);
}

void bl_guard_stats(struct bl_guard *guard, struct bl_guard_stats *out)
{
	pthread_mutex_lock(&guard->lock);
	*out = guard->stats;
	pthread_mutex_unlock(&guard->lock);
	out->dropped = atomic_load_explicit(&guard->dropped, memory_order_relaxed);
}

/* The tick's side. */

void bl_guard_wake(struct bl_guard *guard)
{
	uint64_t one = 1;

	if (!atomic_exchange_explicit(&guard->woken, true, memory_order_acq_rel))
		(void)!write(guard->event_fd, &one, sizeof(one));
}

bool bl_guard_wants(const uint8_t *datagram, size_t size)
{
	return size && (datagram[0] < 4 || (datagram[0] >= 20 && datagram[0] < 64));
}

/* The header is in the inbox's scratch already. */
static bool hand(struct bl_guard *guard, struct bl_guard_inbox *inbox, const uint8_t *datagram,
		 size_t size)
{
	bool taken = false;

	if (size && size <= BL_GUARD_DATAGRAM) {
		inbox->writing.size = size;
		memcpy(inbox->writing.data, datagram, size);
		taken = bl_ring_put(&inbox->ring, &inbox->writing);
	}
	if (taken)
		bl_guard_wake(guard);
	else
		atomic_fetch_add_explicit(&guard->dropped, 1, memory_order_relaxed);
	return taken;
}

bool bl_guard_hand(struct bl_guard *guard, int32_t worker, int64_t leg,
		   const struct bl_source *from, const uint8_t *datagram, size_t size)
{
	struct bl_guard_inbox *inbox = &guard->inboxes[worker];

	inbox->writing.shared = false;
	inbox->writing.leg = leg;
	inbox->writing.from = *from;
	return hand(guard, inbox, datagram, size);
}

bool bl_guard_hand_shared(struct bl_guard *guard, int32_t worker, const struct bl_source *from,
			  const uint8_t *datagram, size_t size)
{
	struct bl_guard_inbox *inbox = &guard->inboxes[worker];

	inbox->writing.shared = true;
	inbox->writing.from = *from;
	return hand(guard, inbox, datagram, size);
}

bool bl_guard_next(struct bl_guard *guard, struct bl_guard_record *out)
{
	return bl_ring_get(&guard->records, out);
}

/* The thread's side. */

bool bl_guard_room(const struct bl_guard *guard)
{
	const struct bl_ring *ring = &guard->records;
	uint32_t used = atomic_load_explicit(&ring->head, memory_order_relaxed) -
			atomic_load_explicit(&ring->tail, memory_order_acquire);

	return used <= RECORDS - BL_GUARD_RECORDS;
}

void bl_guard_tell(struct bl_guard *guard, const struct bl_guard_peer *peer,
		   struct bl_guard_record *record)
{
	record->leg = peer->leg;
	record->owner = peer->owner;
	if (!bl_ring_put(&guard->records, record)) { /* bl_guard_room() was asked: cannot be */
		bl_srtp_free(record->in);
		bl_srtp_free(record->out);
	}
}

static struct bl_guard_peer *find_peer(const struct bl_guard *guard,
				       const struct bl_guard_datagram *datagram, bool stun)
{
	if (!datagram->shared)
		return bl_map_get(&guard->legs, datagram->leg);
	if (!stun)
		return bl_paths_get(&guard->paths, &datagram->from);
	return bl_map_get(&guard->numbers, bl_ice_addressee(datagram->data, datagram->size));
}

static void take(struct bl_guard *guard, const struct bl_guard_datagram *datagram)
{
	bool stun = datagram->data[0] < 4;
	struct bl_guard_peer *peer;

	guard->stats.taken++;
	if (!bl_guard_wants(datagram->data, datagram->size)) {
		guard->stats.malformed++;
		return;
	}
	peer = find_peer(guard, datagram, stun);
	if (!peer || (stun && !peer->has_ice))
		guard->stats.unknown++;
	else if (stun)
		bl_guard_peer_stun(guard, peer, datagram);
	else
		bl_guard_peer_dtls(guard, peer, datagram);
}

static void run_timers(struct bl_guard *guard)
{
	bool timers = guard->now_ms - guard->timers_ms >= TIMERS_MS;
	bool consent = guard->now_ms - guard->consent_ms >= CONSENT_MS;

	if (!timers && !consent)
		return;
	for (struct bl_guard_peer *peer = guard->peers; peer; peer = peer->next) {
		if (!bl_guard_room(guard))
			return; /* all again when there is room */
		bl_guard_peer_begin(guard, peer);
		bl_guard_peer_timers(guard, peer);
		if (consent && bl_guard_room(guard))
			bl_guard_peer_consent(guard, peer);
	}
	guard->timers_ms = guard->now_ms;
	if (consent)
		guard->consent_ms = guard->now_ms;
}

void bl_guard_service(struct bl_guard *guard, uint64_t now_ms)
{
	uint64_t count;

	(void)!read(guard->event_fd, &count, sizeof(count));
	/* from here on a datagram wakes again: it may come too late for the loop below */
	atomic_store_explicit(&guard->woken, false, memory_order_release);
	for (int32_t i = 0; i < guard->config.workers; i++) {
		bool more = true;

		/* the lock is let go after each, for a caller to come between */
		for (int k = 0; k < BL_GUARD_INBOX && more; k++) {
			pthread_mutex_lock(&guard->lock);
			guard->now_ms = now_ms;
			more = bl_guard_room(guard) &&
			       bl_ring_get(&guard->inboxes[i].ring, &guard->reading);
			if (more)
				take(guard, &guard->reading);
			pthread_mutex_unlock(&guard->lock);
		}
	}
	pthread_mutex_lock(&guard->lock);
	guard->now_ms = now_ms;
	run_timers(guard);
	pthread_mutex_unlock(&guard->lock);
}

static void *run(void *argument)
{
	struct bl_guard *guard = argument;

	while (!atomic_load_explicit(&guard->stopping, memory_order_acquire)) {
		struct pollfd waiting = {.fd = guard->event_fd, .events = POLLIN};

		if (!bl_guard_room(guard)) /* woken or not, nothing can be taken in */
			poll(NULL, 0, FULL_MS);
		else
			poll(&waiting, 1, TIMERS_MS);
		bl_guard_service(guard, clock_ms());
	}
	return NULL;
}

int bl_guard_start(struct bl_guard *guard)
{
	sigset_t all, before;
	int err;

	if (guard->running || guard->config.stepped)
		return BL_ESTATE;
	atomic_store(&guard->stopping, false);
	sigfillset(&all); /* signals are the caller's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&guard->thread, NULL, run, guard);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	guard->running = !err;
	return err ? BL_EIO : BL_OK;
}

void bl_guard_stop(struct bl_guard *guard)
{
	uint64_t one = 1;

	if (!guard->running)
		return;
	atomic_store_explicit(&guard->stopping, true, memory_order_release);
	(void)!write(guard->event_fd, &one, sizeof(one));
	pthread_join(guard->thread, NULL);
	guard->running = false;
}
