/* rtp_in.c  What comes in on an RTP leg's socket: checked, believed or not, put into its stream */
#include <errno.h>
#include <string.h>
#include "engine.h"

enum {
	COMFORT_NOISE = 13, /* RFC 3551 §6, RFC 3389 */
	NOISE_LEVEL = 0x7F, /* RFC 3389 §3.1 */
	RECEIVE_ROUNDS = 4, /* 32 packets a tick: more is a flood, and waits */
	CURIOUS_TICKS = 16,
};

/* A digit is told when it begins and when it ends; other events by their number. */
static void tell_event(struct bl_worker *worker, struct bl_leg *leg,
		       const struct bl_telephone_told *told)
{
	char digit = bl_telephone_digit(told->event);
	struct bl_event event = {
		.leg = leg->id,
		.kind = BL_EVENT_TELEPHONE,
		.code = told->event,
		.value = told->ms,
	};

	if (digit && digit != '!') {
		if (!told->ended) {
			bl_leg_digit(worker, leg, digit, BL_DIGIT_RFC4733, (int)told->ms);
			return;
		}
		event.kind = BL_EVENT_DIGIT_ENDED;
		event.code = digit;
	} else if (told->ended) {
		return;
	}
	bl_tell(worker, &event);
}

static void take_event(struct bl_worker *worker, struct bl_leg *leg, const struct bl_rtp *packet)
{
	struct bl_telephone_told told[BL_TELEPHONE_TOLD];
	struct bl_telephone_event event;
	size_t count;

	if (bl_telephone_event_parse(packet->payload, packet->length, &event)) {
		leg->stats.malformed++;
		return;
	}
	bl_stream_pause(leg->coder->stream, BL_STREAM_NO_NOISE);
	leg->rtp.events_seen = true;
	leg->rtp.events.clock = (uint32_t)leg->coder->clock;
	count = bl_telephone_take(&leg->rtp.events, packet->timestamp, &event, told);
	for (size_t i = 0; i < count; i++)
		tell_event(worker, leg, &told[i]);
}

void bl_rtp_leg_events(struct bl_worker *worker, struct bl_leg *leg)
{
	struct bl_telephone_told told;

	if (leg->rtp.events.running && bl_telephone_tick(&leg->rtp.events, &told))
		tell_event(worker, leg, &told);
}

static void take_noise(struct bl_leg *leg, const struct bl_rtp *packet)
{
	uint8_t level = BL_STREAM_NO_NOISE;

	if (packet->length)
		level = packet->payload[0] & NOISE_LEVEL;
	bl_stream_pause(leg->coder->stream, level);
}

static void take_sound(struct bl_leg *leg, const struct bl_rtp *packet, int64_t waited_us)
{
	struct bl_stream_packet sound = {
		.seq = packet->seq,
		.timestamp = packet->timestamp,
		.payload = packet->payload,
		.size = packet->length,
		.waited_us = (int32_t)waited_us,
	};

	switch (bl_stream_put(leg->coder->stream, &sound)) {
	case BL_STREAM_LATE:
		leg->stats.late++;
		break;
	case BL_STREAM_MALFORMED:
		leg->stats.malformed++;
		break;
	default:
		break;
	}
}

static void take_packet(struct bl_worker *worker, struct bl_leg *leg, const struct bl_rtp *packet,
			int64_t waited_us)
{
	enum bl_rtp_order order = bl_rtp_source_update(&leg->rtp.source, packet);

	if (order == BL_RTP_DUPLICATE) {
		leg->stats.duplicate++;
		return;
	}
	if (order == BL_RTP_RESTARTED) {
		bl_stream_restart(leg->coder->stream);
		leg->rtp.events = (struct bl_telephone_receiver){0};
	}
	if (order == BL_RTP_REORDERED)
		leg->stats.reordered++;
	leg->stats.packets_in++;
	leg->stats.bytes_in += packet->length;
	if (packet->payload_type == leg->rtp.far.payload_type)
		take_sound(leg, packet, waited_us);
	else if (packet->payload_type == COMFORT_NOISE)
		take_noise(leg, packet);
	else
		take_event(worker, leg, packet);
}

/* How long the packet waited for this tick, by the kernel's stamp. */
static int64_t waited_us(const struct bl_engine *engine, struct msghdr *header)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	struct timespec at;
	int64_t waited;

	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
		return BL_STREAM_WAITED_UNKNOWN;
	memcpy(&at, CMSG_DATA(control), sizeof(at));
	waited = engine->due_us - ((int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000);
	/* the wall clock was set, that is no wait */
	return waited < -1000000 || waited > 1000000 ? BL_STREAM_WAITED_UNKNOWN : waited;
}

