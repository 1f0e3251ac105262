/* fuzz_stun.c  Any bytes as a STUN message: what is read of it is inside it and can be answered */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "stun.h"
#include "stun_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const struct bl_stun_text *text, const uint8_t *data, size_t size)
{
	const uint8_t *at = (const uint8_t *)text->at;

	if (at && (at < data || at + text->size > data + size))
		abort();
}

/* Reads the message and answers it in every way. */
static void answer(const uint8_t *data, size_t size)
{
	static const uint8_t key[] = "key";
	uint8_t packet[BL_STUN_MAX];
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct bl_stun stun, again;
	int built;

	if (bl_stun_parse(data, size, &stun))
		return;
	inside(&stun.username, data, size);
	inside(&stun.software, data, size);
	inside(&stun.reason, data, size);
	bl_stun_check_integrity(data, size, &stun, key, sizeof(key));
	bl_stun_is_for(&stun, "user", 4);
	built = bl_stun_build_error(&stun, BL_STUN_UNKNOWN_ATTRIBUTE, key, sizeof(key), packet,
				    sizeof(packet));
	if (built < 0 || bl_stun_parse(packet, (size_t)built, &again))
		abort();
	built = bl_stun_build_success(&stun, (struct sockaddr *)&from, key, sizeof(key), packet,
				      sizeof(packet));
	if (built < 0 || bl_stun_parse(packet, (size_t)built, &again) ||
	    !bl_stun_check_integrity(packet, (size_t)built, &again, key, sizeof(key)))
		abort();
	if (stun.kind <= BL_STUN_INDICATION) {
		built = bl_stun_build_request(&stun, key, sizeof(key), packet, sizeof(packet));
		if (built > 0 && bl_stun_parse(packet, (size_t)built, &again))
			abort();
	}
}

/* The same bytes with a right head and a right FINGERPRINT, which chance never finds. */
static size_t repair(const uint8_t *data, size_t size, uint8_t *packet)
{
	size = (size < BL_STUN_MAX ? size : BL_STUN_MAX) / 4 * 4;
	if (size < BL_STUN_HEADER)
		return 0;
	memcpy(packet, data, size);
	packet[0] &= 0x3F;
	bl_put16(packet + 2, (uint16_t)(size - BL_STUN_HEADER));
	bl_put32(packet + 4, STUN_COOKIE);
	if (size >= BL_STUN_HEADER + STUN_FINGERPRINT_SIZE &&
	    bl_get16(packet + size - STUN_FINGERPRINT_SIZE) == STUN_FINGERPRINT)
		bl_put32(packet + size - 4,
			 bl_stun_fingerprint(packet, size - STUN_FINGERPRINT_SIZE));
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t packet[BL_STUN_MAX];

	answer(data, size);
	answer(packet, repair(data, size, packet));
	return 0;
}
