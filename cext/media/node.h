/* node.h  What the tick and the writer hand back to the caller's side, to be freed there */
#ifndef BL_NODE_H
#define BL_NODE_H
#include <stdatomic.h>
#include <stddef.h>

struct bl_engine;

struct bl_node {
	struct bl_node *next;
	void (*release)(struct bl_engine *engine, struct bl_node *node);
};

/* Many may push, one takes all: no lock, no limit. */
struct bl_stack {
	_Atomic(struct bl_node *) top;
};

static inline void bl_stack_push(struct bl_stack *stack, struct bl_node *node)
{
	node->next = atomic_load_explicit(&stack->top, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&stack->top, &node->next, node,
						      memory_order_release, memory_order_relaxed))
		;
}

static inline struct bl_node *bl_stack_take(struct bl_stack *stack)
{
	return atomic_exchange_explicit(&stack->top, NULL, memory_order_acquire);
}

#endif
