/*
 * recorder.h  Recordings: the tick copies into a ring, a writer makes WAV files of it
 *
 * The header of a file is right at least once a second, so that what a killed process leaves can
 * be played. A recording ends when the tick has let go of it and all of its ring is written.
 */
#ifndef BL_RECORDER_H
#define BL_RECORDER_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "branchline_media.h"
#include "node.h"

enum {
	BL_RECORDING_RING = 32768, /* [samples], 4 s: how long a disk may stall; a power of two */
};

struct bl_recording {
	struct bl_node node;
	struct bl_recording *next; /* of the writer's list */
	int64_t id, leg;
	int fd;
	enum bl_record_end why;
	uint64_t written; /* [samples] */
	uint64_t in_header;
	_Atomic uint32_t head, tail; /* [samples], free running */
	atomic_bool detached;	     /* the tick will not touch it again */
	atomic_bool failed;	     /* the writer gave up: the tick shall let go */
	int16_t ring[BL_RECORDING_RING][2];
};

struct bl_recorder {
	struct bl_stack added;	   /* by the caller's side */
	struct bl_recording *list; /* the writer's own */
	struct bl_stack *retired;
	/* called by whoever runs bl_recorder_service() */
	void (*closed)(struct bl_engine *engine, const struct bl_recording *recording);
	struct bl_engine *engine;
};

int bl_recording_open(int64_t id, int64_t leg, const char *path, struct bl_recording **out);
void bl_recording_release(struct bl_engine *engine, struct bl_node *node);
/* Tick side: one frame of both directions; returns the samples that found no room. */
uint32_t bl_recording_put(struct bl_recording *recording, const int16_t *says,
			  const int16_t *hears);
void bl_recorder_add(struct bl_recorder *recorder, struct bl_recording *recording);
/* Writes what waits in all rings and closes what has ended. */
void bl_recorder_service(struct bl_recorder *recorder);

#endif
