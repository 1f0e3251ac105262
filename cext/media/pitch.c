/* pitch.c  How far back sound looks most like itself: its pitch period, if it has one */
#include <math.h>
#include "frame.h"
#include "pitch.h"

/* Over every step-th sample. Products are scaled so that sums of 500 fit 32 bits. */
static float likeness_at(const int16_t *x, const int16_t *before, size_t count, size_t step)
{
	int32_t xy = 0, xx = 0, yy = 0;

	for (size_t i = 0; i < count; i += step) {
		xy += x[i] * before[i] / 512;
		xx += x[i] * x[i] / 512;
		yy += before[i] * before[i] / 512;
	}
	return (float)xy / sqrtf((float)(xx + 1) * (float)(yy + 1));
}

size_t bl_pitch_lag(const int16_t *x, size_t count, size_t min, size_t max, int32_t rate,
		    float *likeness)
{
	size_t step = (size_t)(rate / BL_RATE), best = min, from, to;
	float most = -2.0f;

	for (size_t lag = min; lag <= max; lag += step) {
		float found = likeness_at(x, x - lag, count, step);

		if (found > most) {
			most = found;
			best = lag;
		}
	}
	from = best > min + step ? best - step + 1 : min;
	to = best + step - 1 < max ? best + step - 1 : max;
	for (size_t lag = from; step > 1 && lag <= to; lag++) {
		float found = likeness_at(x, x - lag, count, step);

		if (found > most) {
			most = found;
			best = lag;
		}
	}
	*likeness = most;
	return best;
}
