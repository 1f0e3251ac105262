/* sdes.c  Keys in SDP: one a=crypto value (RFC 4568), read and written */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include "branchline_media.h"
#include "sdes.h"

enum {
	LIFETIME_BITS = 48, /* RFC 3711 §9.2: packets under one key, at most 2^48 */
	WINDOW_LEAST = 64,  /* RFC 4568 §6.3.6 */
};

/* What is left to be read. */
struct text {
	const char *at;
	size_t size;
};

static const char *const suites[] = {
	[BL_SRTP_AES_CM_128_HMAC_SHA1_80] = "AES_CM_128_HMAC_SHA1_80",
	[BL_SRTP_AES_CM_128_HMAC_SHA1_32] = "AES_CM_128_HMAC_SHA1_32",
	[BL_SRTP_AEAD_AES_128_GCM] = "AEAD_AES_128_GCM",
	[BL_SRTP_AEAD_AES_256_GCM] = "AEAD_AES_256_GCM",
};

static bool equals(struct text text, const char *word)
{
	return text.size == strlen(word) && !strncasecmp(text.at, word, text.size);
}

static bool begins(struct text text, const char *word)
{
	size_t size = strlen(word);

	return text.size >= size && !strncasecmp(text.at, word, size);
}

static bool skip_blanks(struct text *text)
{
	size_t before = text->size;

	while (text->size && (*text->at == ' ' || *text->at == '\t')) {
		text->at++;
		text->size--;
	}
	return text->size < before;
}

/* All before the next separator of these, or the rest. */
static struct text take_until(struct text *text, const char *separators)
{
	struct text word = {text->at, 0};

	while (word.size < text->size && !strchr(separators, text->at[word.size]))
		word.size++;
	text->at += word.size;
	text->size -= word.size;
	return word;
}

/* Up to 18 digits and nothing else. */
static bool number(struct text text, uint64_t *out)
{
	*out = 0;
	if (!text.size || text.size > 18)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(text.at[i] - '0');
	}
	return true;
}

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/*
 * Base64 of exactly count bytes (RFC 4648 §4): no strange characters, unused bits zero. Padding is
 * whole or left out altogether, as FreeSWITCH does.
 */
