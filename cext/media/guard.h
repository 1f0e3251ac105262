/*
 * guard.h  The side thread that answers STUN and shakes DTLS hands for all legs
 *
 * What does it do?  It takes what is neither RTP nor RTCP off the tick's hands (RFC 7983: first
 *   byte 0 to 3 STUN, 20 to 63 DTLS), answers it on the socket it came by, and tells the tick what
 *   came of it: paths, keys, the end. It serves ordinary legs, each with a socket of its own, and
 *   browser legs, which share one socket (port.h).
 * How does it work?  Each worker of the tick hands datagrams into a ring of its own, an eventfd
 *   wakes the thread, and one ring leads back. ICE and DTLS of a leg are ice.h and dtls.h. The
 *   caller's side and the thread share a mutex that the tick never sees. When the ring to the tick
 *   is nearly full, nothing more is taken in: STUN and DTLS repeat what was lost.
 *   What a stranger can make us hold is bounded: with ICE only validated sources reach DTLS, one
 *   association a leg; without it one for the agreed address and one for all others, each with a
 *   cookie, so that a flood of hellos can neither fill the memory nor keep the far end out, nor be
 *   turned against a third party. A handshake ends after 30 s at the latest.
 * How do I use it?  bl_guard_new(), bl_guard_start(); bl_guard_add() after the leg is in the
 * tick's command ring, bl_guard_remove() before its removal is. The tick: bl_guard_next() until it
 * says false, at its beginning and again before it carries out a removal, so that no record
 * outlives its owner; bl_guard_hand() while it hears. Without a thread, bl_guard_service() does
 * its work.
 */
#ifndef BL_GUARD_H
#define BL_GUARD_H
#include "dtls.h"
#include "ice.h"
#include "srtp.h"

enum {
	BL_GUARD_DATAGRAM = 1500, /* [bytes] taken; more is dropped */
	BL_GUARD_INBOX = 64,	  /* datagrams that wait of one worker */
};

enum bl_guard_kind {
	BL_GUARD_PATH_ADDED = 1, /* path: packets from there are the leg's */
	BL_GUARD_PATH_GONE,	 /* path: not any more */
	BL_GUARD_PATH_CHOSEN,	 /* path: send there */
	BL_GUARD_KEYS,		 /* in and out: the tick's from now on */
	BL_GUARD_ENDED,		 /* the far end closed the association */
	BL_GUARD_LOST,		 /* no path is left: stop sending; a check may bring one back */
	BL_GUARD_FAILED,	 /* why: there will be no keys */
};

/* From the guard to the tick. */
struct bl_guard_record {
	enum bl_guard_kind kind;
	enum bl_dtls_why why;
	int64_t leg;
	void *owner;
	struct bl_source path;
	struct bl_srtp *in, *out;
};

struct bl_guard_config {
	int32_t workers;  /* threads that call bl_guard_hand() */
	int32_t max_legs; /* to be guarded */
	const char *pem;  /* certificate and key; NULL: made anew */
	bool stepped;	  /* no thread: the clock is what bl_guard_service() is told, from 0 on */
};

/* A leg to be guarded. */
struct bl_guard_leg {
	int64_t leg;
	void *owner; /* goes back in each record */
	int fd;	     /* of an ordinary leg; -1: its packets come by a shared socket */
	bool ice;
	enum bl_dtls_role role;
	const char *fingerprint; /* the far end's; NULL: no DTLS (yet) */
	union bl_address remote; /* as agreed; family 0: none. Of no use with ICE */
};

struct bl_guard_stats {
	uint64_t taken;		 /* datagrams */
	uint64_t dropped;	 /* the ring was full, or they were too long */
	uint64_t unknown;	 /* for no leg of ours, or from no validated source */
	uint64_t malformed;	 /* neither STUN nor DTLS */
	uint64_t wrong_user;	 /* STUN with another user name */
	uint64_t wrong_password; /* STUN with a wrong MESSAGE-INTEGRITY */
	uint64_t checks;	 /* good ones */
	uint64_t handshakes;	 /* that came up */
	uint64_t failures;	 /* handshakes that did not */
	uint64_t refused_hellos; /* there was another association in their place */
};

struct bl_guard;

int bl_guard_new(const struct bl_guard_config *config, struct bl_guard **out);
int bl_guard_start(struct bl_guard *guard);
void bl_guard_stop(struct bl_guard *guard);
void bl_guard_free(struct bl_guard *guard);
/* "sha-256 AB:CD:…" */
const char *bl_guard_fingerprint(const struct bl_guard *guard);
void bl_guard_stats(struct bl_guard *guard, struct bl_guard_stats *out);

/* The caller's side. ours may be NULL without ICE. */
int bl_guard_add(struct bl_guard *guard, const struct bl_guard_leg *leg,
		 struct bl_ice_credentials *ours);
int bl_guard_remove(struct bl_guard *guard, int64_t leg);
/* New ICE credentials; DTLS, keys and paths stay. */
int bl_guard_restart(struct bl_guard *guard, int64_t leg, struct bl_ice_credentials *ours);
/*
 * A role and a fingerprint for a leg that had none, or others: with both unchanged the association
 * stays (RFC 8842 §3), else a new one begins, and the keys in use stay until it has made new ones.
 */
int bl_guard_dtls(struct bl_guard *guard, int64_t leg, enum bl_dtls_role role,
		  const char *fingerprint, const union bl_address *remote);

/* The tick's side: never blocks, locks or allocates. */
bool bl_guard_wants(const uint8_t *datagram, size_t size); /* STUN or DTLS by its first byte */
/* A datagram of an ordinary leg; or of a shared socket, whose leg it may be. False: dropped. */
bool bl_guard_hand(struct bl_guard *guard, int32_t worker, int64_t leg,
		   const struct bl_source *from, const uint8_t *datagram, size_t size);
bool bl_guard_hand_shared(struct bl_guard *guard, int32_t worker, const struct bl_source *from,
			  const uint8_t *datagram, size_t size);
bool bl_guard_next(struct bl_guard *guard, struct bl_guard_record *out);

/* One round of the thread's work. */
void bl_guard_service(struct bl_guard *guard, uint64_t now_ms);

#endif
