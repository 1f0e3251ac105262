/* dtls_identity.c  Our certificate, the context made with it, and fingerprints (RFC 8122) */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "branchline_media.h"
#include "dtls_identity.h"

enum {
	DAY = 86400,	  /* [s] */
	LASTS = 10 * 365, /* [days]: nobody looks at it, the fingerprint is what counts */
};

/* GCM first: it costs a third of the other. RFC 8827 §6.5 asks for the last one. */
#define PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"
/* RFC 8827 §6.5: ECDHE with AES-GCM is what all speak */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int bl_dtls_digest_read(const char *text, struct bl_dtls_digest *out)
{
	static const struct {
		const char *name;
		const EVP_MD *(*hash)(void);
	} hashes[] = {
		{"sha-256 ", EVP_sha256}, {"sha-384 ", EVP_sha384}, {"sha-512 ", EVP_sha512}};

	out->hash = NULL;
	for (size_t i = 0; text && i < sizeof(hashes) / sizeof(*hashes); i++) {
		if (!strncasecmp(text, hashes[i].name, 8))
			out->hash = hashes[i].hash();
	}
	if (!out->hash)
		return BL_EINVAL;
	out->size = (size_t)EVP_MD_get_size(out->hash);
	text += 8;
	for (size_t i = 0; i < out->size; i++, text += 3) {
		int high = hex(text[0]), low = high < 0 ? -1 : hex(text[1]);

		if (low < 0 || text[2] != (i + 1 < out->size ? ':' : 0))
			return BL_EINVAL;
		out->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return BL_OK;
}

bool bl_dtls_fingerprint_valid(const char *text)
{
	struct bl_dtls_digest digest;

	return bl_dtls_digest_read(text, &digest) == BL_OK;
}

bool bl_dtls_digest_is_of(const struct bl_dtls_digest *digest, const X509 *certificate)
{
	uint8_t got[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	return certificate && X509_digest(certificate, digest->hash, got, &size) &&
	       size == digest->size && !CRYPTO_memcmp(got, digest->bytes, size);
}

static bool write_fingerprint(const X509 *certificate, char text[BL_DTLS_FINGERPRINT])
{
	static const char digits[] = "0123456789ABCDEF";
	uint8_t bytes[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	char *at = stpcpy(text, "sha-256 ");

	if (!X509_digest(certificate, EVP_sha256(), bytes, &size))
		return false;
	for (unsigned i = 0; i < size; i++) {
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
		*at++ = i + 1 < size ? ':' : 0;
	}
	return true;
}

static X509 *sign_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	X509_NAME *name = certificate ? X509_get_subject_name(certificate) : NULL;
	uint64_t serial = 0;

	if (!name || RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1 ||
	    !X509_set_version(certificate, X509_VERSION_3) ||
	    !ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) ||
	    !X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY) ||
	    !X509_gmtime_adj(X509_getm_notAfter(certificate), (long)DAY * LASTS) ||
	    !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					(const unsigned char *)"branchline", -1, -1, 0) ||
	    !X509_set_issuer_name(certificate, name) || !X509_set_pubkey(certificate, key) ||
	    !X509_sign(certificate, key, EVP_sha256())) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

static bool read_pem(const char *pem, X509 **certificate, EVP_PKEY **key)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);

	if (bio) {
		*certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		BIO_free(bio);
	}
	bio = BIO_new_mem_buf(pem, -1); /* they may come in either order */
	if (bio) {
		*key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		BIO_free(bio);
	}
	return *certificate && *key;
}

static SSL_CTX *make_context(X509 *certificate, EVP_PKEY *key)
{
	SSL_CTX *context = SSL_CTX_new(DTLS_method());

	if (!context)
		return NULL;
	SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET |
					     SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	bl_dtls_context_set(context);
	/* the last of them returns 0 when all is well */
	if (!SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) ||
	    !SSL_CTX_set_cipher_list(context, CIPHERS) ||
	    !SSL_CTX_use_certificate(context, certificate) ||
	    !SSL_CTX_use_PrivateKey(context, key) || !SSL_CTX_check_private_key(context) ||
	    SSL_CTX_set_tlsext_use_srtp(context, PROFILES)) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

int bl_dtls_identity_new(const char *pem, struct bl_dtls_identity **out)
{
	struct bl_dtls_identity *identity = out ? calloc(1, sizeof(*identity)) : NULL;
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	bool good;

	if (!identity)
		return out ? BL_ENOMEM : BL_EINVAL;
	if (pem) {
		good = read_pem(pem, &certificate, &key);
	} else {
		key = EVP_EC_gen("P-256");
		certificate = key ? sign_certificate(key) : NULL;
		good = certificate;
	}
	if (good) {
		identity->context = make_context(certificate, key);
		identity->method = bl_dtls_method_new();
		good = identity->context && identity->method &&
		       write_fingerprint(certificate, identity->fingerprint);
	}
	X509_free(certificate);
	EVP_PKEY_free(key);
	if (!good) {
		bl_dtls_identity_free(identity);
		return pem ? BL_EINVAL : BL_EIO;
	}
	*out = identity;
	return BL_OK;
}

void bl_dtls_identity_free(struct bl_dtls_identity *identity)
{
	if (!identity)
		return;
	SSL_CTX_free(identity->context);
	BIO_meth_free(identity->method);
	free(identity);
}

const char *bl_dtls_identity_fingerprint(const struct bl_dtls_identity *identity)
{
	return identity->fingerprint;
}
