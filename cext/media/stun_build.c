/* stun_build.c  Writes STUN messages (RFC 8489), their MESSAGE-INTEGRITY and FINGERPRINT */
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "stun.h"
#include "stun_wire.h"

/* A message being written; once something does not fit, nothing more is written. */
struct writer {
	uint8_t *packet;
	size_t size, room;
	bool full;
};

uint32_t bl_stun_fingerprint(const uint8_t *packet, size_t size)
{
	/* CRC-32 of ITU-T V.42 §8.1.1.6.2, four bits at a time; RFC 8489 §14.7 for the XOR */
	static const uint32_t steps[16] = {
		0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
		0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
		0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
	};
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= packet[i];
		crc = crc >> 4 ^ steps[crc & 15];
		crc = crc >> 4 ^ steps[crc & 15];
	}
	return ~crc ^ 0x5354554E;
}

int bl_stun_hmac(uint8_t *packet, size_t size, const void *key, size_t key_size,
		 uint8_t hmac[STUN_HMAC])
{
	unsigned int length = STUN_HMAC;

	if (!key || key_size > INT_MAX)
		return BL_EINVAL;
	/* RFC 8489 §14.5: the length up to and with this attribute, whatever follows it */
	bl_put16(packet + 2, (uint16_t)(size - BL_STUN_HEADER + STUN_ATTRIBUTE + STUN_HMAC));
	if (!HMAC(EVP_sha1(), key, (int)key_size, packet, size, hmac, &length))
		return BL_EIO;
	return BL_OK;
}

static void put(struct writer *out, uint16_t type, const void *value, size_t size)
{
	size_t padded = bl_stun_padded(size);
	uint8_t *at = out->packet + out->size;

	if (out->full || size > UINT16_MAX || STUN_ATTRIBUTE + padded > out->room - out->size) {
		out->full = true;
		return;
	}
	bl_put16(at, type);
	bl_put16(at + 2, (uint16_t)size);
	if (size)
		memcpy(at + STUN_ATTRIBUTE, value, size);
	memset(at + STUN_ATTRIBUTE + size, 0, padded - size);
	out->size += STUN_ATTRIBUTE + padded;
	bl_put16(out->packet + 2, (uint16_t)(out->size - BL_STUN_HEADER));
}

static void put_32(struct writer *out, uint16_t type, uint32_t value)
{
	uint8_t bytes[4];

	bl_put32(bytes, value);
	put(out, type, bytes, sizeof(bytes));
}

static struct writer begin(uint8_t *packet, size_t room, enum bl_stun_class kind,
			   const struct bl_stun *stun)
{
	struct writer out = {.packet = packet,
			     .size = BL_STUN_HEADER,
			     .room = room < BL_STUN_MAX ? room : BL_STUN_MAX};
	unsigned int method = stun->method, class = (unsigned int)kind;

	out.full = !packet || room < BL_STUN_HEADER;
	if (out.full)
		return out;
	bl_put16(packet, (uint16_t)((method & 0xF) | (method & 0x70) << 1 | (method & 0xF80) << 2 |
				    (class & 1) << 4 | (class & 2) << 7));
	bl_put16(packet + 2, 0);
	bl_put32(packet + 4, STUN_COOKIE);
	memcpy(packet + 8, stun->transaction, BL_STUN_TRANSACTION);
	return out;
}

static int finish(struct writer *out, const void *key, size_t key_size)
{
	uint8_t hmac[STUN_HMAC];

	if (out->full)
		return BL_EINVAL;
	if (key) {
		if (bl_stun_hmac(out->packet, out->size, key, key_size, hmac))
			return BL_EINVAL;
		put(out, STUN_MESSAGE_INTEGRITY, hmac, sizeof(hmac));
	}
	put_32(out, STUN_FINGERPRINT, 0);
	if (out->full)
		return BL_EINVAL;
	bl_put32(out->packet + out->size - 4,
		 bl_stun_fingerprint(out->packet, out->size - STUN_FINGERPRINT_SIZE));
	return (int)out->size;
}

