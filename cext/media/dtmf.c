/* dtmf.c  Finds DTMF digits in sound (ITU-T Q.23, Q.24; ETSI ES 201 235-3) */
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include "dtmf.h"
#include "frame.h"
#include "tone.h"

enum {
	TONES = BL_DTMF_TONES,
	HOP = 40,	   /* [samples], 5 ms between two looks */
	NEEDED = 6,	   /* [looks]: 35 ms are always enough, 25 ms (Q.24: 23) never */
	ENDED = 6,	   /* [looks] of absence: 20 ms are bridged (Q.24: 10), 35 ms part */
	LANES = 4 * TONES, /* rising and falling half, each real and imaginary */
	VECTORS = LANES / 4,
};

#define PI 3.14159265358979323846
#define FALL_TO 0.25f	     /* power of a look against the strongest: half the amplitude */
#define PURE 0.70f	     /* share of the power that the two tones hold at least */
#define COHERENT 0.88f	     /* 1: a tone that turns evenly from look to look; speech glides */
#define WEAKEST_DBM0 (-35.0) /* of each tone; Q.24 asks for -25 */
#define NORMAL_TWIST 10.0f   /* [power], 10 dB: high tone weaker (Q.24 asks for 8) */
#define REVERSE_TWIST 5.0f   /* [power], 7 dB: low tone weaker (Q.24 asks for 4) */
#define OFF_LIMIT 0.015f     /* Q.24: 1.5 % + 2 Hz are a digit, 3.5 % are none */
#define OFF_MORE_HZ 5.0f     /* the 2 Hz, and 3 Hz for the estimate's own error */
#define OFF_COARSE_HZ 8.0f   /* how far the rough estimate may be out beyond that */

typedef float vector __attribute__((vector_size(16)));

static const float tone_hz[TONES] = {697, 770, 852, 941, 1209, 1336, 1477, 1633};
static const char keys[] = "123A456B789C*0#D";
static pthread_once_t once = PTHREAD_ONCE_INIT;
static vector table[HOP][VECTORS];
static float step_re[TONES], step_im[TONES]; /* how far a true tone turns back in one hop */
static float weakest;			     /* power of a look at WEAKEST_DBM0 */

static void fill(void)
{
	for (int n = 0; n < HOP; n++) {
		float row[LANES];

		for (int k = 0; k < TONES; k++) {
			double turn = 2.0 * PI * tone_hz[k] / BL_RATE;
			double rise = 0.5 - 0.5 * cos(PI * n / HOP), fall = 1.0 - rise;

			row[k] = (float)(rise * cos(turn * n));
			row[TONES + k] = (float)(-rise * sin(turn * n));
			row[2 * TONES + k] = (float)(fall * cos(turn * (n + HOP)));
			row[3 * TONES + k] = (float)(-fall * sin(turn * (n + HOP)));
		}
		memcpy(table[n], row, sizeof(row));
	}
	for (int k = 0; k < TONES; k++) {
		step_re[k] = (float)cos(2.0 * PI * tone_hz[k] * HOP / BL_RATE);
		step_im[k] = (float)-sin(2.0 * PI * tone_hz[k] * HOP / BL_RATE);
	}
	/* a sine of peak A gives A * HOP / 2: the window's sum is HOP, half of it at each sign */
	weakest = (float)pow(bl_tone_peak(WEAKEST_DBM0) * HOP / 2.0, 2.0);
}

void bl_dtmf_init(struct bl_dtmf *dtmf)
{
	pthread_once(&once, fill);
	memset(dtmf, 0, sizeof(*dtmf));
	dtmf->low = dtmf->high = -1;
}

static const struct bl_dtmf_look *look_back(const struct bl_dtmf *dtmf, unsigned int looks)
{
	return &dtmf->looks[(dtmf->newest - looks) % BL_DTMF_LOOKS];
}

/* Takes one hop of samples in and makes the next look of them. */
static void look(struct bl_dtmf *dtmf, const int16_t *samples)
{
	struct bl_dtmf_look *now = &dtmf->looks[++dtmf->newest % BL_DTMF_LOOKS];
	vector sums[VECTORS] = {{0}};
	float lanes[LANES];
	int64_t total = 0;

	for (int n = 0; n < HOP; n++) {
		float sample = samples[n];
		vector spread = {sample, sample, sample, sample};

		for (int v = 0; v < VECTORS; v++)
			sums[v] += spread * table[n][v];
	}
	for (int n = 0; n < HOP; n++)
		total += (int64_t)samples[n] * samples[n];
	memcpy(lanes, sums, sizeof(lanes));
	for (int k = 0; k < TONES; k++) {
		now->re[k] = dtmf->rising[k] + lanes[2 * TONES + k];
		now->im[k] = dtmf->rising[TONES + k] + lanes[3 * TONES + k];
		now->power[k] = now->re[k] * now->re[k] + now->im[k] * now->im[k];
	}
	now->total = (float)total / HOP;
	memcpy(dtmf->rising, lanes, sizeof(dtmf->rising));
}

static int strongest(const float *power)
{
	int best = 0;

	for (int k = 1; k < TONES / 2; k++)
		best = power[k] > power[best] ? k : best;
	return best;
}

/* The mean power of a sine whose looks have that power. */
static float sine_power(float look_power)
{
	return look_power * 2.0f / (HOP * HOP);
}

