/* faxkit.h  Pages for the tests of fax: made, written as TIFF, and read back from libspandsp's */
#ifndef BL_FAXKIT_H
#define BL_FAXKIT_H
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

enum {
	FAXKIT_WIDTH = 1728, /* [pixels], T.4 table 2: A4 */
	FAXKIT_ROW = FAXKIT_WIDTH / 8,
	FAXKIT_ROWS = 600, /* at most, of one page */
	FAXKIT_PAGES = 8,
};

/* One bit a pixel, 1: black */
struct faxkit_page {
	int rows;
	uint8_t bits[FAXKIT_ROWS][FAXKIT_ROW];
};

struct faxkit_document {
	int pages;
	struct faxkit_page page[FAXKIT_PAGES];
};

/* Bars, slopes and some seeded dirt: different on every page, and not too easy to compress. */
static inline void faxkit_draw(struct faxkit_document *document, int pages, int rows)
{
	uint32_t dice = 12345;

	memset(document, 0, sizeof(*document));
	document->pages = pages;
	for (int p = 0; p < pages; p++) {
		struct faxkit_page *page = &document->page[p];

		page->rows = rows;
		for (int y = 0; y < rows; y++) {
			memset(page->bits[y] + 10 + p * 7 + y / 20, 0xFF, 5);
			if (y % 50 < 4)
				memset(page->bits[y] + 20, 0xFF, 150);
			for (int i = 0; i < 3; i++) {
				dice = dice * 1103515245 + 12345;
				page->bits[y][(dice >> 16) % FAXKIT_ROW] |=
					(uint8_t)(1 << (dice >> 8 & 7));
			}
		}
	}
}

static inline void faxkit_le(uint8_t *to, uint32_t value, int octets)
{
	for (int i = 0; i < octets; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static inline void faxkit_tag(uint8_t *to, uint16_t tag, uint16_t type, uint32_t value)
{
	faxkit_le(to, tag, 2);
	faxkit_le(to + 2, type, 2);
	faxkit_le(to + 4, 1, 4);
	faxkit_le(to + 8, value, 4);
}

/* Uncompressed, one strip a page, 204 by 98 or 196 dpi (TIFF 6.0 baseline bilevel). */
static inline bool faxkit_write(const struct faxkit_document *document, const char *path,
				uint32_t y_dpi)
{
	enum { TAGS = 11, IFD = 2 + TAGS * 12 + 4, RATIOS = 16 };
	FILE *file = fopen(path, "wb");
	uint32_t at = 8;

	if (!file)
		return false;
	fwrite("II*\0\x08\0\0\0", 8, 1, file);
	for (int p = 0; p < document->pages; p++) {
		const struct faxkit_page *page = &document->page[p];
		uint32_t size = (uint32_t)page->rows * FAXKIT_ROW, image = at + IFD + RATIOS;
		uint8_t ifd[IFD + RATIOS] = {TAGS};
		uint8_t *tag = ifd + 2;

		faxkit_tag(tag, 256, 4, FAXKIT_WIDTH);
		faxkit_tag(tag += 12, 257, 4, (uint32_t)page->rows);
		faxkit_tag(tag += 12, 258, 3, 1);
		faxkit_tag(tag += 12, 259, 3, 1);
		faxkit_tag(tag += 12, 262, 3, 0); /* 0 is white */
		faxkit_tag(tag += 12, 273, 4, image);
		faxkit_tag(tag += 12, 278, 4, (uint32_t)page->rows);
		faxkit_tag(tag += 12, 279, 4, size);
		faxkit_tag(tag += 12, 282, 5, at + IFD);
		faxkit_tag(tag += 12, 283, 5, at + IFD + 8);
		faxkit_tag(tag += 12, 296, 3, 2);
		at = image + size;
		faxkit_le(tag + 12, p + 1 < document->pages ? at : 0, 4);
		faxkit_le(ifd + IFD, 204, 4);
		faxkit_le(ifd + IFD + 4, 1, 4);
		faxkit_le(ifd + IFD + 8, y_dpi, 4);
		faxkit_le(ifd + IFD + 12, 1, 4);
		fwrite(ifd, sizeof(ifd), 1, file);
		fwrite(page->bits, FAXKIT_ROW, (size_t)page->rows, file);
	}
	return fclose(file) == 0;
}

/*
 * libtiff's reader. It is loaded by name: libspandsp brings the library along, but nothing of ours
 * links with it.
 */
struct faxkit_libtiff {
	TIFF *(*open)(const char *, const char *);
	int (*get)(TIFF *, uint32_t, ...);
	int (*scanline)(TIFF *, void *, uint32_t, uint16_t);
	int (*next)(TIFF *);
	void (*close)(TIFF *);
};

static inline bool faxkit_load(struct faxkit_libtiff *tiff)
{
	void *library = dlopen("libtiff.so.6", RTLD_NOW);

	if (!library)
		return false;
	*(void **)&tiff->open = dlsym(library, "TIFFOpen");
	*(void **)&tiff->get = dlsym(library, "TIFFGetField");
	*(void **)&tiff->scanline = dlsym(library, "TIFFReadScanline");
	*(void **)&tiff->next = dlsym(library, "TIFFReadDirectory");
	*(void **)&tiff->close = dlsym(library, "TIFFClose");
	return tiff->open && tiff->get && tiff->scanline && tiff->next && tiff->close;
}

static inline int faxkit_read_page(const struct faxkit_libtiff *tiff, TIFF *file,
				   struct faxkit_page *page)
{
	uint32_t width = 0, rows = 0;
	uint16_t compression = 0, photometric = 0;

	tiff->get(file, TIFFTAG_IMAGEWIDTH, &width);
	tiff->get(file, TIFFTAG_IMAGELENGTH, &rows);
	tiff->get(file, TIFFTAG_COMPRESSION, &compression);
	tiff->get(file, TIFFTAG_PHOTOMETRIC, &photometric);
	if (width != FAXKIT_WIDTH || rows > FAXKIT_ROWS || compression != COMPRESSION_CCITTFAX4)
		return -1;
	for (uint32_t y = 0; y < rows; y++) {
		if (tiff->scanline(file, page->bits[y], y, 0) < 0)
			return -1;
		for (int x = 0; x < FAXKIT_ROW && photometric == PHOTOMETRIC_MINISBLACK; x++)
			page->bits[y][x] = (uint8_t)~page->bits[y][x];
	}
	page->rows = (int)rows;
	return 0;
}

/* How many pages of G4 the file has; -1: it is none of ours. */
static inline int faxkit_read(struct faxkit_document *document, const char *path)
{
	struct faxkit_libtiff tiff;
	TIFF *file;
	int err = 0;

	memset(document, 0, sizeof(*document));
	if (!faxkit_load(&tiff))
		return -1;
	file = tiff.open(path, "r");
	if (!file)
		return -1;
	do {
		err |= faxkit_read_page(&tiff, file, &document->page[document->pages++]);
	} while (!err && document->pages < FAXKIT_PAGES && tiff.next(file));
	tiff.close(file);
	return err ? -1 : document->pages;
}

/* [pixels] that differ between two pages; their size counts too. */
static inline int faxkit_differ(const struct faxkit_page *a, const struct faxkit_page *b)
{
	int count = abs(a->rows - b->rows) * FAXKIT_WIDTH;

	for (int y = 0; y < a->rows && y < b->rows; y++) {
		for (int x = 0; x < FAXKIT_ROW; x++)
			count += __builtin_popcount(a->bits[y][x] ^ b->bits[y][x]);
	}
	return count;
}

#endif
