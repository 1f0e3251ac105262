/* rtp_in.c  What comes in on an RTP leg's socket: checked, believed or not, put into its stream */
#include <errno.h>
#include <string.h>
#include "engine.h"

enum {
	COMFORT_NOISE = 13, /* RFC 3551 §6, RFC 3389 */
	RECEIVE_ROUNDS = 4, /* 32 packets a tick: more is a flood, and waits */
	CURIOUS_TICKS = 16,
	/* so often we look what others send than whom we talk with: 320 ms, and 160 when that one
	 * has long been silent */
	WIDE_TICKS = 16,
	WIDE_TICKS_IN_SILENCE = 8,
	WIDE_TICKS_AT_FIRST = 4,
	/* until then each tick: another may be believed once the former has stopped */
	LONG_SILENCE = 2 * BL_LATCH_STOPPED,
};

struct datagram {
	uint8_t *data;
	size_t size;
	const union bl_address *from;
	struct timespec at; /* when it came, by the kernel; zero: not stamped */
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
		event.code = (unsigned char)digit;
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
	leg->rtp.events.clock = bl_rtp_leg_event_clock(leg);
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

static bool is_noise(const struct bl_leg *leg, uint8_t payload_type)
{
	return payload_type == COMFORT_NOISE || (leg->rtp.far.noise_payload_type > 0 &&
						 payload_type == leg->rtp.far.noise_payload_type);
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
	else if (is_noise(leg, packet->payload_type))
		bl_stream_noise(leg->coder->stream, packet->payload, packet->length);
	else
		take_event(worker, leg, packet);
}

/* How long a packet waited for this tick, by the kernel's stamp. */
static int64_t waited_us(const struct bl_engine *engine, const struct timespec *at)
{
	int64_t waited;

	if (!at->tv_sec)
		return BL_STREAM_WAITED_UNKNOWN;
	waited = engine->due_us - ((int64_t)at->tv_sec * 1000000 + at->tv_nsec / 1000);
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
		is_noise(leg, payload_type));
}

/* In place; false: it is not what it should be, and counted. */
static bool unprotect(struct bl_worker *worker, struct bl_leg *leg, struct datagram *datagram,
		      bool rtcp)
{
	struct bl_engine *engine = worker->engine;

	if (!leg->rtp.secure)
		return true;
	switch (bl_srtp_pair_unprotect(&leg->rtp.keys, datagram->data, &datagram->size, rtcp,
				       bl_now_ms(engine), &engine->retired)) {
	case BL_SRTP_GOOD:
		return true;
	case BL_SRTP_REPLAY:
		leg->stats.replayed++;
		break;
	case BL_SRTP_FORGED:
		leg->stats.forged++;
		break;
	case BL_SRTP_MALFORMED:
		leg->stats.malformed++;
		break;
	case BL_SRTP_FAILED: /* no keys yet */
		leg->stats.unknown++;
		break;
	}
	return false;
}

static bool is_admitted(struct bl_worker *worker, struct bl_leg *leg, const struct bl_rtp *packet,
			const struct datagram *datagram)
{
	struct bl_latch_packet seen = {
		.from = datagram->from,
		.ssrc = packet->ssrc,
		.seq = packet->seq,
		.authentic = leg->rtp.secure,
	};

	return bl_latch_admit(&leg->rtp.latch, &seen, bl_now(worker->engine));
}

/* Each end chooses the numbers of what it gets (RFC 3264 §6.1); from here on they are its own. */
static void as_agreed(const struct bl_far *far, struct bl_rtp *packet)
{
	if (far->payload_type_in && packet->payload_type == far->payload_type_in)
		packet->payload_type = far->payload_type;
	else if (far->event_payload_type_in && packet->payload_type == far->event_payload_type_in)
		packet->payload_type = (uint8_t)far->event_payload_type;
}

