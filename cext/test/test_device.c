/* test_device.c  Devices of all formats, with clocks of their own and echoes */
#include <math.h>
#include "check.h"
#include "device.h"
#include "device_kit.h"
#include "kit.h"

/* [min] An hour takes 4 s; under a sanitizer much longer, so the clocks are worse there. */
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(SANITIZED) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MINUTES = 3, PPM = 500 };
#else
enum { MINUTES = 60, PPM = 200 };
#endif

static double level(const struct device *device, double hz)
{
	return kit_level_dbm0(device->ears + EARS - 1600, 1600, hz);
}

/* The least and most delay of marks from one to the other [samples]. */
struct delay {
	int64_t told, least, most;
};

static void watch_delay(struct delay *delay, const struct device *from, const struct device *to)
{
	int64_t now = to->heard_mark - from->marked;

	if (to->heard_mark == delay->told || now < 0)
		return;
	delay->told = to->heard_mark;
	if (!delay->most || now < delay->least)
		delay->least = now;
	if (now > delay->most)
		delay->most = now;
}

/*
 * Two devices in a bridge, one fast, one slow, for so long: neither runs dry, the delays stay
 * where they were, and nothing is made up.
 */
static void check_drift(const struct bl_device_config *config, double ppm, int minutes)
{
	struct bl_engine *engine = kit_engine();
	struct device *a = new_device(engine, 1, config, ppm, 400);
	struct device *b = new_device(engine, 2, config, -ppm, 620);
	struct delay to_a = {0}, to_b = {0};
	const int settling = 20 * BL_TICKS_PER_S;
	int ticks = minutes * 60 * BL_TICKS_PER_S;

	kit_bridge(engine, 1, (int64_t[]){1, 2}, 2);
	for (int tick = 0; tick < ticks; tick++) {
		int64_t now = (int64_t)tick * BL_FRAME;

		bl_engine_step(engine, 1);
		run_device(a, now);
		run_device(b, now);
		if (tick == settling) {
			a->least = b->least = BUFFER;
			a->most = b->most = a->dry = b->dry = 0;
		}
		if (tick < settling)
			continue;
		watch_delay(&to_a, b, a);
		watch_delay(&to_b, a, b);
	}
	CHECK_EQUAL(0, a->dry + b->dry);
	CHECK_WITHIN(a->lump, 1200, a->least);
	CHECK_WITHIN(0, 320, a->most - a->least);
	CHECK_WITHIN(0, 320, b->most - b->least);
	/* both ways of the engine together: ±20 ms for each would be 640 */
	CHECK_WITHIN(1, 400, to_a.most - to_a.least);
	CHECK_WITHIN(1, 400, to_b.most - to_b.least);
	CHECK_WITHIN(QUIET - 1, QUIET + 1, level(a, 620));
	CHECK_WITHIN(QUIET - 1, QUIET + 1, level(b, 400));
	CHECK_EQUAL(0, stats_of(engine, 1).send_errors + stats_of(engine, 2).send_errors);
	CHECK_EQUAL(0, stats_of(engine, 1).concealed + stats_of(engine, 2).concealed);
	bl_engine_free(engine);
	free_device(a);
	free_device(b);
}

static void test_modems_whose_clocks_drift(void)
{
	check_drift(&(struct bl_device_config){.rate = BL_RATE}, PPM, MINUTES);
}

static void test_channels_whose_clocks_drift(void)
{
	static const struct bl_device_config channel = {
		.rate = BL_RATE,
		.format = BL_DEVICE_PCMA,
		.block = 160,
	};

	check_drift(&channel, PPM, MINUTES);
}

/* -- formats -------------------------------------------------------------------------------- */

static void move_bytes(struct bl_device *from, struct bl_device *to, int16_t *heard, size_t *count)
{
	struct bl_device_got got;
	size_t due;
	const uint8_t *bytes;

	while (bytes = bl_device_due(from, &due), due) {
		/* odd pieces, so that samples and codes are cut */
		size_t size = bl_device_chunk(from) < BL_DEVICE_READ || due < 7 ? due : 7;

		for (size_t at = 0; at < size;) {
			at += bl_device_read(to, bytes + at, size - at, &got);
			CHECK_EQUAL(0, got.code);
			memcpy(heard + *count, got.samples, got.count * sizeof(*heard));
			*count += got.count;
		}
		bl_device_went(from, size);
	}
}

/* What one writes the other reads, by half as loud each time. */
static void check_format(const struct bl_device_config *config, double rest_db)
{
	static int16_t said[16000], heard[20000];
	struct bl_device *from, *to;
	size_t count = 0, frame = (size_t)config->rate / BL_TICKS_PER_S;

	CHECK_EQUAL(BL_OK, bl_device_new(config, &from));
	CHECK_EQUAL(BL_OK, bl_device_new(config, &to));
	kit_tone_at(config->rate, 1000, -10, 0, said, (size_t)config->rate);
	for (int tick = 0; tick < 50; tick++) {
		CHECK(bl_device_write(from, said + frame * (size_t)tick));
		move_bytes(from, to, heard, &count);
	}
	CHECK_WITHIN((double)config->rate, (double)config->rate * 1.1, (double)count);
	CHECK_WITHIN(-22.2, -21.8, kit_level_at(config->rate, heard + count / 2, 1600, 1000));
	if (config->rate == BL_RATE)
		CHECK_WITHIN(-200, rest_db, kit_rest_db(heard + count / 2, 1600, 1000));
	bl_device_free(from);
	bl_device_free(to);
}

