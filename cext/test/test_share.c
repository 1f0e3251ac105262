/* test_share.c  Who hears the same gets the same payload, coded once */
#include <stdlib.h>
#include "check.h"
#include "codec.h"
#include "kit.h"

enum { LISTENERS = 8, TALKER = 1, LOUD = -12, HZ = 700, PAYLOAD = 96 };

struct hall {
	struct bl_engine *engine;
	struct kit_phone *phones[LISTENERS + 2]; /* by leg */
	struct kit_ear ears[LISTENERS + 2];
	struct bl_decoder *decoders[LISTENERS + 2];
	size_t said;
};

static struct hall *open_hall(int32_t role)
{
	struct hall *hall = calloc(1, sizeof(*hall));
	struct bl_member members[LISTENERS + 1] = {{.leg = TALKER}};

	hall->engine = kit_engine();
	hall->phones[TALKER] = kit_phone(hall->engine, TALKER, -1);
	for (int leg = 2; leg < LISTENERS + 2; leg++) {
		hall->phones[leg] = kit_phone(hall->engine, leg, -1);
		CHECK_EQUAL(BL_OK, kit_agree(hall->engine, leg, hall->phones[leg], PAYLOAD,
					     BL_OPUS, 16000));
		CHECK_EQUAL(BL_OK, bl_decoder_new(BL_OPUS, 16000, &hall->decoders[leg]));
		members[leg - 1] = (struct bl_member){.leg = leg, .role = role};
	}
	CHECK_EQUAL(BL_OK, bl_bridge(hall->engine, 1, members, LISTENERS + 1));
	return hall;
}

static void close_hall(struct hall *hall)
{
	bl_engine_free(hall->engine);
	for (int leg = 1; leg < LISTENERS + 2; leg++) {
		kit_phone_free(hall->phones[leg]);
		bl_decoder_free(hall->decoders[leg]);
	}
	free(hall);
}

/* Returns how many payloads were made. */
static uint64_t talk(struct hall *hall, int ticks)
{
	struct bl_engine_stats before, after;

	bl_engine_stats(hall->engine, &before);
	for (int tick = 0; tick < ticks; tick++, hall->said += BL_FRAME) {
		int16_t frame[BL_FRAME];

		kit_tone(HZ, LOUD, hall->said, frame, BL_FRAME);
		kit_say(hall->phones[TALKER], frame, BL_FRAME);
		bl_engine_step(hall->engine, 1);
		for (int leg = 2; leg < LISTENERS + 2; leg++)
			kit_ear_listen(&hall->ears[leg], hall->phones[leg], hall->decoders[leg]);
	}
	bl_engine_stats(hall->engine, &after);
	return after.encodes - before.encodes;
}

static void check_all_hear(struct hall *hall)
{
	for (int leg = 2; leg < LISTENERS + 2; leg++) {
		struct kit_ear *ear = &hall->ears[leg];

		CHECK_WITHIN(LOUD - 2, LOUD + 2,
			     kit_level_at(16000, ear->pcm + ear->count - 3200, 3200, HZ));
	}
}

static void test_listeners_share_one_encode(void)
{
	struct hall *hall = open_hall(BL_ROLE_LISTEN);

	CHECK_EQUAL(50 * 2, talk(hall, 50)); /* the talker's, and one for all the others */
	check_all_hear(hall);
	CHECK_EQUAL(BL_OK, bl_leg_gain(hall->engine, 5, 0.0, -6.0)); /* one hears otherwise */
	CHECK_EQUAL(50 * 3, talk(hall, 50));
	CHECK_WITHIN(
		LOUD - 8, LOUD - 4,
		kit_level_at(16000, hall->ears[5].pcm + hall->ears[5].count - 3200, 3200, HZ));
	CHECK_EQUAL(BL_OK, bl_leg_remove(hall->engine, 2)); /* who coded for all */
	CHECK_EQUAL(50 * 3, talk(hall, 50));
	hall->ears[2] = hall->ears[3];
	CHECK_EQUAL(BL_OK, bl_leg_gain(hall->engine, 5, 0.0, 0.0));
	talk(hall, 1); /* the gain goes back within a frame */
	CHECK_EQUAL(50 * 2, talk(hall, 50));
	check_all_hear(hall);
	close_hall(hall);
}

static void test_the_silent_share_too_until_they_talk(void)
{
	struct hall *hall = open_hall(BL_ROLE_TALK);
	int16_t frame[320];
	uint8_t payload[BL_PAYLOAD_MAX];
	struct bl_encoder_config config = {.codec = BL_OPUS, .rate = 16000, .complexity = -1};
	struct bl_encoder *encoder;
	uint64_t made;

	talk(hall, 60);
	CHECK_EQUAL(50 * 2, talk(hall, 50));
	check_all_hear(hall);
	CHECK_EQUAL(BL_OK, bl_encoder_new(&config, &encoder));
	made = 0;
	for (int tick = 0; tick < 20; tick++) {
		int size;

		kit_tone_at(16000, 1900, LOUD, (size_t)tick * 320, frame, 320);
		size = bl_encode(encoder, frame, 320, payload, sizeof(payload));
		kit_send(hall->phones[4], PAYLOAD, payload, (size_t)size);
		hall->phones[4]->seq++;
		hall->phones[4]->timestamp += 960;
		made = talk(hall, 1);
	}
	CHECK_EQUAL(3, made);
	check_all_hear(hall);
	for (int leg = 2; leg < LISTENERS + 2; leg++) {
		struct kit_ear *ear = &hall->ears[leg];
		double level = kit_level_at(16000, ear->pcm + ear->count - 1600, 1600, 1900);

		if (leg == 4)
			CHECK_WITHIN(-300, LOUD - 20, level);
		else
			CHECK_WITHIN(LOUD - 3, LOUD + 2, level);
	}
	bl_encoder_free(encoder);
	close_hall(hall);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_listeners_share_one_encode),
	CHECK_TEST(test_the_silent_share_too_until_they_talk),
};

CHECK_MAIN(tests)
