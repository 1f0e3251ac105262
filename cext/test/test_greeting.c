/* test_greeting.c  Human, machine, fax, silence: decided by timing; and the beep after words */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "frame.h"
#include "greeting.h"
#include "voice.h"

#define PI 3.14159265358979323846

/* What a far end says: pairs of voice and silence [ms], ended by two zeros. */
struct talk {
	int voice_ms, silent_ms;
};

/* A vowel: a buzz of 130 Hz whose overtones fall; no pure tone. */
static double vowel(int n, int rate)
{
	double sum = 0.0;

	for (int k = 1; k < 12; k++)
		sum += sin(2.0 * PI * 130.0 * k * n / rate) / k;
	return 4000.0 * sum;
}

struct far_end {
	struct bl_voice voice;
	struct bl_greeting greeting;
	int rate, at;
	int at_ms; /* when the result came */
	double beep_hz;
};

static struct far_end answer(int rate)
{
	struct far_end far = {.rate = rate};

	bl_voice_init(&far.voice, NULL);
	bl_greeting_init(&far.greeting, NULL);
	return far;
}

/* So many ms of a vowel (hz 0), a pure tone, or near silence (hz -1); the first result. */
static enum bl_greeting_result say(struct far_end *far, double hz, int ms)
{
	enum bl_greeting_result first = BL_GREETING_UNDECIDED;
	int count = far->rate / 50;

	for (int n = 0; n < ms / 20; n++) {
		int16_t frame[BL_FRAME_MAX];
		enum bl_greeting_result result;

		for (int i = 0; i < count; i++, far->at++)
			frame[i] = (int16_t)(rand() % 17 - 8 +
					     (hz > 0.0	 ? 5000.0 * sin(2.0 * PI * hz * far->at /
									far->rate)
					      : hz < 0.0 ? 0.0
							 : vowel(far->at, far->rate)));
		bl_voice_frame(&far->voice, frame, (size_t)count);
		result =
			bl_greeting_frame(&far->greeting, frame, (size_t)count, far->voice.active);
		if (result && !first) {
			first = result;
			far->beep_hz = far->greeting.beep.hz;
			far->at_ms = far->at / (far->rate / 1000);
		}
	}
	return first;
}

static enum bl_greeting_result hears(const struct talk *talk, int *at_ms)
{
	struct far_end far = answer(8000);
	enum bl_greeting_result result = BL_GREETING_UNDECIDED;

	for (; talk->voice_ms || talk->silent_ms; talk++) {
		result = say(&far, 0.0, talk->voice_ms);
		if (!result)
			result = say(&far, -1.0, talk->silent_ms);
		if (result)
			break;
	}
	*at_ms = far.at_ms;
	return result;
}

#define HEARS(result, ms, ...)                                                                    \
	do {                                                                                      \
		int at_;                                                                          \
		CHECK_EQUAL(result, hears((const struct talk[]){__VA_ARGS__, {0, 0}}, &at_));     \
		CHECK_WITHIN((ms)-40, (ms) + 40, at_);                                            \
	} while (0)

static void test_human(void)
{
	HEARS(BL_GREETING_HUMAN, 1700, {0, 500}, {400, 3000});		   /* Hello? */
	HEARS(BL_GREETING_HUMAN, 2100, {0, 300}, {300, 200}, {500, 3000}); /* Smith, hello? */
	HEARS(BL_GREETING_HUMAN, 1500, {0, 300}, {200, 40}, {160, 3000});  /* a stop in a word */
	HEARS(BL_GREETING_HUMAN, 2400, {0, 500}, {60, 400}, {640, 3000});  /* a click before */
	HEARS(BL_GREETING_HUMAN, 1700, {0, 500}, {400, 300}, {60, 300}, {60, 3000}); /* after */
}

static void test_machine(void)
{
	HEARS(BL_GREETING_MACHINE, 2000, {0, 500}, {4000, 500});
	HEARS(BL_GREETING_MACHINE, 1800, {0, 300}, {400, 200}, {400, 200}, {600, 200});
	HEARS(BL_GREETING_MACHINE, 1060, {0, 300}, {120, 100}, {120, 100}, {120, 100}, {400, 0});
}

static void test_silence(void)
{
	HEARS(BL_GREETING_SILENCE, 2500, {0, 6000});
	HEARS(BL_GREETING_SILENCE, 2500, {0, 1000}, {80, 1000}, {60, 6000}); /* clicks */
}

static void test_time_is_up(void)
{
	struct far_end far = answer(8000);

	far.greeting.setting.total_ms = 2000;
	CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, -1, 1500));
	CHECK_EQUAL(BL_GREETING_UNKNOWN, say(&far, 0, 600));
	CHECK_EQUAL(2000, far.at_ms);
}

static void test_fax(void)
{
	struct far_end far = answer(8000);

	CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, -1, 400));
	CHECK_EQUAL(BL_GREETING_FAX, bl_greeting_fax(&far.greeting));
	CHECK_EQUAL(BL_GREETING_UNDECIDED, bl_greeting_fax(&far.greeting));
	CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, 0, 4000));
}

