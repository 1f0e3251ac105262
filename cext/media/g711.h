/* g711.h  ITU-T G.711: A-law and µ-law to linear 16 bits and back, and to each other */
#ifndef BL_G711_H
#define BL_G711_H
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"

/* codec: BL_PCMU or BL_PCMA */
void bl_g711_decode(enum bl_codec codec, const uint8_t *in, size_t count, int16_t *out);
void bl_g711_encode(enum bl_codec codec, const int16_t *in, size_t count, uint8_t *out);

/* Fills the tables of bl_g711_transcode(); call it once before, from any thread. */
void bl_g711_init(void);
/* To the other law, with the same result as by way of linear samples, so that a bridge may change
 * between the two ways unheard (G.711 tables 3 and 4 differ from it by a step here and there).
 * in and out may be the same.
 */
void bl_g711_transcode(enum bl_codec from, const uint8_t *in, size_t count, uint8_t *out);

#endif
