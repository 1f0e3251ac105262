/* test_dtls.c  Handshakes with ourselves: both roles, loss, strangers, junk, cookies */
#include "dtls_kit.h"

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

/* RFC 6347 §4.2.1: without ICE a source gets one small answer until it shows that it hears us. */
static void test_cookie(void)
{
	struct pair pair;
	struct bl_dtls_config config = {.role = BL_DTLS_SERVER, .cookie = true, .send = put};
	const uint8_t *data = NULL;
	size_t size = 0;

	pair_make(&pair, NULL);
	bl_dtls_free(pair.server);
	config.identity = pair.identity[1];
	config.fingerprint = bl_dtls_identity_fingerprint(pair.identity[0]);
	config.user = &pair.to_client;
	CHECK_EQUAL(BL_OK, bl_dtls_new(&config, &pair.server));
	bl_dtls_timer(pair.client, 0);
	CHECK(get(&pair.to_server, &data, &size));
	bl_dtls_receive(pair.server, data, size);
	CHECK(get(&pair.to_client, &data, &size) && data[13] == 3); /* HelloVerifyRequest */
	CHECK(size < 100);
	CHECK_EQUAL(pair.to_client.head, pair.to_client.tail);
	pair.to_client.tail--; /* and now the client gets it */
	shake(&pair);
	CHECK_EQUAL(BL_DTLS_UP, state(pair.server));
	check_keys(pair.client, pair.server);
	pair_free(&pair);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_both_roles), CHECK_TEST(test_loss_is_made_good),
	CHECK_TEST(test_stranger),   CHECK_TEST(test_timeout),
	CHECK_TEST(test_junk),	     CHECK_TEST(test_what_is_a_hello),
	CHECK_TEST(test_cookie),
};

CHECK_MAIN(tests)
