/* power.c  How loud samples are */
#include <math.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif
#include "frame.h"
#include "power.h"
#include "simd.h"

enum { LANES = 8, CHUNK = 2 * LANES };

struct sums {
	float square, sum;
};

static void add_rest(struct sums *sums, const int16_t *pcm, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		sums->square += (float)pcm[i] * (float)pcm[i];
		sums->sum += (float)pcm[i];
	}
}

#ifdef __x86_64__

BL_AVX2 float total(__m256 lanes)
{
	float lane[LANES], all = 0.0f;

	_mm256_storeu_ps(lane, lanes);
	for (int i = 0; i < LANES; i++)
		all += lane[i];
	return all;
}

BL_AVX2 struct sums sums_avx2(const int16_t *pcm, size_t count)
{
	__m256 squares = _mm256_setzero_ps(), minus = _mm256_set1_ps(-0.0f);
	__m256i sum = _mm256_setzero_si256(), one = _mm256_set1_epi16(1);
	size_t at = 0;
	struct sums sums;

	for (; at + CHUNK <= count; at += CHUNK) {
		__m256i chunk = _mm256_loadu_si256((const __m256i *)(pcm + at));
		/* of two samples each; 2^31 alone comes out as negative */
		__m256 pairs = _mm256_cvtepi32_ps(_mm256_madd_epi16(chunk, chunk));

		squares = _mm256_add_ps(squares, _mm256_andnot_ps(minus, pairs));
		sum = _mm256_add_epi32(sum, _mm256_madd_epi16(chunk, one));
	}
	sums = (struct sums){total(squares), total(_mm256_cvtepi32_ps(sum))};
	add_rest(&sums, pcm + at, count - at);
	return sums;
}

#else

BL_AVX2 struct sums sums_avx2(const int16_t *pcm, size_t count)
{
	struct sums sums = {0};

	add_rest(&sums, pcm, count);
	return sums;
}

#endif

typedef int16_t samples_vector __attribute__((vector_size(LANES * 2)));
typedef float vector __attribute__((vector_size(LANES * 4)));

static struct sums sums_baseline(const int16_t *pcm, size_t count)
{
	vector squares = {0}, sum = {0};
	struct sums sums = {0};
	size_t at = 0;

	for (; at + LANES <= count; at += LANES) {
		samples_vector chunk;
		vector values;

		memcpy(&chunk, pcm + at, sizeof(chunk));
		values = __builtin_convertvector(chunk, vector);
		squares += values * values;
		sum += values;
	}
	for (int i = 0; i < LANES; i++) {
		sums.square += squares[i];
		sums.sum += sum[i];
	}
	add_rest(&sums, pcm + at, count - at);
	return sums;
}

static struct sums sums_of(const int16_t *pcm, size_t count)
{
	return bl_simd_avx2() ? sums_avx2(pcm, count) : sums_baseline(pcm, count);
}

float bl_power(const int16_t *pcm, size_t count)
{
	struct sums sums = sums_of(pcm, count);
	float mean;

	if (!count)
		return 0.0f;
	mean = sums.sum / (float)count;
	return fmaxf(sums.square / (float)count - mean * mean, 0.0f);
}

float bl_power_dbm0(float power)
{
	/* a sine that reaches full scale has half its peak's square */
	float ratio = power / (32768.0f * 32768.0f / 2.0f);
	float dbm0 = 10.0f * log10f(ratio + 1e-12f) + (float)BL_FULL_SCALE_DBM0;

	return dbm0 < BL_SILENT_DBM0 ? BL_SILENT_DBM0 : dbm0;
}

float bl_power_square(const int16_t *pcm, size_t count)
{
	return sums_of(pcm, count).square;
}
