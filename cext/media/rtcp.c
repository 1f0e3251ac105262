/* rtcp.c  Reads RTCP packets (RFC 3550 §6, RFC 3611, RFC 5506) */
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "rtcp.h"
#include "rtcp_wire.h"

/* One packet of a compound: what follows its head, padding taken off. */
struct body {
	uint8_t type, count;
	const uint8_t *at;
	size_t size;
	uint32_t ours;
};

static uint64_t get64(const uint8_t *p)
{
	return (uint64_t)bl_get32(p) << 32 | bl_get32(p + 4);
}

static void parse_block(const uint8_t *p, struct bl_rtcp *out)
{
	uint32_t lost = bl_get32(p + 4) & 0xFFFFFF;

	out->has_block = true;
	out->block.ssrc = bl_get32(p);
	out->block.fraction = p[4];
	out->block.lost = (int32_t)(lost ^ 0x800000) - 0x800000; /* 24 bits with a sign */
	out->block.highest = bl_get32(p + 8);
	out->block.jitter = bl_get32(p + 12);
	out->block.last = bl_get32(p + 16);
	out->block.delay = bl_get32(p + 20);
}

/* RFC 3550 §6.4; what a profile adds behind the blocks is left alone. */
static int parse_report(const struct body *body, struct bl_rtcp *out)
{
	size_t at = body->type == RTCP_SR ? 4 + RTCP_SENDER : 4;

	if (body->size < at + (size_t)body->count * RTCP_BLOCK)
		return BL_EINVAL;
	out->ssrc = bl_get32(body->at);
	if (body->type == RTCP_SR) {
		out->has_sender = true;
		out->sender.ntp = get64(body->at + 4);
		out->sender.timestamp = bl_get32(body->at + 12);
		out->sender.packets = bl_get32(body->at + 16);
		out->sender.bytes = bl_get32(body->at + 20);
	}
	for (int i = 0; i < body->count; i++, at += RTCP_BLOCK) {
		if (bl_get32(body->at + at) == body->ours)
			parse_block(body->at + at, out);
	}
	return BL_OK;
}

/* One chunk of RFC 3550 §6.5; returns where the next begins, or BL_EINVAL. */
static int parse_chunk(const struct body *body, size_t at, struct bl_rtcp *out)
{
	uint32_t ssrc;

	if (body->size - at < 4)
		return BL_EINVAL;
	ssrc = bl_get32(body->at + at);
	at += 4;
	while (at < body->size && body->at[at]) {
		size_t length;

		if (body->size - at < 2)
			return BL_EINVAL;
		length = body->at[at + 1];
		if (body->size - at - 2 < length)
			return BL_EINVAL;
		if (body->at[at] == SDES_CNAME && (!out->ssrc || ssrc == out->ssrc))
			out->cname =
				(struct bl_rtcp_text){(const char *)body->at + at + 2, length};
		at += 2 + length;
	}
	if (at == body->size)
		return (int)at; /* some leave out the 0 that ends the items */
	at = (at + 4) & ~(size_t)3;
	return at <= body->size ? (int)at : BL_EINVAL;
}

static int parse_sdes(const struct body *body, struct bl_rtcp *out)
{
	int at = 0;

	for (int i = 0; i < body->count; i++) {
		at = parse_chunk(body, (size_t)at, out);
		if (at < 0)
			return at;
	}
	return BL_OK;
}

/* RFC 3550 §6.6 */
static int parse_bye(const struct body *body, struct bl_rtcp *out)
{
	size_t at = 4 * (size_t)body->count;

	if (body->size < at)
		return BL_EINVAL;
	for (size_t i = 0; i < at; i += 4) {
		uint32_t ssrc = bl_get32(body->at + i);

		if (!out->ssrc)
			out->ssrc = ssrc; /* reduced size: it stands alone */
		out->bye |= ssrc == out->ssrc;
	}
	if (body->size == at)
		return BL_OK;
	if (body->size - at - 1 < body->at[at])
		return BL_EINVAL;
	out->reason = (struct bl_rtcp_text){(const char *)body->at + at + 1, body->at[at]};
	return BL_OK;
}

static void parse_voip(const uint8_t *p, struct bl_rtcp_voip *out)
{
	out->ssrc = bl_get32(p);
	out->loss_rate = p[4];
	out->discard_rate = p[5];
	out->burst_density = p[6];
	out->gap_density = p[7];
	out->burst_ms = bl_get16(p + 8);
	out->gap_ms = bl_get16(p + 10);
	out->round_trip_ms = bl_get16(p + 12);
	out->end_system_ms = bl_get16(p + 14);
	out->signal_dbm0 = (int8_t)p[16];
	out->noise_dbm0 = (int8_t)p[17];
	out->echo_loss_db = p[18];
	out->gap_min = p[19];
	out->r_factor = p[20];
	out->r_external = p[21];
	out->mos_lq = p[22];
	out->mos_cq = p[23];
	out->config = p[24];
	out->buffer_ms = bl_get16(p + 26);
	out->buffer_most_ms = bl_get16(p + 28);
	out->buffer_limit_ms = bl_get16(p + 30);
}

