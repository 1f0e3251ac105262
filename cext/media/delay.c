/* delay.c  How long packets must wait so that hardly any comes too late */
#include <string.h>
#include "delay.h"

enum {
	MEMORY = 500,	/* [packets], the newer half counts most: 5 s of 20 ms */
	START_BINS = 8, /* 20 ms to spare until more is known */
	WINDOW = 32,	/* [packets] after which a longer path is believed */
	MOVED_BINS = 8, /* so much longer: 20 ms */
};

static const float TOO_MANY_LATE = 0.006f;   /* share: wait longer */
static const float HARDLY_ANY_LATE = 0.001f; /* share: the next bin down would do */

void bl_delay_init(struct bl_delay *delay, int32_t rate)
{
	memset(delay, 0, sizeof(*delay));
	delay->bin = rate / BL_DELAY_BINS_PER_S;
}

static void start(struct bl_delay *delay, int64_t distance)
{
	memset(delay->bins, 0, sizeof(delay->bins));
	delay->bins[START_BINS] = 1.0f;
	delay->quantile = START_BINS;
	delay->least = delay->lowest = distance;
	delay->seen = delay->window = 0;
	delay->running = true;
}

static int64_t into(int64_t bin)
{
	return bin < 0 ? 0 : bin >= BL_DELAY_BINS ? BL_DELAY_BINS - 1 : bin;
}

/* Counts all bins from another distance on; what falls off an end gathers in the last bin. */
static void move(struct bl_delay *delay, int64_t by)
{
	float moved[BL_DELAY_BINS] = {0};

	for (int64_t i = 0; i < BL_DELAY_BINS; i++)
		moved[into(i + by)] += delay->bins[i];
	memcpy(delay->bins, moved, sizeof(moved));
	delay->least -= by * delay->bin;
	delay->quantile = (int32_t)into(delay->quantile + by);
}

/* No packet of a whole window came as early as the first bins: the path has become longer. */
static void watch_window(struct bl_delay *delay, int64_t distance)
{
	int64_t by;

	if (!delay->window || distance < delay->lowest)
		delay->lowest = distance;
	if (++delay->window < WINDOW)
		return;
	delay->window = 0;
	by = (delay->lowest - delay->least) / delay->bin;
	if (by >= MOVED_BINS)
		move(delay, -by);
}

static float share_above(const struct bl_delay *delay, int32_t bin)
{
	float share = 0.0f;

	for (int32_t i = bin + 1; i < BL_DELAY_BINS; i++)
		share += delay->bins[i];
	return share;
}

static void follow(struct bl_delay *delay)
{
	while (delay->quantile < BL_DELAY_BINS - 1 &&
	       share_above(delay, delay->quantile) > TOO_MANY_LATE)
		delay->quantile++;
	while (delay->quantile > 0 && share_above(delay, delay->quantile - 1) < HARDLY_ANY_LATE)
		delay->quantile--;
}

static void count(struct bl_delay *delay, int64_t bin)
{
	float weight;

	if (delay->seen < MEMORY)
		delay->seen++;
	/* at first the last half of all counts, so that the start's guess is soon forgotten */
	weight = 2.0f / (float)(delay->seen + 2);
	for (int i = 0; i < BL_DELAY_BINS; i++)
		delay->bins[i] *= 1.0f - weight;
	delay->bins[bin] += weight;
}

void bl_delay_seen(struct bl_delay *delay, int64_t distance)
{
	int64_t bin;

	if (!delay->running)
		start(delay, distance);
	if (distance < delay->least)
		move(delay, (delay->least - distance + delay->bin - 1) / delay->bin);
	bin = (distance - delay->least + delay->bin - 1) / delay->bin;
	if (bin < BL_DELAY_BINS) /* else it stalled: no delay of ours would have helped */
		count(delay, bin);
	watch_window(delay, distance);
	follow(delay);
}

int64_t bl_delay_target(const struct bl_delay *delay)
{
	return delay->least + (int64_t)delay->quantile * delay->bin;
}
