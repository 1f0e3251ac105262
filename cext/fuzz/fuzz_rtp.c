/* fuzz_rtp.c  Any bytes as an RTP packet: parsed or refused, never read beyond their end */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "branchline_media.h"
#include "rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bl_rtp_source source = {0};
	struct bl_rtp rtp;
	unsigned int sum = 0;

	if (bl_rtp_parse(data, size, &rtp))
		return 0;
	for (size_t i = 0; i < rtp.length; i++)
		sum += rtp.payload[i];
	if (rtp.payload < data || rtp.payload + rtp.length > data + size)
		abort();
	bl_rtp_source_update(&source, &rtp);
	bl_rtp_source_jitter(&source, rtp.timestamp, sum);
	bl_rtp_source_lost(&source);
	return 0;
}
