/* test_analysis.c  What a leg is listened to for on demand: over RTP in, events out */
#include <math.h>
#include <string.h>
#include "bytes.h"
#include "check.h"
#include "engine.h"
#include "kit.h"

#define PI 3.14159265358979323846

enum { LEG = 1, BUSY = 7, RINGING = 8, SEEN = 16 };

/* What a far end says for a while: one or two frequencies, a vowel (VOWEL), or silence (0). */
struct sound {
	double hz, second_hz;
	int ms;
};

#define VOWEL (-1.0)

static struct bl_event seen[SEEN];
static int seen_count;

static const struct bl_find_tone progress[] = {
	{.id = BUSY,
	 .tone = {.count = 1,
		  .times = -1,
		  .parts = {{.hz = {425.0}, .on_ms = 500, .off_ms = 500}}}},
	{.id = RINGING,
	 .tone = {.count = 1,
		  .times = -1,
		  .parts = {{.hz = {440.0, 480.0}, .on_ms = 1000, .off_ms = 3000}}}},
};

static void collect(struct bl_engine *engine)
{
	struct bl_event event;

	while (bl_engine_poll(engine, &event, 1) == 1) {
		bool wanted = event.kind == BL_EVENT_TONE || event.kind == BL_EVENT_ANSWERED ||
			      event.kind == BL_EVENT_DIGIT;

		if (wanted && seen_count < SEEN)
			seen[seen_count++] = event;
	}
}

static double sample_of(const struct sound *sound, int32_t rate, size_t n)
{
	double turn = 2.0 * PI * (double)n / rate, sum = 0.0;

	if (sound->hz == VOWEL) {
		for (int k = 1; k < 12; k++)
			sum += 4000.0 * sin(turn * 130.0 * k) / k;
		return sum;
	}
	if (sound->hz > 0.0)
		sum += 4000.0 * sin(turn * sound->hz);
	if (sound->second_hz > 0.0)
		sum += 4000.0 * sin(turn * sound->second_hz);
	return sum;
}

/* Says all of them, up to one of 0 ms, at 8 kHz PCMU. */
static void say(struct bl_engine *engine, struct kit_phone *phone, const struct sound *sounds)
{
	size_t at = 0;

	for (; sounds->ms; sounds++) {
		for (int ms = 0; ms < sounds->ms; ms += BL_FRAME_MS) {
			int16_t frame[BL_FRAME];

			for (size_t i = 0; i < BL_FRAME; i++, at++)
				frame[i] = (int16_t)sample_of(sounds, BL_RATE, at);
			kit_say(phone, frame, BL_FRAME);
			bl_engine_step(engine, 1);
			collect(engine);
		}
	}
	bl_engine_step(engine, 10);
	collect(engine);
}

static struct bl_engine *begin(struct kit_phone **phone)
{
	struct bl_engine *engine = kit_engine();

	*phone = kit_phone(engine, LEG, -1);
	seen_count = 0;
	return engine;
}

static void end(struct bl_engine *engine, struct kit_phone *phone)
{
	kit_phone_free(phone);
	bl_engine_free(engine);
}

static const struct sound busy[] = {{425, 0, 500}, {0, 0, 500},	  {425, 0, 500},
				    {0, 0, 500},   {425, 0, 500}, {0, 0, 0}};

static void test_a_tone_of_the_set_is_told_once_with_its_id(void)
{
	struct kit_phone *phone;
	struct bl_engine *engine = begin(&phone);

	CHECK_EQUAL(BL_OK, bl_leg_tones(engine, LEG, progress, 2));
	say(engine, phone, busy);
	CHECK_EQUAL(1, seen_count);
	CHECK_EQUAL(BL_EVENT_TONE, seen[0].kind);
	CHECK_EQUAL(LEG, seen[0].leg);
	CHECK_EQUAL(BUSY, seen[0].code);
	end(engine, phone);
}

static void test_nothing_is_told_where_nothing_was_asked_for(void)
{
	struct kit_phone *phone;
	struct bl_engine *engine = begin(&phone);

	say(engine, phone, busy);
	CHECK_EQUAL(BL_OK, bl_leg_tones(engine, LEG, progress, 2));
	CHECK_EQUAL(BL_OK, bl_leg_tones(engine, LEG, NULL, 0));
	CHECK_EQUAL(BL_OK, bl_leg_answer_tones(engine, LEG, true));
	CHECK_EQUAL(BL_OK, bl_leg_answer_tones(engine, LEG, false));
	CHECK_EQUAL(BL_OK, bl_leg_greeting(engine, LEG, true, NULL));
	CHECK_EQUAL(BL_OK, bl_leg_greeting(engine, LEG, false, NULL));
	say(engine, phone, busy);
	CHECK_EQUAL(0, seen_count);
	end(engine, phone);
}

