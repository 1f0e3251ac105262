/* test_comfort.c  Comfort noise (RFC 3389) out of a leg, and into it */
#include <math.h>
#include <sys/socket.h>
#include "check.h"
#include "engine.h"
#include "kit.h"
#include "rtp.h"
#include "voice.h"

enum { NOISE_PT = 13, PHONE = 1, OTHER = 2, HANG = 10, EVERY = 250, CALM = 20 };

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
	struct bl_rtp packet;

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

static const struct check_test tests[] = {
	CHECK_TEST(test_silence_becomes_a_packet_now_and_then),
	CHECK_TEST(test_without_an_agreement_silence_is_sound),
	CHECK_TEST(test_noise_that_comes_has_its_level_and_colour),
};

CHECK_MAIN(tests)
