/* guard_legs.c  The caller's side of the guard: which legs it guards, and as what */
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "guard_peer.h"

void bl_guard_drop(struct bl_guard *guard, struct bl_guard_peer *peer)
{
	bl_guard_peer_end(peer);
	for (int i = 0; i < peer->ice.count && peer->fd < 0; i++)
		bl_paths_remove(&guard->paths, &peer->ice.paths[i].source, peer);
	for (int i = 0; i < 2; i++) {
		if (peer->number[i] >= 0)
			bl_map_remove(&guard->numbers, peer->number[i]);
	}
	bl_map_remove(&guard->legs, peer->leg);
	*peer->link = peer->next;
	if (peer->next)
		peer->next->link = peer->link;
	free(peer);
}

/* The peer is found by the number of its present fragment; of the former ones one is kept. */
static int enter_number(struct bl_guard *guard, struct bl_guard_peer *peer)
{
	int64_t number = bl_ice_number(peer->ice.now.ufrag, BL_ICE_UFRAG);
	int err = bl_map_get(&guard->numbers, number) ? BL_EEXIST
						      : bl_map_put(&guard->numbers, number, peer);

	if (err)
		return err;
	/* before: the one that the far end uses may have moved there, or never have been used */
	if (peer->number[1] >= 0 &&
	    (!peer->ice.restarting ||
	     peer->number[1] != bl_ice_number(peer->ice.before.ufrag, BL_ICE_UFRAG))) {
		bl_map_remove(&guard->numbers, peer->number[1]);
		peer->number[1] = -1;
	}
	if (peer->number[0] >= 0 && peer->ice.restarting &&
	    peer->number[0] == bl_ice_number(peer->ice.before.ufrag, BL_ICE_UFRAG))
		peer->number[1] = peer->number[0];
	else if (peer->number[0] >= 0)
		bl_map_remove(&guard->numbers, peer->number[0]);
	peer->number[0] = number;
	return BL_OK;
}

static int set_dtls(struct bl_guard *guard, struct bl_guard_peer *peer, enum bl_dtls_role role,
		    const char *fingerprint, const union bl_address *remote)
{
	size_t size = strnlen(fingerprint, BL_DTLS_FINGERPRINT);

	if ((role != BL_DTLS_SERVER && role != BL_DTLS_CLIENT) || size == BL_DTLS_FINGERPRINT ||
	    !bl_dtls_fingerprint_valid(fingerprint))
		return BL_EINVAL;
	if (remote)
		peer->remote = *remote;
	if (peer->has_dtls && !peer->failed && peer->role == role &&
	    !strcmp(peer->fingerprint, fingerprint))
		return BL_OK;
	bl_guard_peer_end(peer);
	peer->has_dtls = true;
	peer->up = peer->failed = false;
	peer->why = (enum bl_dtls_why)0;
	peer->role = role;
	memcpy(peer->fingerprint, fingerprint, size + 1);
	peer->deadline_ms = guard->now_ms + BL_DTLS_TIMEOUT_MS;
	return BL_OK;
}

static int make_peer(struct bl_guard *guard, const struct bl_guard_leg *leg,
		     struct bl_guard_peer **out)
{
	struct bl_guard_peer *peer = calloc(1, sizeof(*peer));
	int err = peer ? BL_OK : BL_ENOMEM;

	if (err)
		return err;
	peer->leg = leg->leg;
	peer->owner = leg->owner;
	peer->fd = leg->fd;
	peer->has_ice = leg->ice;
	peer->number[0] = peer->number[1] = -1;
	peer->remote = leg->remote;
	if (leg->fingerprint)
		err = set_dtls(guard, peer, leg->role, leg->fingerprint, NULL);
	if (!err && leg->ice)
		err = bl_ice_init(&peer->ice);
	if (!err)
		err = bl_map_put(&guard->legs, leg->leg, peer);
	if (!err && leg->ice) {
		err = enter_number(guard, peer);
		if (err)
			bl_map_remove(&guard->legs, leg->leg);
	}
	if (err)
		free(peer);
	else
		*out = peer;
	return err;
}

/* Begins what is ours to begin: the caller may have been the first to name the far end. */
static void begin(struct bl_guard *guard, struct bl_guard_peer *peer)
{
	if (bl_guard_room(guard))
		bl_guard_peer_begin(guard, peer);
}

int bl_guard_add(struct bl_guard *guard, const struct bl_guard_leg *leg,
		 struct bl_ice_credentials *ours)
{
	struct bl_guard_peer *peer = NULL;
	int err = BL_OK;

	if (!guard || !leg || (leg->ice && !ours) || (!leg->ice && leg->fd < 0))
		return BL_EINVAL;
	pthread_mutex_lock(&guard->lock);
	if (bl_map_get(&guard->legs, leg->leg))
		err = BL_EEXIST;
	else if (guard->legs.used >= (size_t)guard->config.max_legs)
		err = BL_ENOMEM;
	else
		err = make_peer(guard, leg, &peer);
	if (!err) {
		peer->next = guard->peers;
		peer->link = &guard->peers;
		if (peer->next)
			peer->next->link = &peer->next;
		guard->peers = peer;
		if (ours)
			*ours = peer->ice.now;
		begin(guard, peer);
	}
	pthread_mutex_unlock(&guard->lock);
	bl_guard_wake(guard); /* it may sleep longer than this one's timers want */
	return err;
}

int bl_guard_remove(struct bl_guard *guard, int64_t leg)
{
	struct bl_guard_peer *peer;

	if (!guard)
		return BL_EINVAL;
	pthread_mutex_lock(&guard->lock);
	peer = bl_map_get(&guard->legs, leg);
	if (peer)
		bl_guard_drop(guard, peer);
	pthread_mutex_unlock(&guard->lock);
	return peer ? BL_OK : BL_ENOENT;
}

int bl_guard_restart(struct bl_guard *guard, int64_t leg, struct bl_ice_credentials *ours)
{
	struct bl_guard_peer *peer;
	int err;

	if (!guard || !ours)
		return BL_EINVAL;
	pthread_mutex_lock(&guard->lock);
	peer = bl_map_get(&guard->legs, leg);
	err = !peer ? BL_ENOENT : !peer->has_ice ? BL_ESTATE : BL_OK;
	if (!err)
		err = bl_ice_restart(&peer->ice);
	if (!err)
		err = enter_number(guard, peer);
	if (!err)
		*ours = peer->ice.now;
	pthread_mutex_unlock(&guard->lock);
	return err;
}

int bl_guard_dtls(struct bl_guard *guard, int64_t leg, enum bl_dtls_role role,
		  const char *fingerprint, const union bl_address *remote)
{
	struct bl_guard_peer *peer;
	int err = BL_ENOENT;

	if (!guard || !fingerprint)
		return BL_EINVAL;
	pthread_mutex_lock(&guard->lock);
	peer = bl_map_get(&guard->legs, leg);
	if (peer)
		err = set_dtls(guard, peer, role, fingerprint, remote);
	if (!err)
		begin(guard, peer);
	pthread_mutex_unlock(&guard->lock);
	bl_guard_wake(guard);
	return err;
}
