/*
 * bench_dtmf_grid.c  How well DTMF digits are found: ours, and spandsp's dtmf_rx beside it
 *
 * Without arguments: the grid (cext/test/dtmf_grid.h), for each line the percent of tones that
 * were told once, twice, and at all. With WAVE files (8 kHz, mono): what each takes for a digit
 * in them. Prints one JSON object.
 */
#include <spandsp.h>
#include "../test/dtmf_grid.h"
#include "dtmf.h"
#include "sound.h"

enum { LANES = BL_DTMF_LANES, TRIALS = 25, TONES_ASKED = TRIALS * LANES };

/* What one detector said of a line's tones. */
struct score {
	int once, twice, told, wanted;
};

struct heard {
	int right, wrong;
	char key;
};

static void count_digit(struct heard *heard, char digit)
{
	heard->right += digit == heard->key;
	heard->wrong += digit != heard->key;
}

static void on_digits(void *user, const char *digits, int count)
{
	for (int i = 0; i < count; i++)
		count_digit(user, digits[i]);
}

static void hear_spandsp(int16_t pcm[LANES][GRID_SAMPLES], struct heard heard[LANES])
{
	for (int lane = 0; lane < LANES; lane++) {
		dtmf_rx_state_t *peer = dtmf_rx_init(NULL, on_digits, &heard[lane]);

		for (int at = 0; at < GRID_SAMPLES; at += BL_FRAME)
			dtmf_rx(peer, pcm[lane] + at, BL_FRAME);
		dtmf_rx_free(peer);
	}
}

static void hear_ours(int16_t pcm[LANES][GRID_SAMPLES], struct heard heard[LANES])
{
	struct bl_dtmf_block block;

	bl_dtmf_block_init(&block);
	for (int at = 0; at < GRID_SAMPLES; at += BL_FRAME) {
		const int16_t *frames[LANES];
		struct bl_dtmf_hit hits[LANES];
		size_t count;

		for (int lane = 0; lane < LANES; lane++)
			frames[lane] = pcm[lane] + at;
		count = bl_dtmf_block_frame(&block, frames, hits);
		for (size_t i = 0; i < count; i++)
			count_digit(&heard[hits[i].lane], hits[i].digit);
	}
}

static void add(struct score *score, enum grid_want want, const struct heard heard[LANES])
{
	for (int lane = 0; lane < LANES; lane++) {
		int right = heard[lane].right, wrong = heard[lane].wrong;

		score->once += right == 1 && !wrong;
		score->twice += right == 2 && !wrong;
		score->told += right || wrong;
		score->wanted += grid_as_wanted(want, right, wrong);
	}
}

static void show(const char *name, const struct score *score)
{
	printf("\"%s\": {\"once\": %g, \"twice\": %g, \"told\": %g, \"wanted\": %g}", name,
	       100.0 * score->once / TONES_ASKED, 100.0 * score->twice / TONES_ASKED,
	       100.0 * score->told / TONES_ASKED, 100.0 * score->wanted / TONES_ASKED);
}

static void ask(const struct grid_line *line, uint64_t *random)
{
	static const char *const wants[] = {"once", "never", "twice", "open"};
	static int16_t pcm[LANES][GRID_SAMPLES];
	struct score ours = {0}, spandsp = {0};

	for (int trial = 0; trial < TRIALS; trial++) {
		struct heard by_ours[LANES] = {0}, by_spandsp[LANES] = {0};

		for (int lane = 0; lane < LANES; lane++) {
			grid_make(&line->cell, lane, random, pcm[lane]);
			by_ours[lane].key = by_spandsp[lane].key = grid_keys[lane];
		}
		hear_ours(pcm, by_ours);
		hear_spandsp(pcm, by_spandsp);
		add(&ours, line->want, by_ours);
		add(&spandsp, line->want, by_spandsp);
	}
	printf("\"%s\": {\"want\": \"%s\", \"percent\": %g, ", line->name, wants[line->want],
	       line->percent);
	show("ours", &ours);
	printf(", ");
	show("spandsp", &spandsp);
	printf("}");
}

static void grid(void)
{
	uint64_t random = 88172645463325252u;

	printf("{");
	for (int i = 0; i < GRID_LINES; i++) {
		printf("%s", i ? ",\n" : "");
		ask(&grid_lines[i], &random);
	}
	puts("}");
}

/* All files behind each other; sets how many samples that are. */
static int16_t *read_all(int count, char **names, size_t *have)
{
	enum { MOST = 30 * 60 * BL_RATE }; /* [samples] of one file */
	int16_t *pcm = NULL;

	*have = 0;
	for (int i = 0; i < count; i++) {
		int16_t *grown = realloc(pcm, (*have + MOST) * sizeof(*pcm));

		if (!grown)
			break;
		pcm = grown;
		*have += sound_read(names[i], pcm + *have, MOST);
	}
	return pcm;
}

/* Each lane hears a sixteenth of it. */
static void talk_off(const int16_t *pcm, size_t length)
{
	struct heard spandsp = {0};
	struct bl_dtmf_block block;
	size_t ours = 0, part = length / LANES / BL_FRAME * BL_FRAME;

	bl_dtmf_block_init(&block);
	for (size_t at = 0; at < part; at += BL_FRAME) {
		const int16_t *frames[LANES];
		struct bl_dtmf_hit hits[LANES];

		for (size_t lane = 0; lane < LANES; lane++)
			frames[lane] = pcm + lane * part + at;
		ours += bl_dtmf_block_frame(&block, frames, hits);
	}
	for (size_t lane = 0; lane < LANES; lane++) {
		dtmf_rx_state_t *peer = dtmf_rx_init(NULL, on_digits, &spandsp);

		for (size_t at = 0; at < part; at += BL_FRAME)
			dtmf_rx(peer, pcm + lane * part + at, BL_FRAME);
		dtmf_rx_free(peer);
	}
	printf("{\"seconds\": %zu, \"ours\": %zu, \"spandsp\": %d}\n", part * LANES / BL_RATE,
	       ours, spandsp.wrong);
}

int main(int count, char **names)
{
	size_t have;
	int16_t *pcm;

	if (count < 2) {
		grid();
		return 0;
	}
	pcm = read_all(count - 1, names + 1, &have);
	if (have < (size_t)LANES * BL_FRAME) {
		fputs("no sound in these files\n", stderr);
		return 2;
	}
	talk_off(pcm, have);
	free(pcm);
	return 0;
}
