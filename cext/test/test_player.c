/* test_player.c  The queue of plays: no clicks, no seams, all ways to begin, jump and end */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "kit.h"
#include "player.h"

enum { LONGEST = 48000 * 4, LOUD = 12000 };

static const int32_t rates[] = {8000, 16000, 48000};
static int16_t out[LONGEST];

/* A prompt of one value: every jump in what is heard is the player's own. */
static struct bl_prompt *level_prompt(int16_t value, int ms, int32_t rate)
{
	static int16_t pcm[LONGEST];
	struct bl_prompt *prompt = NULL;
	size_t count = (size_t)rate / 1000 * (size_t)ms;

	for (size_t i = 0; i < count; i++)
		pcm[i] = value;
	CHECK_EQUAL(BL_OK, bl_prompt_new(pcm, count, rate, &prompt));
	return prompt;
}

static struct bl_play *play_of(int64_t id, const struct bl_play_spec *spec, int32_t rate)
{
	struct bl_play *play = NULL;

	CHECK_EQUAL(BL_OK, bl_play_new(id, spec, rate, &play));
	return play;
}

/* A play of one level prompt; the play keeps it. */
static struct bl_play *level_play(int64_t id, int16_t value, int ms, struct bl_play_spec spec)
{
	struct bl_play_item item = {.prompt = level_prompt(value, ms, 8000)};
	struct bl_play *play;

	spec.items = &item;
	spec.count = 1;
	play = play_of(id, &spec, 8000);
	bl_prompt_free(item.prompt);
	return play;
}

static void run_over(struct bl_player *player, int32_t rate, int frames, int16_t *to,
		     int16_t bridge)
{
	size_t count = (size_t)rate / BL_TICKS_PER_S;

	for (int k = 0; k < frames; k++, to += count) {
		for (size_t i = 0; i < count; i++)
			to[i] = bridge;
		bl_player_frame(player, rate, to);
	}
}

static void run(struct bl_player *player, int frames, int16_t *to)
{
	run_over(player, 8000, frames, to, 0);
}

static bool ended(struct bl_player *player, int64_t id, int32_t why, uint64_t position_ms)
{
	struct bl_play *play = bl_player_ended(player);
	bool good = play && play->id == id && play->why == why &&
		    bl_play_position_ms(play) == position_ms;

	if (play && !good)
		printf("play %lld: why %d, at %llu ms\n", (long long)play->id, play->why,
		       (unsigned long long)bl_play_position_ms(play));
	if (play)
		bl_play_release(NULL, &play->node);
	return good;
}

static void clear(struct bl_player *player)
{
	struct bl_play *play;

	bl_player_stop(player, BL_PLAY_STOPPED);
	while ((play = bl_player_ended(player)))
		bl_play_release(NULL, &play->node);
}

/* The largest step from sample to sample; before: the one that came before them. */
static int steepest(int before, const int16_t *pcm, size_t count)
{
	int most = 0;

	for (size_t i = 0; i < count; before = pcm[i++])
		most = abs(pcm[i] - before) > most ? abs(pcm[i] - before) : most;
	return most;
}