static void count_jitter(const struct bl_engine *engine, struct bl_leg *leg,
			 const struct bl_rtp *packet, int64_t waited)
{
	uint64_t clock = (uint64_t)leg->coder->clock;
	uint64_t arrival = bl_now(engine) * clock / BL_TICKS_PER_S;

	if (packet->payload_type != leg->rtp.far.payload_type)
		return;
	if (waited != BL_STREAM_WAITED_UNKNOWN)
		arrival -= (uint64_t)(waited * (int64_t)clock / 1000000);
	bl_rtp_source_jitter(&leg->rtp.source, packet->timestamp, (uint32_t)arrival);
}

static bool is_agreed(const struct bl_leg *leg, uint8_t payload_type)
{
	const struct bl_far *far = &leg->rtp.far;

	return far->size && leg->coder &&
	       (payload_type == far->payload_type || payload_type == far->event_payload_type ||
		payload_type == COMFORT_NOISE);
}

static void take_rtp(struct bl_worker *worker, struct bl_leg *leg, struct mmsghdr *message)
{
	const uint8_t *data = message->msg_hdr.msg_iov->iov_base;
	struct bl_rtp packet;
	struct bl_latch_packet seen = {.from = message->msg_hdr.msg_name};
	int64_t waited;

	if (bl_wire_of(data, message->msg_len) == BL_WIRE_RTCP) {
		bl_rtcp_leg_take(worker, leg, data, message->msg_len);
		return;
	}
	if (bl_rtp_parse(data, message->msg_len, &packet)) {
		leg->stats.malformed++;
		return;
	}
	if (!is_agreed(leg, packet.payload_type)) {
		leg->stats.unknown++;
		return;
	}
	seen.ssrc = packet.ssrc;
	seen.seq = packet.seq;
	if (!bl_latch_admit(&leg->rtp.latch, &seen, bl_now(worker->engine))) {
		leg->stats.foreign++;
		return;
	}
	bl_leg_alive(worker, leg);
	if (!leg->receive)
		return;
	if (packet.ssrc == leg->rtp.ssrc &&
	    bl_report_collides(&leg->rtp.rtcp.report, packet.ssrc, bl_now(worker->engine)))
		leg->rtp.ssrc = leg->rtp.rtcp.report.ssrc; /* RFC 3550 §8.2 */
	leg->rtp.source.clock = (uint32_t)leg->coder->clock;
	waited = waited_us(worker->engine, &message->msg_hdr);
	count_jitter(worker->engine, leg, &packet, waited);
	take_packet(worker, leg, &packet, waited);
}

static int take_datagrams(struct bl_worker *worker, struct bl_leg *leg, unsigned int most)
{
	struct bl_receive *room = &worker->receive;
	int count = recvmmsg(leg->fd, room->messages, most, MSG_DONTWAIT, NULL);

	for (int i = 0; i < count; i++) {
		take_rtp(worker, leg, &room->messages[i]);
		room->messages[i].msg_hdr.msg_namelen = sizeof(room->from[i]);
		room->messages[i].msg_hdr.msg_controllen = sizeof(room->control[i]);
	}
	return count;
}

/*
 * To ask a socket that is empty costs nearly as much as a packet, so it is asked for as many as
 * are to be expected: one a tick, more after a tick without any, and now and then one more than
 * that, which finds packets that are shorter or come faster than ours.
 */
void bl_rtp_leg_receive(struct bl_worker *worker, struct bl_leg *leg)
{
	uint8_t *expected = &leg->rtp.expected;
	bool curious = (bl_now(worker->engine) + (uint64_t)leg->slot) % CURIOUS_TICKS == 0;
	unsigned int most = *expected + (curious || !*expected ? 1u : 0u);
	int count = take_datagrams(worker, leg, most);

	for (int round = 0; round < RECEIVE_ROUNDS && count == (int)most && most > 1; round++) {
		most = BL_RECEIVE_BATCH;
		count = take_datagrams(worker, leg, most);
	}
	if (count <= 0)
		*expected = *expected < BL_RECEIVE_BATCH - 1 ? *expected + 1 : *expected;
	else
		*expected = count > BL_RECEIVE_BATCH - 1 ? BL_RECEIVE_BATCH - 1 : (uint8_t)count;
}
