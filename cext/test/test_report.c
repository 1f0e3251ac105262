/* test_report.c  The RTCP of a leg: when reports go, what they say, round trips, collisions */
#include <stdint.h>
#include "branchline_media.h"
#include "check.h"
#include "report.h"

enum { OURS = 0x0A0B0C0D, THEIRS = 0x11223344 };

/* Two legs that report to each other, 1 tick = 20 ms. */
struct side {
	struct bl_report report;
	struct bl_rtp_source source;
	struct bl_report_now now;
};

static uint64_t ntp_at(double seconds)
{
	return bl_rtcp_ntp(1700000000, 0) + (uint64_t)(seconds * 4294967296.0);
}

static void begin(struct side *side, uint32_t ssrc)
{
	uint8_t random[BL_REPORT_RANDOM];

	memset(side, 0, sizeof(*side));
	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)(ssrc * 7 + i * 31);
	bl_report_init(&side->report, random, ssrc, 0);
	side->now.source = &side->source;
}

static void hear(struct side *side, uint32_t ssrc, uint16_t from, int count)
{
	for (int i = 0; i < count; i++)
		bl_rtp_source_update(&side->source,
				     &(struct bl_rtp){.ssrc = ssrc, .seq = (uint16_t)(from + i)});
}

static int send_at(struct side *side, double seconds, uint8_t *packet)
{
	side->now.ntp = ntp_at(seconds);
	side->now.tick = (uint64_t)(seconds * 50);
	return bl_report_send(&side->report, &side->now, packet, BL_RTCP_MAX);
}

static int receive_at(struct side *side, double seconds, const uint8_t *packet, int size)
{
	return bl_report_receive(&side->report, packet, (size_t)size, ntp_at(seconds),
				 (uint64_t)(seconds * 50));
}

/* RFC 3550 §6.3.1: intervals of 5 s on average, between 2.05 and 6.16 s each, half at first. */
static void test_interval(void)
{
	double sum = 0, least = 1e9, most = 0;
	enum { LEGS = 20, REPORTS = 100 };

	for (uint32_t leg = 0; leg < LEGS; leg++) {
		struct side side;
		uint64_t before = 0, tick = 0;
		uint8_t packet[BL_RTCP_MAX];

		begin(&side, 1000 + leg);
		for (int report = 0; report < REPORTS; tick++) {
			double interval = (double)(tick - before) / 50.0;

			if (!bl_report_due(&side.report, tick))
				continue;
			side.now.tick = tick;
			bl_report_send(&side.report, &side.now, packet, sizeof(packet));
			before = tick;
			if (!report++) {
				CHECK_WITHIN(1.0, 3.1, interval);
				continue;
			}
			sum += interval;
			least = interval < least ? interval : least;
			most = interval > most ? interval : most;
		}
	}
	CHECK_WITHIN(4.75, 5.25, sum / (LEGS * (REPORTS - 1)));
	CHECK_WITHIN(2.04, 3.0, least);
	CHECK_WITHIN(5.9, 6.17, most);
}

static void test_round_trip(void)
{
	struct side a, b;
	uint8_t packet[BL_RTCP_MAX];
	int size;

	begin(&a, OURS);
	begin(&b, THEIRS);
	a.now.packets_out = b.now.packets_out = 100;
	hear(&a, THEIRS, 0, 100);
	hear(&b, OURS, 0, 100);
	size = send_at(&a, 1.0, packet);
	CHECK_EQUAL(BL_OK, receive_at(&b, 1.030, packet, size)); /* 30 ms there */
	size = send_at(&b, 4.0, packet);
	CHECK_EQUAL(BL_OK, receive_at(&a, 4.050, packet, size)); /* 50 ms back */
	CHECK(a.report.far.has_round_trip);
	CHECK_WITHIN(79900, 80100, a.report.far.round_trip_us);
	CHECK(!b.report.far.has_round_trip);
	/* a far end that answers before it was asked, or after an hour, has a wrong clock */
	CHECK_EQUAL(BL_OK, receive_at(&a, 3.0, packet, size));
	CHECK_EQUAL(BL_OK, receive_at(&a, 3600.0, packet, size));
	CHECK_WITHIN(79900, 80100, a.report.far.round_trip_us);
	CHECK_EQUAL(BL_OK, receive_at(&a, 3.960, packet, size)); /* only a step of our clock */
	CHECK_EQUAL(0, a.report.far.round_trip_us);
}

