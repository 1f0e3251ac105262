/* test_secure_leg.c  Legs under SRTP: keys by SDES, new keys in mid-call, DTLS between two legs */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "bytes.h"
#include "check.h"
#include "g711.h"
#include "kit.h"
#include "rtp.h"
#include "sdes.h"
#include "srtp.h"

enum { LOUD = -12, HZ = 700, CRYPTO = 256 };

/* A far end that speaks SRTP. */
struct secure_phone {
	struct kit_phone *phone;
	struct bl_srtp *in, *out;
	char ours[CRYPTO], theirs[CRYPTO]; /* as the engine sees it */
	size_t said, good, refused;	   /* [samples], [packets], [packets] */
	int16_t heard[BL_FRAME * 400];
	size_t heard_count;
};

static struct bl_srtp *context(enum bl_srtp_way way, const char *crypto)
{
	struct bl_srtp *srtp = NULL;
	struct bl_sdes sdes;

	CHECK_EQUAL(BL_OK, bl_sdes_parse(crypto, strlen(crypto), &sdes));
	CHECK_EQUAL(BL_OK, bl_srtp_new(way, &sdes.key, &srtp));
	return srtp;
}

static void agree_keys(struct bl_engine *engine, struct secure_phone *secure, int32_t suite)
{
	bl_srtp_free(secure->in);
	bl_srtp_free(secure->out);
	CHECK(bl_crypto_make(1, suite, secure->ours, CRYPTO) > 0);
	CHECK(bl_crypto_make(1, suite, secure->theirs, CRYPTO) > 0);
	CHECK_EQUAL(BL_OK, bl_leg_secure(engine, 1, secure->ours, secure->theirs));
	secure->in = context(BL_SRTP_IN, secure->ours);
	secure->out = context(BL_SRTP_OUT, secure->theirs);
}

static struct secure_phone *secure_open(struct bl_engine *engine, int32_t suite)
{
	struct secure_phone *secure = calloc(1, sizeof(*secure));

	secure->phone = kit_phone(engine, 1, -1);
	agree_keys(engine, secure, suite);
	return secure;
}

static void secure_close(struct secure_phone *secure)
{
	bl_srtp_free(secure->in);
	bl_srtp_free(secure->out);
	kit_phone_free(secure->phone);
	free(secure);
}

/* Makes the next packet; returns its size. */
static size_t make_packet(struct secure_phone *secure, uint8_t *packet, size_t room)
{
	struct kit_phone *phone = secure->phone;
	struct bl_rtp header = {.seq = phone->seq++, .timestamp = phone->timestamp, .ssrc = 5};
	int16_t frame[BL_FRAME];
	size_t size = BL_RTP_HEADER + BL_FRAME;

	phone->timestamp += BL_FRAME;
	kit_tone(HZ, LOUD, secure->said, frame, BL_FRAME);
	secure->said += BL_FRAME;
	bl_rtp_header(packet, &header);
	bl_g711_encode(BL_PCMU, frame, BL_FRAME, packet + BL_RTP_HEADER);
	CHECK_EQUAL(BL_SRTP_GOOD, bl_srtp_protect(secure->out, packet, &size, room));
	return size;
}

static void secure_listen(struct secure_phone *secure)
{
	uint8_t packet[2048];
	ssize_t got;

	while ((got = recv(secure->phone->fd, packet, sizeof(packet), 0)) > 0) {
		size_t size = (size_t)got;
		struct bl_rtp rtp;

		if (bl_wire_of(packet, size) != BL_WIRE_RTP)
			continue;
		if (bl_srtp_unprotect(secure->in, packet, &size) != BL_SRTP_GOOD ||
		    bl_rtp_parse(packet, size, &rtp)) {
			secure->refused++;
			continue;
		}
		secure->good++;
		bl_g711_decode(BL_PCMU, rtp.payload, rtp.length,
			       secure->heard + secure->heard_count);
		secure->heard_count += rtp.length;
	}
}

static void talk(struct bl_engine *engine, struct secure_phone *secure, int ticks)
{
	for (int tick = 0; tick < ticks; tick++) {
		uint8_t packet[2048];
		size_t size = make_packet(secure, packet, sizeof(packet));

		kit_send_raw(secure->phone, packet, size);
		bl_engine_step(engine, 1);
		secure_listen(secure);
	}
}

static struct bl_leg_stats stats_of(struct bl_engine *engine, int64_t leg)
{
	struct bl_leg_stats stats = {0};

	CHECK_EQUAL(BL_OK, bl_leg_stats(engine, leg, &stats));
	return stats;
}

static void hear_a_tone(struct bl_engine *engine)
{
	struct bl_play_item tone = {
		.tone = {.count = 1,
			 .parts = {{.hz = {HZ}, .level_dbm0 = {LOUD}, .on_ms = 60000}}},
	};

	CHECK_EQUAL(BL_OK, kit_play(engine, 1, 1, &tone, 1, true));
}

