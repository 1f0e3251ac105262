/*
 * stun.h  STUN messages (RFC 8489) as ICE uses them (RFC 8445 §7): read, checked, written
 *
 * What does it do?  It reads Binding requests, indications and responses, checks their
 *   MESSAGE-INTEGRITY and FINGERPRINT, and writes such messages. Other methods and attributes are
 *   read as far as an answer to them needs.
 * How does it work?  Pure functions over bytes; nothing is copied or kept, a parsed message points
 *   into its packet. Every length is checked before anything behind it is read; what does not fit
 *   or carries a wrong FINGERPRINT is refused as a whole.
 * How do I use it?  bl_stun_parse(); for a request bl_stun_check_integrity() with our password,
 *   then bl_stun_build_success() or bl_stun_build_error() into a buffer of BL_STUN_MAX bytes.
 *   The HMAC is OpenSSL's, which allocates: keep STUN out of the tick.
 */
#ifndef BL_STUN_H
#define BL_STUN_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "address.h"

enum {
	BL_STUN_HEADER = 20,	  /* [bytes] */
	BL_STUN_MAX = 1500,	  /* [bytes] read or written; more is refused */
	BL_STUN_TRANSACTION = 12, /* [bytes] */
	BL_STUN_UNKNOWN = 8,	  /* attributes told back in one error, at most */
	BL_STUN_BINDING = 1,	  /* the method, RFC 8489 §18.2 */
};

enum bl_stun_class { /* RFC 8489 §5 */
		     BL_STUN_REQUEST,
		     BL_STUN_INDICATION,
		     BL_STUN_SUCCESS,
		     BL_STUN_ERROR,
};

enum bl_stun_role { /* RFC 8445 §7.1.3 */
		    BL_STUN_NO_ROLE,
		    BL_STUN_CONTROLLING,
		    BL_STUN_CONTROLLED,
};

enum { /* error codes: RFC 8489 §14.8, RFC 8445 §7.3.1.1 */
       BL_STUN_BAD_REQUEST = 400,
       BL_STUN_UNAUTHENTICATED = 401,
       BL_STUN_UNKNOWN_ATTRIBUTE = 420,
       BL_STUN_ROLE_CONFLICT = 487,
       BL_STUN_SERVER_ERROR = 500,
};

/* Text of a message, not ended by 0; NULL: it has none. */
struct bl_stun_text {
	const char *at;
	size_t size; /* [bytes] */
};

/* What a message says; an attribute that it does not have is zero. */
struct bl_stun {
	enum bl_stun_class kind;
	uint16_t method;
	uint8_t transaction[BL_STUN_TRANSACTION];
	struct bl_stun_text username, software, reason;
	bool has_priority, use_candidate, has_fingerprint;
	uint32_t priority;
	enum bl_stun_role role;
	uint64_t tie_breaker; /* of the role */
	union bl_address mapped;
	bool has_mapped;
	uint16_t error_code;
	size_t integrity; /* where the MESSAGE-INTEGRITY begins in the packet; 0: it has none */
	/* comprehension-required attributes that nobody here knows: answer error 420; in an error
	   420 received, what the other side did not know */
	uint16_t unknown[BL_STUN_UNKNOWN];
	size_t unknown_count;
};

/* BL_OK, or BL_EINVAL: no STUN, lengths that do not fit, a wrong FINGERPRINT. */
int bl_stun_parse(const uint8_t *packet, size_t size, struct bl_stun *out);
/*
 * Is the MESSAGE-INTEGRITY there and made with this key? In constant time. The key of short-term
 * credentials is the password: a request carries the password of the agent that receives it.
 */
bool bl_stun_check_integrity(const uint8_t *packet, size_t size, const struct bl_stun *stun,
			     const void *key, size_t key_size);
/* Is the USERNAME "ours:theirs", with this ours? (RFC 8445 §7.2.2) */
bool bl_stun_is_for(const struct bl_stun *stun, const char *ours, size_t size);

/*
 * Each returns the bytes written or BL_EINVAL (no room, a strange address or key). All carry a
 * FINGERPRINT, and a MESSAGE-INTEGRITY when there is a key.
 */
int bl_stun_build_success(const struct bl_stun *request, const struct sockaddr *from,
			  const void *key, size_t key_size, uint8_t *packet, size_t room);
/* Error 420 names the request's unknown attributes. */
int bl_stun_build_error(const struct bl_stun *request, int code, const void *key, size_t key_size,
			uint8_t *packet, size_t room);
/* A Binding request or indication with the struct's transaction and attributes. */
int bl_stun_build_request(const struct bl_stun *stun, const void *key, size_t key_size,
			  uint8_t *packet, size_t room);

#endif
