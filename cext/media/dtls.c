/* dtls.c  DTLS-SRTP (RFC 5763, RFC 5764): a handshake that yields the keys of a leg */
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "dtls_identity.h"

enum {
	RECORD_HEADER = 13, /* [bytes], RFC 6347 §4.1 */
	TYPE_HANDSHAKE = 22,
	CLIENT_HELLO = 1,
	VERSION_1_0 = 0xFEFF, /* of the record: a hello's first one may say 1.0 and mean 1.2 */
	VERSION_1_2 = 0xFEFD,
	COOKIE = 16,   /* [bytes] */
	OVERHEAD = 28, /* [bytes] of IPv4 and UDP */
	/* RFC 6347 §4.2.4.1 begins with 1 s and lets applications in a hurry choose less: a caller
	   waits for this, and 0.2 s is longer than most round trips */
	RETRANSMIT_FIRST_US = 200000,
	RETRANSMIT_MOST_US = 4000000,
};

struct bl_dtls {
	SSL *ssl;
	enum bl_dtls_role role;
	enum bl_dtls_state state;
	enum bl_dtls_why why;
	uint64_t deadline_ms;
	struct bl_dtls_digest far; /* the fingerprint to be proved */
	bool proved;		   /* it was */
	uint8_t cookie[COOKIE];	   /* an association has one source: any number will do */
	const uint8_t *datagram;   /* to be read next */
	size_t size;
	void (*send)(void *user, const uint8_t *datagram, size_t size);
	void *user;
};

static int read_datagram(BIO *bio, char *to, int room)
{
	struct bl_dtls *dtls = BIO_get_data(bio);
	int size = (int)dtls->size < room ? (int)dtls->size : room;

	BIO_clear_retry_flags(bio);
	if (!dtls->datagram || room <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, dtls->datagram, (size_t)size);
	dtls->datagram = NULL;
	return size;
}

static int write_datagram(BIO *bio, const char *from, int size)
{
	struct bl_dtls *dtls = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (size > 0)
		dtls->send(dtls->user, (const uint8_t *)from, (size_t)size);
	return size; /* one that got lost is sent again by the timer */
}

static long control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return BL_DTLS_MTU;
	case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
		return OVERHEAD;
	default:
		return 0;
	}
}

BIO_METHOD *bl_dtls_method_new(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram");

	if (!method)
		return NULL;
	BIO_meth_set_read(method, read_datagram);
	BIO_meth_set_write(method, write_datagram);
	BIO_meth_set_ctrl(method, control);
	return method;
}

/* Instead of a chain of trust: is it the certificate that signalling named? */
static int check_certificate(X509_STORE_CTX *store, void *unused)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct bl_dtls *dtls = SSL_get_app_data(ssl);

	(void)unused;
	dtls->proved = bl_dtls_digest_is_of(&dtls->far, X509_STORE_CTX_get0_cert(store));
	if (!dtls->proved)
		dtls->why = BL_DTLS_STRANGER;
	X509_STORE_CTX_set_error(store, dtls->proved ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
	return dtls->proved;
}

static int make_cookie(SSL *ssl, unsigned char *cookie, unsigned *size)
{
	const struct bl_dtls *dtls = SSL_get_app_data(ssl);

	memcpy(cookie, dtls->cookie, COOKIE);
	*size = COOKIE;
	return 1;
}

static int check_cookie(SSL *ssl, const unsigned char *cookie, unsigned size)
{
	const struct bl_dtls *dtls = SSL_get_app_data(ssl);

	return size == COOKIE && !CRYPTO_memcmp(cookie, dtls->cookie, COOKIE);
}

void bl_dtls_context_set(SSL_CTX *context)
{
	SSL_CTX_set_cookie_generate_cb(context, make_cookie);
	SSL_CTX_set_cookie_verify_cb(context, check_cookie);
	SSL_CTX_set_cert_verify_callback(context, check_certificate, NULL);
}

