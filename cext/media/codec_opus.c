/* codec_opus.c  Opus (RFC 6716, its RTP payload RFC 7587) on libopus: mono, one frame a payload */
#include <opus/opus.h>
#include <stdlib.h>
#include "codec_kind.h"
#include "frame.h"

enum {
	COMPLEXITY = 1,
	PACKET_MAX = 1276,   /* [bytes] of one frame and its TOC octet: RFC 6716 §3.4 R2 */
	UNSENT_MAX = 2,	     /* [bytes] libopus means silence by so few */
	FRAMES_MAX = 48,     /* in a payload, of 2.5 ms each: RFC 6716 §3.2.5 */
	PERIODS_PER_S = 400, /* frames come in steps of 2.5 ms: RFC 6716 §2 */
};

/* RFC 6716 §3.1, table 2 */
enum {
	TOC_CONFIG_SHIFT = 3,
	TOC_CELT = 16, /* the first configuration without a SILK layer */
	TOC_STEREO = 0x04,
	SILK_FRAME = BL_RATE_FULL / 50, /* [samples] a longer Opus frame holds several */
};

struct decoder {
	OpusDecoder *opus;
	int32_t rate;
	bool celt; /* the last payload had no SILK layer, so that FEC has nothing to go on */
};

/*
 * Many legs share a core, and encoding is the dearest thing done for them, so by default the
 * quality is bought with bits rather than with time. Measured with PESQ on speech, 16 kHz:
 * complexity 1 at 36 kbit/s gives 4.09 for 54 µs a frame, complexity 5 at 24 kbit/s gives 4.14 for
 * 115 µs; on a narrow link ask for that. At 8 kHz 4.47 for 31 µs; at 48 kHz, 56 kbit/s, 4.0 for
 * 84 µs. With less than these, libopus 1.3 adds no FEC at complexity 1 when 3 to 5 % are lost.
 */
static int32_t bitrate_for(int32_t rate)
{
	if (rate == BL_RATE)
		return 26000;
	return rate == BL_RATE_WIDE ? 36000 : 56000;
}

static int encoder_new(const struct bl_encoder_config *config, void **state)
{
	int32_t bitrate = config->bitrate ? config->bitrate : bitrate_for(config->rate);
	int32_t complexity = config->complexity < 0 ? COMPLEXITY : config->complexity;
	OpusEncoder *opus;
	int err;

	opus = opus_encoder_create(config->rate, 1, OPUS_APPLICATION_VOIP, &err);
	if (!opus)
		return err == OPUS_ALLOC_FAIL ? BL_ENOMEM : BL_EINVAL;
	if (opus_encoder_ctl(opus, OPUS_SET_BITRATE(bitrate)) ||
	    opus_encoder_ctl(opus, OPUS_SET_COMPLEXITY(complexity)) ||
	    opus_encoder_ctl(opus, OPUS_SET_INBAND_FEC(config->fec)) ||
	    opus_encoder_ctl(opus, OPUS_SET_DTX(config->dtx)) ||
	    opus_encoder_ctl(opus, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE))) {
		opus_encoder_destroy(opus);
		return BL_EINVAL;
	}
	*state = opus;
	return 0;
}

static void encoder_free(void *state)
{
	opus_encoder_destroy(state);
}

static void reset(void *state)
{
	opus_encoder_ctl((OpusEncoder *)state, OPUS_RESET_STATE);
}

static void loss(void *state, int32_t percent)
{
	percent = percent < 0 ? 0 : percent;
	percent = percent > 100 ? 100 : percent;
	opus_encoder_ctl((OpusEncoder *)state, OPUS_SET_PACKET_LOSS_PERC(percent));
}

static int encode(void *state, const int16_t *pcm, size_t count, uint8_t *payload, size_t room)
{
	int size = opus_encode(state, pcm, (int)count, payload,
			       room > PACKET_MAX ? PACKET_MAX : (opus_int32)room);

	if (size < 0)
		return BL_EINVAL;
	return size > UNSENT_MAX ? size : 0;
}

