/* test_tap.c  Taps: frames and their clock, slow readers, readers that go away */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "check.h"
#include "kit.h"
#include "tap.h"

/* A tick and a tap thread, by hand. */
static struct {
	struct bl_tapper tapper;
	struct bl_stack retired;
	struct bl_feed *feeds;
	int reader, ended, why;
	bool messages; /* what is not read of one at once is gone */
	uint64_t lost;
} desk;

/* A frame as the reader gets it. */
struct frame {
	int sides, rate, count;
	uint64_t clock;
	int16_t pcm[BL_FRAME_MAX * 2];
};

static void on_ended(struct bl_engine *engine, const struct bl_tap *tap)
{
	(void)engine;
	CHECK_EQUAL(3, tap->id);
	desk.ended++;
	desk.why = (int)tap->why;
	desk.lost = tap->lost;
}

/* domain 0: a pipe */
static struct bl_tap *begin(int domain, int type, int sides, bool mask_digits)
{
	struct bl_tap *tap = NULL;
	int ends[2] = {-1, -1};

	memset(&desk, 0, sizeof(desk));
	desk.tapper.retired = &desk.retired;
	desk.tapper.ended = on_ended;
	desk.messages = type == SOCK_SEQPACKET;
	CHECK(!(domain ? socketpair(domain, type, 0, ends) : pipe(ends)));
	CHECK_EQUAL(BL_OK, bl_tap_new(3, 4, ends[1], sides, mask_digits, &tap));
	close(ends[1]); /* the tap has its own */
	desk.reader = ends[0];
	fcntl(desk.reader, F_SETFL, O_NONBLOCK);
	bl_tapper_add(&desk.tapper, tap);
	bl_feeds_add(&desk.feeds, &tap->feed);
	return tap;
}

/* One frame; its samples are its number, those that are heard the negative of it. */
static void put(int number, int32_t rate)
{
	int16_t says[BL_FRAME_MAX], hears[BL_FRAME_MAX];

	for (int i = 0; i < BL_FRAME_MAX; i++) {
		says[i] = (int16_t)number;
		hears[i] = (int16_t)-number;
	}
	bl_feeds_put(&desk.feeds, rate, says, hears);
	bl_tapper_service(&desk.tapper);
}

/* In small portions, so that the tap finds room for parts of frames. */
static bool read_all(void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t run = size - done < 700 ? size - done : 700;
		ssize_t n = read(desk.reader, (uint8_t *)to + done, run);

		if (n <= 0)
			return false;
		done += (size_t)n;
		bl_tapper_service(&desk.tapper);
	}
	return true;
}

static bool read_frame(struct frame *frame)
{
	uint8_t message[BL_TAP_FRAME_MAX] = {0}, *header = message;
	int both;

	if (desk.messages ? read(desk.reader, message, sizeof(message)) < BL_TAP_HEADER
			  : !read_all(header, BL_TAP_HEADER))
		return false;
	if (memcmp(header, "BT\1", 3) != 0)
		return false;
	frame->sides = header[3];
	frame->rate = header[4] | header[5] << 8;
	frame->count = header[6] | header[7] << 8;
	frame->clock = 0;
	for (int i = 0; i < 8; i++)
		frame->clock |= (uint64_t)header[8 + i] << (8 * i);
	both = frame->sides == BL_SIDE_BOTH ? 2 : 1;
	if (frame->count > BL_FRAME_MAX)
		return false;
	memcpy(frame->pcm, message + BL_TAP_HEADER, sizeof(frame->pcm));
	return desk.messages || read_all(frame->pcm, (size_t)frame->count * 2 * (size_t)both);
}

static void end(void)
{
	bl_feeds_end_all(&desk.feeds);
	CHECK(!bl_tapper_service(&desk.tapper));
	CHECK_EQUAL(1, desk.ended);
	for (struct bl_node *node = bl_stack_take(&desk.retired); node;) {
		struct bl_node *next = node->next;

		node->release(NULL, node);
		node = next;
	}
	if (desk.reader >= 0)
		close(desk.reader);
}

