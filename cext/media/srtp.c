/* srtp.c  SRTP and SRTCP (RFC 3711, RFC 7714): one context for each direction of a leg */
#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "rtp.h"
#include "srtp.h"

enum {
	RTCP_HEADER = 8,  /* [bytes]; the least of a packet */
	RTCP_TRAILER = 4, /* [bytes] of the E bit and index, RFC 3711 §3.4 */
	TAG_LEAST = 4,	  /* [bytes], HMAC_SHA1_32 */
	TAG_GCM = 16,	  /* [bytes] */
	LONGEST = 2048,	  /* [bytes] of a packet */
	BEFORE_LASTS_MS =
		5000, /* a packet that is later than that under old keys is lost anyway */
};

struct bl_srtp {
	struct bl_node node;
	srtp_t session;
	enum bl_srtp_way way;
	enum bl_srtp_suite suite;
	unsigned mki; /* are there identifiers in the packets? */
	uint32_t sources[BL_SRTP_SOURCES];
	uint32_t source_count; /* since the beginning */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static srtp_err_status_t started;

static void start_library(void)
{
	started = srtp_init();
}

size_t bl_srtp_key_size(enum bl_srtp_suite suite)
{
	switch (suite) {
	case BL_SRTP_AES_CM_128_HMAC_SHA1_80:
	case BL_SRTP_AES_CM_128_HMAC_SHA1_32:
	case BL_SRTP_AEAD_AES_128_GCM:
		return 16;
	case BL_SRTP_AEAD_AES_256_GCM:
		return 32;
	default:
		return 0;
	}
}

size_t bl_srtp_salt_size(enum bl_srtp_suite suite)
{
	switch (suite) {
	case BL_SRTP_AES_CM_128_HMAC_SHA1_80:
	case BL_SRTP_AES_CM_128_HMAC_SHA1_32:
		return 14;
	case BL_SRTP_AEAD_AES_128_GCM:
	case BL_SRTP_AEAD_AES_256_GCM:
		return 12;
	default:
		return 0;
	}
}

static void set_policy(enum bl_srtp_suite suite, srtp_policy_t *policy)
{
	switch (suite) {
	case BL_SRTP_AES_CM_128_HMAC_SHA1_80:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtp);
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
		break;
	case BL_SRTP_AES_CM_128_HMAC_SHA1_32:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy->rtp);
		/* RFC 4568 §6.2.2: the tags of SRTCP are 80 bits all the same */
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
		break;
	case BL_SRTP_AEAD_AES_128_GCM:
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
		break;
	default:
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
		break;
	}
}

static srtp_err_status_t make_session(struct bl_srtp *srtp, const struct bl_srtp_key *key)
{
	struct bl_srtp_key own = *key; /* libsrtp takes pointers that may be written to */
	srtp_master_key_t master = {
		.key = own.bytes,
		.mki_id = own.mki,
		.mki_size = (unsigned)own.mki_size,
	};
	srtp_master_key_t *masters[] = {&master};
	srtp_policy_t policy = {
		.ssrc.type = srtp->way == BL_SRTP_IN ? ssrc_any_inbound : ssrc_any_outbound,
		.window_size = BL_SRTP_WINDOW,
	};
	srtp_err_status_t status;

	set_policy(key->suite, &policy);
	if (own.mki_size) {
		policy.keys = masters;
		policy.num_master_keys = 1;
	} else {
		policy.key = own.bytes;
	}
	status = srtp_create(&srtp->session, &policy);
	OPENSSL_cleanse(&own, sizeof(own));
	return status;
}

static void release(struct bl_engine *engine, struct bl_node *node)
{
	(void)engine;
	bl_srtp_free((struct bl_srtp *)node);
}