static int decoder_new(int32_t rate, void **state)
{
	struct decoder *decoder = calloc(1, sizeof(*decoder));
	int err;

	if (!decoder)
		return BL_ENOMEM;
	decoder->opus = opus_decoder_create(rate, 1, &err);
	decoder->rate = rate;
	if (!decoder->opus) {
		free(decoder);
		return err == OPUS_ALLOC_FAIL ? BL_ENOMEM : BL_EINVAL;
	}
	*state = decoder;
	return 0;
}

static void decoder_free(void *state)
{
	struct decoder *decoder = state;

	opus_decoder_destroy(decoder->opus);
	free(decoder);
}

static int length(const void *state, const uint8_t *payload, size_t size)
{
	const struct decoder *decoder = state;
	unsigned char toc;
	const unsigned char *frames[FRAMES_MAX];
	opus_int16 sizes[FRAMES_MAX];
	int samples = opus_packet_get_nb_samples(payload, (opus_int32)size, decoder->rate);

	if (samples <= 0 ||
	    opus_packet_parse(payload, (opus_int32)size, &toc, frames, sizes, NULL) <= 0)
		return BL_EINVAL;
	return samples;
}

static int decode(void *state, const uint8_t *payload, size_t size, int16_t *pcm, size_t room)
{
	struct decoder *decoder = state;
	int count = opus_decode(decoder->opus, payload, (opus_int32)size, pcm, (int)room, 0);

	decoder->celt = payload[0] >> TOC_CONFIG_SHIFT >= TOC_CELT;
	return count < 0 ? BL_EINVAL : count;
}

/* RFC 6716 §4.2.3, §4.2.4: a VAD bit for each SILK frame, then the bit that tells of LBRR data,
 * first for the middle and then for the side channel.
 */
static bool has_fec(const uint8_t *payload, size_t size)
{
	unsigned char toc;
	const unsigned char *frames[FRAMES_MAX];
	opus_int16 sizes[FRAMES_MAX];
	int span = opus_packet_get_samples_per_frame(payload, BL_RATE_FULL);
	int vads = span > SILK_FRAME ? span / SILK_FRAME : 1;

	if (payload[0] >> TOC_CONFIG_SHIFT >= TOC_CELT ||
	    opus_packet_parse(payload, (opus_int32)size, &toc, frames, sizes, NULL) <= 0 ||
	    sizes[0] <= 0)
		return false;
	if (frames[0][0] >> (7 - vads) & 1)
		return true;
	return toc & TOC_STEREO && frames[0][0] >> (6 - 2 * vads) & 1;
}

static int before(void *state, const uint8_t *payload, size_t size, int16_t *pcm, size_t count)
{
	struct decoder *decoder = state;
	size_t span = (size_t)opus_packet_get_samples_per_frame(payload, decoder->rate);

	/* it covers one frame; libopus conceals what was lost earlier */
	if (decoder->celt || !has_fec(payload, size) || count < span ||
	    count % (size_t)(decoder->rate / PERIODS_PER_S))
		return 0;
	if (opus_decode(decoder->opus, payload, (opus_int32)size, pcm, (int)count, 1) < 0)
		return 0;
	return (int)count;
}

static int lost(void *state, int16_t *pcm, size_t count)
{
	struct decoder *decoder = state;

	if (!count || count % (size_t)(decoder->rate / PERIODS_PER_S) ||
	    opus_decode(decoder->opus, NULL, 0, pcm, (int)count, 0) < 0)
		return 0;
	return (int)count;
}

const struct bl_codec_kind bl_codec_opus = {
	.encoder_new = encoder_new,
	.encoder_free = encoder_free,
	.reset = reset,
	.loss = loss,
	.encode = encode,
	.decoder_new = decoder_new,
	.decoder_free = decoder_free,
	.length = length,
	.decode = decode,
	.before = before,
	.lost = lost,
};
