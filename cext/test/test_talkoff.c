/*
 * test_talkoff.c  Speech and music are no tones: half an hour of Debian's Asterisk sounds
 *
 * Where asterisk-core-sounds-en-wav and asterisk-moh-opsound-wav are not installed, it says so and
 * checks nothing.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include "answertone.h"
#include "check.h"
#include "frame.h"
#include "greeting.h"
#include "tonefind.h"

enum { MUSIC_FRAMES = 60 * 50, LONGEST = 8000 * 120 };

#define PROMPTS "/usr/share/asterisk/sounds/en_US_f_Allison"
#define MUSIC "/usr/share/asterisk/moh"

#define TONE(number, f1, f2, on, off)                                                             \
	{                                                                                         \
		.id = (number), .signal =                                                         \
		{ 1,                                                                              \
		  0,                                                                              \
		  -1,                                                                             \
		  {{.hz = {f1, f2}, .level_dbm0 = {-13, -13}, .on_ms = (on), .off_ms = (off)}} }  \
	}

/* The world's commonest: more than any one country has. */
static const struct bl_tonefind_tone tones[] = {
	TONE(1, 425, 0, 1000, 0),     TONE(2, 350, 440, 1000, 0),   TONE(3, 440, 0, 1000, 0),
	TONE(4, 400, 0, 1000, 0),     TONE(5, 425, 0, 1000, 4000),  TONE(6, 440, 480, 2000, 4000),
	TONE(7, 400, 450, 400, 200),  TONE(8, 425, 0, 500, 500),    TONE(9, 425, 0, 250, 250),
	TONE(10, 480, 620, 500, 500), TONE(11, 480, 620, 250, 250), TONE(12, 400, 0, 375, 375),
	TONE(13, 440, 0, 500, 500),   TONE(14, 425, 0, 200, 200),   TONE(15, 1100, 0, 500, 3000),
};

struct ear {
	struct bl_tonefind find;
	struct bl_answertone answer;
	struct bl_beep beep;
	int tones, answers, beeps, frames;
};

static struct bl_tonefind_set set;

static void hear(struct ear *ear, const char *name, const int16_t *pcm, int frames)
{
	for (int n = 0; n < frames; n++) {
		const int16_t *frame = pcm + (ptrdiff_t)n * BL_FRAME;
		int id = bl_tonefind_frame(&ear->find, frame);
		bool answer = bl_answertone_frame(&ear->answer, frame) != BL_ANSWERTONE_NONE;
		bool beep = bl_beep_frame(&ear->beep, frame, BL_FRAME);

		if (id || answer || beep)
			printf("     %s at %d ms: tone %d, answer tone %d, beep %d\n", name,
			       n * BL_FRAME_MS, id, answer, beep);
		ear->tones += id != 0;
		ear->answers += answer;
		ear->beeps += beep;
	}
	ear->frames += frames;
}

/* The samples of a WAV file with the usual head of 44 bytes; 0: it is none, or not 8 kHz. */
static size_t load(const char *path, int16_t *pcm)
{
	uint8_t head[44];
	FILE *file = fopen(path, "rb");
	size_t count = 0;

	if (!file)
		return 0;
	if (fread(head, 1, sizeof(head), file) == sizeof(head) && !memcmp(head, "RIFF", 4) &&
	    head[22] == 1 && head[24] == (BL_RATE & 255) && head[25] == BL_RATE >> 8 &&
	    head[34] == 16)
		count = fread(pcm, sizeof(*pcm), LONGEST, file);
	fclose(file);
	return count;
}

/* Every file of a directory, as one long call. */
static void hear_all(const char *directory, int most_frames, struct ear *ear)
{
	static int16_t pcm[LONGEST];
	struct dirent *entry;
	DIR *dir = opendir(directory);

	memset(ear, 0, sizeof(*ear));
	bl_tonefind_init(&ear->find, &set);
	bl_answertone_init(&ear->answer);
	while (dir && (entry = readdir(dir))) {
		char path[512];
		int frames;

		/* these hold tones on purpose */
		if (strstr(entry->d_name, "tone") || strstr(entry->d_name, "beep"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		frames = (int)(load(path, pcm) / BL_FRAME);
		hear(ear, entry->d_name, pcm, frames < most_frames ? frames : most_frames);
	}
	if (dir)
		closedir(dir);
	printf("     %s: %.1f min\n", directory, ear->frames / 50.0 / 60.0);
}

static void test_speech(void)
{
	static struct ear ear;

	hear_all(PROMPTS, LONGEST / BL_FRAME, &ear);
	CHECK_EQUAL(0, ear.tones);
	CHECK_EQUAL(0, ear.answers);
	CHECK_EQUAL(0, ear.beeps);
}

static void test_music(void)
{
	static struct ear ear;

	hear_all(MUSIC, MUSIC_FRAMES, &ear);
	CHECK_EQUAL(0, ear.tones);
	CHECK_EQUAL(0, ear.answers);
	CHECK_EQUAL(0, ear.beeps);
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_speech),
		CHECK_TEST(test_music),
	};

	if (bl_tonefind_set(tones, sizeof(tones) / sizeof(tones[0]), &set))
		return 1;
	return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
