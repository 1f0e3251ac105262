/* test_quality.c  The E-model at known points, bursts and gaps by their definition, levels */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include "branchline_media.h"
#include "check.h"
#include "kit.h"
#include "quality.h"
#include "voip_metrics.h"

/* G.107 Annex B, table B.1 */
static void test_scores_of_ratings(void)
{
	static const struct {
		double r, mos;
	} points[] = {{90, 4.34}, {80, 4.03}, {70, 3.60}, {60, 3.10}, {50, 2.58}};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		CHECK_WITHIN(points[i].mos - 0.01, points[i].mos + 0.01, bl_mos_of(points[i].r));
	CHECK_WITHIN(4.40, 4.42, bl_mos_of(93.2));
	CHECK_WITHIN(1, 1, bl_mos_of(-5));
	CHECK_WITHIN(4.5, 4.5, bl_mos_of(140));
	for (double r = 0; r < 100; r += 0.5)
		CHECK(bl_mos_of(r + 0.5) >= bl_mos_of(r));
}

static struct bl_quality rate(enum bl_codec codec, int32_t rate_hz, double loss, double burst,
			      double ms)
{
	struct bl_path path = {.codec = codec,
			       .rate = rate_hz,
			       .loss = loss,
			       .burst_ratio = burst,
			       .one_way_ms = ms};
	struct bl_quality out;

	bl_quality(&path, &out);
	return out;
}

/*
 * R of G.711: 93.2 with all defaults (G.107 §7.7). Loss by Ie,eff = 95 P / (P / B + 25.1), worked
 * by hand: 1 % 3.64, 3 % 10.14, 5 % 15.78, 10 % 27.07; with BurstR 2: 5 % 17.21.
 * Delay without loss: by the whole of G.107 §7, term by term, with its default values.
 */
static void test_narrow_band_ratings(void)
{
	static const struct {
		double loss, burst, ms, r;
	} points[] = {
		{0, 1, 0, 93.21},
		{0.01, 1, 0, 93.21 - 3.64},
		{0.03, 1, 0, 93.21 - 10.14},
		{0.05, 1, 0, 93.21 - 15.78},
		{0.10, 1, 0, 93.21 - 27.07},
		{0.05, 2, 0, 93.21 - 17.21},
		{0, 1, 50, 91.76},
		{0, 1, 100, 90.66},
		{0, 1, 150, 89.54},
		{0, 1, 200, 85.80},
		{0, 1, 300, 72.67},
		{0, 1, 400, 62.25},
	};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct bl_quality got =
			rate(BL_PCMA, 8000, points[i].loss, points[i].burst, points[i].ms);

		CHECK_WITHIN(points[i].r - 0.02, points[i].r + 0.02, got.r);
		CHECK(!got.wide_band);
	}
	CHECK_WITHIN(4.40, 4.42, rate(BL_PCMU, 8000, 0, 1, 0).mos_cq);
}

static void test_wide_band_ratings(void)
{
	struct bl_quality got = rate(BL_G722, 16000, 0, 1, 50);

	CHECK(got.wide_band);
	CHECK_WITHIN(116 / 1.29 - 0.05, 116 / 1.29 + 0.05, got.r); /* Ie,wb 13 of 129 */
	CHECK(rate(BL_OPUS, 48000, 0, 1, 50).r > got.r);
	/* pure delay only: nothing up to 100 ms, Idd of 400 ms is 24.0 of 129 */
	CHECK_WITHIN(got.r - 24.1 / 1.29, got.r - 23.9 / 1.29, rate(BL_G722, 16000, 0, 1, 400).r);
	CHECK(!rate(BL_OPUS, 8000, 0, 1, 50).wide_band);
}

