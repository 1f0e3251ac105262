/* rtpgen: many G.711 streams, a packet each 20 ms, sent and received by one thread.
 *
 *   rtpgen ADDRESS            all streams are bound to this address
 *
 * Lines on stdin: `STREAM LOCALPORT REMOTE REMOTEPORT` opens a stream, `REPORT` prints what was
 * sent and received since the last report, and the longest gap [ms]. The end of stdin ends it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_STREAMS = 4096, SAMPLES = 160, HEADER = 12, PACKET = HEADER + SAMPLES, VOICE = 16000 };
#define FRAME_NS 20000000ull

struct stream {
	int fd;
	struct sockaddr_in to;
	uint64_t t_next, t_received;
	uint32_t timestamp, ssrc;
	uint16_t seq;
	unsigned at; /* in voice[] */
};

static struct stream streams[MAX_STREAMS];
static unsigned count;
static uint8_t voice[VOICE];
static uint64_t sent, received, gap_max_ns;
static struct in_addr local;
static int poller;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A-law (ITU-T G.711), from 13-bit linear */
static uint8_t alaw(int linear)
{
	int sign = linear >= 0 ? 0x80 : 0, size = abs(linear) >> 3, segment = 0;

	if (size > 0xfff)
		size = 0xfff;
	while (size >> (segment + 5) && segment < 7)
		segment++;
	size = segment < 2 ? size >> 1 : size >> segment;
	return (uint8_t)((sign | segment << 4 | (size & 0xf)) ^ 0x55);
}

/* something like speech: three partials, with syllables, so that codecs and detectors have work */
static void speak(void)
{
	for (int i = 0; i < VOICE; i++) {
		double t = i / 8000.0, w = 2 * M_PI;
		double sound = sin(w * 210 * t) + 0.5 * sin(w * 480 * t) + 0.3 * sin(w * 1130 * t);

		voice[i] = alaw((int)(6000 * (0.5 + 0.5 * sin(w * 3 * t)) * sound));
	}
}

static void open_stream(unsigned port, const char *remote, unsigned remote_port)
{
	struct stream *s = &streams[count];
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = local};
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = count};

	if (count == MAX_STREAMS)
		return;
	at.sin_port = htons((uint16_t)port);
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&at, sizeof at) ||
	    epoll_ctl(poller, EPOLL_CTL_ADD, s->fd, &event)) {
		fprintf(stderr, "port %u: %s\n", port, strerror(errno));
		exit(1);
	}
	s->to = (struct sockaddr_in){.sin_family = AF_INET};
	s->to.sin_port = htons((uint16_t)remote_port);
	inet_pton(AF_INET, remote, &s->to.sin_addr);
	s->ssrc = (uint32_t)random();
	s->at = (unsigned)random() % (VOICE - SAMPLES);
	/* streams of real phones are not in step: spread them over the frame */
	s->t_next = now_ns() + FRAME_NS * (count * 7919u % 1000u) / 1000u;
	count++;
}

static void report(void)
{
	printf("{\"streams\": %u, \"sent\": %lu, \"received\": %lu, \"gap_max_ms\": %.1f}\n",
	       count, sent, received, (double)gap_max_ns / 1e6);
	fflush(stdout);
	sent = received = gap_max_ns = 0;
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
		unsigned port, remote_port;
		char remote[64];

		*end = 0;
		if (!strcmp(line, "REPORT"))
			report();
		else if (sscanf(line, "STREAM %u %63s %u", &port, remote, &remote_port) == 3)
			open_stream(port, remote, remote_port);
		line = end + 1;
	}
	size -= (size_t)(line - text);
	memmove(text, line, size);
	return 1;
}

static void send_due(uint64_t now)
{
	for (struct stream *s = streams; s < streams + count; s++) {
		uint8_t packet[PACKET] = {0x80, 8};
		uint16_t seq = htons(s->seq);
		uint32_t timestamp = htonl(s->timestamp), ssrc = htonl(s->ssrc);

		if (s->t_next > now)
			continue;
		memcpy(packet + 2, &seq, 2);
		memcpy(packet + 4, &timestamp, 4);
		memcpy(packet + 8, &ssrc, 4);
		memcpy(packet + HEADER, voice + s->at, SAMPLES);
		if (sendto(s->fd, packet, PACKET, 0, (struct sockaddr *)&s->to, sizeof s->to) ==
		    PACKET)
			sent++;
		s->seq++;
		s->timestamp += SAMPLES;
		s->at = (s->at + SAMPLES) % (VOICE - SAMPLES);
		s->t_next += FRAME_NS;
	}
}

static void receive(struct stream *s)
{
	uint8_t packet[2048];
	ssize_t size;

	while ((size = recv(s->fd, packet, sizeof packet, 0)) > 0) {
		uint64_t now = now_ns();

		if (size < HEADER || (packet[1] & 0x7f) != 8)
			continue;
		if (s->t_received && now - s->t_received > gap_max_ns)
			gap_max_ns = now - s->t_received;
		s->t_received = now;
		received++;
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[256];

	if (argc != 2 || !inet_pton(AF_INET, argv[1], &local))
		return 2;
	speak();
	fcntl(0, F_SETFL, O_NONBLOCK);
	poller = epoll_create1(0);
	while (commands()) {
		send_due(now_ns());
		int ready = epoll_wait(poller, events, 256, 1);

		for (int i = 0; i < ready; i++)
			receive(&streams[events[i].data.u32]);
	}
	return 0;
}
