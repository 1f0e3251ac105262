/* ice.c  The lite side of ICE for one leg (RFC 8445 §2.5, RFC 7675): who may send us what */
#include <string.h>
#include <sys/random.h>
#include "branchline_media.h"
#include "ice.h"

/* RFC 8839 §5.4: ice-char */
static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int random_text(char *text, size_t count)
{
	uint8_t bytes[BL_ICE_PWD];

	if (getrandom(bytes, count, 0) != (ssize_t)count)
		return BL_EIO;
	for (size_t i = 0; i < count; i++)
		text[i] = letters[bytes[i] & 63];
	text[count] = 0;
	return BL_OK;
}

static int make_credentials(struct bl_ice_credentials *credentials)
{
	int err = random_text(credentials->ufrag, BL_ICE_UFRAG);

	return err ? err : random_text(credentials->pwd, BL_ICE_PWD);
}

int bl_ice_init(struct bl_ice *ice)
{
	memset(ice, 0, sizeof(*ice));
	ice->chosen = -1;
	return make_credentials(&ice->now);
}

int bl_ice_restart(struct bl_ice *ice)
{
	struct bl_ice_credentials fresh;
	int err = make_credentials(&fresh);

	if (err)
		return err;
	if (ice->proved) { /* else the far end never had these: an answer got lost */
		ice->before = ice->now;
		ice->restarting = true;
	}
	ice->now = fresh;
	ice->proved = false;
	return BL_OK;
}

int64_t bl_ice_number(const char *ufrag, size_t size)
{
	int64_t number = 0;

	if (size != BL_ICE_UFRAG)
		return -1;
	for (size_t i = 0; i < size; i++) {
		const char *at = ufrag[i] ? strchr(letters, ufrag[i]) : NULL;

		if (!at)
			return -1;
		number = number << 6 | (at - letters);
	}
	return number;
}

int64_t bl_ice_addressee(const uint8_t *packet, size_t size)
{
	struct bl_stun stun;

	if (bl_stun_parse(packet, size, &stun) || stun.username.size <= BL_ICE_UFRAG ||
	    stun.username.at[BL_ICE_UFRAG] != ':')
		return -1;
	return bl_ice_number(stun.username.at, BL_ICE_UFRAG);
}

static int find(const struct bl_ice *ice, const struct bl_source *source)
{
	for (int i = 0; i < ice->count; i++) {
		if (bl_source_equal(&ice->paths[i].source, source))
			return i;
	}
	return -1;
}

/* The path that was not checked for the longest time; of several, never the chosen one. */
static int oldest(const struct bl_ice *ice)
{
	int oldest = -1;

	for (int i = 0; i < ice->count; i++) {
		if (i == ice->chosen && ice->count > 1)
			continue;
		if (oldest < 0 || ice->paths[i].checked_ms < ice->paths[oldest].checked_ms)
			oldest = i;
	}
	return oldest;
}

/* When the chosen path dies, the one that was checked last takes its place. */
static void drop(struct bl_ice *ice, int dead, struct bl_ice_change *change)
{
	change->gone = true;
	change->lost_path = ice->paths[dead].source;
	ice->count--;
	if (ice->chosen == dead) {
		ice->chosen = -1;
		ice->nominated = false;
		change->chosen = true;
	} else if (ice->chosen == ice->count) {
		ice->chosen = dead;
	}
	ice->paths[dead] = ice->paths[ice->count];
	for (int i = 0; i < ice->count && change->chosen; i++) {
		if (ice->chosen < 0 ||
		    ice->paths[i].checked_ms > ice->paths[ice->chosen].checked_ms)
			ice->chosen = i;
	}
}

static int keep_path(struct bl_ice *ice, const struct bl_source *from, uint64_t now_ms,
		     struct bl_ice_change *change)
{
	int at = find(ice, from);

	if (at < 0) {
		if (ice->count == BL_ICE_PATHS)
			drop(ice, oldest(ice), change);
		at = ice->count++;
		ice->paths[at].source = *from;
		change->added = true;
	}
	ice->paths[at].checked_ms = now_ms;
	return at;
}

