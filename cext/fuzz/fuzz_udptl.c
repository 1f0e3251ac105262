/* fuzz_udptl.c  Any bytes as datagrams for the UDPTL receiver, its IFP packets as any bytes, too
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "branchline_media.h"
#include "ifp.h"
#include "udptl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct last {
	int32_t seq; /* handed over last out of this datagram; -1: none yet */
	unsigned int sum;
};

static void take(void *user, uint16_t seq, const uint8_t *ifp, size_t size)
{
	struct last *last = user;

	if (!size || size > BL_UDPTL_IFP_MAX ||
	    (last->seq >= 0 && (int16_t)(seq - last->seq) <= 0))
		abort();
	last->seq = seq;
	for (size_t i = 0; i < size; i++)
		last->sum += ifp[i];
	for (int version = 0; version < 2; version++)
		bl_ifp_check(ifp, size, version, (struct bl_ifp_frame){size & 3, ifp[0]});
}

/* Each datagram is preceded by its length in two octets. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bl_udptl_receiver receiver;
	struct last last = {0};

	receiver = (struct bl_udptl_receiver){0};
	while (size > 2) {
		size_t length = (size_t)(data[0] << 8 | data[1]) % 512;
		uint8_t *copy;

		data += 2;
		size -= 2;
		length = length < size ? length : size;
		copy = malloc(length ? length : 1); /* of its exact size, for the sanitizer */
		if (!copy)
			return 0;
		for (size_t i = 0; i < length; i++)
			copy[i] = data[i];
		last.seq = -1;
		bl_udptl_receive(&receiver, copy, length, take, &last);
		free(copy);
		data += length;
		size -= length;
	}
	return 0;
}
