/* dtmf_bank.c  The DTMF detector's filter bank: tables, and the choice of the vectors' width */
#include <math.h>
#include <pthread.h>
#include <string.h>
#include "dtmf_bank.h"
#include "tone.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

enum {
	LANES = BL_DTMF_LANES,
	TONES = BL_DTMF_TONES,
	HOP = BL_DTMF_HOP,
	HALF = HOP / 2,
	PAIRS = HOP / 2,
	ROWS = 2 * TONES,
};

#define PI 3.14159265358979323846

typedef int32_t four __attribute__((vector_size(16)));
typedef struct bl_dtmf_found look_path(struct bl_dtmf_block *block,
				       const int16_t *const frames[LANES], size_t at);

/* A hop, folded at its middle. */
struct folded {
	float sum[HALF][LANES], difference[HALF][LANES];
	float total[LANES]; /* mean power */
};

/*
 * A hop through a flat window ("plain") and one like a sine ("bent"): falling is plain less bent,
 * rising is plain and bent. Even: plain real, bent imaginary; odd: bent real, plain imaginary.
 */
struct sums {
	float even[ROWS][LANES], odd[ROWS][LANES];
	float total[LANES];
};

static struct {
	float even[HALF][ROWS], odd[HALF][ROWS];
	float step_re[TONES], step_im[TONES]; /* how far a true tone turns back in a hop */
	float weakest;
	look_path *look;
} bank;

static const int32_t lane_bits[LANES] = {1,	  1 << 1,  1 << 2,  1 << 3, 1 << 4,  1 << 5,
					 1 << 6,  1 << 7,  1 << 8,  1 << 9, 1 << 10, 1 << 11,
					 1 << 12, 1 << 13, 1 << 14, 1 << 15};

#define PATH(name) name##_portable
#define TARGET
#define WIDTH 4
#define TILE 2
#define SPAN 4
#define SPREAD(number) ((PATH(floats)){(number), (number), (number), (number)})
#if defined(__aarch64__)
#define FUSED(a, b, c) ((PATH(floats))vfmaq_f32(c, a, b))
#define LARGER(a, b) ((PATH(floats))vmaxq_f32(a, b))
#else
#define FUSED(a, b, c) ((a) * (b) + (c))
#endif
#if defined(__SSE2__)
#define LARGER(a, b) ((PATH(floats))_mm_max_ps(a, b))
#elif !defined(LARGER)
#define LARGER(a, b)                                                                              \
	((PATH(floats))(((PATH(ints))(a) & ((a) > (b))) | ((PATH(ints))(b) & ~((a) > (b)))))
#endif
#include "dtmf_bank_path.h"

#if defined(__x86_64__)
#define PATH(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define WIDTH 8
#define TILE 4
#define SPAN 2
#define SPREAD(number) _mm256_set1_ps(number)
#define FUSED(a, b, c) _mm256_fmadd_ps(a, b, c)
#define LARGER(a, b) _mm256_max_ps(a, b)
#include "dtmf_bank_path.h"

#define PATH(name) name##_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define WIDTH 16
#define TILE 16
#define SPAN 1
#define SPREAD(number) _mm512_set1_ps(number)
#define FUSED(a, b, c) _mm512_fmadd_ps(a, b, c)
#define LARGER(a, b) _mm512_max_ps(a, b)
#include "dtmf_bank_path.h"
#endif

static const struct {
	const char *name;
	look_path *look;
} paths[BL_DTMF_PATHS] = {
	[BL_DTMF_PORTABLE] = {"portable", look_portable},
#if defined(__x86_64__)
	[BL_DTMF_AVX2] = {"avx2", look_avx2},
	[BL_DTMF_AVX512] = {"avx512", look_avx512},
#else
	[BL_DTMF_AVX2] = {"avx2", NULL},
	[BL_DTMF_AVX512] = {"avx512", NULL},
#endif
};

static bool able(enum bl_dtmf_path path)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (path == BL_DTMF_AVX2)
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
	if (path == BL_DTMF_AVX512)
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
	return path == BL_DTMF_PORTABLE;
}

bool bl_dtmf_bank_force(enum bl_dtmf_path path)
{
	if (!able(path))
		return false;
	bank.look = paths[path].look;
	return true;
}

const char *bl_dtmf_bank_name(enum bl_dtmf_path path)
{
	return paths[path].name;
}

static void begin(void)
{
	static const double tone_hz[TONES] = {697, 770, 852, 941, 1209, 1336, 1477, 1633};

	for (int k = 0; k < TONES; k++) {
		double turn = 2.0 * PI * tone_hz[k] / BL_RATE;

		for (int n = 0; n < HALF; n++) {
			double from_middle = n + 0.5, bend = sin(PI * from_middle / HOP);

			bank.even[n][k] = (float)(0.5 * cos(turn * from_middle));
			bank.even[n][TONES + k] = (float)(-0.5 * bend * sin(turn * from_middle));
			bank.odd[n][k] = (float)(0.5 * bend * cos(turn * from_middle));
			bank.odd[n][TONES + k] = (float)(-0.5 * sin(turn * from_middle));
		}
		bank.step_re[k] = (float)cos(turn * HOP);
		bank.step_im[k] = (float)-sin(turn * HOP);
	}
	/* a sine of peak A gives A * HOP / 2: the window's sum is HOP, half of it at each sign */
	bank.weakest = (float)pow(bl_tone_peak(BL_DTMF_WEAKEST_DBM0) * HOP / 2.0, 2.0);
	for (int path = 0; path < BL_DTMF_PATHS; path++)
		bl_dtmf_bank_force((enum bl_dtmf_path)path);
}

void bl_dtmf_bank_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, begin);
}

float bl_dtmf_bank_weakest(void)
{
	return bank.weakest;
}

struct bl_dtmf_found bl_dtmf_bank_look(struct bl_dtmf_block *block,
				       const int16_t *const frames[BL_DTMF_LANES], size_t at)
{
	return bank.look(block, frames, at);
}
