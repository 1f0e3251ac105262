/* test_record_leg.c  Recordings of a leg: both directions in step, whole files also after a kill
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "kit.h"

enum { HEADER = 44, LONGEST = 8000 * 8 };

struct wav {
	size_t samples; /* what the header says */
	size_t in_file; /* what the file holds */
	int16_t pcm[LONGEST][2];
};

static char directory[] = "recorder-XXXXXX";
static char path[sizeof(directory) + 16];

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool read_wav(struct wav *wav)
{
	uint8_t header[HEADER];
	FILE *file = fopen(path, "rb");
	bool good = file && fread(header, HEADER, 1, file) == 1;

	if (good) {
		wav->in_file = fread(wav->pcm, 4, LONGEST, file);
		wav->samples = le32(header + 40) / 4;
		good = !memcmp(header, "RIFF", 4) && !memcmp(header + 8, "WAVEfmt ", 8) &&
		       header[22] == 2 && le32(header + 24) == 8000 && header[34] == 16 &&
		       le32(header + 4) == 36 + wav->samples * 4;
	}
	if (file)
		fclose(file);
	return good;
}

static int onset(const struct wav *wav, int channel)
{
	for (size_t i = 0; i < wav->in_file; i++) {
		if (abs(wav->pcm[i][channel]) > 300)
			return (int)i;
	}
	return -1;
}

/* The level of a sine in the last half second of one channel. */
static double level(const struct wav *wav, int channel, double hz)
{
	static int16_t pcm[4000];

	for (size_t i = 0; i < 4000; i++)
		pcm[i] = wav->pcm[wav->in_file - 4000 + i][channel];
	return kit_level_dbm0(pcm, 4000, hz);
}

static void test_both_directions_in_step(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phones[] = {kit_phone(engine, 1, -1), kit_phone(engine, 2, -1)};
	static struct wav wav;
	struct bl_event event = {0};

	kit_bridge(engine, 1, (int64_t[]){1, 2}, 2);
	CHECK_EQUAL(BL_OK, kit_record(engine, 9, 1, path));
	CHECK_EQUAL(BL_EEXIST, kit_record(engine, 9, 1, path));
	CHECK_EQUAL(BL_EIO, kit_record(engine, 10, 1, path)); /* no file is overwritten */
	CHECK_EQUAL(BL_ENOENT, kit_record(engine, 10, 3, path));
	for (int tick = 0; tick < 100; tick++) {
		int16_t frame[BL_FRAME] = {0};

		for (int i = 0; i < 2; i++) {
			if (tick >= 50)
				kit_tone(i ? 620 : 440, -10.0, (size_t)tick * BL_FRAME, frame,
					 BL_FRAME);
			kit_say(phones[i], frame, BL_FRAME);
		}
		bl_engine_step(engine, 1);
	}
	CHECK_EQUAL(BL_OK, bl_record_stop(engine, 9));
	bl_engine_step(engine, 1);
	while (bl_engine_poll(engine, &event, 1) == 1 && event.kind != BL_EVENT_RECORD_CLOSED)
		;
	CHECK_EQUAL(BL_EVENT_RECORD_CLOSED, event.kind);
	CHECK_EQUAL(9, event.id);
	CHECK_EQUAL(BL_RECORD_COMPLETE, event.code);
	CHECK_EQUAL(100 * 20, event.value);
	CHECK(read_wav(&wav));
	CHECK_EQUAL(100 * BL_FRAME, wav.samples);
	CHECK_EQUAL(wav.samples, wav.in_file);
	CHECK_WITHIN(50 * BL_FRAME, 54 * BL_FRAME, onset(&wav, 0));
	CHECK_WITHIN(onset(&wav, 0) - BL_FRAME, onset(&wav, 0) + BL_FRAME, onset(&wav, 1));
	CHECK_WITHIN(-10.2, -9.8, level(&wav, 0, 440));
	CHECK_WITHIN(-300, -60, level(&wav, 0, 620));
	CHECK_WITHIN(-10.2, -9.8, level(&wav, 1, 620));
	CHECK_WITHIN(-300, -60, level(&wav, 1, 440));
	CHECK_EQUAL(BL_ENOENT, bl_record_stop(engine, 9));
	bl_engine_free(engine);
	kit_phone_free(phones[0]);
	kit_phone_free(phones[1]);
	unlink(path);
}

