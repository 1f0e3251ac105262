/* test_comfort.c  Comfort noise (RFC 3389) out of a leg, and into it */
#include <math.h>
#include <sys/socket.h>
#include "check.h"
#include "engine.h"
#include "kit.h"
#include "power.h"
#include "rtcp.h"
#include "rtp.h"

enum { NOISE_PT = 13, WIDE_PT = 97, PHONE = 1, OTHER = 2, HANG = 10, EVERY = 250, CALM = 20 };

static void agree_noise(struct bl_engine *engine, const struct kit_phone *phone, int32_t noise)
{
	union bl_address at;
	socklen_t size = sizeof(at);
	struct bl_remote remote = {
		.address = "127.0.0.1",
		.codec = BL_PCMU,
		.event_payload_type = -1,
		.cn_payload_type = noise,
	};

	CHECK(!getsockname(phone->fd, &at.any, &size));
	remote.port = bl_address_port(&at);
	CHECK_EQUAL(BL_OK, bl_leg_remote(engine, PHONE, &remote));
}

/* One tick; the packet that came of it. */
static bool packet_of_tick(struct bl_engine *engine, const struct kit_phone *phone,
			   struct bl_rtp *out)
{
	static uint8_t data[2048];
	ssize_t size;

	bl_engine_step(engine, 1);
	size = recv(phone->fd, data, sizeof(data), 0);
	return size > 0 && bl_rtp_parse(data, (size_t)size, out) == BL_OK;
}

static void test_silence_becomes_a_packet_now_and_then(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, PHONE, -1);
	struct bl_play_item tone = {.tone = {.count = 1, .parts = {{{440}, {-10}, 0, 200, 0}}}};
	struct bl_rtp packet;
	int sound = 0, noise = 0;
	uint32_t begin = 0;

	agree_noise(engine, phone, NOISE_PT);
	for (int tick = 0; tick < HANG + EVERY + 1; tick++) {
		if (!packet_of_tick(engine, phone, &packet))
			continue;
		if (packet.payload_type == NOISE_PT) {
			CHECK_EQUAL(1, packet.length);
			CHECK_EQUAL(127, packet.payload[0]);
			CHECK(tick == HANG || tick == HANG + EVERY);
			noise++;
		} else {
			begin = sound++ ? begin : packet.timestamp;
		}
	}
	CHECK_EQUAL(HANG, sound);
	CHECK_EQUAL(2, noise);
	CHECK_EQUAL(BL_OK, kit_play(engine, PHONE, 1, &tone, 1, false));
	CHECK(packet_of_tick(engine, phone, &packet));
	CHECK_EQUAL(0, packet.payload_type);
	CHECK(packet.marker);
	CHECK_EQUAL((HANG + EVERY + 1) * BL_FRAME, packet.timestamp - begin);
	CHECK(packet_of_tick(engine, phone, &packet));
	CHECK(!packet.marker);
	kit_phone_free(phone);
	bl_engine_free(engine);
}

static void test_without_an_agreement_silence_is_sound(void)
{
	static const int32_t none[] = {0, -1};
	struct bl_rtp packet = {0};

	for (int i = 0; i < 2; i++) {
		struct bl_engine *engine = kit_engine();
		struct kit_phone *phone = kit_phone(engine, PHONE, -1);

		agree_noise(engine, phone, none[i]);
		for (int tick = 0; tick < 2 * HANG; tick++) {
			CHECK(packet_of_tick(engine, phone, &packet));
			CHECK_EQUAL(0, packet.payload_type);
		}
		kit_phone_free(phone);
		bl_engine_free(engine);
	}
}

/* How alike neighbouring samples are: 1 deep, -1 high. */
static double likeness(const int16_t *pcm, size_t count)
{
	double same = 0.0, all = 1e-9;

	for (size_t i = 1; i < count; i++) {
		same += (double)pcm[i] * pcm[i - 1];
		all += (double)pcm[i] * pcm[i];
	}
	return same / all;
}