static void test_frames(void)
{
	static const int32_t rates[] = {8000, 16000, 48000, 8000};
	struct frame frame = {0};

	for (int sides = BL_SIDE_SAYS; sides <= BL_SIDE_BOTH; sides++) {
		begin(AF_UNIX, SOCK_STREAM, sides, false);
		for (int i = 0; i < 4; i++) {
			put(i + 1, rates[i]);
			CHECK(read_frame(&frame)); /* in the same 20 ms */
			CHECK_EQUAL(sides, frame.sides);
			CHECK_EQUAL(rates[i], frame.rate);
			CHECK_EQUAL(rates[i] / 50, frame.count);
			CHECK_EQUAL(960 * i, frame.clock);
			CHECK_EQUAL(sides == BL_SIDE_HEARS ? -i - 1 : i + 1, frame.pcm[0]);
			CHECK_EQUAL(sides == BL_SIDE_SAYS ? i + 1 : -i - 1,
				    frame.pcm[frame.count * (sides == BL_SIDE_BOTH ? 2 : 1) - 1]);
		}
		end();
		CHECK_EQUAL(BL_TAP_STOPPED, desk.why);
		CHECK_EQUAL(0, desk.lost);
	}
}

/* A reader that sleeps gets whole frames, then a gap that the clock shows, then what is live. */
static void slow_reader(int domain, int type, int32_t rate)
{
	enum { FRAMES = 5000 };
	struct frame frame;
	struct bl_tap *tap;
	uint64_t next = 0, missing = 0;
	int got = 0, last = 0;

	tap = begin(domain, type, BL_SIDE_BOTH, false);
	/* as small as it gets */
	setsockopt(tap->fd, SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int));
	for (int i = 0; i < FRAMES; i++)
		put(i % 30000 + 1, rate);
	while (read_frame(&frame)) {
		CHECK_EQUAL(0, frame.clock % 960);
		CHECK_EQUAL(frame.clock / 960 + 1, frame.pcm[0]); /* whole, and where it says */
		CHECK_EQUAL(-frame.pcm[0], frame.pcm[rate / 25 - 1]);
		missing += (frame.clock - next) / 960;
		next = frame.clock + 960;
		last = frame.pcm[0];
		got++;
	}
	CHECK_WITHIN(2, FRAMES / 2, got);
	CHECK_EQUAL(FRAMES, (uint64_t)got + missing + (uint64_t)(FRAMES - last));
	put(FRAMES + 1, rate);
	do { /* the last of the others may have waited for room */
		CHECK(read_frame(&frame));
		missing += (frame.clock - next) / 960;
		next = frame.clock + 960;
	} while (frame.pcm[0] == FRAMES);
	CHECK_EQUAL(FRAMES + 1, frame.pcm[0]);
	end();
	CHECK_EQUAL(missing, desk.lost);
	CHECK_EQUAL(BL_TAP_STOPPED, desk.why);
}

static void test_slow_reader(void)
{
	slow_reader(AF_UNIX, SOCK_STREAM, 8000);
	slow_reader(AF_UNIX, SOCK_STREAM, 48000);
	slow_reader(AF_UNIX, SOCK_SEQPACKET, 8000);
	slow_reader(0, 0, 8000);
}

/* A reader that takes a quarter of what comes, in pieces: still nothing but whole frames. */
static void test_frames_taken_in_parts(void)
{
	enum { STEPS = 1000, PIECE = 900, WHOLE = BL_TAP_FRAME_MAX };
	static uint8_t stream[STEPS * PIECE];
	size_t size = 0, at = 0;
	struct bl_tap *tap = begin(AF_UNIX, SOCK_STREAM, BL_SIDE_BOTH, false);

	setsockopt(tap->fd, SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int));
	for (int i = 0; i < STEPS; i++) {
		ssize_t n;

		put(i + 1, 48000);
		n = read(desk.reader, stream + size, PIECE);
		size += n > 0 ? (size_t)n : 0;
	}
	for (; at + WHOLE <= size; at += WHOLE) {
		const uint8_t *frame = stream + at, *last = frame + WHOLE - 4;
		int number = frame[BL_TAP_HEADER] | frame[BL_TAP_HEADER + 1] << 8;

		CHECK(!memcmp(frame, "BT\1\3", 4));
		CHECK_EQUAL(number, last[0] | last[1] << 8);
	}
	CHECK_WITHIN(STEPS / 8, STEPS / 2, at / WHOLE);
	end();
	CHECK_WITHIN(STEPS / 2, STEPS, desk.lost);
}

