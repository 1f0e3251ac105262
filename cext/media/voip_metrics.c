/* voip_metrics.c  What RFC 3611 §4.7 tells of a talk: bursts and gaps of loss, levels, ratings */
#include <math.h>
#include <string.h>
#include "frame.h"
#include "voip_metrics.h"

enum {
	/* §4.7.6: packet-loss concealment "standard", an adaptive jitter buffer, its rate not told
	 */
	CONFIG = 0xC0 | 0x30,
	LEVEL_SAMPLES = 80, /* of a frame, at any rate */
};

#define OVER_NOISE 8.0		     /* 9 dB: speech stands out from the noise */
#define LEAST_SPEECH 2605.0	     /* mean square of -50 dBm0 */
#define NOISE_RISE (1.0 + 1.0 / 512) /* a frame, 3 dB in 7 s */

/* A single missing packet is none. */
static void close_burst(struct bl_voip_metrics *metrics)
{
	if (metrics->open_missing > 1) {
		metrics->bursts++;
		metrics->burst_packets += metrics->open;
		metrics->burst_missing += metrics->open_missing;
	}
}

/* One missing packet, bl_voip_packet() having counted it among the whole ones already. */
void bl_voip_missing(struct bl_voip_metrics *metrics)
{
	uint64_t before = metrics->whole - 1;

	metrics->missing++;
	if (before || metrics->missing == 1)
		metrics->runs++;
	metrics->whole = 0;
	if (metrics->open_missing && before < BL_VOIP_GAP_MIN) {
		metrics->open += before + 1;
		metrics->open_missing++;
		return;
	}
	close_burst(metrics);
	metrics->open = metrics->open_missing = 1;
}

/* Mean square of a sine of 0 dBm0 */
static double reference(void)
{
	return 32768.0 * 32768.0 / 2.0 * pow(10.0, -BL_FULL_SCALE_DBM0 / 10.0);
}

/* Every so many samples will do: levels are those of seconds. */
static double mean_square(const int16_t *pcm, size_t count)
{
	size_t step = count > LEVEL_SAMPLES ? count / LEVEL_SAMPLES : 1, taken = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i += step, taken++)
		sum += (uint32_t)(pcm[i] * pcm[i]);
	return (double)sum / (double)taken;
}

void bl_voip_level(struct bl_voip_metrics *metrics, const int16_t *pcm, size_t count)
{
	double mean;

	if (!count)
		return;
	mean = mean_square(pcm, count);
	if (mean < metrics->noise || metrics->noise == 0.0)
		metrics->noise = mean > 1.0 ? mean : 1.0;
	else
		metrics->noise *= NOISE_RISE;
	if (mean > OVER_NOISE * metrics->noise && mean > LEAST_SPEECH) {
		metrics->speech += mean;
		metrics->speech_frames++;
	}
}

double bl_voip_loss(const struct bl_voip_metrics *metrics)
{
	return metrics->packets ? (double)metrics->missing / (double)metrics->packets : 0.0;
}

double bl_voip_burst_ratio(const struct bl_voip_metrics *metrics)
{
	double ratio;

	if (!metrics->runs)
		return 1.0;
	/* random loss makes runs of 1 / (1 - loss) on average */
	ratio = (double)metrics->missing / (double)metrics->runs * (1.0 - bl_voip_loss(metrics));
	return ratio > 1.0 ? ratio : 1.0;
}

static uint8_t share(uint64_t part, uint64_t whole)
{
	uint64_t of_256 = whole ? part * 256 / whole : 0;

	return (uint8_t)(of_256 < 255 ? of_256 : 255);
}

static uint16_t short_ms(double ms)
{
	return (uint16_t)(ms < 0.0 ? 0.0 : ms < 65535.0 ? ms + 0.5 : 65535.0);
}

static int8_t dbm0_of(double mean)
{
	double level = 10.0 * log10(mean / reference());

	return (int8_t)lrint(level > 3.0 ? 3.0 : level);
}

/* §4.7.2: what is open counts as if it ended here. */
static void fill_bursts(const struct bl_voip_metrics *metrics, double packet_ms,
			struct bl_rtcp_voip *out)
{
	struct bl_voip_metrics at = *metrics;
	uint64_t in_gaps, gaps;

	close_burst(&at);
	in_gaps = at.packets - at.burst_packets;
	gaps = at.bursts ? at.bursts : 1; /* one before each burst, as App. A.2 counts them */
	out->burst_density = share(at.burst_missing, at.burst_packets);
	out->gap_density = share(at.missing - at.burst_missing, in_gaps);
	if (at.bursts)
		out->burst_ms = short_ms((double)at.burst_packets / (double)at.bursts * packet_ms);
	out->gap_ms = short_ms((double)in_gaps / (double)gaps * packet_ms);
}

static void fill_levels(const struct bl_voip_metrics *metrics, struct bl_rtcp_voip *out)
{
	out->signal_dbm0 = out->noise_dbm0 = BL_RTCP_UNKNOWN;
	if (metrics->speech_frames)
		out->signal_dbm0 = dbm0_of(metrics->speech / (double)metrics->speech_frames);
	if (metrics->noise > 0.0)
		out->noise_dbm0 = dbm0_of(metrics->noise);
}

void bl_voip_fill(const struct bl_voip_metrics *metrics, const struct bl_voip_leg *leg,
		  struct bl_rtcp_voip *out, struct bl_quality *quality)
{
	double trip = leg->has_round_trip ? leg->round_trip_ms : 0.0;
	struct bl_path path = {
		.codec = leg->codec,
		.rate = leg->rate,
		.loss = bl_voip_loss(metrics),
		.burst_ratio = bl_voip_burst_ratio(metrics),
		.one_way_ms = bl_one_way_ms(leg->codec, trip, leg->buffer_ms),
	};
	struct bl_quality rated;

	bl_quality(&path, &rated);
	memset(out, 0, sizeof(*out));
	out->loss_rate = share(leg->lost, leg->expected);
	out->discard_rate = share(leg->late, leg->expected);
	fill_bursts(metrics, leg->packet_ms, out);
	out->round_trip_ms = short_ms(trip);
	out->end_system_ms = short_ms(bl_one_way_ms(leg->codec, 0.0, leg->buffer_ms));
	fill_levels(metrics, out);
	out->echo_loss_db = BL_RTCP_UNKNOWN;
	out->gap_min = BL_VOIP_GAP_MIN;
	out->r_factor = (uint8_t)lrint(rated.r);
	out->r_external = BL_RTCP_UNKNOWN;
	out->mos_lq = (uint8_t)lrint(10.0 * rated.mos_lq);
	out->mos_cq = (uint8_t)lrint(10.0 * rated.mos_cq);
	out->config = CONFIG;
	out->buffer_ms = short_ms(leg->buffer_ms);
	out->buffer_most_ms = short_ms(leg->buffer_most_ms);
	out->buffer_limit_ms = short_ms(leg->buffer_limit_ms);
	if (quality)
		*quality = rated;
}
