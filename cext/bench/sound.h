/* sound.h  Sound for the benches: WAVE files, as many samples of them as there is room for */
#ifndef BENCH_SOUND_H
#define BENCH_SOUND_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Finds the data of a WAVE file of one channel, 16 bits and 8 kHz; its length [bytes], or 0. */
static inline uint32_t sound_begin(FILE *file)
{
	uint8_t head[12], chunk[8], format[16] = {0};

	if (fread(head, 1, sizeof(head), file) != sizeof(head) || memcmp(head + 8, "WAVE", 4) != 0)
		return 0;
	while (fread(chunk, 1, sizeof(chunk), file) == sizeof(chunk)) {
		uint32_t size = chunk[4] | (uint32_t)chunk[5] << 8 | (uint32_t)chunk[6] << 16 |
				(uint32_t)chunk[7] << 24;

		if (memcmp(chunk, "data", 4) == 0) {
			static const uint8_t wanted[] = {1, 0, 1, 0, 0x40, 0x1f, 0, 0};

			return memcmp(format, wanted, sizeof(wanted)) == 0 ? size : 0;
		}
		if (memcmp(chunk, "fmt ", 4) == 0 && size >= sizeof(format)) {
			if (fread(format, 1, sizeof(format), file) != sizeof(format))
				return 0;
			size -= (uint32_t)sizeof(format);
		}
		if (fseek(file, (long)(size + (size & 1)), SEEK_CUR) != 0)
			return 0;
	}
	return 0;
}

/* Reads a file; returns how many samples came of it (at most `room`), 0 when it is of no use. */
static inline size_t sound_read(const char *path, int16_t *out, size_t room)
{
	FILE *file = fopen(path, "rb");
	size_t count = 0;

	if (!file)
		return 0;
	count = sound_begin(file) / sizeof(*out);
	count = fread(out, sizeof(*out), count < room ? count : room, file);
	fclose(file);
	return count;
}

#endif
