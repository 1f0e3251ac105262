/* test_echo.c  The echo canceller on a made-up hybrid: how much is left, alone and in double talk
 */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>
#include "branchline_media.h"
#include "check.h"
#include "echo.h"
#include "frame.h"

enum { TAPS = 160, FRAME = BL_RATE / BL_ECHO_FRAMES_PER_S, SECOND = BL_ECHO_FRAMES_PER_S };

struct line {
	struct bl_echo *echo;
	double path[TAPS], past[TAPS];
	uint32_t seed;
	size_t at;				 /* [samples] */
	double echo_power, left, near, near_out; /* sums of squares */
};

/* -1 to 1 */
static double noise(struct line *line)
{
	line->seed = line->seed * 1664525u + 1013904223u;
	return (double)(line->seed >> 8) / (1 << 23) - 1.0;
}

/* A flat delay, then a decaying tail, that gives back so much of the power. */
static void make_path(struct line *line, int delay_ms, int tail_ms, double level_db)
{
	int delay = delay_ms * BL_SAMPLES_PER_MS, tail = tail_ms * BL_SAMPLES_PER_MS;
	double power = 0;

	for (int i = 0; i < tail; i++) {
		line->path[delay + i] = noise(line) * exp(-5.0 * i / tail);
		power += line->path[delay + i] * line->path[delay + i];
	}
	for (int i = 0; i < TAPS; i++)
		line->path[i] *= sqrt(pow(10.0, level_db / 10.0) / power);
}

static void open_line(struct line *line, bool suppress)
{
	memset(line, 0, sizeof(*line));
	line->seed = 7;
	CHECK_EQUAL(BL_OK, bl_echo_new(BL_RATE, 64, suppress, &line->echo));
}

/* Speech-like: a voice of harmonics whose pitch and loudness wander, with pauses. */
static double voice(size_t at, double hz)
{
	double t = (double)at / BL_RATE, sum = 0;
	double loud = sin(2 * M_PI * 2.1 * t) + 0.3 * sin(2 * M_PI * 0.7 * t);

	for (int k = 1; k <= 12; k++)
		sum += sin(2 * M_PI * k * (hz * t + 2.0 * sin(2 * M_PI * 0.9 * t))) / k;
	return loud > 0 ? sum * loud : 0;
}

static void run(struct line *line, int frames, bool far_noise, bool near_talks)
{
	line->echo_power = line->left = line->near = line->near_out = 0;
	for (int frame = 0; frame < frames; frame++) {
		int16_t far[FRAME], heard[FRAME], clean[FRAME];

		for (int i = 0; i < FRAME; i++, line->at++) {
			double near = near_talks ? 4000 * voice(line->at, 190) : 0, echo = 0;

			far[i] = (int16_t)(far_noise ? 6000 * noise(line)
						     : 5000 * voice(line->at, 110));
			memmove(line->past + 1, line->past, (TAPS - 1) * sizeof(double));
			line->past[0] = far[i];
			for (int k = 0; k < TAPS; k++)
				echo += line->path[k] * line->past[k];
			heard[i] = (int16_t)lrint(echo + near + 2 * noise(line));
			line->echo_power += echo * echo;
			line->near += near * near;
		}
		bl_echo_frame(line->echo, heard, far, clean);
		for (int i = 0; i < FRAME; i++)
			line->left += (double)clean[i] * clean[i];
	}
}

/* Echo return loss enhancement [dB], ITU-T G.168 §3 */
static double erle(const struct line *line)
{
	return 10.0 * log10(line->echo_power / (line->left + 1));
}

static void test_noise_is_cancelled_after_two_seconds(void)
{
	static const struct {
		int delay_ms, tail_ms;
		double level_db;
	} paths[] = {{0, 6, -6}, {2, 10, -9}, {6, 14, -12}};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct line line;

		open_line(&line, false);
		make_path(&line, paths[i].delay_ms, paths[i].tail_ms, paths[i].level_db);
		run(&line, 2 * SECOND, true, false);
		run(&line, SECOND, true, false);
		CHECK_WITHIN(25, 100, erle(&line));
		bl_echo_free(line.echo);
	}
}

static void test_speech_is_cancelled(void)
{
	struct line line;

	for (int suppress = 0; suppress < 2; suppress++) {
		open_line(&line, suppress);
		make_path(&line, 4, 10, -6);
		run(&line, 3 * SECOND, false, false);
		run(&line, 2 * SECOND, false, false);
		CHECK_WITHIN(suppress ? 30 : 20, 100, erle(&line));
		bl_echo_free(line.echo);
	}
}