/* More loss, burstier loss, more delay: never better; listening does not mind delay. */
static void test_ratings_fall(void)
{
	static const struct {
		enum bl_codec codec;
		int32_t rate;
	} kinds[] = {{BL_PCMU, 8000},
		     {BL_G722, 16000},
		     {BL_OPUS, 8000},
		     {BL_OPUS, 48000},
		     {BL_L16, 16000}};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct bl_quality best = rate(kinds[k].codec, kinds[k].rate, 0, 1, 0);
		double before = 101;

		for (double loss = 0; loss <= 1.0; loss += 0.05) {
			struct bl_quality got = rate(kinds[k].codec, kinds[k].rate, loss, 1, 0);
			struct bl_quality burst = rate(kinds[k].codec, kinds[k].rate, loss, 3, 0);

			CHECK(got.r <= before);
			CHECK(burst.r <= got.r);
			before = got.r;
		}
		before = 101;
		for (double ms = 0; ms < 3000; ms += 50) {
			struct bl_quality got = rate(kinds[k].codec, kinds[k].rate, 0, 1, ms);

			CHECK(got.r <= before + 0.01);
			CHECK_WITHIN(best.mos_lq, best.mos_lq, got.mos_lq);
			before = got.r;
		}
	}
	CHECK_WITHIN(0, 0, rate(BL_PCMU, 8000, 9, 0, 1e9).r); /* nonsense is clamped */
}

static void test_one_way_delay(void)
{
	CHECK_WITHIN(110, 110, bl_one_way_ms(BL_PCMU, 100, 40));
	CHECK_WITHIN(111.5, 111.5, bl_one_way_ms(BL_G722, 100, 40));
	CHECK_WITHIN(116.5, 116.5, bl_one_way_ms(BL_OPUS, 100, 40));
}

enum { LONG = 4000 };

/* RFC 3611 §4.7.2 word by word over the whole row: which packets are in bursts? */
static void mark_bursts(const bool *missing, int count, bool *in_burst)
{
	memset(in_burst, 0, LONG * sizeof(*in_burst));
	for (int i = 0; i < count; i++) {
		int last = i, losses = 1;

		if (!missing[i])
			continue;
		for (int k = i + 1; k < count && k - last <= BL_VOIP_GAP_MIN; k++) {
			if (missing[k]) {
				last = k;
				losses++;
			}
		}
		for (int k = i; losses > 1 && k <= last; k++)
			in_burst[k] = true;
		i = last;
	}
}

/* A mean duration, which the block can tell up to 65,535 ms. */
static void near_ms(double sum, int count, double got)
{
	double ms = count ? fmin(sum / count, 65535) : 0;

	CHECK_WITHIN(ms - 0.51, ms + 0.51, got);
}

static void compare(const bool *missing, int count)
{
	static bool in_burst[LONG];
	struct bl_voip_metrics metrics = {0};
	struct bl_voip_leg leg = {.rate = 8000, .packet_ms = 20};
	struct bl_rtcp_voip got;
	int packets = 0, losses = 0, bursts = 0, gap_losses = 0;

	mark_bursts(missing, count, in_burst);
	for (int i = 0; i < count; i++) {
		bl_voip_packet(&metrics, missing[i]);
		packets += in_burst[i];
		losses += in_burst[i] && missing[i];
		gap_losses += !in_burst[i] && missing[i];
		/* two bursts never touch: at least 16 played packets are between them */
		bursts += in_burst[i] && (i == 0 || !in_burst[i - 1]);
	}
	bl_voip_fill(&metrics, &leg, &got, NULL);
	CHECK_EQUAL(packets ? (losses * 256 / packets > 255 ? 255 : losses * 256 / packets) : 0,
		    got.burst_density);
	CHECK_EQUAL(count > packets ? gap_losses * 256 / (count - packets) : 0, got.gap_density);
	near_ms(20.0 * packets, bursts, got.burst_ms);
	near_ms(20.0 * (count - packets), bursts ? bursts : 1, got.gap_ms);
	CHECK_EQUAL(BL_VOIP_GAP_MIN, got.gap_min);
}

static void test_bursts_by_their_definition(void)
{
	static bool missing[LONG];

	srand(7);
	for (int round = 0; round < 200; round++) {
		int percent = round % 50, stay = round % 7 * 12, count = 1 + rand() % LONG;

		for (int i = 0; i < count; i++)
			missing[i] = i && missing[i - 1] && stay ? rand() % 100 < stay
								 : rand() % 100 < percent;
		compare(missing, count);
	}
}

