/* redundancy.c  Payloads sent again with the next ones: "red" (RFC 2198), read only */
#include "branchline_media.h"
#include "bytes.h"
#include "redundancy.h"

enum {
	FOLLOWS = 0x80, /* F: another header follows this one */
	HEADER = 4,	/* [bytes] of a redundant block's header; the last one has 1 */
};

/* RFC 2198 §3: F 1, payload type 7, offset 14, length 10 bits */
static size_t parse_headers(const uint8_t *payload, size_t size, struct bl_redundancy *blocks,
			    int *count)
{
	size_t at = 0;

	while (at < size && *count < BL_REDUNDANCY_MAX) {
		struct bl_redundancy *block = &blocks[(*count)++];
		uint32_t bits;

		block->payload_type = payload[at] & 0x7F;
		block->offset = 0;
		block->length = 0;
		if (!(payload[at] & FOLLOWS))
			return at + 1;
		if (size - at < HEADER)
			return 0;
		bits = bl_get32(payload + at);
		block->offset = (uint16_t)(bits >> 10 & 0x3FFF);
		block->length = bits & 0x3FF;
		at += HEADER;
	}
	return 0;
}

int bl_redundancy_parse(const uint8_t *payload, size_t size,
			struct bl_redundancy blocks[BL_REDUNDANCY_MAX])
{
	int count = 0;
	size_t at;

	if (!payload || !blocks)
		return BL_EINVAL;
	at = parse_headers(payload, size, blocks, &count);
	if (!at)
		return BL_EINVAL;
	for (int i = 0; i < count; i++) {
		if (i == count - 1)
			blocks[i].length = size - at;
		if (blocks[i].length > size - at)
			return BL_EINVAL;
		blocks[i].payload = payload + at;
		at += blocks[i].length;
	}
	return count;
}
