/* dtmf.c  Finds DTMF digits in sound (ITU-T Q.23, Q.24; ETSI ES 201 235-3) */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "dtmf.h"
#include "dtmf_bank.h"
#include "frame.h"

enum {
	LANES = BL_DTMF_LANES,
	TONES = BL_DTMF_TONES,
	HOP = BL_DTMF_HOP,
	NEEDED = BL_DTMF_NEEDED,
	ENDED = 6, /* [looks] of absence: 20 ms are bridged (Q.24: 10), 35 ms part (Q.24: 40) */
};

#define PI 3.14159265358979323846
#define COHERENT 0.92f	   /* 1: tones that turn evenly from look to look; speech glides */
#define FLAT 2.5f	   /* most against least power of whole looks; a vowel swells and fades */
#define OTHER 0.15f	   /* mean power of another tone at most, against the pair's mean */
#define NEAR_HZ 150.0f	   /* nearer to one of the pair, a tone hears that one */
#define OFF_LIMIT 0.015f   /* Q.24: 1.5 % + 2 Hz are a digit, 3.5 % are none */
#define OFF_MORE_HZ 4.0f   /* the 2 Hz, and 2 Hz for the estimate's own error */
#define OFF_COARSE_HZ 8.0f /* how far the rough estimate may be out beyond that */

static const float tone_hz[TONES] = {697, 770, 852, 941, 1209, 1336, 1477, 1633};
static const char keys[] = "123A456B789C*0#D";
static const int16_t silence[BL_FRAME];

/* The last looks of one lane, newest first, and what is to be judged of them. */
struct suspect {
	float re[NEEDED][TONES], im[NEEDED][TONES], power[NEEDED][TONES];
	float mean[TONES]; /* power */
	float total;	   /* mean power of the sound */
	int low, high;
	float low_power, high_power; /* mean */
};

struct bl_dtmf_block *bl_dtmf_blocks_new(size_t count)
{
	struct bl_dtmf_block *blocks;

	if (count > SIZE_MAX / sizeof(*blocks))
		return NULL;
	blocks = aligned_alloc(_Alignof(struct bl_dtmf_block), count * sizeof(*blocks));
	if (!blocks)
		return NULL;
	for (size_t i = 0; i < count; i++)
		bl_dtmf_block_init(&blocks[i]);
	return blocks;
}

void bl_dtmf_blocks_free(struct bl_dtmf_block *blocks)
{
	free(blocks);
}

void bl_dtmf_block_init(struct bl_dtmf_block *block)
{
	bl_dtmf_bank_begin();
	memset(block, 0, sizeof(*block));
	block->idle = true;
}

void bl_dtmf_lane_reset(struct bl_dtmf_block *block, unsigned int lane)
{
	/* the looks need not be touched: a lane is judged by as many as its run has */
	for (int i = 0; i < 2 * TONES; i++)
		block->rising[i][lane] = 0.0f;
	block->total_before[lane] = 0.0f;
	block->run[lane] = 0;
	block->sounding &= ~(1u << lane);
}

static const struct bl_dtmf_look *look_back(const struct bl_dtmf_block *block, unsigned int looks)
{
	return &block->looks[(block->newest - looks) % BL_DTMF_LOOKS];
}

static float power_of(const struct bl_dtmf_look *look, int tone, unsigned int lane)
{
	float re = look->re[tone][lane], im = look->im[tone][lane];

	return re * re + im * im;
}

static int strongest(const float *power)
{
	int best = 0;

	for (int k = 1; k < TONES / 2; k++)
		best = power[k] > power[best] ? k : best;
	return best;
}

/* Did the tone stay within half of its strongest look? */
static bool steady(const struct suspect *suspect, int tone)
{
	float most = 0.0f, least = INFINITY;

	for (int i = 0; i < NEEDED; i++) {
		most = fmaxf(most, suspect->power[i][tone]);
		least = fminf(least, suspect->power[i][tone]);
	}
	return least >= most * BL_DTMF_FALL_TO;
}

