/* map.c  From a caller's id to our object: open addressing, linear probing */
#include <stdlib.h>
#include "branchline_media.h"
#include "map.h"

enum { FIRST_SIZE = 64 };

static size_t home(const struct bl_map *map, int64_t id)
{
	/* Fibonacci hashing: the golden ratio spreads neighbouring ids */
	return (size_t)(((uint64_t)id * 0x9E3779B97F4A7C15u) >> 32) & (map->size - 1);
}

static size_t find(const struct bl_map *map, int64_t id)
{
	size_t at = home(map, id);

	while (map->slots[at].value && map->slots[at].id != id)
		at = (at + 1) & (map->size - 1);
	return at;
}

int bl_map_init(struct bl_map *map)
{
	map->size = FIRST_SIZE;
	map->used = 0;
	map->slots = calloc(map->size, sizeof(*map->slots));
	return map->slots ? BL_OK : BL_ENOMEM;
}

void bl_map_release(struct bl_map *map)
{
	free(map->slots);
	map->slots = NULL;
}

void *bl_map_get(const struct bl_map *map, int64_t id)
{
	return map->slots[find(map, id)].value;
}

static int grow(struct bl_map *map)
{
	struct bl_map bigger = {.size = map->size * 2, .used = map->used};

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return BL_ENOMEM;
	for (size_t i = 0; i < map->size; i++) {
		if (map->slots[i].value)
			bigger.slots[find(&bigger, map->slots[i].id)] = map->slots[i];
	}
	free(map->slots);
	*map = bigger;
	return BL_OK;
}

/* Replaces what the id had. */
int bl_map_put(struct bl_map *map, int64_t id, void *value)
{
	size_t at;

	if (map->used * 2 >= map->size && grow(map))
		return BL_ENOMEM;
	at = find(map, id);
	if (!map->slots[at].value)
		map->used++;
	map->slots[at] = (struct bl_map_slot){.id = id, .value = value};
	return BL_OK;
}

void bl_map_remove(struct bl_map *map, int64_t id)
{
	size_t hole = find(map, id), mask = map->size - 1;

	if (!map->slots[hole].value)
		return;
	map->used--;
	/* close the gap, so that no probe ends too early */
	for (size_t at = (hole + 1) & mask; map->slots[at].value; at = (at + 1) & mask) {
		size_t want = home(map, map->slots[at].id);

		if (((at - want) & mask) >= ((at - hole) & mask)) {
			map->slots[hole] = map->slots[at];
			hole = at;
		}
	}
	map->slots[hole].value = NULL;
}