static void test_formats(void)
{
	static const struct {
		int32_t format, rate, block;
		bool shielded;
		double rest_db;
	} kinds[] = {
		{BL_DEVICE_S16LE, 8000, 0, false, -55},	  {BL_DEVICE_S16LE, 16000, 0, false, 0},
		{BL_DEVICE_S16LE, 8000, 0, true, -55},	  {BL_DEVICE_U8, 8000, 0, true, -25},
		{BL_DEVICE_S8, 8000, 0, true, -25},	  {BL_DEVICE_PCMU, 8000, 0, true, -35},
		{BL_DEVICE_PCMA, 8000, 160, false, -35},  {BL_DEVICE_PCMU, 8000, 80, false, -35},
		{BL_DEVICE_S16LE, 8000, 100, false, -55},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		check_format(&(struct bl_device_config){.format = kinds[i].format,
							.rate = kinds[i].rate,
							.block = kinds[i].block,
							.shielded = kinds[i].shielded,
							.in_db = -6,
							.out_db = -6},
			     kinds[i].rest_db);
}

/* 5 kHz come through from one wide device to the other. */
static void test_wide_devices(void)
{
	static const struct bl_device_config wide = {.rate = BL_RATE_WIDE};
	struct bl_engine *engine = kit_engine();
	struct device *from = new_device(engine, 1, &wide, 0, 400);
	struct device *to = new_device(engine, 2, &wide, 0, 400);
	int16_t said[320], heard[640];
	ssize_t size = 0;

	kit_bridge(engine, 1, (int64_t[]){1, 2}, 2);
	for (size_t tick = 0; tick < 50; tick++) {
		kit_tone_at(BL_RATE_WIDE, 5000, -10, tick * 320, said, 320);
		CHECK_EQUAL(640, write(from->fd, said, sizeof(said)));
		CHECK_EQUAL(640, write(to->fd, said, sizeof(said)));
		bl_engine_step(engine, 1);
		CHECK(read(from->fd, heard, sizeof(heard)) > 0);
		size = read(to->fd, heard, sizeof(heard));
	}
	CHECK_EQUAL(640, size);
	CHECK_WITHIN(-10.5, -9.5, kit_level_at(BL_RATE_WIDE, heard, 320, 5000));
	bl_engine_free(engine);
	free_device(from);
	free_device(to);
}

static void test_arguments(void)
{
	static const struct bl_device_config wrong[] = {
		{.rate = 0},
		{.rate = 48000},
		{.rate = 8000, .format = 5},
		{.rate = 8000, .format = -1},
		{.rate = 16000, .format = BL_DEVICE_PCMA},
		{.rate = 8000, .block = -1},
		{.rate = 8000, .block = 641},
		{.rate = 8000, .block = 160, .shielded = true},
		{.rate = 8000, .echo_ms = 8},
		{.rate = 8000, .in_db = 41},
		{.rate = 8000, .out_db = -INFINITY},
		{.rate = 8000, .out_db = (double)NAN},
	};
	struct bl_engine *engine = kit_engine();

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK_EQUAL(BL_EINVAL, bl_leg_add_device(engine, 1, 0, &wrong[i]));
	CHECK_EQUAL(BL_EINVAL, bl_leg_add_device(engine, 1, 0, NULL));
	CHECK_EQUAL(BL_EIO,
		    bl_leg_add_device(engine, 1, 4000, &(struct bl_device_config){.rate = 8000}));
	bl_engine_free(engine);
}

/* -- echo ----------------------------------------------------------------------------------- */

/* How loud a talker hears himself come back from a line with an echo 8 dB below him [dBm0]. */
static double comes_back(const struct bl_device_config *config, double ppm)
{
	struct bl_engine *engine = kit_engine();
	struct device *line = new_device(engine, 1, config, ppm, 400);
	struct device *talker =
		new_device(engine, 2, &(struct bl_device_config){.rate = BL_RATE}, 0, 400);
	double power = 0;

	memset(line->tone, 0, sizeof(line->tone));
	line->echo = 0.4;
	line->mute = talker->mute = true;
	for (int i = 0; i < BL_RATE; i++)
		talker->tone[i] = (int16_t)(rand() % 8000 - 4000);
	kit_bridge(engine, 1, (int64_t[]){1, 2}, 2);
	for (int tick = 0; tick < 8 * BL_TICKS_PER_S; tick++) {
		bl_engine_step(engine, 1);
		run_device(line, (int64_t)tick * BL_FRAME);
		run_device(talker, (int64_t)tick * BL_FRAME);
	}
	for (int i = 0; i < EARS; i++)
		power += (double)talker->ears[i] * talker->ears[i] / EARS;
	bl_engine_free(engine);
	free_device(line);
	free_device(talker);
	return 10.0 * log10(power / (4000.0 * 4000.0 / 3.0) + 1e-9);
}

static void test_echo_of_an_analogue_line(void)
{
	struct bl_device_config config = {.rate = BL_RATE};

	CHECK_WITHIN(-9, -7, comes_back(&config, 0));
	config.echo_ms = 64;
	CHECK_WITHIN(-90, -8 - 25, comes_back(&config, 0));
	CHECK_WITHIN(-90, -8 - 25, comes_back(&config, 200));
	CHECK_WITHIN(-90, -8 - 25, comes_back(&config, -200));
	config.block = 80;
	config.format = BL_DEVICE_PCMA; /* whose steps are an echo that nothing cancels */
	CHECK_WITHIN(-90, -8 - 20, comes_back(&config, 100));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_modems_whose_clocks_drift),
	CHECK_TEST(test_channels_whose_clocks_drift),
	CHECK_TEST(test_formats),
	CHECK_TEST(test_wide_devices),
	CHECK_TEST(test_arguments),
	CHECK_TEST(test_echo_of_an_analogue_line),
};

CHECK_MAIN(tests)