/* The reflection coefficient k1 is -likeness (RFC 3389 §3.2: 127 is 0, 254 nearly 1). */
static void test_noise_that_comes_has_its_level_and_colour(void)
{
	static const struct {
		uint8_t payload[2];
		size_t size;
		double least, most;
	} noises[] = {
		{{50, 0}, 1, -0.4, 0.4},
		{{50, 27}, 2, 0.65, 0.9},
		{{50, 227}, 2, -0.9, -0.65},
	};

	for (int i = 0; i < 3; i++) {
		struct bl_engine *engine = kit_engine();
		struct kit_phone *phone = kit_phone(engine, PHONE, -1);
		struct kit_phone *other = kit_phone(engine, OTHER, -1);
		int64_t legs[] = {PHONE, OTHER};
		int16_t silence[BL_FRAME] = {0};

		CHECK_EQUAL(BL_OK, kit_bridge(engine, 1, legs, 2));
		kit_say(phone, silence, BL_FRAME);
		bl_engine_step(engine, 1);
		kit_send(phone, NOISE_PT, noises[i].payload, noises[i].size);
		bl_engine_step(engine, CALM);
		kit_listen(other);
		other->heard_count = 0;
		bl_engine_step(engine, 50);
		kit_listen(other);
		CHECK_WITHIN(-46, -41, bl_power_dbm0(bl_power(other->heard, 8000)));
		CHECK_WITHIN(noises[i].least, noises[i].most, likeness(other->heard, 8000));
		kit_phone_free(other);
		kit_phone_free(phone);
		bl_engine_free(engine);
	}
}

static struct bl_leg_stats stats_of(struct bl_engine *engine, int64_t leg)
{
	struct bl_leg_stats stats = {0};

	CHECK_EQUAL(BL_OK, bl_leg_stats(engine, leg, &stats));
	return stats;
}

static void pause_with(struct kit_phone *phone, uint8_t level)
{
	kit_send(phone, NOISE_PT, &level, 1);
	phone->seq++;
}

/* A level at which nobody would hear words is not believed; not in any form. */
static void test_noise_is_no_burst(void)
{
	static const uint8_t payloads[][3] = {{0, 127, 127}, {0x80, 0, 255}, {10, 255, 0}};

	for (size_t i = 0; i < 2 * sizeof(payloads) / sizeof(payloads[0]); i++) {
		struct bl_engine *engine = kit_engine();
		struct kit_phone *phone = kit_phone(engine, PHONE, -1);
		struct kit_phone *other = kit_phone(engine, OTHER, -1);
		int64_t legs[] = {PHONE, OTHER};
		int16_t silence[BL_FRAME] = {0};

		CHECK_EQUAL(BL_OK, kit_bridge(engine, 1, legs, 2));
		kit_say(phone, silence, BL_FRAME);
		bl_engine_step(engine, 1);
		kit_send(phone, NOISE_PT, payloads[i / 2], 1 + 2 * (i % 2));
		bl_engine_step(engine, 50);
		kit_listen(other);
		for (size_t at = 0; at + BL_FRAME <= other->heard_count; at += BL_FRAME)
			CHECK_WITHIN(-200, -12,
				     bl_power_dbm0(bl_power(other->heard + at, BL_FRAME)));
		if (i % 2 == 0)
			CHECK_WITHIN(-22, -18, bl_power_dbm0(bl_power(other->heard + 4000, 4000)));
		kit_phone_free(other);
		kit_phone_free(phone);
		bl_engine_free(engine);
	}
}

/* Speech, pauses of noise, speech: no frame of the pauses is anything but their noise. */
static void test_pauses_between_words(void)
{
	enum { SPURT = 25, PAUSE = 50, ROUNDS = 4 };
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, PHONE, -1);
	struct kit_phone *other = kit_phone(engine, OTHER, -1);
	int64_t legs[] = {PHONE, OTHER};
	uint8_t level = 60;
	int16_t tone[BL_FRAME];
	int loud = 0, calm = 0;

	CHECK_EQUAL(BL_OK, kit_bridge(engine, 1, legs, 2));
	kit_tone(400, -10, 0, tone, BL_FRAME);
	for (int n = 0; n < ROUNDS * (SPURT + PAUSE); n++) {
		int at = n % (SPURT + PAUSE);

		if (at < SPURT) {
			kit_say(phone, tone, BL_FRAME);
		} else {
			if (at % SPURT == 0)
				pause_with(phone, level);
			phone->timestamp += BL_FRAME;
		}
		bl_engine_step(engine, 1);
	}
	kit_listen(other);
	for (size_t at = 8000; at + BL_FRAME <= other->heard_count; at += BL_FRAME) {
		float heard = bl_power_dbm0(bl_power(other->heard + at, BL_FRAME));

		loud += heard > -12 && heard < -8;
		calm += heard > -57 && heard < -51; /* 6.15 - 60 dBm0 */
	}
	/* of each spurt two frames may be cut by its edges */
	CHECK_WITHIN((ROUNDS - 1) * (SPURT - 2), (ROUNDS - 1) * SPURT, loud);
	CHECK((int)(other->heard_count - 8000) / BL_FRAME - loud - calm <= 2 * ROUNDS);
	CHECK_EQUAL(0, stats_of(engine, PHONE).malformed);
	CHECK_EQUAL(0, stats_of(engine, PHONE).unknown);
	kit_phone_free(other);
	kit_phone_free(phone);
	bl_engine_free(engine);
}

