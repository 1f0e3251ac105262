/* test_udptl.c  UDPTL datagrams: their lengths, their order, and what is repaired */
#include "branchline_media.h"
#include "check.h"
#include "ifp.h"
#include "udptl.h"

enum { MOST = 400 };

/* What was handed over. */
struct taken {
	int count;
	uint16_t seq[MOST];
	size_t size[MOST];
	uint8_t first[MOST];
};

static struct bl_udptl_receiver receiver;
static struct bl_udptl_sender sender;
static struct taken taken;

static void take(void *user, uint16_t seq, const uint8_t *ifp, size_t size)
{
	struct taken *to = user;

	if (to->count == MOST)
		return;
	to->seq[to->count] = seq;
	to->size[to->count] = size;
	to->first[to->count++] = ifp[0];
}

static void begin(enum bl_udptl_repair repair, int32_t count, int32_t span)
{
	receiver = (struct bl_udptl_receiver){0};
	sender = (struct bl_udptl_sender){.repair = repair, .count = count, .span = span};
	taken = (struct taken){0};
}

/* The next datagram; its IFP packet's octets are all the low octet of its number. */
static int build(uint8_t *datagram)
{
	uint8_t ifp[40];

	memset(ifp, sender.next & 0xFF, sizeof(ifp));
	return bl_udptl_build(&sender, ifp, 30 + sender.next % 3, datagram, BL_UDPTL_MAX);
}

static void come(const uint8_t *datagram, int size)
{
	bl_udptl_receive(&receiver, datagram, (size_t)size, take, &taken);
}

static void test_known_octets(void)
{
	/* seq 5; IFP of 2; two copies, of 1 and of 2 */
	const uint8_t copies[] = {0, 5, 2, 0xAA, 0xBB, 0x00, 2, 1, 0x11, 2, 0x22, 0x33};
	/* seq 6; IFP of 1; parities over 3 packets, one of them */
	const uint8_t parities[] = {0, 6, 1, 0xAA, 0x80, 1, 3, 1, 2, 0x44, 0x55};
	struct bl_udptl packet;

	CHECK_EQUAL(BL_OK, bl_udptl_parse(copies, sizeof(copies), &packet));
	CHECK_EQUAL(5, packet.seq);
	CHECK_EQUAL(2, packet.ifp.size);
	CHECK_EQUAL(BL_UDPTL_REDUNDANCY, packet.repair);
	CHECK_EQUAL(2, packet.count);
	CHECK_EQUAL(0x22, packet.entries[1].data[0]);
	CHECK_EQUAL(BL_OK, bl_udptl_parse(parities, sizeof(parities), &packet));
	CHECK_EQUAL(BL_UDPTL_FEC, packet.repair);
	CHECK_EQUAL(3, packet.span);
	CHECK_EQUAL(1, packet.count);
	CHECK_EQUAL(2, packet.entries[0].size);
	for (size_t size = 0; size < sizeof(copies); size++)
		CHECK_EQUAL(BL_EINVAL, bl_udptl_parse(copies, size, &packet));
	for (size_t size = 0; size < sizeof(parities); size++)
		CHECK_EQUAL(BL_EINVAL, bl_udptl_parse(parities, size, &packet));
}

static void test_wrong_lengths(void)
{
	const uint8_t beyond[] = {0, 1, 9, 0xAA, 0};
	const uint8_t fragment[] = {0, 1, 0xC1, 0xAA, 0, 0};
	const uint8_t many[] = {0, 1, 1, 0xAA, 0, 0xBF, 0xFF};
	const uint8_t no_span[] = {0, 1, 1, 0xAA, 0x80, 2, 0, 3, 0};
	struct bl_udptl packet;

	CHECK_EQUAL(BL_EINVAL, bl_udptl_parse(beyond, sizeof(beyond), &packet));
	CHECK_EQUAL(BL_EINVAL, bl_udptl_parse(fragment, sizeof(fragment), &packet));
	CHECK_EQUAL(BL_EINVAL, bl_udptl_parse(many, sizeof(many), &packet));
	CHECK_EQUAL(BL_EINVAL, bl_udptl_parse(no_span, sizeof(no_span), &packet));
	CHECK_EQUAL(BL_EINVAL, bl_udptl_parse(NULL, 10, &packet));
	begin(BL_UDPTL_NONE, 0, 0);
	come(beyond, sizeof(beyond));
	CHECK_EQUAL(1, receiver.malformed);
	CHECK_EQUAL(0, taken.count);
}

