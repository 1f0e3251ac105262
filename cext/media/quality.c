/* quality.c  How good a talk sounds: the E-model (ITU-T G.107, G.107.1) */
#include <math.h>
#include "frame.h"
#include "quality.h"

/*
 * G.107 table 3: with default values for all but delay and codec, Ro = 15 - 1.5 (SLR + No) for
 * No = -61.18 dBm0p, and Is is what loudness, sidetone and quantizing take away.
 */
#define RO 94.769
#define IS 1.414
#define TELR 65.0	/* [dB], talker echo loudness rating */
#define WEPL 110.0	/* [dB], weighted echo path loss */
#define ROE 94.769	/* -1.5 (No - RLR), with RLR = 2 dB */
#define WIDE_RO 129.0	/* G.107.1 §7.2 */
#define WIDE_SCALE 1.29 /* G.107.1 Annex A: R of 129 to 100 */

struct impairment {
	double ie;  /* of the codec itself */
	double bpl; /* packet-loss robustness */
	bool wide;
};

/*
 * G.711: G.113 Appendix I, with packet-loss concealment. G.722 at 64 kbit/s: Ie,wb of G.113
 * Appendix IV; for its robustness we take G.711's without concealment. The ITU gives no figures
 * for Opus: it is rated near transparent (24 kbit/s and more), its own concealment between the
 * two of G.711. L16 is rated as G.711.
 */
static struct impairment impairment_of(enum bl_codec codec, int32_t rate)
{
	bool wide = rate > BL_RATE;

	switch (codec) {
	case BL_G722:
		return (struct impairment){13.0, 4.3, true};
	case BL_OPUS:
		return (struct impairment){5.0, 10.0, wide};
	case BL_L16:
	case BL_PCMU:
	case BL_PCMA:
	default:
		return (struct impairment){0.0, 25.1, wide};
	}
}

/* G.107 §3.5 (3-29) */
static double effective(const struct impairment *of, double loss, double burst_ratio)
{
	double percent = 100.0 * loss;

	if (percent <= 0.0)
		return of->ie;
	return of->ie + (95.0 - of->ie) * percent / (percent / burst_ratio + of->bpl);
}

/* Idd, G.107 §3.4 (3-27): delay as such, nobody notices up to 100 ms */
static double of_delay(double ms)
{
	double x;

	if (ms <= 100.0)
		return 0.0;
	x = log2(ms / 100.0);
	return 25.0 * (pow(1.0 + pow(x, 6), 1.0 / 6.0) -
		       3.0 * pow(1.0 + pow(x / 3.0, 6), 1.0 / 6.0) + 2.0);
}

/* Idte, G.107 §3.4 (3-20 to 3-23): the talker's own echo; T is the one-way delay */
static double of_talker_echo(double ms)
{
	double terv = TELR - 40.0 * log10((1.0 + ms / 10.0) / (1.0 + ms / 150.0)) +
		      6.0 * exp(-0.3 * ms * ms);
	double half = (ROE - 80.0 - 2.5 * (terv - 14.0)) / 2.0;

	return (half + sqrt(half * half + 100.0) - 1.0) * (1.0 - exp(-ms));
}

/* Idle, G.107 §3.4 (3-25, 3-26): the listener's echo after a round trip */
static double of_listener_echo(double ms)
{
	double rle = 10.5 * (WEPL + 7.0) * pow(2.0 * ms + 1.0, -0.25);
	double half = (RO - rle) / 2.0;

	return half + sqrt(half * half + 169.0);
}

static double clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

double bl_mos_of(double r)
{
	if (r <= 0.0)
		return 1.0;
	if (r >= 100.0)
		return 4.5;
	/* the cubic dips below 1 for the smallest ratings */
	return clamp(1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6, 1.0, 4.5);
}

void bl_quality(const struct bl_path *path, struct bl_quality *out)
{
	struct impairment of = impairment_of(path->codec, path->rate);
	double delay = clamp(path->one_way_ms, 0.0, 10000.0);
	double burst = path->burst_ratio < 1.0 ? 1.0 : path->burst_ratio;
	double loss = effective(&of, clamp(path->loss, 0.0, 1.0), burst);
	double listening, talking;

	if (of.wide) {
		listening = (WIDE_RO - loss) / WIDE_SCALE;
		talking = (WIDE_RO - loss - of_delay(delay)) / WIDE_SCALE;
	} else {
		listening = RO - IS - of_listener_echo(0.0) - loss;
		talking = RO - IS - of_talker_echo(delay) - of_listener_echo(delay) -
			  of_delay(delay) - loss;
	}
	out->wide_band = of.wide;
	out->r = clamp(talking, 0.0, 100.0);
	out->mos_lq = bl_mos_of(listening);
	out->mos_cq = bl_mos_of(talking);
}

double bl_one_way_ms(enum bl_codec codec, double round_trip_ms, double buffer_ms)
{
	/* RFC 6716 §2.1.4 at 20 ms frames; G.722 §1.4: 1.5 ms for both its filters */
	double ahead = codec == BL_OPUS ? 6.5 : codec == BL_G722 ? 1.5 : 0.0;

	return round_trip_ms / 2.0 + buffer_ms + BL_FRAME_MS + ahead;
}
