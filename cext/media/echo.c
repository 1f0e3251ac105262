/* echo.c  Takes out of what a line says what it was told */
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "echo.h"
#include "frame.h"

enum {
	LOST_FRAMES = 20, /* in which it made echo instead of less: it has lost its way */
	FAINT = 100,	  /* [samples squared] nobody minds what it makes */
};

/*
 * speexdsp prints a warning, which no tick may do, when the differences of samples are above
 * 2e9 (samples squared), or when it makes louder for half a second. It never gets so far.
 */
static const float TOO_LOUD = 1e9f;

struct bl_echo {
	int frame;		       /* [samples] */
	int lost;		       /* [frames] in a row */
	int16_t heard_last, sent_last; /* of the frame before */
	SpeexEchoState *filter;
	SpeexPreprocessState *rest; /* NULL: what is left is let be */
};

static SpeexPreprocessState *new_suppressor(int frame, int rate, SpeexEchoState *filter)
{
	SpeexPreprocessState *rest = speex_preprocess_state_init(frame, rate);
	int on = 1, none_db = 0, most_db = -40;

	if (!rest)
		return NULL;
	/* it suppresses echo only as a part of its noise suppression, which is to do nothing */
	speex_preprocess_ctl(rest, SPEEX_PREPROCESS_SET_DENOISE, &on);
	speex_preprocess_ctl(rest, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &none_db);
	/* and while both talk, when it would take up to 5 dB of a voice where there is no echo */
	speex_preprocess_ctl(rest, SPEEX_PREPROCESS_SET_ECHO_SUPPRESS, &most_db);
	speex_preprocess_ctl(rest, SPEEX_PREPROCESS_SET_ECHO_SUPPRESS_ACTIVE, &none_db);
	speex_preprocess_ctl(rest, SPEEX_PREPROCESS_SET_ECHO_STATE, filter);
	return rest;
}

int bl_echo_new(int32_t rate, int32_t tail_ms, bool suppress, struct bl_echo **out)
{
	struct bl_echo *echo;

	if (!out || (rate != BL_RATE && rate != BL_RATE_WIDE) || tail_ms < BL_ECHO_LEAST_MS ||
	    tail_ms > BL_ECHO_MOST_MS)
		return BL_EINVAL;
	echo = calloc(1, sizeof(*echo));
	if (!echo)
		return BL_ENOMEM;
	echo->frame = rate / BL_ECHO_FRAMES_PER_S;
	echo->filter = speex_echo_state_init(echo->frame, tail_ms * rate / 1000);
	if (echo->filter) {
		int hz = rate;

		speex_echo_ctl(echo->filter, SPEEX_ECHO_SET_SAMPLING_RATE, &hz);
		if (suppress)
			echo->rest = new_suppressor(echo->frame, rate, echo->filter);
	}
	if (!echo->filter || (suppress && !echo->rest)) {
		bl_echo_free(echo);
		return BL_ENOMEM;
	}
	*out = echo;
	return BL_OK;
}

void bl_echo_free(struct bl_echo *echo)
{
	if (!echo)
		return;
	if (echo->rest)
		speex_preprocess_state_destroy(echo->rest);
	if (echo->filter)
		speex_echo_state_destroy(echo->filter);
	free(echo);
}

/* Mean square of the differences of samples, of which little is in any speech. */
static float roughness(const int16_t *pcm, int count, int16_t *last)
{
	float sum = 0;

	for (int i = 0; i < count; i++) {
		float step = (float)(pcm[i] - *last);

		sum += step * step;
		*last = pcm[i];
	}
	return sum / (float)count;
}

static float power(const int16_t *pcm, int count)
{
	float sum = 0;

	for (int i = 0; i < count; i++)
		sum += (float)pcm[i] * (float)pcm[i];
	return sum / (float)count;
}

static void watch(struct bl_echo *echo, const int16_t *heard, const int16_t *clean)
{
	bool louder = power(clean, echo->frame) > 2 * power(heard, echo->frame) + (float)FAINT;

	echo->lost = louder ? echo->lost + 1 : 0;
	if (echo->lost < LOST_FRAMES)
		return;
	speex_echo_state_reset(echo->filter);
	echo->lost = 0;
}

void bl_echo_frame(struct bl_echo *echo, const int16_t *heard, const int16_t *sent, int16_t *clean)
{
	int16_t out[BL_ECHO_FRAME_MAX];
	bool rough = roughness(heard, echo->frame, &echo->heard_last) > TOO_LOUD;

	rough = roughness(sent, echo->frame, &echo->sent_last) > TOO_LOUD || rough;
	if (rough) {
		memmove(clean, heard, (size_t)echo->frame * sizeof(*clean));
		return;
	}
	speex_echo_cancellation(echo->filter, heard, sent, out);
	watch(echo, heard, out);
	if (echo->rest)
		speex_preprocess_run(echo->rest, out);
	memcpy(clean, out, (size_t)echo->frame * sizeof(*out));
}
