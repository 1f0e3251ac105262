/* guard_peer.c  STUN and DTLS of one guarded leg, and what it tells the tick about them */
#include <openssl/crypto.h>
#include <string.h>
#include <sys/socket.h>
#include "branchline_media.h"
#include "guard_peer.h"

enum {
	/* a hello from elsewhere takes an unfinished association's place after this: longer than a
	   handshake between two that mean it */
	REPLACE_MS = 3000,
	AGREED = 0, /* the slot of the agreed address, and the only one with ICE */
	OTHERS = 1,
};

static void send_to(const struct bl_source *to, const uint8_t *datagram, size_t size)
{
	/* what cannot be sent now is repeated by STUN and DTLS themselves */
	(void)!sendto(to->fd, datagram, size, MSG_DONTWAIT | MSG_NOSIGNAL, &to->address.any,
		      bl_source_size(to));
}

static void send_dtls(void *user, const uint8_t *datagram, size_t size)
{
	send_to(&((struct bl_guard_slot *)user)->to, datagram, size);
}

static void free_slot(struct bl_guard_slot *slot)
{
	bl_dtls_free(slot->dtls);
	slot->dtls = NULL;
}

void bl_guard_peer_end(struct bl_guard_peer *peer)
{
	for (int i = 0; i < BL_GUARD_SLOTS; i++)
		free_slot(&peer->slots[i]);
}

static void fail(struct bl_guard *guard, struct bl_guard_peer *peer, enum bl_dtls_why why)
{
	bl_guard_peer_end(peer);
	peer->failed = true;
	bl_guard_tell(guard, peer, &(struct bl_guard_record){.kind = BL_GUARD_FAILED, .why = why});
}

static void give_keys(struct bl_guard *guard, struct bl_guard_peer *peer,
		      struct bl_guard_slot *slot)
{
	struct bl_guard_record record = {.kind = BL_GUARD_KEYS, .path = slot->to};
	struct bl_srtp_key in, out;
	int err = bl_dtls_keys(slot->dtls, &in, &out);

	if (!err)
		err = bl_srtp_new(BL_SRTP_IN, &in, &record.in);
	if (!err)
		err = bl_srtp_new(BL_SRTP_OUT, &out, &record.out);
	OPENSSL_cleanse(&in, sizeof(in));
	OPENSSL_cleanse(&out, sizeof(out));
	if (err) {
		bl_srtp_free(record.in);
		fail(guard, peer, BL_DTLS_NO_PROFILE);
		return;
	}
	peer->up = true;
	guard->stats.handshakes++;
	for (int i = 0; i < BL_GUARD_SLOTS; i++) {
		if (&peer->slots[i] != slot)
			free_slot(&peer->slots[i]);
	}
	bl_guard_tell(guard, peer, &record);
}

/*
 * Was it the far end whose handshake failed, for certain? It was where its source had proved
 * itself by ICE, or is the one that we called, or shows a wrong certificate at the very address
 * that was agreed: by then it has repeated our cookie from there.
 */
static bool is_far_end(const struct bl_guard_peer *peer, const struct bl_guard_slot *slot)
{
	struct bl_source remote = {.address = peer->remote, .fd = peer->fd};

	if (peer->has_ice || peer->role == BL_DTLS_CLIENT)
		return true;
	return peer->why == BL_DTLS_STRANGER && bl_source_equal(&slot->to, &remote);
}

/*
 * A handshake that failed is told at once where it was the far end's. Else it may have been a
 * stranger's: the far end still has its time.
 */
static void settle(struct bl_guard *guard, struct bl_guard_peer *peer, struct bl_guard_slot *slot,
		   enum bl_dtls_state state)
{
	switch (state) {
	case BL_DTLS_UP:
		if (!peer->up)
			give_keys(guard, peer, slot);
		break;
	case BL_DTLS_ENDED:
		free_slot(slot);
		bl_guard_tell(guard, peer, &(struct bl_guard_record){.kind = BL_GUARD_ENDED});
		break;
	case BL_DTLS_FAILED:
		guard->stats.failures++;
		peer->why = bl_dtls_why(slot->dtls);
		if (is_far_end(peer, slot))
			fail(guard, peer, peer->why);
		else
			free_slot(slot);
		break;
	default:
		break;
	}
}

static bool begin_slot(struct bl_guard *guard, struct bl_guard_peer *peer,
		       struct bl_guard_slot *slot, const struct bl_source *to)
{
	struct bl_dtls_config config = {
		.identity = guard->identity,
		.role = peer->role,
		.fingerprint = peer->fingerprint,
		.cookie = !peer->has_ice,
		.now_ms = guard->now_ms,
		.send = send_dtls,
		.user = slot,
	};

	free_slot(slot);
	slot->to = *to;
	slot->since_ms = guard->now_ms;
	return bl_dtls_new(&config, &slot->dtls) == BL_OK;
}

void bl_guard_peer_begin(struct bl_guard *guard, struct bl_guard_peer *peer)
{
	struct bl_guard_slot *slot = &peer->slots[AGREED];
	const struct bl_source *chosen = peer->has_ice ? bl_ice_chosen(&peer->ice) : NULL;
	struct bl_source remote = {.address = peer->remote, .fd = peer->fd};

	if (!peer->has_dtls || peer->role != BL_DTLS_CLIENT || peer->up || peer->failed ||
	    slot->dtls || (peer->has_ice ? !chosen : !remote.address.any.sa_family))
		return;
	if (begin_slot(guard, peer, slot, chosen ? chosen : &remote))
		settle(guard, peer, slot, bl_dtls_timer(slot->dtls, guard->now_ms));
}

