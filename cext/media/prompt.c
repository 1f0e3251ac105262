/* prompt.c  Sound that is played: decoded once, shared by all legs */
#include <stdlib.h>
#include <string.h>
#include "frame.h"
#include "prompt.h"
#include "resample.h"

enum {
	LONGEST = 1 << 29, /* [samples], 3 hours at 48 kHz */
	US_PER_S = 1000000,
};

static int index_of(int32_t rate)
{
	return rate == BL_RATE ? 0 : rate == BL_RATE_WIDE ? 1 : 2;
}

bool bl_rate_known(int32_t rate)
{
	return rate == BL_RATE || rate == BL_RATE_WIDE || rate == BL_RATE_FULL;
}

static struct bl_samples *samples_new(size_t count)
{
	struct bl_samples *samples = malloc(sizeof(*samples) + count * sizeof(samples->pcm[0]));

	if (samples)
		samples->count = count;
	return samples;
}

int bl_prompt_new(const int16_t *samples, size_t count, int32_t rate, struct bl_prompt **out)
{
	struct bl_prompt *prompt;
	struct bl_samples *own;

	if (!samples || !out || !count || count > LONGEST || !bl_rate_known(rate))
		return BL_EINVAL;
	prompt = calloc(1, sizeof(*prompt));
	own = samples_new(count);
	if (!prompt || !own) {
		free(prompt);
		free(own);
		return BL_ENOMEM;
	}
	memcpy(own->pcm, samples, count * sizeof(*samples));
	atomic_init(&prompt->users, 1);
	prompt->rate = rate;
	atomic_init(&prompt->at[index_of(rate)], own);
	*out = prompt;
	return BL_OK;
}

void bl_prompt_free(struct bl_prompt *prompt)
{
	if (!prompt || atomic_fetch_sub(&prompt->users, 1) != 1)
		return;
	for (int i = 0; i < BL_RATES; i++)
		free(atomic_load(&prompt->at[i]));
	free(prompt);
}

uint64_t bl_prompt_length(const struct bl_prompt *prompt, int32_t rate)
{
	const struct bl_samples *own =
		atomic_load_explicit(&prompt->at[index_of(prompt->rate)], memory_order_relaxed);
	uint64_t from = (uint64_t)prompt->rate;

	return (own->count * (uint64_t)rate + from - 1) / from;
}

/* Frame by frame; the resampler's delay is skipped, and its end is reached by feeding silence. */
static void convert(const struct bl_samples *in, int32_t from, struct bl_samples *out, int32_t to)
{
	size_t in_frame = (size_t)(from / BL_TICKS_PER_S),
	       out_frame = (size_t)(to / BL_TICKS_PER_S);
	size_t skip = (size_t)((int64_t)bl_resample_delay_us(from, to) * to / US_PER_S);
	struct bl_resampler resampler;

	bl_resample_init(&resampler, from, to);
	for (size_t used = 0, made = 0; made < out->count; used += in_frame) {
		int16_t give[BL_FRAME_MAX] = {0}, got[BL_FRAME_MAX];
		size_t left = in->count > used ? in->count - used : 0, run = out_frame - skip;

		memcpy(give, in->pcm + (left ? used : 0),
		       (left < in_frame ? left : in_frame) * sizeof(give[0]));
		bl_resample(&resampler, give, got);
		if (run > out->count - made)
			run = out->count - made;
		memcpy(out->pcm + made, got + skip, run * sizeof(got[0]));
		made += run;
		skip = 0;
	}
}

int bl_prompt_prepare(struct bl_prompt *prompt, int32_t rate)
{
	const struct bl_samples *own = atomic_load(&prompt->at[index_of(prompt->rate)]);
	struct bl_samples *made, *none = NULL;

	if (!bl_rate_known(rate))
		return BL_EINVAL;
	if (atomic_load_explicit(&prompt->at[index_of(rate)], memory_order_acquire))
		return BL_OK;
	made = samples_new((size_t)bl_prompt_length(prompt, rate));
	if (!made)
		return BL_ENOMEM;
	convert(own, prompt->rate, made, rate);
	/* somebody else may have been faster */
	if (!atomic_compare_exchange_strong(&prompt->at[index_of(rate)], &none, made))
		free(made);
	return BL_OK;
}

/* Upwards along a line, downwards by the mean of what falls into one sample. */
static void interpolate(const struct bl_prompt *prompt, int32_t rate, uint64_t offset,
			int16_t *out, size_t count)
{
	const struct bl_samples *own =
		atomic_load_explicit(&prompt->at[index_of(prompt->rate)], memory_order_relaxed);
	uint64_t up = rate > prompt->rate ? (uint64_t)(rate / prompt->rate) : 1;
	uint64_t down = rate > prompt->rate ? 1 : (uint64_t)(prompt->rate / rate);

	for (size_t i = 0; i < count; i++) {
		uint64_t at = (offset + i) / up * down, part = (offset + i) % up;
		int64_t sum = 0;

		for (uint64_t k = 0; k < down && at + k < own->count; k++)
			sum += own->pcm[at + k];
		if (part && at + 1 < own->count)
			sum += (own->pcm[at + 1] - sum) * (int64_t)part / (int64_t)up;
		out[i] = (int16_t)(sum / (int64_t)down);
	}
}

void bl_prompt_read(const struct bl_prompt *prompt, int32_t rate, uint64_t offset, int16_t *out,
		    size_t count)
{
	const struct bl_samples *ready =
		atomic_load_explicit(&prompt->at[index_of(rate)], memory_order_acquire);

	if (ready)
		memcpy(out, ready->pcm + offset, count * sizeof(*out));
	else
		interpolate(prompt, rate, offset, out, count);
}