static void take_check(struct bl_ice *ice, const struct bl_stun *stun,
		       const struct bl_ice_credentials *used, const struct bl_source *from,
		       uint64_t now_ms, struct bl_ice_change *change)
{
	int at = keep_path(ice, from, now_ms, change);
	/* once the new credentials are in use, a nomination under the former is of the past */
	bool nominated = stun->use_candidate && (used == &ice->now || !ice->proved);

	if (used == &ice->now) {
		ice->proved = true;
		ice->restarting &= !nominated;
	}
	if (nominated || ice->chosen < 0) {
		change->chosen |= ice->chosen != at;
		ice->chosen = at;
		ice->nominated |= nominated;
	}
}

/*
 * The credentials that a request names, or NULL. Theirs, behind the colon, proves nothing that our
 * password does not; Chromium sends its new one with our former one until it has our answer.
 */
static const struct bl_ice_credentials *named_by(const struct bl_ice *ice,
						 const struct bl_stun *stun)
{
	if (bl_stun_is_for(stun, ice->now.ufrag, BL_ICE_UFRAG))
		return &ice->now;
	return ice->restarting && bl_stun_is_for(stun, ice->before.ufrag, BL_ICE_UFRAG)
		       ? &ice->before
		       : NULL;
}

static void put_error(const struct bl_stun *stun, int code, const char *pwd,
		      struct bl_ice_answer *out)
{
	int size = bl_stun_build_error(stun, code, pwd, BL_ICE_PWD, out->data, sizeof(out->data));

	out->size = size > 0 ? (size_t)size : 0;
}

enum bl_ice_verdict bl_ice_request(struct bl_ice *ice, const uint8_t *packet, size_t size,
				   const struct bl_source *from, uint64_t now_ms,
				   struct bl_ice_answer *out)
{
	const struct bl_ice_credentials *used;
	struct bl_stun stun;
	const char *pwd;
	int length;

	memset(&out->change, 0, sizeof(out->change));
	out->size = 0;
	if (bl_stun_parse(packet, size, &stun))
		return BL_ICE_MALFORMED;
	if (stun.kind != BL_STUN_REQUEST || stun.method != BL_STUN_BINDING)
		return BL_ICE_NO_REQUEST;
	used = named_by(ice, &stun);
	if (!used)
		return BL_ICE_WRONG_USER;
	pwd = used->pwd;
	if (!bl_stun_check_integrity(packet, size, &stun, pwd, BL_ICE_PWD))
		return BL_ICE_WRONG_PASSWORD;
	if (stun.unknown_count) {
		put_error(&stun, BL_STUN_UNKNOWN_ATTRIBUTE, pwd, out);
		return BL_ICE_ODD;
	}
	if (stun.role == BL_STUN_CONTROLLED) {
		put_error(&stun, BL_STUN_ROLE_CONFLICT, pwd, out);
		return BL_ICE_CONFLICT;
	}
	length = bl_stun_build_success(&stun, &from->address.any, pwd, BL_ICE_PWD, out->data,
				       sizeof(out->data));
	out->size = length > 0 ? (size_t)length : 0;
	take_check(ice, &stun, used, from, now_ms, &out->change);
	return BL_ICE_CHECKED;
}

bool bl_ice_expire(struct bl_ice *ice, uint64_t now_ms, struct bl_ice_change *change)
{
	memset(change, 0, sizeof(*change));
	for (int i = 0; i < ice->count; i++) {
		if (now_ms - ice->paths[i].checked_ms >= BL_ICE_CONSENT_MS) {
			drop(ice, i, change);
			return true;
		}
	}
	return false;
}

const struct bl_source *bl_ice_chosen(const struct bl_ice *ice)
{
	return ice->chosen < 0 ? NULL : &ice->paths[ice->chosen].source;
}

bool bl_ice_validated(const struct bl_ice *ice, const struct bl_source *source)
{
	return find(ice, source) >= 0;
}