/* Each of these at a moment when the sound is far from zero, at each rate. */
static void test_nothing_clicks(void)
{
	for (int r = 0; r < 3; r++) {
		int32_t rate = rates[r];
		size_t frame = (size_t)rate / BL_TICKS_PER_S;
		struct bl_player player = {0};
		struct bl_play_item item = {.prompt = level_prompt(LOUD, 2000, rate)};
		struct bl_play_spec spec = {.items = &item, .count = 1};
		int16_t *to = out;

		run_over(&player, rate, 1, to, -LOUD / 2);
		for (int step = 0; step < 8; step++) {
			to += frame;
			if (step == 0 || step == 5)
				bl_player_add(&player, play_of(step, &spec, rate));
			else if (step == 1)
				bl_player_seek(&player, 1000);
			else if (step == 2 || step == 3)
				bl_player_pause(&player, step == 2);
			else if (step == 4)
				bl_player_gain(&player, 0.25F);
			else if (step == 6)
				bl_player_stop(&player, BL_PLAY_STOPPED);
			run_over(&player, rate, 1, to, -LOUD / 2);
		}
		/* the most: 4 ms of fading in and the bridge out at once, three parts of them */
		CHECK_WITHIN(1, 2.6 * LOUD * BL_RAMPS_PER_S / rate,
			     steepest(-LOUD / 2, out + frame, 8 * frame));
		CHECK_WITHIN(LOUD - 2, LOUD, out[2 * frame - 1]); /* the bridge is away */
		CHECK_EQUAL(0, out[4 * frame - 1]);		  /* paused */
		CHECK_WITHIN(LOUD / 4 - 2, LOUD / 4 + 2, out[6 * frame - 1]);
		CHECK_EQUAL(-LOUD / 2, out[9 * frame - 1]); /* the bridge is back */
		clear(&player);
		bl_prompt_free(item.prompt);
	}
}

/* By itself too: a prompt that ends loud falls within its last 4 ms. */
static void test_an_end_falls(void)
{
	struct bl_player player = {0};

	bl_player_add(&player, level_play(1, LOUD, 50, (struct bl_play_spec){0}));
	run(&player, 4, out);
	CHECK_WITHIN(1, LOUD / 32 + 1, steepest(0, out, 640));
	CHECK_EQUAL(LOUD, out[50 * 8 - 33]);
	CHECK_EQUAL(0, out[50 * 8]);
	CHECK(ended(&player, 1, BL_PLAY_END, 50));
	CHECK(!bl_player_frame(&player, 8000, out));
}

/* Prompts of no whole number of frames and a tone: not a sample between them, and a pause. */
static void test_items_join_without_a_seam(void)
{
	static int16_t ramp[1000];
	struct bl_player player = {0};
	struct bl_prompt *prompt = NULL;
	struct bl_play_item items[] = {
		{0},
		{.tone = {.count = 1,
			  .parts = {{.hz = {1000}, .level_dbm0 = {-10}, .on_ms = 100}}}},
		{.tone = {.count = 1, .parts = {{.off_ms = 50}}}}, /* no frequency: a pause */
		{0},
	};

	for (int i = 0; i < 1000; i++)
		ramp[i] = (int16_t)(i * 8 - 4000);
	bl_prompt_new(ramp, 1000, 8000, &prompt);
	items[0].prompt = items[3].prompt = prompt;
	bl_player_add(&player,
		      play_of(1, &(struct bl_play_spec){.items = items, .count = 4}, 8000));
	bl_prompt_free(prompt); /* the play keeps it */
	run(&player, 19, out);
	CHECK(!bl_player_ended(&player));
	run(&player, 1, out + 3040); /* 3,200 samples are 20 frames: 2 × 1,000 + 800 + 400 */
	CHECK(ended(&player, 1, BL_PLAY_END, 400));
	for (size_t i = 32; i < 1000; i++)
		CHECK_EQUAL(ramp[i], out[i]); /* no ramp within a play */
	for (size_t i = 0; i < 968; i++)
		CHECK_EQUAL(ramp[i], out[2200 + i]);
	CHECK_WITHIN(-10.1, -9.9, kit_level_dbm0(out + 1000, 800, 1000));
	for (size_t i = 1800; i < 2200; i++)
		CHECK_EQUAL(0, out[i]);
}

