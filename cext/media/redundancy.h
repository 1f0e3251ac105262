/*
 * redundancy.h  Payloads sent again with the next ones: "red" (RFC 2198), read only
 *
 * Each packet carries the payload of now, last, and before it older ones with the time by which
 * they are older. Feed them in order as if each had come in a packet of its own, its timestamp
 * less the offset: what came before is then a duplicate, what was lost is there after all.
 */
#ifndef BL_REDUNDANCY_H
#define BL_REDUNDANCY_H
#include <stddef.h>
#include <stdint.h>

enum { BL_REDUNDANCY_MAX = 8 }; /* blocks read of one packet; RFC 4733 §2.6 needs 5 */

struct bl_redundancy {
	uint8_t payload_type;
	uint16_t offset; /* [samples] before the packet's timestamp */
	const uint8_t *payload;
	size_t length; /* [bytes] */
};

/* Returns the blocks, oldest first, or BL_EINVAL: lengths that do not fit, or too many blocks. */
int bl_redundancy_parse(const uint8_t *payload, size_t size,
			struct bl_redundancy blocks[BL_REDUNDANCY_MAX]);

#endif
