/* confload: the participants of one conference, all of them in one thread.
 *
 *   confload ADDRESS pcmu|opus SPEECH COUNT TALKERS
 *
 * SPEECH is mono s16le at the codec's rate, 8 or 16 kHz; it is coded once and said over and over,
 * by each talker from another place on. Who does not talk sends silence. The first line printed
 * has the ports of all. Lines on stdin: `TO PORT…` says where each one sends to, `RUN` and `HOLD`
 * begin and end the sending, `REPORT` prints what came since the last report. Of every tenth
 * participant the sound is decoded and measured. The end of stdin ends it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <opus/opus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_PEOPLE = 1000,
	HEADER = 12,
	MAX_PAYLOAD = 400,
	MAX_SAMPLES = 320, /* of 20 ms */
	SPEECH_FRAMES = 500,
	LISTENED = 10, /* every so manieth one is decoded */
	OPUS_PT = 111,
};
#define FRAME_NS 20000000ull

struct payload {
	int size;
	uint8_t bytes[MAX_PAYLOAD];
};

struct person {
	int fd;
	struct sockaddr_in to;
	uint64_t t_next;
	uint64_t received;
	uint32_t timestamp, ssrc;
	uint16_t seq;
	int talks;
	unsigned at; /* in speech[] */
	OpusDecoder *opus;
	double energy, samples;
};

static struct person people[MAX_PEOPLE];
static struct payload speech[SPEECH_FRAMES], silence;
static unsigned count, frames;
static uint64_t sent;
static int running, is_opus, poller;
static struct in_addr local;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int frame_samples(void)
{
	return is_opus ? 320 : 160;
}

/* ITU-T G.711 µ-law */
static uint8_t ulaw(int linear)
{
	int sign = linear < 0 ? 0x80 : 0, size = abs(linear) + 132, segment = 0;

	if (size > 32767)
		size = 32767;
	while (size >> (segment + 8))
		segment++;
	return (uint8_t) ~(sign | segment << 4 | ((size >> (segment + 3)) & 0xf));
}

static int unulaw(uint8_t octet)
{
	int code = ~octet, size = (((code & 0xf) << 3) + 132) << (code >> 4 & 7);

	return code & 0x80 ? 132 - size : size - 132;
}

static void code(struct payload *out, OpusEncoder *opus, const int16_t *samples)
{
	if (is_opus) {
		out->size = opus_encode(opus, samples, frame_samples(), out->bytes, MAX_PAYLOAD);
	} else {
		out->size = frame_samples();
		for (int i = 0; i < out->size; i++)
			out->bytes[i] = ulaw(samples[i]);
	}
	if (out->size <= 0)
		exit(3);
}

static OpusEncoder *encoder(void)
{
	OpusEncoder *opus = opus_encoder_create(16000, 1, OPUS_APPLICATION_VOIP, NULL);

	opus_encoder_ctl(opus, OPUS_SET_BITRATE(32000));
	return opus;
}

static void read_speech(const char *path)
{
	int16_t samples[MAX_SAMPLES] = {0};
	size_t size = (size_t)frame_samples();
	OpusEncoder *opus = encoder(), *quiet = encoder();
	FILE *file = fopen(path, "rb");

	if (!file) {
		perror(path);
		exit(1);
	}
	code(&silence, quiet, samples);
	while (frames < SPEECH_FRAMES && fread(samples, 2, size, file) == size)
		code(&speech[frames++], opus, samples);
	fclose(file);
	opus_encoder_destroy(opus);
	opus_encoder_destroy(quiet);
	if (!frames)
		exit(1);
}

static void open_person(unsigned talkers)
{
	struct person *p = &people[count];
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = local};
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = count};
	socklen_t size = sizeof at;

	p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&at, sizeof at) ||
	    getsockname(p->fd, (struct sockaddr *)&at, &size) ||
	    epoll_ctl(poller, EPOLL_CTL_ADD, p->fd, &event)) {
		perror("socket");
		exit(1);
	}
	p->ssrc = (uint32_t)random();
	p->talks = count < talkers;
	p->at = count * 37 % frames;
	if (is_opus && count % LISTENED == 0)
		p->opus = opus_decoder_create(16000, 1, NULL);
	printf("%u ", ntohs(at.sin_port));
	count++;
}

static void send_to(char *ports)
{
	for (struct person *p = people; p < people + count; p++) {
		p->to = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = local};
		p->to.sin_port = htons((uint16_t)strtoul(ports, &ports, 10));
	}
}

static void run(void)
{
	uint64_t now = now_ns();

	/* real participants are not in step: spread them over the frame */
	for (unsigned i = 0; i < count; i++)
		people[i].t_next = now + FRAME_NS * (i * 7919u % 1000u) / 1000u;
	running = 1;
}

