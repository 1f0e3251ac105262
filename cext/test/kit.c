/* kit.c  What several tests need: phones on loopback sockets, tones, levels */
#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bytes.h"
#include "g711.h"
#include "kit.h"
#include "rtp.h"
#include "tone.h"

#define PI 3.14159265358979323846

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	exit(2);
}

bool kit_unbatched(void)
{
	return getenv("BL_UNBATCHED") != NULL;
}

struct bl_engine *kit_engine(void)
{
	struct bl_engine_config config = {
		.stepped = true,
		.max_legs = 64,
		.cpu = -1,
		.unbatched = kit_unbatched(),
	};
	struct bl_engine *engine = NULL;

	must(bl_engine_new(&config, &engine) == BL_OK, "engine");
	return engine;
}

struct kit_phone *kit_phone(struct bl_engine *engine, int64_t leg, int event_pt)
{
	struct kit_phone *phone = calloc(1, sizeof(*phone));
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	struct bl_remote remote = {
		.address = "127.0.0.1",
		.payload_type = 0,
		.codec = BL_PCMU,
		.event_payload_type = event_pt,
	};

	must(phone != NULL, "phone");
	phone->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	must(phone->fd >= 0 && !bind(phone->fd, (struct sockaddr *)&at, sizeof(at)) &&
		     !getsockname(phone->fd, (struct sockaddr *)&at, &size),
	     "phone's socket");
	phone->port = bl_leg_add_rtp(engine, leg, "127.0.0.1", 0, 0);
	must(phone->port > 0, "leg");
	remote.port = ntohs(at.sin_port);
	must(bl_leg_remote(engine, leg, &remote) == BL_OK, "remote");
	phone->timestamp = (uint32_t)rand();
	phone->seq = (uint16_t)rand();
	phone->ssrc = (uint32_t)leg;
	return phone;
}

int kit_bridge(struct bl_engine *engine, int64_t bridge, const int64_t *legs, int32_t count)
{
	struct bl_member members[KIT_MEMBERS] = {{0}};

	must(count <= KIT_MEMBERS, "members");
	for (int32_t i = 0; i < count; i++)
		members[i].leg = legs[i];
	return bl_bridge(engine, bridge, members, count);
}

int kit_play(struct bl_engine *engine, int64_t leg, int64_t play, const struct bl_play_item *items,
	     int32_t count, bool loop)
{
	struct bl_play_spec spec = {
		.items = items,
		.count = count,
		.loop = loop ? BL_LOOP_ALL : BL_LOOP_NONE,
	};

	return bl_play(engine, leg, play, &spec);
}

int kit_record(struct bl_engine *engine, int64_t recording, int64_t leg, const char *path)
{
	struct bl_record_spec spec = {.path = path, .format = BL_RECORD_WAV};

	return bl_record(engine, recording, leg, &spec);
}

int kit_device(struct bl_engine *engine, int64_t leg, int fd)
{
	struct bl_device_config plain = {.format = BL_DEVICE_S16LE, .rate = BL_RATE};

	return bl_leg_add_device(engine, leg, fd, &plain);
}

int kit_agree(struct bl_engine *engine, int64_t leg, const struct kit_phone *phone,
	      int payload_type, int32_t codec, int32_t rate)
{
	struct sockaddr_in at = {0};
	socklen_t size = sizeof(at);
	struct bl_remote remote = {
		.address = "127.0.0.1",
		.payload_type = payload_type,
		.codec = codec,
		.rate = rate,
		.event_payload_type = -1,
	};

	must(!getsockname(phone->fd, (struct sockaddr *)&at, &size), "phone's port");
	remote.port = ntohs(at.sin_port);
	return bl_leg_remote(engine, leg, &remote);
}

void kit_phone_free(struct kit_phone *phone)
{
	close(phone->fd);
	free(phone);
}

void kit_send_raw(struct kit_phone *phone, const void *data, size_t size)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)phone->port),
	};

	must(sendto(phone->fd, data, size, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)size,
	     "sendto");
}

void kit_send(struct kit_phone *phone, int payload_type, const void *payload, size_t size)
{
	uint8_t packet[2048];
	struct bl_rtp header = {
		.payload_type = (uint8_t)payload_type,
		.seq = phone->seq,
		.timestamp = phone->timestamp,
		.ssrc = phone->ssrc,
	};

	bl_rtp_header(packet, &header);
	memcpy(packet + BL_RTP_HEADER, payload, size);
	kit_send_raw(phone, packet, BL_RTP_HEADER + size);
}

void kit_say(struct kit_phone *phone, const int16_t *pcm, size_t count)
{
	uint8_t payload[BL_FRAME * 4];

	bl_g711_encode(BL_PCMU, pcm, count, payload);
	kit_send(phone, 0, payload, count);
	phone->seq++;
	phone->timestamp += (uint32_t)count;
}

