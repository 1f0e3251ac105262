/* rtp.c  RTP packets (RFC 3550 §5.1) and what a receiver counts about them (§A.1, A.3, A.8) */
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "rtp.h"

enum {
	VERSION_2 = 0x80,
	PADDING = 0x20,
	EXTENSION = 0x10,
	MARKER = 0x80,
	MAX_DROPOUT = 3000, /* RFC 3550 §A.1 */
	MAX_MISORDER = 100, /* RFC 3550 §A.1 */
	SEEN_BITS = 64,
	DEFAULT_CLOCK = 8000, /* [Hz] */
};

enum bl_wire bl_wire_of(const uint8_t *packet, size_t size)
{
	if (!packet || size < 2)
		return BL_WIRE_OTHER;
	if (packet[0] <= 3)
		return BL_WIRE_STUN;
	if (packet[0] >= 20 && packet[0] <= 63)
		return BL_WIRE_DTLS;
	if (packet[0] < 128 || packet[0] > 191)
		return BL_WIRE_OTHER;
	/* RTCP types 192 to 223 are where RTP has a marker and payload types 64 to 95 */
	return packet[1] >= 192 && packet[1] <= 223 ? BL_WIRE_RTCP : BL_WIRE_RTP;
}

int bl_rtp_parse(const uint8_t *packet, size_t size, struct bl_rtp *out)
{
	size_t at = BL_RTP_HEADER;

	if (!packet || !out || size < BL_RTP_HEADER || (packet[0] & 0xC0) != VERSION_2)
		return BL_EINVAL;
	at += 4 * (size_t)(packet[0] & 15);
	if (packet[0] & EXTENSION) {
		if (size < at + 4)
			return BL_EINVAL;
		at += 4 + 4 * (size_t)bl_get16(packet + at + 2);
	}
	if (size < at)
		return BL_EINVAL;
	if (packet[0] & PADDING) {
		uint8_t padding = packet[size - 1];

		if (!padding || padding > size - at)
			return BL_EINVAL;
		size -= padding;
	}
	out->marker = packet[1] & MARKER;
	out->payload_type = packet[1] & 0x7F;
	out->seq = bl_get16(packet + 2);
	out->timestamp = bl_get32(packet + 4);
	out->ssrc = bl_get32(packet + 8);
	out->payload = packet + at;
	out->length = size - at;
	return BL_OK;
}

size_t bl_rtp_header(uint8_t *packet, const struct bl_rtp *rtp)
{
	packet[0] = VERSION_2;
	packet[1] = (uint8_t)((rtp->marker ? MARKER : 0) | rtp->payload_type);
	bl_put16(packet + 2, rtp->seq);
	bl_put32(packet + 4, rtp->timestamp);
	bl_put32(packet + 8, rtp->ssrc);
	return BL_RTP_HEADER;
}

static void begin(struct bl_rtp_source *source, const struct bl_rtp *rtp)
{
	if (source->running) {
		source->expected_before += source->highest - source->base + 1;
		source->received_before += source->received;
	}
	source->running = true;
	source->ssrc = rtp->ssrc;
	source->newest = rtp->seq;
	source->seen = 1;
	source->base = source->highest = rtp->seq;
	source->received = 1;
	source->transit = 0;
}

enum bl_rtp_order bl_rtp_source_update(struct bl_rtp_source *source, const struct bl_rtp *rtp)
{
	int step = (int16_t)(rtp->seq - source->newest);

	if (!source->running || rtp->ssrc != source->ssrc || step > MAX_DROPOUT ||
	    step < -MAX_MISORDER) {
		begin(source, rtp);
		return BL_RTP_RESTARTED;
	}
	if (step > 0) {
		source->seen = step < SEEN_BITS ? source->seen << step | 1 : 1;
		source->newest = rtp->seq;
		source->highest += (uint64_t)step;
		source->received++;
		return BL_RTP_NEXT;
	}
	if (-step >= SEEN_BITS || (source->seen >> -step & 1))
		return BL_RTP_DUPLICATE; /* older than we remember: of no use either way */
	source->seen |= (uint64_t)1 << -step;
	source->received++;
	return BL_RTP_REORDERED;
}

void bl_rtp_source_jitter(struct bl_rtp_source *source, uint32_t timestamp, uint32_t arrival)
{
	uint32_t transit = arrival - timestamp, before = source->transit, apart;

	source->transit = transit;
	if (!before)
		return;
	apart = (int32_t)(transit - before) < 0 ? before - transit : transit - before;
	if (apart > (source->clock ? source->clock : DEFAULT_CLOCK))
		return; /* more than 1 s: a clock was set, that is no jitter */
	source->jitter += apart - ((source->jitter + 8) >> 4);
}

uint64_t bl_rtp_source_expected(const struct bl_rtp_source *source)
{
	uint64_t now = source->running ? source->highest - source->base + 1 : 0;

	return source->expected_before + now;
}

uint64_t bl_rtp_source_received(const struct bl_rtp_source *source)
{
	return source->received_before + (source->running ? source->received : 0);
}

uint64_t bl_rtp_source_lost(const struct bl_rtp_source *source)
{
	uint64_t expected = bl_rtp_source_expected(source);
	uint64_t received = bl_rtp_source_received(source);

	return expected > received ? expected - received : 0;
}
