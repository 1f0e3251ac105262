/* rtpgen: many G.711 streams, a packet each 20 ms, sent and received by one thread.
 *
 *   rtpgen ADDRESS [rtcp]     all streams are bound to this address; reports each 5 s (RFC 5761)
 *
 * Lines on stdin: `STREAM LOCALPORT REMOTE REMOTEPORT [PAYLOADTYPE]` opens a stream (A-law if not
 * said otherwise), `REPORT` prints what was sent and received since the last report as one JSON
 * object. The end of stdin ends it.
 *
 * Streams are spread over the 20 ms; each has its place, where it sends, and takes what has come.
 * Nothing sleeps on the sockets, so that whoever sends to them does not pay for waking us. When a
 * packet came is the kernel's stamp. Each packet begins with quiet sound that tells its number and
 * when it was sent; where a bridge passes that on unchanged, delay and loss through it are seen.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_STREAMS = 8192,
	PLACES = 40, /* in a frame */
	SAMPLES = 160,
	HEADER = 12,
	PACKET = HEADER + SAMPLES,
	VOICE = 16000,
	BATCH = 4, /* [packets] of one system call */
	MAGIC = 4, /* of the mark: these, the time [10 us], the number, a check; a nibble a byte */
	TIME = 8,
	NUMBER = 4,
	CHECK = 2, /* the sum of time and number, nibble by nibble */
	MARK = MAGIC + TIME + NUMBER + CHECK,
	SPARE = MARK - 1,
	PCMU = 0,
	PCMA = 8,
	BINS = 1000, /* [ms] */
	RTCP_FRAMES = 250,
	RTCP_SIZE = 44, /* a sender report and a name (RFC 3550 §6.4.1, §6.5) */
};
#define FRAME_NS 20000000ull
#define PLACE_NS (FRAME_NS / PLACES)

struct stream {
	int fd;
	uint64_t t_received;
	uint32_t timestamp, ssrc, frames;
	uint16_t seq, seen, mark; /* the next of ours, the last of theirs */
	uint8_t payload_type, any_seen, any_mark;
	unsigned at;	       /* in voice[] */
	uint8_t before[SPARE]; /* the end of the packet before */
};

/* since the last report */
static struct {
	uint64_t sent, unsent, received, reports, lost, marked, unmarked, gap_max_ns, late_max_ns;
	uint64_t bins[BINS];
} sum;

static struct stream streams[MAX_STREAMS];
static unsigned count;
static uint8_t voice[2][VOICE]; /* mu-law, A-law */
static const uint8_t magic[MAGIC] = {1, 9, 3, 11};
static struct in_addr local;
static int with_rtcp;
static uint64_t t_report, cpu_report_us;

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000u +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* A-law (ITU-T G.711), from 16-bit linear */
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

/* mu-law (ITU-T G.711), from 16-bit linear */
static uint8_t ulaw(int linear)
{
	int sign = linear >= 0 ? 0 : 0x80, size = abs(linear) + 132, segment = 0;

	if (size > 32767)
		size = 32767;
	while (size >> (segment + 8))
		segment++;
	return (uint8_t) ~(sign | segment << 4 | (size >> (segment + 3) & 0xf));
}

/* something like speech: three partials, with syllables, so that codecs and detectors have work */
static void speak(void)
{
	for (int i = 0; i < VOICE; i++) {
		double t = i / 8000.0, w = 2 * M_PI;
		double sound = sin(w * 210 * t) + 0.5 * sin(w * 480 * t) + 0.3 * sin(w * 1130 * t);
		int linear = (int)(6000 * (0.5 + 0.5 * sin(w * 3 * t)) * sound);

		voice[0][i] = ulaw(linear);
		voice[1][i] = alaw(linear);
	}
}

static void open_stream(unsigned port, const char *remote, unsigned remote_port, unsigned type)
{
	struct stream *s = &streams[count];
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = local}, to = at;
	int on = 1;

	if (count == MAX_STREAMS)
		return;
	at.sin_port = htons((uint16_t)port);
	to.sin_port = htons((uint16_t)remote_port);
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&at, sizeof at) ||
	    setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) ||
	    inet_pton(AF_INET, remote, &to.sin_addr) != 1 ||
	    connect(s->fd, (struct sockaddr *)&to, sizeof to)) {
		fprintf(stderr, "port %u: %s\n", port, strerror(errno));
		exit(1);
	}
	s->payload_type = (uint8_t)type;
	s->ssrc = (uint32_t)random();
	s->at = (unsigned)random() % (VOICE - SAMPLES);
	s->frames = (uint32_t)random() % RTCP_FRAMES;
	count++;
}

/* [ms]: so much of what passed was as quick, or quicker */
static double delay_ms(double share)
{
	uint64_t so_far = 0;
	int i = 0;

	while (i < BINS - 1 && (so_far += sum.bins[i]) < share * (double)sum.marked)
		i++;
	return i;
}

