/* test_device_faults.c  What devices do beside sound: a modem's codes, garbage, stalls, ends */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "check.h"
#include "device.h"
#include "device_kit.h"
#include "kit.h"
#include "v253.h"

/* -- voice modems --------------------------------------------------------------------------- */

static const struct bl_device_config voice_modem = {
	.rate = BL_RATE,
	.format = BL_DEVICE_U8,
	.shielded = true,
};

/* A line in 8 bits: a frame of a digit's tone (0: of silence), with codes behind it. */
static void modem_says(struct device *modem, char digit, size_t at, const char *codes)
{
	static const double high[] = {1209, 1336, 1477}, low[] = {697, 770, 852};
	int16_t tones[2][BL_FRAME];
	uint8_t bytes[BL_FRAME], shielded[2 * BL_FRAME];
	int key = digit ? digit - '1' : 0;

	for (int i = 0; i < 2; i++)
		kit_tone(i ? high[key % 3] : low[key / 3 % 3], digit ? -10 : -90, at * BL_FRAME,
			 tones[i], BL_FRAME);
	for (int i = 0; i < BL_FRAME; i++)
		bytes[i] = (uint8_t)(((digit ? tones[0][i] + tones[1][i] : 0) >> 8) + 128);
	CHECK(write(modem->fd, shielded, bl_v253_shield(bytes, BL_FRAME, shielded)) > 0);
	CHECK_EQUAL((ssize_t)strlen(codes), write(modem->fd, codes, strlen(codes)));
}

/* The modem tells what our own detector finds as well: one digit each, whoever is first. */
static void test_digits_are_told_once(void)
{
	static const char *const late[] = {
		[7] = "\020/\0205",
		[8] = "\0205",
		[9] = "\x10~",
	};
	static const char *const soon[] = {
		[0] = "\020/\0205",
		[3] = "\0205",
		[9] = "\x10~",
	};
	for (int first = 0; first < 2; first++) {
		struct bl_engine *engine = kit_engine();
		struct device *modem = new_device(engine, 1, &voice_modem, 0, 400);
		struct bl_event event;
		int told = 0;

		CHECK_EQUAL(BL_OK, bl_leg_detect(engine, 1, true));
		for (size_t tick = 0; tick < 60; tick++) {
			size_t at = tick % 20;
			const char *codes = at < 10 ? first ? soon[at] : late[at] : NULL;

			modem_says(modem, at < 6 ? '5' : 0, tick, codes ? codes : "");
			bl_engine_step(engine, 1);
		}
		while (bl_engine_poll(engine, &event, 1) == 1) {
			if (event.kind != BL_EVENT_DIGIT)
				continue;
			CHECK_EQUAL('5', event.code);
			told++;
			CHECK_EQUAL(first || told > 1 ? BL_DIGIT_DEVICE : BL_DIGIT_INBAND,
				    event.id);
		}
		CHECK_EQUAL(3, told);
		bl_engine_free(engine);
		free_device(modem);
	}
}

static void test_codes_are_told_and_the_end(void)
{
	struct bl_engine *engine = kit_engine();
	struct device *modem = new_device(engine, 1, &voice_modem, 0, 400);
	const char *want = "bqlo";
	struct bl_event event;

	modem_says(modem, 0, 0,
		   "\x10"
		   "b\x10q\x10");
	bl_engine_step(engine, 1);
	CHECK_EQUAL(2, write(modem->fd, "l\x10", 2));
	bl_engine_step(engine, 1);
	CHECK_EQUAL(3, write(modem->fd, "o\x10\x03", 3));
	bl_engine_step(engine, 1);
	CHECK_EQUAL(5, write(modem->fd,
			     "\x10"
			     "bOK\r",
			     5)); /* its commands' answer */
	bl_engine_step(engine, 5);
	while (bl_engine_poll(engine, &event, 1) == 1) {
		if (event.kind == BL_EVENT_DEVICE_CODE)
			CHECK_EQUAL(*want++, event.code);
		if (event.kind == BL_EVENT_DEVICE_GONE)
			CHECK_EQUAL(BL_DEVICE_FINISHED, event.code);
	}
	CHECK_EQUAL(0, *want);
	bl_engine_free(engine);
	free_device(modem);
}

/* [bytes] that came in one tick */
static size_t written_in_a_tick(struct bl_engine *engine, const struct device *device)
{
	uint8_t bytes[4096];
	ssize_t size;

	bl_engine_step(engine, 1);
	size = read(device->fd, bytes, sizeof(bytes));
	return size > 0 ? (size_t)size : 0;
}

