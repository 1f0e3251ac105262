/*
 * rtp_leg.c  A leg over RTP: its socket, its far end, its packets
 *
 * Symmetric RTP: sound goes where the far end's sound comes from. The first packet that is RTP
 * with an agreed payload type decides; from then on another source is believed only when the
 * decided one has been silent for LATCH_TICKS.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "bytes.h"
#include "engine.h"
#include "g711.h"

enum {
	LATCH_TICKS = 50,   /* 1 s */
	COMFORT_NOISE = 13, /* RFC 3551 §6, RFC 3389 */
	DSCP_EF = 46 << 2,  /* RFC 3246, as a TOS byte */
	RECEIVE_ROUNDS = 4, /* 32 packets a tick: more is a flood, and waits */
	NS_PER_SAMPLE = 1000000000 / BL_RATE,
	EVENT_VOLUME = 8, /* [-dBm0] */
	MAX_PACKET = BL_RTP_HEADER + BL_FRAME,
};

static int parse_address(const char *text, int32_t port, union bl_address *out, socklen_t *size)
{
	memset(out, 0, sizeof(*out));
	if (!text || port < 0 || port > UINT16_MAX)
		return BL_EINVAL;
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons((uint16_t)port);
		*size = sizeof(out->v4);
		return BL_OK;
	}
	if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		*size = sizeof(out->v6);
		return BL_OK;
	}
	return BL_EINVAL;
}

static bool same_address(const union bl_address *a, const union bl_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port &&
		       a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port &&
	       !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr));
}

