/* report.c  The RTCP of one leg: when a report is due, what it says, what the far end's says */
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "frame.h"
#include "report.h"

enum {
	INTERVAL = 5 * BL_TICKS_PER_S, /* [ticks], RFC 3550 §6.2: two members, so the least */
	LOOP_TICKS = 10 * INTERVAL,    /* RFC 3550 §8.2: how long a conflict is remembered */
	LONGEST_TRIP = 10 << 16,       /* [s << 16]: more is a wrong clock */
	CLOCK_STEP = (1 << 16) / 20,   /* [s << 16], 50 ms: less than nothing by so much is 0 */
	MOST_LOST = 0x7FFFFF,	       /* 24 bits with a sign */
	US_PER_S = 1000000,
};

/* RFC 3550 §6.3.1: e - 3/2, for the timer reconsideration would make intervals shorter */
#define COMPENSATION 1.21828

static uint32_t draw(struct bl_report *report)
{
	/* xorshift64*: intervals need no secrets, an SSRC only differs */
	report->random ^= report->random >> 12;
	report->random ^= report->random << 25;
	report->random ^= report->random >> 27;
	return (uint32_t)((report->random * 0x2545F4914F6CDD1Du) >> 32);
}

/* [ticks]; RFC 3550 §6.2, §6.3.1: half of it at first, then between 0.5 and 1.5 of it by chance */
static uint64_t interval(struct bl_report *report)
{
	double least = report->begun ? INTERVAL : INTERVAL / 2.0;
	double factor = 0.5 + draw(report) / 4294967296.0;

	return (uint64_t)(least * factor / COMPENSATION);
}

void bl_report_init(struct bl_report *report, const uint8_t random[BL_REPORT_RANDOM],
		    uint32_t ssrc, uint64_t tick)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	memset(report, 0, sizeof(*report));
	report->ssrc = ssrc;
	for (size_t i = 0; i < BL_REPORT_CNAME / 4; i++) {
		uint32_t bits = bl_get32(random + 3 * i) >> 8;

		for (size_t k = 0; k < 4; k++)
			report->cname[4 * i + k] = alphabet[bits >> (18 - 6 * k) & 63];
	}
	report->random = (uint64_t)bl_get32(random + 12) << 32 | bl_get32(random + 16) | 1;
	report->last = tick;
	report->next = tick + interval(report);
}

/* RFC 3550 §6.3.6: when the time has come, a new draw says whether it really has. */
bool bl_report_due(struct bl_report *report, uint64_t tick)
{
	uint64_t again;

	if (report->leaving)
		return true;
	if (tick < report->next)
		return false;
	again = report->last + interval(report);
	if (again <= tick)
		return true;
	report->next = again;
	return false;
}

/* RFC 3550 §A.3 */
static void fill_block(struct bl_report *report, const struct bl_report_now *now,
		       struct bl_rtcp *out)
{
	const struct bl_rtp_source *source = now->source;
	uint64_t expected = bl_rtp_source_expected(source);
	uint64_t received = bl_rtp_source_received(source);
	int64_t in_interval = (int64_t)(expected - report->expected);
	int64_t lost_now = in_interval - (int64_t)(received - report->received);
	int64_t lost = (int64_t)(source->highest - source->base + 1 - source->received);

	report->expected = expected;
	report->received = received;
	if (!source->running)
		return;
	out->has_block = true;
	out->block.ssrc = source->ssrc;
	if (in_interval > 0 && lost_now > 0)
		out->block.fraction =
			(uint8_t)(lost_now < in_interval ? lost_now * 256 / in_interval : 255);
	out->block.lost = (int32_t)(lost < MOST_LOST ? lost : MOST_LOST);
	out->block.highest = (uint32_t)source->highest;
	out->block.jitter = source->jitter >> 4;
	if (report->sender_arrival && report->sender_ssrc == source->ssrc) {
		out->block.last = report->sender_middle;
		out->block.delay = bl_rtcp_middle(now->ntp - report->sender_arrival);
	}
}

/* RFC 3550 §6.4: a sender is who sent since its report before the last one. */
static void fill_sender(struct bl_report *report, const struct bl_report_now *now,
			struct bl_rtcp *out)
{
	out->has_sender = now->packets_out > report->packets_at[1];
	report->packets_at[1] = report->packets_at[0];
	report->packets_at[0] = now->packets_out;
	if (!out->has_sender)
		return;
	out->sender.ntp = now->ntp;
	out->sender.timestamp = now->timestamp;
	out->sender.packets = (uint32_t)(now->packets_out - report->packets_base);
	out->sender.bytes = (uint32_t)(now->bytes_out - report->bytes_base);
}

