/*
 * bench_loss.c  Speech through a stream as packets that come late or never
 *
 *   bench_loss encode CODEC RATE FEC_PERCENT SPEECH PACKETS
 *   bench_loss decode CODEC RATE PACKETS SOUND -
 *   bench_loss play CODEC RATE PACKETS ARRIVALS SOUND
 *
 * SPEECH and SOUND: s16le samples at RATE; PACKETS: of each payload its size (u16le) and bytes;
 * ARRIVALS: of each packet the moment it comes [ms] (float64), below 0: never. Packet n is sent at
 * (n + 1) * 20 ms. The stream's ticks are at multiples of 20 ms and 7 ms.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "codec.h"
#include "frame.h"
#include "stream.h"

enum {
	PHASE_MS = 7,
	OPUS_BITRATE = 20000, /* [bit/s]; at 16,000 libopus leaves no room for FEC */
	LAST_TICKS = 25,      /* after the last packet */
	PACKETS_MAX = 20000,
};

struct packet {
	uint16_t size;
	uint8_t payload[BL_PAYLOAD_MAX];
	double arrival_ms;
};

static FILE *open_file(const char *name, const char *mode)
{
	FILE *file = fopen(name, mode);

	if (!file) {
		perror(name);
		exit(1);
	}
	return file;
}

static int encode(enum bl_codec codec, int32_t rate, int32_t fec_percent, const char *speech,
		  const char *packets)
{
	struct bl_encoder_config config = {
		.codec = codec,
		.rate = rate,
		.bitrate = OPUS_BITRATE,
		.complexity = -1,
		.fec = fec_percent > 0,
	};
	FILE *in = open_file(speech, "rb"), *out = open_file(packets, "wb");
	size_t frame = (size_t)(rate / BL_TICKS_PER_S), bytes = 0;
	struct bl_encoder *encoder;
	int16_t pcm[BL_FRAME_MAX];
	int count = 0;

	if (bl_encoder_new(&config, &encoder))
		return 1;
	bl_encoder_loss(encoder, fec_percent);
	while (fread(pcm, sizeof(*pcm), frame, in) == frame) {
		uint8_t payload[BL_PAYLOAD_MAX];
		int size = bl_encode(encoder, pcm, frame, payload, sizeof(payload));
		uint8_t head[2] = {(uint8_t)size, (uint8_t)(size >> 8)};

		if (size < 0)
			return 1;
		fwrite(head, 1, sizeof(head), out);
		fwrite(payload, 1, (size_t)size, out);
		bytes += (size_t)size;
		count++;
	}
	printf("{\"packets\": %d, \"bytes\": %zu}\n", count, bytes);
	bl_encoder_free(encoder);
	fclose(in);
	fclose(out);
	return 0;
}

static bool read_packet(FILE *in, struct packet *out)
{
	uint8_t head[2];

	if (fread(head, 1, sizeof(head), in) != sizeof(head))
		return false;
	out->size = (uint16_t)(head[0] | head[1] << 8);
	return out->size <= sizeof(out->payload) &&
	       fread(out->payload, 1, out->size, in) == out->size;
}

static int read_packets(const char *packets, const char *arrivals, struct packet *out)
{
	FILE *in = open_file(packets, "rb"), *times = open_file(arrivals, "rb");
	int count = 0;

	while (count < PACKETS_MAX && read_packet(in, &out[count]) &&
	       fread(&out[count].arrival_ms, sizeof(double), 1, times) == 1)
		count++;
	fclose(in);
	fclose(times);
	return count;
}

static int decode(enum bl_codec codec, int32_t rate, const char *packets, const char *sound)
{
	FILE *in = open_file(packets, "rb"), *out = open_file(sound, "wb");
	struct bl_decoder *decoder;
	static int16_t pcm[BL_FRAME_MAX * 6]; /* 120 ms */
	struct packet packet;
	int count = 0;

	if (bl_decoder_new(codec, rate, &decoder))
		return 1;
	while (read_packet(in, &packet)) {
		int length = bl_decode(decoder, packet.payload, packet.size, pcm,
				       sizeof(pcm) / sizeof(*pcm));

		if (length > 0)
			fwrite(pcm, sizeof(*pcm), (size_t)length, out);
		count++;
	}
	printf("{\"packets\": %d}\n", count);
	bl_decoder_free(decoder);
	fclose(in);
	fclose(out);
	return 0;
}

static void put(struct bl_stream *stream, const struct packet *packet, int number, uint32_t step,
		double tick_ms)
{
	bl_stream_put(stream,
		      &(struct bl_stream_packet){
			      .seq = (uint16_t)number,
			      .timestamp = (uint32_t)number * step,
			      .payload = packet->payload,
			      .size = packet->size,
			      .waited_us = (int32_t)((tick_ms - packet->arrival_ms) * 1000),
		      });
}

static void print(const struct bl_stream *stream)
{
	struct bl_stream_stats stats;

	bl_stream_stats(stream, &stats);
	printf("{\"concealed\": %llu, \"recovered\": %llu, \"late\": %llu, \"discarded\": %llu, "
	       "\"cut\": %llu, \"inserted\": %llu, \"delay\": %d, \"target\": %d}\n",
	       (unsigned long long)stats.concealed, (unsigned long long)stats.recovered,
	       (unsigned long long)stats.late, (unsigned long long)stats.discarded,
	       (unsigned long long)stats.cut, (unsigned long long)stats.inserted, stats.delay,
	       stats.target);
}

static int play(enum bl_codec codec, int32_t rate, const char *packets, const char *arrivals,
		const char *sound)
{
	static struct packet all[PACKETS_MAX];
	int count = read_packets(packets, arrivals, all);
	size_t frame = (size_t)(rate / BL_TICKS_PER_S);
	uint32_t step = (uint32_t)(bl_codec_clock(codec, rate) / BL_TICKS_PER_S);
	FILE *out = open_file(sound, "wb");
	struct bl_decoder *decoder;
	struct bl_stream *stream;
	enum bl_stream_get what;

	if (bl_decoder_new(codec, rate, &decoder) || bl_stream_new(decoder, codec, rate, &stream))
		return 1;
	for (int tick = 0; tick < count + LAST_TICKS; tick++) {
		double now_ms = tick * BL_FRAME_MS + PHASE_MS;

		for (int i = 0; i < count; i++) {
			if (all[i].arrival_ms >= 0 && all[i].arrival_ms <= now_ms) {
				put(stream, &all[i], i, step, now_ms);
				all[i].arrival_ms = -1;
			}
		}
		fwrite(bl_stream_next(stream, frame, &what), sizeof(int16_t), frame, out);
	}
	print(stream);
	bl_stream_free(stream);
	bl_decoder_free(decoder);
	fclose(out);
	return 0;
}

int main(int argc, char **argv)
{
	enum bl_codec codec;
	int32_t rate;

	if (argc != 7)
		return 2;
	codec = (enum bl_codec)atoi(argv[2]);
	rate = atoi(argv[3]);
	if (!strcmp(argv[1], "encode"))
		return encode(codec, rate, atoi(argv[4]), argv[5], argv[6]);
	if (!strcmp(argv[1], "decode"))
		return decode(codec, rate, argv[4], argv[5]);
	return play(codec, rate, argv[4], argv[5], argv[6]);
}