int bl_rtp_leg_open(struct bl_leg *leg, const char *address, int32_t port, bool stamped)
{
	union bl_address local;
	socklen_t size;
	int tos = DSCP_EF, on = stamped, err = parse_address(address, port, &local, &size);

	if (err)
		return err;
	leg->fd = socket(local.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (leg->fd < 0)
		return BL_EIO;
	if (local.any.sa_family == AF_INET)
		setsockopt(leg->fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else
		setsockopt(leg->fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	setsockopt(leg->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (bind(leg->fd, &local.any, size) || getsockname(leg->fd, &local.any, &size)) {
		close(leg->fd);
		leg->fd = -1;
		return BL_EPORT;
	}
	leg->rtp.far.event_payload_type = -1;
	if (getrandom(&leg->rtp.ssrc, sizeof(leg->rtp.ssrc), 0) < 0 ||
	    getrandom(&leg->rtp.seq, sizeof(leg->rtp.seq), 0) < 0 ||
	    getrandom(&leg->rtp.timestamp, sizeof(leg->rtp.timestamp), 0) < 0)
		return BL_EIO;
	return ntohs(local.any.sa_family == AF_INET ? local.v4.sin_port : local.v6.sin6_port);
}

int bl_rtp_leg_far(const struct bl_leg *leg, const struct bl_remote *remote, struct bl_far *out)
{
	if (leg->kind != BL_LEG_RTP || remote->port < 1 || remote->payload_type < 0 ||
	    remote->payload_type > 127 || remote->event_payload_type < -1 ||
	    remote->event_payload_type > 127 ||
	    remote->event_payload_type == remote->payload_type ||
	    (remote->codec != BL_PCMU && remote->codec != BL_PCMA))
		return BL_EINVAL;
	out->payload_type = (uint8_t)remote->payload_type;
	out->codec = (enum bl_codec)remote->codec;
	out->event_payload_type = (int16_t)remote->event_payload_type;
	return parse_address(remote->address, remote->port, &out->address, &out->size);
}

void bl_rtp_leg_set_far(struct bl_leg *leg, const struct bl_far *far)
{
	struct bl_rtp_leg *rtp = &leg->rtp;

	if (!rtp->far.size || !same_address(&rtp->far.address, &far->address)) {
		rtp->latched = false;
		rtp->events_seen = false;
		rtp->to = far->address;
	}
	rtp->far = *far;
}

/* Is this source the one that we listen to, or may it become so? */
static bool latch(struct bl_worker *worker, struct bl_leg *leg, const union bl_address *from)
{
	struct bl_rtp_leg *rtp = &leg->rtp;
	uint64_t now = bl_now(worker->engine);

	if (!rtp->latched || !same_address(&rtp->to, from)) {
		if (rtp->latched && now - rtp->latched_tick < LATCH_TICKS) {
			leg->stats.foreign++;
			return false;
		}
		rtp->to = *from;
		rtp->latched = true;
	}
	rtp->latched_tick = now;
	return true;
}

static void take_event(struct bl_worker *worker, struct bl_leg *leg, const struct bl_rtp *packet)
{
	struct bl_telephone_event event;
	char digit;

	if (bl_telephone_event_parse(packet->payload, packet->length, &event)) {
		leg->stats.malformed++;
		return;
	}
	bl_jbuf_pause(&leg->jbuf);
	leg->rtp.events_seen = true;
	digit = bl_telephone_receive(&leg->rtp.events, packet->timestamp, &event);
	if (digit)
		bl_leg_digit(worker, leg, digit, BL_DIGIT_RFC4733,
			     event.duration / BL_SAMPLES_PER_MS);
}

static void take_sound(struct bl_leg *leg, const struct bl_rtp *packet, uint32_t arrival,
		       bool newest)
{
	int16_t pcm[BL_JBUF_LONGEST];

	if (!packet->length || packet->length > BL_JBUF_LONGEST) {
		leg->stats.malformed++;
		return;
	}
	bl_rtp_source_jitter(&leg->rtp.source, packet->timestamp, arrival);
	bl_g711_decode(leg->rtp.far.codec, packet->payload, packet->length, pcm);
	if (bl_jbuf_put(&leg->jbuf, packet->timestamp, pcm, packet->length, newest) ==
	    BL_JBUF_LATE)
		leg->stats.late++;
}

static void take_packet(struct bl_worker *worker, struct bl_leg *leg, const struct bl_rtp *packet,
			uint32_t arrival)
{
	enum bl_rtp_order order = bl_rtp_source_update(&leg->rtp.source, packet);

	if (order == BL_RTP_DUPLICATE) {
		leg->stats.duplicate++;
		return;
	}
	if (order == BL_RTP_RESTARTED) {
		bl_jbuf_init(&leg->jbuf);
		leg->rtp.events.any = false;
	}
	if (order == BL_RTP_REORDERED)
		leg->stats.reordered++;
	leg->stats.packets_in++;
	leg->stats.bytes_in += packet->length;
	if (packet->payload_type == leg->rtp.far.payload_type)
		take_sound(leg, packet, arrival, order != BL_RTP_REORDERED);
	else if (packet->payload_type == COMFORT_NOISE)
		bl_jbuf_pause(&leg->jbuf);
	else
		take_event(worker, leg, packet);
}

/* When the packet came, in samples: by the kernel's stamp, or by our own clock. */
static uint32_t arrival_of(const struct bl_engine *engine, struct msghdr *header)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	struct timespec at;

	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
		return (uint32_t)bl_now(engine) * BL_FRAME;
	memcpy(&at, CMSG_DATA(control), sizeof(at));
	return (uint32_t)((uint64_t)at.tv_sec * BL_RATE + (uint64_t)at.tv_nsec / NS_PER_SAMPLE);
}

static void receive(struct bl_worker *worker, struct bl_leg *leg, struct mmsghdr *message)
{
	const uint8_t *data = message->msg_hdr.msg_iov->iov_base;
	const union bl_address *from = message->msg_hdr.msg_name;
	const struct bl_far *far = &leg->rtp.far;
	struct bl_rtp packet;

	if (bl_rtp_parse(data, message->msg_len, &packet)) {
		leg->stats.malformed++;
		return;
	}
	if (!far->size || (packet.payload_type != far->payload_type &&
			   packet.payload_type != far->event_payload_type &&
			   packet.payload_type != COMFORT_NOISE)) {
		leg->stats.unknown++;
		return;
	}
	if (!latch(worker, leg, from))
		return;
	bl_leg_alive(worker, leg);
	if (leg->receive)
		take_packet(worker, leg, &packet, arrival_of(worker->engine, &message->msg_hdr));
}

void bl_rtp_leg_receive(struct bl_worker *worker, struct bl_leg *leg)
{
	struct bl_receive *room = &worker->receive;

	for (int round = 0; round < RECEIVE_ROUNDS; round++) {
		int count =
			recvmmsg(leg->fd, room->messages, BL_RECEIVE_BATCH, MSG_DONTWAIT, NULL);

		for (int i = 0; i < count; i++) {
			receive(worker, leg, &room->messages[i]);
			room->messages[i].msg_hdr.msg_namelen = sizeof(room->from[i]);
			room->messages[i].msg_hdr.msg_controllen = sizeof(room->control[i]);
		}
		if (count < BL_RECEIVE_BATCH)
			return;
	}
}

static void put_packet(struct bl_leg *leg, const struct bl_rtp *header, uint8_t *packet,
		       size_t size)
{
	bl_rtp_header(packet, header);
	leg->rtp.seq++;
	if (sendto(leg->fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL, &leg->rtp.to.any,
		   leg->rtp.far.size) < 0) {
		leg->stats.send_errors++;
		return;
	}
	leg->stats.packets_out++;
	leg->stats.bytes_out += size - BL_RTP_HEADER;
}

/* One packet of a digit: growing, then three times its end (RFC 4733 §2.5.1). */
static void send_event(struct bl_leg *leg, char digit, int tick)
{
	struct bl_rtp_leg *rtp = &leg->rtp;
	int ticks = tick < BL_DIGITS_ON ? tick + 1 : BL_DIGITS_ON;
	uint8_t packet[MAX_PACKET];
	struct bl_rtp header = {
		.marker = !tick,
		.payload_type = (uint8_t)rtp->far.event_payload_type,
		.seq = rtp->seq,
		.ssrc = rtp->ssrc,
	};

	if (!tick)
		rtp->event_timestamp = rtp->timestamp;
	header.timestamp = rtp->event_timestamp;
	bl_telephone_event_build(packet + BL_RTP_HEADER,
				 &(struct bl_telephone_event){
					 .event = (uint8_t)bl_telephone_event_of(digit),
					 .end = tick >= BL_DIGITS_ON,
					 .volume = EVENT_VOLUME,
					 .duration = (uint16_t)(ticks * BL_FRAME),
				 });
	put_packet(leg, &header, packet, BL_RTP_HEADER + BL_TELEPHONE_EVENT_SIZE);
}

static void send_sound(struct bl_leg *leg, const int16_t *hears)
{
	struct bl_rtp_leg *rtp = &leg->rtp;
	uint8_t packet[MAX_PACKET];
	struct bl_rtp header = {
		.marker = !rtp->talking,
		.payload_type = rtp->far.payload_type,
		.seq = rtp->seq,
		.timestamp = rtp->timestamp,
		.ssrc = rtp->ssrc,
	};

	bl_g711_encode(rtp->far.codec, hears, BL_FRAME, packet + BL_RTP_HEADER);
	put_packet(leg, &header, packet, MAX_PACKET);
	rtp->talking = true;
}

void bl_rtp_leg_send(struct bl_leg *leg, const int16_t *hears)
{
	struct bl_rtp_leg *rtp = &leg->rtp;
	int tick;
	char digit = bl_digits_now(&leg->digits, &tick);

	if (!leg->send || !rtp->far.size) {
		rtp->talking = false;
	} else if (digit) {
		if (rtp->far.event_payload_type >= 0)
			send_event(leg, digit, tick);
		else
			send_sound(leg, hears);
		bl_digits_advance(&leg->digits);
	} else {
		send_sound(leg, hears);
	}
	rtp->timestamp += BL_FRAME;
}