static void report(void)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC), used_us = cpu_us();

	printf("{\"streams\": %u, \"seconds\": %.3f, \"sent\": %lu, \"unsent\": %lu, "
	       "\"received\": %lu, \"reports\": %lu, \"lost\": %lu, "
	       "\"marked\": %lu, \"unmarked\": %lu, \"delay_p50_ms\": %.0f, \"delay_p99_ms\": "
	       "%.0f, "
	       "\"delay_max_ms\": %.0f, \"gap_max_ms\": %.1f, \"late_max_ms\": %.1f, "
	       "\"core_percent\": %.1f}\n",
	       count, (double)(now - t_report) / 1e9, sum.sent, sum.unsent, sum.received,
	       sum.reports, sum.lost, sum.marked, sum.unmarked, delay_ms(0.5), delay_ms(0.99),
	       delay_ms(1), (double)sum.gap_max_ns / 1e6, (double)sum.late_max_ns / 1e6,
	       (double)(used_us - cpu_report_us) * 1e5 / (double)(now - t_report));
	fflush(stdout);
	memset(&sum, 0, sizeof sum);
	t_report = now;
	cpu_report_us = used_us;
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
		unsigned port, remote_port, type = PCMA;
		char remote[64];

		*end = 0;
		if (!strcmp(line, "REPORT"))
			report();
		else if (sscanf(line, "STREAM %u %63s %u %u", &port, remote, &remote_port,
				&type) >= 3)
			open_stream(port, remote, remote_port, type);
		line = end + 1;
	}
	size -= (size_t)(line - text);
	memmove(text, line, size);
	return 1;
}

/* the codes of the least amplitudes: what comes of them at the far end is the same again */
static uint8_t quiet(const struct stream *s)
{
	return s->payload_type == PCMU ? 0xF0 : 0xD0;
}

static void put_nibbles(uint8_t *to, int nibbles, uint64_t value, uint8_t base)
{
	for (int i = nibbles - 1; i >= 0; i--, value >>= 4)
		to[i] = (uint8_t)(base | (value & 0xF));
}

/* returns 0 when these are no nibbles of ours */
static int get_nibbles(const uint8_t *from, int nibbles, uint8_t base, uint32_t *value)
{
	*value = 0;
	for (int i = 0; i < nibbles; i++) {
		if ((from[i] & 0xF0) != base)
			return 0;
		*value = *value << 4 | (from[i] & 0xF);
	}
	return 1;
}

static uint32_t check_of(const uint8_t *mark)
{
	uint32_t sum = 0;

	for (int i = MAGIC; i < MARK - CHECK; i++)
		sum += mark[i] & 0xF;
	return sum;
}

static uint32_t in_10us(uint64_t ns)
{
	return (uint32_t)(ns / 10000);
}

static void put(struct stream *s, const void *packet, size_t size, uint64_t *counter)
{
	if (send(s->fd, packet, size, 0) == (ssize_t)size)
		++*counter;
	else
		sum.unsent++;
}

static void send_sound(struct stream *s)
{
	uint8_t packet[PACKET] = {0x80, s->payload_type}, *mark = packet + HEADER;
	uint16_t seq = htons(s->seq);
	uint32_t timestamp = htonl(s->timestamp), ssrc = htonl(s->ssrc);
	uint8_t base = quiet(s);

	memcpy(packet + 2, &seq, 2);
	memcpy(packet + 4, &timestamp, 4);
	memcpy(packet + 8, &ssrc, 4);
	memcpy(mark, voice[s->payload_type != PCMU] + s->at, SAMPLES);
	for (int i = 0; i < MAGIC; i++)
		mark[i] = base | magic[i];
	put_nibbles(mark + MAGIC, TIME, in_10us(now_ns(CLOCK_REALTIME)), base);
	put_nibbles(mark + MAGIC + TIME, NUMBER, s->seq, base);
	put_nibbles(mark + MARK - CHECK, CHECK, check_of(mark), base);
	put(s, packet, PACKET, &sum.sent);
	s->seq++;
	s->timestamp += SAMPLES;
	s->at = (s->at + SAMPLES) % (VOICE - SAMPLES);
}

static void send_report(struct stream *s)
{
	uint64_t unused = 0, now = now_ns(CLOCK_REALTIME);
	uint32_t words[RTCP_SIZE / 4] = {
		htonl(0x80C80006),
		htonl(s->ssrc),
		htonl((uint32_t)(now / 1000000000u + 2208988800u)), /* from 1900 on */
		htonl((uint32_t)(((now % 1000000000u) << 32) / 1000000000u)),
		htonl(s->timestamp),
		htonl(s->frames),
		htonl(s->frames * SAMPLES),
		htonl(0x81CA0003),
		htonl(s->ssrc),
		htonl(0x01056265),
		htonl(0x6E636800), /* CNAME "bench" */
	};

	put(s, words, sizeof words, &unused);
}

