/* ring.h  A ring of fixed-size items between one writing and one reading thread */
#ifndef BL_RING_H
#define BL_RING_H
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bl_ring {
	alignas(64) _Atomic uint32_t head; /* next to write, free running */
	alignas(64) _Atomic uint32_t tail; /* next to read, free running */
	alignas(64) uint32_t mask;
	size_t item; /* [bytes] */
	unsigned char *data;
};

int bl_ring_init(struct bl_ring *ring, size_t item, uint32_t count);
void bl_ring_release(struct bl_ring *ring);
bool bl_ring_put(struct bl_ring *ring, const void *item);
bool bl_ring_get(struct bl_ring *ring, void *item);

#endif
