/* fuzz_v253.c  Any bytes as a modem's stream: cut anywhere, it says the same and stays in bounds
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "v253.h"

enum { LONGEST = 2048 };

/* All samples, and the codes in their order. */
struct told {
	size_t bytes, codes;
	uint8_t samples[LONGEST + 1], code[LONGEST];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads copies of their exact size, so that a byte too far is seen. */
static void read_all(const uint8_t *data, size_t size, size_t cut, struct told *told)
{
	struct bl_v253 reader = {.repeat = 16};

	memset(told, 0, sizeof(*told));
	for (size_t at = 0, taken; at < size; at += taken) {
		size_t piece = size - at < cut ? size - at : cut;
		uint8_t *in = malloc(piece), *out = malloc(piece + 1);
		struct bl_v253_got got;

		memcpy(in, data + at, piece);
		taken = bl_v253_read(&reader, in, piece, out, &got);
		if (!taken || taken > piece || got.bytes > piece + 1)
			abort();
		memcpy(told->samples + told->bytes, out, got.bytes);
		told->bytes += got.bytes;
		if (got.code)
			told->code[told->codes++] = (uint8_t)got.code;
		free(in);
		free(out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct told whole, cut;

	if (size < 2 || size > LONGEST)
		return 0;
	read_all(data + 1, size - 1, LONGEST, &whole);
	read_all(data + 1, size - 1, 1 + data[0] % 7, &cut);
	if (whole.bytes != cut.bytes || whole.codes != cut.codes ||
	    memcmp(whole.samples, cut.samples, whole.bytes) != 0 ||
	    memcmp(whole.code, cut.code, whole.codes) != 0)
		abort();
	return 0;
}
