/* rtcp_leg.c  A leg's RTCP: reports out, reports in, and how good it sounds */
#include <math.h>
#include <string.h>
#include "engine.h"

enum {
	ASK_TICKS = 10, /* reports are read so often … */
	STRAY_TICKS =
		100, /* … and where they are to come with the sound, what comes all the same */
	RATE_TICKS = 250,   /* 5 s */
	REPORT_SIZE = 2048, /* [bytes] */
};

static uint64_t ntp_now(const struct bl_engine *engine)
{
	return bl_rtcp_ntp(engine->due_us / 1000000, (uint32_t)(engine->due_us % 1000000) * 1000);
}

static void adopt(struct bl_worker *worker, struct bl_leg *leg, bool bye_before)
{
	const struct bl_report_far *far = &leg->rtp.rtcp.report.far;

	leg->stats.rtcp_in = far->reports;
	leg->stats.rtcp_malformed = far->malformed;
	if (far->has_round_trip)
		leg->stats.round_trip_us = far->round_trip_us;
	if (far->has_block) {
		leg->stats.far_lost = far->lost > 0 ? (uint64_t)far->lost : 0;
		leg->stats.far_jitter_us =
			(uint64_t)far->jitter * 1000000 / (uint64_t)leg->coder->clock;
		bl_encoder_loss(leg->coder->encoder, far->fraction * 100 / 256);
	}
	if (far->bye && !bye_before)
		bl_tell(worker, &(struct bl_event){.leg = leg->id, .kind = BL_EVENT_FAR_GONE});
}

void bl_rtcp_leg_take(struct bl_worker *worker, struct bl_leg *leg, const uint8_t *packet,
		      size_t size)
{
	struct bl_report *report = &leg->rtp.rtcp.report;
	bool bye_before = report->far.bye;
	uint64_t reports_before = report->far.reports;

	if (!leg->coder || !leg->rtp.rtcp.on)
		return;
	bl_report_receive(report, packet, size, ntp_now(worker->engine), bl_now(worker->engine));
	leg->rtp.ssrc = report->ssrc; /* it may have given way: RFC 3550 §8.2 */
	adopt(worker, leg, bye_before);
	/* in a pause that was announced (RFC 3389) nothing else need come for as long as it lasts
	 */
	if (report->far.reports != reports_before && bl_stream_rests(leg->coder->stream))
		leg->heard_tick = bl_now(worker->engine);
}

/* From whom RTP is believed, RTCP is: the same host, from any port. */
static bool is_believed(const struct bl_leg *leg, const union bl_address *from)
{
	union bl_address there = *bl_latch_target(&leg->rtp.latch);

	bl_address_set_port(&there, bl_address_port(from));
	return bl_address_same(&there, from);
}

static void receive(struct bl_worker *worker, struct bl_leg *leg)
{
	struct bl_rtcp_leg *rtcp = &leg->rtp.rtcp;
	uint8_t packet[REPORT_SIZE];
	union bl_address from;
	socklen_t from_size = sizeof(from);
	size_t length;
	ssize_t size =
		recvfrom(rtcp->fd, packet, sizeof(packet), MSG_DONTWAIT, &from.any, &from_size);

	if (size < 0)
		return;
	if (!is_believed(leg, &from)) {
		leg->stats.foreign++;
		return;
	}
	rtcp->to = from;
	length = (size_t)size;
	if (leg->rtp.secure &&
	    bl_srtp_pair_unprotect(&leg->rtp.keys, packet, &length, true,
				   bl_now_ms(worker->engine), &worker->engine->retired)) {
		leg->stats.forged++;
		return;
	}
	bl_rtcp_leg_take(worker, leg, packet, length);
}

static double ms_of(const struct bl_leg *leg, int32_t samples)
{
	return fmax(samples, 0) * 1000.0 / leg->rate;
}

static void rate(const struct bl_leg *leg, struct bl_rtcp_voip *voip, struct bl_quality *quality)
{
	struct bl_stream_stats stream;
	struct bl_voip_leg about = {
		.codec = leg->coder->config.codec,
		.rate = leg->rate,
		.lost = bl_rtp_source_lost(&leg->rtp.source),
		.late = leg->stats.late,
		.expected = bl_rtp_source_expected(&leg->rtp.source),
		.has_round_trip = leg->rtp.rtcp.report.far.has_round_trip,
		.round_trip_ms = leg->rtp.rtcp.report.far.round_trip_us / 1000.0,
		.packet_ms = BL_FRAME_MS,
	};

	bl_stream_stats(leg->coder->stream, &stream);
	about.buffer_ms = ms_of(leg, stream.delay);
	about.buffer_most_ms = ms_of(leg, stream.target);
	about.buffer_limit_ms = BL_STREAM_LIMIT_MS;
	bl_voip_fill(&leg->rtp.rtcp.metrics, &about, voip, quality);
}

