/* control_secure.c  The caller's commands about keys, DTLS and browser legs: checked, then sent */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include "control.h"
#include "sdes.h"

int bl_crypto_make(int32_t tag, int32_t suite, char *text, size_t room)
{
	struct bl_sdes sdes;
	int err;

	if (!text || tag < 1)
		return BL_EINVAL;
	err = bl_sdes_make((uint32_t)tag, (enum bl_srtp_suite)suite, &sdes);
	if (!err)
		err = bl_sdes_write(&sdes, text, room);
	bl_sdes_wipe(&sdes);
	return err;
}

static int read_sdes(const char *text, struct bl_sdes **out)
{
	struct bl_sdes *sdes = calloc(1, sizeof(*sdes));
	int err;

	if (!sdes)
		return BL_ENOMEM;
	err = bl_sdes_parse(text, strnlen(text, BL_SDES_LONGEST + 1), sdes);
	if (err)
		free(sdes);
	else
		*out = sdes;
	return err;
}

static void drop_sdes(struct bl_sdes *sdes)
{
	if (sdes)
		bl_sdes_wipe(sdes);
	free(sdes);
}

/*
 * A context for a key that is not in use yet; *out stays NULL for one that is: made anew, its
 * roll-over counter and keystream would begin again.
 */
static int context_for(const struct bl_leg *leg, enum bl_srtp_way way, const struct bl_sdes *sdes,
		       struct bl_srtp **out)
{
	const struct bl_sdes *used = leg->sdes[way == BL_SRTP_IN];

	if (used && bl_sdes_same_key(used, sdes))
		return BL_OK;
	return bl_srtp_new(way, &sdes->key, out);
}

/* With the lock held. Takes over the keys where it succeeds. */
static int set_keys(struct bl_engine *engine, struct bl_leg *leg, struct bl_sdes *ours,
		    struct bl_sdes *theirs)
{
	struct bl_command command = {.kind = BL_COMMAND_KEYS, .leg = leg};
	int err = context_for(leg, BL_SRTP_OUT, ours, &command.keys.out);

	if (!err)
		err = context_for(leg, BL_SRTP_IN, theirs, &command.keys.in);
	if (!err)
		err = bl_push(engine, &command);
	if (err) {
		bl_srtp_free(command.keys.in);
		bl_srtp_free(command.keys.out);
		return err;
	}
	drop_sdes(leg->sdes[0]);
	drop_sdes(leg->sdes[1]);
	leg->sdes[0] = ours;
	leg->sdes[1] = theirs;
	return BL_OK;
}

int bl_leg_secure(struct bl_engine *engine, int64_t id, const char *ours, const char *theirs)
{
	struct bl_sdes *out = NULL, *in = NULL;
	struct bl_leg *leg;
	int err;

	if (!engine || !ours || !theirs)
		return BL_EINVAL;
	err = read_sdes(ours, &out);
	if (!err)
		err = read_sdes(theirs, &in);
	if (!err && out->key.suite != in->key.suite)
		err = BL_EINVAL;
	if (!err) {
		pthread_mutex_lock(&engine->lock);
		bl_reap(engine);
		leg = bl_map_get(&engine->legs, id);
		err = !leg ? BL_ENOENT : leg->kind != BL_LEG_RTP ? BL_EINVAL : BL_OK;
		if (!err)
			err = set_keys(engine, leg, out, in);
		pthread_mutex_unlock(&engine->lock);
	}
	if (err) {
		drop_sdes(out);
		drop_sdes(in);
	}
	return err;
}

int bl_fingerprint(struct bl_engine *engine, char *text, size_t room)
{
	const char *ours = engine ? bl_guard_fingerprint(engine->guard) : NULL;
	size_t size = ours ? strlen(ours) : 0;

	if (!text || !ours || size >= room)
		return BL_EINVAL;
	memcpy(text, ours, size + 1);
	return (int)size;
}

/* With the lock held: to the guard, and then nothing plain is sent or taken any more. */
static int guard_leg(struct bl_engine *engine, struct bl_leg *leg,
		     const struct bl_guard_leg *guarded, struct bl_ice_credentials *ours)
{
	struct bl_command command = {.kind = BL_COMMAND_SECURE, .leg = leg};
	int err = bl_guard_add(engine->guard, guarded, ours);

	if (err)
		return err;
	leg->guarded = true;
	return bl_push(engine, &command);
}

