/* tap.c  Taps: a live copy of what a leg says or hears */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tap.h"

enum {
	PAIRS = 8192, /* a second at 8 kHz, 160 ms at 48 kHz; 32 kB */
	VERSION = 1,
	CLOCK_PER_FRAME = BL_FEED_CLOCK / BL_TICKS_PER_S,
};

static int open_copy(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int flags = copy < 0 ? -1 : fcntl(copy, F_GETFL);

	if (flags >= 0 && !fcntl(copy, F_SETFL, flags | O_NONBLOCK))
		return copy;
	if (copy >= 0)
		close(copy);
	return -1;
}

int bl_tap_new(int64_t id, int64_t leg, int fd, int sides, bool mask_digits, struct bl_tap **out)
{
	struct bl_tap *tap;

	if (fd < 0 || sides < BL_SIDE_SAYS || sides > BL_SIDE_BOTH)
		return BL_EINVAL;
	tap = calloc(1, sizeof(*tap));
	if (!tap)
		return BL_ENOMEM;
	tap->node.release = bl_tap_release;
	tap->id = id;
	tap->leg = leg;
	tap->sides = (uint8_t)sides;
	tap->why = BL_TAP_STOPPED;
	tap->fd = open_copy(fd);
	if (tap->fd < 0 ||
	    bl_feed_init(&tap->feed, BL_FEED_TAP, id, PAIRS, mask_digits ? BL_FEED_BEHIND : 0)) {
		int err = tap->fd < 0 ? BL_EIO : BL_ENOMEM;

		bl_tap_release(NULL, &tap->node);
		return err;
	}
	tap->feed.mask_digits = mask_digits;
	*out = tap;
	return BL_OK;
}

void bl_tap_release(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_tap *tap = (struct bl_tap *)node;

	(void)engine;
	if (tap->fd >= 0)
		close(tap->fd);
	bl_feed_release(&tap->feed);
	free(tap);
}

void bl_tapper_add(struct bl_tapper *tapper, struct bl_tap *tap)
{
	bl_stack_push(&tapper->added, &tap->node);
}

static void put_le(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void make_frame(struct bl_tap *tap, const struct bl_feed_item *item,
		       const int16_t (*pcm)[2])
{
	uint8_t *p = tap->frame;

	p[0] = 'B';
	p[1] = 'T';
	p[2] = VERSION;
	p[3] = tap->sides;
	put_le(p + 4, (uint32_t)item->rate, 2);
	put_le(p + 6, item->count, 2);
	put_le(p + 8, item->clock, 8);
	p += BL_TAP_HEADER;
	for (size_t i = 0; i < item->count; i++) {
		for (int side = 0; side < 2; side++) {
			if (!(tap->sides & 1 << side))
				continue;
			put_le(p, (uint16_t)pcm[i][side], 2);
			p += 2;
		}
	}
	tap->unsent = (size_t)(p - tap->frame);
	tap->sent = 0;
}

static ssize_t write_some(int fd, const void *data, size_t size)
{
	ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n < 0 && errno == ENOTSOCK ? write(fd, data, size) : n;
}

/* False: the reader has gone, or will never take anything. */
static bool send_frame(struct bl_tap *tap)
{
	while (tap->unsent) {
		ssize_t n = write_some(tap->fd, tap->frame + tap->sent, tap->unsent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
			return true;
		if (n <= 0) {
			tap->why = errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ||
						   errno == ECONNREFUSED
					   ? BL_TAP_READER_GONE
					   : BL_TAP_FAILED;
			return false;
		}
		tap->sent += (size_t)n;
		tap->unsent -= (size_t)n;
	}
	return true;
}

/* A whole frame that was not begun is given up for a newer one: the reader wants what is live. */
static bool send_all(struct bl_tap *tap)
{
	struct bl_feed_item item;
	int16_t pcm[BL_FRAME_MAX][2];

	while (send_frame(tap)) {
		if (tap->sent && tap->unsent)
			return true; /* the begun one goes first; others wait in the feed */
		if (!bl_feed_take(&tap->feed, &item, pcm))
			return true;
		if (item.entry == BL_FEED_LOST)
			tap->lost += item.ms / BL_FRAME_MS;
		if (item.entry != BL_FEED_FRAME)
			continue;
		if (tap->unsent)
			tap->lost++;
		make_frame(tap, &item, (const int16_t(*)[2])pcm);
	}
	return false;
}

/* True when the tap has ended and may go. */
static bool service(struct bl_tap *tap)
{
	bool detached = atomic_load_explicit(&tap->feed.detached, memory_order_acquire);

	if (tap->fd >= 0 && !send_all(tap)) {
		close(tap->fd);
		tap->fd = -1;
		atomic_store_explicit(&tap->feed.failed, true, memory_order_relaxed);
	}
	return detached;
}

bool bl_tapper_service(struct bl_tapper *tapper)
{
	struct bl_tap **link = &tapper->list;

	for (struct bl_node *node = bl_stack_take(&tapper->added); node;) {
		struct bl_tap *tap = (struct bl_tap *)node;

		node = node->next;
		tap->next = tapper->list;
		tapper->list = tap;
	}
	while (*link) {
		struct bl_tap *tap = *link;

		if (!service(tap)) {
			link = &tap->next;
			continue;
		}
		*link = tap->next;
		if (tap->fd >= 0)
			close(tap->fd); /* the reader sees the end at once */
		tap->fd = -1;
		tapper->ended(tapper->engine, tap);
		bl_stack_push(tapper->retired, &tap->node);
	}
	return tapper->list != NULL;
}
