/*
 * bench_drift.c  A far end whose clock runs apart from ours, for a simulated hour
 *
 *   bench_drift rtp|device PPM SECONDS SPEECH SOUND
 *
 * rtp: PCMU in packets of 20 ms, 0 to 2 ms late. device: L16 in lumps, as a serial modem's driver
 * hands them over: all that has gathered, looked for each 5 to 16 ms.
 * SPEECH: s16le at 8 kHz, repeated; `-`: a tone, and then `click` is the greatest jump in what is
 * heard, as a share of its peak. SOUND: what is heard; `-`: nowhere.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "codec.h"
#include "frame.h"
#include "stream.h"

enum { SPEECH_MAX = BL_RATE * 120, LUMP_MAX = 640 };

static const double TONE_HZ = 425.0, PEAK = 8000.0, PI = 3.14159265358979323846;

struct bench {
	bool device, tone;
	double ppm;
	struct bl_encoder *encoder;
	struct bl_decoder *decoder;
	struct bl_stream *stream;
	int16_t *speech;
	size_t length;	/* [samples] of speech */
	int64_t sent;	/* [samples] */
	double next_ms; /* when the next packet or lump comes */
	uint16_t seq;
	double before[2]; /* the last two samples heard */
	double click;
	int32_t delay_min, delay_max;
};

static double random_ms(double from, double to)
{
	return from + (to - from) * rand() / RAND_MAX;
}

static int16_t sample(const struct bench *bench, int64_t at)
{
	if (bench->tone)
		return (int16_t)lrint(PEAK * sin(2 * PI * TONE_HZ / BL_RATE * (double)at));
	return bench->speech[(size_t)at % bench->length];
}

/* Sends what was made up to the moment, as one packet. */
static void send(struct bench *bench, size_t count, double tick_ms)
{
	int16_t pcm[LUMP_MAX];
	uint8_t payload[2 * LUMP_MAX];
	int size;

	for (size_t i = 0; i < count; i++)
		pcm[i] = sample(bench, bench->sent + (int64_t)i);
	size = bl_encode(bench->encoder, pcm, count, payload, sizeof(payload));
	bl_stream_put(bench->stream,
		      &(struct bl_stream_packet){
			      .seq = bench->seq++,
			      .timestamp = (uint32_t)bench->sent,
			      .payload = payload,
			      .size = (size_t)size,
			      .waited_us = bench->device
						   ? BL_STREAM_WAITED_UNKNOWN
						   : (int32_t)(1000 * (tick_ms - bench->next_ms)),
		      });
	bench->sent += (int64_t)count;
}

static double made_at_ms(const struct bench *bench, int64_t samples)
{
	return (double)samples / BL_SAMPLES_PER_MS / (1 + bench->ppm * 1e-6);
}

static void send_all(struct bench *bench, double tick_ms)
{
	while (bench->next_ms <= tick_ms) {
		if (bench->device) {
			double made = bench->next_ms * BL_SAMPLES_PER_MS * (1 + bench->ppm * 1e-6);
			int64_t count = (int64_t)made - bench->sent;

			if (count > 0)
				send(bench, count < LUMP_MAX ? (size_t)count : LUMP_MAX, tick_ms);
			bench->next_ms += random_ms(5, 16);
		} else {
			send(bench, BL_FRAME, tick_ms);
			bench->next_ms =
				made_at_ms(bench, bench->sent + BL_FRAME) + random_ms(0, 2);
		}
	}
}

/* A tone is told by the two samples before; what differs from that is a jump. */
static void listen(struct bench *bench, const int16_t *frame)
{
	double turn = 2 * cos(2 * PI * TONE_HZ / BL_RATE);

	for (int i = 0; i < BL_FRAME; i++) {
		double jump = frame[i] - turn * bench->before[0] + bench->before[1];

		bench->click = fmax(bench->click, fabs(jump) / PEAK);
		bench->before[1] = bench->before[0];
		bench->before[0] = frame[i];
	}
}

static void run(struct bench *bench, int seconds, FILE *out)
{
	enum bl_stream_get what;
	const int16_t *frame;
	struct bl_stream_stats stats;

	bench->delay_min = INT32_MAX;
	bench->delay_max = INT32_MIN;
	for (int tick = 1; tick <= seconds * BL_TICKS_PER_S; tick++) {
		send_all(bench, tick * (double)BL_FRAME_MS);
		frame = bl_stream_next(bench->stream, BL_FRAME, &what);
		if (out)
			fwrite(frame, sizeof(*frame), BL_FRAME, out);
		bl_stream_stats(bench->stream, &stats);
		if (tick < 10 * BL_TICKS_PER_S)
			continue; /* it finds its delay */
		listen(bench, frame);
		if (tick == 10 * BL_TICKS_PER_S)
			bench->click = 0;
		bench->delay_min = stats.delay < bench->delay_min ? stats.delay : bench->delay_min;
		bench->delay_max = stats.delay > bench->delay_max ? stats.delay : bench->delay_max;
	}
	printf("{\"concealed\": %llu, \"late\": %llu, \"discarded\": %llu, \"cut\": %llu, "
	       "\"inserted\": %llu, \"click\": %g, \"delay_min\": %d, \"delay_max\": %d}\n",
	       (unsigned long long)stats.concealed, (unsigned long long)stats.late,
	       (unsigned long long)stats.discarded, (unsigned long long)stats.cut,
	       (unsigned long long)stats.inserted, bench->click, bench->delay_min,
	       bench->delay_max);
}

static int read_speech(struct bench *bench, const char *name)
{
	FILE *in = fopen(name, "rb");

	if (!in)
		return 1;
	bench->speech = malloc(SPEECH_MAX * sizeof(int16_t));
	if (bench->speech)
		bench->length = fread(bench->speech, sizeof(int16_t), SPEECH_MAX, in);
	fclose(in);
	return bench->length == 0;
}

int main(int argc, char **argv)
{
	struct bench bench = {0};
	struct bl_encoder_config config = {.rate = BL_RATE};
	FILE *out = NULL;

	if (argc != 6)
		return 2;
	bench.device = !strcmp(argv[1], "device");
	bench.ppm = atof(argv[2]);
	bench.tone = !strcmp(argv[4], "-");
	if (!bench.tone && read_speech(&bench, argv[4]))
		return 1;
	if (strcmp(argv[5], "-"))
		out = fopen(argv[5], "wb");
	config.codec = bench.device ? BL_L16 : BL_PCMU;
	bench.next_ms = made_at_ms(&bench, BL_FRAME);
	if (bl_encoder_new(&config, &bench.encoder) ||
	    bl_decoder_new(config.codec, BL_RATE, &bench.decoder) ||
	    bl_stream_new(bench.decoder, config.codec, BL_RATE, &bench.stream))
		return 1;
	run(&bench, atoi(argv[3]), out);
	bl_stream_free(bench.stream);
	bl_decoder_free(bench.decoder);
	bl_encoder_free(bench.encoder);
	free(bench.speech);
	if (out)
		fclose(out);
	return 0;
}