static void test_an_underrun_is_made_good(void)
{
	struct bl_engine *engine = kit_engine();
	struct device *modem = new_device(engine, 1, &voice_modem, 0, 400);

	CHECK_EQUAL(160 + 240, written_in_a_tick(engine, modem));
	for (size_t tick = 0; tick < 20; tick++) {
		modem_says(modem, 0, tick, "");
		CHECK_EQUAL(160, written_in_a_tick(engine, modem));
	}
	modem_says(modem, 0, 0, "\x10u");
	CHECK_EQUAL(160 + 240, written_in_a_tick(engine, modem));
	bl_engine_free(engine);
	free_device(modem);
}

/* -- broken ones ---------------------------------------------------------------------------- */

/* Two phones that talk, beside whatever a device does. */
struct talk {
	struct bl_engine *engine;
	struct kit_phone *phones[2];
	size_t said;
};

static struct talk new_talk(void)
{
	struct talk talk = {.engine = kit_engine()};

	for (int i = 0; i < 2; i++)
		talk.phones[i] = kit_phone(talk.engine, 11 + i, -1);
	kit_bridge(talk.engine, 9, (int64_t[]){11, 12}, 2);
	return talk;
}

static void go_on(struct talk *talk)
{
	for (int i = 0; i < 2; i++) {
		int16_t frame[BL_FRAME];

		kit_tone(500 + 200 * i, -10, talk->said, frame, BL_FRAME);
		kit_say(talk->phones[i], frame, BL_FRAME);
	}
	talk->said += BL_FRAME;
	bl_engine_step(talk->engine, 1);
	for (int i = 0; i < 2; i++)
		kit_listen(talk->phones[i]);
}

/* Nobody has noticed anything. */
static void end_talk(struct talk *talk)
{
	for (int i = 0; i < 2; i++) {
		const struct kit_phone *phone = talk->phones[i];
		const int16_t *last = phone->heard + phone->heard_count - 1600;

		CHECK_EQUAL(talk->said, phone->heard_count);
		CHECK_WITHIN(-10.5, -9.5, kit_level_dbm0(last, 1600, 700 - 200 * i));
		CHECK_WITHIN(-100, -30, kit_rest_db(last, 1600, 700 - 200 * i));
		CHECK_EQUAL(0, stats_of(talk->engine, 11 + i).concealed);
	}
	bl_engine_free(talk->engine);
	for (int i = 0; i < 2; i++)
		kit_phone_free(talk->phones[i]);
}

/* The reason word of the one event that tells it; -1: there is none, -2: there are two. */
static int gone(struct bl_engine *engine)
{
	struct bl_event event;
	int why = -1;

	while (bl_engine_poll(engine, &event, 1) == 1) {
		if (event.kind == BL_EVENT_DEVICE_GONE)
			why = why == -1 ? event.code : -2;
	}
	return why;
}

static void test_garbage(void)
{
	static const struct bl_device_config kinds[] = {
		{.rate = 8000},
		{.rate = 16000, .echo_ms = 32, .suppress = true, .in_db = 40},
		{.rate = 8000, .format = BL_DEVICE_U8, .shielded = true},
		{.rate = 8000, .format = BL_DEVICE_PCMU, .block = 37, .echo_ms = 16},
	};
	struct talk talk = new_talk();
	struct device *devices[4];

	for (int i = 0; i < 4; i++)
		devices[i] = new_device(talk.engine, 1 + i, &kinds[i], 0, 400);
	kit_bridge(talk.engine, 1, (int64_t[]){1, 2, 3, 4}, 4);
	for (int tick = 0; tick < 200; tick++) {
		for (int i = 0; i < 4; i++) {
			uint8_t bytes[3000];
			size_t size = (size_t)(rand() % 20 ? rand() % 700 : rand() % 3000);

			for (size_t k = 0; k < size; k++)
				bytes[k] = (uint8_t)(rand() % 16 ? rand() : 0x10);
			for (size_t k = 0; k < size; k++) /* all but the end */
				bytes[k] = bytes[k] == 3 ? 4 : bytes[k];
			CHECK_WITHIN(-1, (double)size, (double)write(devices[i]->fd, bytes, size));
			take_in(devices[i]);
			devices[i]->waiting = 0;
		}
		go_on(&talk);
	}
	CHECK_EQUAL(-1, gone(talk.engine));
	CHECK_WITHIN(1, 1e6, (double)stats_of(talk.engine, 3).malformed);
	end_talk(&talk);
	for (int i = 0; i < 4; i++)
		free_device(devices[i]);
}