static void take_rtp(struct bl_worker *worker, struct bl_leg *leg, struct datagram *datagram)
{
	struct bl_rtp packet;
	int64_t waited;

	if (!unprotect(worker, leg, datagram, false))
		return;
	if (bl_rtp_parse(datagram->data, datagram->size, &packet)) {
		leg->stats.malformed++;
		return;
	}
	as_agreed(&leg->rtp.far, &packet);
	if (!is_agreed(leg, packet.payload_type)) {
		leg->stats.unknown++;
		return;
	}
	if (!is_admitted(worker, leg, &packet, datagram)) {
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
	waited = waited_us(worker->engine, &datagram->at);
	count_jitter(worker->engine, leg, &packet, waited);
	take_packet(worker, leg, &packet, waited);
}

/* STUN and DTLS: not for the tick. */
static void hand_to_guard(struct bl_worker *worker, struct bl_leg *leg,
			  const struct datagram *datagram)
{
	struct bl_source from = {.address = *datagram->from, .fd = leg->fd};

	if (leg->rtp.secure)
		bl_guard_hand(worker->engine->guard,
			      (int32_t)(worker - worker->engine->crew.workers), leg->id, &from,
			      datagram->data, datagram->size);
	else
		leg->stats.malformed++;
}

static void take_datagram(struct bl_worker *worker, struct bl_leg *leg, struct datagram *datagram)
{
	if (leg->udptl) {
		bl_fax_leg_take(worker, leg, datagram->data, datagram->size, datagram->from);
		return;
	}
	switch (bl_wire_of(datagram->data, datagram->size)) {
	case BL_WIRE_RTP:
		take_rtp(worker, leg, datagram);
		break;
	case BL_WIRE_RTCP:
		if (unprotect(worker, leg, datagram, true))
			bl_rtcp_leg_take(worker, leg, datagram->data, datagram->size);
		break;
	case BL_WIRE_STUN:
	case BL_WIRE_DTLS:
		hand_to_guard(worker, leg, datagram);
		break;
	case BL_WIRE_OTHER:
		leg->stats.malformed++;
		break;
	}
}

/* The time that the kernel stamped on it; zero where it did not. */
static struct timespec stamp_of(struct msghdr *header)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	struct timespec at = {0};

	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS)
		memcpy(&at, CMSG_DATA(control), sizeof(at));
	return at;
}

static void take_received(struct bl_worker *worker, struct bl_leg *leg, struct bl_receive *room,
			  int i)
{
	struct datagram datagram = {
		.data = room->data[i],
		.size = room->messages[i].msg_len,
		.from = &room->from[i],
		.at = stamp_of(&room->messages[i].msg_hdr),
	};

	take_datagram(worker, leg, &datagram);
	bl_receive_again(room, i);
}

/* The socket told that something we sent was refused (ICMP): that ends nothing. */
static void count_refusal(struct bl_leg *leg)
{
	leg->stats.send_errors++;
}

static int take_datagrams(struct bl_worker *worker, struct bl_leg *leg, int fd, unsigned int most)
{
	struct bl_receive *room = &worker->receive;
	int count = recvmmsg(fd, room->messages, most, MSG_DONTWAIT, NULL);

	if (count < 0 && errno != EAGAIN) {
		count_refusal(leg);
		count = recvmmsg(fd, room->messages, most, MSG_DONTWAIT, NULL);
	}
	for (int i = 0; i < count; i++)
		take_received(worker, leg, room, i);
	return count;
}

/* The first may have been fetched with those of the whole cell, the others not. */
static int take_most(struct bl_worker *worker, struct bl_leg *leg, unsigned int most)
{
	int at = leg->slot % BL_CELL, more = 0;

	switch (bl_post_got(&worker->post, at)) {
	case BL_POST_REFUSED:
		count_refusal(leg);
		return take_datagrams(worker, leg, leg->fd, most);
	case BL_POST_UNASKED:
		return take_datagrams(worker, leg, leg->fd, most);
	case BL_POST_EMPTY:
		return 0;
	case BL_POST_GOT:
		break;
	}
	take_received(worker, leg, &worker->post.fetched, at);
	if (most > 1)
		more = take_datagrams(worker, leg, leg->fd, most - 1);
	return 1 + (more > 0 ? more : 0);
}