static void keep_ratings(struct bl_leg *leg, const struct bl_quality *quality)
{
	leg->stats.r_factor = (uint64_t)lrint(quality->r);
	leg->stats.mos_lq_hundredths = (uint64_t)lrint(100.0 * quality->mos_lq);
	leg->stats.mos_cq_hundredths = (uint64_t)lrint(100.0 * quality->mos_cq);
}

static struct bl_report_now now_of(const struct bl_engine *engine, const struct bl_leg *leg,
				   const struct bl_rtcp_voip *voip)
{
	return (struct bl_report_now){
		.tick = bl_now(engine),
		.ntp = ntp_now(engine),
		.timestamp = leg->rtp.timestamp,
		.packets_out = leg->stats.packets_out,
		.bytes_out = leg->stats.bytes_out,
		.source = &leg->rtp.source,
		.voip = voip,
	};
}

/* Do the reports share the sound's port (RFC 5761)? */
static bool is_muxed(const struct bl_far *far)
{
	return far->rtcp_port == bl_address_port(&far->address);
}

/* The report in bl_post_packet(), on the port that was agreed for it. */
static void put(struct bl_worker *worker, struct bl_leg *leg, int size)
{
	const struct bl_rtcp_leg *rtcp = &leg->rtp.rtcp;
	const struct bl_far *far = &leg->rtp.far;
	uint8_t *packet = bl_post_packet(&worker->post);
	size_t length = (size_t)size;

	if (size <= 0)
		return;
	if (leg->rtp.shared || rtcp->fd < 0 || is_muxed(far)) {
		bl_rtp_leg_put(worker, leg, length, 0);
		return;
	}
	if (leg->rtp.secure &&
	    (!leg->rtp.keys.out ||
	     bl_srtp_protect_rtcp(leg->rtp.keys.out, packet, &length, BL_PACKET_ROOM)))
		return;
	sendto(rtcp->fd, packet, length, MSG_DONTWAIT | MSG_NOSIGNAL, &rtcp->to.any, far->size);
}

static void report(struct bl_worker *worker, struct bl_leg *leg, const struct bl_rtcp_voip *voip)
{
	struct bl_report_now now = now_of(worker->engine, leg, voip);
	uint8_t *packet = bl_post_packet(&worker->post);

	put(worker, leg, bl_report_send(&leg->rtp.rtcp.report, &now, packet, BL_PACKET_ROOM));
}

void bl_rtcp_leg_tick(struct bl_worker *worker, struct bl_leg *leg)
{
	struct bl_rtcp_leg *rtcp = &leg->rtp.rtcp;
	uint64_t now = bl_now(worker->engine), ticks;
	struct bl_rtcp_voip voip;
	struct bl_quality quality;
	bool due;

	if (!leg->coder || !leg->rtp.far.size)
		return;
	ticks = is_muxed(&leg->rtp.far) ? STRAY_TICKS : ASK_TICKS;
	if (rtcp->fd >= 0 && rtcp->on && (now + (uint64_t)leg->slot) % ticks == 0)
		receive(worker, leg);
	due = rtcp->on && bl_report_due(&rtcp->report, now);
	if (!leg->rtp.source.running) {
		if (due)
			report(worker, leg, NULL);
	} else if (due || now - rtcp->rated_tick >= RATE_TICKS) {
		rate(leg, &voip, &quality);
		keep_ratings(leg, &quality);
		rtcp->rated_tick = now;
		if (due)
			report(worker, leg, &voip);
	}
}

void bl_rtcp_leg_bye(struct bl_engine *engine, struct bl_leg *leg)
{
	struct bl_worker *worker = &engine->crew.workers[0];
	uint8_t *packet = bl_post_packet(&worker->post);
	struct bl_report_now now;

	if (!leg->rtp.rtcp.on || !leg->coder || !leg->rtp.far.size || !leg->stats.packets_out)
		return;
	now = now_of(engine, leg, NULL);
	put(worker, leg, bl_report_bye(&leg->rtp.rtcp.report, &now, packet, BL_PACKET_ROOM));
	bl_post_go(&worker->post); /* the leg's socket is as good as closed */
}
