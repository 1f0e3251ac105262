/* test_bridge.c  Who hears what: two phones, many, none; held and removed */
#include <stdlib.h>
#include "check.h"
#include "kit.h"

enum { MANY = 50, LOUD = -10 };

static double hz_of(int i)
{
	return 300.0 + 50.0 * i; /* whole periods in the 4000 samples that are looked at */
}

static void say_tones(struct kit_phone **phones, int count, int ticks, struct bl_engine *engine,
		      double level_dbm0)
{
	for (int tick = 0; tick < ticks; tick++) {
		for (int i = 0; i < count; i++) {
			int16_t frame[BL_FRAME];

			kit_tone(hz_of(i), level_dbm0, (size_t)tick * BL_FRAME, frame, BL_FRAME);
			kit_say(phones[i], frame, BL_FRAME);
		}
		bl_engine_step(engine, 1);
		for (int i = 0; i < count; i++)
			kit_listen(phones[i]);
	}
}

static void add_phones(struct bl_engine *engine, struct kit_phone **phones, int count)
{
	for (int i = 0; i < count; i++)
		phones[i] = kit_phone(engine, i + 1, -1);
}

static void bridge_all(struct bl_engine *engine, int count)
{
	int64_t ids[MANY];

	for (int i = 0; i < count; i++)
		ids[i] = i + 1;
	CHECK_EQUAL(BL_OK, kit_bridge(engine, 1, ids, count));
}

static void free_all(struct bl_engine *engine, struct kit_phone **phones, int count)
{
	bl_engine_free(engine);
	for (int i = 0; i < count; i++)
		kit_phone_free(phones[i]);
}

/* [samples] by which what is heard from frame 10 on comes later than it was said. */
static int best_delay(const int16_t *heard, double hz)
{
	int64_t least = INT64_MAX;
	int best = -1;

	for (int late = 0; late <= 4 * BL_FRAME; late++) {
		int64_t apart = 0;

		for (int i = 0; i < 400; i++) {
			int16_t pcm;

			kit_tone(hz, LOUD, (size_t)(10 * BL_FRAME + i - late), &pcm, 1);
			apart += abs(pcm - heard[i]);
		}
		if (apart < least) {
			least = apart;
			best = late;
		}
	}
	return best;
}

/* G.711 decoded and coded again is the same code: between two phones nothing may change. */
static void test_two_phones_bit_for_bit(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phones[2];
	const int16_t *heard;
	int late;

	add_phones(engine, phones, 2);
	bridge_all(engine, 2);
	say_tones(phones, 2, 60, engine, LOUD);
	CHECK_EQUAL(60 * BL_FRAME, phones[0]->heard_count);
	heard = phones[0]->heard + 10 * BL_FRAME;
	CHECK_WITHIN(LOUD - 0.2, LOUD + 0.2, kit_level_dbm0(heard, 4000, hz_of(1)));
	CHECK_WITHIN(-300, -60, kit_level_dbm0(heard, 4000, hz_of(0)));
	late = best_delay(heard, hz_of(1));
	CHECK_WITHIN(0, 2 * BL_FRAME, late); /* the jitter buffer of a network without jitter */
	/* what is left is G.711's own noise, about 38 dB below */
	CHECK_WITHIN(-300, -36, kit_rest_db(heard, 4000, hz_of(1)));
	for (int i = 0; i < 4000; i++) {
		int16_t pcm;

		kit_tone(hz_of(1), LOUD, (size_t)(10 * BL_FRAME + i - late), &pcm, 1);
		if (abs(pcm - heard[i]) > abs(pcm) / 32 + 8)
			CHECK_WITHIN(pcm - abs(pcm) / 32 - 8, pcm + abs(pcm) / 32 + 8, heard[i]);
	}
	free_all(engine, phones, 2);
}

static void all_but_own(int count, double level_dbm0)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phones[MANY];

	add_phones(engine, phones, count);
	bridge_all(engine, count);
	say_tones(phones, count, 40, engine, level_dbm0);
	for (int i = 0; i < count; i++) {
		for (int k = 0; k < count; k++) {
			double level =
				kit_level_dbm0(phones[i]->heard + 10 * BL_FRAME, 4000, hz_of(k));

			if (k == i)
				CHECK_WITHIN(-300, level_dbm0 - 20, level);
			else
				CHECK_WITHIN(level_dbm0 - 1.0, level_dbm0 + 1.0, level);
		}
	}
	free_all(engine, phones, count);
}

static void test_three_and_fifty(void)
{
	all_but_own(3, LOUD);
	all_but_own(MANY, -34);
}

