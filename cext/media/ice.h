/*
 * ice.h  The lite side of ICE for one leg (RFC 8445 §2.5, RFC 7675): who may send us what
 *
 * What does it do?  It answers a far end's connectivity checks, keeps the paths that such a check
 *   validated, follows the nomination, and lets a path die that was not checked for 30 s.
 * How does it work?  Pure: a STUN message and its source in, an answer and what it changed out. A
 *   lite agent sends no checks and is always controlled: a far end that thinks itself controlled
 * is told error 487. What does not carry our user name and password gets no answer at all. A
 *   restart makes new credentials; the former ones and all validated paths stay good until the far
 *   end nominates under the new ones, so that no packet is lost meanwhile. Sound is taken from any
 *   validated path and sent to the chosen one: the nominated, or before that the first.
 * How do I use it?  bl_ice_init(), bl_ice_request() for each STUN message, bl_ice_expire() about
 *   once a second, bl_ice_restart() when signalling says so.
 */
#ifndef BL_ICE_H
#define BL_ICE_H
#include "paths.h"

enum {
	BL_ICE_UFRAG = 8,	   /* letters: 48 bits; RFC 8445 §5.3 asks for 24 */
	BL_ICE_PWD = 24,	   /* letters: 144 bits; RFC 8445 §5.3 asks for 128 */
	BL_ICE_PATHS = 8,	   /* validated at once */
	BL_ICE_CONSENT_MS = 30000, /* RFC 7675 §5.1 */
};

struct bl_ice_credentials {
	char ufrag[BL_ICE_UFRAG + 1];
	char pwd[BL_ICE_PWD + 1];
};

struct bl_ice_path {
	struct bl_source source;
	uint64_t checked_ms; /* the last good check */
};

struct bl_ice {
	struct bl_ice_credentials now, before;
	bool proved;	 /* the far end has used the credentials of now */
	bool restarting; /* those before are good too */
	struct bl_ice_path paths[BL_ICE_PATHS];
	int count;
	int chosen; /* index of the path to send to; -1: none */
	bool nominated;
};

enum bl_ice_verdict {
	BL_ICE_CHECKED = 1, /* a good check */
	BL_ICE_CONFLICT,    /* 487: both thought themselves controlled */
	BL_ICE_ODD,	    /* 420: it asks for something that we do not know */
	BL_ICE_NO_REQUEST,  /* an indication or a response: nothing to be done */
	BL_ICE_WRONG_USER,  /* not our user name */
	BL_ICE_WRONG_PASSWORD,
	BL_ICE_MALFORMED,
};

/* What a check or the time changed. */
struct bl_ice_change {
	bool added;  /* a new path: the one the check came by */
	bool gone;   /* a path died or had to make room: lost_path */
	bool chosen; /* the path to send to is another, or there is none any more */
	struct bl_source lost_path;
};

/* What is to be done about a STUN message. */
struct bl_ice_answer {
	struct bl_ice_change change;
	size_t size; /* [bytes] to be sent back; 0: nothing */
	uint8_t data[BL_STUN_MAX];
};

int bl_ice_init(struct bl_ice *ice);
/* New credentials; those that the far end uses stay good until it nominates under the new. */
int bl_ice_restart(struct bl_ice *ice);
enum bl_ice_verdict bl_ice_request(struct bl_ice *ice, const uint8_t *packet, size_t size,
				   const struct bl_source *from, uint64_t now_ms,
				   struct bl_ice_answer *out);
/* Lets one dead path go; true: something changed, ask again. */
bool bl_ice_expire(struct bl_ice *ice, uint64_t now_ms, struct bl_ice_change *change);
/* The path to send to, or NULL. */
const struct bl_source *bl_ice_chosen(const struct bl_ice *ice);
bool bl_ice_validated(const struct bl_ice *ice, const struct bl_source *source);

/* A fragment of ours as a number, to be looked up by; -1: it cannot be one of ours. */
int64_t bl_ice_number(const char *ufrag, size_t size);
/* The same for whom a STUN message is meant. */
int64_t bl_ice_addressee(const uint8_t *packet, size_t size);

#endif
