/* telephone_event.c  DTMF digits as RTP payload (RFC 4733 §2.3) */
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "telephone_event.h"

enum {
	END = 0x80,
	VOLUME = 0x3F,
	LONGEST =
		0xFFFF, /* [samples]: a longer event goes on as a new segment, RFC 4733 §2.5.1.3 */
};

/* RFC 4733 §3.2, table 3: event codes 0 to 15 */
static const char digits[] = "0123456789*#ABCD";

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

char bl_telephone_receive(struct bl_telephone_receiver *receiver, uint32_t timestamp,
			  const struct bl_telephone_event *event)
{
	int32_t step = (int32_t)(timestamp - receiver->timestamp);
	bool segment = receiver->any && event->event == receiver->event && step == LONGEST &&
		       receiver->duration == LONGEST;

	if (event->event >= sizeof(digits) - 1)
		return 0;
	if (receiver->any && step <= 0) {
		if (!step && event->duration > receiver->duration)
			receiver->duration = event->duration;
		return 0;
	}
	*receiver = (struct bl_telephone_receiver){
		.any = true,
		.event = event->event,
		.timestamp = timestamp,
		.duration = event->duration,
	};
	return segment ? 0 : digits[event->event];
}

int bl_telephone_event_of(char digit)
{
	const char *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}
