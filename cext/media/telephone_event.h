/*
 * telephone_event.h  DTMF digits and other events as RTP payload (RFC 4733)
 *
 * What does it do?  It reads and writes the payload, tells a receiver each event once when it
 *   begins and once when it ends with its whole length, whatever is lost, doubled or out of
 *   order, and makes a sender's packets: long events in segments (§2.5.1.3), the end three times.
 * How does it work?  All packets of an event carry the timestamp of its begin, so a packet is
 *   judged by its timestamp alone: older than the event at hand, of it, or of a new one. An event
 *   whose ends are all lost ends with the next one, or when nothing has come for 200 ms.
 * How do I use it?  Receiving: bl_telephone_take() for each packet and bl_telephone_tick() each
 *   tick; a zeroed receiver begins, and begins again after a new SSRC. Sending:
 *   bl_telephone_start(), then bl_telephone_next() for each packet; digits.h does so.
 */
#ifndef BL_TELEPHONE_EVENT_H
#define BL_TELEPHONE_EVENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BL_TELEPHONE_EVENT_SIZE = 4, /* [bytes] */
	BL_TELEPHONE_FLASH = 16,     /* RFC 4733 §3.2: the digits are events 0 to 15 */
	BL_TELEPHONE_ENDS = 3,	     /* end packets, §2.5.1.4 */
	BL_TELEPHONE_TOLD = 3,	     /* what one packet can tell, at most */
};

struct bl_telephone_event {
	uint8_t event;
	bool end;
	uint8_t volume;	   /* [-dBm0] */
	uint16_t duration; /* [samples] of the payload type's own clock */
};

/* What is told about an event: that it has begun, or that it has ended. */
struct bl_telephone_told {
	uint8_t event;
	bool ended;
	uint8_t volume; /* [-dBm0] */
	uint32_t ms;	/* so far, or in all */
};

struct bl_telephone_receiver {
	uint32_t clock; /* [Hz] of the payload type; 0: 8,000 */
	bool any;
	bool running; /* begun and not told as ended */
	bool ended;   /* its end came, so nothing of it is still to come */
	uint8_t event, volume;
	uint32_t timestamp; /* of the segment */
	uint16_t duration;  /* [samples] of the segment */
	uint32_t before;    /* [samples] of the segments before */
	uint16_t quiet;	    /* [ticks] since its last packet */
};

struct bl_telephone_sender {
	uint8_t event, volume;
	bool begun;
	uint32_t timestamp; /* of the segment */
	uint32_t duration;  /* [samples] of the segment */
};

struct bl_telephone_packet {
	bool marker;
	uint32_t timestamp;
	struct bl_telephone_event event;
};

int bl_telephone_event_parse(const uint8_t *payload, size_t size, struct bl_telephone_event *out);
void bl_telephone_event_build(uint8_t *payload, const struct bl_telephone_event *event);

/* Returns how many things the packet tells: the end of the event before, a begin, an end. */
size_t bl_telephone_take(struct bl_telephone_receiver *receiver, uint32_t timestamp,
			 const struct bl_telephone_event *event,
			 struct bl_telephone_told told[BL_TELEPHONE_TOLD]);
/* Each tick; true: the event has ended, for nothing of it came any more. */
bool bl_telephone_tick(struct bl_telephone_receiver *receiver, struct bl_telephone_told *told);

void bl_telephone_start(struct bl_telephone_sender *sender, uint8_t event, uint8_t volume,
			uint32_t timestamp);
/* The next packet: the event goes on for so many samples, or has ended; call that three times. */
void bl_telephone_next(struct bl_telephone_sender *sender, uint32_t samples, bool end,
		       struct bl_telephone_packet *out);

/* The event code of a digit (0-9 * # A-D, ! is flash), or -1. */
int bl_telephone_event_of(char digit);
/* The digit of an event code, or 0. */
char bl_telephone_digit(uint8_t event);

#endif