/* level: of the quietest that was decoded, [dB] below full scale */
static void report(void)
{
	uint64_t received = 0, least = UINT64_MAX;
	double level = 0;

	for (struct person *p = people; p < people + count; p++) {
		received += p->received;
		least = p->received < least ? p->received : least;
		if ((p - people) % LISTENED == 0) {
			double rms = p->samples > 0 ? sqrt(p->energy / p->samples) : 0;
			double its = rms > 0 ? 20 * log10(rms / 32768) : -100;

			level = its < level ? its : level;
		}
		p->received = 0;
		p->energy = p->samples = 0;
	}
	printf("{\"sent\": %lu, \"received\": %lu, \"least\": %lu, \"level\": %.1f}\n", sent,
	       received, least, level);
	fflush(stdout);
	sent = 0;
}

/* returns 0 at the end of stdin */
static int commands(void)
{
	static char text[65536];
	static size_t size;
	ssize_t more = read(0, text + size, sizeof text - size - 1);
	char *line = text, *end;

	if (!more)
		return 0;
	if (more > 0)
		size += (size_t)more;
	text[size] = 0;
	while ((end = strchr(line, '\n'))) {
		*end = 0;
		if (!strncmp(line, "TO ", 3))
			send_to(line + 3);
		else if (!strcmp(line, "RUN"))
			run();
		else if (!strcmp(line, "HOLD"))
			running = 0;
		else if (!strcmp(line, "REPORT"))
			report();
		line = end + 1;
	}
	size -= (size_t)(line - text);
	memmove(text, line, size);
	return 1;
}

static void send_one(struct person *p)
{
	const struct payload *payload = p->talks ? &speech[p->at] : &silence;
	uint8_t packet[HEADER + MAX_PAYLOAD] = {0x80, is_opus ? OPUS_PT : 0};
	uint16_t seq = htons(p->seq);
	uint32_t timestamp = htonl(p->timestamp), ssrc = htonl(p->ssrc);
	size_t size = HEADER + (size_t)payload->size;

	memcpy(packet + 2, &seq, 2);
	memcpy(packet + 4, &timestamp, 4);
	memcpy(packet + 8, &ssrc, 4);
	memcpy(packet + HEADER, payload->bytes, (size_t)payload->size);
	if (sendto(p->fd, packet, size, 0, (struct sockaddr *)&p->to, sizeof p->to) ==
	    (ssize_t)size)
		sent++;
	p->seq++;
	p->timestamp += is_opus ? 960 : 160; /* RFC 7587: Opus counts at 48 kHz */
	p->at = (p->at + 1) % frames;
	p->t_next += FRAME_NS;
}

static void listen_to(struct person *p, const uint8_t *payload, int size)
{
	int16_t samples[5760];
	int got = size > 160 ? 160 : size;

	if (p->opus)
		got = opus_decode(p->opus, payload, size, samples, 5760, 0);
	else
		for (int i = 0; i < got; i++)
			samples[i] = (int16_t)unulaw(payload[i]);
	for (int i = 0; i < got; i++)
		p->energy += (double)samples[i] * samples[i];
	p->samples += got > 0 ? got : 0;
}

static void receive(struct person *p)
{
	uint8_t packet[2048];
	ssize_t size;

	while ((size = recv(p->fd, packet, sizeof packet, 0)) > 0) {
		if (size <= HEADER || (packet[1] & 0x7f) != (is_opus ? OPUS_PT : 0))
			continue;
		p->received++;
		if ((p - people) % LISTENED == 0)
			listen_to(p, packet + HEADER, (int)size - HEADER);
	}
}

int main(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	struct epoll_event events[256];

	if (argc != 6 || !inet_pton(AF_INET, argv[1], &local) || atoi(argv[4]) > MAX_PEOPLE)
		return 2;
	is_opus = !strcmp(argv[2], "opus");
	read_speech(argv[3]);
	poller = epoll_create1(0);
	for (int left = atoi(argv[4]); left > 0; left--)
		open_person((unsigned)atoi(argv[5]));
	printf("\n");
	fflush(stdout);
	fcntl(0, F_SETFL, O_NONBLOCK);
	while (commands()) {
		uint64_t now = now_ns();

		for (struct person *p = people; running && p < people + count; p++)
			if (p->t_next <= now)
				send_one(p);
		/* to wait for packets would be to be woken by each, at the cost of who sends it */
		nanosleep(&pause, NULL);
		int ready = epoll_wait(poller, events, 256, 0);

		for (int i = 0; i < ready; i++)
			receive(&people[events[i].data.u32]);
	}
	return 0;
}