static void report(struct kit_phone *phone)
{
	struct bl_rtcp rtcp = {.ssrc = phone->ssrc};
	uint8_t packet[256];
	int size = bl_rtcp_build(&rtcp, packet, sizeof(packet));

	CHECK(size > 0);
	kit_send_raw(phone, packet, (size_t)size);
}

/* Who has said that he pauses is there as long as his reports come; who has not is not. */
static void test_reports_keep_a_pause_alive(void)
{
	enum { TIMEOUT_MS = 1000, EACH = 40 };

	for (int pauses = 0; pauses < 2; pauses++) {
		struct bl_engine *engine = kit_engine();
		struct kit_phone *phone = kit_phone(engine, PHONE, -1);
		int16_t silence[BL_FRAME] = {0};
		uint8_t level = 60;

		CHECK_EQUAL(BL_OK, bl_leg_silence(engine, PHONE, TIMEOUT_MS));
		kit_say(phone, silence, BL_FRAME);
		bl_engine_step(engine, 1);
		if (pauses)
			kit_send(phone, NOISE_PT, &level, 1);
		for (int n = 0; n < 4; n++) {
			report(phone);
			bl_engine_step(engine, EACH);
		}
		CHECK_EQUAL(!pauses, kit_count_events(engine, BL_EVENT_MEDIA_SILENT));
		bl_engine_step(engine, TIMEOUT_MS / 20);
		CHECK_EQUAL(pauses, kit_count_events(engine, BL_EVENT_MEDIA_SILENT));
		kit_phone_free(phone);
		bl_engine_free(engine);
	}
}

/* The coefficients are at the clock's rate: L16 at 16 kHz has noise of that band. */
static void test_wide_noise_has_its_colour(void)
{
	static const uint8_t payloads[][2] = {{50, 27}, {50, 227}};
	static const double least[] = {0.65, -0.9}, most[] = {0.9, -0.65};

	for (int i = 0; i < 2; i++) {
		struct bl_engine *engine = kit_engine();
		struct kit_phone *phone = kit_phone(engine, PHONE, -1);
		struct kit_phone *other = kit_phone(engine, OTHER, -1);
		int64_t legs[] = {PHONE, OTHER};
		static struct kit_ear ear;
		struct bl_decoder *decoder = NULL;
		uint8_t silence[640] = {0};

		CHECK_EQUAL(BL_OK, kit_agree(engine, PHONE, phone, WIDE_PT, BL_L16, 16000));
		CHECK_EQUAL(BL_OK, kit_agree(engine, OTHER, other, WIDE_PT, BL_L16, 16000));
		CHECK_EQUAL(BL_OK, bl_decoder_new(BL_L16, 16000, &decoder));
		CHECK_EQUAL(BL_OK, kit_bridge(engine, 1, legs, 2));
		kit_send(phone, WIDE_PT, silence, sizeof(silence));
		phone->seq++;
		bl_engine_step(engine, 1);
		kit_send(phone, NOISE_PT, payloads[i], sizeof(payloads[i]));
		bl_engine_step(engine, CALM);
		kit_ear_init(&ear);
		kit_ear_listen(&ear, other, decoder);
		kit_ear_init(&ear);
		bl_engine_step(engine, 50);
		kit_ear_listen(&ear, other, decoder);
		CHECK_WITHIN(least[i], most[i], likeness(ear.pcm, 16000));
		bl_decoder_free(decoder);
		kit_phone_free(other);
		kit_phone_free(phone);
		bl_engine_free(engine);
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_silence_becomes_a_packet_now_and_then),
	CHECK_TEST(test_without_an_agreement_silence_is_sound),
	CHECK_TEST(test_noise_that_comes_has_its_level_and_colour),
	CHECK_TEST(test_noise_is_no_burst),
	CHECK_TEST(test_pauses_between_words),
	CHECK_TEST(test_reports_keep_a_pause_alive),
	CHECK_TEST(test_wide_noise_has_its_colour),
};

CHECK_MAIN(tests)