/* Sends 300 over the edge of the numbers, and loses what the pattern says. */
static void lossy(int lose_from, int lose_every, int burst)
{
	uint8_t datagram[BL_UDPTL_MAX];

	sender.next = 65400;
	for (int i = 0; i < 300; i++) {
		int size = build(datagram);

		CHECK_WITHIN(30, BL_UDPTL_MAX, size);
		if (i < lose_from || i % lose_every >= burst || i > 290)
			come(datagram, size);
	}
}

static void check_all_in_order(void)
{
	CHECK_EQUAL(300, taken.count);
	for (int i = 0; i < taken.count; i++) {
		uint16_t seq = (uint16_t)(65400 + i);

		CHECK_EQUAL(seq, taken.seq[i]);
		CHECK_EQUAL(seq & 0xFF, taken.first[i]);
		CHECK_WITHIN(30 + seq % 3, 32, taken.size[i]);
	}
	CHECK_EQUAL(0, receiver.lost);
}

static void test_copies_repair_bursts(void)
{
	begin(BL_UDPTL_REDUNDANCY, 3, 0);
	lossy(5, 10, 3);
	check_all_in_order();
	CHECK_WITHIN(80, 90, receiver.repaired);
	begin(BL_UDPTL_REDUNDANCY, 2, 0);
	lossy(5, 10, 3);
	CHECK_WITHIN(25, 30, receiver.lost); /* one of each three is beyond help */
}

static void test_parities_repair_bursts(void)
{
	begin(BL_UDPTL_FEC, 3, 3);
	lossy(12, 20, 3);
	check_all_in_order();
	CHECK_WITHIN(35, 45, receiver.repaired);
	begin(BL_UDPTL_FEC, 3, 3);
	lossy(12, 20, 4);
	CHECK_WITHIN(26, 28, receiver.lost); /* of four in a row, two are under one parity */
}

static void test_nothing_to_repair_with(void)
{
	begin(BL_UDPTL_NONE, 0, 0);
	lossy(5, 10, 1);
	CHECK_WITHIN(28, 29, receiver.lost);
	CHECK_EQUAL(0, receiver.repaired);
}

static void test_order_and_repeats(void)
{
	uint8_t datagrams[4][BL_UDPTL_MAX];
	int size[4];

	begin(BL_UDPTL_REDUNDANCY, 3, 0);
	for (int i = 0; i < 4; i++)
		size[i] = build(datagrams[i]);
	come(datagrams[0], size[0]);
	come(datagrams[2], size[2]); /* brings 1 along */
	come(datagrams[1], size[1]);
	come(datagrams[2], size[2]);
	come(datagrams[3], size[3]);
	CHECK_EQUAL(4, taken.count);
	for (int i = 0; i < 4; i++)
		CHECK_EQUAL(i, taken.seq[i]);
	CHECK_EQUAL(2, receiver.late);
}

/* A far end that begins anew is followed; one stray number does not stop what follows for long. */
static void test_jumps(void)
{
	uint8_t datagram[BL_UDPTL_MAX];

	begin(BL_UDPTL_REDUNDANCY, 3, 0);
	sender.next = 20000;
	come(datagram, build(datagram));
	sender.next = 3;
	come(datagram, build(datagram));
	CHECK_EQUAL(2, taken.count);
	CHECK_EQUAL(3, taken.seq[1]);
	sender.next = 1000;
	come(datagram, build(datagram));
	CHECK_EQUAL(3, taken.count);
	CHECK_EQUAL(1000, taken.seq[2]);
}

