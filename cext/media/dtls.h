/*
 * dtls.h  DTLS-SRTP (RFC 5763, RFC 5764): a handshake that yields the keys of a leg
 *
 * What does it do?  It shakes hands as server (a=setup:passive) or client (active), believes the
 *   far end only when its certificate has the fingerprint that signalling named, and then gives
 *   out the keys of both directions.
 * How does it work?  OpenSSL over a BIO that holds one datagram; what is to be sent goes to a
 *   callback. DTLS 1.2, ECDHE and AEAD only, no resumption, no renegotiation. The fingerprint is
 *   checked inside the handshake, so a stranger gets an alert and never keys. Our certificate is
 *   self-signed (ECDSA P-256) and made with the identity, or read from PEM. A source that no STUN
 *   check validated is asked for a cookie first, so that a forged one is never sent a flight to.
 *   Datagrams are at most
 *   BL_DTLS_MTU bytes; the path is never asked for its MTU.
 * How do I use it?  One identity for an engine. For each association bl_dtls_new(), a client then
 *   bl_dtls_timer() at once; bl_dtls_receive() for each datagram, bl_dtls_timer() every 50 ms or
 * so while the state is BL_DTLS_SHAKING; at BL_DTLS_UP bl_dtls_keys(). It allocates and takes
 *   milliseconds: a side thread's work. OpenSSL's retransmission times (0.2 s, doubled each time)
 *   run on the wall clock; the end of a handshake that takes too long runs on the caller's.
 */
#ifndef BL_DTLS_H
#define BL_DTLS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "srtp.h"

enum {
	BL_DTLS_MTU = 1200,	       /* [bytes] of a datagram, as WebRTC's end points have it */
	BL_DTLS_TIMEOUT_MS = 30000,    /* a handshake takes no longer */
	BL_DTLS_FINGERPRINT = 8 + 192, /* [bytes] of its text, sha-512, 0 counted */
};

enum bl_dtls_role { BL_DTLS_SERVER = 1, BL_DTLS_CLIENT };

enum bl_dtls_state {
	BL_DTLS_SHAKING,
	BL_DTLS_UP,
	BL_DTLS_ENDED, /* the far end closed it, after it was up */
	BL_DTLS_FAILED,
};

enum bl_dtls_why { /* of BL_DTLS_FAILED */
		   BL_DTLS_TIMEOUT = 1,
		   BL_DTLS_STRANGER,   /* a certificate with another fingerprint */
		   BL_DTLS_NO_PROFILE, /* no protection profile in common */
		   BL_DTLS_REFUSED,    /* an alert, or a handshake that cannot be agreed */
};

struct bl_dtls_identity;
struct bl_dtls;

struct bl_dtls_config {
	struct bl_dtls_identity *identity;
	enum bl_dtls_role role;
	const char *fingerprint; /* the far end's, as in a=fingerprint: "sha-256 AB:CD:…" */
	bool cookie; /* a server: the source must show that it hears us (RFC 6347 §4.2.1) */
	uint64_t now_ms;
	void (*send)(void *user, const uint8_t *datagram, size_t size);
	void *user;
};

/* pem: certificate and private key; NULL: a new self-signed one. */
int bl_dtls_identity_new(const char *pem, struct bl_dtls_identity **out);
/* Outlives its associations. */
void bl_dtls_identity_free(struct bl_dtls_identity *identity);
/* "sha-256 AB:CD:…" for our a=fingerprint. */
const char *bl_dtls_identity_fingerprint(const struct bl_dtls_identity *identity);
/* Is it a fingerprint that we can check: sha-256, sha-384 or sha-512 (RFC 8122)? */
bool bl_dtls_fingerprint_valid(const char *text);

int bl_dtls_new(const struct bl_dtls_config *config, struct bl_dtls **out);
/* Says close_notify when it is up. */
void bl_dtls_free(struct bl_dtls *dtls);
enum bl_dtls_state bl_dtls_receive(struct bl_dtls *dtls, const uint8_t *datagram, size_t size);
enum bl_dtls_state bl_dtls_timer(struct bl_dtls *dtls, uint64_t now_ms);
enum bl_dtls_why bl_dtls_why(const struct bl_dtls *dtls);
/* BL_ESTATE when it is not up. Wipe the keys when they are handed on. */
int bl_dtls_keys(const struct bl_dtls *dtls, struct bl_srtp_key *in, struct bl_srtp_key *out);

/* Does a datagram begin a handshake: a ClientHello record (RFC 6347 §4.1, §4.2.2)? */
bool bl_dtls_is_hello(const uint8_t *datagram, size_t size);

#endif