/* Did the tone stay within half of its strongest look? */
static bool steady(const struct bl_dtmf *dtmf, int tone)
{
	float most = 0.0f, least = INFINITY;

	for (unsigned int i = 0; i < NEEDED; i++) {
		float power = look_back(dtmf, i)->power[tone];

		most = power > most ? power : most;
		least = power < least ? power : least;
	}
	return least >= most * FALL_TO;
}

/* How many Hz the tone is off, by how far it turned in so many hops too much. */
static float off_hz(const struct bl_dtmf *dtmf, int tone, unsigned int hops, float *coherence)
{
	float re = 0.0f, im = 0.0f, power = 0.0f;

	for (unsigned int i = 0; i + hops < NEEDED; i++) {
		const struct bl_dtmf_look *a = look_back(dtmf, i), *b = look_back(dtmf, i + hops);

		re += a->re[tone] * b->re[tone] + a->im[tone] * b->im[tone];
		im += a->im[tone] * b->re[tone] - a->re[tone] * b->im[tone];
		power += (a->power[tone] + b->power[tone]) / 2.0f;
	}
	*coherence = sqrtf(re * re + im * im) / power;
	for (unsigned int i = 0; i < hops; i++) {
		float turned = re * step_re[tone] - im * step_im[tone];

		im = re * step_im[tone] + im * step_re[tone];
		re = turned;
	}
	return atan2f(im, re) * (float)(BL_RATE / (2.0 * PI * HOP)) / (float)hops;
}

static bool in_tune(const struct bl_dtmf *dtmf, int tone)
{
	float limit = tone_hz[tone] * OFF_LIMIT + OFF_MORE_HZ, coherence;

	/* two hops tell better, but only up to ±50 Hz; one hop says that it is within these */
	return fabsf(off_hz(dtmf, tone, 1, &coherence)) <= limit + OFF_COARSE_HZ &&
	       fabsf(off_hz(dtmf, tone, 2, &coherence)) <= limit && coherence >= COHERENT;
}

/* Cheap: could the newest look belong to a digit at all? Most of speech and all silence ends. */
static bool likely(const struct bl_dtmf *dtmf, int low, int high)
{
	const struct bl_dtmf_look *now = look_back(dtmf, 0);
	float total = (now->total + look_back(dtmf, 1)->total) / 2.0f;

	return now->power[low] >= weakest * FALL_TO && now->power[high] >= weakest * FALL_TO &&
	       sine_power(now->power[low] + now->power[high]) >= total * FALL_TO;
}

/* Are the last looks a digit? Sets its tones and their mean powers. */
static bool judge(const struct bl_dtmf *dtmf, int *low, int *high, float *low_power,
		  float *high_power)
{
	float sums[TONES] = {0}, total = 0.0f;

	*low = strongest(look_back(dtmf, 0)->power);
	*high = TONES / 2 + strongest(look_back(dtmf, 0)->power + TONES / 2);
	if (!likely(dtmf, *low, *high))
		return false;
	for (unsigned int i = 0; i < NEEDED; i++) {
		for (int k = 0; k < TONES; k++)
			sums[k] += look_back(dtmf, i)->power[k];
	}
	*low = strongest(sums);
	*high = TONES / 2 + strongest(sums + TONES / 2);
	*low_power = sums[*low] / NEEDED;
	*high_power = sums[*high] / NEEDED;
	for (unsigned int i = 1; i < NEEDED; i++)
		total += look_back(dtmf, i)->total / (NEEDED - 1);
	return *low_power >= weakest && *high_power >= weakest &&
	       *low_power <= *high_power * NORMAL_TWIST &&
	       *high_power <= *low_power * REVERSE_TWIST &&
	       sine_power(*low_power + *high_power) >= total * PURE && steady(dtmf, *low) &&
	       steady(dtmf, *high) && in_tune(dtmf, *low) && in_tune(dtmf, *high);
}

/* Follows the digit that sounds, until it has been gone for long enough. */
static void follow(struct bl_dtmf *dtmf)
{
	const float *power = look_back(dtmf, 0)->power;

	if (power[dtmf->low] >= dtmf->low_power * FALL_TO &&
	    power[dtmf->high] >= dtmf->high_power * FALL_TO) {
		dtmf->absent = 0;
		dtmf->low_power += (power[dtmf->low] - dtmf->low_power) / 8.0f;
		dtmf->high_power += (power[dtmf->high] - dtmf->high_power) / 8.0f;
	} else if (++dtmf->absent >= ENDED) {
		dtmf->low = dtmf->high = -1;
		dtmf->absent = 0;
	}
}

char bl_dtmf_frame(struct bl_dtmf *dtmf, const int16_t *frame, int *ms)
{
	char digit = 0;

	for (int at = 0; at < BL_FRAME; at += HOP) {
		int low, high;
		float low_power, high_power;

		look(dtmf, frame + at);
		if (dtmf->low >= 0)
			follow(dtmf);
		if (!judge(dtmf, &low, &high, &low_power, &high_power) ||
		    (low == dtmf->low && high == dtmf->high))
			continue;
		dtmf->low = (int8_t)low;
		dtmf->high = (int8_t)high;
		dtmf->low_power = low_power;
		dtmf->high_power = high_power;
		dtmf->absent = 0;
		digit = keys[low * 4 + high - TONES / 2];
		*ms = NEEDED * HOP / BL_SAMPLES_PER_MS;
	}
	return digit;
}