static void test_a_tone_on_a_wide_leg(void)
{
	struct kit_phone *phone;
	struct bl_engine *engine = begin(&phone);
	size_t at = 0;

	CHECK_EQUAL(BL_OK, kit_agree(engine, LEG, phone, 96, BL_L16, BL_RATE_WIDE));
	CHECK_EQUAL(BL_OK, bl_leg_tones(engine, LEG, progress, 2));
	for (int tick = 0; tick < 150; tick++) {
		uint8_t payload[640];
		struct sound sound = {tick / 25 % 2 ? 0 : 425, 0, 20};

		for (size_t i = 0; i < 320; i++, at++)
			bl_put16(payload + 2 * i,
				 (uint16_t)(int16_t)sample_of(&sound, BL_RATE_WIDE, at));
		kit_send(phone, 96, payload, sizeof(payload));
		phone->seq++;
		phone->timestamp += 320;
		bl_engine_step(engine, 1);
		collect(engine);
	}
	CHECK_EQUAL(1, seen_count);
	CHECK_EQUAL(BUSY, seen[0].code);
	end(engine, phone);
}

static void test_the_tones_of_faxes(void)
{
	static const struct sound calling[] = {
		{1100, 0, 500}, {0, 0, 3000}, {1100, 0, 500}, {0, 0, 3000}, {0, 0, 0}};
	static const struct sound answering[] = {{0, 0, 1000}, {2100, 0, 1500}, {0, 0, 0}};
	struct kit_phone *phone;
	struct bl_engine *engine = begin(&phone);

	CHECK_EQUAL(BL_OK, bl_leg_answer_tones(engine, LEG, true));
	say(engine, phone, calling);
	CHECK_EQUAL(1, seen_count);
	CHECK_EQUAL(BL_EVENT_TONE, seen[0].kind);
	CHECK_EQUAL(BL_TONE_CNG, seen[0].code);
	say(engine, phone, answering);
	CHECK_EQUAL(2, seen_count);
	CHECK_EQUAL(BL_TONE_CED, seen[1].code);
	end(engine, phone);
}

/* The first answer to a call after which the far end says this. */
static int32_t answer(const struct sound *sounds, const struct bl_greeting_setting *setting)
{
	struct kit_phone *phone;
	struct bl_engine *engine = begin(&phone);

	CHECK_EQUAL(BL_OK, bl_leg_greeting(engine, LEG, true, setting));
	say(engine, phone, sounds);
	end(engine, phone);
	CHECK(seen_count > 0);
	CHECK_EQUAL(BL_EVENT_ANSWERED, seen[0].kind);
	return seen_count ? seen[0].code : 0;
}

static const struct sound hello[] = {{0, 0, 400}, {VOWEL, 0, 500}, {0, 0, 1500}, {0, 0, 0}};

static void test_who_answered(void)
{
	static const struct sound speech[] = {
		{0, 0, 400}, {VOWEL, 0, 3000}, {0, 0, 300}, {0, 0, 0}};
	static const struct sound nobody[] = {{0, 0, 3000}, {0, 0, 0}};
	static const struct sound fax[] = {{0, 0, 1000}, {2100, 0, 1500}, {0, 0, 0}};

	CHECK_EQUAL(BL_ANSWER_HUMAN, answer(hello, NULL));
	CHECK_EQUAL(1, seen_count);
	CHECK_WITHIN(1600, 2000, seen[0].value);
	CHECK_EQUAL(BL_ANSWER_MACHINE, answer(speech, NULL));
	CHECK_EQUAL(BL_ANSWER_SILENCE, answer(nobody, NULL));
	CHECK_EQUAL(BL_ANSWER_FAX, answer(fax, NULL));
}

static void test_a_setting_of_the_callers(void)
{
	struct bl_greeting_setting quick = {2500, 300, 800, 5000, 100, 50, 3};

	CHECK_EQUAL(BL_ANSWER_MACHINE, answer(hello, &quick));
}

static void test_a_beep_after_a_machine(void)
{
	static const struct sound machine[] = {
		{VOWEL, 0, 3000}, {0, 0, 400}, {1000, 0, 400}, {0, 0, 500}, {0, 0, 0}};

	CHECK_EQUAL(BL_ANSWER_MACHINE, answer(machine, NULL));
	CHECK_EQUAL(2, seen_count);
	CHECK_EQUAL(BL_ANSWER_BEEP, seen[1].code);
}

