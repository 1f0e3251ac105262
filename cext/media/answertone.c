/* answertone.c  Finds the tones with which a fax or a modem answers, and tells them apart */
#include <math.h>
#include <pthread.h>
#include <string.h>
#include "answertone.h"
#include "frame.h"

enum {
	HOP = 80,	     /* [samples], 10 ms */
	STEADY = 70,	     /* [hops] without a reversal until it is known that none comes */
	FIRST = 10,	     /* [hops] for the drift to be known */
	REVERSAL_LEAST = 41, /* [hops] ITU-T V.25 §4.2: 450 ms ± 25 ms */
	REVERSAL_MOST = 49,
	GONE = 8, /* [hops] without the tone after which it has ended */
	MEMORY = BL_ANSWERTONE_MEMORY,
};

#define PI 3.14159265358979323846f
#define TONE_HZ 2100.0
#define LEAST (32768.0f * 32768.0f / 2.0f * 0.4853f * 5e-5f) /* [sample squared] -43 dBm0 */
#define PURE 0.7f     /* share of the power that lies at 2,100 Hz */
#define OFF_TURN 1.4f /* [radians] in a hop, 22 Hz: T.30 §4.1.1 allows 15 */
#define REVERSED 1.9f /* [radians] of jump; V.25 §4.2 asks for 180° ± 10° */
#define SLOW 0.1f     /* how fast the drift is learned */
#define AM_HZ 15.0f   /* V.8 §4.1: ANSam's envelope is 0.8 to 1.2 of its mean */
#define AM_LEAST 0.1f
#define AM_MOST 0.4f

static pthread_once_t once = PTHREAD_ONCE_INIT;
static float cosines[HOP], sines[HOP], slow_cosines[MEMORY], slow_sines[MEMORY];

static void prepare(void)
{
	for (int n = 0; n < HOP; n++) {
		cosines[n] = (float)cos(2.0 * (double)PI * TONE_HZ * n / BL_RATE);
		sines[n] = (float)-sin(2.0 * (double)PI * TONE_HZ * n / BL_RATE);
	}
	for (int n = 0; n < MEMORY; n++) {
		float turn = 2.0f * PI * AM_HZ * (float)n * HOP / BL_RATE;

		slow_cosines[n] = cosf(turn);
		slow_sines[n] = sinf(turn);
	}
}

void bl_answertone_init(struct bl_answertone *tone)
{
	pthread_once(&once, prepare);
	memset(tone, 0, sizeof(*tone));
}

/* The hop at 2,100 Hz; false: there is not enough of it. */
static bool measure(const int16_t *pcm, float *re, float *im)
{
	float power = 0.0f;

	*re = *im = 0.0f;
	for (int n = 0; n < HOP; n++) {
		float sample = pcm[n];

		*re += sample * cosines[n];
		*im += sample * sines[n];
		power += sample * sample;
	}
	return power >= LEAST * HOP && 2.0f * (*re * *re + *im * *im) >= PURE * HOP * power;
}

static float around(float angle)
{
	while (angle > PI)
		angle -= 2.0f * PI;
	while (angle < -PI)
		angle += 2.0f * PI;
	return angle;
}

/* How deep 15 Hz modulate the amplitudes: 0 to 1. */
static float modulation(const struct bl_answertone *tone)
{
	float re = 0.0f, im = 0.0f, sum = 0.0f, mean;

	for (int n = 0; n < MEMORY; n++)
		sum += tone->amplitude[n];
	mean = sum / MEMORY;
	for (int n = 0; n < MEMORY; n++) {
		re += (tone->amplitude[n] - mean) * slow_cosines[n];
		im += (tone->amplitude[n] - mean) * slow_sines[n];
	}
	return 2.0f * sqrtf(re * re + im * im) / (sum + 1e-9f);
}

static void reversal(struct bl_answertone *tone)
{
	bool timely = tone->turned >= REVERSAL_LEAST && tone->turned <= REVERSAL_MOST;

	/* when the tone began is not known as well as when it turned */
	tone->reversals = timely && tone->reversals ? tone->reversals + 1 : 1;
	tone->turned = 0;
}

/* The tone goes on, or another begins: false. */
static bool go_on(struct bl_answertone *tone, float re, float im)
{
	float turn = atan2f(im * tone->re - re * tone->im, re * tone->re + im * tone->im);
	float jump = around(turn - tone->drift * (float)tone->since);

	if (tone->lasted > FIRST && fabsf(jump) >= REVERSED) {
		reversal(tone);
	} else if (tone->since == 1) {
		/* of any reversal before FIRST the drift must not learn */
		if (fabsf(turn) > OFF_TURN)
			return false;
		tone->drift += (turn - tone->drift) * SLOW;
	}
	return true;
}

static enum bl_answertone_kind decide(struct bl_answertone *tone)
{
	float depth;
	bool reversed = tone->reversals >= 2;

	if (tone->told || !(reversed || (tone->lasted >= STEADY && tone->turned >= STEADY)))
		return BL_ANSWERTONE_NONE;
	tone->told = true;
	depth = modulation(tone);
	if (depth >= AM_LEAST && depth <= AM_MOST)
		return reversed ? BL_ANSWERTONE_ANSAM_REVERSED : BL_ANSWERTONE_ANSAM;
	return reversed ? BL_ANSWERTONE_REVERSED : BL_ANSWERTONE_CED;
}

static enum bl_answertone_kind take(struct bl_answertone *tone, const int16_t *pcm)
{
	float re, im, amplitude;
	bool here = measure(pcm, &re, &im);

	if (!here && (!tone->lasted || ++tone->since > GONE)) {
		memset(tone, 0, sizeof(*tone));
		return BL_ANSWERTONE_NONE;
	}
	amplitude = tone->amplitude[MEMORY - 1];
	memmove(tone->amplitude, tone->amplitude + 1, sizeof(tone->amplitude) - sizeof(amplitude));
	tone->amplitude[MEMORY - 1] = here ? sqrtf(re * re + im * im) : amplitude;
	tone->lasted++;
	tone->turned++;
	if (!here)
		return BL_ANSWERTONE_NONE;
	if (tone->lasted == 1)
		tone->since = 0;
	else if (++tone->since && !go_on(tone, re, im))
		memset(tone, 0, sizeof(*tone));
	tone->re = re;
	tone->im = im;
	tone->since = 0;
	return decide(tone);
}

enum bl_answertone_kind bl_answertone_frame(struct bl_answertone *tone, const int16_t *pcm)
{
	enum bl_answertone_kind first = take(tone, pcm), second = take(tone, pcm + HOP);

	return first != BL_ANSWERTONE_NONE ? first : second;
}
