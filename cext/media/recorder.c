/* recorder.c  Recordings: a writer makes files of what the tick puts into feeds */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "oggopus.h"
#include "recorder.h"
#include "tone.h"
#include "wav.h"

enum {
	PAIRS_NARROW = 32768, /* 4 s at 8 kHz: how long a disk may stall; 128 kB */
	PAIRS_WIDE = 65536,   /* 4 s at 16 kHz */
	PAIRS_FULL = 131072,  /* 2.7 s at 48 kHz */
	WRITES_PER_S = 4,     /* fewer and larger writes are cheaper */
	MARK_MS = 240,	      /* what a longer gap is in the file */
	MARK_EDGE_MS = 30,    /* of silence before and after its beep */
	MS_PER_S = 1000,
	LONGEST_LIMIT_MS = 24 * 3600 * 1000,
};

#define PI 3.14159265358979323846
#define MARK_HZ 1000.0
#define MARK_DBM0 (-20.0)

static int make_file(struct bl_recording *recording, const struct bl_record_spec *spec,
		     int32_t rate)
{
	int fd = open(spec->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	int err;

	if (fd < 0)
		return errno;
	err = spec->format == BL_RECORD_OPUS
		      ? bl_oggopus_new(fd, rate, spec->mono, &recording->file)
		      : bl_wav_new(fd, rate, spec->mono, &recording->file);
	if (err) {
		close(fd);
		unlink(spec->path);
	}
	return err;
}

static int reason_of(int err)
{
	return err == ENOSPC || err == EDQUOT ? BL_ENOSPC : err == ENOMEM ? BL_ENOMEM : BL_EIO;
}

static int make_parts(struct bl_recording *recording, const struct bl_record_spec *spec,
		      int32_t rate)
{
	uint32_t pairs = rate == BL_RATE	? PAIRS_NARROW
			 : rate == BL_RATE_WIDE ? PAIRS_WIDE
						: PAIRS_FULL;
	uint8_t behind = spec->mask_digits ? BL_FEED_BEHIND : 0;
	int err = bl_feed_init(&recording->feed, BL_FEED_RECORDING, recording->id, pairs, behind);

	if (err)
		return err;
	recording->feed.mask_digits = spec->mask_digits;
	if (asprintf(&recording->marks_path, "%s.marks", spec->path) < 0) {
		recording->marks_path = NULL;
		return BL_ENOMEM;
	}
	err = make_file(recording, spec, rate);
	return err ? reason_of(err) : BL_OK;
}

int bl_recording_new(int64_t id, int64_t leg, const struct bl_record_spec *spec, int32_t rate,
		     struct bl_recording **out)
{
	struct bl_recording *recording;
	int err;

	if (!spec || !spec->path || !*spec->path ||
	    (spec->format != BL_RECORD_WAV && spec->format != BL_RECORD_OPUS) ||
	    (rate != BL_RATE && rate != BL_RATE_WIDE && rate != BL_RATE_FULL) ||
	    spec->longest_ms < 0 || spec->longest_ms > LONGEST_LIMIT_MS)
		return BL_EINVAL;
	recording = calloc(1, sizeof(*recording));
	if (!recording)
		return BL_ENOMEM;
	recording->node.release = bl_recording_release;
	recording->id = id;
	recording->leg = leg;
	recording->why = BL_RECORD_COMPLETE;
	recording->marks_fd = -1;
	recording->rate = rate;
	recording->longest = (uint64_t)spec->longest_ms * (uint64_t)rate / MS_PER_S;
	err = make_parts(recording, spec, rate);
	if (err)
		bl_recording_release(NULL, &recording->node);
	else
		*out = recording;
	return err;
}

/* What the writer has no more use for. */
static void close_files(struct bl_recording *recording)
{
	if (recording->file)
		recording->file->kind->release(recording->file);
	if (recording->marks_fd >= 0)
		close(recording->marks_fd);
	recording->file = NULL;
	recording->marks_fd = -1;
}

void bl_recording_release(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_recording *recording = (struct bl_recording *)node;

	(void)engine;
	close_files(recording);
	bl_feed_release(&recording->feed);
	free(recording->marks_path);
	free(recording);
}

void bl_recorder_add(struct bl_recorder *recorder, struct bl_recording *recording)
{
	bl_stack_push(&recorder->added, &recording->node);
}

/* Writes what is gathered, up to the recording's limit. */
static int flush(struct bl_recorder *recorder, struct bl_recording *recording)
{
	struct bl_sound_file *file = recording->file;
	uint64_t room = recording->longest - file->samples;
	size_t count = recorder->count;
	int err = 0;

	if (recording->longest && count > room)
		count = (size_t)room;
	if (count)
		err = file->kind->write(file, (const int16_t(*)[2])recorder->pcm, count);
	recorder->count = 0;
	recording->written = file->samples;
	return err;
}

static void mark(struct bl_recording *recording, const struct bl_feed_item *item, uint64_t at_ms)
{
	if (recording->marks_fd < 0)
		recording->marks_fd = open(
			recording->marks_path,
			O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	/* it may fail, as on a full disk: the event tells the same */
	if (recording->marks_fd >= 0)
		dprintf(recording->marks_fd, "{\"at_ms\": %llu, \"mark\": \"%s\", \"ms\": %u}\n",
			(unsigned long long)at_ms,
			item->entry == BL_FEED_PAUSED ? "paused" : "lost", item->ms);
}

/* A beep instead of a long gap; a short one is as long as it was, or a disk that is too slow
 * would be given more to write for each loss.
 */
static size_t gap_sound(int16_t (*pcm)[2], uint32_t ms, int32_t rate)
{
	size_t per_ms = (size_t)rate / MS_PER_S, count = per_ms * (ms < MARK_MS ? ms : MARK_MS);
	size_t edge = per_ms * MARK_EDGE_MS;
	double turn = 2.0 * PI * MARK_HZ / rate;

	memset(pcm, 0, count * sizeof(pcm[0]));
	for (size_t i = edge; ms > MARK_MS && i < count - edge; i++)
		pcm[i][0] = pcm[i][1] =
			(int16_t)(bl_tone_peak(MARK_DBM0) * sin(turn * (double)(i - edge)));
	return count;
}

static int write_gap(struct bl_recorder *recorder, struct bl_recording *recording,
		     const struct bl_feed_item *item)
{
	int err = flush(recorder, recording);
	int32_t rate = recording->file->rate;
	uint64_t at_ms = recording->written * MS_PER_S / (uint64_t)rate;

	if (err)
		return err;
	mark(recording, item, at_ms);
	if (recorder->gap)
		recorder->gap(recorder->engine, recording, item->entry, at_ms);
	recorder->count = gap_sound(recorder->pcm, item->ms, rate);
	return 0;
}

/* Turns the frame at pcm into one of the file's rate; returns its samples. */
static size_t convert(struct bl_recording *recording, const struct bl_feed_item *item,
		      int16_t (*pcm)[2])
{
	int32_t rate = recording->file->rate;
	size_t count = (size_t)(rate / BL_TICKS_PER_S);
	int16_t in[BL_FRAME_MAX], out[2][BL_FRAME_MAX];

	for (int side = 0; side < 2; side++) {
		struct bl_resampler *resampler = &recording->resamplers[side];

		if (resampler->from != item->rate)
			bl_resample_init(resampler, item->rate, rate);
		for (size_t i = 0; i < item->count; i++)
			in[i] = pcm[i][side];
		bl_resample(resampler, in, out[side]);
	}
	for (size_t i = 0; i < count; i++) {
		pcm[i][0] = out[0][i];
		pcm[i][1] = out[1][i];
	}
	return count;
}

static bool full(const struct bl_recorder *recorder, const struct bl_recording *recording)
{
	return recording->longest && recording->written + recorder->count >= recording->longest;
}

static int drain(struct bl_recorder *recorder, struct bl_recording *recording, bool all)
{
	struct bl_feed_item item;
	int32_t rate = recording->file->rate;
	int err = 0;

	if (!all && bl_feed_waiting(&recording->feed) < (uint32_t)rate / WRITES_PER_S)
		return 0;
	recorder->count = 0;
	while (!err && !full(recorder, recording)) {
		int16_t(*pcm)[2] = recorder->pcm + recorder->count;

		if (!bl_feed_take(&recording->feed, &item, pcm))
			break;
		if (item.entry != BL_FEED_FRAME)
			err = write_gap(recorder, recording, &item);
		else
			recorder->count +=
				item.rate == rate ? item.count : convert(recording, &item, pcm);
		if (!err && recorder->count >= BL_RECORDER_CHUNK)
			err = flush(recorder, recording);
	}
	return err ? err : flush(recorder, recording);
}

static int write_some(struct bl_recorder *recorder, struct bl_recording *recording, bool all)
{
	struct bl_sound_file *file = recording->file;
	int err = drain(recorder, recording, all);

	recorder->count = 0;
	if (!err && full(recorder, recording)) {
		recording->why = (enum bl_record_end)BL_RECORD_LONGEST;
		all = true;
	}
	if (!err)
		err = all ? file->kind->finish(file) : file->kind->settle(file);
	recording->written = file->samples;
	if (err)
		recording->why =
			err == ENOSPC || err == EDQUOT ? BL_RECORD_DISK_FULL : BL_RECORD_FAILED;
	if (err || all)
		close_files(recording);
	return err;
}

/* True when the recording has ended and may go. */
static bool service(struct bl_recorder *recorder, struct bl_recording *recording)
{
	bool detached;

	/* asked before the last drain: what was put before it was detached is in the ring */
	detached = atomic_load_explicit(&recording->feed.detached, memory_order_acquire);
	if (recording->file)
		write_some(recorder, recording, detached);
	if (!recording->file)
		atomic_store_explicit(&recording->feed.failed, true, memory_order_relaxed);
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

		if (!service(recorder, recording)) {
			link = &recording->next;
			continue;
		}
		*link = recording->next;
		recorder->closed(recorder->engine, recording);
		bl_stack_push(recorder->retired, &recording->node);
	}
}
