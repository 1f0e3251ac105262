/* telephone_event.c  DTMF digits and other events as RTP payload (RFC 4733) */
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "frame.h"
#include "telephone_event.h"

enum {
	END = 0x80,
	VOLUME = 0x3F,
	LONGEST = 0xFFFF,	   /* [samples] of a segment, RFC 4733 §2.5.1.3 */
	QUIET = 200 / BL_FRAME_MS, /* [ticks]: updates come every 50 ms at least (§2.5.1.2) */
	STALE_S = 10,		   /* [s]: older than that is no straggler but a new numbering */
};

/* RFC 4733 §3.2, table 3: event codes 0 to 16 */
static const char digits[] = "0123456789*#ABCD!";

int bl_telephone_event_parse(const uint8_t *payload, size_t size, struct bl_telephone_event *out)
{
	if (!payload || !out || size < BL_TELEPHONE_EVENT_SIZE)
		return BL_EINVAL;
	out->event = payload[0];
	out->end = payload[1] & END;
	out->volume = payload[1] & VOLUME;
	out->duration = bl_get16(payload + 2);
	return BL_OK;
}

void bl_telephone_event_build(uint8_t *payload, const struct bl_telephone_event *event)
{
	payload[0] = event->event;
	payload[1] = (uint8_t)((event->end ? END : 0) | (event->volume & VOLUME));
	bl_put16(payload + 2, event->duration);
}

static uint32_t clock_of(const struct bl_telephone_receiver *receiver)
{
	return receiver->clock ? receiver->clock : BL_RATE;
}

static struct bl_telephone_told tell(const struct bl_telephone_receiver *receiver, bool ended)
{
	uint64_t samples = (uint64_t)receiver->before + receiver->duration;

	return (struct bl_telephone_told){
		.event = receiver->event,
		.ended = ended,
		.volume = receiver->volume,
		.ms = (uint32_t)(samples * 1000 / clock_of(receiver)),
	};
}

/* A packet of the event at hand; returns how much is told. */
static size_t go_on(struct bl_telephone_receiver *receiver, const struct bl_telephone_event *event,
		    struct bl_telephone_told *told)
{
	if (event->duration > receiver->duration)
		receiver->duration = event->duration;
	receiver->quiet = 0;
	receiver->ended |= event->end;
	if (!event->end || !receiver->running)
		return 0;
	receiver->running = false;
	*told = tell(receiver, true);
	return 1;
}

static void begin(struct bl_telephone_receiver *receiver, uint32_t timestamp,
		  const struct bl_telephone_event *event)
{
	*receiver = (struct bl_telephone_receiver){
		.clock = receiver->clock,
		.any = true,
		.running = true,
		.event = event->event,
		.volume = event->volume,
		.timestamp = timestamp,
		.duration = event->duration,
	};
}

size_t bl_telephone_take(struct bl_telephone_receiver *receiver, uint32_t timestamp,
			 const struct bl_telephone_event *event,
			 struct bl_telephone_told told[BL_TELEPHONE_TOLD])
{
	int32_t step = (int32_t)(timestamp - receiver->timestamp);
	bool same = receiver->any && event->event == receiver->event;
	size_t count = 0;

	if (receiver->any && step < 0 && -(int64_t)step < (int64_t)STALE_S * clock_of(receiver))
		return 0;
	if (receiver->any && !step)
		return same ? go_on(receiver, event, told) : 0;
	if (same && !receiver->ended && step == LONGEST) {
		receiver->before += LONGEST;
		receiver->timestamp = timestamp;
		receiver->duration = 0;
		return go_on(receiver, event, told);
	}
	if (receiver->running)
		told[count++] = tell(receiver, true);
	begin(receiver, timestamp, event);
	told[count++] = tell(receiver, false);
	return count + go_on(receiver, event, told + count);
}

bool bl_telephone_tick(struct bl_telephone_receiver *receiver, struct bl_telephone_told *told)
{
	if (!receiver->running || ++receiver->quiet < QUIET)
		return false;
	receiver->running = false;
	*told = tell(receiver, true);
	return true;
}

void bl_telephone_start(struct bl_telephone_sender *sender, uint8_t event, uint8_t volume,
			uint32_t timestamp)
{
	*sender = (struct bl_telephone_sender){
		.event = event,
		.volume = volume,
		.timestamp = timestamp,
	};
}

void bl_telephone_next(struct bl_telephone_sender *sender, uint32_t samples, bool end,
		       struct bl_telephone_packet *out)
{
	if (sender->duration > LONGEST) {
		sender->timestamp += LONGEST;
		sender->duration -= LONGEST;
	}
	if (!end)
		sender->duration += samples;
	*out = (struct bl_telephone_packet){
		.marker = !sender->begun,
		.timestamp = sender->timestamp,
		.event.event = sender->event,
		.event.end = end,
		.event.volume = sender->volume,
		/* what goes beyond is in the next segment's first packet */
		.event.duration =
			(uint16_t)(sender->duration < LONGEST ? sender->duration : LONGEST),
	};
	sender->begun = true;
}

int bl_telephone_event_of(char digit)
{
	const char *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}

char bl_telephone_digit(uint8_t event)
{
	return event < sizeof(digits) - 1 ? digits[event] : 0;
}