/* It gives as much as it can, forever: no more is taken than some frames a tick. */
static void test_flood(void)
{
	struct talk talk = new_talk();
	struct device *device =
		new_device(talk.engine, 1, &(struct bl_device_config){.rate = BL_RATE}, 0, 400);
	uint8_t bytes[16384] = {0};

	kit_bridge(talk.engine, 1, (int64_t[]){1}, 1);
	for (int tick = 0; tick < 100; tick++) {
		while (write(device->fd, bytes, sizeof(bytes)) > 0)
			;
		take_in(device);
		CHECK_WITHIN(0, 800, device->waiting); /* nor is it flooded in return */
		device->waiting = 0;
		go_on(&talk);
	}
	CHECK_EQUAL(100 * 4 * BL_DEVICE_READ, stats_of(talk.engine, 1).bytes_in);
	end_talk(&talk);
	free_device(device);
}

/* It takes nothing for a while, and gives nothing either or goes on: then it goes on as before. */
static void check_stall(bool writes)
{
	struct talk talk = new_talk();
	struct device *device =
		new_device(talk.engine, 1, &(struct bl_device_config){.rate = BL_RATE}, 0, 400);

	for (int tick = 0; tick < 500; tick++) {
		if (tick == 100) {
			device->reads = false;
			device->writes = writes;
		}
		if (tick == 250) {
			device->reads = device->writes = true;
			if (!writes) /* its clock stood still */
				device->due = (double)device->played;
		}
		if (tick == 400)
			device->least = device->most = device->waiting;
		go_on(&talk);
		if (tick < 100 || tick >= 250 || writes)
			run_device(device, (int64_t)tick * BL_FRAME);
	}
	/* within 3 s the lead is back, 40 ms more are let be; of one that went on recording we
	 * cannot know how much of its own memory is full */
	CHECK_WITHIN(160, writes ? BUFFER : 720, device->least);
	CHECK_WITHIN(160, writes ? BUFFER : 720, device->most);
	CHECK_WITHIN(1, 200, stats_of(talk.engine, 1).send_errors);
	CHECK_EQUAL(-1, gone(talk.engine));
	end_talk(&talk);
	free_device(device);
}

static void test_a_device_that_takes_nothing(void)
{
	check_stall(true);
	check_stall(false);
}

static void test_the_end_has_a_reason(void)
{
	struct talk talk = new_talk();
	struct device *device =
		new_device(talk.engine, 1, &(struct bl_device_config){.rate = BL_RATE}, 0, 400);
	int master = posix_openpt(O_RDWR | O_NOCTTY), pipes[2];

	go_on(&talk);
	close(device->fd);
	device->fd = -1;
	go_on(&talk);
	CHECK_EQUAL(BL_DEVICE_ENDED, gone(talk.engine));

	/* a terminal of which the other side is closed gives EIO */
	CHECK_EQUAL(0, grantpt(master));
	CHECK_EQUAL(0, unlockpt(master));
	close(open(ptsname(master), O_RDWR | O_NOCTTY));
	CHECK_EQUAL(BL_OK, kit_device(talk.engine, 2, master));
	close(master);
	for (int i = 0; i < 3; i++)
		go_on(&talk);
	CHECK_EQUAL(BL_DEVICE_HUNG_UP, gone(talk.engine));

	/* a descriptor that cannot be read at all */
	CHECK_EQUAL(0, pipe(pipes));
	CHECK_EQUAL(BL_OK, kit_device(talk.engine, 3, pipes[1]));
	for (int i = 0; i < 3; i++)
		go_on(&talk);
	CHECK_EQUAL(BL_DEVICE_FAILED, gone(talk.engine));
	close(pipes[0]);
	close(pipes[1]);
	for (int i = 0; i < 20; i++)
		go_on(&talk);
	end_talk(&talk);
	free_device(device);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_digits_are_told_once),
	CHECK_TEST(test_codes_are_told_and_the_end),
	CHECK_TEST(test_an_underrun_is_made_good),
	CHECK_TEST(test_garbage),
	CHECK_TEST(test_flood),
	CHECK_TEST(test_a_device_that_takes_nothing),
	CHECK_TEST(test_the_end_has_a_reason),
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* as in every thread of a running engine */
	setvbuf(stdout, NULL, _IOLBF, 0);
	return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
