/*
 * bench_dtmf.c  What finding DTMF digits costs: ours on each path, spandsp's dtmf_rx beside it
 *
 * 2,000 channels, 20 ms at a time, all decisions included. Of ten channels six speak (WAVE files
 * named as arguments), three are silent and one sends digits. Both detectors hear the same, in
 * turns. Prints one JSON object: ns for a sample of one channel, one figure a round.
 */
#include <spandsp.h>
#include <time.h>
#include "dtmf.h"
#include "dtmf_bank.h"
#include "frame.h"
#include "sound.h"
#include "tone.h"

enum {
	CHANNELS = 2000,
	BLOCKS = CHANNELS / BL_DTMF_LANES,
	TICKS = 100,
	ROUNDS = 9,
	HEARD = TICKS * BL_FRAME,  /* [samples] of a channel in a round */
	SPEECH = 120 * BL_RATE,	   /* [samples] */
	DIGITS = 16 * 2 * 5 * 160, /* [samples]: sixteen digits, 100 ms on, 100 ms off */
};

static int16_t speech[SPEECH], quiet[HEARD], digits[DIGITS + HEARD];
static const int16_t *channels[CHANNELS];
static dtmf_rx_state_t *peers[CHANNELS];
static long told;

static void make_digits(void)
{
	static const char keys[] = "123A456B789C*0#D";
	enum { ON = 5 * BL_FRAME };

	for (int at = 0; at + 2 * ON <= DIGITS + HEARD; at += 2 * ON) {
		struct bl_tone tone;
		struct bl_tone_plan plan;
		struct bl_tone_state state = {0};

		bl_tone_digit(keys[at / (2 * ON) % 16], 100, &tone);
		bl_tone_plan(&tone, BL_RATE, &plan);
		bl_tone_fill(&plan, &state, digits + at, ON);
	}
}

static void deal(void)
{
	srand(1);
	for (int i = 0; i < CHANNELS; i++) {
		if (i % 10 < 6)
			channels[i] = speech + rand() % (SPEECH - HEARD);
		else if (i % 10 < 9)
			channels[i] = quiet;
		else
			channels[i] = digits + rand() % DIGITS;
	}
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void on_digits(void *user, const char *found, int count)
{
	(void)user;
	(void)found;
	told += count;
}

static double run_spandsp(void)
{
	double begin = now_ns();

	for (int tick = 0; tick < TICKS; tick++) {
		for (int i = 0; i < CHANNELS; i++)
			dtmf_rx(peers[i], channels[i] + tick * BL_FRAME, BL_FRAME);
	}
	return (now_ns() - begin) / ((double)CHANNELS * HEARD);
}

static double run_ours(struct bl_dtmf_block *blocks, enum bl_dtmf_path path)
{
	struct bl_dtmf_hit hits[BL_DTMF_LANES];
	double begin;

	if (!bl_dtmf_bank_force(path))
		return 0.0;
	begin = now_ns();
	for (int tick = 0; tick < TICKS; tick++) {
		for (int i = 0; i < BLOCKS; i++) {
			const int16_t *frames[BL_DTMF_LANES];

			for (int lane = 0; lane < BL_DTMF_LANES; lane++)
				frames[lane] =
					channels[i * BL_DTMF_LANES + lane] + tick * BL_FRAME;
			told += (long)bl_dtmf_block_frame(&blocks[i], frames, hits);
		}
	}
	return (now_ns() - begin) / ((double)CHANNELS * HEARD);
}

static void show(const char *name, const double *rounds, long hits)
{
	printf("\"%s\": {\"digits\": %ld, \"ns\": [", name, hits);
	for (int i = 0; i < ROUNDS; i++)
		printf("%s%.4f", i ? ", " : "", rounds[i]);
	printf("]}");
}

int main(int count, char **names)
{
	struct bl_dtmf_block *blocks = bl_dtmf_blocks_new(BLOCKS);
	double ns[BL_DTMF_PATHS + 1][ROUNDS];
	long hits[BL_DTMF_PATHS + 1] = {0};
	size_t have = 0;

	for (int i = 1; i < count && have < SPEECH; i++)
		have += sound_read(names[i], speech + have, SPEECH - have);
	if (!blocks || have < SPEECH) {
		fputs("name WAVE files (8 kHz, mono) of two minutes at least\n", stderr);
		return 2;
	}
	make_digits();
	deal();
	for (int i = 0; i < CHANNELS; i++)
		peers[i] = dtmf_rx_init(NULL, on_digits, NULL);
	for (int round = 0; round < ROUNDS; round++) {
		for (int path = 0; path <= BL_DTMF_PATHS; path++) {
			told = 0;
			ns[path][round] = path < BL_DTMF_PATHS
						  ? run_ours(blocks, (enum bl_dtmf_path)path)
						  : run_spandsp();
			hits[path] += told;
		}
	}
	printf("{");
	for (int path = 0; path < BL_DTMF_PATHS; path++) {
		show(bl_dtmf_bank_name((enum bl_dtmf_path)path), ns[path], hits[path]);
		printf(", ");
	}
	show("spandsp", ns[BL_DTMF_PATHS], hits[BL_DTMF_PATHS]);
	puts("}");
	bl_dtmf_blocks_free(blocks);
	return 0;
}
