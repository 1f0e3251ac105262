/* test_dtls_openssl.c  Handshakes with a plain OpenSSL client; certificates and fingerprints */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <strings.h>
#include "dtls_kit.h"

/* A client that is OpenSSL alone, over memory BIOs. */
struct client {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in, *out;
	char fingerprint[BL_DTLS_FINGERPRINT];
};

static void fingerprint_of(X509 *certificate, const char *name, const EVP_MD *hash, char *text)
{
	uint8_t bytes[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	int at = sprintf(text, "%s ", name);

	X509_digest(certificate, hash, bytes, &size);
	for (unsigned i = 0; i < size; i++)
		at += sprintf(text + at, "%02x%s", bytes[i], i + 1 < size ? ":" : "");
}

static X509 *sign(EVP_PKEY *key)
{
	X509 *certificate = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
	X509_gmtime_adj(X509_getm_notAfter(certificate), -3600); /* expired: nobody minds */
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, EVP_sha256());
	return certificate;
}

static void client_make(struct client *client, const char *profiles, bool with_certificate,
			const char *hash_name, const EVP_MD *hash)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *certificate = sign(key);
	uint8_t protocol[201] = {200};

	client->context = SSL_CTX_new(DTLS_client_method());
	SSL_CTX_set_options(client->context, SSL_OP_NO_QUERY_MTU);
	if (with_certificate) {
		SSL_CTX_use_certificate(client->context, certificate);
		SSL_CTX_use_PrivateKey(client->context, key);
	}
	if (profiles)
		CHECK_EQUAL(0, SSL_CTX_set_tlsext_use_srtp(client->context, profiles));
	fingerprint_of(certificate, hash_name, hash, client->fingerprint);
	client->ssl = SSL_new(client->context);
	client->in = BIO_new(BIO_s_mem());
	client->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(client->in, -1);
	SSL_set_bio(client->ssl, client->in, client->out);
	/* its hello takes two datagrams, as Chromium's does */
	SSL_set_mtu(client->ssl, 256);
	memset(protocol + 1, 'x', protocol[0]);
	SSL_set_alpn_protos(client->ssl, protocol, sizeof(protocol));
	SSL_set_connect_state(client->ssl);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void client_free(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->context);
	ERR_clear_error();
}

/* The memory BIO glues records together: part them again. Returns how many there were. */
static int client_to_server(struct client *client, struct bl_dtls *server)
{
	uint8_t data[4096];
	int size = BIO_read(client->out, data, sizeof(data)), count = 0;

	for (int at = 0; at + 13 <= size; count++) {
		int record = 13 + (data[at + 11] << 8 | data[at + 12]);

		bl_dtls_receive(server, data + at, (size_t)record);
		at += record;
	}
	return count;
}

static int client_shake(struct client *client, struct bl_dtls *server, struct wire *to_client)
{
	int first = 0, result = -1;

	for (int i = 0; i < 10 && state(server) == BL_DTLS_SHAKING; i++) {
		const uint8_t *data;
		size_t size;
		int count;

		result = SSL_do_handshake(client->ssl);
		count = client_to_server(client, server);
		first = first ? first : count;
		while (get(to_client, &data, &size)) {
			BIO_write(client->in, data, (int)size);
			result = SSL_do_handshake(client->ssl);
		}
	}
	(void)result;
	return first;
}

