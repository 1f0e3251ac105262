/*
 * fax.h  A fax on a leg: ITU-T T.30 over G.711 sound, or over T.38 datagrams
 *
 * What does it do?  It receives a fax into a TIFF file, page by page, or sends one from a TIFF
 *   file. It begins with sound (V.17, V.29, V.27ter, V.21) and goes on with T.38 over UDPTL when
 *   both ends agree to that by a re-INVITE. It tells each page, and how it all ended.
 * How does it work?  libspandsp speaks T.30 and writes the file, which allocates and may wait for
 *   the disk: it runs in a thread of its own. The tick only moves frames and datagrams through
 *   rings; each bl_fax_put() is also the session's clock, 20 ms, so a stepped engine gives the
 *   same fax every time. BL_FAX_CUSHION frames of silence go out first: so much may the thread be
 *   late before a modem signal gets a hole. A receiver that changes to T.38 begins T.30 anew, as
 *   both ends do when their gateways agree on it.
 * How do I use it?
 *   caller:  bl_faxes_new() once; bl_fax_new(), bl_faxes_add(); bl_fax_switch() at the re-INVITE
 *   tick:    bl_fax_put() and bl_fax_get() each tick, datagrams as they come; bl_fax_detach()
 *   caller:  bl_fax_event() when told; bl_fax_free() for what comes back by the retired stack
 *   A leg with a fax needs its sound unaltered: no concealment, no echo canceller, no gain, a
 *   jitter buffer that does not skip.
 */
#ifndef BL_FAX_H
#define BL_FAX_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"
#include "frame.h"
#include "node.h"
#include "udptl.h"

enum {
	BL_FAX_PATH_MAX = 255,	      /* [bytes] */
	BL_FAX_STATION_MAX = 20,      /* [characters], T.30 §5.3.6.2.4 to .6: 20 digits */
	BL_FAX_HEADER_MAX = 50,	      /* [characters] of the line above each page */
	BL_FAX_CUSHION = 3,	      /* [frames] of silence before the first sound */
	BL_FAX_PAGES_MAX = 1000,      /* the most that max_pages may be */
	BL_FAX_ROWS_MAX = 20000,      /* [rows] of a page; A4 superfine has 4,573 (T.4) */
	BL_FAX_SPACE_LEFT = 64 << 20, /* [bytes] left on the disk, below that nothing is taken */
};

/* What the caller's side keeps of a fax. */
struct bl_fax_head {
	struct bl_node node;
	int64_t id, leg;
	bool back; /* the thread will not touch it again */
	bool over; /* its end was polled */
};

struct bl_fax_stats {
	uint64_t frames_lost; /* found no room: the thread did not run */
	uint64_t frames_late; /* were not ready when they were due */
	uint64_t datagrams_in, datagrams_out, datagrams_lost;
	uint64_t malformed, late, lost, repaired; /* of UDPTL; see udptl.h */
	uint64_t refused;			  /* IFP packets and frames kept from libspandsp */
};

struct bl_fax;
struct bl_faxes;

/* Caller's side. BL_EINVAL: an argument; BL_EIO: the file; BL_ENOSPC: the disk is (near) full. */
int bl_fax_new(int64_t id, int64_t leg, const struct bl_fax_config *config, struct bl_fax **out);
static inline struct bl_fax_head *bl_fax_head(struct bl_fax *fax)
{
	return (struct bl_fax_head *)fax;
}
/* Before it was added, or after it came back. */
void bl_fax_free(struct bl_fax *fax);
/* Go on with T.38; BL_ESTATE: it has, or pages have come by sound already. */
int bl_fax_switch(struct bl_fax *fax, const struct bl_fax_t38 *t38);
/* Ends it; BL_FAX_DONE follows. */
void bl_fax_cancel(struct bl_fax *fax);
/* False: there is no event. */
bool bl_fax_event(struct bl_fax *fax, struct bl_fax_event *out);
void bl_fax_stats(struct bl_fax *fax, struct bl_fax_stats *out);

/* Tick side; they never wait. Frame NULL: nothing came (a lost packet, or T.38). */
void bl_fax_put(struct bl_fax *fax, const int16_t *frame);
/* Always gives a frame of BL_FRAME samples, silence where there is nothing. */
void bl_fax_get(struct bl_fax *fax, int16_t *frame);
void bl_fax_datagram(struct bl_fax *fax, const uint8_t *data, size_t size);
/* Returns the bytes of a datagram to be sent, 0: none. room: at least BL_UDPTL_MAX. */
size_t bl_fax_datagram_get(struct bl_fax *fax, uint8_t *data, size_t room);
/* The tick will not touch it again. */
void bl_fax_detach(struct bl_fax *fax);

/*
 * All faxes of an engine. told: called by whoever services, after an event was put; retired: where
 * faxes go that were detached and have told all; the caller's thread frees them.
 */
struct bl_faxes_config {
	void (*told)(void *user, struct bl_fax *fax);
	void *user;
	struct bl_stack *retired;
};

int bl_faxes_new(const struct bl_faxes_config *config, struct bl_faxes **out);
/* Starts the thread; without it bl_faxes_service() is called by hand. */
int bl_faxes_start(struct bl_faxes *faxes);
void bl_faxes_add(struct bl_faxes *faxes, struct bl_fax *fax);
void bl_faxes_service(struct bl_faxes *faxes);
/* Services are by hand again. */
void bl_faxes_stop(struct bl_faxes *faxes);
/* Stops the thread and frees what is left; the tick must not run any more. */
void bl_faxes_free(struct bl_faxes *faxes);

#endif