/* A prompt of each rate on a leg of each rate, and tones: the same sound. */
static void test_rates(void)
{
	static int16_t pcm[LONGEST], expected[LONGEST];

	for (int from = 0; from < 3; from++) {
		struct bl_play_item items[] = {
			{0},
			{.tone = {.count = 1,
				  .parts = {{.hz = {600}, .level_dbm0 = {-12}, .on_ms = 500}}}},
		};

		kit_tone(1000.0 * 8000 / rates[from], -10, 0, pcm, (size_t)rates[from] / 2);
		bl_prompt_new(pcm, (size_t)rates[from] / 2, rates[from], &items[0].prompt);
		for (int to = 0; to < 3; to++) {
			struct bl_play_spec spec = {.items = items, .count = 2};
			struct bl_player player = {0};
			size_t second = (size_t)rates[to];

			bl_player_add(&player, play_of(1, &spec, rates[to]));
			run_over(&player, rates[to], 50, out, 0);
			CHECK(ended(&player, 1, BL_PLAY_END, 1000));
			CHECK_WITHIN(-10.1, -9.9,
				     kit_level_dbm0(out + second / 10, second / 5,
						    1000.0 * 8000 / rates[to]));
			CHECK_WITHIN(-200, -50,
				     kit_rest_db(out + second / 10, second / 5,
						 1000.0 * 8000 / rates[to]));
			/* and not a sample later than it was */
			kit_tone(1000.0 * 8000 / rates[to], -10, 0, expected, second / 2);
			for (size_t i = second / 10; i < second * 4 / 10; i++)
				CHECK_WITHIN(expected[i] - 100, expected[i] + 100, out[i]);
			CHECK_WITHIN(-12.1, -11.9,
				     kit_level_dbm0(out + second * 6 / 10, second / 5,
						    600.0 * 8000 / rates[to]));
		}
		bl_prompt_free(items[0].prompt);
	}
}

/* The leg's rate changes while it plays: the play goes on at its place. */
static void test_rate_changes_in_the_midst(void)
{
	for (int from = 0; from < 3; from++) {
		for (int to = 0; to < 3; to++) {
			static int16_t pcm[LONGEST];
			struct bl_play_item item = {0};
			struct bl_play_spec spec = {.items = &item, .count = 1};
			struct bl_player player = {0};
			size_t second = (size_t)rates[to];

			kit_tone(500.0 * 8000 / rates[from], -10, 0, pcm, (size_t)rates[from]);
			bl_prompt_new(pcm, (size_t)rates[from], rates[from], &item.prompt);
			bl_player_add(&player, play_of(1, &spec, rates[from]));
			bl_prompt_free(item.prompt);
			run_over(&player, rates[from], 20, out, 0);
			run_over(&player, rates[to], 30, out, 0);
			CHECK(ended(&player, 1, BL_PLAY_END, 1000));
			CHECK_WITHIN(-10.4, -9.9,
				     kit_level_dbm0(out + second / 10, second / 5,
						    500.0 * 8000 / rates[to]));
		}
	}
}

static void test_queue(void)
{
	struct bl_player player = {0};
	struct bl_play_spec behind = {.append = true};

	bl_player_add(&player, level_play(1, 1000, 30, behind));
	bl_player_add(&player, level_play(2, 2000, 30, behind));
	bl_player_add(&player, level_play(3, 3000, 1000, behind));
	bl_player_add(&player, level_play(4, 4000, 30, behind));
	run(&player, 4, out);
	CHECK_EQUAL(1000, out[100]);
	CHECK_EQUAL(2000, out[240 + 100]);
	CHECK_EQUAL(3000, out[480 + 100]);
	CHECK(ended(&player, 1, BL_PLAY_END, 30));
	CHECK(ended(&player, 2, BL_PLAY_END, 30));
	CHECK(!bl_player_ended(&player));
	CHECK(bl_player_stop_one(&player, 4, BL_PLAY_STOPPED));
	CHECK(!bl_player_stop_one(&player, 4, BL_PLAY_STOPPED));
	CHECK(ended(&player, 4, BL_PLAY_STOPPED, 0));
	bl_player_add(&player, level_play(5, 5000, 30, behind));
	CHECK(bl_player_stop_one(&player, 3, BL_PLAY_STOPPED));
	CHECK(ended(&player, 3, BL_PLAY_STOPPED, 20));
	run(&player, 1, out);
	CHECK_EQUAL(5000, out[100]);
	bl_player_add(&player, level_play(6, 6000, 100, behind));
	bl_player_add(&player, level_play(7, 7000, 100, (struct bl_play_spec){0}));
	CHECK(ended(&player, 5, BL_PLAY_REPLACED, 20));
	CHECK(ended(&player, 6, BL_PLAY_REPLACED, 0));
	run(&player, 1, out);
	CHECK_EQUAL(7000, out[100]);
	clear(&player);
}

