/* fuzz_noise.c  Any bytes as RFC 3389 payloads, one after the other: the noise stays sound */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "noise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bl_noise noise;
	int16_t frame[160];

	bl_noise_init(&noise, 1);
	while (size) {
		size_t take = (size_t)data[0] % 16;

		data++;
		size--;
		take = take < size ? take : size;
		if (bl_noise_payload(&noise, data, take) && take)
			abort();
		for (int i = 0; i < 3; i++)
			bl_noise_frame(&noise, frame, 160);
		for (int i = 0; i < BL_NOISE_ORDER; i++) {
			if (!isfinite(noise.back[i]) || !(fabsf(noise.reflection[i]) < 1.0f))
				abort();
		}
		data += take;
		size -= take;
	}
	return 0;
}
