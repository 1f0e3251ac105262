/* test_recorder.c  Feeds and the files made of them: marks, masks, rates, full and slow disks */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"
#include "kit.h"
#include "recorder.h"

static char directory[] = "recorder-XXXXXX";
static char path[sizeof(directory) + 16], marks[sizeof(directory) + 24];
static struct kit_wav wav;

/* A tick and a writer, by hand. */
static struct {
	struct bl_recorder recorder;
	struct bl_stack retired;
	struct bl_feed *feeds;
	uint64_t put; /* [samples] so far: the phase of what is said */
	uint64_t lost, closed_samples, gap_ms;
	int closed, why, gaps, gap;
} desk;

static void on_closed(struct bl_engine *engine, const struct bl_recording *recording)
{
	(void)engine;
	desk.closed++;
	desk.why = (int)recording->why;
	desk.closed_samples = recording->written;
}

static void on_gap(struct bl_engine *engine, const struct bl_recording *recording,
		   enum bl_feed_entry what, uint64_t at_ms)
{
	(void)engine;
	(void)recording;
	desk.gaps++;
	desk.gap = (int)what;
	desk.gap_ms = at_ms;
}

static struct bl_recording *begin_at(const char *where, struct bl_record_spec spec, int32_t rate)
{
	struct bl_recording *recording = NULL;

	memset(&desk, 0, sizeof(desk));
	desk.recorder.retired = &desk.retired;
	desk.recorder.closed = on_closed;
	desk.recorder.gap = on_gap;
	spec.path = where;
	spec.format = spec.format ? spec.format : BL_RECORD_WAV;
	CHECK_EQUAL(BL_OK, bl_recording_new(1, 2, &spec, rate, &recording));
	bl_recorder_add(&desk.recorder, recording);
	bl_feeds_add(&desk.feeds, &recording->feed);
	return recording;
}

static struct bl_recording *begin(struct bl_record_spec spec, int32_t rate)
{
	return begin_at(path, spec, rate);
}

/* The leg says 500 Hz and hears 800 Hz. */
static void put(int frames, int32_t rate)
{
	int16_t says[BL_FRAME_MAX], hears[BL_FRAME_MAX];
	size_t count = (size_t)rate / BL_TICKS_PER_S;

	while (frames--) {
		kit_tone(500.0 * 8000 / rate, -10, desk.put, says, count);
		kit_tone(800.0 * 8000 / rate, -10, desk.put, hears, count);
		desk.lost += bl_feeds_put(&desk.feeds, rate, says, hears);
		desk.put += count;
	}
}

static void put_and_write(int frames, int32_t rate)
{
	for (; frames > 0; frames -= 5) {
		put(frames < 5 ? frames : 5, rate);
		bl_recorder_service(&desk.recorder);
	}
}

static void finish(void)
{
	struct bl_node *node;

	bl_feeds_end_all(&desk.feeds);
	bl_recorder_service(&desk.recorder);
	CHECK_EQUAL(1, desk.closed);
	CHECK(!desk.recorder.list);
	for (node = bl_stack_take(&desk.retired); node;) {
		struct bl_node *next = node->next;

		node->release(NULL, node);
		node = next;
	}
}

static double level(int side, double from_s, double hz)
{
	return kit_level_dbm0(wav.side[side] + (size_t)(from_s * wav.rate), (size_t)wav.rate / 5,
			      hz * 8000 / wav.rate);
}

static void clean(void)
{
	unlink(path);
	unlink(marks);
}

static void test_rates_and_mono(void)
{
	static const int32_t rates[] = {8000, 16000, 48000};

	for (int i = 0; i < 6; i++) {
		int32_t rate = rates[i / 2];
		bool mono = i % 2;

		begin((struct bl_record_spec){.mono = mono}, rate);
		put_and_write(50, rate);
		finish();
		CHECK_EQUAL(BL_RECORD_COMPLETE, desk.why);
		CHECK_EQUAL(rate, desk.closed_samples);
		CHECK(kit_read_wav(path, &wav));
		CHECK_EQUAL(rate, wav.rate);
		CHECK_EQUAL(rate, wav.samples);
		CHECK_EQUAL(rate, wav.in_file);
		CHECK_EQUAL(mono ? 1 : 2, wav.channels);
		CHECK_WITHIN(-10.1, -9.9, level(0, 0.5, 500));
		CHECK_WITHIN(-10.1, -9.9, level(mono ? 0 : 1, 0.5, 800));
		CHECK_WITHIN(-300, mono ? 0 : -60, level(0, 0.5, 800));
		clean();
	}
}

