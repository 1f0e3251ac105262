/* sound_file.c  What WAV and Ogg Opus files share */
#include <errno.h>
#include <unistd.h>
#include "sound_file.h"

int bl_write_all(int fd, const void *data, size_t size, off_t at, size_t *done)
{
	const uint8_t *p = data;

	*done = 0;
	while (*done < size) {
		ssize_t n = pwrite(fd, p + *done, size - *done, at + (off_t)*done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : ENOSPC;
		*done += (size_t)n;
	}
	return 0;
}

int16_t bl_mixed(const int16_t pair[2])
{
	int32_t sum = pair[0] + pair[1];

	return (int16_t)(sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum);
}
