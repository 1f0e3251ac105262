/*
 * bench_tones.c  What finding tones and voice costs and misses, with libspandsp's beside it
 *
 * Prints one JSON object: ns a frame of 20 ms for each part, and percent of tones told rightly,
 * ours and spandsp's, on the same sounds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <spandsp.h>
#include "answertone.h"
#include "frame.h"
#include "g711.h"
#include "greeting.h"
#include "noise.h"
#include "tonefind.h"
#include "voice.h"

enum {
	TONES = 4,
	TRIALS = 20,
	LENGTH = 8000 * 15,
	COST_FRAMES = 200000,
	PIECES = 64, /* different frames that the cost is measured with */
};

#define TWO_PI (2.0 * 3.14159265358979323846)

struct tone {
	double hz[2];
	int on_ms, off_ms; /* off_ms 0: steady */
};

/* North America: dial tone, ring-back, busy, congestion */
static const struct tone tones[TONES] = {{{350, 440}, 1500, 0},
					 {{440, 480}, 2000, 4000},
					 {{480, 620}, 500, 500},
					 {{480, 620}, 250, 250}};

/* How a sound comes off the line. */
struct line {
	const char *name;
	double off, stretch;	   /* relative */
	double level_dbm0;	   /* of each frequency */
	double snr_db;		   /* 0: no noise */
	double reversal_ms, depth; /* of answer tones */
};

static int16_t sound[LENGTH];
static struct bl_tonefind_set set;
static super_tone_rx_descriptor_t *descriptor;
static int spandsp_told;

static double uniform(void)
{
	return 2.0 * rand() / RAND_MAX - 1.0;
}

static double peak(double dbm0)
{
	return 32768.0 * pow(10.0, (dbm0 - BL_FULL_SCALE_DBM0) / 20.0);
}

static void through_g711(void)
{
	static uint8_t coded[LENGTH];

	bl_g711_encode(BL_PCMU, sound, LENGTH, coded);
	bl_g711_decode(BL_PCMU, coded, LENGTH, sound);
}

static void make(const struct tone *tone, const struct line *line)
{
	double on = tone->on_ms * 8.0 * (1.0 + line->stretch);
	double cycle = on + tone->off_ms * 8.0 * (1.0 + line->stretch);
	double power = peak(line->level_dbm0) * peak(line->level_dbm0) / 2.0;
	double noise = line->snr_db > 0.0
			       ? sqrt(3.0 * 2.0 * power * pow(10.0, -line->snr_db / 10.0))
			       : 0.0;
	int begin = 4000 + rand() % 1600;

	for (int n = 0; n < LENGTH; n++) {
		double at = n - begin, value = noise * uniform();

		for (int i = 0; i < 2 && at >= 0.0 && (!tone->off_ms || fmod(at, cycle) < on); i++)
			value += peak(line->level_dbm0) *
				 sin(TWO_PI * tone->hz[i] * (1.0 + line->off) * at / BL_RATE);
		sound[n] = (int16_t)lrint(fmax(-32768.0, fmin(32767.0, value)));
	}
	through_g711();
}

static void told(void *user, int code, int level, int delay)
{
	(void)user;
	(void)level;
	(void)delay;
	if (code > -1 && spandsp_told < 0)
		spandsp_told = code;
}

/* The first tone that each tells, as its place in tones[]; -1: none. */
static void find(int *ours, int *theirs)
{
	struct bl_tonefind finder;
	super_tone_rx_state_t *rx = super_tone_rx_init(NULL, descriptor, told, NULL);

	spandsp_told = *ours = -1;
	bl_tonefind_init(&finder, &set);
	for (int at = 0; at + BL_FRAME <= LENGTH; at += BL_FRAME) {
		int32_t id = bl_tonefind_frame(&finder, sound + at);

		if (id && *ours < 0)
			*ours = id - 1;
		super_tone_rx(rx, sound + at, BL_FRAME);
	}
	*theirs = spandsp_told;
	super_tone_rx_free(rx);
}

