/* branchline_fax.h  Faxes, by sound (T.30) and over UDPTL (T.38) */
#ifndef BRANCHLINE_FAX_H
#define BRANCHLINE_FAX_H
#include <stdbool.h>
#include <stdint.h>
#include "branchline_engine.h"

/* T38FaxUdpEC of the SDP (ITU-T T.38 table D.1). */
enum bl_udptl_repair {
	BL_UDPTL_NONE,
	BL_UDPTL_REDUNDANCY,
	BL_UDPTL_FEC,
};

/* How a fax ended. */
enum bl_fax_end {
	BL_FAX_OK = 0,
	BL_FAX_NO_FAX,	       /* nobody spoke T.30, or too late (T0, T1) */
	BL_FAX_TRAINING,       /* no modem speed worked */
	BL_FAX_INCOMPATIBLE,   /* the far end cannot do what is needed */
	BL_FAX_CARRIER_LOST,   /* the signal broke off in a page */
	BL_FAX_NO_ANSWER,      /* the far end fell silent between pages (T2, T4, T5) */
	BL_FAX_PROTOCOL,       /* an answer or command that does not belong there */
	BL_FAX_FAR_END_ENDED,  /* a disconnect (DCN) before the end */
	BL_FAX_CALL_DROPPED,   /* the leg went away, or bl_fax_stop() */
	BL_FAX_BAD_FILE,       /* the TIFF cannot be opened, or is none that can be sent */
	BL_FAX_WRITE_FAILED,   /* the pages could not be written */
	BL_FAX_DISK_FULL,      /* less than 64 MB are left */
	BL_FAX_TOO_MANY_PAGES, /* max_pages */
	BL_FAX_TOO_LARGE,      /* max_bytes, or a page of more than 20,000 rows */
	BL_FAX_TOO_LONG,       /* max_seconds */
};

enum bl_fax_event_kind {
	BL_FAX_PAGE = 1, /* a page is complete */
	BL_FAX_DONE,	 /* the last event */
};

struct bl_fax_config {
	bool send;	     /* false: receive */
	const char *path;    /* of the TIFF; where received it must not exist */
	const char *station; /* our number (CSI or TSI), may be "" */
	const char *header;  /* sender: text above each page, "": none */
	bool ecm;	     /* error correction mode (T.30 annex A) */
	bool v17;	     /* up to 14,400 bit/s; without it 9,600 */
	int32_t max_pages;
	int32_t max_seconds;
	int64_t max_bytes; /* of the file */
};

/* What offer and answer agreed on, from the far end's side of the SDP. */
struct bl_fax_t38 {
	int32_t version;       /* T38FaxVersion, 0 to 3 */
	int32_t max_datagram;  /* [bytes] T38FaxMaxDatagram; 0: not told */
	int32_t repair;	       /* enum bl_udptl_repair */
	bool local_tcf;	       /* T38FaxRateManagement: localTCF */
	bool fill_bit_removal; /* T38FaxFillBitRemoval */
};

struct bl_fax_event {
	int32_t kind;			  /* enum bl_fax_event_kind */
	int32_t end;			  /* enum bl_fax_end, of BL_FAX_DONE */
	int32_t t30_code;		  /* libspandsp's, of BL_FAX_DONE */
	int32_t pages;			  /* complete so far */
	int32_t width, rows, bad_rows;	  /* [pixels] of the last page */
	int32_t x_per_metre, y_per_metre; /* [pixels/m] */
	int32_t bit_rate;		  /* [bit/s] */
	bool ecm, t38;
	char station[21]; /* of the far end: printable ASCII */
	uint64_t bytes;	  /* of the file */
};

/*
 * The leg, at 8 kHz, speaks T.30 instead of hearing anything else, until the fax is over; not more
 * than one fax a leg. BL_EINVAL: an argument; BL_EIO: the file; BL_ENOSPC: the disk is (near)
 * full.
 */
int bl_fax(struct bl_engine *engine, int64_t fax, int64_t leg, const struct bl_fax_config *config);
/* From now on by T.38 over UDPTL with that address, on the leg's own port; BL_ESTATE: it does so
 * already, or pages have come by sound. */
int bl_fax_t38(struct bl_engine *engine, int64_t fax, const char *address, int32_t port,
	       const struct bl_fax_t38 *t38);
/* BL_FAX_DONE follows. */
int bl_fax_stop(struct bl_engine *engine, int64_t fax);
/* 1: an event; 0: there is none. After BL_FAX_DONE the id is free again. */
int bl_fax_poll(struct bl_engine *engine, int64_t fax, struct bl_fax_event *out);
/* A word for it. */
const char *bl_fax_reason(enum bl_fax_end end);

#endif
