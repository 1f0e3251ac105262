/* test_fax_hostile.c  Far ends that mean harm: whatever they send, the fax ends with a word */
#include <spandsp.h>
#include <spandsp/expose.h>
#include "faxcall.h"

enum { SEEDS = 10 };

/* Bytes of an IFP packet changed, or its end cut off. */
static void spoil(uint8_t *ifp, size_t *size, uint32_t *dice)
{
	for (int i = 0; i < 3; i++) {
		*dice = *dice * 1103515245 + 12345;
		ifp[(*dice >> 8) % *size] = (uint8_t)(*dice >> 16);
	}
	if (*dice >> 28 == 0 && *size > 1)
		*size -= 1;
}

/* Redoes what is on its way, as a far end that means harm would have sent it. */
static void spoil_wire(struct bl_fax *from, struct bl_fax *to, uint32_t *dice)
{
	uint8_t datagram[BL_UDPTL_MAX], ifp[BL_UDPTL_IFP_MAX];
	struct bl_udptl packet;
	size_t size;

	while ((size = bl_fax_datagram_get(from, datagram, sizeof(datagram)))) {
		struct bl_udptl_sender again = {.repair = BL_UDPTL_NONE};

		CHECK_EQUAL(BL_OK, bl_udptl_parse(datagram, size, &packet));
		memcpy(ifp, packet.ifp.data, packet.ifp.size);
		size = packet.ifp.size;
		*dice = *dice * 1103515245 + 12345;
		if (!(*dice >> 16 & 0x18))
			spoil(ifp, &size, dice);
		again.next = packet.seq;
		size = (size_t)bl_udptl_build(&again, ifp, size, datagram, sizeof(datagram));
		bl_fax_datagram(to, datagram, size);
	}
}

/* Whatever comes, the receiver ends with a word, and the process lives. */
static void test_hostile_t38(void)
{
	static struct call call;
	uint64_t refused = 0;

	draw(2, 100);
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		uint32_t dice = seed * 7919;
		struct bl_fax_t38 t38 = {.repair = BL_UDPTL_NONE, .version = (int32_t)seed & 1};
		struct bl_fax_stats stats;

		begin_t38(&call, &t38);
		while (call.ended < 2 && call.ticks < 300 * BL_TICKS_PER_S) {
			spoil_wire(call.sender, call.receiver, &dice);
			tick(&call);
		}
		CHECK_EQUAL(2, call.ended);
		CHECK_WITHIN(0, 2, call.done[1].pages);
		bl_fax_stats(call.receiver, &stats);
		refused += stats.refused;
		finish(&call);
	}
	CHECK_WITHIN(1, 1e9, refused);
}

static t30_send_hdlc_handler_t *send_frame;
static int spoiled; /* frames */

/* Frames of the page are sent without their number and data. */
static void send_short(void *user, const uint8_t *frame, int size)
{
	uint8_t head[3] = {0xFF, 0x03, (uint8_t)(0x06 | (spoiled & 1))}; /* T.30's bit X */
	bool page = size > 4 && frame[2] == 0x06;

	spoiled += page;
	send_frame(user, page ? head : frame, page ? 3 : size);
}

/* The DCS with some of its bits set; each octet from the fourth on has eight (T.30 table 2). */
static void send_dcs(void *user, const uint8_t *frame, int size, int octet, uint8_t bits)
{
	uint8_t dcs[32] = {0};

	if (size > octet && size <= 32 && (frame[2] & 0xFE) == 0x82) {
		memcpy(dcs, frame, (size_t)size);
		dcs[octet] |= bits;
		spoiled++;
		send_frame(user, dcs, size);
	} else {
		send_frame(user, frame, size);
	}
}

/* A width that T.30 does not know: bits 17 and 18. */
static void send_wide(void *user, const uint8_t *frame, int size)
{
	send_dcs(user, frame, size, 5, 0x03);
}

/* T.6, which was not offered: bit 31. */
static void send_t6(void *user, const uint8_t *frame, int size)
{
	send_dcs(user, frame, size, 6, 0x40);
}

/* A fax from libspandsp itself, whose frames pass through the given function. */
static void hostile(t30_send_hdlc_handler_t *spoil_frame, struct bl_fax_stats *stats,
		    struct bl_fax_event *done)
{
	static struct call call;
	fax_state_t *sender = fax_init(NULL, true);
	t30_state_t *t30 = fax_get_t30_state(sender);
	int16_t frame[BL_FRAME];

	spoiled = 0;
	draw(1, 100);
	begin(&call, &sending, &receiving);
	t30_set_tx_file(t30, sent_path, -1, -1);
	t30_set_ecm_capability(t30, true);
	t30_set_supported_modems(t30, T30_SUPPORT_V29 | T30_SUPPORT_V27TER);
	fax_set_transmit_on_idle(sender, true);
	send_frame = t30->send_hdlc_handler;
	t30->send_hdlc_handler = spoil_frame;
	for (int i = 0; i < 300 * BL_TICKS_PER_S && !call.done[1].kind; i++) {
		bl_fax_get(call.receiver, frame);
		fax_rx(sender, frame, BL_FRAME);
		fax_tx(sender, frame, BL_FRAME);
		bl_fax_put(call.receiver, frame);
		bl_faxes_service(call.faxes);
	}
	bl_fax_stats(call.receiver, stats);
	*done = call.done[1];
	fax_free(sender);
	finish(&call);
}

/* libspandsp alone would die of the first two, and take the third. */
static void test_hostile_sound(void)
{
	struct bl_fax_stats stats;
	struct bl_fax_event done;

	hostile(send_short, &stats, &done);
	CHECK_WITHIN(1, 10000, spoiled);
	CHECK_WITHIN(1, 10000, stats.refused);
	CHECK_EQUAL(BL_FAX_DONE, done.kind);
	CHECK(done.end != BL_FAX_OK);
	CHECK_EQUAL(0, done.pages);
	hostile(send_wide, &stats, &done);
	CHECK_WITHIN(1, 10000, spoiled);
	CHECK_EQUAL(BL_FAX_DONE, done.kind);
	CHECK_EQUAL(BL_FAX_INCOMPATIBLE, done.end);
	CHECK_EQUAL(0, done.pages);
	hostile(send_t6, &stats, &done);
	CHECK_WITHIN(1, 10000, spoiled);
	CHECK_EQUAL(BL_FAX_INCOMPATIBLE, done.end);
	CHECK_EQUAL(0, done.pages);
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_hostile_t38),
		CHECK_TEST(test_hostile_sound),
	};

	return run_all(tests, sizeof(tests) / sizeof(tests[0]));
}
