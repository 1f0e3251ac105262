/* faxcall.h  A call between two faxes of ours, for their tests: the network, the pages, the end */
#ifndef BL_FAXCALL_H
#define BL_FAXCALL_H
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "branchline_media.h"
#include "check.h"
#include "fax.h"
#include "faxkit.h"
#include "g711.h"

enum { QUEUE = 256 };

static char directory[] = "fax-XXXXXX";
static char sent_path[64], got_path[64];
static struct faxkit_document sent, got;

/* Datagrams on their way; what the network does to them is told by a pattern, not by chance. */
struct wire {
	uint8_t data[QUEUE][BL_UDPTL_MAX];
	size_t size[QUEUE];
	int count;
	unsigned int passed;
};

struct call {
	struct bl_stack retired;
	struct bl_faxes *faxes;
	struct bl_fax *sender, *receiver;
	struct bl_fax_event done[2]; /* sender's, receiver's */
	struct bl_fax_event page;    /* receiver's last */
	int page_events, ended, ticks;
	enum bl_codec law;
	int lose_every; /* that many sound frames or datagrams; 0: none */
	int swap_every; /* datagrams */
	struct wire wires[2];
};

static const struct bl_fax_config sending = {.send = true,
					     .path = sent_path,
					     .station = "+49 30 1234567",
					     .header = "",
					     .ecm = true,
					     .v17 = true,
					     .max_pages = 100,
					     .max_seconds = 600,
					     .max_bytes = 1 << 30};
static const struct bl_fax_config receiving = {.path = got_path,
					       .station = "030 999",
					       .header = "",
					       .ecm = true,
					       .v17 = true,
					       .max_pages = 100,
					       .max_seconds = 600,
					       .max_bytes = 1 << 30};
static const struct bl_fax_t38 plain = {.repair = BL_UDPTL_REDUNDANCY, .max_datagram = 1400};

static inline void told(void *user, struct bl_fax *fax)
{
	struct call *call = user;
	struct bl_fax_event event;
	int side = fax == call->receiver;

	while (bl_fax_event(fax, &event)) {
		if (event.kind == BL_FAX_DONE) {
			call->done[side] = event;
			call->ended++;
		} else if (side) {
			call->page = event;
			call->page_events++;
		}
	}
}

static inline void begin(struct call *call, const struct bl_fax_config *from,
			 const struct bl_fax_config *to)
{
	struct bl_faxes_config config = {told, call, &call->retired};

	*call = (struct call){.law = BL_PCMU};
	config.retired = &call->retired;
	unlink(got_path);
	CHECK_EQUAL(BL_OK, bl_faxes_new(&config, &call->faxes));
	CHECK_EQUAL(BL_OK, bl_fax_new(1, 1, from, &call->sender));
	CHECK_EQUAL(BL_OK, bl_fax_new(1, 1, to, &call->receiver));
	bl_faxes_add(call->faxes, call->sender);
	bl_faxes_add(call->faxes, call->receiver);
}

static inline void sound(struct call *call, struct bl_fax *from, struct bl_fax *to)
{
	int16_t frame[BL_FRAME];
	uint8_t coded[BL_FRAME];

	bl_fax_get(from, frame);
	bl_g711_encode(call->law, frame, BL_FRAME, coded);
	bl_g711_decode(call->law, coded, BL_FRAME, frame);
	bl_fax_put(to, frame);
}

static inline void datagrams(struct call *call, struct wire *wire, struct bl_fax *from,
			     struct bl_fax *to)
{
	size_t size;

	while (wire->count < QUEUE &&
	       (size = bl_fax_datagram_get(from, wire->data[wire->count], BL_UDPTL_MAX)))
		wire->size[wire->count++] = size;
	for (int i = 0; i < wire->count; i++) {
		wire->passed++;
		if (call->lose_every && wire->passed % (unsigned int)call->lose_every == 0)
			continue;
		if (call->swap_every && wire->passed % (unsigned int)call->swap_every == 0 &&
		    i + 1 < wire->count) {
			bl_fax_datagram(to, wire->data[i + 1], wire->size[i + 1]);
			bl_fax_datagram(to, wire->data[i], wire->size[i]);
			i++;
			continue;
		}
		bl_fax_datagram(to, wire->data[i], wire->size[i]);
	}
	wire->count = 0;
}

static inline void tick(struct call *call)
{
	sound(call, call->sender, call->receiver);
	sound(call, call->receiver, call->sender);
	/* some wait for company now and then, so that there is an order to be changed */
	if (!call->swap_every || call->ticks % 4 == 0) {
		datagrams(call, &call->wires[0], call->sender, call->receiver);
		datagrams(call, &call->wires[1], call->receiver, call->sender);
	}
	bl_faxes_service(call->faxes);
	call->ticks++;
}

static inline void run(struct call *call, int seconds)
{
	for (int i = 0; i < seconds * BL_TICKS_PER_S && call->ended < 2; i++)
		tick(call);
}

static inline void finish(struct call *call)
{
	bl_faxes_free(call->faxes);
	for (struct bl_node *node = bl_stack_take(&call->retired); node;) {
		struct bl_node *next = node->next;

		node->release(NULL, node);
		node = next;
	}
}

static inline void check_pages(int pages, int bad_pixels)
{
	CHECK_EQUAL(pages, faxkit_read(&got, got_path));
	for (int p = 0; p < pages; p++)
		CHECK_WITHIN(0, bad_pixels, faxkit_differ(&sent.page[p], &got.page[p]));
}

static inline void draw(int pages, int rows)
{
	faxkit_draw(&sent, pages, rows);
	CHECK(faxkit_write(&sent, sent_path, 98));
}

/* The re-INVITE comes while CED sounds, as gateways do it. */
static inline void begin_t38(struct call *call, const struct bl_fax_t38 *t38)
{
	begin(call, &sending, &receiving);
	run(call, 2);
	CHECK_EQUAL(BL_OK, bl_fax_switch(call->sender, t38));
	CHECK_EQUAL(BL_OK, bl_fax_switch(call->receiver, t38));
	CHECK_EQUAL(BL_ESTATE, bl_fax_switch(call->receiver, t38));
}

static inline void check_both_well(const struct call *call)
{
	CHECK_EQUAL(2, call->ended);
	CHECK_EQUAL(BL_FAX_OK, call->done[0].end);
	CHECK_EQUAL(BL_FAX_OK, call->done[1].end);
}

static inline int run_all(const struct check_test *tests, size_t count)
{
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(directory))
		return 2;
	snprintf(sent_path, sizeof(sent_path), "%s/sent.tif", directory);
	snprintf(got_path, sizeof(got_path), "%s/got.tif", directory);
	failed = check_run(tests, count);
	unlink(sent_path);
	unlink(got_path);
	rmdir(directory);
	return failed;
}

#endif
