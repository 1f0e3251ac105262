/* stretch.c  Makes a piece of speech one pitch period shorter or longer, unheard */
#include <stdlib.h>
#include <string.h>
#include "pitch.h"
#include "stretch.h"

enum {
	QUIET_PEAK = 160,   /* about -43 dBm0: any joint is unheard */
	OVERLAP_PER_S = 200 /* at least 5 ms are blended */
};

static bool is_quiet(const int16_t *pcm, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (abs(pcm[i]) > QUIET_PEAK)
			return false;
	}
	return true;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* out: from the sound of a to that of b; out may be either. */
static void blend(int16_t *out, const int16_t *a, const int16_t *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int32_t gain = (int32_t)((i * 2 + 1) * 16384 / count); /* of 32768 */

		out[i] = (int16_t)((a[i] * (32768 - gain) + b[i] * gain) / 32768);
	}
}

/* A lag to be blended over; 0: the sound is not fit for it. */
static size_t find_lag(const int16_t *x, size_t count, size_t most, int32_t rate, float likeness)
{
	size_t min = (size_t)(rate / BL_PITCH_MIN_PER_S);
	size_t max = smaller((size_t)(rate / BL_PITCH_MAX_PER_S), most), lag;
	float found;

	if (max < min)
		return 0;
	lag = bl_pitch_lag(x, count, min, max, rate, &found);
	return found >= likeness ? lag : 0;
}

size_t bl_stretch_cut(int16_t *pcm, size_t count, size_t most, int32_t rate, float likeness)
{
	size_t overlap = (size_t)(rate / OVERLAP_PER_S), lag;
	int16_t *later, *earlier;

	if (count < 2 * overlap)
		return 0;
	most = smaller(most, count - overlap);
	if (is_quiet(pcm, count)) {
		lag = most;
	} else {
		most = smaller(most, (size_t)(rate / BL_PITCH_MAX_PER_S));
		lag = find_lag(pcm + most, overlap, most, rate, likeness);
	}
	if (!lag)
		return 0;
	later = pcm + most;
	earlier = later - lag;
	blend(earlier, earlier, later, overlap);
	memmove(earlier + overlap, later + overlap, (count - most - overlap) * sizeof(*pcm));
	return lag;
}

size_t bl_stretch_insert(int16_t *pcm, size_t count, size_t past, size_t least, int32_t rate,
			 float likeness)
{
	size_t overlap = (size_t)(rate / OVERLAP_PER_S), lag;
	size_t most = smaller((size_t)(rate / BL_PITCH_MAX_PER_S), smaller(past, count));

	if (count < overlap)
		return 0;
	if (is_quiet(pcm - past, past + count)) {
		likeness = BL_STRETCH_ANYHOW;
		most = smaller(most, least > overlap ? least : overlap);
	}
	lag = find_lag(pcm, smaller(count, 2 * overlap), most, rate, likeness);
	if (!lag)
		return 0;
	/* the first period fades into the one before it; then the first period comes again */
	memmove(pcm + lag, pcm, count * sizeof(*pcm));
	blend(pcm, pcm, pcm - lag, lag);
	return lag;
}
