/* recorder.c  Recordings: the tick copies into a ring, a writer makes WAV files of it */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "frame.h"
#include "recorder.h"

enum {
	MASK = BL_RECORDING_RING - 1,
	HEADER_SIZE = 44,
	SAMPLE_SIZE = 4,	   /* [bytes] of both channels */
	HEADER_EVERY = BL_RATE,	   /* [samples] */
	WRITE_EVERY = BL_RATE / 4, /* [samples]: fewer and larger writes are cheaper */
	/* a RIFF length has 32 bits; at 32 kB a second that is 37 hours */
	LONGEST = (INT32_MAX - HEADER_SIZE) / SAMPLE_SIZE * 2,
};

static void put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void make_header(uint8_t header[HEADER_SIZE], uint64_t samples)
{
	static const uint8_t format[HEADER_SIZE] = {
		'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W',	     'A', 'V', 'E', 'f', 'm', 't', ' ',
		16,  0,	  0,   0,   1, 0, /* PCM */
		2,   0,			  /* channels */
		0,   0,	  0,   0,   0, 0, 0, 0, SAMPLE_SIZE, 0,	  16,  0,   'd', 'a', 't', 'a',
	};
	uint32_t bytes = (uint32_t)(samples * SAMPLE_SIZE);

	memcpy(header, format, HEADER_SIZE);
	put_le32(header + 4, HEADER_SIZE - 8 + bytes);
	put_le32(header + 24, BL_RATE);
	put_le32(header + 28, BL_RATE * SAMPLE_SIZE);
	put_le32(header + 40, bytes);
}

/* 0 or an errno; *done: the bytes that were written in either case */
static int write_all(int fd, const void *data, size_t size, off_t at, size_t *done)
{
	const uint8_t *p = data;

	*done = 0;
	while (*done < size) {
		ssize_t n = pwrite(fd, p + *done, size - *done, at + (off_t)*done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : ENOSPC;
		*done += (size_t)n;
	}
	return 0;
}

static int write_header(struct bl_recording *recording)
{
	uint8_t header[HEADER_SIZE];
	size_t done;

	make_header(header, recording->written);
	recording->in_header = recording->written;
	return write_all(recording->fd, header, sizeof(header), 0, &done);
}

int bl_recording_open(int64_t id, int64_t leg, const char *path, struct bl_recording **out)
{
	struct bl_recording *recording = calloc(1, sizeof(*recording));
	int err;

	if (!recording)
		return BL_ENOMEM;
	recording->node.release = bl_recording_release;
	recording->id = id;
	recording->leg = leg;
	recording->why = BL_RECORD_COMPLETE;
	recording->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	err = recording->fd < 0 ? errno : write_header(recording);
	if (err) {
		if (recording->fd >= 0)
			close(recording->fd);
		free(recording);
		return err == ENOSPC || err == EDQUOT ? BL_ENOSPC : BL_EIO;
	}
	*out = recording;
	return BL_OK;
}

void bl_recording_release(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_recording *recording = (struct bl_recording *)node;

	(void)engine;
	if (recording->fd >= 0)
		close(recording->fd);
	free(recording);
}

uint32_t bl_recording_put(struct bl_recording *recording, const int16_t *says,
			  const int16_t *hears)
{
	uint32_t head = atomic_load_explicit(&recording->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&recording->tail, memory_order_acquire);

	if (head - tail > BL_RECORDING_RING - BL_FRAME)
		return BL_FRAME;
	for (uint32_t i = 0; i < BL_FRAME; i++) {
		recording->ring[(head + i) & MASK][0] = says[i];
		recording->ring[(head + i) & MASK][1] = hears[i];
	}
	atomic_store_explicit(&recording->head, head + BL_FRAME, memory_order_release);
	return 0;
}

void bl_recorder_add(struct bl_recorder *recorder, struct bl_recording *recording)
{
	bl_stack_push(&recorder->added, &recording->node);
}

static int drain(struct bl_recording *recording, bool all)
{
	uint32_t tail = atomic_load_explicit(&recording->tail, memory_order_relaxed);
	uint32_t head = atomic_load_explicit(&recording->head, memory_order_acquire);
	int err = 0;

	if (!all && head - tail < WRITE_EVERY)
		return 0;
	while (tail != head && !err) {
		uint32_t from = tail & MASK, run = BL_RECORDING_RING - from;
		size_t done;

		if (run > head - tail)
			run = head - tail;
		if (recording->written + run > (uint64_t)LONGEST)
			return EFBIG;
		err = write_all(recording->fd, recording->ring[from], (size_t)run * SAMPLE_SIZE,
				(off_t)(HEADER_SIZE + recording->written * SAMPLE_SIZE), &done);
		recording->written += done / SAMPLE_SIZE;
		tail += run;
		atomic_store_explicit(&recording->tail, tail, memory_order_release);
	}
	return err;
}

/* True when the recording has ended and may go. */
static bool service(struct bl_recording *recording)
{
	/* asked before the last drain: what was put before it was detached is in the ring */
	bool detached = atomic_load_explicit(&recording->detached, memory_order_acquire);
	int err;

	if (atomic_load_explicit(&recording->failed, memory_order_relaxed))
		return detached;
	err = drain(recording, detached);
	if (!err && (detached || recording->written - recording->in_header >= HEADER_EVERY))
		err = write_header(recording);
	if (err) {
		recording->why =
			err == ENOSPC || err == EDQUOT ? BL_RECORD_DISK_FULL : BL_RECORD_FAILED;
		write_header(recording); /* in place: it needs no new block */
		atomic_store_explicit(&recording->failed, true, memory_order_relaxed);
	}
	return detached;
}

void bl_recorder_service(struct bl_recorder *recorder)
{
	struct bl_recording **link = &recorder->list;

	for (struct bl_node *node = bl_stack_take(&recorder->added); node;) {
		struct bl_recording *recording = (struct bl_recording *)node;

		node = node->next;
		recording->next = recorder->list;
		recorder->list = recording;
	}
	while (*link) {
		struct bl_recording *recording = *link;

		if (!service(recording)) {
			link = &recording->next;
			continue;
		}
		*link = recording->next;
		close(recording->fd);
		recording->fd = -1;
		recorder->closed(recorder->engine, recording);
		bl_stack_push(recorder->retired, &recording->node);
	}
}
