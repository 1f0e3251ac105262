/* coder.c  What a leg codes and decodes with */
#include "coder.h"
#include "pages.h"

int bl_coder_new(const struct bl_encoder_config *config, struct bl_coder **out)
{
	struct bl_coder *coder;
	int err = bl_codec_knows(config->codec, config->rate) ? BL_OK : BL_EINVAL;

	if (err)
		return err;
	coder = bl_pages_get(sizeof(*coder));
	if (!coder)
		return BL_ENOMEM;
	coder->node.release = bl_coder_release;
	coder->config = *config;
	coder->clock = bl_codec_clock(config->codec, config->rate);
	err = bl_encoder_new(config, &coder->encoder);
	if (!err)
		err = bl_decoder_new(config->codec, config->rate, &coder->decoder);
	if (!err)
		err = bl_stream_new(coder->decoder, config->codec, config->rate, &coder->stream);
	if (err)
		bl_coder_release(NULL, &coder->node);
	else
		*out = coder;
	return err;
}

void bl_coder_release(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_coder *coder = (struct bl_coder *)node;

	(void)engine;
	bl_stream_free(coder->stream);
	bl_decoder_free(coder->decoder);
	bl_encoder_free(coder->encoder);
	bl_pages_free(coder);
}

bool bl_coder_same(const struct bl_encoder_config *a, const struct bl_encoder_config *b)
{
	return a->codec == b->codec && a->rate == b->rate && a->bitrate == b->bitrate &&
	       a->complexity == b->complexity && a->fec == b->fec && a->dtx == b->dtx;
}
