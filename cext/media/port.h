/*
 * port.h  The one UDP port of all browser legs: read in batches, told apart by source
 *
 * What does it do?  Each tick it takes what came, hands STUN and DTLS to the guard, and gives back
 *   the rest with the leg it belongs to. From a source that no check validated it takes nothing.
 * How does it work?  recvmmsg() into buffers that stay as they are until the next bl_port_read(),
 *   so that the workers of the tick can each decrypt their own legs' packets in place. One system
 *   call serves 32 packets of any legs, which is cheaper than a socket and a call for each leg.
 * The table from source to leg is the tick's own: bl_port_obey() writes it by the guard's records.
 * How do I use it?  bl_port_open() by the caller; in the tick bl_port_obey() for each record of
 *   the guard, then one bl_port_read() before the legs hear, and bl_port_forget() when a leg is
 *   removed. Send with sendto() on the path's fd.
 */
#ifndef BL_PORT_H
#define BL_PORT_H
#include <time.h>
#include "guard.h"
#include "paths.h"

enum {
	BL_PORT_SIZE = 1500 + BL_SRTP_TRAILER, /* [bytes] of a buffer */
};

struct bl_port_packet {
	void *owner; /* NULL: nothing to be done about it */
	uint8_t *data;
	size_t size;
	struct bl_source from;
	struct timespec at;	     /* when it came, by the kernel; zero: not stamped */
	struct bl_port_packet *next; /* the owner's, to chain its packets */
};

struct bl_port_stats {
	uint64_t foreign; /* from sources that are no leg's */
	uint64_t handed;  /* to the guard */
	uint64_t too_long;
};

/* What the tick keeps of a leg with ICE: where it is heard from and sent to. */
struct bl_port_leg {
	struct bl_source paths[BL_ICE_PATHS];
	int count;
	struct bl_source chosen;
	bool has_chosen; /* send to it */
};

struct bl_port;

/* Returns the port it is bound to; stamped: the kernel notes when each packet came. */
int bl_port_open(const char *address, int32_t port, int32_t max_legs, bool stamped,
		 struct bl_port **out);
void bl_port_close(struct bl_port *port);

/* The tick's side. */
/* What a record of the guard says of paths. port: NULL for a leg with a socket of its own. */
void bl_port_obey(struct bl_port *port, struct bl_port_leg *leg,
		  const struct bl_guard_record *record);
/* The leg is removed. */
void bl_port_forget(struct bl_port *port, struct bl_port_leg *leg, const void *owner);
/* Takes what waits; *packets points to so many as it returns, good until the next call. */
int32_t bl_port_read(struct bl_port *port, struct bl_guard *guard, int32_t worker,
		     struct bl_port_packet **packets);
const struct bl_port_stats *bl_port_stats(const struct bl_port *port);

#endif