int bl_srtp_new(enum bl_srtp_way way, const struct bl_srtp_key *key, struct bl_srtp **out)
{
	struct bl_srtp *srtp;

	if (!key || !out || !bl_srtp_key_size(key->suite) || key->mki_size > BL_SRTP_MKI)
		return BL_EINVAL;
	/* libsrtp 2.5 seeks the MKI of SRTCP where the tag of SRTP would end: their tags must be
	   of one length */
	if (key->mki_size && key->suite == BL_SRTP_AES_CM_128_HMAC_SHA1_32)
		return BL_EINVAL;
	if (pthread_once(&once, start_library) || started != srtp_err_status_ok)
		return BL_EIO;
	srtp = calloc(1, sizeof(*srtp));
	if (!srtp)
		return BL_ENOMEM;
	srtp->node.release = release;
	srtp->way = way;
	srtp->suite = key->suite;
	srtp->mki = key->mki_size != 0;
	if (make_session(srtp, key) != srtp_err_status_ok) {
		free(srtp);
		return BL_ENOMEM;
	}
	*out = srtp;
	return BL_OK;
}

int32_t bl_srtp_suite(const struct bl_srtp *srtp)
{
	return srtp ? (int32_t)srtp->suite : 0;
}

void bl_srtp_free(struct bl_srtp *srtp)
{
	if (!srtp)
		return;
	srtp_dealloc(srtp->session);
	free(srtp);
}

static enum bl_srtp_verdict verdict(srtp_err_status_t status)
{
	switch (status) {
	case srtp_err_status_ok:
		return BL_SRTP_GOOD;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:
	case srtp_err_status_pkt_idx_old:
		return BL_SRTP_REPLAY;
	case srtp_err_status_auth_fail:
	case srtp_err_status_bad_mki:
	case srtp_err_status_pkt_idx_adv:
		return BL_SRTP_FORGED;
	case srtp_err_status_parse_err:
	case srtp_err_status_bad_param:
	case srtp_err_status_cant_check: /* SRTCP that is not encrypted */
		return BL_SRTP_MALFORMED;
	default:
		return BL_SRTP_FAILED;
	}
}

/* [bytes] of the fixed header, its CSRCs and its extension; 0: they do not fit. */
static size_t header_size(const uint8_t *packet, size_t size)
{
	size_t at = BL_RTP_HEADER;

	if (size < BL_RTP_HEADER || packet[0] >> 6 != 2)
		return 0;
	at += 4 * (size_t)(packet[0] & 15);
	if (packet[0] & 0x10) {
		if (size < at + 4)
			return 0;
		at += 4 + 4 * (size_t)bl_get16(packet + at + 2);
	}
	return at <= size ? at : 0;
}

static size_t least_tag(const struct bl_srtp *srtp)
{
	bool gcm =
		srtp->suite == BL_SRTP_AEAD_AES_128_GCM || srtp->suite == BL_SRTP_AEAD_AES_256_GCM;

	return gcm ? TAG_GCM : TAG_LEAST;
}

/* libsrtp keeps a state for each SSRC that proved itself: the oldest makes room for a new one. */
static void remember(struct bl_srtp *srtp, uint32_t ssrc)
{
	uint32_t kept =
		srtp->source_count < BL_SRTP_SOURCES ? srtp->source_count : BL_SRTP_SOURCES;
	uint32_t *at = &srtp->sources[srtp->source_count % BL_SRTP_SOURCES];

	for (uint32_t i = 0; i < kept; i++) {
		if (srtp->sources[i] == ssrc)
			return;
	}
	if (kept == BL_SRTP_SOURCES)
		srtp_remove_stream(srtp->session, htonl(*at)); /* as in the packet */
	*at = ssrc;
	srtp->source_count++;
}

enum bl_srtp_verdict bl_srtp_protect(struct bl_srtp *srtp, uint8_t *packet, size_t *size,
				     size_t room)
{
	int length = (int)*size;
	srtp_err_status_t status;

	if (srtp->way != BL_SRTP_OUT || room < BL_SRTP_TRAILER || *size > LONGEST ||
	    *size > room - BL_SRTP_TRAILER)
		return BL_SRTP_FAILED;
	if (!header_size(packet, *size))
		return BL_SRTP_MALFORMED;
	status = srtp_protect_mki(srtp->session, packet, &length, srtp->mki, 0);
	if (status == srtp_err_status_ok)
		*size = (size_t)length;
	return verdict(status);
}

