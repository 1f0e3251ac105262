/** @file tls_end.h  Connections by TLS: what tls.c and tls_end.c share */
#ifndef BL_SIP_TLS_END_H
#define BL_SIP_TLS_END_H

#include "internal.h"

#include <openssl/ssl.h>
#include <sys/types.h>

/** A connection, from its handshake to its end; hangs at its SSL. */
struct tls_end {
	struct tls_end *next, **link; /**< of the stack's */
	SSL *ssl;
	BIO *bio;
	int fd;
	ino_t socket; /**< that fd was: the number may be another's by now */
	su_sockaddr_t from;
	char name[TLS_NAME]; /**< of the appliance whose certificate was shown, or empty */
	bool doubted;	     /**< its certificate is not in order */
	bool known;	     /**< its certificate comes from our authority */
};

void tls_end_init_library(void);
/** Remember the connections made on this thread. */
void tls_end_watch(struct bl_sip *sip);
struct tls_end *tls_end_of(SSL const *ssl);
/** Free what sofia-sip has forgotten. */
void tls_end_reap(struct bl_sip *sip);

#endif
