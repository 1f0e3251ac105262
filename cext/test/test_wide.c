/* test_wide.c  Wide-band legs: what G.722 and Opus carry, and how they meet narrow ones */
#include <stdlib.h>
#include "check.h"
#include "codec.h"
#include "kit.h"

enum { LOUD = -12, TICKS = 60, PAYLOAD = 96, MOST = 3 };

/* A phone that codes for itself: it says a tone and keeps what it hears, at its codec's rate. */
struct wide_phone {
	struct kit_phone *phone;
	struct bl_encoder *encoder;
	struct bl_decoder *decoder;
	struct kit_ear ear;
	double hz;
	int32_t rate, clock;
	size_t said;
};

static void wide_open(struct wide_phone *wide, struct bl_engine *engine, int64_t leg,
		      int32_t codec, int32_t rate, double hz)
{
	struct bl_encoder_config config = {
		.codec = (enum bl_codec)codec,
		.rate = rate,
		.complexity = -1,
	};

	wide->phone = kit_phone(engine, leg, -1);
	wide->hz = hz;
	wide->rate = rate;
	wide->clock = bl_codec_clock(config.codec, rate);
	wide->said = 0;
	kit_ear_init(&wide->ear);
	CHECK_EQUAL(BL_OK, bl_encoder_new(&config, &wide->encoder));
	CHECK_EQUAL(BL_OK, bl_decoder_new(config.codec, rate, &wide->decoder));
	CHECK_EQUAL(BL_OK, kit_agree(engine, leg, wide->phone, PAYLOAD, codec, rate));
}

static void wide_close(struct wide_phone *wide)
{
	bl_encoder_free(wide->encoder);
	bl_decoder_free(wide->decoder);
	kit_phone_free(wide->phone);
}

static void wide_say(struct wide_phone *wide)
{
	int16_t frame[BL_FRAME_MAX];
	uint8_t payload[BL_PAYLOAD_MAX];
	size_t count = (size_t)wide->rate / BL_TICKS_PER_S;
	int size;

	kit_tone_at(wide->rate, wide->hz, LOUD, wide->said, frame, count);
	wide->said += count;
	size = bl_encode(wide->encoder, frame, count, payload, sizeof(payload));
	CHECK(size > 0);
	kit_send(wide->phone, PAYLOAD, payload, (size_t)size);
	wide->phone->seq++;
	wide->phone->timestamp += (uint32_t)wide->clock / BL_TICKS_PER_S;
}

static void talk(struct bl_engine *engine, struct wide_phone *phones, int count)
{
	for (int tick = 0; tick < TICKS; tick++) {
		for (int i = 0; i < count; i++)
			wide_say(&phones[i]);
		bl_engine_step(engine, 1);
		for (int i = 0; i < count; i++)
			kit_ear_listen(&phones[i].ear, phones[i].phone, phones[i].decoder);
	}
}

static double level(const struct wide_phone *ear, const struct wide_phone *mouth)
{
	size_t count = (size_t)ear->rate / 5; /* 200 ms */

	return kit_level_at(ear->rate, ear->ear.pcm + ear->ear.count - count, count, mouth->hz);
}

static void check_pair(int32_t codec_a, int32_t rate_a, int32_t codec_b, int32_t rate_b,
		       double high_hz, bool passes)
{
	struct bl_engine *engine = kit_engine();
	struct wide_phone *phones = calloc(2, sizeof(*phones));

	wide_open(&phones[0], engine, 1, codec_a, rate_a, 500);
	wide_open(&phones[1], engine, 2, codec_b, rate_b, high_hz);
	CHECK_EQUAL(BL_OK, kit_bridge(engine, 1, (int64_t[]){1, 2}, 2));
	talk(engine, phones, 2);
	CHECK_WITHIN(LOUD - 2, LOUD + 2, level(&phones[1], &phones[0]));
	if (passes)
		CHECK_WITHIN(LOUD - 3, LOUD + 2, level(&phones[0], &phones[1]));
	else
		CHECK_WITHIN(-300, LOUD - 35, level(&phones[0], &phones[1]));
	bl_engine_free(engine);
	wide_close(&phones[0]);
	wide_close(&phones[1]);
	free(phones);
}

