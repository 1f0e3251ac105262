/* map.h  From a caller's id to our object; used by the caller's side only */
#ifndef BL_MAP_H
#define BL_MAP_H
#include <stddef.h>
#include <stdint.h>

struct bl_map_slot {
	int64_t id;
	void *value; /* NULL: free */
};

struct bl_map {
	struct bl_map_slot *slots;
	size_t size; /* a power of two */
	size_t used;
};

int bl_map_init(struct bl_map *map);
void bl_map_release(struct bl_map *map);
void *bl_map_get(const struct bl_map *map, int64_t id);
int bl_map_put(struct bl_map *map, int64_t id, void *value);
void bl_map_remove(struct bl_map *map, int64_t id);

#endif