enum bl_srtp_verdict bl_srtp_protect_rtcp(struct bl_srtp *srtp, uint8_t *packet, size_t *size,
					  size_t room)
{
	int length = (int)*size;
	srtp_err_status_t status;

	if (srtp->way != BL_SRTP_OUT || room < BL_SRTP_TRAILER || *size > LONGEST ||
	    *size > room - BL_SRTP_TRAILER)
		return BL_SRTP_FAILED;
	if (*size < RTCP_HEADER || packet[0] >> 6 != 2)
		return BL_SRTP_MALFORMED;
	status = srtp_protect_rtcp_mki(srtp->session, packet, &length, srtp->mki, 0);
	if (status == srtp_err_status_ok)
		*size = (size_t)length;
	return verdict(status);
}

enum bl_srtp_verdict bl_srtp_unprotect(struct bl_srtp *srtp, uint8_t *packet, size_t *size)
{
	int length = (int)*size;
	size_t header;
	srtp_err_status_t status;

	if (srtp->way != BL_SRTP_IN)
		return BL_SRTP_FAILED;
	header = *size <= LONGEST ? header_size(packet, *size) : 0;
	if (!header || *size - header < least_tag(srtp))
		return BL_SRTP_MALFORMED;
	status = srtp_unprotect_mki(srtp->session, packet, &length, srtp->mki);
	if (status != srtp_err_status_ok)
		return verdict(status);
	*size = (size_t)length;
	remember(srtp, bl_get32(packet + 8));
	return BL_SRTP_GOOD;
}

enum bl_srtp_verdict bl_srtp_unprotect_rtcp(struct bl_srtp *srtp, uint8_t *packet, size_t *size)
{
	int length = (int)*size;
	srtp_err_status_t status;

	if (srtp->way != BL_SRTP_IN)
		return BL_SRTP_FAILED;
	if (*size > LONGEST || *size < RTCP_HEADER + RTCP_TRAILER + least_tag(srtp) ||
	    packet[0] >> 6 != 2)
		return BL_SRTP_MALFORMED;
	status = srtp_unprotect_rtcp_mki(srtp->session, packet, &length, srtp->mki);
	if (status != srtp_err_status_ok)
		return verdict(status);
	*size = (size_t)length;
	remember(srtp, bl_get32(packet + 4));
	return BL_SRTP_GOOD;
}

static void retire(struct bl_srtp **srtp, struct bl_stack *retired)
{
	if (*srtp)
		bl_stack_push(retired, &(*srtp)->node);
	*srtp = NULL;
}

void bl_srtp_pair_set(struct bl_srtp_pair *pair, struct bl_srtp *in, struct bl_srtp *out,
		      uint64_t now_ms, struct bl_stack *retired)
{
	if (in) {
		retire(&pair->before, retired);
		pair->before = pair->in;
		pair->before_ends_ms = now_ms + BEFORE_LASTS_MS;
		pair->in = in;
	}
	if (out) {
		retire(&pair->out, retired);
		pair->out = out;
	}
}

static enum bl_srtp_verdict unprotect(struct bl_srtp *srtp, uint8_t *packet, size_t *size,
				      bool rtcp)
{
	return rtcp ? bl_srtp_unprotect_rtcp(srtp, packet, size)
		    : bl_srtp_unprotect(srtp, packet, size);
}

enum bl_srtp_verdict bl_srtp_pair_unprotect(struct bl_srtp_pair *pair, uint8_t *packet,
					    size_t *size, bool rtcp, uint64_t now_ms,
					    struct bl_stack *retired)
{
	uint8_t copy[LONGEST];
	enum bl_srtp_verdict now;

	if (!pair->in)
		return BL_SRTP_FAILED;
	if (pair->before && now_ms >= pair->before_ends_ms)
		retire(&pair->before, retired);
	if (!pair->before || *size > sizeof(copy))
		return unprotect(pair->in, packet, size, rtcp);
	memcpy(copy, packet, *size); /* a failed GCM may leave anything behind */
	now = unprotect(pair->in, packet, size, rtcp);
	if (now != BL_SRTP_FORGED)
		return now;
	memcpy(packet, copy, *size);
	return unprotect(pair->before, packet, size, rtcp);
}

void bl_srtp_pair_clear(struct bl_srtp_pair *pair, struct bl_stack *retired)
{
	retire(&pair->in, retired);
	retire(&pair->out, retired);
	retire(&pair->before, retired);
}
