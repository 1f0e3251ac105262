/* fax_leg.c  A fax in the tick: frames between it and its leg, and T.38 on the leg's port */
#include <string.h>
#include "bytes.h"
#include "engine.h"

void bl_fax_leg_begin(struct bl_leg *leg, struct bl_fax *fax)
{
	bl_fax_leg_end(leg);
	leg->fax = fax;
	leg->udptl = false;
	if (leg->coder)
		bl_stream_fixed(leg->coder->stream, true);
}

void bl_fax_leg_end(struct bl_leg *leg)
{
	if (!leg->fax)
		return;
	bl_fax_detach(leg->fax);
	leg->fax = NULL;
	if (leg->coder)
		bl_stream_fixed(leg->coder->stream, false);
}

void bl_fax_leg_t38(struct bl_leg *leg, const union bl_address *address, socklen_t size)
{
	struct bl_far far = leg->rtp.far;

	far.address = *address;
	far.size = size;
	far.rtcp_port = -1;
	bl_rtp_leg_set_far(leg, &far);
	leg->udptl = true;
}

void bl_fax_leg_hear(struct bl_leg *leg, enum bl_stream_get got)
{
	bool whole = !leg->udptl && leg->rate == BL_RATE && got == BL_STREAM_WHOLE;

	/* what is made up would lead a modem astray */
	bl_fax_put(leg->fax, whole ? leg->says : NULL);
}

void bl_fax_leg_speak(struct bl_leg *leg, int16_t *hears)
{
	if (leg->rate == BL_RATE)
		bl_fax_get(leg->fax, hears);
	else
		memset(hears, 0, (size_t)leg->frame * sizeof(*hears));
}

/*
 * Numbers begin with 0 and there is no SSRC, so they prove nothing: whoever is believed stays so
 * to the end.
 */
static bool is_admitted(struct bl_worker *worker, struct bl_leg *leg, const uint8_t *data,
			const union bl_address *from)
{
	struct bl_latch *latch = &leg->rtp.latch;
	struct bl_latch_packet seen = {.from = from, .seq = bl_get16(data)};

	if (latch->latched && !bl_address_same(&latch->believed.address, from) &&
	    !bl_address_same(&latch->home, from))
		return false;
	return bl_latch_admit(latch, &seen, bl_now(worker->engine));
}

void bl_fax_leg_take(struct bl_worker *worker, struct bl_leg *leg, const uint8_t *data,
		     size_t size, const union bl_address *from)
{
	if (size < sizeof(uint16_t) || size > BL_UDPTL_MAX) {
		leg->stats.malformed++;
		return;
	}
	if (!is_admitted(worker, leg, data, from)) {
		leg->stats.foreign++;
		return;
	}
	bl_leg_alive(worker, leg);
	if (!leg->fax || !leg->receive)
		return;
	leg->stats.packets_in++;
	leg->stats.bytes_in += size;
	bl_fax_datagram(leg->fax, data, size);
}

void bl_fax_leg_send(struct bl_worker *worker, struct bl_leg *leg)
{
	struct bl_post_route route = bl_rtp_leg_route(leg);
	size_t size;

	while (leg->fax && (size = bl_fax_datagram_get(leg->fax, bl_post_packet(&worker->post),
						       BL_UDPTL_MAX))) {
		if (leg->send)
			bl_post_send(&worker->post, &route, size, &leg->stats, size);
	}
}