static void progress_tones(void)
{
	static const struct line lines[] = {
		{"exact", 0, 0, -13, 0, 0, 0},	       {"up_1_5", 0.015, 0, -13, 0, 0, 0},
		{"down_1_5", -0.015, 0, -13, 0, 0, 0}, {"longer_10", 0, 0.1, -13, 0, 0, 0},
		{"shorter_10", 0, -0.1, -13, 0, 0, 0}, {"level_35", 0, 0, -35, 0, 0, 0},
		{"snr_15", 0, 0, -13, 15, 0, 0},
	};

	for (size_t l = 0; l < sizeof(lines) / sizeof(lines[0]); l++) {
		int ours = 0, theirs = 0;

		for (int i = 0; i < TONES * TRIALS; i++) {
			int a, b;

			make(&tones[i % TONES], &lines[l]);
			find(&a, &b);
			ours += a == i % TONES;
			theirs += b == i % TONES;
		}
		printf("\"tone_%s\": %.1f, \"spandsp_tone_%s\": %.1f, ", lines[l].name,
		       100.0 * ours / (TONES * TRIALS), lines[l].name,
		       100.0 * theirs / (TONES * TRIALS));
	}
}

static void make_answer(const struct line *line)
{
	double noise = line->snr_db > 0.0 ? peak(line->level_dbm0) * sqrt(1.5) *
						    pow(10.0, -line->snr_db / 20.0)
					  : 0.0;
	int begin = 4000 + rand() % 1600;

	for (int n = 0; n < LENGTH; n++) {
		double at = n - begin, value = noise * uniform();
		double turned =
			line->reversal_ms > 0.0 ? floor(at / 8.0 / line->reversal_ms) : 0.0;

		if (at >= 0.0 && at < 3000.0 * 8.0)
			value += peak(line->level_dbm0) *
				 sin(TWO_PI * (2100.0 + line->off) * at / BL_RATE +
				     TWO_PI / 2.0 * turned) *
				 (1.0 + line->depth * sin(TWO_PI * 15.0 * at / BL_RATE));
		sound[n] = (int16_t)lrint(fmax(-32768.0, fmin(32767.0, value)));
	}
	through_g711();
}

/* Here off is in Hz. spandsp numbers the kinds in our order. */
static void answer_tones(void)
{
	static const struct line lines[] = {
		{"exact", 0, 0, -13, 0, 0, 0},	   {"up_15", 15, 0, -13, 0, 0, 0},
		{"down_15", -15, 0, -13, 0, 0, 0}, {"level_38", 0, 0, -38, 0, 0, 0},
		{"snr_15", 0, 0, -20, 15, 0, 0},
	};

	for (size_t l = 0; l < sizeof(lines) / sizeof(lines[0]); l++) {
		int ours = 0, theirs = 0;

		for (int i = 0; i < 4 * TRIALS; i++) {
			struct line line = lines[l];
			struct bl_answertone tone;
			int kind = 0, want = i % 4;
			modem_connect_tones_rx_state_t *rx = modem_connect_tones_rx_init(
				NULL, MODEM_CONNECT_TONES_ANS_PR, told, NULL);

			line.reversal_ms = want & 1 ? 450 : 0;
			line.depth = want & 2 ? 0.2 : 0;
			make_answer(&line);
			bl_answertone_init(&tone);
			spandsp_told = -1;
			for (int at = 0; at + BL_FRAME <= LENGTH; at += BL_FRAME) {
				int now = (int)bl_answertone_frame(&tone, sound + at);

				kind = now ? now : kind;
				modem_connect_tones_rx(rx, sound + at, BL_FRAME);
			}
			ours += kind == BL_ANSWERTONE_CED + want;
			theirs +=
				modem_connect_tones_rx_get(rx) == MODEM_CONNECT_TONES_ANS + want ||
				spandsp_told == MODEM_CONNECT_TONES_ANS + want;
			modem_connect_tones_rx_free(rx);
		}
		printf("\"answer_%s\": %.1f, \"spandsp_answer_%s\": %.1f, ", lines[l].name,
		       100.0 * ours / (4 * TRIALS), lines[l].name, 100.0 * theirs / (4 * TRIALS));
	}
}

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

#define COST(name, count, frame_call)                                                             \
	do {                                                                                      \
		double begin_ = now_ns();                                                         \
		for (int n = 0; n < (count); n++) {                                               \
			int16_t *frame = sound + (ptrdiff_t)(n % PIECES) * BL_FRAME_MAX;          \
			frame_call;                                                               \
		}                                                                                 \
		printf("\"" name "_ns\": %.1f, ", (now_ns() - begin_) / (count));                 \
	} while (0)