int bl_leg_dtls(struct bl_engine *engine, int64_t id, int32_t setup, const char *fingerprint)
{
	struct bl_guard_leg guarded = {
		.leg = id,
		.role = (enum bl_dtls_role)setup,
		.fingerprint = fingerprint,
	};
	struct bl_leg *leg;
	int err;

	if (!engine || !fingerprint || setup < BL_SETUP_PASSIVE || setup > BL_SETUP_ACTIVE)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	bl_reap(engine);
	leg = bl_map_get(&engine->legs, id);
	err = !leg ? BL_ENOENT : leg->kind != BL_LEG_RTP || !leg->has_asked ? BL_EINVAL : BL_OK;
	if (!err && leg->guarded) {
		err = bl_guard_dtls(engine->guard, id, guarded.role, fingerprint,
				    leg->fd >= 0 ? &leg->asked_address : NULL);
	} else if (!err) {
		guarded.owner = leg;
		guarded.fd = leg->fd;
		guarded.remote = leg->asked_address;
		err = guard_leg(engine, leg, &guarded, NULL);
	}
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_browser_open(struct bl_engine *engine, const char *address, int32_t port)
{
	int count, bound;

	if (!engine || !address || port < 0 || port > UINT16_MAX)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	count = atomic_load(&engine->port_count);
	if (count == BL_PORTS) {
		bound = BL_ENOMEM;
	} else {
		bound = bl_port_open(address, port, engine->config.max_legs,
				     !engine->config.stepped, &engine->ports[count]);
		if (bound > 0)
			atomic_store_explicit(&engine->port_count, count + 1,
					      memory_order_release);
	}
	pthread_mutex_unlock(&engine->lock);
	return bound;
}

static void fill_browser(struct bl_engine *engine, const struct bl_ice_credentials *ours,
			 struct bl_browser *out)
{
	_Static_assert(sizeof(ours->ufrag) <= sizeof(out->ufrag), "room for the ufrag");
	_Static_assert(sizeof(ours->pwd) <= sizeof(out->pwd), "room for the password");
	memset(out, 0, sizeof(*out));
	memcpy(out->ufrag, ours->ufrag, sizeof(ours->ufrag));
	memcpy(out->pwd, ours->pwd, sizeof(ours->pwd));
	bl_fingerprint(engine, out->fingerprint, sizeof(out->fingerprint));
}

/* With the lock held. */
static int add_browser(struct bl_engine *engine, struct bl_guard_leg *guarded,
		       struct bl_ice_credentials *ours)
{
	struct bl_leg *leg;
	int err = bl_may_add_leg(engine, guarded->leg);

	if (!err && !atomic_load(&engine->port_count))
		err = BL_ESTATE;
	if (err)
		return err;
	leg = bl_make_leg(guarded->leg, BL_LEG_RTP);
	if (!leg)
		return BL_ENOMEM;
	leg->rtp.shared = engine->ports[0];
	leg->rtp.secure = true;
	err = bl_rtp_leg_begin(leg);
	if (err) {
		bl_leg_free(leg);
		return err;
	}
	err = bl_enter_leg(engine, leg);
	if (err)
		return err;
	guarded->owner = leg;
	err = guard_leg(engine, leg, guarded, ours);
	if (err) {
		bl_push(engine, &(struct bl_command){.kind = BL_COMMAND_REMOVE, .leg = leg});
		bl_map_remove(&engine->legs, guarded->leg);
	}
	return err;
}

int bl_leg_add_browser(struct bl_engine *engine, int64_t id, int32_t setup,
		       const char *fingerprint, struct bl_browser *out)
{
	struct bl_guard_leg guarded = {
		.leg = id,
		.fd = -1,
		.ice = true,
		.role = (enum bl_dtls_role)setup,
		.fingerprint = fingerprint,
	};
	struct bl_ice_credentials ours;
	int err;

	if (!engine || !fingerprint || !out || setup < BL_SETUP_PASSIVE || setup > BL_SETUP_ACTIVE)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	err = add_browser(engine, &guarded, &ours);
	pthread_mutex_unlock(&engine->lock);
	if (!err)
		fill_browser(engine, &ours, out);
	OPENSSL_cleanse(&ours, sizeof(ours));
	return err;
}

int bl_leg_restart(struct bl_engine *engine, int64_t id, struct bl_browser *out)
{
	struct bl_ice_credentials ours;
	const struct bl_leg *leg;
	int err = BL_ENOENT;

	if (!engine || !out)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	leg = bl_map_get(&engine->legs, id);
	if (leg)
		err = leg->guarded && leg->rtp.shared ? bl_guard_restart(engine->guard, id, &ours)
						      : BL_EINVAL;
	pthread_mutex_unlock(&engine->lock);
	if (!err)
		fill_browser(engine, &ours, out);
	OPENSSL_cleanse(&ours, sizeof(ours));
	return err;
}
