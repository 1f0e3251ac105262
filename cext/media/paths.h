/*
 * paths.h  Whose is a datagram: from a source (address, port, our socket) to its owner
 *
 * A table of fixed size that never allocates after bl_paths_init(): the tick keeps one for the
 * shared port of the browser legs, and guard.c one of its own. Only sources that a STUN check
 * validated are in it, and the hash is seeded, so that nobody can make it slow from outside.
 */
#ifndef BL_PATHS_H
#define BL_PATHS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "stun.h"

/* Where a datagram came from, and through which of our sockets. */
struct bl_source {
	union bl_address address;
	int fd;
};

struct bl_paths_slot {
	struct bl_source source;
	void *owner; /* NULL: free */
};

struct bl_paths {
	struct bl_paths_slot *slots;
	size_t size; /* a power of two */
	size_t used, most;
	uint64_t seed;
};

bool bl_source_equal(const struct bl_source *a, const struct bl_source *b);
/* Of the address, for sendto(). */
socklen_t bl_source_size(const struct bl_source *source);

int bl_paths_init(struct bl_paths *paths, size_t most);
void bl_paths_release(struct bl_paths *paths);
void *bl_paths_get(const struct bl_paths *paths, const struct bl_source *source);
/* Replaces the owner that the source had; BL_ENOMEM when the table is full. */
int bl_paths_put(struct bl_paths *paths, const struct bl_source *source, void *owner);
/* Only where it is that owner's: another may have come by the same source since. */
void bl_paths_remove(struct bl_paths *paths, const struct bl_source *source, const void *owner);

#endif
