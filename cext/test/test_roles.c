/* test_roles.c  Listeners, whispers, barging in, gains, and moving between bridges */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "kit.h"

enum { LEGS = 4, LOUD = -12, CALLER = 1, AGENT = 2, SUPERVISOR = 3, OTHER = 4 };

struct floor {
	struct bl_engine *engine;
	struct kit_phone *phones[LEGS + 1]; /* by leg */
	size_t said;			    /* [samples] */
};

static double hz_of(int leg)
{
	return 400.0 + 200.0 * leg;
}

static struct floor *open_floor(void)
{
	struct floor *floor = calloc(1, sizeof(*floor));

	floor->engine = kit_engine();
	for (int leg = 1; leg <= LEGS; leg++)
		floor->phones[leg] = kit_phone(floor->engine, leg, -1);
	return floor;
}

static void close_floor(struct floor *floor)
{
	bl_engine_free(floor->engine);
	for (int leg = 1; leg <= LEGS; leg++)
		kit_phone_free(floor->phones[leg]);
	free(floor);
}

static void talk(struct floor *floor, int ticks)
{
	for (int tick = 0; tick < ticks; tick++, floor->said += BL_FRAME) {
		for (int leg = 1; leg <= LEGS; leg++) {
			int16_t frame[BL_FRAME];

			kit_tone(hz_of(leg), LOUD, floor->said, frame, BL_FRAME);
			kit_say(floor->phones[leg], frame, BL_FRAME);
		}
		bl_engine_step(floor->engine, 1);
		for (int leg = 1; leg <= LEGS; leg++)
			kit_listen(floor->phones[leg]);
	}
}

static double level(const struct floor *floor, int ear, int mouth)
{
	const struct kit_phone *phone = floor->phones[ear];

	return kit_level_dbm0(phone->heard + phone->heard_count - 1600, 1600, hz_of(mouth));
}

static void check_hears(const struct floor *floor, int ear, int mouth, bool heard)
{
	if (heard)
		CHECK_WITHIN(LOUD - 1.5, LOUD + 1.5, level(floor, ear, mouth));
	else
		CHECK_WITHIN(-300, -55, level(floor, ear, mouth));
}

static void bridge(struct floor *floor, int32_t supervisor_role)
{
	struct bl_member members[] = {
		{.leg = CALLER},
		{.leg = AGENT},
		{.leg = SUPERVISOR, .role = supervisor_role, .to = AGENT},
	};

	CHECK_EQUAL(BL_OK, bl_bridge(floor->engine, 1, members, 3));
	talk(floor, 20);
}

static void test_supervisor_listens_whispers_and_barges_in(void)
{
	struct floor *floor = open_floor();

	bridge(floor, BL_ROLE_LISTEN);
	check_hears(floor, SUPERVISOR, CALLER, true);
	check_hears(floor, SUPERVISOR, AGENT, true);
	check_hears(floor, AGENT, SUPERVISOR, false);
	check_hears(floor, CALLER, SUPERVISOR, false);
	bridge(floor, BL_ROLE_WHISPER);
	check_hears(floor, AGENT, SUPERVISOR, true);
	check_hears(floor, CALLER, SUPERVISOR, false);
	check_hears(floor, AGENT, CALLER, true);
	check_hears(floor, SUPERVISOR, SUPERVISOR, false);
	bridge(floor, BL_ROLE_TALK);
	check_hears(floor, AGENT, SUPERVISOR, true);
	check_hears(floor, CALLER, SUPERVISOR, true);
	close_floor(floor);
}