static bool decode(struct text text, uint8_t *out, size_t count)
{
	size_t letters = (count * 8 + 5) / 6, padded = (count + 2) / 3 * 4, done = 0;
	uint32_t bits = 0, held = 0;

	if (text.size != letters && text.size != padded)
		return false;
	for (size_t i = letters; i < text.size; i++) {
		if (text.at[i] != '=')
			return false;
	}
	for (size_t i = 0; i < letters; i++) {
		int value = sextet(text.at[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[done++] = (uint8_t)(bits >> held);
		}
		bits &= (1u << held) - 1;
	}
	return !bits;
}

/* lifetime = ["2^"] 1*DIGIT */
static int parse_lifetime(struct text text, struct bl_sdes *out)
{
	uint64_t value;

	if (begins(text, "2^")) {
		text.at += 2;
		text.size -= 2;
		if (!number(text, &value) || value > LIFETIME_BITS)
			return BL_EINVAL;
		value = (uint64_t)1 << value;
	} else if (!number(text, &value)) {
		return BL_EINVAL;
	}
	if (!value || value > (uint64_t)1 << LIFETIME_BITS)
		return BL_EINVAL;
	out->lifetime = value;
	return BL_OK;
}

/* mki = value ":" length in bytes, RFC 4568 §6.1 */
static int parse_mki(struct text text, struct bl_sdes *out)
{
	struct text value = take_until(&text, ":");
	uint64_t id, size;

	if (!text.size)
		return BL_EINVAL;
	text.at++;
	text.size--;
	if (text.size > 3 || !number(text, &size) || !size || size > 128)
		return BL_EINVAL;
	if (size > BL_SRTP_MKI || out->key.suite == BL_SRTP_AES_CM_128_HMAC_SHA1_32)
		return BL_ESTATE; /* see bl_srtp_new() */
	if (!number(value, &id) || id >> (8 * size))
		return BL_EINVAL;
	out->key.mki_size = (size_t)size;
	for (size_t i = size; i-- > 0; id >>= 8)
		out->key.mki[i] = (uint8_t)id;
	return BL_OK;
}

/* "inline:" key||salt ["|" lifetime] ["|" mki] */
static int parse_key(struct text text, struct bl_sdes *out)
{
	enum bl_srtp_suite suite = out->key.suite;
	bool lifetime = false, mki = false;
	struct text part;
	int err = BL_OK;

	if (memchr(text.at, ';', text.size))
		return BL_ESTATE; /* several keys, told apart by MKI */
	if (!begins(text, "inline:"))
		return memchr(text.at, ':', text.size) ? BL_ESTATE : BL_EINVAL;
	text.at += 7;
	text.size -= 7;
	part = take_until(&text, "|");
	if (!decode(part, out->key.bytes, bl_srtp_key_size(suite) + bl_srtp_salt_size(suite)))
		return BL_EINVAL;
	while (text.size && !err) {
		bool is_mki;

		text.at++;
		text.size--;
		part = take_until(&text, "|");
		is_mki = memchr(part.at, ':', part.size);
		if (mki || (!is_mki && lifetime))
			return BL_EINVAL;
		err = is_mki ? parse_mki(part, out) : parse_lifetime(part, out);
		mki |= is_mki;
		lifetime = true;
	}
	return err;
}

/* RFC 4568 §6.3; one that we do not know must be refused unless it begins with "-" (§6.3.7) */
static int parse_parameter(struct text text)
{
	uint64_t value;

	if (begins(text, "WSH=")) { /* a hint; our window is wide enough for any sensible one */
		text.at += 4;
		text.size -= 4;
		return number(text, &value) && value >= WINDOW_LEAST ? BL_OK : BL_EINVAL;
	}
	if (equals(text, "KDR=0"))
		return BL_OK;
	return *text.at == '-' ? BL_OK : BL_ESTATE;
}

static enum bl_srtp_suite suite_of(struct text word)
{
	for (size_t i = 1; i < sizeof(suites) / sizeof(*suites); i++) {
		if (equals(word, suites[i]))
			return (enum bl_srtp_suite)i;
	}
	return (enum bl_srtp_suite)0;
}

static int parse(struct text text, struct bl_sdes *out)
{
	struct text word = take_until(&text, " \t");
	uint64_t tag;
	int err;

	if (word.size > 9 || !number(word, &tag) || !skip_blanks(&text))
		return BL_EINVAL;
	out->tag = (uint32_t)tag;
	word = take_until(&text, " \t");
	if (!word.size || !skip_blanks(&text) || !text.size)
		return BL_EINVAL;
	out->key.suite = suite_of(word);
	if (!out->key.suite)
		return BL_ESTATE;
	err = parse_key(take_until(&text, " \t"), out);
	while (!err && skip_blanks(&text) && text.size)
		err = parse_parameter(take_until(&text, " \t"));
	return err;
}

int bl_sdes_parse(const char *text, size_t size, struct bl_sdes *out)
{
	int err;

	if (!text || !out || !size || size > BL_SDES_LONGEST || memchr(text, 0, size))
		return BL_EINVAL;
	memset(out, 0, sizeof(*out));
	err = parse((struct text){text, size}, out);
	if (err)
		bl_sdes_wipe(out);
	return err;
}

int bl_sdes_write(const struct bl_sdes *sdes, char *text, size_t room)
{
	char key[(BL_SRTP_KEYING + 2) / 3 * 4 + 1], lifetime[24] = "", mki[24] = "";
	enum bl_srtp_suite suite;
	uint32_t id = 0;
	int size;

	if (!sdes || !text || sdes->tag > BL_SDES_TAG || !bl_srtp_key_size(sdes->key.suite) ||
	    sdes->key.mki_size > BL_SRTP_MKI || sdes->lifetime > (uint64_t)1 << LIFETIME_BITS)
		return BL_EINVAL;
	suite = sdes->key.suite;
	EVP_EncodeBlock((unsigned char *)key, sdes->key.bytes,
			(int)(bl_srtp_key_size(suite) + bl_srtp_salt_size(suite)));
	if (sdes->lifetime)
		snprintf(lifetime, sizeof(lifetime), "|%llu", (unsigned long long)sdes->lifetime);
	for (size_t i = 0; i < sdes->key.mki_size; i++)
		id = id << 8 | sdes->key.mki[i];
	if (sdes->key.mki_size)
		snprintf(mki, sizeof(mki), "|%u:%u", id, (unsigned)sdes->key.mki_size);
	size = snprintf(text, room, "%u %s inline:%s%s%s", sdes->tag, suites[suite], key, lifetime,
			mki);
	OPENSSL_cleanse(key, sizeof(key));
	if (size > 0 && (size_t)size < room)
		return size;
	OPENSSL_cleanse(text, room);
	return BL_EINVAL;
}

int bl_sdes_make(uint32_t tag, enum bl_srtp_suite suite, struct bl_sdes *out)
{
	size_t size = bl_srtp_key_size(suite) + bl_srtp_salt_size(suite);

	if (!out || !size || tag > BL_SDES_TAG)
		return BL_EINVAL;
	memset(out, 0, sizeof(*out));
	out->tag = tag;
	out->key.suite = suite;
	return getrandom(out->key.bytes, size, 0) == (ssize_t)size ? BL_OK : BL_EIO;
}

void bl_sdes_wipe(struct bl_sdes *sdes)
{
	OPENSSL_cleanse(sdes, sizeof(*sdes));
}

bool bl_sdes_same_key(const struct bl_sdes *a, const struct bl_sdes *b)
{
	size_t size = bl_srtp_key_size(a->key.suite) + bl_srtp_salt_size(a->key.suite);

	return a->key.suite == b->key.suite && a->key.mki_size == b->key.mki_size &&
	       !CRYPTO_memcmp(a->key.bytes, b->key.bytes, size) &&
	       !CRYPTO_memcmp(a->key.mki, b->key.mki, a->key.mki_size);
}