/* How many Hz the tone is off, by how far it turned in so many hops too much. */
static float off_hz(const struct suspect *suspect, int tone, int hops, float *coherence)
{
	double turn = 2.0 * PI * tone_hz[tone] * HOP * hops / BL_RATE;
	float step_re = (float)cos(turn), step_im = (float)-sin(turn);
	float re = 0.0f, im = 0.0f, power = 0.0f;

	for (int i = 0; i + hops < NEEDED; i++) {
		float a_re = suspect->re[i][tone], b_re = suspect->re[i + hops][tone];
		float a_im = suspect->im[i][tone], b_im = suspect->im[i + hops][tone];

		re += a_re * b_re + a_im * b_im;
		im += a_im * b_re - a_re * b_im;
		power += (suspect->power[i][tone] + suspect->power[i + hops][tone]) / 2.0f;
	}
	*coherence = sqrtf(re * re + im * im) / power;
	return atan2f(re * step_im + im * step_re, re * step_re - im * step_im) *
	       (float)(BL_RATE / (2.0 * PI * HOP)) / (float)hops;
}

static bool in_tune(const struct suspect *suspect, int tone, float *coherence)
{
	float limit = tone_hz[tone] * OFF_LIMIT + OFF_MORE_HZ;

	/* two hops tell better, but only up to ±50 Hz; one hop says that it is within these */
	return fabsf(off_hz(suspect, tone, 1, coherence)) <= limit + OFF_COARSE_HZ &&
	       fabsf(off_hz(suspect, tone, 2, coherence)) <= limit;
}

/* Do both tones turn as a digit's, and evenly? */
static bool tuned(const struct suspect *suspect)
{
	float low, high;

	return in_tune(suspect, suspect->low, &low) && in_tune(suspect, suspect->high, &high) &&
	       (low + high) / 2.0f >= COHERENT;
}

/* Did the pair keep its level? All but the first look are filled by a tone of 40 ms. */
static bool flat(const struct suspect *suspect)
{
	float most = 0.0f, least = INFINITY;

	for (int i = 0; i < NEEDED - 1; i++) {
		float power = suspect->power[i][suspect->low] / suspect->low_power +
			      suspect->power[i][suspect->high] / suspect->high_power;

		most = fmaxf(most, power);
		least = fminf(least, power);
	}
	return most <= least * FLAT;
}

static bool near(int one, int other)
{
	return fabsf(tone_hz[one] - tone_hz[other]) < NEAR_HZ;
}

/* Is no third tone heard? A voice has harmonics of one pitch, and more than two of them. */
static bool alone(const float power[TONES], int low, int high)
{
	float most = OTHER * (power[low] + power[high]) / 2.0f;

	for (int k = 0; k < TONES; k++) {
		if (power[k] > most && !near(k, low) && !near(k, high))
			return false;
	}
	return true;
}

static void collect(const struct bl_dtmf_block *block, unsigned int lane, struct suspect *suspect)
{
	memset(suspect, 0, sizeof(*suspect));
	for (int i = 0; i < NEEDED; i++) {
		const struct bl_dtmf_look *look = look_back(block, (unsigned int)i);

		for (int k = 0; k < TONES; k++) {
			suspect->re[i][k] = look->re[k][lane];
			suspect->im[i][k] = look->im[k][lane];
			suspect->power[i][k] = power_of(look, k, lane);
			suspect->mean[k] += suspect->power[i][k] / NEEDED;
		}
		if (i) /* the newest look's last hop counts least in it */
			suspect->total += look->total[lane] / (NEEDED - 1);
	}
	suspect->low = strongest(suspect->mean);
	suspect->high = TONES / 2 + strongest(suspect->mean + TONES / 2);
	suspect->low_power = suspect->mean[suspect->low];
	suspect->high_power = suspect->mean[suspect->high];
}

/* Are these looks a digit? */
static bool judge(const struct suspect *suspect)
{
	float weakest = bl_dtmf_bank_weakest(), low = suspect->low_power,
	      high = suspect->high_power;

	/* a sine of power P gives looks of P * HOP² / 2 */
	return low >= weakest && high >= weakest && low <= high * BL_DTMF_NORMAL_TWIST &&
	       high <= low * BL_DTMF_REVERSE_TWIST &&
	       (low + high) * 2.0f / (HOP * HOP) >= suspect->total * BL_DTMF_PURE &&
	       steady(suspect, suspect->low) && steady(suspect, suspect->high) && flat(suspect) &&
	       alone(suspect->mean, suspect->low, suspect->high) && tuned(suspect);
}

/* Follows the digit that sounds, until it has been gone for long enough. */
static void follow(struct bl_dtmf_block *block, unsigned int lane)
{
	struct bl_dtmf_digit *digit = &block->digits[lane];
	float low = power_of(look_back(block, 0), digit->low, lane);
	float high = power_of(look_back(block, 0), digit->high, lane);

	if (low >= digit->low_power * BL_DTMF_FALL_TO &&
	    high >= digit->high_power * BL_DTMF_FALL_TO) {
		digit->absent = 0;
		digit->low_power += (low - digit->low_power) / 8.0f;
		digit->high_power += (high - digit->high_power) / 8.0f;
	} else if (++digit->absent >= ENDED) {
		block->sounding &= ~(1u << lane);
	}
}

