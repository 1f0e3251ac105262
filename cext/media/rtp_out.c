/* rtp_out.c  What goes out of an RTP leg: one packet of sound or of a digit each tick */
#include <string.h>
#include "engine.h"

/* [samples] of the RTP clock in 20 ms */
static uint32_t step_of(const struct bl_leg *leg)
{
	return (uint32_t)leg->coder->clock / BL_TICKS_PER_S;
}

/* The same of telephone events: mostly the codec's, RFC 4733 §2.1 wants no other. */
static uint32_t event_step_of(const struct bl_leg *leg)
{
	return bl_rtp_leg_event_clock(leg) / BL_TICKS_PER_S;
}

/* Events of the codec's clock lie on its time line, others have one of their own. */
static uint32_t event_time_of(const struct bl_leg *leg)
{
	return event_step_of(leg) == step_of(leg) ? leg->rtp.timestamp : leg->rtp.event_timestamp;
}

struct bl_post_route bl_rtp_leg_route(const struct bl_leg *leg)
{
	const struct bl_source *chosen = &leg->rtp.at.chosen;
	const union bl_address *to;

	if (leg->rtp.shared)
		return (struct bl_post_route){.via = {chosen->fd, -1},
					      .to = leg->rtp.at.has_chosen ? &chosen->address
									   : NULL};
	to = bl_latch_target(&leg->rtp.latch);
	return (struct bl_post_route){
		{leg->fd, leg->rtp.place}, bl_address_same(to, &leg->rtp.tied_to), to};
}

static bool protect(struct bl_worker *worker, struct bl_leg *leg, size_t *size)
{
	struct bl_srtp *out = leg->rtp.keys.out;
	uint8_t *packet = bl_post_packet(&worker->post);
	bool rtcp = bl_wire_of(packet, *size) == BL_WIRE_RTCP;

	if (!leg->rtp.secure)
		return true;
	if (!out)
		return false;
	return (rtcp ? bl_srtp_protect_rtcp(out, packet, size, BL_PACKET_ROOM)
		     : bl_srtp_protect(out, packet, size, BL_PACKET_ROOM)) == BL_SRTP_GOOD;
}

void bl_rtp_leg_put(struct bl_worker *worker, struct bl_leg *leg, size_t size, size_t payload)
{
	struct bl_post_route route = bl_rtp_leg_route(leg);

	if (route.to && protect(worker, leg, &size))
		bl_post_send(&worker->post, &route, size, &leg->stats, payload);
}

static void put_packet(struct bl_worker *worker, struct bl_leg *leg, const struct bl_rtp *header,
		       size_t size)
{
	bl_rtp_header(bl_post_packet(&worker->post), header);
	leg->rtp.seq++;
	bl_rtp_leg_put(worker, leg, size, size - BL_RTP_HEADER);
}

/* The packet of this tick's digit; false: its events are sent, sound may fill the gap. */
static bool send_event(struct bl_worker *worker, struct bl_leg *leg)
{
	struct bl_rtp_leg *rtp = &leg->rtp;
	struct bl_telephone_packet event;
	struct bl_rtp header = {
		.payload_type = (uint8_t)rtp->far.event_payload_type,
		.seq = rtp->seq,
		.ssrc = rtp->ssrc,
	};

	if (!bl_digits_event(&leg->digits, event_time_of(leg), event_step_of(leg), &event))
		return false;
	header.marker = event.marker;
	header.timestamp = event.timestamp;
	bl_telephone_event_build(bl_post_packet(&worker->post) + BL_RTP_HEADER, &event.event);
	put_packet(worker, leg, &header, BL_RTP_HEADER + BL_TELEPHONE_EVENT_SIZE);
	return true;
}

/* [bytes]; 0: the codec has nothing to send (DTX) */
static int make_payload(struct bl_worker *worker, struct bl_leg *leg, const int16_t *hears,
			uint8_t *payload)
{
	if (leg->shared) {
		if (leg->shared->size > 0)
			memcpy(payload, leg->shared->payload, (size_t)leg->shared->size);
		return leg->shared->size;
	}
	atomic_fetch_add_explicit(&worker->encodes, 1, memory_order_relaxed);
	return bl_encode(leg->coder->encoder, hears, (size_t)leg->frame, payload, BL_PAYLOAD_MAX);
}

static void send_sound(struct bl_worker *worker, struct bl_leg *leg, const int16_t *hears)
{
	struct bl_rtp_leg *rtp = &leg->rtp;
	struct bl_rtp header = {
		.marker = !rtp->talking,
		.payload_type = rtp->far.payload_type,
		.seq = rtp->seq,
		.timestamp = rtp->timestamp,
		.ssrc = rtp->ssrc,
	};
	uint8_t *payload = bl_post_packet(&worker->post) + BL_RTP_HEADER;
	int noise = bl_rtp_leg_noise(leg, hears, payload);
	int size = noise < 0 ? make_payload(worker, leg, hears, payload) : noise;

	rtp->talking = noise < 0 && size > 0;
	if (noise > 0) {
		header.payload_type = (uint8_t)rtp->far.noise_payload_type;
		header.marker = false;
	}
	if (size > 0)
		put_packet(worker, leg, &header, BL_RTP_HEADER + (size_t)size);
}

void bl_rtp_leg_send(struct bl_worker *worker, struct bl_leg *leg, const int16_t *hears)
{
	struct bl_rtp_leg *rtp = &leg->rtp;
	int tick;
	char digit = bl_digits_now(&leg->digits, &tick);

	if (leg->udptl) {
		bl_fax_leg_send(worker, leg);
		return;
	}
	if (!rtp->far.size || !leg->coder)
		return;
	if (!leg->send) {
		rtp->talking = false;
	} else if (digit) {
		if (rtp->far.event_payload_type < 0 || !send_event(worker, leg))
			send_sound(worker, leg, hears);
		bl_digits_advance(&leg->digits);
	} else {
		send_sound(worker, leg, hears);
	}
	rtp->timestamp += step_of(leg);
	rtp->event_timestamp += event_step_of(leg);
}