static void take_arrived(struct bl_worker *worker, struct bl_leg *leg)
{
	for (struct bl_port_packet *packet = leg->rtp.arrived; packet; packet = packet->next) {
		struct datagram datagram = {
			.data = packet->data,
			.size = packet->size,
			.from = &packet->from.address,
			.at = packet->at,
		};

		take_datagram(worker, leg, &datagram);
	}
	leg->rtp.arrived = NULL;
}

/*
 * What comes from elsewhere than the leg's target: who is to be believed after all, such as behind
 * a NAT that binds anew, and strangers.
 */
static void receive_wide(struct bl_worker *worker, struct bl_leg *leg)
{
	for (int round = 0; round < RECEIVE_ROUNDS; round++) {
		if (take_datagrams(worker, leg, leg->rtp.wide, BL_RECEIVE_BATCH) <
		    BL_RECEIVE_BATCH)
			break;
	}
	bl_rtp_leg_tie(leg);
}

/* A first tick without a packet is mostly jitter; then each is looked at, and in long silence few.
 */
static bool wide_is_due(const struct bl_leg *leg, uint64_t now, int count)
{
	uint64_t tick = now + (uint64_t)leg->slot, silent = now - leg->rtp.latch.heard_tick;

	if (count > 0)
		return tick % WIDE_TICKS == 0;
	if (!leg->rtp.latch.latched) /* behind a NAT the first packet comes from elsewhere */
		return leg->rtp.expected < BL_RECEIVE_BATCH - 1 || tick % WIDE_TICKS_AT_FIRST == 0;
	if (silent > LONG_SILENCE)
		return tick % WIDE_TICKS_IN_SILENCE == 0;
	return silent > 1;
}

/*
 * To ask a socket that is empty costs nearly as much as a packet, so it is asked for as many as
 * are to be expected: one a tick, more after a tick without any, and now and then one more than
 * that, which finds packets that are shorter or come faster than ours.
 */
static void receive_own(struct bl_worker *worker, struct bl_leg *leg)
{
	uint8_t *expected = &leg->rtp.expected;
	uint64_t now = bl_now(worker->engine);
	bool curious = (now + (uint64_t)leg->slot) % CURIOUS_TICKS == 0;
	unsigned int most = *expected + (curious || !*expected ? 1u : 0u);
	int count = take_most(worker, leg, most);

	for (int round = 0; round < RECEIVE_ROUNDS && count == (int)most && most > 1; round++) {
		most = BL_RECEIVE_BATCH;
		count = take_datagrams(worker, leg, leg->fd, most);
	}
	if (leg->rtp.wide >= 0 && wide_is_due(leg, now, count))
		receive_wide(worker, leg);
	if (count <= 0)
		*expected = *expected < BL_RECEIVE_BATCH - 1 ? *expected + 1 : *expected;
	else
		*expected = count > BL_RECEIVE_BATCH - 1 ? BL_RECEIVE_BATCH - 1 : (uint8_t)count;
}

void bl_rtp_fetch(struct bl_worker *worker, const struct bl_cell *cell)
{
	for (int i = 0; i < BL_CELL; i++) {
		const struct bl_leg *leg = cell->legs[i];

		if (leg && leg->kind == BL_LEG_RTP && !leg->rtp.shared)
			bl_post_ask(&worker->post, i,
				    (struct bl_uring_socket){leg->fd, leg->rtp.place});
	}
	bl_post_go(&worker->post);
}

void bl_rtp_leg_receive(struct bl_worker *worker, struct bl_leg *leg)
{
	if (leg->rtp.shared)
		take_arrived(worker, leg);
	else
		receive_own(worker, leg);
}