/* Removing the leg, or freeing the engine, completes the file. */
static void test_leg_and_engine_end_it(void)
{
	static struct wav wav;

	for (int remove = 0; remove < 2; remove++) {
		struct bl_engine *engine = kit_engine();
		struct kit_phone *phone = kit_phone(engine, 1, -1);

		CHECK_EQUAL(BL_OK, kit_record(engine, 1, 1, path));
		bl_engine_step(engine, 10);
		if (remove) {
			bl_leg_remove(engine, 1);
			CHECK_EQUAL(BL_OK, bl_record_stop(engine, 1));
			bl_engine_step(engine, 1);
			CHECK_EQUAL(1, kit_count_events(engine, BL_EVENT_RECORD_CLOSED));
		}
		bl_engine_free(engine);
		CHECK(read_wav(&wav));
		CHECK_EQUAL(10 * BL_FRAME, wav.samples);
		kit_phone_free(phone);
		unlink(path);
	}
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void record_for_ever(void)
{
	struct bl_engine_config config = {.max_legs = 4, .cpu = -1, .unbatched = kit_unbatched()};
	struct bl_engine *engine;
	struct kit_phone *phone;

	if (bl_engine_new(&config, &engine) || bl_engine_start(engine))
		_exit(1);
	phone = kit_phone(engine, 1, -1);
	if (!phone || kit_record(engine, 1, 1, path))
		_exit(1);
	for (;;)
		sleep_ms(100);
}

/* Waits until the header of the growing file speaks of sound; then what a kill leaves is whole. */
static void test_killed_process_leaves_a_whole_file(void)
{
	static struct wav wav;
	pid_t child = fork();
	int status, tries = 0;

	if (!child)
		record_for_ever();
	while ((!read_wav(&wav) || !wav.samples) && ++tries < 2000)
		sleep_ms(10);
	kill(child, SIGKILL);
	CHECK_EQUAL(child, waitpid(child, &status, 0));
	CHECK(WIFSIGNALED(status));
	CHECK(read_wav(&wav));
	CHECK_WITHIN(8000, LONGEST, wav.samples);
	CHECK_WITHIN(wav.samples, LONGEST, wav.in_file);
	unlink(path);
}

/* A file that may not grow: told once, by name, and the call goes on. */
static void test_write_error_is_told(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);
	struct rlimit before, small;
	static struct wav wav;
	struct bl_event event = {0};

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){.rlim_cur = HEADER + 4 * 1000, .rlim_max = before.rlim_max};
	CHECK_EQUAL(BL_OK, kit_record(engine, 1, 1, path));
	setrlimit(RLIMIT_FSIZE, &small);
	bl_engine_step(engine, 50);
	setrlimit(RLIMIT_FSIZE, &before);
	while (bl_engine_poll(engine, &event, 1) == 1 && event.kind != BL_EVENT_RECORD_CLOSED)
		;
	CHECK_EQUAL(BL_EVENT_RECORD_CLOSED, event.kind);
	CHECK_EQUAL(BL_RECORD_FAILED, event.code);
	CHECK_EQUAL(1000 / 8, event.value);
	CHECK(read_wav(&wav));
	CHECK_EQUAL(1000, wav.samples);
	kit_listen(phone);
	CHECK_EQUAL(50 * BL_FRAME, phone->heard_count);
	bl_engine_free(engine);
	kit_phone_free(phone);
	unlink(path);
}

/* Linux's device that is always full. */
static void test_full_disk_is_refused(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);

	CHECK_EQUAL(BL_EIO, kit_record(engine, 1, 1, "/dev/full")); /* it exists: not ours */
	CHECK_EQUAL(BL_EIO, kit_record(engine, 1, 1, "/nowhere/x.wav"));
	CHECK_EQUAL(BL_EINVAL, kit_record(engine, 1, 1, ""));
	bl_engine_free(engine);
	kit_phone_free(phone);
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_both_directions_in_step),
		CHECK_TEST(test_leg_and_engine_end_it),
		CHECK_TEST(test_killed_process_leaves_a_whole_file),
		CHECK_TEST(test_write_error_is_told),
		CHECK_TEST(test_full_disk_is_refused),
	};
	int failed;

	if (!mkdtemp(directory))
		return 2;
	snprintf(path, sizeof(path), "%s/test.wav", directory);
	failed = check_run(tests, sizeof(tests) / sizeof(tests[0]));
	rmdir(directory);
	return failed;
}