static unsigned next_timeout(SSL *ssl, unsigned before_us)
{
	(void)ssl;
	if (!before_us)
		return RETRANSMIT_FIRST_US;
	return before_us * 2 < RETRANSMIT_MOST_US ? before_us * 2 : RETRANSMIT_MOST_US;
}

static int make_ssl(struct bl_dtls *dtls, const struct bl_dtls_identity *identity)
{
	BIO *bio;

	dtls->ssl = SSL_new(identity->context);
	bio = BIO_new(identity->method);
	if (!dtls->ssl || !bio) {
		BIO_free(bio);
		return BL_ENOMEM;
	}
	BIO_set_data(bio, dtls);
	BIO_set_init(bio, 1);
	SSL_set_bio(dtls->ssl, bio, bio);
	SSL_set_app_data(dtls->ssl, dtls);
	DTLS_set_link_mtu(dtls->ssl, BL_DTLS_MTU + OVERHEAD);
	SSL_set_mtu(dtls->ssl, BL_DTLS_MTU);
	DTLS_set_timer_cb(dtls->ssl, next_timeout);
	if (dtls->role == BL_DTLS_SERVER)
		SSL_set_accept_state(dtls->ssl);
	else
		SSL_set_connect_state(dtls->ssl);
	return BL_OK;
}

int bl_dtls_new(const struct bl_dtls_config *config, struct bl_dtls **out)
{
	struct bl_dtls *dtls;
	int err;

	if (!config || !out || !config->identity || !config->send ||
	    (config->role != BL_DTLS_SERVER && config->role != BL_DTLS_CLIENT))
		return BL_EINVAL;
	dtls = calloc(1, sizeof(*dtls));
	if (!dtls)
		return BL_ENOMEM;
	dtls->role = config->role;
	dtls->deadline_ms = config->now_ms + BL_DTLS_TIMEOUT_MS;
	dtls->send = config->send;
	dtls->user = config->user;
	err = bl_dtls_digest_read(config->fingerprint, &dtls->far);
	if (!err && RAND_bytes(dtls->cookie, COOKIE) != 1)
		err = BL_EIO;
	if (!err)
		err = make_ssl(dtls, config->identity);
	if (!err && config->cookie)
		SSL_set_options(dtls->ssl, SSL_OP_COOKIE_EXCHANGE);
	if (err)
		bl_dtls_free(dtls);
	else
		*out = dtls;
	return err;
}

void bl_dtls_free(struct bl_dtls *dtls)
{
	if (!dtls)
		return;
	ERR_clear_error();
	if (dtls->ssl && dtls->state == BL_DTLS_UP)
		SSL_shutdown(dtls->ssl);
	SSL_free(dtls->ssl);
	ERR_clear_error();
	free(dtls);
}

static void fail(struct bl_dtls *dtls, enum bl_dtls_why why)
{
	dtls->state = BL_DTLS_FAILED;
	if (!dtls->why)
		dtls->why = why;
}

