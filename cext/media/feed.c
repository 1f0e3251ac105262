/* feed.c  Both sides of a leg, frame by frame, from the tick to a slow thread */
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "feed.h"
#include "frame.h"

enum {
	HEADER = 2, /* [pairs]: kind and rate, then the clock or a length */
	SMALLEST = 1024,
	LARGEST = 1 << 20,
	AHEAD_MS = 60, /* a digit's tone goes on while it is told; each look tells it again */
};

struct header {
	uint32_t what; /* enum bl_feed_entry, and above it the rate in kHz */
	uint32_t value;
};

_Static_assert(sizeof(struct header) == HEADER * sizeof(int16_t[2]), "a header is two pairs");

int bl_feed_init(struct bl_feed *feed, enum bl_feed_kind kind, int64_t id, uint32_t pairs,
		 uint8_t behind)
{
	if (pairs < SMALLEST || pairs > LARGEST || pairs & (pairs - 1) || behind > BL_FEED_BEHIND)
		return BL_EINVAL;
	memset(feed, 0, sizeof(*feed));
	feed->ring = malloc(pairs * sizeof(feed->ring[0]));
	if (!feed->ring)
		return BL_ENOMEM;
	feed->kind = kind;
	feed->id = id;
	feed->mask = pairs - 1;
	feed->behind = behind;
	return BL_OK;
}

void bl_feed_release(struct bl_feed *feed)
{
	free(feed->ring);
	feed->ring = NULL;
}

static void write_header(struct bl_feed *feed, enum bl_feed_entry entry, int32_t rate,
			 uint32_t value)
{
	struct header header = {(uint32_t)entry | (uint32_t)(rate / 1000) << 8, value};

	for (uint32_t i = 0; i < HEADER; i++)
		memcpy(feed->ring[(feed->head + i) & feed->mask],
		       (uint8_t *)&header + (size_t)4 * i, 4);
	feed->head += HEADER;
}

static struct header read_header(const struct bl_feed *feed, uint32_t at)
{
	struct header header;

	for (uint32_t i = 0; i < HEADER; i++)
		memcpy((uint8_t *)&header + (size_t)4 * i, feed->ring[(at + i) & feed->mask], 4);
	return header;
}

static uint32_t samples_of(const struct header *header)
{
	return (header->what >> 8) * 1000 / BL_TICKS_PER_S;
}

static bool room_for(struct bl_feed *feed, uint32_t pairs)
{
	uint32_t tail = atomic_load_explicit(&feed->tail, memory_order_acquire);

	return feed->head - tail + pairs <= feed->mask + 1;
}

static void write_gap(struct bl_feed *feed)
{
	if (feed->gap_ms)
		write_header(feed, feed->gap, 0, feed->gap_ms);
	feed->gap_ms = 0;
}

/* Makes the samples [from, to) of a frame silent on these sides. */
static void silence(struct bl_feed *feed, uint32_t frame, uint32_t from, uint32_t to, int sides)
{
	for (uint32_t i = from; i < to; i++) {
		int16_t *pair = feed->ring[(frame + HEADER + i) & feed->mask];

		if (sides & BL_SIDE_SAYS)
			pair[0] = 0;
		if (sides & BL_SIDE_HEARS)
			pair[1] = 0;
	}
}

/* The frame is complete: the oldest one that is kept back may go instead of it. */
static void hold(struct bl_feed *feed, uint32_t frame)
{
	uint32_t ready = feed->head;

	if (feed->behind) {
		if (feed->held_count == feed->behind)
			memmove(feed->held, feed->held + 1,
				--feed->held_count * sizeof(feed->held[0]));
		feed->held[feed->held_count++] = frame;
		ready = feed->held[0];
	}
	atomic_store_explicit(&feed->ready, ready, memory_order_release);
}

static int silent_sides(struct bl_feed *feed)
{
	int sides = feed->mute;

	for (int i = 0; i < 2; i++) {
		if (!feed->blank_ms[i])
			continue;
		sides |= 1 << i;
		feed->blank_ms[i] -=
			feed->blank_ms[i] < BL_FRAME_MS ? feed->blank_ms[i] : BL_FRAME_MS;
	}
	return sides;
}

static void leave_out(struct bl_feed *feed, enum bl_feed_entry why)
{
	/* of a pause in which the ring was full before, the longer story is the pause */
	if (!feed->gap_ms || why == BL_FEED_PAUSED)
		feed->gap = why;
	feed->gap_ms += BL_FRAME_MS;
}

uint32_t bl_feed_put(struct bl_feed *feed, int32_t rate, const int16_t *says, const int16_t *hears)
{
	uint32_t count = (uint32_t)(rate / BL_TICKS_PER_S), clock = feed->frames++, frame;
	int sides = silent_sides(feed);

	if (feed->paused) {
		leave_out(feed, BL_FEED_PAUSED);
		return 0;
	}
	if (!room_for(feed, count + 3 * HEADER)) { /* also a gap before and at the end */
		leave_out(feed, BL_FEED_LOST);
		return count;
	}
	write_gap(feed);
	frame = feed->head;
	write_header(feed, BL_FEED_FRAME, rate, clock);
	for (uint32_t i = 0; i < count; i++) {
		int16_t *pair = feed->ring[(feed->head + i) & feed->mask];

		pair[0] = says[i];
		pair[1] = hears[i];
	}
	feed->head += count;
	if (sides)
		silence(feed, frame, 0, count, sides);
	hold(feed, frame);
	return 0;
}