static void test_gain_and_mute(void)
{
	struct floor *floor = open_floor();

	CHECK_EQUAL(BL_OK, kit_bridge(floor->engine, 1, (int64_t[]){CALLER, AGENT}, 2));
	CHECK_EQUAL(BL_OK, bl_leg_gain(floor->engine, CALLER, -6.0, 0.0));
	talk(floor, 20);
	CHECK_WITHIN(LOUD - 7, LOUD - 5, level(floor, AGENT, CALLER));
	CHECK_WITHIN(LOUD - 1, LOUD + 1, level(floor, CALLER, AGENT));
	CHECK_EQUAL(BL_OK, bl_leg_gain(floor->engine, CALLER, -INFINITY, 6.0));
	talk(floor, 20);
	CHECK_WITHIN(-300, -55, level(floor, AGENT, CALLER));
	CHECK_WITHIN(LOUD + 5, LOUD + 7, level(floor, CALLER, AGENT));
	CHECK_EQUAL(BL_EINVAL, bl_leg_gain(floor->engine, CALLER, 21.0, 0.0));
	CHECK_EQUAL(BL_EINVAL, bl_leg_gain(floor->engine, CALLER, 0.0, (double)NAN));
	CHECK_EQUAL(BL_ENOENT, bl_leg_gain(floor->engine, 99, 0.0, 0.0));
	close_floor(floor);
}

/* The largest step between two samples: of a tone that goes on it is small, of a click large. */
static int largest_step(const struct kit_phone *phone, size_t from)
{
	int largest = 0;

	for (size_t i = from + 1; i < phone->heard_count; i++) {
		int step = abs(phone->heard[i] - phone->heard[i - 1]);

		largest = step > largest ? step : largest;
	}
	return largest;
}

static void test_moving_is_no_gap_and_no_click(void)
{
	struct floor *floor = open_floor();
	size_t from;
	int before;

	CHECK_EQUAL(BL_OK, kit_bridge(floor->engine, 1, (int64_t[]){CALLER, AGENT}, 2));
	talk(floor, 20);
	from = floor->phones[CALLER]->heard_count - 1600;
	before = largest_step(floor->phones[CALLER], from);
	from += 1600;
	CHECK_EQUAL(BL_OK, kit_bridge(floor->engine, 2, (int64_t[]){CALLER, AGENT}, 2));
	talk(floor, 10);
	CHECK_EQUAL(BL_OK, kit_bridge(floor->engine, 3, (int64_t[]){CALLER, AGENT, OTHER}, 3));
	CHECK_EQUAL(BL_OK, bl_leg_gain(floor->engine, OTHER, -INFINITY, 0.0));
	talk(floor, 1);
	CHECK_EQUAL(BL_OK, kit_bridge(floor->engine, 2, (int64_t[]){CALLER, AGENT}, 2));
	talk(floor, 10);
	CHECK_EQUAL(from + 21 * BL_FRAME, floor->phones[CALLER]->heard_count);
	/* the third party is faded out within one frame, so that what it adds is no step either */
	CHECK_WITHIN(0, 2.5 * before, largest_step(floor->phones[CALLER], from));
	check_hears(floor, CALLER, AGENT, true);
	close_floor(floor);
}

static void test_arguments(void)
{
	struct floor *floor = open_floor();
	struct bl_member members[] = {
		{.leg = CALLER},
		{.leg = SUPERVISOR, .role = BL_ROLE_WHISPER, .to = AGENT},
	};

	CHECK_EQUAL(BL_ENOENT, bl_bridge(floor->engine, 1, (struct bl_member[]){{.leg = 77}}, 1));
	CHECK_EQUAL(BL_EINVAL,
		    bl_bridge(floor->engine, 1, members, 2)); /* the agent is not in it */
	members[1].to = SUPERVISOR;
	CHECK_EQUAL(BL_EINVAL, bl_bridge(floor->engine, 1, members, 2));
	members[1].role = 3;
	CHECK_EQUAL(BL_EINVAL, bl_bridge(floor->engine, 1, members, 2));
	close_floor(floor);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_supervisor_listens_whispers_and_barges_in),
	CHECK_TEST(test_gain_and_mute),
	CHECK_TEST(test_moving_is_no_gap_and_no_click),
	CHECK_TEST(test_arguments),
};

CHECK_MAIN(tests)
