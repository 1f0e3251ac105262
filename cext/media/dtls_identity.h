/* dtls_identity.h  What dtls.c and dtls_identity.c share */
#ifndef BL_DTLS_IDENTITY_H
#define BL_DTLS_IDENTITY_H
#include <openssl/ssl.h>
#include "dtls.h"

struct bl_dtls_identity {
	SSL_CTX *context;
	BIO_METHOD *method; /* of dtls.c's datagrams */
	char fingerprint[BL_DTLS_FINGERPRINT];
};

/* A fingerprint as bytes. */
struct bl_dtls_digest {
	const EVP_MD *hash;
	uint8_t bytes[EVP_MAX_MD_SIZE];
	size_t size;
};

int bl_dtls_digest_read(const char *text, struct bl_dtls_digest *out);
bool bl_dtls_digest_is_of(const struct bl_dtls_digest *digest, const X509 *certificate);
/* dtls.c: how a context's associations check the far end, and their datagrams. */
void bl_dtls_context_set(SSL_CTX *context);
BIO_METHOD *bl_dtls_method_new(void);

#endif