static void fill_extended(const struct bl_report *report, const struct bl_report_now *now,
			  struct bl_rtcp *out)
{
	/* who sends nothing learns the round trip this way, RFC 3611 §4.4 */
	out->has_reference = !out->has_sender;
	out->reference = now->ntp;
	if (report->reference_arrival) {
		out->has_dlrr = true;
		out->dlrr.ssrc = report->reference_ssrc;
		out->dlrr.last = report->reference_middle;
		out->dlrr.delay = bl_rtcp_middle(now->ntp - report->reference_arrival);
	}
	if (now->voip && out->has_block) {
		out->has_voip = true;
		out->voip = *now->voip;
		out->voip.ssrc = now->source->ssrc;
	}
}

static void fill(struct bl_report *report, const struct bl_report_now *now, struct bl_rtcp *out)
{
	memset(out, 0, sizeof(*out));
	out->ssrc = report->ssrc;
	out->cname = (struct bl_rtcp_text){report->cname, BL_REPORT_CNAME};
	fill_sender(report, now, out);
	fill_block(report, now, out);
	fill_extended(report, now, out);
}

/* The goodbye of the SSRC that we had before. */
static int send_leaving(struct bl_report *report, const struct bl_report_now *now, uint8_t *packet,
			size_t room)
{
	struct bl_rtcp out = {
		.ssrc = report->ssrc_before,
		.cname = {report->cname, BL_REPORT_CNAME},
		.bye = true,
	};

	report->leaving = false;
	report->packets_base = now->packets_out;
	report->bytes_base = now->bytes_out;
	return bl_rtcp_build(&out, packet, room);
}

int bl_report_send(struct bl_report *report, const struct bl_report_now *now, uint8_t *packet,
		   size_t room)
{
	struct bl_rtcp out;

	if (report->leaving)
		return send_leaving(report, now, packet, room);
	fill(report, now, &out);
	report->begun = true;
	report->last = now->tick;
	report->next = now->tick + interval(report);
	return bl_rtcp_build(&out, packet, room);
}

int bl_report_bye(struct bl_report *report, const struct bl_report_now *now, uint8_t *packet,
		  size_t room)
{
	struct bl_rtcp out;

	if (!report->begun && !now->packets_out)
		return 0; /* RFC 3550 §6.3.7 */
	fill(report, now, &out);
	out.bye = true;
	return bl_rtcp_build(&out, packet, room);
}

/* A - LSR - DLSR of RFC 3550 §6.4.1, and the same of RFC 3611 §4.5 */
static void measure(struct bl_report_far *far, uint64_t ntp, uint32_t last, uint32_t delay)
{
	int32_t trip = (int32_t)(bl_rtcp_middle(ntp) - last - delay);

	if (!last || trip < -CLOCK_STEP || trip > LONGEST_TRIP)
		return;
	far->has_round_trip = true;
	far->round_trip_us = trip < 0 ? 0 : (uint32_t)((uint64_t)trip * US_PER_S >> 16);
}

static void take_block(struct bl_report *report, const struct bl_rtcp_block *block, uint64_t ntp)
{
	report->far.has_block = true;
	report->far.fraction = block->fraction;
	report->far.lost = block->lost;
	report->far.jitter = block->jitter;
	report->far.highest = block->highest;
	measure(&report->far, ntp, block->last, block->delay);
}

int bl_report_receive(struct bl_report *report, const uint8_t *packet, size_t size, uint64_t ntp,
		      uint64_t tick)
{
	struct bl_rtcp in;

	if (bl_rtcp_parse(packet, size, report->ssrc, &in)) {
		report->far.malformed++;
		return BL_EINVAL;
	}
	report->far.reports++;
	if (bl_report_collides(report, in.ssrc, tick) || in.ssrc == report->ssrc)
		return BL_OK; /* from who has our SSRC, or from ourselves: nothing to learn */
	if (in.has_sender) {
		report->sender_ssrc = in.ssrc;
		report->sender_middle = bl_rtcp_middle(in.sender.ntp);
		report->sender_arrival = ntp;
	}
	if (in.has_reference) {
		report->reference_ssrc = in.ssrc;
		report->reference_middle = bl_rtcp_middle(in.reference);
		report->reference_arrival = ntp;
	}
	if (in.has_block)
		take_block(report, &in.block, ntp);
	if (in.has_dlrr)
		measure(&report->far, ntp, in.dlrr.last, in.dlrr.delay);
	if (in.has_voip) {
		report->far.has_voip = true;
		report->far.voip = in.voip;
	}
	report->far.bye |= in.bye;
	return BL_OK;
}

bool bl_report_collides(struct bl_report *report, uint32_t ssrc, uint64_t tick)
{
	bool loop = report->collided && tick - report->collided_tick < LOOP_TICKS;

	if (ssrc != report->ssrc || loop)
		return false;
	report->collided = true;
	report->collided_tick = tick;
	report->ssrc_before = report->ssrc;
	report->leaving = true;
	do {
		report->ssrc = draw(report);
	} while (report->ssrc == ssrc);
	return true;
}
