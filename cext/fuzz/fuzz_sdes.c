/* fuzz_sdes.c  Any bytes as an a=crypto value: refused, or read the same again when written */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "sdes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bl_sdes sdes, again;
	char text[BL_SDES_TEXT];
	int length;

	if (bl_sdes_parse((const char *)data, size, &sdes))
		return 0;
	length = bl_sdes_write(&sdes, text, sizeof(text));
	if (length < 0 || bl_sdes_parse(text, (size_t)length, &again) || sdes.tag != again.tag ||
	    sdes.lifetime != again.lifetime || !bl_sdes_same_key(&sdes, &again))
		abort();
	return 0;
}