static void test_too_loud_saturates(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phones[4];
	int most = 0;

	add_phones(engine, phones, 4);
	bridge_all(engine, 4);
	say_tones(phones, 4, 30, engine, 3.0);
	for (size_t i = 10 * BL_FRAME; i < phones[0]->heard_count; i++)
		most = abs(phones[0]->heard[i]) > most ? abs(phones[0]->heard[i]) : most;
	CHECK_EQUAL(32124, most); /* µ-law's last value, and no wrap-around */
	free_all(engine, phones, 4);
}

static double hears(struct kit_phone *phone, double hz)
{
	return kit_level_dbm0(phone->heard + phone->heard_count - 1600, 1600, hz);
}

static void test_leaving_moving_and_holding(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phones[3];

	add_phones(engine, phones, 3);
	say_tones(phones, 3, 20, engine, LOUD);
	CHECK_WITHIN(-300, -60, hears(phones[0], hz_of(1))); /* no bridge: silence */
	bridge_all(engine, 3);
	say_tones(phones, 3, 20, engine, LOUD);
	CHECK_WITHIN(LOUD - 1, LOUD + 1, hears(phones[0], hz_of(1)));
	CHECK_EQUAL(BL_OK, kit_bridge(engine, 1, (int64_t[]){1, 3}, 2)); /* 2 is out */
	say_tones(phones, 3, 20, engine, LOUD);
	CHECK_WITHIN(-300, -60, hears(phones[0], hz_of(1)));
	CHECK_WITHIN(-300, -60, hears(phones[1], hz_of(0)));
	CHECK_EQUAL(BL_OK, kit_bridge(engine, 2, (int64_t[]){2, 3}, 2)); /* 3 moves */
	say_tones(phones, 3, 20, engine, LOUD);
	CHECK_WITHIN(LOUD - 1, LOUD + 1, hears(phones[2], hz_of(1)));
	CHECK_WITHIN(-300, -60, hears(phones[0], hz_of(2)));
	CHECK_EQUAL(BL_OK, bl_leg_flow(engine, 2, true, false)); /* 2 may not be heard */
	say_tones(phones, 3, 20, engine, LOUD);
	CHECK_WITHIN(-300, -60, hears(phones[2], hz_of(1)));
	CHECK_WITHIN(LOUD - 1, LOUD + 1, hears(phones[1], hz_of(2)));
	CHECK_EQUAL(BL_OK, bl_leg_remove(engine, 2));
	CHECK_EQUAL(BL_OK, bl_unbridge(engine, 1));
	bl_engine_step(engine, 150);				  /* its port has rested */
	CHECK_EQUAL(0, kit_count_events(engine, BL_EVENT_DIGIT)); /* and it is freed */
	say_tones(phones, 3, 20, engine, LOUD);
	CHECK_EQUAL(BL_ENOENT, bl_unbridge(engine, 1));
	free_all(engine, phones, 3);
}

static void test_arguments(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phones[1];

	add_phones(engine, phones, 1);
	CHECK_EQUAL(BL_EINVAL, kit_bridge(engine, 1, (int64_t[]){1, 1}, 2));
	CHECK_EQUAL(BL_ENOENT, kit_bridge(engine, 1, (int64_t[]){1, 2}, 2));
	CHECK_EQUAL(BL_EINVAL, bl_bridge(engine, 1, NULL, 2));
	CHECK_EQUAL(BL_EINVAL, kit_bridge(engine, 1, (int64_t[]){1}, 0));
	CHECK_EQUAL(BL_EEXIST, bl_leg_add_rtp(engine, 1, "127.0.0.1", 0, 0));
	CHECK_EQUAL(BL_EINVAL, bl_leg_add_rtp(engine, 2, "localhost", 0, 0));
	CHECK_EQUAL(BL_EINVAL, bl_leg_add_rtp(engine, 2, "127.0.0.1", 100, 90));
	CHECK_EQUAL(BL_EINVAL, bl_leg_add_rtp(engine, 2, "127.0.0.1", 101, 101));
	CHECK_EQUAL(BL_EPORT, bl_leg_add_rtp(engine, 2, "192.0.2.1", 20000, 20002));
	free_all(engine, phones, 1);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_two_phones_bit_for_bit),
	CHECK_TEST(test_three_and_fifty),
	CHECK_TEST(test_too_loud_saturates),
	CHECK_TEST(test_leaving_moving_and_holding),
	CHECK_TEST(test_arguments),
};

CHECK_MAIN(tests)
