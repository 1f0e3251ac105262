/* rtcp_build.c  Writes RTCP packets (RFC 3550 §6, RFC 3611) */
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "rtcp.h"
#include "rtcp_wire.h"

enum { NTP_EPOCH = 2208988800u }; /* [s] from 1900 to 1970 */

uint64_t bl_rtcp_ntp(int64_t seconds, uint32_t ns)
{
	uint64_t fraction = ((uint64_t)ns << 32) / 1000000000u;

	return ((uint64_t)seconds + NTP_EPOCH) << 32 | fraction;
}

static void put64(uint8_t *p, uint64_t v)
{
	bl_put32(p, (uint32_t)(v >> 32));
	bl_put32(p + 4, (uint32_t)v);
}

/* Writes the head of a packet that ends at end; its length counts words less one. */
static void put_head(uint8_t *p, unsigned int count, uint8_t type, const uint8_t *end)
{
	p[0] = (uint8_t)(0x80 | count);
	p[1] = type;
	bl_put16(p + 2, (uint16_t)((end - p) / 4 - 1));
}

static uint8_t *put_report(const struct bl_rtcp *rtcp, uint8_t *p)
{
	uint8_t *at = p + RTCP_HEAD + 4;

	bl_put32(p + RTCP_HEAD, rtcp->ssrc);
	if (rtcp->has_sender) {
		put64(at, rtcp->sender.ntp);
		bl_put32(at + 8, rtcp->sender.timestamp);
		bl_put32(at + 12, rtcp->sender.packets);
		bl_put32(at + 16, rtcp->sender.bytes);
		at += RTCP_SENDER;
	}
	if (rtcp->has_block) {
		const struct bl_rtcp_block *block = &rtcp->block;

		bl_put32(at, block->ssrc);
		bl_put32(at + 4,
			 (uint32_t)block->fraction << 24 | ((uint32_t)block->lost & 0xFFFFFF));
		bl_put32(at + 8, block->highest);
		bl_put32(at + 12, block->jitter);
		bl_put32(at + 16, block->last);
		bl_put32(at + 20, block->delay);
		at += RTCP_BLOCK;
	}
	put_head(p, rtcp->has_block, rtcp->has_sender ? RTCP_SR : RTCP_RR, at);
	return at;
}

static uint8_t *put_sdes(const struct bl_rtcp *rtcp, uint8_t *p)
{
	size_t items = 2 + rtcp->cname.size;
	size_t padded = (items + 4) & ~(size_t)3; /* at least one 0 ends the items */
	uint8_t *at = p + RTCP_HEAD + 4;

	bl_put32(p + RTCP_HEAD, rtcp->ssrc);
	memset(at, 0, padded);
	at[0] = SDES_CNAME;
	at[1] = (uint8_t)rtcp->cname.size;
	memcpy(at + 2, rtcp->cname.at, rtcp->cname.size);
	put_head(p, 1, RTCP_SDES, at + padded);
	return at + padded;
}

static uint8_t *put_voip(const struct bl_rtcp_voip *voip, uint8_t *p)
{
	bl_put32(p, voip->ssrc);
	p[4] = voip->loss_rate;
	p[5] = voip->discard_rate;
	p[6] = voip->burst_density;
	p[7] = voip->gap_density;
	bl_put16(p + 8, voip->burst_ms);
	bl_put16(p + 10, voip->gap_ms);
	bl_put16(p + 12, voip->round_trip_ms);
	bl_put16(p + 14, voip->end_system_ms);
	p[16] = (uint8_t)voip->signal_dbm0;
	p[17] = (uint8_t)voip->noise_dbm0;
	p[18] = voip->echo_loss_db;
	p[19] = voip->gap_min;
	p[20] = voip->r_factor;
	p[21] = voip->r_external;
	p[22] = voip->mos_lq;
	p[23] = voip->mos_cq;
	p[24] = voip->config;
	p[25] = 0;
	bl_put16(p + 26, voip->buffer_ms);
	bl_put16(p + 28, voip->buffer_most_ms);
	bl_put16(p + 30, voip->buffer_limit_ms);
	return p + XR_VOIP_SIZE;
}

static uint8_t *put_xr_head(uint8_t *p, uint8_t type, size_t size)
{
	p[0] = type;
	p[1] = 0;
	bl_put16(p + 2, (uint16_t)(size / 4));
	return p + XR_HEAD;
}

static uint8_t *put_xr(const struct bl_rtcp *rtcp, uint8_t *p)
{
	uint8_t *at = p + RTCP_HEAD + 4;

	bl_put32(p + RTCP_HEAD, rtcp->ssrc);
	if (rtcp->has_reference) {
		at = put_xr_head(at, XR_REFERENCE, XR_REFERENCE_SIZE);
		put64(at, rtcp->reference);
		at += XR_REFERENCE_SIZE;
	}
	if (rtcp->has_dlrr) {
		at = put_xr_head(at, XR_DLRR, XR_DLRR_SIZE);
		bl_put32(at, rtcp->dlrr.ssrc);
		bl_put32(at + 4, rtcp->dlrr.last);
		bl_put32(at + 8, rtcp->dlrr.delay);
		at += XR_DLRR_SIZE;
	}
	if (rtcp->has_voip)
		at = put_voip(&rtcp->voip, put_xr_head(at, XR_VOIP, XR_VOIP_SIZE));
	put_head(p, 0, RTCP_XR, at);
	return at;
}

static uint8_t *put_bye(const struct bl_rtcp *rtcp, uint8_t *p)
{
	uint8_t *at = p + RTCP_HEAD + 4;

	bl_put32(p + RTCP_HEAD, rtcp->ssrc);
	if (rtcp->reason.at) {
		size_t padded = (1 + rtcp->reason.size + 3) & ~(size_t)3;

		memset(at, 0, padded);
		at[0] = (uint8_t)rtcp->reason.size;
		memcpy(at + 1, rtcp->reason.at, rtcp->reason.size);
		at += padded;
	}
	put_head(p, 1, RTCP_BYE, at);
	return at;
}

int bl_rtcp_build(const struct bl_rtcp *rtcp, uint8_t *packet, size_t room)
{
	uint8_t whole[BL_RTCP_MAX]; /* 276 octets with the longest texts */
	uint8_t *at = whole;

	if (!rtcp || !packet || rtcp->cname.size > BL_RTCP_TEXT ||
	    rtcp->reason.size > BL_RTCP_TEXT)
		return BL_EINVAL;
	at = put_report(rtcp, at);
	if (rtcp->cname.at)
		at = put_sdes(rtcp, at);
	if (rtcp->has_reference || rtcp->has_dlrr || rtcp->has_voip)
		at = put_xr(rtcp, at);
	if (rtcp->bye)
		at = put_bye(rtcp, at);
	if ((size_t)(at - whole) > room)
		return BL_EINVAL;
	memcpy(packet, whole, (size_t)(at - whole));
	return (int)(at - whole);
}
