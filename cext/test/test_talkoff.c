/*
 * test_talkoff.c  Speech and music are no tones: some minutes of each voice of Debian's Asterisk
 *   sounds (asterisk-core-sounds-*-wav), which speak five languages, and asterisk-moh-opsound-wav
 *
 * Of what is not installed nothing is checked.
 */
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include "answertone.h"
#include "check.h"
#include "frame.h"
#include "greeting.h"
#include "tonefind.h"

enum { MUSIC_FRAMES = 60 * 50, VOICE_FRAMES = 8 * 60 * 50, LONGEST = 8000 * 120 };

#define VOICES "/usr/share/asterisk/sounds/*"
#define MUSIC "/usr/share/asterisk/moh"

/* These hold tones on purpose, the conference's two are chimes. */
static const char *const tonal[] = {"tone", "beep", "/confbridge-join.", "/confbridge-leave."};

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

static bool is_tonal(const char *path)
{
	const char *name = strrchr(path, '/');

	for (size_t i = 0; i < sizeof(tonal) / sizeof(tonal[0]); i++) {
		if (strstr(name, tonal[i]))
			return true;
	}
	return false;
}

/* The files of a directory, as one long call: so much of each, and so much in all. */
static void hear_all(const char *directory, int most_each, int most)
{
	static struct ear ear;
	static int16_t pcm[LONGEST];
	char pattern[512];
	glob_t files = {0};

	memset(&ear, 0, sizeof(ear));
	bl_tonefind_init(&ear.find, &set);
	bl_answertone_init(&ear.answer);
	snprintf(pattern, sizeof(pattern), "%s/*.wav", directory);
	glob(pattern, 0, NULL, &files);
	for (size_t i = 0; i < files.gl_pathc && ear.frames < most; i++) {
		int frames;

		if (is_tonal(files.gl_pathv[i]))
			continue;
		frames = (int)(load(files.gl_pathv[i], pcm) / BL_FRAME);
		hear(&ear, files.gl_pathv[i], pcm, frames < most_each ? frames : most_each);
	}
	globfree(&files);
	printf("     %s: %.1f min\n", directory, ear.frames / 50.0 / 60.0);
	CHECK_EQUAL(0, ear.tones);
	CHECK_EQUAL(0, ear.answers);
	CHECK_EQUAL(0, ear.beeps);
}

static void test_speech(void)
{
	glob_t voices = {0};

	glob(VOICES, GLOB_ONLYDIR, NULL, &voices);
	for (size_t i = 0; i < voices.gl_pathc; i++)
		hear_all(voices.gl_pathv[i], LONGEST / BL_FRAME, VOICE_FRAMES);
	globfree(&voices);
}

static void test_music(void)
{
	hear_all(MUSIC, MUSIC_FRAMES, 5 * MUSIC_FRAMES);
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