/* Who sends nothing asks by a receiver reference time and is answered by DLRR. */
static void test_round_trip_of_a_listener(void)
{
	struct side a, b;
	uint8_t packet[BL_RTCP_MAX];
	struct bl_rtcp in;
	int size;

	begin(&a, OURS);
	begin(&b, THEIRS);
	b.now.packets_out = 100;
	hear(&a, THEIRS, 0, 100);
	size = send_at(&a, 1.0, packet);
	CHECK_EQUAL(BL_OK, bl_rtcp_parse(packet, (size_t)size, 0, &in));
	CHECK(!in.has_sender && in.has_reference);
	receive_at(&b, 1.020, packet, size);
	size = send_at(&b, 3.0, packet);
	CHECK_EQUAL(BL_OK, bl_rtcp_parse(packet, (size_t)size, OURS, &in));
	CHECK(in.has_sender && !in.has_reference && in.has_dlrr);
	receive_at(&a, 3.020, packet, size);
	CHECK(a.report.far.has_round_trip);
	CHECK_WITHIN(39900, 40100, a.report.far.round_trip_us);
}

/* RFC 3550 §A.3: the fraction is of the interval, the number of all; over the edge of 16 bits. */
static void test_loss_per_interval(void)
{
	struct side a;
	uint8_t packet[BL_RTCP_MAX];
	struct bl_rtcp in;
	int size;

	begin(&a, OURS);
	hear(&a, THEIRS, 65436, 100); /* up to 65535 */
	size = send_at(&a, 1, packet);
	bl_rtcp_parse(packet, (size_t)size, THEIRS, &in);
	CHECK_EQUAL(0, in.block.fraction);
	CHECK_EQUAL(65535, in.block.highest);
	hear(&a, THEIRS, 25, 75); /* 0 to 24 never come: 25 of 100 */
	size = send_at(&a, 6, packet);
	bl_rtcp_parse(packet, (size_t)size, THEIRS, &in);
	CHECK_EQUAL(64, in.block.fraction);
	CHECK_EQUAL(25, in.block.lost);
	CHECK_EQUAL(65536 + 99, in.block.highest);
	hear(&a, THEIRS, 100, 100);
	size = send_at(&a, 11, packet);
	bl_rtcp_parse(packet, (size_t)size, THEIRS, &in);
	CHECK_EQUAL(0, in.block.fraction);
	CHECK_EQUAL(25, in.block.lost);
	hear(&a, THEIRS + 1, 7, 10); /* another SSRC begins anew */
	size = send_at(&a, 16, packet);
	bl_rtcp_parse(packet, (size_t)size, THEIRS + 1, &in);
	CHECK_EQUAL(0, in.block.lost);
	CHECK_EQUAL(0, in.block.fraction);
	CHECK_EQUAL(16, in.block.highest);
	size = send_at(&a, 21, packet); /* nothing came at all */
	bl_rtcp_parse(packet, (size_t)size, THEIRS + 1, &in);
	CHECK_EQUAL(0, in.block.fraction);
}

