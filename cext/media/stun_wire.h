/* stun_wire.h  How STUN messages look in bytes (RFC 8489 §5, §14), for stun.c and stun_build.c */
#ifndef BL_STUN_WIRE_H
#define BL_STUN_WIRE_H
#include <stddef.h>
#include <stdint.h>

enum {
	STUN_COOKIE = 0x2112A442,
	STUN_ATTRIBUTE = 4,	   /* [bytes] of an attribute's head */
	STUN_HMAC = 20,		   /* [bytes] */
	STUN_FINGERPRINT_SIZE = 8, /* [bytes] with its head */
	STUN_IPV4 = 1,
	STUN_IPV6 = 2,
};

enum { /* RFC 8489 §18.3, RFC 8445 §16.1 */
       STUN_MAPPED_ADDRESS = 0x0001,
       STUN_USERNAME = 0x0006,
       STUN_MESSAGE_INTEGRITY = 0x0008,
       STUN_ERROR_CODE = 0x0009,
       STUN_UNKNOWN_ATTRIBUTES = 0x000A,
       STUN_REALM = 0x0014,
       STUN_NONCE = 0x0015,
       STUN_XOR_MAPPED_ADDRESS = 0x0020,
       STUN_PRIORITY = 0x0024,
       STUN_USE_CANDIDATE = 0x0025,
       STUN_SOFTWARE = 0x8022,
       STUN_FINGERPRINT = 0x8028,
       STUN_ICE_CONTROLLED = 0x8029,
       STUN_ICE_CONTROLLING = 0x802A,
};

static inline size_t bl_stun_padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

/* Of the size bytes before the FINGERPRINT, the length in the head being right already. */
uint32_t bl_stun_fingerprint(const uint8_t *packet, size_t size);
/* Of the size bytes before the MESSAGE-INTEGRITY; sets the length in the head as it counts it. */
int bl_stun_hmac(uint8_t *packet, size_t size, const void *key, size_t key_size,
		 uint8_t hmac[STUN_HMAC]);

#endif
