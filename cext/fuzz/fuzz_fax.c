/* fuzz_fax.c  Any bytes as IFP packets for a fax receiver that speaks T.38 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "branchline_media.h"
#include "fax_t30.h"
#include "udptl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(void *user, const struct bl_fax_event *event)
{
	(void)user;
	for (const char *p = event->station; *p; p++) {
		if (*p < ' ' || *p > '~')
			abort();
	}
}

static void drop(void *user, const uint8_t *datagram, size_t size)
{
	(void)user;
	if (!size || !datagram)
		abort();
}

static void feed(struct bl_t30 *t30, const uint8_t *data, size_t size)
{
	struct bl_udptl_sender sender = {.repair = BL_UDPTL_NONE};
	uint8_t datagram[BL_UDPTL_MAX];
	int16_t frame[BL_FRAME];

	/* an octet says how long the next packet is, or lets time pass */
	while (size > 1) {
		size_t length = data[0] & 0x7F;
		int built;

		for (int i = 0; i < (data[0] & 0x80 ? 50 : 0); i++)
			bl_t30_audio(t30, NULL, frame);
		data++;
		size--;
		length = length < size ? length : size;
		built = length ? bl_udptl_build(&sender, data, length, datagram, BL_UDPTL_MAX) : 0;
		if (built > 0)
			bl_t30_datagram(t30, datagram, (size_t)built);
		data += length;
		size -= length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64];
	struct bl_fax_config config = {.path = path,
				       .station = "1",
				       .header = "",
				       .ecm = true,
				       .v17 = true,
				       .max_pages = 3,
				       .max_seconds = 600,
				       .max_bytes = 1 << 20};
	const struct bl_t30_user user = {tell, drop, NULL};
	struct bl_fax_t38 t38 = {.repair = BL_UDPTL_NONE, .version = size & 1};
	struct bl_t30 *t30;

	snprintf(path, sizeof(path), "/dev/shm/fuzz-fax-%d.tif", (int)getpid());
	unlink(path);
	if (bl_t30_new(&config, &user, &t30))
		abort();
	bl_t30_switch(t30, &t38);
	feed(t30, data, size);
	bl_t30_end(t30, BL_FAX_CALL_DROPPED);
	bl_t30_free(t30);
	unlink(path);
	return 0;
}
