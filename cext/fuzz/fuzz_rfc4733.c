/* fuzz_rfc4733.c  Any bytes as a row of telephone-event payloads, each with a timestamp before */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "telephone_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Begins and ends alternate, an end is of what has begun. */
static void take(struct bl_telephone_receiver *receiver, uint32_t timestamp,
		 const struct bl_telephone_event *event, int *running)
{
	struct bl_telephone_told told[BL_TELEPHONE_TOLD];
	size_t count = bl_telephone_take(receiver, timestamp, event, told);

	for (size_t i = 0; i < count; i++) {
		if (told[i].ended != (*running >= 0) ||
		    (told[i].ended && *running != told[i].event))
			abort();
		*running = told[i].ended ? -1 : told[i].event;
	}
	if (bl_telephone_take(receiver, timestamp, event, told))
		abort(); /* the same packet again says nothing new */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bl_telephone_receiver receiver = {0};
	struct bl_telephone_told told;
	int running = -1;

	while (size > 1) {
		struct bl_telephone_event event;
		size_t length = data[1] % 8;
		uint32_t timestamp =
			data[1] & 64 ? (uint32_t)data[0] * 65535 : (uint32_t)data[0] * 160;

		if (data[1] & 128 && bl_telephone_tick(&receiver, &told)) {
			if (running != told.event)
				abort();
			running = -1;
		}
		data += 2;
		size -= 2;
		length = length < size ? length : size;
		if (!bl_telephone_event_parse(data, length, &event))
			take(&receiver, timestamp, &event, &running);
		data += length;
		size -= length;
	}
	return 0;
}
