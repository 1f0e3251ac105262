/* pages.c  Memory that each tick walks through, in few large pages */
#include <pthread.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "pages.h"

#ifndef BL_PAGES_CUTS
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BL_PAGES_CUTS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BL_PAGES_CUTS false
#endif
#endif
#endif
#ifndef BL_PAGES_CUTS
#define BL_PAGES_CUTS true
#endif

enum {
	LINE = 64,
	SIZES = 16, /* of blocks, that are kept apart: legs, and a coder's parts at three rates */
};

/* Before each block. */
struct head {
	alignas(LINE) struct head *next; /* free, of the same size */
	size_t size;
	bool cut;
};

static struct {
	pthread_mutex_t lock;
	size_t ordinary; /* [bytes] in use */
	uint8_t *piece;	 /* that blocks are cut from */
	size_t left;	 /* [bytes] of it */
	struct {
		size_t size; /* 0: none yet */
		struct head *free;
	} sizes[SIZES];
} pages = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Where free blocks of that size hang; NULL: there are too many sizes. */
static struct head **free_of(size_t size)
{
	for (int i = 0; i < SIZES; i++) {
		if (!pages.sizes[i].size)
			pages.sizes[i].size = size;
		if (pages.sizes[i].size == size)
			return &pages.sizes[i].free;
	}
	return NULL;
}

/* A new piece; where it begins the kernel can put a large page. */
static bool take_piece(void)
{
	size_t size = 2 * (size_t)BL_PAGES_PIECE, before;
	uint8_t *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return false;
	before = -(uintptr_t)at % BL_PAGES_PIECE;
	if (before)
		munmap(at, before);
	munmap(at + before + BL_PAGES_PIECE, BL_PAGES_PIECE - before);
	madvise(at + before, BL_PAGES_PIECE, MADV_HUGEPAGE); /* or not: it works all the same */
	pages.piece = at + before;
	pages.left = BL_PAGES_PIECE;
	return true;
}

/* What is left of a piece that is too short for this block is given up: a leg's worth at most. */
static struct head *cut(size_t size)
{
	struct head **list = free_of(size), *head;

	if (!list)
		return NULL;
	if (*list) {
		head = *list;
		*list = head->next;
		memset(head, 0, size);
	} else {
		if (pages.left < size && !take_piece())
			return NULL;
		head = (struct head *)(void *)pages.piece;
		pages.piece += size;
		pages.left -= size;
	}
	head->cut = true;
	return head;
}

static struct head *ordinary(size_t size)
{
	struct head *head = aligned_alloc(LINE, size);

	if (!head)
		return NULL;
	memset(head, 0, size);
	pages.ordinary += size;
	return head;
}

void *bl_pages_get(size_t size)
{
	size_t whole = sizeof(struct head) + (size + LINE - 1) / LINE * LINE;
	struct head *head = NULL;

	pthread_mutex_lock(&pages.lock);
	if (BL_PAGES_CUTS && whole <= BL_PAGES_LARGEST &&
	    pages.ordinary + whole > BL_PAGES_ORDINARY)
		head = cut(whole);
	if (!head)
		head = ordinary(whole);
	if (head)
		head->size = whole;
	pthread_mutex_unlock(&pages.lock);
	return head ? head + 1 : NULL;
}

void bl_pages_free(void *block)
{
	struct head *head, **list;

	if (!block)
		return;
	head = (struct head *)block - 1;
	pthread_mutex_lock(&pages.lock);
	if (head->cut) {
		list = free_of(head->size);
		head->next = *list;
		*list = head;
	} else {
		pages.ordinary -= head->size;
		free(head);
	}
	pthread_mutex_unlock(&pages.lock);
}

bool bl_pages_has(const void *block)
{
	return ((const struct head *)block - 1)->cut;
}

size_t bl_pages_size(const void *block)
{
	return ((const struct head *)block - 1)->size;
}