static void test_room(void)
{
	uint8_t datagram[BL_UDPTL_MAX], ifp[BL_UDPTL_IFP_MAX + 1] = {0};
	struct bl_udptl packet;

	begin(BL_UDPTL_REDUNDANCY, 3, 0);
	for (int i = 0; i < 4; i++)
		build(datagram);
	sender.largest = 80; /* its own 30 to 32, one copy, but no two */
	CHECK_WITHIN(60, 80, build(datagram));
	CHECK_EQUAL(BL_OK, bl_udptl_parse(datagram, 80, &packet));
	CHECK_EQUAL(1, packet.count);
	sender.largest = 20;
	CHECK_EQUAL(BL_EINVAL, build(datagram));
	sender.largest = 0;
	CHECK_EQUAL(BL_EINVAL, bl_udptl_build(&sender, ifp, sizeof(ifp), datagram, BL_UDPTL_MAX));
	CHECK_EQUAL(BL_EINVAL, bl_udptl_build(&sender, ifp, 0, datagram, BL_UDPTL_MAX));
	CHECK_EQUAL(BL_EINVAL, bl_udptl_build(&sender, ifp, 200, datagram, 100));
}

static int checked(const uint8_t *ifp, size_t size, int version, size_t held, uint8_t control)
{
	return bl_ifp_check(ifp, size, version, (struct bl_ifp_frame){held, control});
}

/* Packets that libspandsp would read beyond their end never reach it. */
static void test_dangerous_ifp(void)
{
	const uint8_t indicator[] = {0x02};
	const uint8_t data[] = {0xC0, 1, 0x80, 0, 1, 0xFF, 0x13};   /* v0: HDLC data of 2 */
	const uint8_t no_octets[] = {0xC0, 1, 0x00, 0x00};	    /* HDLC data without any */
	const uint8_t beyond[] = {0xC0, 1, 0x80, 0, 2, 0xFF, 0x13}; /* says 3, has 2 */
	const uint8_t fcd[] = {0xC0, 2, 0x80, 0, 2, 0xFF, 0x03, 0x60, 0x20};
	const uint8_t mcf[] = {0xC0, 2, 0x80, 0, 2, 0xFF, 0x13, 0x8C, 0x20};
	const uint8_t fcs[] = {0xC0, 1, 0x20};
	const uint8_t v34[] = {0xE0, 0, 1, 0x80, 0, 0, 0};

	CHECK_EQUAL(BL_OK, checked(indicator, 1, 0, 0, 0));
	CHECK_EQUAL(BL_OK, checked(data, sizeof(data), 0, 0, 0));
	CHECK_EQUAL(BL_OK, checked(data, sizeof(data), 1, 258, 0));
	CHECK_EQUAL(BL_EINVAL, checked(data, sizeof(data), 1, 259, 0));
	CHECK_EQUAL(BL_EINVAL, checked(no_octets, sizeof(no_octets), 0, 0, 0));
	CHECK_EQUAL(BL_EINVAL, checked(no_octets, sizeof(no_octets), 1, 0, 0));
	CHECK_EQUAL(BL_EINVAL, checked(beyond, sizeof(beyond), 0, 0, 0));
	CHECK_EQUAL(BL_EINVAL, checked(fcd, sizeof(fcd), 0, 0, 0));
	CHECK_EQUAL(BL_OK, checked(fcd, sizeof(fcd), 0, 3, 0));
	CHECK_EQUAL(BL_OK, checked(mcf, sizeof(mcf), 0, 0, 0));
	CHECK_EQUAL(BL_EINVAL, checked(fcs, sizeof(fcs), 0, 3, BL_IFP_FCD));
	CHECK_EQUAL(BL_EINVAL, checked(fcs, sizeof(fcs), 0, 3, BL_IFP_FCD | 0x80));
	CHECK_EQUAL(BL_OK, checked(fcs, sizeof(fcs), 0, 4, BL_IFP_FCD));
	CHECK_EQUAL(BL_EINVAL, checked(v34, sizeof(v34), 3, 0, 0));
	CHECK_EQUAL(BL_EINVAL, checked(data, 0, 0, 0, 0));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_known_octets),
	CHECK_TEST(test_wrong_lengths),
	CHECK_TEST(test_copies_repair_bursts),
	CHECK_TEST(test_parities_repair_bursts),
	CHECK_TEST(test_nothing_to_repair_with),
	CHECK_TEST(test_order_and_repeats),
	CHECK_TEST(test_jumps),
	CHECK_TEST(test_room),
	CHECK_TEST(test_dangerous_ifp),
};

CHECK_MAIN(tests)
