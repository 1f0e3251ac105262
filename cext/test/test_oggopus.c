/* test_oggopus.c  Ogg Opus files: pages and headers by the RFCs, length to the sample, no leaks */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "check.h"
#include "kit.h"
#include "oggopus.h"

enum { LARGEST = 1 << 18 };

static char directory[] = "oggopus-XXXXXX";
static char path[sizeof(directory) + 16], decoded[sizeof(directory) + 16];
static struct kit_wav wav;
static uint8_t raw[LARGEST];
static size_t raw_size;

static struct bl_sound_file *open_file(int32_t rate, bool mono)
{
	struct bl_sound_file *file = NULL;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK_EQUAL(0, bl_oggopus_new(fd, rate, mono, &file));
	return file;
}

/* 500 Hz on the left for the first half, 800 Hz on the right for the second; odd portions. */
static void write_tones(struct bl_sound_file *file, size_t samples)
{
	static int16_t left[KIT_WAV], right[KIT_WAV], pcm[KIT_WAV][2];

	kit_tone(500.0 * 8000 / file->rate, -10, 0, left, samples);
	kit_tone(800.0 * 8000 / file->rate, -10, 0, right, samples);
	for (size_t i = 0; i < samples; i++) {
		pcm[i][0] = i < samples / 2 ? left[i] : 0;
		pcm[i][1] = i < samples / 2 ? 0 : right[i];
	}
	for (size_t at = 0, run = 1; at < samples; at += run, run = run * 7 % 5003) {
		if (run > samples - at)
			run = samples - at;
		CHECK_EQUAL(0, file->kind->write(file, (const int16_t(*)[2])pcm + at, run));
		CHECK_EQUAL(0, file->kind->settle(file));
	}
}

static void finish(struct bl_sound_file *file)
{
	CHECK_EQUAL(0, file->kind->finish(file));
	file->kind->release(file);
}

static void read_raw(void)
{
	FILE *file = fopen(path, "rb");

	raw_size = file ? fread(raw, 1, LARGEST, file) : 0;
	if (file)
		fclose(file);
}

static bool decode(int32_t rate)
{
	char command[256];

	snprintf(command, sizeof(command), "opusdec --quiet --rate %d %s %s", (int)rate, path,
		 decoded);
	return !system(command) && kit_read_wav(decoded, &wav);
}

static uint64_t le(const uint8_t *p, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* The bytes of a page's header and body, or 0 where there is no page. */
static size_t page_size(size_t at)
{
	size_t size = 27;

	if (at + size > raw_size || memcmp(raw + at, "OggS", 4) != 0)
		return 0;
	for (size_t i = 0; i < raw[at + 26]; i++)
		size += raw[at + 27 + i];
	return size + raw[at + 26] + at <= raw_size ? size + raw[at + 26] : 0;
}

/* RFC 3533 §6, RFC 7845 §3: numbered from 0, the first and the last flagged, never a second. */
static void test_pages(void)
{
	uint32_t number = 0;
	uint64_t before = 0;
	size_t at = 0, size, last = 0;

	struct bl_sound_file *file = open_file(8000, false);

	write_tones(file, 40000);
	finish(file);
	read_raw();
	for (; (size = page_size(at)); last = at, at += size, number++) {
		uint64_t position = le(raw + at + 6, 8);

		CHECK_EQUAL(number, le(raw + at + 18, 4));
		CHECK_EQUAL(le(raw + 14, 4), le(raw + at + 14, 4));
		CHECK_EQUAL(number ? 0 : 2, raw[at + 5] & 3);
		CHECK_WITHIN(before, before + 48000, position);
		before = position;
	}
	CHECK_EQUAL(raw_size, at);
	CHECK_EQUAL(4, raw[last + 5]);
	CHECK(!memcmp(raw + 28, "OpusHead\1\2", 10));
	CHECK_EQUAL(8000, le(raw + 28 + 12, 4));
	CHECK_EQUAL(40000 * 6 + le(raw + 28 + 10, 2), before);
	CHECK(!memcmp(raw + 28 + 18, "\1\2\0\0\1", 5));
	unlink(path);
}

/* Each rate, stereo and mono: opusdec, which stands on libopusfile, gets what was written. */
static void test_opusdec_agrees(void)
{
	static const int32_t rates[] = {8000, 16000, 48000};

	for (int i = 0; i < 6; i++) {
		int32_t rate = rates[i / 2];
		size_t samples = (size_t)rate * 2 + 123, fifth = (size_t)rate / 5;
		bool mono = i % 2;
		struct bl_sound_file *file = open_file(rate, mono);

		write_tones(file, samples);
		CHECK_EQUAL(samples, file->samples);
		finish(file);
		CHECK(decode(rate));
		CHECK_EQUAL(mono ? 1 : 2, wav.channels);
		CHECK_EQUAL(samples, wav.samples);
		CHECK_WITHIN(-13, -9,
			     kit_level_dbm0(wav.side[0] + 2 * fifth, fifth, 500.0 * 8000 / rate));
		CHECK_WITHIN(
			-13, -9,
			kit_level_dbm0(wav.side[!mono] + 7 * fifth, fifth, 800.0 * 8000 / rate));
		for (int side = 0; side < 2 && !mono; side++) {
			/* below -57 dBm0: who is silent is silent, nothing of the other side */
			for (size_t k = 0; k < fifth; k++)
				CHECK_WITHIN(-32, 32, wav.side[side][(side ? 2 : 7) * fifth + k]);
		}
		unlink(path);
		unlink(decoded);
	}
}

/* In step: both sides begin where they were written, within a millisecond. */
static void test_sides_in_step(void)
{
	static int16_t pcm[16000][2];
	struct bl_sound_file *file = open_file(8000, false);

	for (int i = 8000; i < 16000; i++)
		pcm[i][0] = pcm[i][1] = (int16_t)(i / 8 % 2 ? 8000 : -8000);
	CHECK_EQUAL(0, file->kind->write(file, (const int16_t(*)[2])pcm, 16000));
	finish(file);
	CHECK(decode(8000));
	for (int side = 0; side < 2; side++) {
		size_t onset = 0;

		while (onset < wav.samples && abs(wav.side[side][onset]) < 2000)
			onset++;
		CHECK_WITHIN(8000 - 8, 8000 + 16, onset);
	}
	unlink(path);
	unlink(decoded);
}

static void test_empty(void)
{
	struct bl_sound_file *file = open_file(16000, false);

	finish(file);
	CHECK(decode(16000));
	CHECK_EQUAL(0, wav.samples);
	unlink(path);
	unlink(decoded);
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_pages),
		CHECK_TEST(test_opusdec_agrees),
		CHECK_TEST(test_sides_in_step),
		CHECK_TEST(test_empty),
	};
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(directory))
		return 2;
	snprintf(path, sizeof(path), "%s/t.opus", directory);
	snprintf(decoded, sizeof(decoded), "%s/t.wav", directory);
	failed = check_run(tests, sizeof(tests) / sizeof(tests[0]));
	rmdir(directory);
	return failed;
}