/* What may be barged in on goes; a notice that must be heard stays. */
static void test_barge_in(void)
{
	struct bl_player player = {0};
	struct bl_play_spec both = {.append = true, .barge = BL_BARGE_DIGIT | BL_BARGE_SPEECH},
			    digit = {.append = true, .barge = BL_BARGE_DIGIT},
			    never = {.append = true};

	bl_player_add(&player, level_play(1, 1000, 500, digit));
	bl_player_add(&player, level_play(2, 2000, 500, never));
	bl_player_add(&player, level_play(3, 3000, 500, both));
	run(&player, 5, out);
	CHECK(bl_player_barge(&player, BL_BARGE_SPEECH));
	CHECK(ended(&player, 3, BL_PLAY_BARGED_SPEECH, 0));
	CHECK(!bl_player_ended(&player));
	CHECK(bl_player_barge(&player, BL_BARGE_DIGIT));
	CHECK(ended(&player, 1, BL_PLAY_BARGED_DIGIT, 100));
	run(&player, 1, out);
	CHECK_EQUAL(2000, out[100]);
	CHECK(!bl_player_barge(&player, BL_BARGE_DIGIT));
	CHECK(!bl_player_ended(&player));
	clear(&player);
}

static void test_loops(void)
{
	struct bl_player player = {0};
	struct bl_prompt *prompts[] = {level_prompt(1000, 50, 8000), level_prompt(2000, 30, 8000)};
	struct bl_play_item items[] = {{.prompt = prompts[0]}, {.prompt = prompts[1]}};
	struct bl_play_spec spec = {.items = items, .count = 2, .loop = BL_LOOP_ALL};

	bl_player_add(&player, play_of(1, &spec, 8000));
	run(&player, 9, out); /* 180 ms: two rounds of 80 and 20 */
	for (size_t at = 32; at < 180 * 8; at++)
		CHECK_EQUAL(at / 8 % 80 < 50 ? 1000 : 2000, out[at]);
	bl_player_add(&player, level_play(2, 3000, 100, (struct bl_play_spec){.append = true}));
	run(&player, 4, out); /* to the end of the round: 60 ms */
	CHECK_EQUAL(2000, out[59 * 8 - 32]);
	CHECK_EQUAL(3000, out[65 * 8]);
	CHECK(ended(&player, 1, BL_PLAY_END, 80));
	clear(&player);
	spec.loop = BL_LOOP_LAST;
	bl_player_add(&player, play_of(3, &spec, 8000));
	run(&player, 50, out);
	for (size_t at = 32; at < 8000; at++)
		CHECK_EQUAL(at < 400 ? 1000 : 2000, out[at]);
	CHECK_WITHIN(50, 80, bl_play_position_ms(player.first));
	clear(&player);
	bl_prompt_free(prompts[0]);
	bl_prompt_free(prompts[1]);
}

/* Voicemail: forward, back, hold, and where it was. */
static void test_places(void)
{
	struct bl_player player = {0};
	struct bl_prompt *prompts[] = {level_prompt(1000, 1000, 8000),
				       level_prompt(2000, 1000, 8000)};
	struct bl_play_item items[] = {{.prompt = prompts[0]}, {.prompt = prompts[1]}};
	struct bl_play_spec spec = {.items = items, .count = 2, .start_ms = 1500};

	bl_player_add(&player, play_of(1, &spec, 8000));
	run(&player, 1, out);
	CHECK_EQUAL(2000, out[100]);
	bl_player_skip(&player, -1000);
	run(&player, 1, out);
	CHECK_EQUAL(1000, out[100]);
	CHECK_EQUAL(540, bl_play_position_ms(player.first));
	bl_player_pause(&player, true);
	run(&player, 10, out);
	bl_player_skip(&player, 100); /* also while it rests */
	CHECK_EQUAL(640, bl_play_position_ms(player.first));
	bl_player_pause(&player, false);
	run(&player, 1, out);
	CHECK_EQUAL(660, bl_play_position_ms(player.first));
	bl_player_skip(&player, -100000);
	CHECK_EQUAL(0, bl_play_position_ms(player.first));
	bl_player_seek(&player, 1990);
	run(&player, 1, out);
	CHECK(ended(&player, 1, BL_PLAY_END, 2000));
	spec.start_ms = 0;
	bl_player_add(&player, play_of(2, &spec, 8000));
	bl_player_seek(&player, 1000000000000);
	run(&player, 1, out);
	CHECK(ended(&player, 2, BL_PLAY_END, 2000));
	bl_prompt_free(prompts[0]);
	bl_prompt_free(prompts[1]);
}