/* The tap ends, the leg's other feeds and the call go on. */
static void test_reader_goes_away(void)
{
	for (int domain = 0; domain <= AF_UNIX; domain++) {
		begin(domain, SOCK_STREAM, BL_SIDE_SAYS, false);
		put(1, 8000);
		close(desk.reader);
		desk.reader = -1;
		put(2, 8000); /* this one is not taken */
		put(3, 8000); /* here the tick sees it */
		CHECK(!desk.feeds);
		bl_tapper_service(&desk.tapper);
		CHECK_EQUAL(1, desk.ended);
		CHECK_EQUAL(BL_TAP_READER_GONE, desk.why);
		end();
	}
}

/* Nothing of a digit reaches a transcript: such a tap is 60 ms behind. */
static void test_digits_are_hidden(void)
{
	struct frame frame;

	begin(AF_UNIX, SOCK_STREAM, BL_SIDE_BOTH, true);
	for (int i = 1; i <= 3; i++)
		put(i, 8000);
	CHECK(!read_frame(&frame));
	bl_feeds_hide_digit(desk.feeds, BL_SIDE_SAYS);
	for (int i = 4; i <= 9; i++)
		put(i, 8000);
	for (int i = 1; i <= 6; i++) {
		CHECK(read_frame(&frame));
		CHECK_EQUAL(0, frame.pcm[0]);
		CHECK_EQUAL(-i, frame.pcm[1]);
	}
	end();
	CHECK(read_frame(&frame) == false || frame.pcm[0] == 7);
}

/* A transcript that runs can be told to hide digits from now on, and not to any more. */
static void test_digits_are_hidden_later(void)
{
	struct bl_tap *tap = begin(AF_UNIX, SOCK_STREAM, BL_SIDE_SAYS, false);
	struct frame frame;

	put(1, 8000);
	bl_feeds_hide_digit(desk.feeds, BL_SIDE_SAYS);
	CHECK(read_frame(&frame));
	bl_feed_hide_digits(&tap->feed, true);
	for (int i = 2; i <= 4; i++)
		put(i, 8000);
	CHECK(!read_frame(&frame));
	bl_feeds_hide_digit(desk.feeds, BL_SIDE_SAYS);
	for (int i = 5; i <= 13; i++) {
		if (i == 10) {
			bl_feed_hide_digits(&tap->feed, false);
			bl_feeds_hide_digit(desk.feeds, BL_SIDE_SAYS);
		}
		put(i, 8000);
	}
	for (int i = 2; i <= 10; i++) {
		CHECK(read_frame(&frame));
		CHECK_EQUAL(i < 8 ? 0 : i, frame.pcm[0]);
	}
	end();
}

static void test_arguments(void)
{
	struct bl_tap *tap = NULL;

	CHECK_EQUAL(BL_EINVAL, bl_tap_new(1, 1, -1, BL_SIDE_SAYS, false, &tap));
	CHECK_EQUAL(BL_EINVAL, bl_tap_new(1, 1, 1, 0, false, &tap));
	CHECK_EQUAL(BL_EINVAL, bl_tap_new(1, 1, 1, 4, false, &tap));
	CHECK_EQUAL(BL_EIO, bl_tap_new(1, 1, 1000000, BL_SIDE_SAYS, false, &tap));
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_frames),
		CHECK_TEST(test_slow_reader),
		CHECK_TEST(test_frames_taken_in_parts),
		CHECK_TEST(test_reader_goes_away),
		CHECK_TEST(test_digits_are_hidden),
		CHECK_TEST(test_digits_are_hidden_later),
		CHECK_TEST(test_arguments),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
