/* bytes.h  Numbers in network byte order */
#ifndef BL_BYTES_H
#define BL_BYTES_H
#include <stdint.h>

static inline uint16_t bl_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t bl_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void bl_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void bl_put32(uint8_t *p, uint32_t v)
{
	bl_put16(p, (uint16_t)(v >> 16));
	bl_put16(p + 2, (uint16_t)v);
}

#endif