static void each_suite(int32_t suite)
{
	struct bl_engine *engine = kit_engine();
	struct secure_phone *secure = secure_open(engine, suite);

	hear_a_tone(engine);
	talk(engine, secure, 40);
	CHECK_EQUAL(40, stats_of(engine, 1).packets_in);
	CHECK_EQUAL(40, secure->good);
	CHECK_EQUAL(0, secure->refused);
	CHECK_WITHIN(LOUD - 0.5, LOUD + 0.5, kit_level_dbm0(secure->heard + 1600, 1600, HZ));
	bl_engine_free(engine);
	secure_close(secure);
}

static void test_both_ways_in_each_suite(void)
{
	for (int32_t suite = BL_SUITE_AES_CM_80; suite <= BL_SUITE_GCM_256; suite++)
		each_suite(suite);
}

static void test_plain_forged_and_replayed_are_refused(void)
{
	struct bl_engine *engine = kit_engine();
	struct secure_phone *secure = secure_open(engine, BL_SUITE_GCM_128);
	int16_t frame[BL_FRAME] = {0};
	uint8_t packet[2048];
	size_t size;

	talk(engine, secure, 5);
	size = make_packet(secure, packet, sizeof(packet));
	kit_send_raw(secure->phone, packet, size);
	bl_engine_step(engine, 1);
	kit_send_raw(secure->phone, packet, size);
	bl_engine_step(engine, 2);
	CHECK_EQUAL(1, stats_of(engine, 1).replayed);
	size = make_packet(secure, packet, sizeof(packet));
	packet[40] ^= 1;
	kit_send_raw(secure->phone, packet, size);
	bl_engine_step(engine, 2);
	CHECK_EQUAL(1, stats_of(engine, 1).forged);
	kit_say(secure->phone, frame, BL_FRAME); /* in the clear */
	bl_engine_step(engine, 2);
	CHECK_EQUAL(2, stats_of(engine, 1).forged);
	CHECK_EQUAL(6, stats_of(engine, 1).packets_in);
	bl_engine_free(engine);
	secure_close(secure);
}

static void test_new_keys_leave_no_gap(void)
{
	struct bl_engine *engine = kit_engine();
	struct secure_phone *secure = secure_open(engine, BL_SUITE_AES_CM_80);
	uint8_t late[2048];
	size_t size;

	hear_a_tone(engine);
	talk(engine, secure, 20);
	size = make_packet(secure, late, sizeof(late)); /* under way, under the former keys */
	agree_keys(engine, secure, BL_SUITE_GCM_256);
	kit_send_raw(secure->phone, late, size);
	talk(engine, secure, 20);
	bl_engine_step(engine, 20);
	secure_listen(secure);
	CHECK_EQUAL(41, stats_of(engine, 1).packets_in);
	CHECK_EQUAL(0, stats_of(engine, 1).forged + stats_of(engine, 1).lost);
	CHECK_EQUAL(60, secure->good);
	/* the same line once more is no new key: the counters go on */
	CHECK_EQUAL(BL_OK, bl_leg_secure(engine, 1, secure->ours, secure->theirs));
	talk(engine, secure, 5);
	CHECK_EQUAL(46, stats_of(engine, 1).packets_in);
	bl_engine_free(engine);
	secure_close(secure);
}

/* Two legs of one engine that are each other's far end. */
static void two_legs(struct bl_engine *engine)
{
	int32_t ports[2];

	for (int i = 0; i < 2; i++)
		ports[i] = bl_leg_add_rtp(engine, i + 1, "127.0.0.1", 0, 0);
	for (int i = 0; i < 2; i++) {
		struct bl_remote remote = {
			.address = "127.0.0.1",
			.port = ports[!i],
			.event_payload_type = 101,
			.rtcp_port = ports[!i],
		};

		CHECK_EQUAL(BL_OK, bl_leg_remote(engine, i + 1, &remote));
	}
}

static void test_dtls_between_two_legs(void)
{
	struct bl_engine *engine = kit_engine();
	char fingerprint[256];
	int secured = 0, digits = 0;

	two_legs(engine);
	CHECK(bl_fingerprint(engine, fingerprint, sizeof(fingerprint)) > 0);
	CHECK_EQUAL(BL_OK, bl_leg_dtls(engine, 2, BL_SETUP_PASSIVE, fingerprint));
	CHECK_EQUAL(BL_OK, bl_leg_dtls(engine, 1, BL_SETUP_ACTIVE, fingerprint));
	for (int tick = 0; tick < 500 && secured < 2; tick++) {
		struct bl_event event;

		bl_engine_step(engine, 1);
		while (bl_engine_poll(engine, &event, 1) == 1)
			secured += event.kind == BL_EVENT_SECURED;
	}
	CHECK_EQUAL(2, secured);
	CHECK_EQUAL(BL_OK, bl_digits_send(engine, 1, "42"));
	for (int tick = 0; tick < 60; tick++) {
		struct bl_event event;

		bl_engine_step(engine, 1);
		while (bl_engine_poll(engine, &event, 1) == 1)
			digits += event.kind == BL_EVENT_DIGIT && event.leg == 2;
	}
	CHECK_EQUAL(2, digits);
	CHECK_EQUAL(0, stats_of(engine, 2).forged + stats_of(engine, 2).malformed);
	bl_engine_free(engine);
}