/* Counts what is missing between the last number and this one. */
static void follow(uint16_t *last, uint8_t *any, uint16_t number, uint64_t *missing)
{
	int16_t step = (int16_t)(number - *last);

	if (*any && step > 1)
		*missing += (uint64_t)step - 1;
	else if (*any && step < 0 && *missing)
		--*missing; /* it came after all */
	if (!*any || step > 0)
		*last = number;
	*any = 1;
}

/* where a mark begins, or the end */
static size_t find_mark(const uint8_t *sound, size_t size, uint8_t base)
{
	for (size_t i = 0; i + MARK <= size; i++) {
		if (sound[i] == (base | magic[0]) && sound[i + 1] == (base | magic[1]) &&
		    sound[i + 2] == (base | magic[2]) && sound[i + 3] == (base | magic[3]))
			return i;
	}
	return size;
}

/* A bridge may have moved the sound within its packets: a mark may lie across two of them. */
static void take_mark(struct stream *s, const uint8_t *payload, uint64_t t_came)
{
	uint8_t sound[SPARE + SAMPLES], base = quiet(s);
	uint32_t sent, number, check, delay;
	size_t at;

	memcpy(sound, s->before, SPARE);
	memcpy(sound + SPARE, payload, SAMPLES);
	memcpy(s->before, payload + SAMPLES - SPARE, SPARE);
	at = find_mark(sound, sizeof sound, base);
	if (at == sizeof sound || !get_nibbles(sound + at + MAGIC, TIME, base, &sent) ||
	    !get_nibbles(sound + at + MAGIC + TIME, NUMBER, base, &number) ||
	    !get_nibbles(sound + at + MARK - CHECK, CHECK, base, &check) ||
	    check != check_of(sound + at)) /* made up, or stretched */
		return;
	follow(&s->mark, &s->any_mark, (uint16_t)number, &sum.unmarked);
	/* it is heard so many samples of 125 us after the packet's first */
	delay = (in_10us(t_came + ((uint64_t)at - SPARE) * 125000) - sent) / 100;
	sum.marked++;
	sum.bins[delay < BINS ? delay : BINS - 1]++;
}

static void take(struct stream *s, const uint8_t *packet, size_t size, uint64_t t_came)
{
	if (size > HEADER && packet[1] >= 192 && packet[1] < 224) /* RFC 5761 §4 */
		sum.reports++;
	if (size < PACKET || (packet[1] & 0x7F) != s->payload_type)
		return;
	if (s->t_received && t_came > s->t_received && t_came - s->t_received > sum.gap_max_ns)
		sum.gap_max_ns = t_came - s->t_received;
	s->t_received = t_came;
	sum.received++;
	follow(&s->seen, &s->any_seen, (uint16_t)(packet[2] << 8 | packet[3]), &sum.lost);
	take_mark(s, packet + HEADER, t_came);
}

static uint64_t kernel_stamp(struct msghdr *header)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	struct timespec t;

	if (!control || control->cmsg_type != SCM_TIMESTAMPNS)
		return now_ns(CLOCK_REALTIME);
	memcpy(&t, CMSG_DATA(control), sizeof t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void receive(struct stream *s)
{
	uint8_t data[BATCH][2048], control[BATCH][64];
	struct iovec vectors[BATCH];
	struct mmsghdr messages[BATCH] = {0};
	int got;

	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){data[i], sizeof data[i]};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_control = control[i];
	}
	do {
		for (int i = 0; i < BATCH; i++)
			messages[i].msg_hdr.msg_controllen = sizeof control[i];
		got = recvmmsg(s->fd, messages, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < got; i++)
			take(s, data[i], messages[i].msg_len, kernel_stamp(&messages[i].msg_hdr));
	} while (got == BATCH);
}

/* streams of real phones are not in step: they are spread over the frame */
static void serve(unsigned place)
{
	for (struct stream *s = streams + place; s < streams + count; s += PLACES) {
		receive(s);
		send_sound(s);
		if (with_rtcp && ++s->frames % RTCP_FRAMES == 0)
			send_report(s);
	}
}

int main(int argc, char **argv)
{
	uint64_t due;

	if (argc < 2 || !inet_pton(AF_INET, argv[1], &local))
		return 2;
	with_rtcp = argc > 2 && !strcmp(argv[2], "rtcp");
	speak();
	fcntl(0, F_SETFL, O_NONBLOCK);
	due = t_report = now_ns(CLOCK_MONOTONIC);
	for (unsigned place = 0;; place = (place + 1) % PLACES) {
		struct timespec at = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
		uint64_t now;

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		now = now_ns(CLOCK_MONOTONIC);
		if (now - due > sum.late_max_ns)
			sum.late_max_ns = now - due;
		due += PLACE_NS;
		if (!place && !commands())
			return 0;
		serve(place);
	}
}
