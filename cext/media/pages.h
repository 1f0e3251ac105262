/*
 * pages.h  Memory that each tick walks through, in few large pages
 *
 * What does it do?  It gives out blocks for legs and their streams. A tick touches some lines of
 *   each, hundreds of kilobytes apart, and on pages of 4 kB every one of them is looked up anew.
 * How does it work?  Blocks are cut from pieces of 2 MB, for which the kernel is asked to take one
 *   large page each; what is freed serves the next block of that size. A box with few legs has no
 *   use for that, and a piece that is hardly begun is there as a whole: the first megabytes are
 *   ordinary memory, and so is all of it where there are no large pages, or a sanitizer looks.
 * How do I use it?  bl_pages_get() and bl_pages_free(), from any thread but the tick's: they lock.
 */
#ifndef BL_PAGES_H
#define BL_PAGES_H
#include <stdbool.h>
#include <stddef.h>

enum {
	BL_PAGES_PIECE = 2 << 20,    /* [bytes] */
	BL_PAGES_ORDINARY = 6 << 20, /* [bytes] in use before the first piece: 300 legs */
	BL_PAGES_LARGEST = 64 << 10, /* [bytes] of a block in a piece */
};

/* Zeroed, in whole cache lines of its own; NULL: there is no memory. */
void *bl_pages_get(size_t size);
/* What bl_pages_get() gave, or NULL. */
void bl_pages_free(void *block);
/* Is it cut from a piece? */
bool bl_pages_has(const void *block);
/* [bytes] that it takes, all in all */
size_t bl_pages_size(const void *block);

#endif
