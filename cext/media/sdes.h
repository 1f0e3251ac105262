/*
 * sdes.h  Keys in SDP: one a=crypto value (RFC 4568), read and written
 *
 * What does it do?  It reads "1 AES_CM_128_HMAC_SHA1_80 inline:…|2^20|1:4" into a key for srtp.h,
 *   writes such a value, and makes keys.
 * How does it work?  A plain parser over a text of known length. Suites that are not ours and
 *   session parameters that would weaken or change the packets (UNENCRYPTED_SRTP,
 *   UNAUTHENTICATED_SRTP, KDR, FEC_…) are refused as unsupported, so that the next line of an
 * offer can be tried. One key for each line; its MKI may be 1 to 4 bytes long, but not
 *   with AES_CM_128_HMAC_SHA1_32, where libsrtp 2.5 would lose the SRTCP. How do I use it?
 * bl_sdes_parse() for each line of an offer until one fits; answer with its tag and suite and a
 * key of bl_sdes_make(). Wipe keys with bl_sdes_wipe() when they are handed on.
 */
#ifndef BL_SDES_H
#define BL_SDES_H
#include "srtp.h"

enum {
	BL_SDES_TEXT = 160,	 /* [bytes] that a written value takes at most, its 0 counted */
	BL_SDES_TAG = 999999999, /* the greatest tag, RFC 4568 §9.1 */
	BL_SDES_LONGEST = 1024,	 /* [bytes] of a value that is read */
};

struct bl_sdes {
	uint32_t tag;
	struct bl_srtp_key key;
	uint64_t lifetime; /* [packets]; 0: none is given, so the suite's own (2^48) */
};

/* BL_OK; BL_EINVAL: not of RFC 4568's form; BL_ESTATE: well formed, but nothing that we speak. */
int bl_sdes_parse(const char *text, size_t size, struct bl_sdes *out);
/* The length of the text (ended by 0), or BL_EINVAL. */
int bl_sdes_write(const struct bl_sdes *sdes, char *text, size_t room);
/* A new random key of that suite, without MKI and lifetime. */
int bl_sdes_make(uint32_t tag, enum bl_srtp_suite suite, struct bl_sdes *out);
void bl_sdes_wipe(struct bl_sdes *sdes);
/*
 * Is it the same key? A context must not be made anew for one that is in use: its roll-over
 * counter would begin again, and the same keystream with it.
 */
bool bl_sdes_same_key(const struct bl_sdes *a, const struct bl_sdes *b);

#endif