static bool waits(const struct bl_dtls *dtls, int result)
{
	int error = SSL_get_error(dtls->ssl, result);

	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void shake(struct bl_dtls *dtls)
{
	int result = SSL_do_handshake(dtls->ssl);

	if (result != 1) {
		if (!waits(dtls, result))
			fail(dtls, BL_DTLS_REFUSED);
	} else if (!dtls->proved) {
		fail(dtls, BL_DTLS_STRANGER);
	} else if (!SSL_get_selected_srtp_profile(dtls->ssl)) {
		fail(dtls, BL_DTLS_NO_PROFILE);
	} else {
		dtls->state = BL_DTLS_UP;
	}
}

/* Nothing but alerts and repeated flights is to be expected; OpenSSL answers the latter. */
static void listen_on(struct bl_dtls *dtls)
{
	uint8_t unused[256];
	int result;

	do {
		result = SSL_read(dtls->ssl, unused, sizeof(unused));
	} while (result > 0);
	if ((SSL_get_shutdown(dtls->ssl) & SSL_RECEIVED_SHUTDOWN) || !waits(dtls, result))
		dtls->state = BL_DTLS_ENDED;
}

enum bl_dtls_state bl_dtls_receive(struct bl_dtls *dtls, const uint8_t *datagram, size_t size)
{
	if (dtls->state == BL_DTLS_FAILED || dtls->state == BL_DTLS_ENDED ||
	    size < RECORD_HEADER || size > UINT16_MAX)
		return dtls->state;
	ERR_clear_error();
	dtls->datagram = datagram;
	dtls->size = size;
	if (dtls->state == BL_DTLS_SHAKING)
		shake(dtls);
	if (dtls->state == BL_DTLS_UP)
		listen_on(dtls);
	dtls->datagram = NULL;
	ERR_clear_error();
	return dtls->state;
}

enum bl_dtls_state bl_dtls_timer(struct bl_dtls *dtls, uint64_t now_ms)
{
	if (dtls->state != BL_DTLS_SHAKING)
		return dtls->state;
	ERR_clear_error();
	if (dtls->role == BL_DTLS_CLIENT && SSL_in_before(dtls->ssl))
		shake(dtls);
	if (now_ms >= dtls->deadline_ms || DTLSv1_handle_timeout(dtls->ssl) < 0)
		fail(dtls, BL_DTLS_TIMEOUT);
	ERR_clear_error();
	return dtls->state;
}

enum bl_dtls_why bl_dtls_why(const struct bl_dtls *dtls)
{
	return dtls->why;
}

static enum bl_srtp_suite suite_of(const SRTP_PROTECTION_PROFILE *profile)
{
	switch (profile ? profile->id : 0) {
	case SRTP_AEAD_AES_128_GCM:
		return BL_SRTP_AEAD_AES_128_GCM;
	case SRTP_AEAD_AES_256_GCM:
		return BL_SRTP_AEAD_AES_256_GCM;
	case SRTP_AES128_CM_SHA1_80:
		return BL_SRTP_AES_CM_128_HMAC_SHA1_80;
	default:
		return (enum bl_srtp_suite)0;
	}
}

/* RFC 5764 §4.2: both keys, then both salts, the client's first */
int bl_dtls_keys(const struct bl_dtls *dtls, struct bl_srtp_key *in, struct bl_srtp_key *out)
{
	uint8_t material[2 * BL_SRTP_KEYING];
	bool server = dtls->role == BL_DTLS_SERVER;
	struct bl_srtp_key *sides[2] = {server ? in : out, server ? out : in};
	enum bl_srtp_suite suite;
	size_t key, salt;

	if (dtls->state != BL_DTLS_UP)
		return BL_ESTATE;
	suite = suite_of(SSL_get_selected_srtp_profile(dtls->ssl));
	key = bl_srtp_key_size(suite);
	salt = bl_srtp_salt_size(suite);
	if (!key || SSL_export_keying_material(dtls->ssl, material, 2 * (key + salt),
					       "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0) != 1)
		return BL_ESTATE;
	for (size_t i = 0; i < 2; i++) {
		memset(sides[i], 0, sizeof(*sides[i]));
		sides[i]->suite = suite;
		memcpy(sides[i]->bytes, material + i * key, key);
		memcpy(sides[i]->bytes + key, material + 2 * key + i * salt, salt);
	}
	OPENSSL_cleanse(material, sizeof(material));
	return BL_OK;
}

bool bl_dtls_is_hello(const uint8_t *datagram, size_t size)
{
	uint16_t version, epoch;

	if (size <= RECORD_HEADER || datagram[0] != TYPE_HANDSHAKE)
		return false;
	version = bl_get16(datagram + 1);
	epoch = bl_get16(datagram + 3);
	return (version == VERSION_1_0 || version == VERSION_1_2) && !epoch &&
	       datagram[RECORD_HEADER] == CLIENT_HELLO;
}