/* Both talk: the near end stays as loud as it is, and the canceller does not lose its way. */
static void test_double_talk(void)
{
	struct line line;

	for (int suppress = 0; suppress < 2; suppress++) {
		open_line(&line, suppress);
		make_path(&line, 4, 10, -8);
		run(&line, 3 * SECOND, true, false);
		run(&line, 3 * SECOND, true, true);
		CHECK_WITHIN(-3, 3, 10.0 * log10(line.left / line.near));
		run(&line, SECOND / 2, true, false);
		CHECK_WITHIN(20, 100, erle(&line));
		bl_echo_free(line.echo);
	}
}

/* A line of four wires: what is said must not be taken for an echo of what is heard. */
static void test_without_echo_nothing_is_lost(void)
{
	struct line line;

	for (int mode = 0; mode < 4; mode++) {
		open_line(&line, mode % 2);
		run(&line, SECOND, mode / 2, true);
		run(&line, 2 * SECOND, mode / 2, true);
		/* the canceller's high-pass takes 1.6 dB of a voice so low */
		CHECK_WITHIN(-2, 1, 10.0 * log10(line.left / line.near));
		bl_echo_free(line.echo);
	}
}

/* Nothing but garbage, full scale: it comes through, and the library has nothing to say. */
static void test_garbage_is_borne_in_silence(void)
{
	char name[] = "/tmp/test_echo_XXXXXX";
	int file = mkstemp(name), before = dup(STDERR_FILENO);
	struct line line;

	open_line(&line, true);
	CHECK(dup2(file, STDERR_FILENO) >= 0);
	for (int frame = 0; frame < 4000; frame++) {
		int16_t heard[FRAME], sent[FRAME];

		for (int i = 0; i < FRAME; i++) {
			int kind = frame / 100 % 4;

			sent[i] =
				(int16_t)(kind & 1 ? 32767 * noise(&line) : i % 2 * 65535 - 32768);
			heard[i] = (int16_t)(kind & 2 ? 32767 * noise(&line)
						      : (i + frame) % 7 * 10922 - 32768);
			if (frame / 400 % 3 == 2) /* what is sent has nothing to do with it */
				heard[i] = (int16_t)(heard[i] / 500);
		}
		bl_echo_frame(line.echo, heard, sent, heard);
	}
	CHECK(dup2(before, STDERR_FILENO) >= 0);
	CHECK_EQUAL(0, lseek(file, 0, SEEK_END));
	close(file);
	close(before);
	unlink(name);
	bl_echo_free(line.echo);
}

static void test_arguments(void)
{
	struct bl_echo *echo;

	CHECK_EQUAL(BL_EINVAL, bl_echo_new(48000, 64, false, &echo));
	CHECK_EQUAL(BL_EINVAL, bl_echo_new(8000, 15, false, &echo));
	CHECK_EQUAL(BL_EINVAL, bl_echo_new(8000, 129, false, &echo));
	CHECK_EQUAL(BL_EINVAL, bl_echo_new(8000, 64, false, NULL));
	CHECK_EQUAL(BL_OK, bl_echo_new(16000, 128, true, &echo));
	bl_echo_free(echo);
	bl_echo_free(NULL);
}

/* With the address sanitizer: its count of allocations. */
int __sanitizer_install_malloc_and_free_hooks(void (*made)(const volatile void *, size_t),
					      void (*freed)(const volatile void *))
	__attribute__((weak));

static int allocations;

static void count_allocation(const volatile void *at, size_t size)
{
	(void)at, (void)size;
	allocations++;
}

static void ignore_free(const volatile void *at)
{
	(void)at;
}

static void test_a_frame_allocates_nothing(void)
{
	struct line line;

	if (!__sanitizer_install_malloc_and_free_hooks)
		return;
	__sanitizer_install_malloc_and_free_hooks(count_allocation, ignore_free);
	open_line(&line, true);
	CHECK_WITHIN(1, 1000, allocations);
	allocations = 0;
	run(&line, 100, true, true);
	CHECK_EQUAL(0, allocations);
	bl_echo_free(line.echo);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_noise_is_cancelled_after_two_seconds),
	CHECK_TEST(test_speech_is_cancelled),
	CHECK_TEST(test_double_talk),
	CHECK_TEST(test_without_echo_nothing_is_lost),
	CHECK_TEST(test_garbage_is_borne_in_silence),
	CHECK_TEST(test_arguments),
	CHECK_TEST(test_a_frame_allocates_nothing),
};

CHECK_MAIN(tests)