/* The edges of Gmin: 15 played packets between two losses make a burst, 16 do not. */
static void test_gap_minimum(void)
{
	for (int between = 14; between <= 17; between++) {
		struct bl_voip_metrics metrics = {0};
		struct bl_voip_leg leg = {.rate = 8000, .packet_ms = 20};
		struct bl_rtcp_voip got;

		for (int i = 0; i < 100; i++)
			bl_voip_packet(&metrics, i == 40 || i == 41 + between);
		bl_voip_fill(&metrics, &leg, &got, NULL);
		CHECK_EQUAL(between < 16 ? 20 * (between + 2) : 0, got.burst_ms);
	}
}

/* RFC 3611 App. A.2 counts transitions instead; over a long row it says nearly the same. */
static void test_bursts_as_the_appendix_counts(void)
{
	double c11 = 0, c13 = 0, c14 = 0, c22 = 0, c23 = 0, c33 = 0, p23, p32;
	int pkt = 0, lost = 0;
	struct bl_voip_metrics metrics = {0};
	struct bl_voip_leg leg = {.rate = 8000, .packet_ms = 20};
	struct bl_rtcp_voip got;

	srand(11);
	for (int i = 0; i < 200000; i++) {
		bool bad = i / 50 % 20 == 3 && rand() % 100 < 40;

		bl_voip_packet(&metrics, bad);
		if (!bad) {
			pkt++;
			continue;
		}
		if (pkt >= BL_VOIP_GAP_MIN) {
			*(lost == 1 ? &c14 : &c13) += 1;
			lost = 1;
			c11 += pkt;
		} else {
			lost++;
			if (pkt == 0) {
				c33++;
			} else {
				c23++;
				c22 += pkt - 1;
			}
		}
		pkt = 0;
	}
	p32 = c23 / (c13 + c23 + c33);
	p23 = 1 - c22 / (c22 + c23);
	bl_voip_fill(&metrics, &leg, &got, NULL);
	CHECK_WITHIN(256 * p23 / (p23 + p32) - 3, 256 * p23 / (p23 + p32) + 3, got.burst_density);
	CHECK_WITHIN(0.97 * 20 * (c11 + c14 + c13) / c13, 1.03 * 20 * (c11 + c14 + c13) / c13,
		     got.gap_ms);
}

/* G.107 §3.5: 1 for random loss, mean length of runs over that of random loss else. */
static void test_burst_ratio(void)
{
	struct bl_voip_metrics metrics = {0};

	CHECK_WITHIN(1, 1, bl_voip_burst_ratio(&metrics));
	srand(3);
	for (int i = 0; i < 200000; i++)
		bl_voip_packet(&metrics, rand() % 100 < 5);
	CHECK_WITHIN(1.0, 1.02, bl_voip_burst_ratio(&metrics));
	CHECK_WITHIN(0.048, 0.052, bl_voip_loss(&metrics));
	memset(&metrics, 0, sizeof(metrics));
	for (int i = 0; i < 10000; i++)
		bl_voip_packet(&metrics, i % 100 < 4); /* runs of 4, 4 % */
	CHECK_WITHIN(4 * 0.96 - 0.01, 4 * 0.96 + 0.01, bl_voip_burst_ratio(&metrics));
}

