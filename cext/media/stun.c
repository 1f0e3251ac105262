/* stun.c  Reads STUN messages (RFC 8489) and checks that they are whole and genuine */
#include <openssl/crypto.h>
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "stun.h"
#include "stun_wire.h"

enum {
	USERNAME_MAX = 513, /* [bytes], RFC 8489 §14.3 */
	TEXT_MAX = 763,	    /* [bytes], RFC 8489 §14.8, §14.14 */
	FIRST_OPTIONAL = 0x8000,
};

struct attribute {
	uint16_t type;
	const uint8_t *value;
	size_t size;
};

/* RFC 8489 §5: the two bits of the class stand amid the bits of the method. */
static void parse_type(uint16_t type, struct bl_stun *out)
{
	out->kind = (enum bl_stun_class)((type >> 4 & 1) | (type >> 7 & 2));
	out->method = (uint16_t)((type & 0xF) | (type >> 1 & 0x70) | (type >> 2 & 0xF80));
}

static int parse_text(const struct attribute *in, size_t longest, struct bl_stun_text *out)
{
	if (in->size > longest)
		return BL_EINVAL;
	out->at = (const char *)in->value;
	out->size = in->size;
	return BL_OK;
}

/* RFC 8489 §14.2 */
static int parse_mapped(const struct attribute *in, struct bl_stun *out)
{
	uint8_t mask[16];
	uint8_t *address;
	size_t size;

	if (in->size == 8 && in->value[1] == STUN_IPV4) {
		out->mapped.v4.sin_family = AF_INET;
		address = (uint8_t *)&out->mapped.v4.sin_addr;
		size = 4;
	} else if (in->size == 20 && in->value[1] == STUN_IPV6) {
		out->mapped.v6.sin6_family = AF_INET6;
		address = (uint8_t *)&out->mapped.v6.sin6_addr;
		size = 16;
	} else {
		return BL_EINVAL;
	}
	bl_put32(mask, STUN_COOKIE);
	memcpy(mask + 4, out->transaction, BL_STUN_TRANSACTION);
	for (size_t i = 0; i < size; i++)
		address[i] = in->value[4 + i] ^ mask[i];
	/* the port is at the same place for both families */
	out->mapped.v4.sin_port = htons((uint16_t)(bl_get16(in->value + 2) ^ STUN_COOKIE >> 16));
	out->has_mapped = true;
	return BL_OK;
}

static int parse_error(const struct attribute *in, struct bl_stun *out)
{
	struct attribute reason;

	if (in->size < 4 || (in->value[2] & 7) < 3 || (in->value[2] & 7) > 6 || in->value[3] > 99)
		return BL_EINVAL;
	out->error_code = (uint16_t)((in->value[2] & 7) * 100 + in->value[3]);
	reason = (struct attribute){.value = in->value + 4, .size = in->size - 4};
	return parse_text(&reason, TEXT_MAX, &out->reason);
}

static void add_unknown(struct bl_stun *out, uint16_t type)
{
	if (out->unknown_count < BL_STUN_UNKNOWN)
		out->unknown[out->unknown_count++] = type;
}

static int parse_unknown(const struct attribute *in, struct bl_stun *out)
{
	if (in->size % 2)
		return BL_EINVAL;
	for (size_t at = 0; at < in->size; at += 2)
		add_unknown(out, bl_get16(in->value + at));
	return BL_OK;
}

static int parse_role(const struct attribute *in, enum bl_stun_role role, struct bl_stun *out)
{
	if (in->size != 8)
		return BL_EINVAL;
	out->role = role;
	out->tie_breaker = (uint64_t)bl_get32(in->value) << 32 | bl_get32(in->value + 4);
	return BL_OK;
}