static void parse_summary(const uint8_t *p, struct bl_rtcp_summary *out)
{
	out->ssrc = bl_get32(p);
	out->first = bl_get16(p + 4);
	out->end = bl_get16(p + 6);
	out->lost = bl_get32(p + 8);
	out->duplicate = bl_get32(p + 12);
	out->jitter_least = bl_get32(p + 16);
	out->jitter_most = bl_get32(p + 20);
	out->jitter_mean = bl_get32(p + 24);
	out->jitter_deviation = bl_get32(p + 28);
}

static int parse_dlrr(const uint8_t *p, size_t size, uint32_t ours, struct bl_rtcp *out)
{
	if (size % XR_DLRR_SIZE)
		return BL_EINVAL;
	for (size_t at = 0; at < size; at += XR_DLRR_SIZE) {
		if (bl_get32(p + at) != ours)
			continue;
		out->has_dlrr = true;
		out->dlrr.ssrc = ours;
		out->dlrr.last = bl_get32(p + at + 4);
		out->dlrr.delay = bl_get32(p + at + 8);
	}
	return BL_OK;
}

static int parse_xr_block(uint8_t type, const uint8_t *p, size_t size, uint32_t ours,
			  struct bl_rtcp *out)
{
	switch (type) {
	case XR_REFERENCE:
		if (size != XR_REFERENCE_SIZE)
			return BL_EINVAL;
		out->has_reference = true;
		out->reference = get64(p);
		return BL_OK;
	case XR_DLRR:
		return parse_dlrr(p, size, ours, out);
	case XR_SUMMARY:
		if (size != XR_SUMMARY_SIZE)
			return BL_EINVAL;
		if (bl_get32(p) != ours)
			return BL_OK;
		out->has_summary = true;
		parse_summary(p, &out->summary);
		return BL_OK;
	case XR_VOIP:
		if (size != XR_VOIP_SIZE)
			return BL_EINVAL;
		if (bl_get32(p) != ours)
			return BL_OK;
		out->has_voip = true;
		parse_voip(p, &out->voip);
		return BL_OK;
	default:
		out->skipped++;
		return BL_OK;
	}
}

/* RFC 3611 §2 */
static int parse_xr(const struct body *body, struct bl_rtcp *out)
{
	size_t at = 4;

	if (body->size < 4)
		return BL_EINVAL;
	if (!out->ssrc)
		out->ssrc = bl_get32(body->at);
	while (at < body->size) {
		const uint8_t *p = body->at + at;
		size_t size;
		int err;

		if (body->size - at < XR_HEAD)
			return BL_EINVAL;
		size = 4 * (size_t)bl_get16(p + 2);
		if (body->size - at - XR_HEAD < size)
			return BL_EINVAL;
		err = parse_xr_block(p[0], p + XR_HEAD, size, body->ours, out);
		if (err)
			return err;
		at += XR_HEAD + size;
	}
	return BL_OK;
}

static int parse_body(const struct body *body, struct bl_rtcp *out)
{
	switch (body->type) {
	case RTCP_SR:
	case RTCP_RR:
		return parse_report(body, out);
	case RTCP_SDES:
		return parse_sdes(body, out);
	case RTCP_BYE:
		return parse_bye(body, out);
	case RTCP_XR:
		return parse_xr(body, out);
	default:
		out->skipped++;
		return BL_OK;
	}
}

/* RFC 3550 §6.4.1: only the last packet may be padded, its last octet says how much. */
static int take_padding(struct body *body, bool last)
{
	uint8_t padding;

	if (!last || !body->size)
		return BL_EINVAL;
	padding = body->at[body->size - 1];
	if (!padding || padding % 4 || padding > body->size)
		return BL_EINVAL;
	body->size -= padding;
	return BL_OK;
}

int bl_rtcp_parse(const uint8_t *packet, size_t size, uint32_t ours, struct bl_rtcp *out)
{
	size_t at = 0;

	if (!packet || !out || !size)
		return BL_EINVAL;
	memset(out, 0, sizeof(*out));
	while (at < size) {
		const uint8_t *p = packet + at;
		struct body body = {.ours = ours};
		int err = BL_OK;

		if (size - at < RTCP_HEAD || p[0] >> 6 != 2)
			return BL_EINVAL;
		body.type = p[1];
		body.count = p[0] & 31;
		body.at = p + RTCP_HEAD;
		body.size = 4 * (size_t)bl_get16(p + 2);
		if (size - at - RTCP_HEAD < body.size)
			return BL_EINVAL;
		at += RTCP_HEAD + body.size;
		if (p[0] & 0x20)
			err = take_padding(&body, at == size);
		if (!err)
			err = parse_body(&body, out);
		if (err)
			return err;
	}
	return BL_OK;
}
