/* fax_file.h  The TIFF file of a fax: made, measured, its pages counted; the room on its disk */
#ifndef BL_FAX_FILE_H
#define BL_FAX_FILE_H
#include <stdbool.h>
#include <stdint.h>

/* An empty file that did not exist; BL_EIO, or BL_ENOSPC where the disk is (near) full. */
int bl_fax_file_make(const char *path);
/* [bytes], -1: there is none */
int64_t bl_fax_file_size(const char *path);
bool bl_fax_disk_full(const char *path);
/*
 * Pages in the file, up to a limit, by the chain of its directories: libspandsp does not say when
 * libtiff could not write one.
 */
int32_t bl_fax_file_pages(const char *path, int32_t most);

#endif