static void test_digits_are_found_beside_all_that(void)
{
	static const struct sound five[] = {{0, 0, 200}, {770, 1336, 100}, {0, 0, 200}, {0, 0, 0}};
	struct kit_phone *phone;
	struct bl_engine *engine = begin(&phone);

	CHECK_EQUAL(BL_OK, bl_leg_detect(engine, LEG, true));
	CHECK_EQUAL(BL_OK, bl_leg_tones(engine, LEG, progress, 2));
	CHECK_EQUAL(BL_OK, bl_leg_answer_tones(engine, LEG, true));
	say(engine, phone, five);
	CHECK_EQUAL(1, seen_count);
	CHECK_EQUAL(BL_EVENT_DIGIT, seen[0].kind);
	CHECK_EQUAL('5', seen[0].code);
	end(engine, phone);
}

static void test_legs_share_a_set_which_goes_with_the_last(void)
{
	struct kit_phone *phone;
	struct bl_engine *engine = begin(&phone);
	struct kit_phone *other = kit_phone(engine, LEG + 1, -1);

	CHECK_EQUAL(BL_OK, bl_leg_tones(engine, LEG, progress, 2));
	CHECK_EQUAL(BL_OK, bl_leg_tones(engine, LEG + 1, progress, 2));
	CHECK_EQUAL(2, engine->tone_sets.first->uses);
	CHECK(!engine->tone_sets.first->next);
	CHECK_EQUAL(BL_OK, bl_leg_tones(engine, LEG, progress, 1));
	CHECK(engine->tone_sets.first->next != NULL);
	bl_engine_step(engine, 1);
	collect(engine);
	CHECK_EQUAL(1, engine->tone_sets.first->next->uses);
	CHECK_EQUAL(BL_OK, bl_leg_tones(engine, LEG, NULL, 0));
	CHECK_EQUAL(BL_OK, bl_leg_tones(engine, LEG + 1, NULL, 0));
	bl_engine_step(engine, 1);
	collect(engine);
	CHECK(!engine->tone_sets.first);
	kit_phone_free(other);
	end(engine, phone);
}

static void test_what_cannot_be_asked_for(void)
{
	struct bl_find_tone bad = progress[0], many[17];
	struct bl_greeting_setting setting = {2500, 1500, 800, 5000, 100, 50, 0};
	struct kit_phone *phone;
	struct bl_engine *engine = begin(&phone);

	for (int i = 0; i < 17; i++)
		many[i] = progress[0];
	CHECK_EQUAL(BL_EINVAL, bl_leg_tones(engine, LEG, many, 17));
	CHECK_EQUAL(BL_EINVAL, bl_leg_tones(engine, LEG, NULL, 1));
	bad.id = BL_TONE_CNG;
	CHECK_EQUAL(BL_EINVAL, bl_leg_tones(engine, LEG, &bad, 1));
	bad = progress[0];
	bad.off_hz = NAN;
	CHECK_EQUAL(BL_EINVAL, bl_leg_tones(engine, LEG, &bad, 1));
	bad = progress[0];
	bad.tone.count = 9;
	CHECK_EQUAL(BL_EINVAL, bl_leg_tones(engine, LEG, &bad, 1));
	CHECK_EQUAL(BL_EINVAL, bl_leg_greeting(engine, LEG, true, &setting));
	CHECK_EQUAL(BL_ENOENT, bl_leg_tones(engine, 99, progress, 2));
	CHECK_EQUAL(BL_ENOENT, bl_leg_answer_tones(engine, 99, true));
	CHECK_EQUAL(BL_EINVAL, bl_leg_answer_tones(NULL, LEG, true));
	CHECK(!engine->tone_sets.first);
	end(engine, phone);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_a_tone_of_the_set_is_told_once_with_its_id),
	CHECK_TEST(test_nothing_is_told_where_nothing_was_asked_for),
	CHECK_TEST(test_a_tone_on_a_wide_leg),
	CHECK_TEST(test_the_tones_of_faxes),
	CHECK_TEST(test_who_answered),
	CHECK_TEST(test_a_setting_of_the_callers),
	CHECK_TEST(test_a_beep_after_a_machine),
	CHECK_TEST(test_digits_are_found_beside_all_that),
	CHECK_TEST(test_legs_share_a_set_which_goes_with_the_last),
	CHECK_TEST(test_what_cannot_be_asked_for),
};

CHECK_MAIN(tests)
