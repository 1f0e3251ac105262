/*
 * simd.h  Which vector instructions this machine has: AVX2 beside the baseline of its kind
 *
 * A kernel is written once, as a BL_KERNEL, and compiled twice: once as it is, once in a function
 * that is marked BL_AVX2; bl_simd_avx2() picks at run time. AVX-512 was tried on these loops and
 * won nothing over AVX2: they wait for the cache.
 */
#ifndef BL_SIMD_H
#define BL_SIMD_H
#include <stdbool.h>
#include <stdint.h>

#define BL_KERNEL static inline __attribute__((always_inline))

/* For tests and benches: as if the machine had the baseline alone. Set it before any thread. */
extern bool bl_simd_baseline;

#ifdef __x86_64__
#define BL_AVX2 __attribute__((target("avx2,fma"))) static
static inline bool bl_simd_avx2(void)
{
	return !bl_simd_baseline && __builtin_cpu_supports("avx2") &&
	       __builtin_cpu_supports("fma");
}
#else
#define BL_AVX2 static
static inline bool bl_simd_avx2(void)
{
	return false;
}
#endif

/* Rounded and kept within 16 bits, |value| < 2^22, in a way that vectorises: a float that large
 * has no bits left for fractions, so that adding it rounds.
 */
BL_KERNEL int16_t bl_simd_sample(float value)
{
	const float large = 3 << 22;
	int32_t rounded = (int32_t)((value + large) - large);

	rounded = rounded > INT16_MAX ? INT16_MAX : rounded;
	return (int16_t)(rounded < INT16_MIN ? INT16_MIN : rounded);
}

#endif
