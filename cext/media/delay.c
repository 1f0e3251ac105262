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
static const float LEAST_SHARE = 1e-4f;	     /* of a count: below, all are counted anew */

void bl_delay_init(struct bl_delay *delay, int32_t rate)
{
	memset(delay, 0, sizeof(*delay));
	delay->bin = rate / BL_DELAY_BINS_PER_S;
}

static void start(struct bl_delay *delay, int64_t distance)
{
	memset(delay->bins, 0, sizeof(delay->bins));
	delay->bins[START_BINS] = 1.0f;
	delay->share = 1.0f;
	delay->above = 0.0f;
	delay->quantile = START_BINS;
	delay->least = delay->lowest = distance;
	delay->seen = delay->window = 0;
	delay->running = true;
}

static int64_t into(int64_t bin)
{
	return bin < 0 ? 0 : bin >= BL_DELAY_BINS ? BL_DELAY_BINS - 1 : bin;
}

static void sum_above(struct bl_delay *delay)
{
	delay->above = 0.0f;
	for (int32_t i = delay->quantile + 1; i < BL_DELAY_BINS; i++)
		delay->above += delay->bins[i];
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
	sum_above(delay);
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

static void follow(struct bl_delay *delay)
{
	while (delay->quantile < BL_DELAY_BINS - 1 && delay->above * delay->share > TOO_MANY_LATE)
		delay->above -= delay->bins[++delay->quantile];
	while (delay->quantile > 0 &&
	       (delay->above + delay->bins[delay->quantile]) * delay->share < HARDLY_ANY_LATE)
		delay->above += delay->bins[delay->quantile--];
}

/* Makes a count one share again, before shares become too small and sums too rough. */
static void renew(struct bl_delay *delay)
{
	for (int i = 0; i < BL_DELAY_BINS; i++)
		delay->bins[i] *= delay->share;
	delay->share = 1.0f;
	sum_above(delay);
}

/* Each count weighs less with each packet after it: a new one weighs more instead. */
static void count(struct bl_delay *delay, int64_t bin)
{
	float weight, counts;

	if (delay->seen < MEMORY)
		delay->seen++;
	/* at first the last half of all counts, so that the start's guess is soon forgotten */
	weight = 2.0f / (float)(delay->seen + 2);
	delay->share *= 1.0f - weight;
	counts = weight / delay->share;
	delay->bins[bin] += counts;
	if (bin > delay->quantile)
		delay->above += counts;
	if (delay->share < LEAST_SHARE)
		renew(delay);
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
