/* test_dtls.c  Handshakes with ourselves and with a plain OpenSSL client; loss, strangers, junk */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "branchline_media.h"
#include "check.h"
#include "dtls.h"

enum { QUEUE = 64 };

/* Datagrams on their way to one side. */
struct wire {
	uint8_t data[QUEUE][1500];
	size_t size[QUEUE];
	int head, tail;
	unsigned lose; /* [percent] */
	uint32_t random;
	size_t largest;
};

static void put(void *user, const uint8_t *datagram, size_t size)
{
	struct wire *wire = user;

	if (wire->largest < size)
		wire->largest = size;
	wire->random = wire->random * 1664525u + 1013904223u;
	if ((wire->random >> 16) % 100 < wire->lose)
		return;
	CHECK(size <= sizeof(wire->data[0]) && wire->head - wire->tail < QUEUE);
	memcpy(wire->data[wire->head % QUEUE], datagram, size);
	wire->size[wire->head++ % QUEUE] = size;
}

static bool get(struct wire *wire, const uint8_t **datagram, size_t *size)
{
	if (wire->head == wire->tail)
		return false;
	*datagram = wire->data[wire->tail % QUEUE];
	*size = wire->size[wire->tail++ % QUEUE];
	return true;
}

/* A client and a server of ours, and the wires to each. */
struct pair {
	struct bl_dtls_identity *identity[2];
	struct bl_dtls *client, *server;
	struct wire to_client, to_server;
};

static struct bl_dtls *make(struct bl_dtls_identity *identity, enum bl_dtls_role role,
			    const char *fingerprint, struct wire *out)
{
	struct bl_dtls *dtls = NULL;

	CHECK_EQUAL(BL_OK, bl_dtls_new(&(struct bl_dtls_config){.identity = identity,
								.role = role,
								.fingerprint = fingerprint,
								.send = put,
								.user = out},
				       &dtls));
	return dtls;
}

static void pair_make(struct pair *pair, const char *client_fingerprint)
{
	memset(pair, 0, sizeof(*pair));
	for (int i = 0; i < 2; i++)
		CHECK_EQUAL(BL_OK, bl_dtls_identity_new(NULL, &pair->identity[i]));
	if (!client_fingerprint)
		client_fingerprint = bl_dtls_identity_fingerprint(pair->identity[0]);
	pair->client = make(pair->identity[0], BL_DTLS_CLIENT,
			    bl_dtls_identity_fingerprint(pair->identity[1]), &pair->to_server);
	pair->server =
		make(pair->identity[1], BL_DTLS_SERVER, client_fingerprint, &pair->to_client);
}

static void pair_free(struct pair *pair)
{
	bl_dtls_free(pair->client);
	bl_dtls_free(pair->server);
	for (int i = 0; i < 2; i++)
		bl_dtls_identity_free(pair->identity[i]);
}

static void pass(struct pair *pair)
{
	const uint8_t *data;
	size_t size;

	while (pair->to_client.head != pair->to_client.tail ||
	       pair->to_server.head != pair->to_server.tail) {
		if (get(&pair->to_server, &data, &size))
			bl_dtls_receive(pair->server, data, size);
		if (get(&pair->to_client, &data, &size))
			bl_dtls_receive(pair->client, data, size);
	}
}

static enum bl_dtls_state state(struct bl_dtls *dtls)
{
	return bl_dtls_receive(dtls, NULL, 0);
}

/* Until both are done, or the wall clock has let each retransmit often enough. */
static void shake(struct pair *pair)
{
	for (int i = 0; i < 80; i++) {
		bl_dtls_timer(pair->client, 0);
		bl_dtls_timer(pair->server, 0);
		pass(pair);
		if (state(pair->client) != BL_DTLS_SHAKING &&
		    state(pair->server) != BL_DTLS_SHAKING)
			return;
		usleep(50000);
	}
}

