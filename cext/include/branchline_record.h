/* branchline_record.h  Recordings and live copies of what legs say and hear */
#ifndef BRANCHLINE_RECORD_H
#define BRANCHLINE_RECORD_H
#include <stdbool.h>
#include <stdint.h>
#include "branchline_engine.h"

enum bl_record_end {
	BL_RECORD_COMPLETE = 1, /* stopped, or its leg was removed */
	BL_RECORD_DISK_FULL,
	BL_RECORD_FAILED,  /* any other write error */
	BL_RECORD_LONGEST, /* it reached longest_ms: whole */
};

/* Why a recording's file has a beep in place of what was said. */
enum bl_record_gap {
	BL_GAP_PAUSED = 2,
	BL_GAP_LOST, /* the disk stalled for longer than its ring lasts */
};

enum bl_record_format {
	BL_RECORD_WAV = 1,
	BL_RECORD_OPUS, /* Ogg Opus (RFC 7845) */
};

enum bl_tap_end {
	BL_TAP_STOPPED = 1, /* by command, or its leg was removed */
	BL_TAP_READER_GONE,
	BL_TAP_FAILED,
};

enum bl_side {
	BL_SIDE_SAYS = 1,  /* what the leg says */
	BL_SIDE_HEARS = 2, /* what the leg hears */
	BL_SIDE_BOTH = 3,
};

struct bl_record_spec {
	const char *path;   /* the file must not exist */
	int32_t format;	    /* enum bl_record_format */
	int32_t longest_ms; /* 0: no limit */
	bool mono; /* both sides mixed; else left is what the leg says, right what it hears */
	bool mask_digits; /* what is dialled is silence */
};

/* A new file; what a killed process leaves of it can be played. */
int bl_record(struct bl_engine *engine, int64_t recording, int64_t leg,
	      const struct bl_record_spec *spec);
/* The file has a beep in place of the pause, and PATH.marks a line about it. */
int bl_record_pause(struct bl_engine *engine, int64_t recording, bool on);
/* These sides (enum bl_side, or-ed) are silence from now on; 0: none. */
int bl_record_mute(struct bl_engine *engine, int64_t recording, int32_t sides);
/* Whether what is dialled is silence in it from now on. */
int bl_record_mask(struct bl_engine *engine, int64_t recording, bool on);
int bl_record_stop(struct bl_engine *engine, int64_t recording);
/* A live copy of sides of the leg into a connected socket or a pipe, as docs/media-engine.md says.
 */
int bl_tap(struct bl_engine *engine, int64_t tap, int64_t leg, int fd, int32_t sides,
	   bool mask_digits);
int bl_tap_mask(struct bl_engine *engine, int64_t tap, bool on);
int bl_tap_stop(struct bl_engine *engine, int64_t tap);

#endif