/* A re-INVITE changed the codec: the file keeps its rate, length and pitch. */
static void test_rate_changes_in_the_midst(void)
{
	begin((struct bl_record_spec){0}, 8000);
	put_and_write(50, 8000);
	desk.put = 0;
	put_and_write(50, 48000);
	desk.put = 0;
	put_and_write(50, 16000);
	desk.put = 0;
	put_and_write(50, 8000);
	finish();
	CHECK(kit_read_wav(path, &wav));
	CHECK_EQUAL(8000, wav.rate);
	CHECK_WITHIN(4 * 8000 - 1, 4 * 8000 + 1, wav.samples);
	for (int second = 0; second < 4; second++) {
		CHECK_WITHIN(-10.2, -9.8, level(0, second + 0.4, 500));
		CHECK_WITHIN(-10.2, -9.8, level(1, second + 0.4, 800));
	}
	clean();
}

static bool marks_are(const char *expected)
{
	char text[256] = "";
	FILE *file = fopen(marks, "r");
	size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	if (strcmp(text, expected) != 0)
		printf("%zu bytes of marks: %s", size, text);
	return !strcmp(text, expected);
}

/* Ten minutes of pause are a beep, a line and an event; three frames are three frames. */
static void test_pause(void)
{
	struct bl_recording *recording = begin((struct bl_record_spec){0}, 8000);

	put_and_write(50, 8000);
	bl_feed_pause(&recording->feed, true);
	put_and_write(10 * 60 * 50, 8000);
	CHECK_EQUAL(0, desk.gaps);
	bl_feed_pause(&recording->feed, false);
	put_and_write(20, 8000);
	CHECK_EQUAL(1, desk.gaps);
	CHECK_EQUAL(BL_FEED_PAUSED, desk.gap);
	CHECK_EQUAL(1000, desk.gap_ms);
	bl_feed_pause(&recording->feed, true);
	put_and_write(3, 8000);
	finish(); /* a pause at the end is told too */
	CHECK_EQUAL(2, desk.gaps);
	CHECK_EQUAL(1640, desk.gap_ms);
	CHECK(marks_are("{\"at_ms\": 1000, \"mark\": \"paused\", \"ms\": 600000}\n"
			"{\"at_ms\": 1640, \"mark\": \"paused\", \"ms\": 60}\n"));
	CHECK(kit_read_wav(path, &wav));
	CHECK_EQUAL(1700 * 8, wav.samples);
	for (int side = 0; side < 2; side++) {
		CHECK_WITHIN(-20.2, -19.8,
			     kit_level_dbm0(wav.side[side] + 1030 * 8, 160 * 8, 1000));
		CHECK_WITHIN(-300, -60, kit_level_dbm0(wav.side[side] + 1640 * 8, 480, 500));
	}
	CHECK_WITHIN(-10.1, -9.9, level(0, 1.3, 500));
	clean();
}

/* Where the side is silent [ms]: from its first to its last zero of a run of 10 ms. */
static void silence_of(int side, int *from, int *to)
{
	*from = *to = -1;
	for (int ms = 0; ms + 10 <= (int)wav.samples / 8; ms++) {
		bool silent = true;

		for (int i = 0; i < 80 && silent; i++)
			silent = !wav.side[side][ms * 8 + i];
		if (silent && *from < 0)
			*from = ms;
		if (silent)
			*to = ms + 10;
	}
}

/* A digit is known late: what was put up to 60 ms ago is silent too, and only on its side. */
static void test_digits_are_hidden(void)
{
	int from, to;

	begin((struct bl_record_spec){.mask_digits = true}, 8000);
	put_and_write(50, 8000);
	for (int i = 0; i < 4; i++) {
		bl_feeds_hide_digit(desk.feeds, BL_SIDE_SAYS); /* each tick while it sounds */
		put_and_write(1, 8000);
	}
	put_and_write(50, 8000);
	finish();
	CHECK(kit_read_wav(path, &wav));
	CHECK_EQUAL(104 * BL_FRAME, wav.samples);
	silence_of(0, &from, &to);
	CHECK_EQUAL(1000 - 60, from);
	CHECK_EQUAL(1000 + 3 * 20 + 60, to);
	silence_of(1, &from, &to);
	CHECK_EQUAL(-1, from);
	clean();
	begin((struct bl_record_spec){0}, 8000); /* one that shall not hide them */
	put_and_write(5, 8000);
	bl_feeds_hide_digit(desk.feeds, BL_SIDE_BOTH);
	put_and_write(5, 8000);
	finish();
	CHECK(kit_read_wav(path, &wav));
	silence_of(0, &from, &to);
	CHECK_EQUAL(-1, from);
	clean();
}

static void test_blank_counts_milliseconds(void)
{
	struct bl_recording *recording = begin((struct bl_record_spec){.mask_digits = true}, 8000);
	int from, to;

	put_and_write(10, 8000);
	bl_feed_blank(&recording->feed, BL_SIDE_HEARS, 35, 0);
	put_and_write(10, 8000);
	finish();
	CHECK(kit_read_wav(path, &wav));
	silence_of(1, &from, &to);
	CHECK_EQUAL(200 - 35, from);
	CHECK_EQUAL(200, to);
	clean();
}