static void put_address(struct writer *out, const struct sockaddr *from)
{
	union bl_address address = {0};
	uint8_t value[20] = {0}, mask[16];
	const uint8_t *bytes;
	size_t size;

	if (from->sa_family == AF_INET) {
		memcpy(&address.v4, from, sizeof(address.v4));
		bytes = (const uint8_t *)&address.v4.sin_addr;
		size = 4;
		value[1] = STUN_IPV4;
	} else if (from->sa_family == AF_INET6) {
		memcpy(&address.v6, from, sizeof(address.v6));
		bytes = (const uint8_t *)&address.v6.sin6_addr;
		size = 16;
		value[1] = STUN_IPV6;
	} else {
		out->full = true;
		return;
	}
	/* the cookie and the transaction follow each other in the head: RFC 8489 §14.2 */
	memcpy(mask, out->packet + 4, sizeof(mask));
	bl_put16(value + 2, (uint16_t)(ntohs(address.v4.sin_port) ^ STUN_COOKIE >> 16));
	for (size_t i = 0; i < size; i++)
		value[4 + i] = bytes[i] ^ mask[i];
	put(out, STUN_XOR_MAPPED_ADDRESS, value, 4 + size);
}

int bl_stun_build_success(const struct bl_stun *request, const struct sockaddr *from,
			  const void *key, size_t key_size, uint8_t *packet, size_t room)
{
	struct writer out;

	if (!request || !from)
		return BL_EINVAL;
	out = begin(packet, room, BL_STUN_SUCCESS, request);
	if (!out.full)
		put_address(&out, from);
	return finish(&out, key, key_size);
}

static struct bl_stun_text reason_of(int code)
{
	switch (code) { /* RFC 8489 §14.8, RFC 8445 §16.2 */
	case BL_STUN_BAD_REQUEST:
		return (struct bl_stun_text){"Bad Request", 11};
	case BL_STUN_UNAUTHENTICATED:
		return (struct bl_stun_text){"Unauthenticated", 15};
	case BL_STUN_UNKNOWN_ATTRIBUTE:
		return (struct bl_stun_text){"Unknown Attribute", 17};
	case BL_STUN_ROLE_CONFLICT:
		return (struct bl_stun_text){"Role Conflict", 13};
	default:
		return (struct bl_stun_text){"Server Error", 12};
	}
}

int bl_stun_build_error(const struct bl_stun *request, int code, const void *key, size_t key_size,
			uint8_t *packet, size_t room)
{
	uint8_t value[64] = {0}, unknown[2 * BL_STUN_UNKNOWN];
	struct bl_stun_text reason = reason_of(code);
	struct writer out;

	if (!request || code < 300 || code > 699)
		return BL_EINVAL;
	out = begin(packet, room, BL_STUN_ERROR, request);
	value[2] = (uint8_t)(code / 100);
	value[3] = (uint8_t)(code % 100);
	memcpy(value + 4, reason.at, reason.size);
	put(&out, STUN_ERROR_CODE, value, 4 + reason.size);
	if (code == BL_STUN_UNKNOWN_ATTRIBUTE) {
		for (size_t i = 0; i < request->unknown_count; i++)
			bl_put16(unknown + 2 * i, request->unknown[i]);
		put(&out, STUN_UNKNOWN_ATTRIBUTES, unknown, 2 * request->unknown_count);
	}
	return finish(&out, key, key_size);
}

int bl_stun_build_request(const struct bl_stun *stun, const void *key, size_t key_size,
			  uint8_t *packet, size_t room)
{
	struct writer out;
	uint8_t tie[8];

	if (!stun || stun->kind > BL_STUN_INDICATION)
		return BL_EINVAL;
	out = begin(packet, room, stun->kind, stun);
	if (stun->software.at)
		put(&out, STUN_SOFTWARE, stun->software.at, stun->software.size);
	if (stun->has_priority)
		put_32(&out, STUN_PRIORITY, stun->priority);
	if (stun->use_candidate)
		put(&out, STUN_USE_CANDIDATE, NULL, 0);
	if (stun->role != BL_STUN_NO_ROLE) {
		bl_put32(tie, (uint32_t)(stun->tie_breaker >> 32));
		bl_put32(tie + 4, (uint32_t)stun->tie_breaker);
		put(&out,
		    stun->role == BL_STUN_CONTROLLING ? STUN_ICE_CONTROLLING : STUN_ICE_CONTROLLED,
		    tie, sizeof(tie));
	}
	if (stun->username.at)
		put(&out, STUN_USERNAME, stun->username.at, stun->username.size);
	return finish(&out, key, key_size);
}
