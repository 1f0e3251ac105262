/* ring.c  A ring of fixed-size items between one writing and one reading thread */
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "ring.h"

/* count is a power of two. */
int bl_ring_init(struct bl_ring *ring, size_t item, uint32_t count)
{
	if (!ring || !item || !count || (count & (count - 1)))
		return BL_EINVAL;
	ring->data = calloc(count, item);
	if (!ring->data)
		return BL_ENOMEM;
	ring->item = item;
	ring->mask = count - 1;
	atomic_init(&ring->head, 0);
	atomic_init(&ring->tail, 0);
	return BL_OK;
}

void bl_ring_release(struct bl_ring *ring)
{
	free(ring->data);
	ring->data = NULL;
}

/* False when the ring is full. */
bool bl_ring_put(struct bl_ring *ring, const void *item)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	if (head - tail > ring->mask)
		return false;
	memcpy(ring->data + (head & ring->mask) * ring->item, item, ring->item);
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return true;
}

/* False when the ring is empty. */
bool bl_ring_get(struct bl_ring *ring, void *item)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

	if (head == tail)
		return false;
	memcpy(item, ring->data + (tail & ring->mask) * ring->item, ring->item);
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return true;
}