static void test_mute(void)
{
	struct bl_recording *recording = begin((struct bl_record_spec){0}, 16000);

	put_and_write(25, 16000);
	bl_feed_mute(&recording->feed, BL_SIDE_HEARS);
	put_and_write(25, 16000);
	bl_feed_mute(&recording->feed, 0);
	put_and_write(25, 16000);
	finish();
	CHECK(kit_read_wav(path, &wav));
	CHECK_EQUAL(24000, wav.samples);
	CHECK_WITHIN(-10.1, -9.9, level(1, 0.2, 800));
	CHECK_WITHIN(-400, -200, level(1, 0.6, 800));
	CHECK_WITHIN(-10.1, -9.9, level(0, 0.6, 500));
	CHECK_WITHIN(-10.1, -9.9, level(1, 1.2, 800));
	clean();
}

/* A writer that stalls for 6 s loses what is beyond its 4 s, counts it and marks it. */
static void test_slow_disk(void)
{
	begin((struct bl_record_spec){0}, 8000);
	put(300, 8000);
	CHECK_WITHIN(95 * BL_FRAME, 100 * BL_FRAME, desk.lost);
	bl_recorder_service(&desk.recorder);
	put_and_write(50, 8000);
	finish();
	CHECK_EQUAL(1, desk.gaps);
	CHECK_EQUAL(BL_FEED_LOST, desk.gap);
	CHECK(kit_read_wav(path, &wav));
	CHECK_EQUAL(350 * BL_FRAME - desk.lost + 240 * 8, wav.samples);
	CHECK_EQUAL((300 * BL_FRAME - desk.lost) / 8, desk.gap_ms);
	clean();
}

/* Several feeds of one leg: each goes its own way. */
static void test_many_of_one_leg(void)
{
	struct bl_recording *second = NULL;
	struct bl_record_spec spec = {.path = marks, .format = BL_RECORD_WAV};

	begin((struct bl_record_spec){.longest_ms = 510}, 8000);
	CHECK_EQUAL(BL_OK, bl_recording_new(7, 2, &spec, 8000, &second));
	bl_recorder_add(&desk.recorder, second);
	bl_feeds_add(&desk.feeds, &second->feed);
	CHECK(bl_feeds_find(desk.feeds, BL_FEED_RECORDING, 1));
	CHECK(bl_feeds_find(desk.feeds, BL_FEED_RECORDING, 7) == &second->feed);
	CHECK(!bl_feeds_find(desk.feeds, BL_FEED_TAP, 7));
	put_and_write(50, 8000);
	/* the first has reached its limit, and the tick let it go */
	CHECK_EQUAL(1, desk.closed);
	CHECK_EQUAL(BL_RECORD_LONGEST, desk.why);
	CHECK_EQUAL(4080, desk.closed_samples);
	CHECK(!bl_feeds_find(desk.feeds, BL_FEED_RECORDING, 1));
	CHECK(kit_read_wav(path, &wav));
	CHECK_EQUAL(4080, wav.in_file);
	desk.closed = 0;
	finish();
	CHECK_EQUAL(8000, desk.closed_samples);
	CHECK(kit_read_wav(marks, &wav));
	CHECK_EQUAL(8000, wav.samples);
	clean();
}

/* In a mount namespace of its own: a disk of 64 kB. Returns what failed. */
static int fill_a_disk(void)
{
	char small[sizeof(directory) + 16], second[sizeof(directory) + 16], decode[128];
	struct bl_record_spec other = {.path = second, .format = BL_RECORD_WAV};
	struct bl_recording *none = NULL;

	snprintf(small, sizeof(small), "%s/full.wav", directory);
	snprintf(second, sizeof(second), "%s/second.wav", directory);
	for (int i = 0; i < 2; i++) {
		/* Opus needs 20 s to fill it */
		bool opus = i;

		begin_at(small, (struct bl_record_spec){.format = opus ? BL_RECORD_OPUS : 0},
			 8000);
		put_and_write(opus ? 60 * 50 : 5 * 50, 8000);
		CHECK(!desk.feeds); /* the tick let go by itself */
		finish();
		CHECK_EQUAL(BL_RECORD_DISK_FULL, desk.why);
		if (!opus) {
			CHECK(kit_read_wav(small, &wav));
			CHECK_EQUAL(desk.closed_samples, wav.samples);
			CHECK_WITHIN(60000 / 4, 65536 / 4, wav.samples);
		} else {
			CHECK_WITHIN(10 * 8000, 50 * 8000, desk.closed_samples);
			snprintf(decode, sizeof(decode), "opusdec --quiet %s /dev/null", small);
			CHECK_EQUAL(0, system(decode));
		}
		if (!opus) { /* a new one is refused, and leaves nothing */
			CHECK_EQUAL(BL_ENOSPC, bl_recording_new(2, 2, &other, 8000, &none));
			CHECK(access(other.path, F_OK));
		}
		unlink(small);
	}
	return check_failures;
}