static void check_client(const char *profiles, bool with_certificate, const char *hash_name,
			 const EVP_MD *hash, enum bl_dtls_why why, enum bl_srtp_suite suite)
{
	struct bl_dtls_identity *identity;
	static struct wire to_client;
	struct client client;
	struct bl_dtls *server;
	struct bl_srtp_key in, out;

	memset(&to_client, 0, sizeof(to_client));
	CHECK_EQUAL(BL_OK, bl_dtls_identity_new(NULL, &identity));
	client_make(&client, profiles, with_certificate, hash_name, hash);
	server = make(identity, BL_DTLS_SERVER, client.fingerprint, &to_client);
	CHECK_WITHIN(2, 9, client_shake(&client, server, &to_client));
	CHECK_EQUAL(why ? BL_DTLS_FAILED : BL_DTLS_UP, state(server));
	CHECK_EQUAL(why, bl_dtls_why(server));
	if (!why && bl_dtls_keys(server, &in, &out) == BL_OK) {
		uint8_t material[60];

		CHECK_EQUAL(suite, in.suite);
		/* RFC 5764 §4.2, as the client sees it: its own key first */
		SSL_export_keying_material(client.ssl, material, sizeof(material),
					   "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0);
		if (suite == BL_SRTP_AES_CM_128_HMAC_SHA1_80) {
			CHECK(!memcmp(in.bytes, material, 16));
			CHECK(!memcmp(in.bytes + 16, material + 32, 14));
			CHECK(!memcmp(out.bytes, material + 16, 16));
			CHECK(!memcmp(out.bytes + 16, material + 46, 14));
		}
	}
	bl_dtls_free(server);
	client_free(&client);
	bl_dtls_identity_free(identity);
}

static void test_openssl_client(void)
{
	check_client("SRTP_AES128_CM_SHA1_80", true, "sha-512", EVP_sha512(), (enum bl_dtls_why)0,
		     BL_SRTP_AES_CM_128_HMAC_SHA1_80);
	check_client("SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM", true, "SHA-384", EVP_sha384(),
		     (enum bl_dtls_why)0, BL_SRTP_AEAD_AES_128_GCM);
	check_client("SRTP_AEAD_AES_256_GCM", true, "sha-256", EVP_sha256(), (enum bl_dtls_why)0,
		     BL_SRTP_AEAD_AES_256_GCM);
}

static void test_clients_that_will_not_do(void)
{
	const enum bl_srtp_suite none = (enum bl_srtp_suite)0;

	check_client("SRTP_AES128_CM_SHA1_32", true, "sha-256", EVP_sha256(), BL_DTLS_NO_PROFILE,
		     none);
	check_client(NULL, true, "sha-256", EVP_sha256(), BL_DTLS_NO_PROFILE, none);
	check_client("SRTP_AEAD_AES_128_GCM", false, "sha-256", EVP_sha256(), BL_DTLS_REFUSED,
		     none);
}

static void test_fingerprints(void)
{
	struct bl_dtls_identity *identity;
	char text[BL_DTLS_FINGERPRINT];

	CHECK_EQUAL(BL_OK, bl_dtls_identity_new(NULL, &identity));
	memcpy(text, bl_dtls_identity_fingerprint(identity), 8 + 96);
	CHECK_EQUAL(8 + 95, strlen(text));
	CHECK(bl_dtls_fingerprint_valid(text));
	text[8 + 94] = 'G';
	CHECK(!bl_dtls_fingerprint_valid(text));
	text[8 + 94] = 0;
	CHECK(!bl_dtls_fingerprint_valid(text));
	CHECK(!bl_dtls_fingerprint_valid("sha-256 "));
	CHECK(!bl_dtls_fingerprint_valid("sha-256"));
	CHECK(!bl_dtls_fingerprint_valid(""));
	CHECK(!bl_dtls_fingerprint_valid(NULL));
	CHECK(!bl_dtls_fingerprint_valid(
		"sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33"));
	bl_dtls_identity_free(identity);
}

static void test_identity_of_pem(void)
{
	struct bl_dtls_identity *identity = NULL;
	char pem[4096] = "", want[BL_DTLS_FINGERPRINT];
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	X509 *certificate = sign(key);
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	PEM_write_bio_X509(bio, certificate);
	BIO_read(bio, pem, sizeof(pem) - 1);
	CHECK_EQUAL(BL_OK, bl_dtls_identity_new(pem, &identity));
	fingerprint_of(certificate, "sha-256", EVP_sha256(), want);
	CHECK(!strcasecmp(want, bl_dtls_identity_fingerprint(identity)));
	bl_dtls_identity_free(identity);
	CHECK_EQUAL(BL_EINVAL, bl_dtls_identity_new("no pem", &identity));
	memset(pem, 0, sizeof(pem));
	PEM_write_bio_PrivateKey(bio, other, NULL, NULL, 0, NULL, NULL);
	PEM_write_bio_X509(bio, certificate);
	BIO_read(bio, pem, sizeof(pem) - 1);
	CHECK_EQUAL(BL_EINVAL, bl_dtls_identity_new(pem, &identity));
	BIO_free(bio);
	X509_free(certificate);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	ERR_clear_error();
}

static const struct check_test tests[] = {
	CHECK_TEST(test_openssl_client),
	CHECK_TEST(test_clients_that_will_not_do),
	CHECK_TEST(test_fingerprints),
	CHECK_TEST(test_identity_of_pem),
};

CHECK_MAIN(tests)