static void tell_path(struct bl_guard *guard, struct bl_guard_peer *peer, enum bl_guard_kind kind,
		      const struct bl_source *path)
{
	if (peer->fd < 0 && kind == BL_GUARD_PATH_ADDED)
		bl_paths_put(&guard->paths, path, peer);
	else if (peer->fd < 0 && kind == BL_GUARD_PATH_GONE)
		bl_paths_remove(&guard->paths, path, peer);
	bl_guard_tell(guard, peer, &(struct bl_guard_record){.kind = kind, .path = *path});
}

static void tell_change(struct bl_guard *guard, struct bl_guard_peer *peer,
			const struct bl_ice_change *change, const struct bl_source *from)
{
	const struct bl_source *chosen = bl_ice_chosen(&peer->ice);

	if (change->gone)
		tell_path(guard, peer, BL_GUARD_PATH_GONE, &change->lost_path);
	if (change->added)
		tell_path(guard, peer, BL_GUARD_PATH_ADDED, from);
	if (change->chosen && chosen) {
		tell_path(guard, peer, BL_GUARD_PATH_CHOSEN, chosen);
		peer->slots[AGREED].to = *chosen;
	} else if (change->chosen) {
		bl_guard_tell(guard, peer, &(struct bl_guard_record){.kind = BL_GUARD_LOST});
	}
}

void bl_guard_peer_stun(struct bl_guard *guard, struct bl_guard_peer *peer,
			const struct bl_guard_datagram *datagram)
{
	struct bl_ice_answer answer;

	switch (bl_ice_request(&peer->ice, datagram->data, datagram->size, &datagram->from,
			       guard->now_ms, &answer)) {
	case BL_ICE_CHECKED:
		guard->stats.checks++;
		break;
	case BL_ICE_WRONG_USER:
		guard->stats.wrong_user++;
		break;
	case BL_ICE_WRONG_PASSWORD:
		guard->stats.wrong_password++;
		break;
	case BL_ICE_MALFORMED:
		guard->stats.malformed++;
		break;
	default:
		break;
	}
	/* the tick knows the path before the far end does: nothing that comes by it is foreign */
	tell_change(guard, peer, &answer.change, &datagram->from);
	if (answer.size)
		send_to(&datagram->from, answer.data, answer.size);
	bl_guard_peer_begin(guard, peer);
}

static bool same_host(const union bl_address *a, const union bl_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->any.sa_family == AF_INET6 &&
	       !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr));
}

/* The association that a datagram belongs to, made where it may be; NULL: none. */
static struct bl_guard_slot *find_slot(struct bl_guard *guard, struct bl_guard_peer *peer,
				       const struct bl_guard_datagram *datagram)
{
	const struct bl_source *from = &datagram->from;
	bool agreed = peer->has_ice || same_host(&from->address, &peer->remote);
	struct bl_guard_slot *slot = &peer->slots[agreed ? AGREED : OTHERS];

	if (slot->dtls && peer->has_ice) {
		slot->to = *from; /* the path may change in the middle of it */
		return slot;
	}
	if (slot->dtls && bl_source_equal(&slot->to, from))
		return slot;
	if (peer->up || peer->failed || peer->role != BL_DTLS_SERVER ||
	    !bl_dtls_is_hello(datagram->data, datagram->size))
		return NULL;
	if (slot->dtls && guard->now_ms - slot->since_ms < REPLACE_MS) {
		guard->stats.refused_hellos++;
		return NULL;
	}
	return begin_slot(guard, peer, slot, from) ? slot : NULL;
}

void bl_guard_peer_dtls(struct bl_guard *guard, struct bl_guard_peer *peer,
			const struct bl_guard_datagram *datagram)
{
	struct bl_guard_slot *slot;

	if (!peer->has_dtls || (peer->has_ice && !bl_ice_validated(&peer->ice, &datagram->from))) {
		guard->stats.unknown++;
		return;
	}
	slot = find_slot(guard, peer, datagram);
	if (slot)
		settle(guard, peer, slot,
		       bl_dtls_receive(slot->dtls, datagram->data, datagram->size));
}

void bl_guard_peer_timers(struct bl_guard *guard, struct bl_guard_peer *peer)
{
	if (!peer->has_dtls || peer->up || peer->failed)
		return;
	for (int i = 0; i < BL_GUARD_SLOTS && !peer->failed; i++) {
		struct bl_guard_slot *slot = &peer->slots[i];

		if (slot->dtls)
			settle(guard, peer, slot, bl_dtls_timer(slot->dtls, guard->now_ms));
	}
	if (!peer->failed && guard->now_ms >= peer->deadline_ms)
		fail(guard, peer, peer->why ? peer->why : BL_DTLS_TIMEOUT);
}

void bl_guard_peer_consent(struct bl_guard *guard, struct bl_guard_peer *peer)
{
	struct bl_ice_change change;

	while (peer->has_ice && bl_ice_expire(&peer->ice, guard->now_ms, &change))
		tell_change(guard, peer, &change, &change.lost_path); /* none is added */
}
