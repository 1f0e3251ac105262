/*
 * bench_mix.c  N-1 mixing of 20 ms at 16 kHz, all legs talking, against a bare loop
 *
 * The bare loop reads the same frames, adds and subtracts with the same vector instructions, and
 * writes the same frames; it does not saturate. Both take turns for many rounds, and the best
 * round of each counts. Legs lie as in the engine, each frame within its own leg's struct, or,
 * for comparison, in one array. Prints [ns] for each leg.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "frame.h"
#include "mix.h"
#include "simd.h"

enum {
	COUNT = BL_RATE_WIDE / BL_TICKS_PER_S, /* [samples] */
	LEGS = 1000,
	LEG_SIZE = 20 * 1024 + 192, /* [bytes] of a leg's struct, about */
	ROUNDS = 60,
	FRAMES = 64000, /* of each way to mix in each round */
};

struct frames {
	_Alignas(BL_MIX_LINE) int16_t says[COUNT];
	_Alignas(BL_MIX_LINE) int16_t hears[COUNT];
};

static int16_t *says[LEGS], *hears[LEGS];

/* Functions of their own, like the engine's: inlined, GCC would fear that frames overlap. */
#define APART __attribute__((noinline))

BL_KERNEL void add(int32_t *restrict sum, const int16_t *restrict frame)
{
	for (int i = 0; i < COUNT; i++)
		sum[i] += frame[i];
}

BL_KERNEL void subtract(const int32_t *restrict sum, const int16_t *restrict frame,
			int16_t *restrict out)
{
	for (int i = 0; i < COUNT; i++)
		out[i] = (int16_t)(sum[i] - frame[i]);
}

APART static void bare_add(int32_t *restrict sum, const int16_t *restrict frame)
{
	add(sum, frame);
}

APART static void bare_subtract(const int32_t *restrict sum, const int16_t *restrict frame,
				int16_t *restrict out)
{
	subtract(sum, frame, out);
}

APART BL_AVX2 void bare_add_avx2(int32_t *restrict sum, const int16_t *restrict frame)
{
	add(sum, frame);
}

APART BL_AVX2 void bare_subtract_avx2(const int32_t *restrict sum, const int16_t *restrict frame,
				      int16_t *restrict out)
{
	subtract(sum, frame, out);
}

static void bare(int legs)
{
	_Alignas(BL_MIX_LINE) int32_t sum[COUNT] = {0};
	bool avx2 = bl_simd_avx2();

	for (int i = 0; i < legs; i++)
		(avx2 ? bare_add_avx2 : bare_add)(sum, says[i]);
	for (int i = 0; i < legs; i++)
		(avx2 ? bare_subtract_avx2 : bare_subtract)(sum, says[i], hears[i]);
}

/* As the engine does it */
static void ours(int legs)
{
	_Alignas(BL_MIX_LINE) int32_t sum[COUNT] = {0};

	for (int i = 0; i < legs; i++) {
		if (i + BL_MIX_AHEAD < legs)
			bl_mix_fetch(says[i + BL_MIX_AHEAD], COUNT);
		bl_mix_sum(sum, says[i], COUNT);
	}
	for (int i = 0; i < legs; i++) {
		if (i + BL_MIX_AHEAD < legs) {
			bl_mix_fetch(says[i + BL_MIX_AHEAD], COUNT);
			bl_mix_fetch(hears[i + BL_MIX_AHEAD], COUNT);
		}
		bl_mix_rest(sum, says[i], hears[i], COUNT);
	}
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static void measure(void (*mix)(int legs), int legs, double *best)
{
	double begin = now_ns(), each;
	int times = FRAMES / legs;

	for (int i = 0; i < times; i++)
		mix(legs);
	each = (now_ns() - begin) / (double)times / legs;
	*best = *best > 0.0 && *best < each ? *best : each;
}

/* Noise, low enough that the bare loop has no need to saturate: both must come to the same. */
static void check(void)
{
	static int16_t expected[LEGS][COUNT];

	for (int leg = 0; leg < LEGS; leg++) {
		for (int i = 0; i < COUNT; i++)
			says[leg][i] = (int16_t)(rand() % 64 - 32);
	}
	bare(LEGS);
	for (int leg = 0; leg < LEGS; leg++)
		memcpy(expected[leg], hears[leg], sizeof(expected[leg]));
	ours(LEGS);
	for (int leg = 0; leg < LEGS; leg++) {
		if (memcmp(expected[leg], hears[leg], sizeof(expected[leg]))) {
			fprintf(stderr, "bench_mix: leg %d hears something else\n", leg);
			exit(1);
		}
	}
}

static void print_layout(const char *name, char *memory, size_t stride, const char *end)
{
	static const int sizes[] = {32, 256, LEGS};

	for (int i = 0; i < LEGS; i++) {
		struct frames *frames = (struct frames *)(memory + (size_t)i * stride);

		says[i] = frames->says;
		hears[i] = frames->hears;
	}
	check();
	printf("\"%s\": {", name);
	for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		double bare_ns = 0, ours_ns = 0;

		for (int round = 0; round < ROUNDS; round++) {
			measure(bare, sizes[n], &bare_ns);
			measure(ours, sizes[n], &ours_ns);
		}
		printf("%s\"%d\": {\"bare_ns\": %.2f, \"ours_ns\": %.2f}", n ? ", " : "", sizes[n],
		       bare_ns, ours_ns);
	}
	printf("}%s", end);
}

int main(void)
{
	char *memory = aligned_alloc(BL_MIX_LINE, (size_t)LEGS * LEG_SIZE);

	if (!memory)
		return 1;
	memset(memory, 0, (size_t)LEGS * LEG_SIZE);
	printf("{\"avx2\": %s, ", bl_simd_avx2() ? "true" : "false");
	print_layout("structs", memory, LEG_SIZE, ", ");
	print_layout("array", memory, sizeof(struct frames), "}\n");
	free(memory);
	return 0;
}
