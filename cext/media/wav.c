/* wav.c  WAV files (RIFF, PCM s16), whole at any moment */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "wav.h"

enum {
	HEADER = 44,   /* [bytes] */
	SAMPLE = 2,    /* [bytes] */
	MIX_AT = 2048, /* [samples] that are mixed at once */
};

#define LONGEST (UINT32_MAX - HEADER) /* [bytes] */

struct wav {
	struct bl_sound_file file;
	uint64_t in_header; /* [samples] */
};

static void put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t frame_size(const struct bl_sound_file *file)
{
	return file->mono ? SAMPLE : 2 * SAMPLE;
}

static void make_header(const struct bl_sound_file *file, uint8_t header[HEADER])
{
	static const uint8_t format[HEADER] = {
		'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'A', 'V', 'E', 'f', 'm', 't', ' ',
		16,  0,	  0,   0,   1, 0, /* PCM */
		0,   0,			  /* channels */
		0,   0,	  0,   0,   0, 0, 0, 0, 0,   0,	  16,  0,   'd', 'a', 't', 'a',
	};
	uint32_t size = frame_size(file), bytes = (uint32_t)(file->samples * size);

	memcpy(header, format, HEADER);
	put_le32(header + 4, HEADER - 8 + bytes);
	header[22] = file->mono ? 1 : 2;
	put_le32(header + 24, (uint32_t)file->rate);
	put_le32(header + 28, (uint32_t)file->rate * size);
	header[32] = (uint8_t)size;
	put_le32(header + 40, bytes);
}

static int write_header(struct bl_sound_file *file)
{
	uint8_t header[HEADER];
	size_t done;

	make_header(file, header);
	((struct wav *)file)->in_header = file->samples;
	return bl_write_all(file->fd, header, sizeof(header), 0, &done);
}

static int append(struct bl_sound_file *file, const void *data, size_t count)
{
	uint32_t size = frame_size(file);
	size_t done;
	int err;

	if ((file->samples + count) * size > LONGEST)
		return EFBIG;
	err = bl_write_all(file->fd, data, count * size, (off_t)(HEADER + file->samples * size),
			   &done);
	file->samples += done / size;
	return err;
}

static int append_mixed(struct bl_sound_file *file, const int16_t (*pcm)[2], size_t count)
{
	int16_t mixed[MIX_AT];
	int err = 0;

	for (size_t at = 0; at < count && !err; at += MIX_AT) {
		size_t run = count - at < MIX_AT ? count - at : MIX_AT;

		for (size_t i = 0; i < run; i++)
			mixed[i] = bl_mixed(pcm[at + i]);
		err = append(file, mixed, run);
	}
	return err;
}

static int write_wav(struct bl_sound_file *file, const int16_t (*pcm)[2], size_t count)
{
	int err = file->mono ? append_mixed(file, pcm, count) : append(file, pcm, count);

	if (err)
		write_header(file); /* in place: it needs no new block */
	return err;
}

static int settle_wav(struct bl_sound_file *file)
{
	uint64_t unsaid = file->samples - ((struct wav *)file)->in_header;

	return unsaid >= (uint64_t)file->rate ? write_header(file) : 0;
}

static void release_wav(struct bl_sound_file *file)
{
	close(file->fd);
	free(file);
}

int bl_wav_new(int fd, int32_t rate, bool mono, struct bl_sound_file **out)
{
	static const struct bl_sound_file_kind kind = {
		.write = write_wav,
		.settle = settle_wav,
		.finish = write_header,
		.release = release_wav,
	};
	struct wav *wav = calloc(1, sizeof(*wav));
	int err;

	if (!wav)
		return ENOMEM;
	wav->file = (struct bl_sound_file){.kind = &kind, .fd = fd, .rate = rate, .mono = mono};
	err = write_header(&wav->file);
	if (err)
		free(wav);
	else
		*out = &wav->file;
	return err;
}