static void test_two_wide_phones_hear_wide(void)
{
	check_pair(BL_G722, 16000, BL_G722, 16000, 6000, true);
	check_pair(BL_OPUS, 16000, BL_G722, 16000, 6000, true);
	check_pair(BL_OPUS, 48000, BL_G722, 16000, 6000, true);
}

static void test_a_narrow_phone_hears_no_aliases(void)
{
	check_pair(BL_PCMA, 8000, BL_G722, 16000, 6000, false);
	check_pair(BL_PCMU, 8000, BL_OPUS, 16000, 2500, true);
	check_pair(BL_PCMU, 8000, BL_OPUS, 48000, 2500, true);
}

static void test_three_rates_in_one_bridge(void)
{
	struct bl_engine *engine = kit_engine();
	struct wide_phone *phones = calloc(MOST, sizeof(*phones));

	wide_open(&phones[0], engine, 1, BL_PCMU, 8000, 500);
	wide_open(&phones[1], engine, 2, BL_G722, 16000, 1100);
	wide_open(&phones[2], engine, 3, BL_OPUS, 48000, 2300);
	CHECK_EQUAL(BL_OK, kit_bridge(engine, 1, (int64_t[]){1, 2, 3}, 3));
	talk(engine, phones, MOST);
	for (int ear = 0; ear < MOST; ear++) {
		for (int mouth = 0; mouth < MOST; mouth++) {
			double heard = level(&phones[ear], &phones[mouth]);

			if (ear == mouth)
				CHECK_WITHIN(-300, LOUD - 25, heard);
			else
				CHECK_WITHIN(LOUD - 3, LOUD + 2, heard);
		}
	}
	bl_engine_free(engine);
	for (int i = 0; i < MOST; i++)
		wide_close(&phones[i]);
	free(phones);
}

/* Each end chooses the number of what it gets: ours is 96 here, the far end's 111. */
static void test_payload_types_differ_by_direction(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);
	struct bl_remote remote = {
		.address = "127.0.0.1",
		.port = 9,
		.payload_type = 111,
		.payload_type_in = PAYLOAD,
		.codec = BL_L16,
		.event_payload_type = -1,
	};
	struct bl_leg_stats stats;
	int16_t frame[BL_FRAME] = {0};

	CHECK_EQUAL(BL_OK, bl_leg_remote(engine, 1, &remote));
	for (int i = 0; i < 5; i++) {
		kit_send(phone, PAYLOAD, frame, sizeof(frame));
		phone->seq++;
		phone->timestamp += BL_FRAME;
		bl_engine_step(engine, 1);
	}
	CHECK_EQUAL(BL_OK, bl_leg_stats(engine, 1, &stats));
	CHECK_EQUAL(0, stats.unknown);
	CHECK_EQUAL(3, stats.packets_in); /* after the two on probation: SDP named another port */
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static void test_arguments(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);

	CHECK_EQUAL(BL_EINVAL, kit_agree(engine, 1, phone, PAYLOAD, BL_G722, 8000));
	CHECK_EQUAL(BL_EINVAL, kit_agree(engine, 1, phone, PAYLOAD, BL_OPUS, 44100));
	CHECK_EQUAL(BL_EINVAL, kit_agree(engine, 1, phone, PAYLOAD, 77, 0));
	CHECK_EQUAL(BL_OK, kit_agree(engine, 1, phone, PAYLOAD, BL_OPUS, 0));
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_two_wide_phones_hear_wide),
	CHECK_TEST(test_a_narrow_phone_hears_no_aliases),
	CHECK_TEST(test_three_rates_in_one_bridge),
	CHECK_TEST(test_payload_types_differ_by_direction),
	CHECK_TEST(test_arguments),
};

CHECK_MAIN(tests)
