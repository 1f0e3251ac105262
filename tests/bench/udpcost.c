/* udpcost: what a 172-byte packet over loopback costs, one thread doing both ends.
 *
 * Prints the best tenth over rounds of sendto() and of recvfrom() [ns per packet]: what is slower
 * was disturbed by others. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum { ROUNDS = 2001, BATCH = 64, SIZE = 172 };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int bound(struct sockaddr_in *at)
{
	socklen_t size = sizeof *at;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	*at = (struct sockaddr_in){.sin_family = AF_INET};
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof *at) ||
	    getsockname(fd, (struct sockaddr *)at, &size)) {
		perror("socket");
		exit(1);
	}
	return fd;
}

int main(void)
{
	static double send_ns[ROUNDS], receive_ns[ROUNDS];
	static char packet[SIZE];
	struct sockaddr_in from_at, to_at;
	int from = bound(&from_at), to = bound(&to_at);

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = now_ns(), middle, end;

		for (int i = 0; i < BATCH; i++)
			if (sendto(from, packet, SIZE, 0, (struct sockaddr *)&to_at,
				   sizeof to_at) != SIZE)
				return 1;
		middle = now_ns();
		for (int i = 0; i < BATCH; i++)
			if (recvfrom(to, packet, SIZE, 0, NULL, NULL) != SIZE)
				return 1;
		end = now_ns();
		send_ns[round] = (double)(middle - begin) / BATCH;
		receive_ns[round] = (double)(end - middle) / BATCH;
	}
	qsort(send_ns, ROUNDS, sizeof *send_ns, by_value);
	qsort(receive_ns, ROUNDS, sizeof *receive_ns, by_value);
	printf("%.1f %.1f\n", send_ns[ROUNDS / 10], receive_ns[ROUNDS / 10]);
	return 0;
}