/* Words of 1 kHz at -20 dBm0 with pauses of noise at -60. */
static void test_levels(void)
{
	struct bl_voip_metrics metrics = {0};
	struct bl_voip_leg leg = {.rate = 8000, .packet_ms = 20};
	struct bl_rtcp_voip got;
	int16_t frame[160];

	bl_voip_fill(&metrics, &leg, &got, NULL);
	CHECK_EQUAL(BL_RTCP_UNKNOWN, got.signal_dbm0);
	CHECK_EQUAL(BL_RTCP_UNKNOWN, got.noise_dbm0);
	for (int i = 0; i < 500; i++) {
		kit_tone(i % 50 < 30 ? 1000 : 500, i % 50 < 30 ? -20 : -60, 0, frame, 160);
		bl_voip_level(&metrics, frame, 160);
	}
	bl_voip_fill(&metrics, &leg, &got, NULL);
	CHECK_WITHIN(-21, -19, got.signal_dbm0);
	CHECK_WITHIN(-61, -59, got.noise_dbm0);
	memset(frame, 0, sizeof(frame));
	bl_voip_level(&metrics, frame, 160);
	bl_voip_level(&metrics, frame, 0);
	bl_voip_fill(&metrics, &leg, &got, NULL);
	CHECK_EQUAL(-84, got.noise_dbm0); /* digital silence: told as one step of noise */
}

/* A loud fan without a word. */
static void test_noise_is_no_speech(void)
{
	struct bl_voip_metrics metrics = {0};
	struct bl_voip_leg leg = {.rate = 16000, .packet_ms = 20};
	struct bl_rtcp_voip got;
	int16_t frame[320];

	for (size_t i = 0; i < 500; i++) {
		kit_tone(300, i % 2 ? -40 : -42, i * 320, frame, 320);
		bl_voip_level(&metrics, frame, 320);
	}
	bl_voip_fill(&metrics, &leg, &got, NULL);
	CHECK_EQUAL(BL_RTCP_UNKNOWN, got.signal_dbm0);
	CHECK_WITHIN(-43, -40, got.noise_dbm0);
}

static void test_block(void)
{
	struct bl_voip_metrics metrics = {0};
	struct bl_voip_leg leg = {
		.codec = BL_PCMA,
		.rate = 8000,
		.lost = 30,
		.late = 20,
		.expected = 1000,
		.has_round_trip = true,
		.round_trip_ms = 80,
		.packet_ms = 20,
		.buffer_ms = 60,
		.buffer_most_ms = 100,
		.buffer_limit_ms = 200,
	};
	struct bl_rtcp_voip got;
	struct bl_quality quality;

	for (int i = 0; i < 1000; i++)
		bl_voip_packet(&metrics, i % 20 == 7);
	bl_voip_fill(&metrics, &leg, &got, &quality);
	CHECK_EQUAL(30 * 256 / 1000, got.loss_rate);
	CHECK_EQUAL(20 * 256 / 1000, got.discard_rate);
	CHECK_EQUAL(80, got.round_trip_ms);
	CHECK_EQUAL(80, got.end_system_ms); /* 60 of the buffer, 20 of the frame */
	CHECK_EQUAL(0, got.burst_ms);	    /* 19 played packets between any two losses */
	CHECK_EQUAL(12, got.gap_density);   /* 5 % of 256 */
	CHECK_EQUAL(lrint(quality.r), got.r_factor);
	CHECK_WITHIN(93.2 - 15.78 - 4, 93.2 - 15.78 - 1, quality.r); /* 120 ms of delay, too */
	CHECK_EQUAL(lrint(10 * quality.mos_lq), got.mos_lq);
	CHECK(got.mos_cq <= got.mos_lq);
	CHECK_EQUAL(BL_RTCP_UNKNOWN, got.r_external);
	CHECK_EQUAL(BL_RTCP_UNKNOWN, got.echo_loss_db);
	CHECK_EQUAL(60, got.buffer_ms);
	CHECK_EQUAL(200, got.buffer_limit_ms);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_scores_of_ratings),  CHECK_TEST(test_narrow_band_ratings),
	CHECK_TEST(test_wide_band_ratings),  CHECK_TEST(test_ratings_fall),
	CHECK_TEST(test_one_way_delay),	     CHECK_TEST(test_bursts_by_their_definition),
	CHECK_TEST(test_gap_minimum),	     CHECK_TEST(test_bursts_as_the_appendix_counts),
	CHECK_TEST(test_burst_ratio),	     CHECK_TEST(test_levels),
	CHECK_TEST(test_noise_is_no_speech), CHECK_TEST(test_block),
};

CHECK_MAIN(tests)
