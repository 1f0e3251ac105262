/* telephone_event.h  DTMF digits as RTP payload (RFC 4733 §2.3) */
#ifndef BL_TELEPHONE_EVENT_H
#define BL_TELEPHONE_EVENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BL_TELEPHONE_EVENT_SIZE = 4 }; /* [bytes] */

struct bl_telephone_event {
	uint8_t event;
	bool end;
	uint8_t volume;	   /* [-dBm0] */
	uint16_t duration; /* [samples] */
};

/* Which digit is being received, so that no packet of it counts twice. */
struct bl_telephone_receiver {
	bool any;
	uint8_t event;
	uint32_t timestamp;
	uint16_t duration;
};

int bl_telephone_event_parse(const uint8_t *payload, size_t size, struct bl_telephone_event *out);
void bl_telephone_event_build(uint8_t *payload, const struct bl_telephone_event *event);
/* The digit when this packet is the first of it, else 0. */
char bl_telephone_receive(struct bl_telephone_receiver *receiver, uint32_t timestamp,
			  const struct bl_telephone_event *event);
/* The event code of a digit, or -1. */
int bl_telephone_event_of(char digit);

#endif
