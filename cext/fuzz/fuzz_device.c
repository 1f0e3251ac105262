/* fuzz_device.c  Any bytes from any kind of device, which takes as much or as little as it likes
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes what is due, or half of it, or nothing. */
static void take_some(struct bl_device *device, uint8_t how)
{
	size_t due;

	while (bl_device_due(device, &due), due && how % 4) {
		bl_device_went(device, how % 4 == 1 ? (due + 1) / 2 : due);
		how = (uint8_t)(how / 4);
	}
	if (bl_device_is_behind(device) && !due)
		bl_device_drained(device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bl_device *device;
	int16_t frame[BL_FRAME_MAX];
	size_t at = 4;

	if (size < at ||
	    bl_device_new(&(struct bl_device_config){.format = data[0] % 5,
						     .rate = data[0] & 8 ? 16000 : 8000,
						     .shielded = data[0] & 16,
						     .block = data[1],
						     .echo_ms = data[2] & 15 ? 0 : 16,
						     .suppress = data[2] & 16,
						     .out_db = (data[3] & 7) * 5},
			  &device))
		return 0;
	while (at < size) {
		size_t end = at + 1 + (size_t)data[at] * 4;
		struct bl_device_got got;

		take_some(device, data[at++]);
		end = end < size ? end : size;
		while (at < end) {
			at += bl_device_read(device, data + at, end - at, &got);
			if (got.count > sizeof(got.samples) / sizeof(got.samples[0]))
				abort();
		}
		for (size_t i = 0; i < BL_FRAME_MAX; i++)
			frame[i] = (int16_t)(i * data[3] * 37);
		bl_device_write(device, frame);
	}
	bl_device_free(device);
	return 0;
}