static bool same(const struct bl_srtp_key *a, const struct bl_srtp_key *b)
{
	return a->suite == b->suite && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static void check_keys(struct bl_dtls *client, struct bl_dtls *server)
{
	struct bl_srtp_key keys[4];

	CHECK_EQUAL(BL_OK, bl_dtls_keys(client, &keys[0], &keys[1]));
	CHECK_EQUAL(BL_OK, bl_dtls_keys(server, &keys[2], &keys[3]));
	CHECK_EQUAL(BL_SRTP_AEAD_AES_128_GCM, keys[0].suite);
	CHECK(same(&keys[0], &keys[3]));
	CHECK(same(&keys[1], &keys[2]));
	CHECK(!same(&keys[0], &keys[1]));
}

static void test_both_roles(void)
{
	struct pair pair;
	struct bl_srtp_key unused;

	pair_make(&pair, NULL);
	CHECK_EQUAL(BL_ESTATE, bl_dtls_keys(pair.server, &unused, &unused));
	shake(&pair);
	CHECK_EQUAL(BL_DTLS_UP, state(pair.client));
	CHECK_EQUAL(BL_DTLS_UP, state(pair.server));
	check_keys(pair.client, pair.server);
	CHECK_WITHIN(200, BL_DTLS_MTU, pair.to_client.largest);
	bl_dtls_free(pair.client); /* says close_notify */
	pair.client = NULL;
	while (pair.to_server.head != pair.to_server.tail) {
		const uint8_t *data;
		size_t size;

		get(&pair.to_server, &data, &size);
		bl_dtls_receive(pair.server, data, size);
	}
	CHECK_EQUAL(BL_DTLS_ENDED, state(pair.server));
	pair_free(&pair);
}

static void test_loss_is_made_good(void)
{
	for (uint32_t seed = 1; seed <= 4; seed++) {
		struct pair pair;

		pair_make(&pair, NULL);
		pair.to_client.lose = pair.to_server.lose = 20;
		pair.to_client.random = seed;
		pair.to_server.random = seed * 77;
		shake(&pair);
		CHECK_EQUAL(BL_DTLS_UP, state(pair.client));
		CHECK_EQUAL(BL_DTLS_UP, state(pair.server));
		check_keys(pair.client, pair.server);
		pair_free(&pair);
	}
}

static void test_stranger(void)
{
	struct bl_dtls_identity *other;
	struct bl_srtp_key unused;
	struct pair pair;

	CHECK_EQUAL(BL_OK, bl_dtls_identity_new(NULL, &other));
	pair_make(&pair, bl_dtls_identity_fingerprint(other));
	shake(&pair);
	CHECK_EQUAL(BL_DTLS_FAILED, state(pair.server));
	CHECK_EQUAL(BL_DTLS_STRANGER, bl_dtls_why(pair.server));
	CHECK_EQUAL(BL_ESTATE, bl_dtls_keys(pair.server, &unused, &unused));
	CHECK_EQUAL(BL_DTLS_FAILED, state(pair.client)); /* it was told by an alert */
	CHECK_EQUAL(BL_DTLS_REFUSED, bl_dtls_why(pair.client));
	pair_free(&pair);
	bl_dtls_identity_free(other);
}

static void test_timeout(void)
{
	struct pair pair;

	pair_make(&pair, NULL);
	CHECK_EQUAL(BL_DTLS_SHAKING, bl_dtls_timer(pair.client, BL_DTLS_TIMEOUT_MS - 1));
	CHECK_EQUAL(BL_DTLS_FAILED, bl_dtls_timer(pair.client, BL_DTLS_TIMEOUT_MS));
	CHECK_EQUAL(BL_DTLS_TIMEOUT, bl_dtls_why(pair.client));
	CHECK_EQUAL(BL_DTLS_FAILED, bl_dtls_timer(pair.server, BL_DTLS_TIMEOUT_MS));
	pair_free(&pair);
}

static void test_junk(void)
{
	struct pair pair;
	uint8_t junk[300];
	uint32_t random = 1;

	pair_make(&pair, NULL);
	for (int round = 0; round < 4000; round++) {
		for (size_t i = 0; i < sizeof(junk); i++)
			junk[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
		junk[0] = (uint8_t)(20 + round % 4);
		junk[1] = 0xFE;
		junk[2] = 0xFD;
		memset(junk + 3, 0, 9); /* epoch 0, a small number and length */
		junk[10] = (uint8_t)round;
		junk[12] = (uint8_t)(round % 2 ? 40 : 255);
		if (junk[0] != 21) /* a fatal alert ends a handshake: that is DTLS */
			bl_dtls_receive(pair.server, junk,
					round % 2 ? 53 : 13 + (size_t)round % 90);
		if (state(pair.server) == BL_DTLS_FAILED)
			break;
		pair.to_client.head = pair.to_client.tail;
	}
	pair_free(&pair);
	/* after it is up, nothing that is not made with its keys does anything */
	pair_make(&pair, NULL);
	shake(&pair);
	for (int type = 20; type < 24; type++) {
		for (uint8_t epoch = 0; epoch < 3; epoch++) {
			memset(junk, 0, sizeof(junk));
			junk[0] = (uint8_t)type;
			junk[1] = 0xFE;
			junk[2] = 0xFD;
			junk[4] = epoch;
			junk[10] = 77;
			junk[12] = 40;
			junk[13] = 2; /* fatal; */
			CHECK_EQUAL(BL_DTLS_UP, bl_dtls_receive(pair.server, junk, 53));
		}
	}
	pair_free(&pair);
}

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

static void test_what_is_a_hello(void)
{
	struct pair pair;
	const uint8_t *data = NULL;
	size_t size = 0;

	pair_make(&pair, NULL);
	bl_dtls_timer(pair.client, 0);
	CHECK(get(&pair.to_server, &data, &size));
	CHECK(bl_dtls_is_hello(data, size));
	CHECK(!bl_dtls_is_hello(data, 13));
	CHECK(!bl_dtls_is_hello(data, 0));
	bl_dtls_receive(pair.server, data, size);
	CHECK(get(&pair.to_client, &data, &size));
	CHECK(!bl_dtls_is_hello(data, size)); /* a ServerHello */
	pair_free(&pair);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_both_roles),
	CHECK_TEST(test_loss_is_made_good),
	CHECK_TEST(test_stranger),
	CHECK_TEST(test_timeout),
	CHECK_TEST(test_junk),
	CHECK_TEST(test_openssl_client),
	CHECK_TEST(test_clients_that_will_not_do),
	CHECK_TEST(test_fingerprints),
	CHECK_TEST(test_identity_of_pem),
	CHECK_TEST(test_what_is_a_hello),
};

CHECK_MAIN(tests)
