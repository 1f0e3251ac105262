/* codec.c  Sound to payload and back: finds the codec, checks the arguments, passes them on */
#include "codec.h"
#include "codec_kind.h"
#include "frame.h"
#include "pages.h"

enum {
	CLOCK_G722 = 8000,     /* [Hz] an old error that stays: RFC 3551 §4.5.2 */
	CLOCK_OPUS = 48000,    /* [Hz] RFC 7587 §4.1 */
	DATAGRAM_MAX = 0xFFFF, /* [bytes] no UDP payload is longer */
};

struct bl_encoder {
	const struct bl_codec_kind *kind;
	void *state; /* NULL: the codec keeps none */
};

struct bl_decoder {
	const struct bl_codec_kind *kind;
	void *state; /* NULL: the codec keeps none */
};

static const struct bl_codec_kind *kind_of(enum bl_codec codec)
{
	switch (codec) {
	case BL_PCMU:
		return &bl_codec_pcmu;
	case BL_PCMA:
		return &bl_codec_pcma;
	case BL_G722:
		return &bl_codec_g722;
	case BL_L16:
		return &bl_codec_l16;
	case BL_OPUS:
		return &bl_codec_opus;
	}
	return NULL;
}

int32_t bl_codec_clock(enum bl_codec codec, int32_t rate)
{
	if (codec == BL_OPUS)
		return CLOCK_OPUS;
	return codec == BL_G722 ? CLOCK_G722 : rate;
}

bool bl_codec_knows(enum bl_codec codec, int32_t rate)
{
	switch (codec) {
	case BL_PCMU:
	case BL_PCMA:
		return rate == BL_RATE;
	case BL_G722:
		return rate == BL_RATE_WIDE;
	case BL_L16:
	case BL_OPUS:
		return rate == BL_RATE || rate == BL_RATE_WIDE || rate == BL_RATE_FULL;
	}
	return false;
}

int bl_encoder_new(const struct bl_encoder_config *config, struct bl_encoder **out)
{
	struct bl_encoder *encoder;
	int err = 0;

	if (!config || !out || !bl_codec_knows(config->codec, config->rate))
		return BL_EINVAL;
	encoder = bl_pages_get(sizeof(*encoder));
	if (!encoder)
		return BL_ENOMEM;
	encoder->kind = kind_of(config->codec);
	if (encoder->kind->encoder_new)
		err = encoder->kind->encoder_new(config, &encoder->state);
	if (err)
		bl_pages_free(encoder);
	else
		*out = encoder;
	return err;
}

void bl_encoder_free(struct bl_encoder *encoder)
{
	if (encoder && encoder->kind->encoder_free)
		encoder->kind->encoder_free(encoder->state);
	bl_pages_free(encoder);
}

void bl_encoder_reset(struct bl_encoder *encoder)
{
	if (encoder->kind->reset)
		encoder->kind->reset(encoder->state);
}

void bl_encoder_loss(struct bl_encoder *encoder, int32_t percent)
{
	if (encoder->kind->loss)
		encoder->kind->loss(encoder->state, percent);
}

int bl_encode(struct bl_encoder *encoder, const int16_t *pcm, size_t count, uint8_t *payload,
	      size_t room)
{
	if (!encoder || !pcm || !payload || !count || count > DATAGRAM_MAX)
		return BL_EINVAL;
	return encoder->kind->encode(encoder->state, pcm, count, payload, room);
}

int bl_decoder_new(enum bl_codec codec, int32_t rate, struct bl_decoder **out)
{
	struct bl_decoder *decoder;
	int err = 0;

	if (!out || !bl_codec_knows(codec, rate))
		return BL_EINVAL;
	decoder = bl_pages_get(sizeof(*decoder));
	if (!decoder)
		return BL_ENOMEM;
	decoder->kind = kind_of(codec);
	if (decoder->kind->decoder_new)
		err = decoder->kind->decoder_new(rate, &decoder->state);
	if (err)
		bl_pages_free(decoder);
	else
		*out = decoder;
	return err;
}

void bl_decoder_free(struct bl_decoder *decoder)
{
	if (decoder && decoder->kind->decoder_free)
		decoder->kind->decoder_free(decoder->state);
	bl_pages_free(decoder);
}

int bl_decoder_length(const struct bl_decoder *decoder, const uint8_t *payload, size_t size)
{
	if (!decoder || !payload || !size || size > DATAGRAM_MAX)
		return BL_EINVAL;
	return decoder->kind->length(decoder->state, payload, size);
}

int bl_decode(struct bl_decoder *decoder, const uint8_t *payload, size_t size, int16_t *pcm,
	      size_t room)
{
	int length = bl_decoder_length(decoder, payload, size);

	if (length < 0 || !pcm || (size_t)length > room)
		return BL_EINVAL;
	return decoder->kind->decode(decoder->state, payload, size, pcm, (size_t)length);
}

int bl_decode_before(struct bl_decoder *decoder, const uint8_t *payload, size_t size, int16_t *pcm,
		     size_t count)
{
	int length = bl_decoder_length(decoder, payload, size);

	if (length < 0 || !pcm)
		return BL_EINVAL;
	if (!decoder->kind->before || count > DATAGRAM_MAX)
		return 0;
	return decoder->kind->before(decoder->state, payload, size, pcm, count);
}

int bl_decode_lost(struct bl_decoder *decoder, int16_t *pcm, size_t count)
{
	if (!decoder || !pcm)
		return BL_EINVAL;
	if (!decoder->kind->lost || count > DATAGRAM_MAX)
		return 0;
	return decoder->kind->lost(decoder->state, pcm, count);
}
