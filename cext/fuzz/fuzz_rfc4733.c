/* fuzz_rfc4733.c  Any bytes as a row of telephone-event payloads, each with a timestamp before */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "telephone_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bl_telephone_receiver receiver = {0};

	while (size > 1) {
		struct bl_telephone_event event;
		size_t length = data[1] % 8;
		uint32_t timestamp = (uint32_t)data[0] * 160;
		char digit;

		data += 2;
		size -= 2;
		length = length < size ? length : size;
		if (!bl_telephone_event_parse(data, length, &event)) {
			digit = bl_telephone_receive(&receiver, timestamp, &event);
			if (digit && !strchr("0123456789*#ABCD", digit))
				abort();
			if (bl_telephone_receive(&receiver, timestamp, &event))
				abort(); /* the same packet again is no new digit */
		}
		data += length;
		size -= length;
	}
	return 0;
}