/* Is the digit that sounds still the strongest pair? Then there is nothing new to be judged. */
static bool goes_on(const struct bl_dtmf_block *block, unsigned int lane)
{
	float power[TONES];

	if (!(block->sounding >> lane & 1))
		return false;
	for (int k = 0; k < TONES; k++)
		power[k] = power_of(look_back(block, 0), k, lane);
	return strongest(power) == block->digits[lane].low &&
	       TONES / 2 + strongest(power + TONES / 2) == block->digits[lane].high;
}

/*
 * How long ago the tone began [samples], counted from the end of the newest look. The first look
 * tells by its amplitude how much of its window the tone filled: half gives half, and the rest of
 * a Hann window's integral is nearly a parabola.
 */
static int began(const struct suspect *suspect)
{
	float most = 0.0f, amplitude;

	for (int i = 0; i < NEEDED; i++)
		most = fmaxf(most, suspect->power[i][suspect->low]);
	amplitude = sqrtf(suspect->power[NEEDED - 1][suspect->low] / most); /* steady: >= 1/2 */
	return (NEEDED - 1) * HOP + 2 * HOP - (int)((float)HOP * sqrtf(2.0f - 2.0f * amplitude));
}

/* Has the lane a digit by now that was not told yet? */
static bool confirm(struct bl_dtmf_block *block, unsigned int lane, struct bl_dtmf_hit *hit)
{
	struct bl_dtmf_digit *digit = &block->digits[lane];
	struct suspect suspect;

	if (goes_on(block, lane))
		return false;
	collect(block, lane, &suspect);
	if (!judge(&suspect) || (block->sounding >> lane & 1 && suspect.low == digit->low &&
				 suspect.high == digit->high))
		return false;
	*digit = (struct bl_dtmf_digit){
		.low = (int8_t)suspect.low,
		.high = (int8_t)suspect.high,
		.low_power = suspect.low_power,
		.high_power = suspect.high_power,
	};
	block->sounding |= 1u << lane;
	hit->lane = (uint8_t)lane;
	hit->digit = keys[suspect.low * 4 + suspect.high - TONES / 2];
	hit->began = (uint16_t)began(&suspect);
	hit->ms = (uint16_t)(hit->began / BL_SAMPLES_PER_MS);
	return true;
}

/* One look at all lanes; told: those that have had their digit in this frame. */
static size_t look(struct bl_dtmf_block *block, const int16_t *const frames[LANES], size_t at,
		   uint32_t *told, struct bl_dtmf_hit *hits)
{
	uint32_t before = block->newest;
	struct bl_dtmf_found found;
	size_t count = 0;

	block->newest = (before + 1) % BL_DTMF_LOOKS;
	found = bl_dtmf_bank_look(block, frames, at);
	for (uint32_t lanes = block->sounding; lanes; lanes &= lanes - 1)
		follow(block, (unsigned int)__builtin_ctz(lanes));
	for (uint32_t lanes = found.ripe & ~*told; lanes; lanes &= lanes - 1) {
		if (!confirm(block, (unsigned int)__builtin_ctz(lanes), &hits[count]))
			continue;
		*told |= 1u << hits[count].lane;
		hits[count].began = (uint16_t)(hits[count].began + (BL_FRAME - HOP) - at);
		count++;
	}
	if (!found.likely) /* no run goes on: nobody will look back at it */
		block->newest = before;
	return count;
}

size_t bl_dtmf_block_frame(struct bl_dtmf_block *block, const int16_t *const frames[LANES],
			   struct bl_dtmf_hit hits[LANES])
{
	const int16_t *heard[LANES];
	uint32_t told = 0;
	bool any = false;
	size_t count = 0;

	for (int lane = 0; lane < LANES; lane++) {
		any = any || frames[lane];
		heard[lane] = frames[lane] ? frames[lane] : silence;
	}
	if (!any && block->idle)
		return 0;
	for (size_t at = 0; at < BL_FRAME; at += HOP)
		count += look(block, heard, at, &told, hits + count);
	block->idle = !any && !block->sounding; /* and nothing is in a look any more */
	return count;
}
