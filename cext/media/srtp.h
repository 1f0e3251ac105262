/*
 * srtp.h  SRTP and SRTCP (RFC 3711, RFC 7714): one context for each direction of a leg
 *
 * What does it do?  It makes secure packets of plain ones and the other way round, in place, and
 *   says of what it refuses whether it was a replay, a forgery or no such packet at all.
 * How does it work?  libsrtp2, behind checks of every length. The roll-over counter belongs to
 *   context and SSRC, not to an address, so a change of the path costs nothing. An inbound context
 *   takes any SSRC; it remembers BL_SRTP_SOURCES of them and forgets the oldest, so that a far end
 *   cannot make it grow. struct bl_srtp_pair holds both directions of a leg, and the former
 * inbound keys beside the new ones for as long as packets under them may be under way. How do I
 * use it?  bl_srtp_new() in the caller's thread or in a side thread; the rest in the tick; what is
 * replaced goes back by its node. Debian's libsrtp2 (on NSS) allocates for each packet: that is
 * the stated exception to the tick's rule.
 */
#ifndef BL_SRTP_H
#define BL_SRTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "node.h"

enum bl_srtp_suite {
	BL_SRTP_AES_CM_128_HMAC_SHA1_80 = 1, /* RFC 3711, RFC 4568 §6.2 */
	BL_SRTP_AES_CM_128_HMAC_SHA1_32,
	BL_SRTP_AEAD_AES_128_GCM, /* RFC 7714 */
	BL_SRTP_AEAD_AES_256_GCM,
};

enum {
	BL_SRTP_KEYING = 44,   /* [bytes] of the longest key and salt */
	BL_SRTP_MKI = 4,       /* [bytes] of a master key identifier, at most */
	BL_SRTP_TRAILER = 160, /* [bytes] of room that must be free behind a packet */
	BL_SRTP_SOURCES = 32,  /* SSRCs that an inbound context keeps in mind */
	BL_SRTP_WINDOW = 256,  /* [packets] of the replay window; RFC 3711 §3.3.2 asks for 64 */
};

enum bl_srtp_way { BL_SRTP_IN, BL_SRTP_OUT };

enum bl_srtp_verdict {
	BL_SRTP_GOOD,
	BL_SRTP_REPLAY,	   /* seen before, or too old to tell */
	BL_SRTP_FORGED,	   /* its tag is not made with our keys */
	BL_SRTP_MALFORMED, /* lengths that do not fit, or not encrypted as agreed */
	BL_SRTP_FAILED,	   /* no room, no memory, or the key is used up */
};

/* What one side sends with. */
struct bl_srtp_key {
	enum bl_srtp_suite suite;
	uint8_t bytes[BL_SRTP_KEYING]; /* the master key, and behind it the salt */
	uint8_t mki[BL_SRTP_MKI];
	size_t mki_size; /* [bytes] in each packet; 0: none */
};

struct bl_srtp;

/* Both directions of a leg, used by its tick alone. All zero: nothing is secure yet. */
struct bl_srtp_pair {
	struct bl_srtp *in, *out;
	struct bl_srtp *before;	 /* former inbound keys */
	uint64_t before_ends_ms; /* when these are let go */
};

size_t bl_srtp_key_size(enum bl_srtp_suite suite);  /* [bytes] of the master key; 0: no suite */
size_t bl_srtp_salt_size(enum bl_srtp_suite suite); /* [bytes] */

/* What a context was made for; 0: there is none. */
int32_t bl_srtp_suite(const struct bl_srtp *srtp);
int bl_srtp_new(enum bl_srtp_way way, const struct bl_srtp_key *key, struct bl_srtp **out);
void bl_srtp_free(struct bl_srtp *srtp);

/* In place; *size grows or shrinks. room: the size of the buffer. */
enum bl_srtp_verdict bl_srtp_protect(struct bl_srtp *srtp, uint8_t *packet, size_t *size,
				     size_t room);
enum bl_srtp_verdict bl_srtp_protect_rtcp(struct bl_srtp *srtp, uint8_t *packet, size_t *size,
					  size_t room);
enum bl_srtp_verdict bl_srtp_unprotect(struct bl_srtp *srtp, uint8_t *packet, size_t *size);
enum bl_srtp_verdict bl_srtp_unprotect_rtcp(struct bl_srtp *srtp, uint8_t *packet, size_t *size);

/* New keys, either may be NULL: that direction keeps its own. What is let go goes to retired. */
void bl_srtp_pair_set(struct bl_srtp_pair *pair, struct bl_srtp *in, struct bl_srtp *out,
		      uint64_t now_ms, struct bl_stack *retired);
/* Under the new keys or the former ones. Lets the former go when their time is over. */
enum bl_srtp_verdict bl_srtp_pair_unprotect(struct bl_srtp_pair *pair, uint8_t *packet,
					    size_t *size, bool rtcp, uint64_t now_ms,
					    struct bl_stack *retired);
/* Lets everything go. */
void bl_srtp_pair_clear(struct bl_srtp_pair *pair, struct bl_stack *retired);

#endif