static void take(struct kit_phone *phone, const uint8_t *data, size_t size)
{
	struct bl_rtp rtp;

	must(bl_rtp_parse(data, size, &rtp) == BL_OK, "the engine's packet");
	if (rtp.payload_type == KIT_EVENT_PT && phone->event_count < KIT_PACKETS) {
		struct kit_packet *packet = &phone->events[phone->event_count++];

		packet->payload_type = rtp.payload_type;
		packet->marker = rtp.marker;
		packet->seq = rtp.seq;
		packet->timestamp = rtp.timestamp;
		packet->length = rtp.length;
		memcpy(packet->payload, rtp.payload, rtp.length);
	} else if (!rtp.payload_type && phone->heard_count + rtp.length <= KIT_HEARD) {
		bl_g711_decode(BL_PCMU, rtp.payload, rtp.length,
			       phone->heard + phone->heard_count);
		phone->heard_count += rtp.length;
	}
}

void kit_listen(struct kit_phone *phone)
{
	uint8_t data[2048];
	ssize_t size;

	while ((size = recv(phone->fd, data, sizeof(data), 0)) > 0)
		take(phone, data, (size_t)size);
}

void kit_ear_init(struct kit_ear *ear)
{
	memset(ear, 0, sizeof(*ear));
}

void kit_ear_listen(struct kit_ear *ear, const struct kit_phone *phone, struct bl_decoder *decoder)
{
	uint8_t data[2048];
	ssize_t size;

	while ((size = recv(phone->fd, data, sizeof(data), 0)) > 0) {
		struct bl_rtp rtp;
		int count;

		must(bl_rtp_parse(data, (size_t)size, &rtp) == BL_OK, "the engine's packet");
		count = bl_decode(decoder, rtp.payload, rtp.length, ear->pcm + ear->count,
				  KIT_EAR - ear->count);
		must(count >= 0, "the engine's payload");
		ear->count += (size_t)count;
	}
}

bool kit_event(struct bl_engine *engine, int32_t kind, struct bl_event *out)
{
	bl_engine_step(engine, 1);
	while (bl_engine_poll(engine, out, 1) == 1) {
		if (out->kind == kind)
			return true;
	}
	return false;
}

int kit_count_events(struct bl_engine *engine, int32_t kind)
{
	struct bl_event event;
	int count = 0;

	while (bl_engine_poll(engine, &event, 1) == 1)
		count += event.kind == kind;
	return count;
}

void kit_tone_at(int32_t rate, double hz, double level_dbm0, size_t from, int16_t *out,
		 size_t count)
{
	double peak = bl_tone_peak(level_dbm0);

	for (size_t i = 0; i < count; i++)
		out[i] = (int16_t)lrint(peak * sin(2.0 * PI * hz * (double)(from + i) / rate));
}

void kit_tone(double hz, double level_dbm0, size_t from, int16_t *out, size_t count)
{
	kit_tone_at(BL_RATE, hz, level_dbm0, from, out, count);
}

static double sine_power(int32_t rate, const int16_t *pcm, size_t count, double hz)
{
	double re = 0.0, im = 0.0;

	for (size_t i = 0; i < count; i++) {
		double turn = 2.0 * PI * hz * (double)i / rate;

		re += pcm[i] * cos(turn);
		im += pcm[i] * sin(turn);
	}
	return 2.0 * (re * re + im * im) / ((double)count * (double)count);
}

double kit_level_at(int32_t rate, const int16_t *pcm, size_t count, double hz)
{
	double peak = sqrt(2.0 * sine_power(rate, pcm, count, hz));

	return 20.0 * log10(fmax(peak, 1e-6) / 32768.0) + BL_FULL_SCALE_DBM0;
}

double kit_level_dbm0(const int16_t *pcm, size_t count, double hz)
{
	return kit_level_at(BL_RATE, pcm, count, hz);
}

double kit_rest_db(const int16_t *pcm, size_t count, double hz)
{
	double whole = 0.0, sine = sine_power(BL_RATE, pcm, count, hz);

	for (size_t i = 0; i < count; i++)
		whole += (double)pcm[i] * pcm[i] / (double)count;
	return 10.0 * log10(fmax(whole - sine, 1e-9) / fmax(whole, 1e-9));
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool kit_read_wav(const char *path, struct kit_wav *wav)
{
	uint8_t header[44];
	FILE *file = fopen(path, "rb");
	bool good = file && fread(header, sizeof(header), 1, file) == 1 &&
		    !memcmp(header, "RIFF", 4) && !memcmp(header + 8, "WAVEfmt ", 8) &&
		    !memcmp(header + 36, "data", 4) && header[34] == 16 &&
		    (header[22] == 1 || header[22] == 2);
	int16_t pair[2];

	memset(wav, 0, sizeof(*wav));
	if (good) {
		wav->channels = header[22];
		wav->rate = (int32_t)le32(header + 24);
		wav->samples = le32(header + 40) / 2 / header[22];
		while (wav->in_file < KIT_WAV &&
		       fread(pair, 2, header[22], file) == (size_t)header[22]) {
			wav->side[0][wav->in_file] = pair[0];
			wav->side[1][wav->in_file++] = header[22] == 2 ? pair[1] : 0;
		}
		good = le32(header + 4) == le32(header + 40) + 36 && wav->samples <= wav->in_file;
	}
	if (file)
		fclose(file);
	return good;
}