static void test_full_disk(void)
{
	pid_t child = fork();
	int status = 0;

	if (!child) {
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("none", directory, "tmpfs", 0, "size=64k"))
			_exit(77);
		check_failures = 0;
		_exit(fill_a_disk() ? 1 : 0);
	}
	CHECK_EQUAL(child, waitpid(child, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		printf("skipped: mounting a small disk needs root\n");
	else
		CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* Records as fast as it can and says how much; somebody will kill it. */
static void record_until_killed(int told, int format)
{
	begin((struct bl_record_spec){.format = format}, 8000);
	for (;;) {
		put_and_write(5, 8000);
		if (write(told, &desk.put, sizeof(desk.put)) != sizeof(desk.put))
			_exit(1);
	}
}

/* What kill -9 leaves can be played and lacks little more than a second. */
static void test_kill(void)
{
	for (int format = BL_RECORD_WAV; format <= BL_RECORD_OPUS; format++) {
		char command[256];
		uint64_t put_so_far = 0;
		int told[2], status;
		pid_t child;

		CHECK(!pipe(told));
		child = fork();
		if (!child)
			record_until_killed(told[1], format);
		close(told[1]);
		while (put_so_far < 5 * 8000 + 1234 &&
		       read(told[0], &put_so_far, sizeof(put_so_far)) > 0)
			;
		kill(child, SIGKILL);
		CHECK_EQUAL(child, waitpid(child, &status, 0));
		CHECK(WIFSIGNALED(status));
		close(told[0]);
		if (format == BL_RECORD_OPUS) {
			snprintf(command, sizeof(command),
				 "opusdec --quiet --rate 8000 %s %s.wav && mv %s.wav %s", path,
				 path, path, path);
			CHECK_EQUAL(0, system(command));
		}
		CHECK(kit_read_wav(path, &wav));
		CHECK_WITHIN(put_so_far - 8000 - 2800, KIT_WAV, wav.samples);
		CHECK_WITHIN(-13, -9, level(0, 2.0, 500)); /* 12 kbit/s are for voices */
		CHECK_WITHIN(-13, -9, level(1, 2.0, 800));
		clean();
	}
}

static void test_arguments(void)
{
	struct bl_recording *recording = NULL;
	struct bl_record_spec good = {.path = path, .format = BL_RECORD_WAV}, bad = good;
	struct bl_feed feed;

	CHECK_EQUAL(BL_EINVAL, bl_recording_new(1, 1, &good, 44100, &recording));
	bad.format = 0;
	CHECK_EQUAL(BL_EINVAL, bl_recording_new(1, 1, &bad, 8000, &recording));
	bad = good;
	bad.longest_ms = -1;
	CHECK_EQUAL(BL_EINVAL, bl_recording_new(1, 1, &bad, 8000, &recording));
	bad = good;
	bad.path = "/nowhere/x.wav";
	CHECK_EQUAL(BL_EIO, bl_recording_new(1, 1, &bad, 8000, &recording));
	bad.path = "/dev/full"; /* it exists: not ours */
	CHECK_EQUAL(BL_EIO, bl_recording_new(1, 1, &bad, 8000, &recording));
	bad.path = "";
	CHECK_EQUAL(BL_EINVAL, bl_recording_new(1, 1, &bad, 8000, &recording));
	CHECK_EQUAL(BL_EINVAL, bl_feed_init(&feed, BL_FEED_TAP, 1, 3000, 0));
	CHECK_EQUAL(BL_EINVAL, bl_feed_init(&feed, BL_FEED_TAP, 1, 4096, 4));
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_rates_and_mono),
		CHECK_TEST(test_rate_changes_in_the_midst),
		CHECK_TEST(test_pause),
		CHECK_TEST(test_digits_are_hidden),
		CHECK_TEST(test_blank_counts_milliseconds),
		CHECK_TEST(test_mute),
		CHECK_TEST(test_slow_disk),
		CHECK_TEST(test_many_of_one_leg),
		CHECK_TEST(test_full_disk),
		CHECK_TEST(test_kill),
		CHECK_TEST(test_arguments),
	};
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(directory))
		return 2;
	snprintf(path, sizeof(path), "%s/test.wav", directory);
	snprintf(marks, sizeof(marks), "%s.marks", path);
	failed = check_run(tests, sizeof(tests) / sizeof(tests[0]));
	rmdir(directory);
	return failed;
}