/* A speech, a pause, a beep of 100 ms and more: at each rate and many frequencies. */
static void test_beep(void)
{
	static const int rates[] = {8000, 16000, 48000};
	static const double hz[] = {440, 850, 1000, 1400, 1550};

	for (int i = 0; i < 15; i++) {
		struct far_end far = answer(rates[i % 3]);

		say(&far, -1, 500);
		CHECK_EQUAL(BL_GREETING_MACHINE, say(&far, 0, 3000));
		CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, -1, 500));
		CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, hz[i / 3], 100 + 80 * i));
		CHECK_EQUAL(BL_GREETING_BEEP, say(&far, -1, 500));
		CHECK_WITHIN(hz[i / 3] * 0.99, hz[i / 3] * 1.01, far.beep_hz);
		CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, -1, 2000));
	}
}

/* Short greeting and a beep at once: it decides by itself that a machine answered. */
static void test_beep_decides(void)
{
	struct far_end far = answer(8000);

	say(&far, -1, 500);
	CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, 0, 600));
	CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, -1, 200));
	CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, 1000, 300));
	CHECK_EQUAL(BL_GREETING_MACHINE, say(&far, -1, 200));
}

/* Too short, too high, too low, too long, and no tone at all. */
static void test_no_beep(void)
{
	static const struct {
		double hz;
		int ms;
	} sounds[] = {{1000, 60}, {2100, 1000}, {350, 1000}, {425, 4000}, {0, 1000}};

	for (int i = 0; i < 5; i++) {
		struct far_end far = answer(8000);

		say(&far, -1, 500);
		say(&far, 0, 3000);
		say(&far, -1, 500);
		CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, sounds[i].hz, sounds[i].ms));
		CHECK_EQUAL(BL_GREETING_UNDECIDED, say(&far, -1, 500));
	}
}

enum { ESPEAK_RATE = 22050, SPOKEN = 10 }; /* [s] */

/* A text as espeak-ng says it, at 8 kHz; returns the samples, 0: it is not installed. */
static int speak(const char *voice, const char *text, int16_t *out)
{
	static int16_t raw[ESPEAK_RATE * SPOKEN];
	char command[300], head[44];
	size_t count = 0;
	FILE *pipe;
	int length;

	snprintf(command, sizeof(command), "espeak-ng -v %s --stdout '%s' 2>/dev/null", voice,
		 text);
	pipe = popen(command, "r");
	if (pipe && fread(head, 1, sizeof(head), pipe) == sizeof(head))
		count = fread(raw, sizeof(*raw), sizeof(raw) / sizeof(*raw), pipe);
	if (pipe)
		pclose(pipe);
	length = count > 2 ? (int)((count - 2) * BL_RATE / ESPEAK_RATE) : 0;
	for (int i = 0; i < length; i++) {
		size_t at = (size_t)i * ESPEAK_RATE / BL_RATE;

		out[i] = (int16_t)((raw[at] + raw[at + 1] + raw[at + 2]) / 9);
	}
	return length;
}

/* Half a second of quiet, the text, quiet; the decision. */
static enum bl_greeting_result says(const char *voice, const char *text)
{
	static int16_t pcm[BL_RATE * SPOKEN];
	struct far_end far = answer(BL_RATE);
	int length = speak(voice, text, pcm);
	enum bl_greeting_result result = say(&far, -1, 500);

	for (int at = 0; at + BL_FRAME <= length && !result; at += BL_FRAME) {
		bl_voice_frame(&far.voice, pcm + at, BL_FRAME);
		result = bl_greeting_frame(&far.greeting, pcm + at, BL_FRAME, far.voice.active);
	}
	return result ? result : say(&far, -1, 3000);
}

static void test_spoken_greetings(void)
{
	static const struct {
		int result;
		const char *voice, *text;
	} greetings[] = {
		{BL_GREETING_HUMAN, "en", "Hello?"},
		{BL_GREETING_HUMAN, "en", "Hello, this is Anna."},
		{BL_GREETING_HUMAN, "en", "Smith speaking."},
		{BL_GREETING_HUMAN, "de", "Schmidt, guten Tag."},
		{BL_GREETING_HUMAN, "fr", "Oui, bonjour."},
		{BL_GREETING_HUMAN, "es", "Diga?"},
		{BL_GREETING_HUMAN, "it", "Pronto?"},
		{BL_GREETING_MACHINE, "en", "You have reached Anna. Please leave a message."},
		{BL_GREETING_MACHINE, "de", "Familie Schmidt, bitte eine Nachricht hinterlassen."},
		{BL_GREETING_MACHINE, "fr", "Bonjour, laissez un message apres le bip."},
		{BL_GREETING_MACHINE, "es", "Ahora no puedo atenderle, deje su mensaje."},
		{BL_GREETING_MACHINE, "it", "Risponde la segreteria telefonica."},
	};
	static int16_t pcm[BL_RATE * SPOKEN];

	if (!speak("en", "Hello?", pcm)) {
		printf("     espeak-ng is not installed: not tried\n");
		return;
	}
	for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++)
		CHECK_EQUAL(greetings[i].result, says(greetings[i].voice, greetings[i].text));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_human),	       CHECK_TEST(test_machine), CHECK_TEST(test_silence),
	CHECK_TEST(test_time_is_up),   CHECK_TEST(test_fax),	 CHECK_TEST(test_beep),
	CHECK_TEST(test_beep_decides), CHECK_TEST(test_no_beep), CHECK_TEST(test_spoken_greetings),
};

CHECK_MAIN(tests)
