/*
 * ifp.h  Is an IFP packet (ITU-T T.38 §8) whole, and safe to be read by libspandsp?
 *
 * libspandsp 0.0.6 dies of a page's frame (FCD, T.4 annex A) with three octets: it copies four
 * fewer than there are. Others of its versions read a data field's first octet also where the
 * packet says that there is none. Such packets are refused before it sees them.
 */
#ifndef BL_IFP_H
#define BL_IFP_H
#include <stddef.h>
#include <stdint.h>

enum {
	BL_IFP_FRAME_MAX = 260, /* [octets] of an HDLC frame: T.4 annex A, 4 and 256 */
	BL_IFP_FCD = 0x60,	/* facsimile control field of coded data, in T.30's bit order */
};

/* The HDLC frame that packets are filling. */
struct bl_ifp_frame {
	size_t size;
	uint8_t control; /* its third octet */
};

/*
 * BL_OK, or BL_EINVAL. version: T38FaxVersion; it settles how fields are coded. Octets beyond the
 * fields are let pass: what parities repair may be longer than it was, see udptl.c.
 */
int bl_ifp_check(const uint8_t *ifp, size_t size, int version, struct bl_ifp_frame frame);

#endif