static void costs(void)
{
	static struct bl_tonefind finder;
	static struct bl_voice voice;
	static struct bl_greeting greeting;
	struct bl_answertone answer;
	static const uint8_t hiss[] = {56}; /* [-dBov], RFC 3389 */
	struct bl_noise noise;
	struct bl_tone_plan plan;
	struct bl_tone_state state = {0};
	struct bl_tone signal = {1, 0, -1, {{.hz = {440, 480}, .on_ms = 1000}}};
	int16_t out[BL_FRAME_MAX];
	super_tone_rx_state_t *rx = super_tone_rx_init(NULL, descriptor, told, NULL);
	modem_connect_tones_rx_state_t *modem =
		modem_connect_tones_rx_init(NULL, MODEM_CONNECT_TONES_ANS_PR, told, NULL);

	make(&tones[0], &(struct line){"", 0, 0, -13, 15, 0, 0});
	bl_tonefind_init(&finder, &set);
	bl_voice_init(&voice, NULL);
	bl_greeting_init(&greeting, NULL);
	bl_answertone_init(&answer);
	bl_noise_init(&noise, 1);
	bl_noise_payload(&noise, hiss, sizeof(hiss));
	bl_tone_plan(&signal, BL_RATE, &plan);
	COST("voice_8k", COST_FRAMES, bl_voice_frame(&voice, frame, 160));
	COST("voice_16k", COST_FRAMES, bl_voice_frame(&voice, frame, 320));
	COST("voice_48k", COST_FRAMES, bl_voice_frame(&voice, frame, 960));
	COST("greeting", COST_FRAMES, bl_greeting_frame(&greeting, frame, 160, n % 2));
	COST("answertone", COST_FRAMES, bl_answertone_frame(&answer, frame));
	COST("spandsp_modem_tones", COST_FRAMES, modem_connect_tones_rx(modem, frame, 160));
	COST("tonefind", COST_FRAMES, bl_tonefind_frame(&finder, frame));
	COST("spandsp_super_tone", COST_FRAMES, super_tone_rx(rx, frame, 160));
	COST("noise", COST_FRAMES, ((void)frame, bl_noise_frame(&noise, out, 160)));
	COST("tone_fill", COST_FRAMES, ((void)frame, bl_tone_fill(&plan, &state, out, 160)));
	super_tone_rx_free(rx);
	modem_connect_tones_rx_free(modem);
}

/* The same tones with the same tolerances for both. */
static int describe(void)
{
	struct bl_tonefind_tone ours[TONES] = {{0}};

	descriptor = super_tone_rx_make_descriptor(NULL);
	for (int i = 0; i < TONES; i++) {
		const struct tone *tone = &tones[i];
		int number = super_tone_rx_add_tone(descriptor);

		ours[i].id = i + 1;
		ours[i].signal = (struct bl_tone){1,
						  0,
						  -1,
						  {{.hz = {tone->hz[0], tone->hz[1]},
						    .on_ms = tone->on_ms,
						    .off_ms = tone->off_ms}}};
		super_tone_rx_add_element(descriptor, number, (int)tone->hz[0], (int)tone->hz[1],
					  tone->on_ms * 88 / 100 - 25,
					  tone->off_ms ? tone->on_ms * 112 / 100 + 25 : 0);
		if (tone->off_ms)
			/* 0 is silence, whatever its header says of -1 */
			super_tone_rx_add_element(descriptor, number, 0, 0,
						  tone->off_ms * 88 / 100 - 25,
						  tone->off_ms * 112 / 100 + 25);
	}
	return bl_tonefind_set(ours, TONES, &set);
}

int main(void)
{
	if (describe())
		return 1;
	printf("{");
	progress_tones();
	answer_tones();
	costs();
	printf("\"tonefind_bytes\": %zu, \"voice_bytes\": %zu, \"greeting_bytes\": %zu, "
	       "\"answertone_bytes\": %zu, \"noise_bytes\": %zu, \"tone_plan_bytes\": %zu, "
	       "\"tone_state_bytes\": %zu}\n",
	       sizeof(struct bl_tonefind), sizeof(struct bl_voice), sizeof(struct bl_greeting),
	       sizeof(struct bl_answertone), sizeof(struct bl_noise), sizeof(struct bl_tone_plan),
	       sizeof(struct bl_tone_state));
	super_tone_rx_free_descriptor(descriptor);
	return 0;
}