static void test_sender_or_receiver(void)
{
	struct side a;
	uint8_t packet[BL_RTCP_MAX];
	struct bl_rtcp in;
	static const bool sender[] = {false, true, true, false, false};
	static const uint64_t sent[] = {0, 10, 10, 10, 10};

	begin(&a, OURS);
	for (int i = 0; i < 5; i++) {
		int size;

		a.now.packets_out = sent[i];
		a.now.bytes_out = 160 * sent[i];
		a.now.timestamp = 4711;
		size = send_at(&a, 5.0 * i, packet);
		bl_rtcp_parse(packet, (size_t)size, THEIRS, &in);
		CHECK_EQUAL(sender[i], in.has_sender);
		CHECK(!in.has_block);
		CHECK_EQUAL(BL_REPORT_CNAME, in.cname.size);
		if (sender[i]) {
			CHECK_EQUAL(10, in.sender.packets);
			CHECK_EQUAL(1600, in.sender.bytes);
			CHECK_EQUAL(4711, in.sender.timestamp);
			CHECK(in.sender.ntp == ntp_at(5.0 * i));
		}
	}
}

static void test_goodbye(void)
{
	struct side a, b;
	uint8_t packet[BL_RTCP_MAX];
	int size;

	begin(&a, OURS);
	begin(&b, THEIRS);
	a.now.ntp = ntp_at(1);
	CHECK_EQUAL(0, bl_report_bye(&a.report, &a.now, packet, sizeof(packet)));
	a.now.packets_out = 1;
	size = bl_report_bye(&a.report, &a.now, packet, sizeof(packet));
	CHECK_EQUAL(BL_OK, receive_at(&b, 1, packet, size));
	CHECK(b.report.far.bye);
	CHECK_EQUAL(1, b.report.far.reports);
	CHECK_EQUAL(BL_EINVAL, receive_at(&b, 1, packet, size - 1));
	CHECK_EQUAL(1, b.report.far.malformed);
}

/* RFC 3550 §8.2: the far end has chosen our SSRC. */
static void test_collision(void)
{
	struct side a, b;
	uint8_t packet[BL_RTCP_MAX];
	struct bl_rtcp in;
	uint32_t changed;
	int size;

	begin(&a, OURS);
	begin(&b, OURS);
	a.now.packets_out = b.now.packets_out = 50;
	CHECK(!bl_report_collides(&a.report, THEIRS, 10));
	size = send_at(&b, 1, packet);
	CHECK_EQUAL(BL_OK, receive_at(&a, 1, packet, size));
	changed = a.report.ssrc;
	CHECK(changed != OURS);
	CHECK(bl_report_due(&a.report, 51)); /* a goodbye for the old one, at once */
	a.now.packets_out = 60;
	size = send_at(&a, 1.02, packet);
	CHECK_EQUAL(BL_OK, bl_rtcp_parse(packet, (size_t)size, THEIRS, &in));
	CHECK_EQUAL(OURS, in.ssrc);
	CHECK(in.bye);
	CHECK(!bl_report_due(&a.report, 52));
	a.now.packets_out = 75;
	size = send_at(&a, 5, packet);
	CHECK_EQUAL(BL_OK, bl_rtcp_parse(packet, (size_t)size, THEIRS, &in));
	CHECK_EQUAL(changed, in.ssrc);
	CHECK_EQUAL(15, in.sender.packets); /* counted anew */
	/* our own packets come back: no second change, nothing learnt */
	CHECK_EQUAL(BL_OK, receive_at(&a, 5.1, packet, size));
	CHECK_EQUAL(changed, a.report.ssrc);
	CHECK(!a.report.sender_arrival);
	CHECK(bl_report_collides(&a.report, changed, 51 + 2501));
}

static void test_names_differ(void)
{
	struct side a, b;

	begin(&a, OURS);
	begin(&b, THEIRS);
	CHECK(memcmp(a.report.cname, b.report.cname, BL_REPORT_CNAME) != 0);
	for (int i = 0; i < BL_REPORT_CNAME; i++)
		CHECK(a.report.cname[i] > ' ');
}

static const struct check_test tests[] = {
	CHECK_TEST(test_interval),
	CHECK_TEST(test_round_trip),
	CHECK_TEST(test_round_trip_of_a_listener),
	CHECK_TEST(test_loss_per_interval),
	CHECK_TEST(test_sender_or_receiver),
	CHECK_TEST(test_goodbye),
	CHECK_TEST(test_collision),
	CHECK_TEST(test_names_differ),
};

CHECK_MAIN(tests)