static void test_gain_and_beside_the_bridge(void)
{
	struct bl_player player = {0};

	bl_player_add(&player, level_play(1, 10000, 1000, (struct bl_play_spec){.gain_db = -20}));
	run_over(&player, 8000, 1, out, 3000);
	CHECK_WITHIN(999, 1000, out[100]);
	bl_player_gain(&player, 2.0F);
	run_over(&player, 8000, 1, out, 3000);
	CHECK_WITHIN(19999, 20000, out[100]);
	bl_player_gain(&player, 4.0F); /* it saturates */
	run_over(&player, 8000, 1, out, 3000);
	CHECK_EQUAL(32767, out[100]);
	clear(&player);
	run_over(&player, 8000, 2, out, 3000);
	bl_player_add(&player, level_play(2, 10000, 1000, (struct bl_play_spec){.over = true}));
	run_over(&player, 8000, 1, out, 3000);
	CHECK_EQUAL(13000, out[100]);
	clear(&player);
}

static void test_arguments(void)
{
	struct bl_prompt *prompt = level_prompt(1, 10, 8000), *none = NULL;
	struct bl_play_item item = {.prompt = prompt}, nothing = {.tone = {.count = 1}},
			    pair[] = {item, nothing},
			    tone = {.tone = {.count = 1, .parts = {{.hz = {4000}, .on_ms = 100}}}},
			    endless = {.tone = {.count = 1, .parts = {{.on_ms = INT32_MAX}}}};
	struct bl_play_spec bad[] = {
		{.items = &item, .count = 0},
		{.items = NULL, .count = 1},
		{.items = &nothing, .count = 1},
		{.items = &tone, .count = 1},
		{.items = &endless, .count = 1},
		{.items = pair, .count = 2, .loop = BL_LOOP_LAST},
		{.items = &item, .count = 1, .loop = 3},
		{.items = &item, .count = 1, .barge = 4},
		{.items = &item, .count = 1, .gain_db = 21},
		{.items = &item, .count = 1, .gain_db = NAN},
		{.items = &item, .count = 1, .start_ms = -1},
	};
	struct bl_play *play = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQUAL(BL_EINVAL, bl_play_new(1, &bad[i], 8000, &play));
	bad[0].count = 1;
	CHECK_EQUAL(BL_EINVAL, bl_play_new(1, &bad[0], 44100, &play));
	CHECK_EQUAL(BL_EINVAL, bl_prompt_new((int16_t[]){1}, 1, 44100, &none));
	CHECK_EQUAL(BL_EINVAL, bl_prompt_new((int16_t[]){1}, 0, 8000, &none));
	bl_prompt_free(prompt);
	bl_prompt_free(NULL);
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_nothing_clicks),
		CHECK_TEST(test_an_end_falls),
		CHECK_TEST(test_items_join_without_a_seam),
		CHECK_TEST(test_rates),
		CHECK_TEST(test_rate_changes_in_the_midst),
		CHECK_TEST(test_queue),
		CHECK_TEST(test_barge_in),
		CHECK_TEST(test_loops),
		CHECK_TEST(test_places),
		CHECK_TEST(test_gain_and_beside_the_bridge),
		CHECK_TEST(test_arguments),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
