/* paths.c  Whose is a datagram: open addressing, linear probing, at most half full */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "branchline_media.h"
#include "paths.h"

enum { LEAST_SIZE = 64 };

bool bl_source_equal(const struct bl_source *a, const struct bl_source *b)
{
	if (a->fd != b->fd || a->address.any.sa_family != b->address.any.sa_family)
		return false;
	if (a->address.any.sa_family == AF_INET)
		return a->address.v4.sin_port == b->address.v4.sin_port &&
		       a->address.v4.sin_addr.s_addr == b->address.v4.sin_addr.s_addr;
	return a->address.v6.sin6_port == b->address.v6.sin6_port &&
	       a->address.v6.sin6_scope_id == b->address.v6.sin6_scope_id &&
	       !memcmp(&a->address.v6.sin6_addr, &b->address.v6.sin6_addr,
		       sizeof(struct in6_addr));
}

socklen_t bl_source_size(const struct bl_source *source)
{
	return bl_address_size(&source->address);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * 0x9E3779B97F4A7C15u;
	return a ^ a >> 29;
}

static size_t home(const struct bl_paths *paths, const struct bl_source *source)
{
	uint64_t hash = mix(paths->seed, (uint64_t)source->fd), part[2];

	if (source->address.any.sa_family == AF_INET) {
		hash = mix(hash, (uint64_t)source->address.v4.sin_addr.s_addr << 16 |
					 source->address.v4.sin_port);
	} else {
		memcpy(part, &source->address.v6.sin6_addr, sizeof(part));
		hash = mix(mix(mix(hash, part[0]), part[1]), source->address.v6.sin6_port);
	}
	hash = mix(hash, paths->seed);
	return (size_t)(hash >> 32) & (paths->size - 1);
}

static size_t find(const struct bl_paths *paths, const struct bl_source *source)
{
	size_t at = home(paths, source);

	while (paths->slots[at].owner && !bl_source_equal(&paths->slots[at].source, source))
		at = (at + 1) & (paths->size - 1);
	return at;
}

int bl_paths_init(struct bl_paths *paths, size_t most)
{
	memset(paths, 0, sizeof(*paths));
	if (!most)
		return BL_EINVAL;
	paths->most = most;
	for (paths->size = LEAST_SIZE; paths->size < most * 2;)
		paths->size *= 2;
	if (getrandom(&paths->seed, sizeof(paths->seed), 0) < 0)
		return BL_EIO;
	paths->slots = calloc(paths->size, sizeof(*paths->slots));
	return paths->slots ? BL_OK : BL_ENOMEM;
}

void bl_paths_release(struct bl_paths *paths)
{
	free(paths->slots);
	paths->slots = NULL;
}

void *bl_paths_get(const struct bl_paths *paths, const struct bl_source *source)
{
	return paths->slots[find(paths, source)].owner;
}

int bl_paths_put(struct bl_paths *paths, const struct bl_source *source, void *owner)
{
	size_t at = find(paths, source);

	if (!paths->slots[at].owner) {
		if (paths->used >= paths->most)
			return BL_ENOMEM;
		paths->used++;
	}
	paths->slots[at] = (struct bl_paths_slot){.source = *source, .owner = owner};
	return BL_OK;
}

/* Empties a slot and closes the gap, so that no probe ends too early. */
static void empty(struct bl_paths *paths, size_t hole)
{
	size_t mask = paths->size - 1;

	paths->used--;
	for (size_t at = (hole + 1) & mask; paths->slots[at].owner; at = (at + 1) & mask) {
		size_t want = home(paths, &paths->slots[at].source);

		if (((at - want) & mask) >= ((at - hole) & mask)) {
			paths->slots[hole] = paths->slots[at];
			hole = at;
		}
	}
	paths->slots[hole].owner = NULL;
}

void bl_paths_remove(struct bl_paths *paths, const struct bl_source *source, const void *owner)
{
	size_t at = find(paths, source);

	if (owner && paths->slots[at].owner == owner)
		empty(paths, at);
}