/* Leg 2 expects another certificate than leg 1 has. Returns after how many ticks that is told. */
static int refuse(struct bl_engine *engine)
{
	char fingerprint[256];
	int code = 0, tick;

	CHECK(bl_fingerprint(engine, fingerprint, sizeof(fingerprint)) > 0);
	CHECK_EQUAL(BL_OK, bl_leg_dtls(engine, 1, BL_SETUP_ACTIVE, fingerprint));
	fingerprint[8] = fingerprint[8] == 'A' ? 'B' : 'A';
	CHECK_EQUAL(BL_OK, bl_leg_dtls(engine, 2, BL_SETUP_PASSIVE, fingerprint));
	for (tick = 0; tick < 3000 && !code; tick++) {
		struct bl_event event;

		bl_engine_step(engine, 1);
		while (bl_engine_poll(engine, &event, 1) == 1) {
			if (event.kind == BL_EVENT_INSECURE && event.leg == 2)
				code = event.code;
		}
	}
	CHECK_EQUAL(BL_INSECURE_STRANGER, code);
	CHECK_EQUAL(0, stats_of(engine, 2).packets_in);
	CHECK_EQUAL(BL_OK, bl_leg_remove(engine, 1));
	CHECK_EQUAL(BL_OK, bl_leg_remove(engine, 2));
	bl_engine_step(engine, 10);
	return tick;
}

static void test_a_stranger_gets_no_keys(void)
{
	struct bl_engine *engine = kit_engine();

	two_legs(engine);
	CHECK(refuse(engine) < 500); /* it is where the far end was to be */
	bl_engine_free(engine);
}

static void test_a_stranger_from_elsewhere_ends_nothing(void)
{
	struct bl_engine *engine = kit_engine();
	struct bl_remote remote = {
		.address = "127.0.0.1",
		.port = 9,
		.event_payload_type = 101,
		.rtcp_port = 9,
	};

	two_legs(engine);
	CHECK_EQUAL(BL_OK, bl_leg_remote(engine, 2, &remote));
	CHECK(refuse(engine) >= 1500); /* not before the handshake's 30 s are over */
	bl_engine_free(engine);
}

static void test_arguments(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);
	struct bl_browser browser;
	char crypto[CRYPTO];

	CHECK_EQUAL(BL_EINVAL, bl_crypto_make(0, BL_SUITE_GCM_128, crypto, CRYPTO));
	CHECK_EQUAL(BL_EINVAL, bl_crypto_make(1, 9, crypto, CRYPTO));
	CHECK_EQUAL(BL_EINVAL, bl_crypto_make(1, BL_SUITE_GCM_128, crypto, 10));
	CHECK(bl_crypto_make(1, BL_SUITE_GCM_128, crypto, CRYPTO) > 0);
	CHECK_EQUAL(BL_EINVAL, bl_leg_secure(engine, 1, crypto, "nonsense"));
	CHECK_EQUAL(BL_ENOENT, bl_leg_secure(engine, 9, crypto, crypto));
	CHECK_EQUAL(BL_EINVAL, bl_leg_dtls(engine, 1, 3, "sha-256 AA"));
	CHECK_EQUAL(BL_EINVAL, bl_leg_dtls(engine, 1, BL_SETUP_ACTIVE, "nonsense"));
	CHECK_EQUAL(BL_ESTATE,
		    bl_leg_add_browser(engine, 2, BL_SETUP_PASSIVE, "sha-256 AA", &browser));
	CHECK_EQUAL(BL_EPORT, bl_browser_open(engine, "192.0.2.1", 20000));
	CHECK(bl_browser_open(engine, "127.0.0.1", 0) > 0);
	CHECK_EQUAL(BL_EINVAL,
		    bl_leg_add_browser(engine, 2, BL_SETUP_PASSIVE, "nonsense", &browser));
	CHECK_EQUAL(BL_EINVAL, bl_leg_restart(engine, 1, &browser));
	bl_engine_step(engine, 150);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_both_ways_in_each_suite),
	CHECK_TEST(test_plain_forged_and_replayed_are_refused),
	CHECK_TEST(test_new_keys_leave_no_gap),
	CHECK_TEST(test_dtls_between_two_legs),
	CHECK_TEST(test_a_stranger_gets_no_keys),
	CHECK_TEST(test_a_stranger_from_elsewhere_ends_nothing),
	CHECK_TEST(test_arguments),
};

CHECK_MAIN(tests)
