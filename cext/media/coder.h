/* coder.h  What a leg codes and decodes with: made and freed by the caller, swapped by the tick */
#ifndef BL_CODER_H
#define BL_CODER_H
#include "codec.h"
#include "node.h"
#include "stream.h"

struct bl_coder {
	struct bl_node node;
	struct bl_encoder_config config;
	int32_t clock; /* [Hz] of the RTP timestamps */
	struct bl_encoder *encoder;
	struct bl_decoder *decoder;
	struct bl_stream *stream; /* what comes in */
};

int bl_coder_new(const struct bl_encoder_config *config, struct bl_coder **out);
void bl_coder_release(struct bl_engine *engine, struct bl_node *node);
/* Would two coders made of these be alike? */
bool bl_coder_same(const struct bl_encoder_config *a, const struct bl_encoder_config *b);

#endif
