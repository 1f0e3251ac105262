/*
 * sound_file.h  A file that sound is written to: what WAV (wav.h) and Ogg Opus (oggopus.h) share
 *
 * For the writer's thread alone. Functions return 0 or an errno; after an error the file is as
 * readable as it will get, nothing more is to be written, and only release() is left to be called.
 */
#ifndef BL_SOUND_FILE_H
#define BL_SOUND_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bl_sound_file;

struct bl_sound_file_kind {
	/* Pairs of left and right; a mono file gets their sum. */
	int (*write)(struct bl_sound_file *file, const int16_t (*pcm)[2], size_t count);
	/* Called now and then: makes what is written so far readable, should we be killed. */
	int (*settle)(struct bl_sound_file *file);
	/* The sound is complete. */
	int (*finish)(struct bl_sound_file *file);
	/* Closes the descriptor too. */
	void (*release)(struct bl_sound_file *file);
};

struct bl_sound_file {
	const struct bl_sound_file_kind *kind;
	int fd;
	int32_t rate; /* [Hz] */
	bool mono;
	uint64_t samples; /* taken so far, of each side */
};

/* Writes all of it at that place; *done [bytes] also where it fails. */
int bl_write_all(int fd, const void *data, size_t size, off_t at, size_t *done);
/* Both sides as one, saturated. */
int16_t bl_mixed(const int16_t pair[2]);

#endif