static int parse_attribute(const struct attribute *in, struct bl_stun *out)
{
	switch (in->type) {
	case STUN_USERNAME:
		return out->username.at ? BL_OK : parse_text(in, USERNAME_MAX, &out->username);
	case STUN_SOFTWARE:
		return out->software.at ? BL_OK : parse_text(in, TEXT_MAX, &out->software);
	case STUN_XOR_MAPPED_ADDRESS:
		return out->has_mapped ? BL_OK : parse_mapped(in, out);
	case STUN_ERROR_CODE:
		return out->error_code ? BL_OK : parse_error(in, out);
	case STUN_UNKNOWN_ATTRIBUTES:
		return parse_unknown(in, out);
	case STUN_ICE_CONTROLLED:
		return parse_role(in, BL_STUN_CONTROLLED, out);
	case STUN_ICE_CONTROLLING:
		return parse_role(in, BL_STUN_CONTROLLING, out);
	case STUN_USE_CANDIDATE:
		out->use_candidate = true;
		return in->size ? BL_EINVAL : BL_OK;
	case STUN_PRIORITY:
		if (in->size != 4)
			return BL_EINVAL;
		out->has_priority = true;
		out->priority = bl_get32(in->value);
		return BL_OK;
	case STUN_MAPPED_ADDRESS: /* known, of no use here */
	case STUN_REALM:
	case STUN_NONCE:
		return BL_OK;
	default:
		if (in->type < FIRST_OPTIONAL)
			add_unknown(out, in->type);
		return BL_OK;
	}
}

static int check_fingerprint(const uint8_t *packet, size_t size, size_t at, struct bl_stun *out)
{
	if (at + STUN_FINGERPRINT_SIZE != size || bl_get16(packet + at + 2) != 4 ||
	    bl_get32(packet + at + 4) != bl_stun_fingerprint(packet, at))
		return BL_EINVAL;
	out->has_fingerprint = true;
	return BL_OK;
}

/* Attributes behind a MESSAGE-INTEGRITY are not covered by it: only the FINGERPRINT counts. */
static int parse_attributes(const uint8_t *packet, size_t size, struct bl_stun *out)
{
	size_t at = BL_STUN_HEADER;

	while (at < size) {
		struct attribute in;
		int err = BL_OK;

		if (size - at < STUN_ATTRIBUTE)
			return BL_EINVAL;
		in.type = bl_get16(packet + at);
		in.size = bl_get16(packet + at + 2);
		in.value = packet + at + STUN_ATTRIBUTE;
		if (bl_stun_padded(in.size) > size - at - STUN_ATTRIBUTE)
			return BL_EINVAL;
		if (in.type == STUN_FINGERPRINT)
			err = check_fingerprint(packet, size, at, out);
		else if (!out->integrity && in.type == STUN_MESSAGE_INTEGRITY)
			out->integrity = at;
		else if (!out->integrity)
			err = parse_attribute(&in, out);
		if (err || (out->integrity == at && in.size != STUN_HMAC))
			return BL_EINVAL;
		at += STUN_ATTRIBUTE + bl_stun_padded(in.size);
	}
	return BL_OK;
}

int bl_stun_parse(const uint8_t *packet, size_t size, struct bl_stun *out)
{
	if (!packet || !out || size < BL_STUN_HEADER || size > BL_STUN_MAX || packet[0] & 0xC0 ||
	    size % 4 || bl_get16(packet + 2) != size - BL_STUN_HEADER ||
	    bl_get32(packet + 4) != STUN_COOKIE)
		return BL_EINVAL;
	memset(out, 0, sizeof(*out));
	parse_type(bl_get16(packet), out);
	memcpy(out->transaction, packet + 8, BL_STUN_TRANSACTION);
	return parse_attributes(packet, size, out);
}

bool bl_stun_check_integrity(const uint8_t *packet, size_t size, const struct bl_stun *stun,
			     const void *key, size_t key_size)
{
	uint8_t covered[BL_STUN_MAX], hmac[STUN_HMAC];

	if (!packet || !stun || !stun->integrity || size > BL_STUN_MAX ||
	    size < stun->integrity + STUN_ATTRIBUTE + STUN_HMAC)
		return false;
	memcpy(covered, packet, stun->integrity);
	if (bl_stun_hmac(covered, stun->integrity, key, key_size, hmac))
		return false;
	return !CRYPTO_memcmp(hmac, packet + stun->integrity + STUN_ATTRIBUTE, STUN_HMAC);
}

bool bl_stun_is_for(const struct bl_stun *stun, const char *ours, size_t size)
{
	return stun->username.size > size && stun->username.at[size] == ':' &&
	       !memcmp(stun->username.at, ours, size);
}
