/* mix.c  What each leg of a bridge hears: the others, summed and kept within 16 bits */
#ifdef __x86_64__
#include <immintrin.h>
#endif
#include "mix.h"
#include "simd.h"

BL_KERNEL void sum_kernel(int32_t *restrict sum, const int16_t *restrict frame, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sum[i] += frame[i];
}

BL_AVX2 void sum_avx2(int32_t *restrict sum, const int16_t *restrict frame, size_t count)
{
	sum_kernel(sum, frame, count);
}

void bl_mix_sum(int32_t *sum, const int16_t *frame, size_t count)
{
	if (bl_simd_avx2())
		sum_avx2(sum, frame, count);
	else
		sum_kernel(sum, frame, count);
}

#ifdef __x86_64__

/* By hand: GCC does not find the saturating pack in the plain loop, at twice the cost. */
BL_AVX2 void rest_avx2(const int32_t *sum, const int16_t *own, int16_t *out, size_t count)
{
	for (size_t i = 0; i < count; i += 16) {
		__m256i low = _mm256_loadu_si256((const __m256i *)(sum + i));
		__m256i high = _mm256_loadu_si256((const __m256i *)(sum + i + 8));
		__m128i own_low = _mm_loadu_si128((const __m128i *)(own + i));
		__m128i own_high = _mm_loadu_si128((const __m128i *)(own + i + 8));

		low = _mm256_sub_epi32(low, _mm256_cvtepi16_epi32(own_low));
		high = _mm256_sub_epi32(high, _mm256_cvtepi16_epi32(own_high));
		/* the pack works in each half for itself: 0, 2, 1, 3 puts them into order */
		_mm256_storeu_si256((__m256i *)(out + i),
				    _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high),
							     _MM_SHUFFLE(3, 1, 2, 0)));
	}
}

BL_KERNEL void rest_kernel(const int32_t *sum, const int16_t *own, int16_t *out, size_t count)
{
	for (size_t i = 0; i < count; i += 8) {
		__m128i low = _mm_loadu_si128((const __m128i *)(sum + i));
		__m128i high = _mm_loadu_si128((const __m128i *)(sum + i + 4));
		__m128i mine = _mm_loadu_si128((const __m128i *)(own + i));

		/* the shift widens with the sign */
		low = _mm_sub_epi32(low, _mm_srai_epi32(_mm_unpacklo_epi16(mine, mine), 16));
		high = _mm_sub_epi32(high, _mm_srai_epi32(_mm_unpackhi_epi16(mine, mine), 16));
		_mm_storeu_si128((__m128i *)(out + i), _mm_packs_epi32(low, high));
	}
}

#else

BL_KERNEL void rest_kernel(const int32_t *restrict sum, const int16_t *restrict own,
			   int16_t *restrict out, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int32_t rest = sum[i] - own[i];

		rest = rest > INT16_MAX ? INT16_MAX : rest;
		out[i] = (int16_t)(rest < INT16_MIN ? INT16_MIN : rest);
	}
}

BL_AVX2 void rest_avx2(const int32_t *sum, const int16_t *own, int16_t *out, size_t count)
{
	rest_kernel(sum, own, out, count);
}

#endif

void bl_mix_rest(const int32_t *sum, const int16_t *own, int16_t *out, size_t count)
{
	if (bl_simd_avx2())
		rest_avx2(sum, own, out, count);
	else
		rest_kernel(sum, own, out, count);
}

void bl_mix_whole(const int32_t *sum, int16_t *out, size_t count)
{
	static const int16_t nothing[BL_FRAME_MAX];

	bl_mix_rest(sum, nothing, out, count);
}

BL_KERNEL void gain_kernel(int16_t *frame, size_t count, float from, float to)
{
	float step = (to - from) / (float)count;

	for (size_t i = 0; i < count; i++)
		frame[i] = bl_simd_sample(frame[i] * (from + step * (float)((int32_t)i + 1)));
}

BL_AVX2 void gain_avx2(int16_t *frame, size_t count, float from, float to)
{
	gain_kernel(frame, count, from, to);
}

void bl_mix_gain(int16_t *frame, size_t count, float from, float to)
{
	if (from == 1.0F && to == 1.0F)
		return;
	if (bl_simd_avx2())
		gain_avx2(frame, count, from, to);
	else
		gain_kernel(frame, count, from, to);
}

void bl_mix_onto(int16_t *restrict frame, const int16_t *restrict other, size_t count)
{
	for (size_t i = 0; i < count; i++)
		frame[i] = bl_simd_sample((float)(frame[i] + other[i]));
}