void bl_feed_end(struct bl_feed *feed)
{
	if (feed->gap_ms && room_for(feed, HEADER))
		write_gap(feed);
	feed->held_count = 0;
	atomic_store_explicit(&feed->ready, feed->head, memory_order_release);
	atomic_store_explicit(&feed->detached, true, memory_order_release);
}

void bl_feed_mute(struct bl_feed *feed, int sides)
{
	feed->mute = (uint8_t)(sides & BL_SIDE_BOTH);
}

void bl_feed_blank(struct bl_feed *feed, int sides, uint32_t back_ms, uint32_t ahead_ms)
{
	for (uint8_t i = 0; i < feed->held_count; i++) {
		struct header header = read_header(feed, feed->held[i]);
		uint32_t count = samples_of(&header);
		/* since its end: between it and now frames may be missing */
		uint32_t age_ms = (feed->frames - 1 - header.value) * BL_FRAME_MS;
		uint32_t span = back_ms > age_ms ? back_ms - age_ms : 0;

		if (span > BL_FRAME_MS)
			span = BL_FRAME_MS;
		silence(feed, feed->held[i], count - span * (header.what >> 8), count, sides);
	}
	for (int i = 0; i < 2; i++) {
		if (sides & 1 << i && feed->blank_ms[i] < ahead_ms)
			feed->blank_ms[i] = ahead_ms;
	}
}

void bl_feed_pause(struct bl_feed *feed, bool on)
{
	feed->paused = on;
}

void bl_feed_hide_digits(struct bl_feed *feed, bool on)
{
	feed->mask_digits = on;
	if (on)
		feed->behind = BL_FEED_BEHIND;
}

void bl_feeds_add(struct bl_feed **list, struct bl_feed *feed)
{
	feed->next = *list;
	*list = feed;
}

struct bl_feed *bl_feeds_find(struct bl_feed *list, enum bl_feed_kind kind, int64_t id)
{
	while (list && (list->kind != kind || list->id != id))
		list = list->next;
	return list;
}

uint32_t bl_feeds_put(struct bl_feed **list, int32_t rate, const int16_t *says,
		      const int16_t *hears)
{
	uint32_t lost = 0;

	while (*list) {
		struct bl_feed *feed = *list;

		if (atomic_load_explicit(&feed->failed, memory_order_relaxed)) {
			*list = feed->next;
			bl_feed_end(feed);
			continue;
		}
		lost += bl_feed_put(feed, rate, says, hears);
		list = &feed->next;
	}
	return lost;
}

void bl_feeds_end(struct bl_feed **list, struct bl_feed *feed)
{
	while (*list && *list != feed)
		list = &(*list)->next;
	if (!*list)
		return;
	*list = feed->next;
	bl_feed_end(feed); /* from here on it may be gone at any moment */
}

void bl_feeds_end_all(struct bl_feed **list)
{
	while (*list)
		bl_feeds_end(list, *list);
}

void bl_feeds_hide_digit(struct bl_feed *list, int sides)
{
	for (; list; list = list->next) {
		if (list->mask_digits)
			bl_feed_blank(list, sides, BL_FEED_BEHIND * BL_FRAME_MS, AHEAD_MS);
	}
}

uint32_t bl_feed_waiting(struct bl_feed *feed)
{
	return atomic_load_explicit(&feed->ready, memory_order_acquire) -
	       atomic_load_explicit(&feed->tail, memory_order_relaxed);
}

static void take_frame(struct bl_feed *feed, const struct header *header, uint32_t at,
		       struct bl_feed_item *item, int16_t (*pcm)[2])
{
	uint32_t count = samples_of(header), from = at & feed->mask;
	uint32_t run = feed->mask + 1 - from < count ? feed->mask + 1 - from : count;

	memcpy(pcm, feed->ring[from], run * sizeof(pcm[0]));
	memcpy(pcm + run, feed->ring[0], (count - run) * sizeof(pcm[0]));
	feed->clock += header->value - feed->last_frame;
	feed->last_frame = header->value;
	item->rate = (int32_t)(header->what >> 8) * 1000;
	item->count = count;
	item->clock = feed->clock * (BL_FEED_CLOCK / BL_TICKS_PER_S);
}

bool bl_feed_take(struct bl_feed *feed, struct bl_feed_item *item, int16_t (*pcm)[2])
{
	uint32_t tail = atomic_load_explicit(&feed->tail, memory_order_relaxed);
	struct header header;

	*item = (struct bl_feed_item){0};
	if (!bl_feed_waiting(feed))
		return false;
	header = read_header(feed, tail);
	item->entry = (enum bl_feed_entry)(header.what & 0xff);
	if (item->entry == BL_FEED_FRAME)
		take_frame(feed, &header, tail + HEADER, item, pcm);
	else
		item->ms = header.value;
	tail += HEADER + (uint32_t)item->count;
	atomic_store_explicit(&feed->tail, tail, memory_order_release);
	return true;
}
