/* latch.c  Whose packets are believed */
#include <stdlib.h>
#include <string.h>
#include "latch.h"

void bl_latch_reset(struct bl_latch *latch, const union bl_address *home)
{
	memset(latch, 0, sizeof(*latch));
	latch->home = *home;
}

const union bl_address *bl_latch_target(const struct bl_latch *latch)
{
	return latch->latched ? &latch->believed.address : &latch->home;
}

static bool goes_on(const struct bl_latch_source *source, const struct bl_latch_packet *packet)
{
	int step = (int16_t)(packet->seq - source->seq);

	return packet->ssrc == source->ssrc && step > 0 && step <= BL_LATCH_GOES_ON;
}

static bool believe(struct bl_latch *latch, const struct bl_latch_packet *packet, uint64_t now)
{
	latch->believed = (struct bl_latch_source){*packet->from, packet->ssrc, packet->seq};
	latch->latched = true;
	latch->tried = false;
	latch->heard_tick = now;
	return true;
}

/* Counts packets of one stream that come in order from one place. */
static bool passes_probation(struct bl_latch *latch, const struct bl_latch_packet *packet)
{
	struct bl_latch_source *candidate = &latch->candidate;

	if (latch->tried && bl_address_same(&candidate->address, packet->from) &&
	    packet->ssrc == candidate->ssrc && packet->seq == (uint16_t)(candidate->seq + 1))
		latch->trial++;
	else
		latch->trial = 1;
	latch->tried = true;
	*candidate = (struct bl_latch_source){*packet->from, packet->ssrc, packet->seq};
	return latch->trial >= BL_LATCH_PROBATION;
}

bool bl_latch_admit(struct bl_latch *latch, const struct bl_latch_packet *packet, uint64_t now)
{
	struct bl_latch_source *believed = &latch->believed;

	if (latch->latched && bl_address_same(&believed->address, packet->from)) {
		/* the newest number, so that an old one is no way in */
		if (packet->ssrc != believed->ssrc || (int16_t)(packet->seq - believed->seq) > 0) {
			believed->ssrc = packet->ssrc;
			believed->seq = packet->seq;
		}
		latch->heard_tick = now;
		return true;
	}
	if (packet->authentic || bl_address_same(&latch->home, packet->from))
		return believe(latch, packet, now);
	if (!latch->latched)
		return passes_probation(latch, packet) && believe(latch, packet, now);
	if (now - latch->heard_tick >= BL_LATCH_STOPPED && goes_on(believed, packet))
		return believe(latch, packet, now);
	return false;
}
