/* fax_file.c  The TIFF file of a fax: made, measured, its pages counted; the room on its disk */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "branchline_media.h"
#include "fax.h"
#include "fax_file.h"

enum {
	TIFF_TAG = 12, /* [bytes] of an entry of a directory (TIFF 6.0 section 2) */
};

int64_t bl_fax_file_size(const char *path)
{
	struct stat status;

	return stat(path, &status) ? -1 : status.st_size;
}

bool bl_fax_disk_full(const char *path)
{
	struct statvfs disk;

	return !statvfs(path, &disk) &&
	       disk.f_bavail * (uint64_t)disk.f_frsize < BL_FAX_SPACE_LEFT;
}

/* A number in the host's order, as libtiff writes it; false: the file ends before. */
static bool read_at(int fd, void *to, size_t size, uint64_t at)
{
	return pread(fd, to, size, (off_t)at) == (ssize_t)size;
}

int32_t bl_fax_file_pages(const char *path, int32_t most)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint32_t at = 0;
	int32_t pages = 0;
	uint16_t tags;

	if (fd < 0)
		return 0;
	if (!read_at(fd, &at, sizeof(at), 4))
		at = 0;
	while (at && pages < most && read_at(fd, &tags, sizeof(tags), at)) {
		uint64_t link = at + sizeof(tags) + (uint64_t)tags * TIFF_TAG;

		if (!read_at(fd, &at, sizeof(at), link))
			break;
		pages++;
	}
	close(fd);
	return pages;
}

int bl_fax_file_make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	int err = fd < 0 ? errno : 0;

	if (err)
		return err == ENOSPC || err == EDQUOT ? BL_ENOSPC : BL_EIO;
	close(fd);
	if (bl_fax_disk_full(path)) {
		unlink(path);
		return BL_ENOSPC;
	}
	return BL_OK;
}
