/* test_play_leg.c  Plays as a leg hears them: in order, looped, replaced, freed while they play */
#include <stdlib.h>
#include "check.h"
#include "kit.h"

static int16_t ramp[1000];

static struct bl_prompt *prompt_of(const int16_t *pcm, size_t count)
{
	struct bl_prompt *prompt = NULL;

	CHECK_EQUAL(BL_OK, bl_prompt_new(pcm, count, 8000, &prompt));
	return prompt;
}

static struct bl_play_item tone_item(double hz, int on_ms, int off_ms)
{
	return (struct bl_play_item){
		.tone = {.count = 1,
			 .parts = {{.hz = {hz},
				    .level_dbm0 = {-10.0},
				    .on_ms = on_ms,
				    .off_ms = off_ms}}},
	};
}

static bool ended(struct bl_engine *engine, int64_t play, int why)
{
	struct bl_event event;

	while (bl_engine_poll(engine, &event, 1) == 1) {
		if (event.kind == BL_EVENT_PLAY_ENDED)
			return event.id == play && event.code == why && event.leg == 1;
	}
	return false;
}

/* A prompt of no whole number of frames, a tone, the prompt again: not a sample between them. */
static void test_items_join_without_a_seam(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);
	struct bl_prompt *prompt = prompt_of(ramp, 1000);
	struct bl_play_item items[] = {
		{.prompt = prompt}, tone_item(1000, 100, 0), {.prompt = prompt}};

	CHECK_EQUAL(BL_OK, kit_play(engine, 1, 7, items, 3, false));
	bl_prompt_free(prompt); /* the play keeps it */
	bl_engine_step(engine, 17);
	CHECK(!ended(engine, 7, BL_PLAY_END));
	bl_engine_step(engine, 1); /* 2800 samples are 17.5 frames */
	CHECK(ended(engine, 7, BL_PLAY_END));
	kit_listen(phone);
	/* the first begins and the last ends within 4 ms */
	for (size_t i = 40; i < 960; i++) {
		CHECK_WITHIN(ramp[i] - 260, ramp[i] + 260, phone->heard[i]);
		CHECK_WITHIN(ramp[i] - 260, ramp[i] + 260, phone->heard[1800 + i]);
	}
	CHECK_WITHIN(-10.2, -9.8, kit_level_dbm0(phone->heard + 1000, 800, 1000));
	CHECK_EQUAL(0, phone->heard[2800]);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static void test_end_is_told_with_the_last_frame(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);
	struct bl_prompt *prompt = prompt_of(ramp, 2 * BL_FRAME);

	CHECK_EQUAL(BL_OK,
		    kit_play(engine, 1, 1, &(struct bl_play_item){.prompt = prompt}, 1, false));
	bl_engine_step(engine, 1);
	CHECK(!ended(engine, 1, BL_PLAY_END));
	bl_engine_step(engine, 1);
	CHECK(ended(engine, 1, BL_PLAY_END));
	bl_prompt_free(prompt);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static void test_loop_and_all_ways_to_end(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);
	struct bl_play_item tone = tone_item(400, 100, 100);

	CHECK_EQUAL(BL_OK, kit_play(engine, 1, 1, &tone, 1, true));
	bl_engine_step(engine, 100);
	kit_listen(phone);
	CHECK_WITHIN(-10.3, -9.7, kit_level_dbm0(phone->heard + 9 * 1600, 800, 400));
	CHECK_WITHIN(-300, -60, kit_level_dbm0(phone->heard + 9 * 1600 + 800, 800, 400));
	CHECK_EQUAL(BL_OK, kit_play(engine, 1, 2, &tone, 1, true));
	bl_engine_step(engine, 1);
	CHECK(ended(engine, 1, BL_PLAY_REPLACED));
	CHECK_EQUAL(BL_OK, bl_play_stop(engine, 1, 0));
	bl_engine_step(engine, 1);
	CHECK(ended(engine, 2, BL_PLAY_STOPPED));
	CHECK_EQUAL(BL_OK, kit_play(engine, 1, 3, &tone, 1, true));
	CHECK_EQUAL(BL_OK, kit_bridge(engine, 1, (int64_t[]){1}, 1));
	bl_engine_step(engine, 1);
	CHECK(ended(engine, 3, BL_PLAY_BRIDGED));
	CHECK_EQUAL(BL_OK, kit_play(engine, 1, 4, &tone, 1, true));
	CHECK_EQUAL(BL_OK, bl_leg_remove(engine, 1));
	bl_engine_step(engine, 1);
	CHECK(ended(engine, 4, BL_PLAY_REMOVED));
	bl_engine_free(engine);
	kit_phone_free(phone);
}

/* A whisper: the leg hears the play, its bridge goes on hearing the leg. */
static void test_play_into_a_bridge(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phones[] = {kit_phone(engine, 1, -1), kit_phone(engine, 2, -1)};
	struct bl_play_item tone = tone_item(400, 2000, 0);

	kit_bridge(engine, 1, (int64_t[]){1, 2}, 2);
	bl_engine_step(engine, 1);
	CHECK_EQUAL(BL_OK, kit_play(engine, 1, 1, &tone, 1, false));
	for (int tick = 0; tick < 30; tick++) {
		int16_t frame[BL_FRAME];

		kit_tone(620, -10.0, (size_t)tick * BL_FRAME, frame, BL_FRAME);
		kit_say(phones[0], frame, BL_FRAME);
		bl_engine_step(engine, 1);
		kit_listen(phones[0]);
		kit_listen(phones[1]);
	}
	CHECK_WITHIN(-10.3, -9.7, kit_level_dbm0(phones[0]->heard + 1600, 1600, 400));
	CHECK_WITHIN(-10.3, -9.7, kit_level_dbm0(phones[1]->heard + 1600, 1600, 620));
	CHECK_WITHIN(-300, -60, kit_level_dbm0(phones[1]->heard + 1600, 1600, 400));
	bl_engine_free(engine);
	kit_phone_free(phones[0]);
	kit_phone_free(phones[1]);
}

static void test_arguments(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);
	struct bl_play_item nothing = tone_item(400, 0, 0), high = tone_item(4000, 100, 0),
			    tone = tone_item(400, 100, 0);
	struct bl_prompt *prompt = NULL;

	CHECK_EQUAL(BL_EINVAL, bl_prompt_new(ramp, 0, 8000, &prompt));
	CHECK_EQUAL(BL_EINVAL, kit_play(engine, 1, 1, &nothing, 1, true));
	CHECK_EQUAL(BL_EINVAL, kit_play(engine, 1, 1, &high, 1, true));
	CHECK_EQUAL(BL_EINVAL, kit_play(engine, 1, 1, &tone, 0, true));
	CHECK_EQUAL(BL_ENOENT, kit_play(engine, 2, 1, &tone, 1, true));
	bl_engine_free(engine);
	kit_phone_free(phone);
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_items_join_without_a_seam),
		CHECK_TEST(test_end_is_told_with_the_last_frame),
		CHECK_TEST(test_loop_and_all_ways_to_end),
		CHECK_TEST(test_play_into_a_bridge),
		CHECK_TEST(test_arguments),
	};

	for (int i = 0; i < 1000; i++)
		ramp[i] = (int16_t)(i * 8 - 4000);
	return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
