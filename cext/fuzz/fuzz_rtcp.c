/* fuzz_rtcp.c  Any bytes as a datagram of RTCP: parsed or refused, and its report still goes round
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "report.h"
#include "rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OURS = 0x01010101 };

static void inside(const struct bl_rtcp_text *text, const uint8_t *data, size_t size)
{
	const uint8_t *at = (const uint8_t *)text->at;

	if (at && (at < data || at + text->size > data + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t random[BL_REPORT_RANDOM] = {1};
	struct bl_rtp_source source = {0};
	struct bl_report_now now = {.ntp = bl_rtcp_ntp(1, 0), .source = &source};
	struct bl_report report;
	struct bl_rtcp in, again;
	uint8_t packet[BL_RTCP_MAX];
	int built;

	bl_report_init(&report, random, OURS, 0);
	if (bl_rtcp_parse(data, size, OURS, &in)) {
		if (!bl_report_receive(&report, data, size, now.ntp, 0))
			abort();
		return 0;
	}
	inside(&in.cname, data, size);
	inside(&in.reason, data, size);
	if (bl_report_receive(&report, data, size, now.ntp, 0))
		abort();
	if (bl_report_send(&report, &now, packet, sizeof(packet)) < 0)
		abort();
	built = bl_rtcp_build(&in, packet, sizeof(packet));
	if (built < 0)
		return 0; /* a longer text than we write */
	if (bl_rtcp_parse(packet, (size_t)built, OURS, &again) ||
	    memcmp(&in.voip, &again.voip, sizeof(in.voip)) != 0 ||  /* NOLINT: both were zeroed */
	    memcmp(&in.block, &again.block, sizeof(in.block)) != 0) /* NOLINT */
		abort();
	return 0;
}
