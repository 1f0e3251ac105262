/* greeting.c  Who answered: a human, a machine, a fax or nobody; and a voicemail's beep */
#include <math.h>
#include <string.h>
#include "frame.h"
#include "greeting.h"
#include "power.h"

#define PI 3.14159265358979323846
/* what voicemails' beeps are like */
#define BEEP_LOWEST_HZ 400.0f
#define BEEP_HIGHEST_HZ 1600.0f
#define BEEP_LEAST_DBM0 (-35.0f)
#define BEEP_PURE 0.02f /* at most, of the power: what two samples do not foretell */
#define BEEP_OFF 0.006f /* frequency, against its mean */
#define BEEP_STEADY_DB 1.0f
#define BEEP_ENDS_DB 10.0f /* after it the machine listens */

enum {
	BEEP_LEAST_MS = 80,  /* of whole frames, which 100 ms hold wherever they begin */
	BEEP_MOST_MS = 3000, /* longer is a tone of the network */
};

void bl_greeting_init(struct bl_greeting *greeting, const struct bl_greeting_setting *setting)
{
	/* the defaults of Asterisk's amd.conf */
	static const struct bl_greeting_setting usual = {
		.initial_silence_ms = 2500,
		.greeting_ms = 1500,
		.after_silence_ms = 800,
		.total_ms = 5000,
		.word_ms = 100,
		.between_words_ms = 50,
		.words = 3,
	};

	memset(greeting, 0, sizeof(*greeting));
	greeting->setting = setting ? *setting : usual;
}

static void follow_words(struct bl_greeting *greeting, bool voice)
{
	const struct bl_greeting_setting *setting = &greeting->setting;

	if (voice) {
		greeting->voice_ms += BL_FRAME_MS;
		/* a pause inside a word belongs to it */
		if (greeting->voice_ms > BL_FRAME_MS && greeting->silent_ms)
			greeting->voice_ms += greeting->silent_ms;
		greeting->silent_ms = 0;
		if (greeting->voice_ms >= setting->word_ms) {
			greeting->words += !greeting->in_word;
			greeting->in_word = true;
			greeting->last_ms = greeting->at_ms;
			if (!greeting->spoke)
				greeting->first_ms = greeting->at_ms - greeting->voice_ms;
			greeting->spoke = true;
		}
		return;
	}
	greeting->silent_ms += BL_FRAME_MS;
	if (greeting->silent_ms >= setting->between_words_ms) {
		greeting->voice_ms = 0;
		greeting->in_word = false;
	}
}

static enum bl_greeting_result decide(const struct bl_greeting *greeting)
{
	const struct bl_greeting_setting *setting = &greeting->setting;

	if (!greeting->spoke && greeting->at_ms >= setting->initial_silence_ms &&
	    greeting->voice_ms == 0)
		return BL_GREETING_SILENCE;
	if (greeting->spoke && (greeting->words > setting->words ||
				greeting->last_ms - greeting->first_ms >= setting->greeting_ms))
		return BL_GREETING_MACHINE;
	if (greeting->spoke && !greeting->voice_ms &&
	    greeting->at_ms - greeting->last_ms >= setting->after_silence_ms)
		return BL_GREETING_HUMAN;
	return greeting->at_ms >= setting->total_ms ? BL_GREETING_UNKNOWN : BL_GREETING_UNDECIDED;
}

enum bl_greeting_result bl_greeting_frame(struct bl_greeting *greeting, const int16_t *pcm,
					  size_t count, bool voice)
{
	bool beep = bl_beep_frame(&greeting->beep, pcm, count) && greeting->spoke;

	greeting->at_ms += BL_FRAME_MS;
	if (greeting->result == BL_GREETING_FAX)
		return BL_GREETING_UNDECIDED;
	if (greeting->result != BL_GREETING_UNDECIDED) {
		greeting->spoke = greeting->spoke || voice;
		return beep ? BL_GREETING_BEEP : BL_GREETING_UNDECIDED;
	}
	/* a tone is no word */
	follow_words(greeting, voice && !greeting->beep.heard);
	/* nobody but a machine beeps after its words */
	greeting->result = beep ? BL_GREETING_MACHINE : decide(greeting);
	return greeting->result;
}

enum bl_greeting_result bl_greeting_fax(struct bl_greeting *greeting)
{
	if (greeting->result == BL_GREETING_FAX)
		return BL_GREETING_UNDECIDED;
	greeting->result = BL_GREETING_FAX;
	return BL_GREETING_FAX;
}

/* The frame at 8 kHz: the mean of so many samples is filter enough for what lies below 1,600 Hz.
 */
static void narrow(const int16_t *pcm, size_t factor, float *out)
{
	for (size_t i = 0; i < BL_FRAME; i++) {
		int32_t sum = 0;

		for (size_t k = 0; k < factor; k++)
			sum += pcm[i * factor + k];
		out[i] = (float)sum / (float)factor;
	}
}

/* The frequency of a frame that is one pure sine [Hz], else 0. */
static float pure_hz(const float *x)
{
	float cross = 0.0f, power = 1e-9f, rest = 0.0f, cosine;

	for (int n = 1; n < BL_FRAME - 1; n++) {
		cross += x[n] * (x[n + 1] + x[n - 1]);
		power += x[n] * x[n];
	}
	cosine = cross / (2.0f * power);
	for (int n = 1; n < BL_FRAME - 1; n++) {
		float off = x[n + 1] + x[n - 1] - 2.0f * cosine * x[n];

		rest += off * off;
	}
	if (rest > BEEP_PURE * power || fabsf(cosine) >= 1.0f)
		return 0.0f;
	return acosf(cosine) * (float)(BL_RATE / (2.0 * PI));
}

/* The frame ended the tone: was it a beep? It may have ended within this frame, so that only the
 * frame after it is silent. */
static bool beep_ended(struct bl_beep *beep, float level)
{
	bool quiet = level <= beep->level_dbm0 - BEEP_ENDS_DB;

	if (!beep->heard)
		return false;
	if (!quiet && !beep->ending) {
		beep->ending = true;
		return false;
	}
	beep->heard = beep->ending = false;
	return quiet && beep->ms <= BEEP_MOST_MS;
}

bool bl_beep_frame(struct bl_beep *beep, const int16_t *pcm, size_t count)
{
	float x[BL_FRAME], level = bl_power_dbm0(bl_power(pcm, count)), hz = 0.0f;

	if (level >= BEEP_LEAST_DBM0 && count >= BL_FRAME && count % BL_FRAME == 0) {
		narrow(pcm, count / BL_FRAME, x);
		hz = pure_hz(x);
	}
	if (hz < BEEP_LOWEST_HZ || hz > BEEP_HIGHEST_HZ)
		hz = 0.0f;
	if (hz > 0.0f && beep->ms && !beep->ending && fabsf(hz - beep->hz) <= BEEP_OFF * hz &&
	    fabsf(level - beep->level_dbm0) <= BEEP_STEADY_DB) {
		beep->ms += BL_FRAME_MS;
		beep->hz += (hz - beep->hz) * BL_FRAME_MS / (float)beep->ms;
		beep->heard = beep->ms >= BEEP_LEAST_MS;
		return false;
	}
	if (beep_ended(beep, level))
		return true; /* hz and ms stay for the caller until the next frame */
	if (beep->heard)
		return false;
	beep->hz = hz;
	beep->level_dbm0 = level;
	beep->ms = hz > 0.0f ? BL_FRAME_MS : 0;
	return false;
}
