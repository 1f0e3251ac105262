/* g711.h  ITU-T G.711: A-law and µ-law to linear 16 bits and back */
#ifndef BL_G711_H
#define BL_G711_H
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"

/* codec: BL_PCMU or BL_PCMA */
void bl_g711_decode(enum bl_codec codec, const uint8_t *in, size_t count, int16_t *out);
void bl_g711_encode(enum bl_codec codec, const int16_t *in, size_t count, uint8_t *out);

#endif
