/*
 * recorder.h  Recordings: the tick puts both sides of a leg into a feed, a writer makes files of
 * it
 *
 * What does it do?  It writes WAV (stereo, or both sides mixed) and Ogg Opus, at the rate the leg
 *   had when the recording began; left is what the leg says, right what it hears. What a killed
 *   process or a full disk leaves is a file that plays, and lacks a second or so.
 * How does it work?  A recording is a feed (feed.h) and a file (sound_file.h). A pause, and what a
 *   stalled disk cost, is not written as hours of silence: the file has a short beep in its place,
 *   the caller is told by an event, and a line of JSON goes to PATH.marks, which is made with the
 *   first of them: {"at_ms": where in the file, "mark": "paused" or "lost", "ms": how long}.
 *   A frame of another rate than the file's is converted here, not in the tick.
 * How do I use it?  bl_recording_new() and bl_recorder_add() in the caller's thread, the feed to
 * the tick (bl_feeds_add()), bl_recorder_service() every 100 ms in the writer's thread. It calls
 *   back when a recording has a gap and when it is closed; then it hands the node back.
 */
#ifndef BL_RECORDER_H
#define BL_RECORDER_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "branchline_media.h"
#include "feed.h"
#include "frame.h"
#include "node.h"
#include "resample.h"
#include "sound_file.h"

enum {
	BL_RECORDER_MS = 100, /* bl_recorder_service() is to be called so often */
	BL_RECORDER_CHUNK =
		12000, /* [pairs] that are written at once, at most: 250 ms at 48 kHz */
	BL_RECORD_PATH = 4096,
};

struct bl_recording {
	struct bl_node node;
	struct bl_recording *next; /* of the writer's list */
	int64_t id, leg;
	struct bl_feed feed;
	struct bl_sound_file *file;
	enum bl_record_end why;
	int32_t rate;	  /* of the file */
	uint64_t written; /* [samples] in the file */
	uint64_t longest; /* [samples], 0: no limit */
	char *marks_path;
	int marks_fd;			   /* -1: no mark yet */
	struct bl_resampler resamplers[2]; /* of frames of another rate than the file's */
};

struct bl_recorder {
	struct bl_stack added;	   /* by the caller's side */
	struct bl_recording *list; /* the writer's own, as is all below */
	struct bl_stack *retired;
	/* called by whoever runs bl_recorder_service() */
	void (*closed)(struct bl_engine *engine, const struct bl_recording *recording);
	/* at_ms: where in the file. NULL: nobody asks */
	void (*gap)(struct bl_engine *engine, const struct bl_recording *recording,
		    enum bl_feed_entry what, uint64_t at_ms);
	struct bl_engine *engine;
	size_t count; /* [pairs] */
	int16_t pcm[BL_RECORDER_CHUNK + BL_FRAME_MAX][2];
};

/* Opens the file, so that its errors are answers; rate: the leg's [Hz]. */
int bl_recording_new(int64_t id, int64_t leg, const struct bl_record_spec *spec, int32_t rate,
		     struct bl_recording **out);
void bl_recording_release(struct bl_engine *engine, struct bl_node *node);
void bl_recorder_add(struct bl_recorder *recorder, struct bl_recording *recording);
/* Writes what waits in all feeds and closes what has ended. */
void bl_recorder_service(struct bl_recorder *recorder);

#endif
