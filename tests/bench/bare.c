/* bare: what the kernel alone asks for bridged calls: a packet in and out again, and no more.
 *
 *   bare batched|plain ADDRESS CALLS FAR FIRSTPORT
 *
 * Two sockets a call, served once in 20 ms as the engine serves them: batched, sixteen with one
 * system call (the engine's own io_uring module) on connected sockets, or plain, a call for each.
 * What comes to one of the two goes out of the other, to its far end, at every second port of FAR.
 * Prints the ports and ends with its stdin.
 */
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "uring.h"

enum {
	CELL = 16,
	MOST = 4096, /* sockets */
	SIZE = 2048, /* [bytes] of a datagram */
	OUT = 99,    /* the tag of what is sent */
	CURIOUS_TICKS = 16,
	TICK_NS = 20000000,
	SECOND_NS = 1000000000,
};

static int fds[MOST], count;
static union bl_address far[MOST];
static struct bl_uring ring;
static int batched;

static struct {
	struct mmsghdr messages[CELL];
	struct iovec vectors[CELL];
	union bl_address from[CELL];
	_Alignas(struct cmsghdr) uint8_t control[CELL][CMSG_SPACE(sizeof(struct timespec))];
	uint8_t data[CELL][SIZE];
	int size[CELL]; /* what came; 0: nothing */
} in;

static void open_sockets(const char *here, const char *there, int first)
{
	for (int i = 0; i < count; i++) {
		union bl_address at;
		socklen_t size;
		int on = 1;

		fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		setsockopt(fds[i], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
		if (bl_address_parse(there, first + 2 * i, &far[i], &size) ||
		    bl_address_parse(here, 0, &at, &size) || bind(fds[i], &at.any, size) ||
		    getsockname(fds[i], &at.any, &size)) {
			perror("bare");
			exit(1);
		}
		printf("%d ", bl_address_port(&at));
	}
	printf("\n");
	fflush(stdout);
}

/* As the engine has them: connected to their far ends, and known to the ring. */
static void tie_sockets(void)
{
	if (!bl_uring_places(&ring, (uint32_t)count))
		exit(3);
	for (int i = 0; i < count; i++) {
		if (connect(fds[i], &far[i].any, bl_address_size(&far[i])) ||
		    !bl_uring_place(&ring, i, fds[i])) {
			perror("bare");
			exit(1);
		}
	}
}

static struct bl_uring_socket via(int i)
{
	return (struct bl_uring_socket){fds[i], i};
}

static void receive(int first, int most)
{
	uint64_t tag;
	int result;

	for (int i = 0; i < most; i++) {
		in.vectors[i] = (struct iovec){in.data[i], SIZE};
		in.messages[i].msg_hdr = (struct msghdr){
			.msg_name = &in.from[i],
			.msg_namelen = sizeof(in.from[i]),
			.msg_iov = &in.vectors[i],
			.msg_iovlen = 1,
			.msg_control = in.control[i],
			.msg_controllen = sizeof(in.control[i]),
		};
		in.size[i] = 0;
		if (batched)
			bl_uring_receive(&ring, via(first + i), &in.messages[i].msg_hdr,
					 (uint64_t)i);
		else if (recvmmsg(fds[first + i], &in.messages[i], 1, MSG_DONTWAIT, NULL) == 1)
			in.size[i] = (int)in.messages[i].msg_len;
	}
	if (batched)
		bl_uring_submit(&ring);
	while (batched && bl_uring_next(&ring, &tag, &result))
		if (tag < CELL && result > 0)
			in.size[tag] = result;
}

static void pass_on(int first, int most)
{
	static uint8_t packets[CELL][SIZE]; /* until the next cell is received */

	for (int i = 0; i < most; i++) {
		int other = (first + i) ^ 1;
		size_t size = (size_t)in.size[i];

		if (!size)
			continue;
		if (batched) {
			memcpy(packets[i], in.data[i], size);
			bl_uring_send(&ring, via(other), packets[i], size, NULL, OUT);
		} else {
			sendto(fds[other], in.data[i], size, MSG_DONTWAIT, &far[other].any,
			       bl_address_size(&far[other]));
		}
	}
}

static void tick(void)
{
	for (int first = 0; first < count; first += CELL) {
		int most = count - first < CELL ? count - first : CELL;

		receive(first, most);
		pass_on(first, most);
	}
	if (batched)
		bl_uring_submit(&ring);
}

int main(int argc, char **argv)
{
	struct sched_param priority = {.sched_priority = 10};
	struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
	struct rlimit files;
	struct timespec due;
	unsigned ticks = 0;

	if (argc != 6)
		return 2;
	batched = !strcmp(argv[1], "batched");
	count = 2 * atoi(argv[3]);
	if (count > MOST || (batched && bl_uring_open(&ring, 2 * CELL)))
		return 3;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	open_sockets(argv[2], argv[4], atoi(argv[5]));
	if (batched)
		tie_sockets();
	sched_setscheduler(0, SCHED_RR, &priority); /* as the engine, where it may */
	clock_gettime(CLOCK_MONOTONIC, &due);
	while (!poll(&end, 1, 0)) {
		due.tv_nsec += TICK_NS;
		if (due.tv_nsec >= SECOND_NS) {
			due.tv_nsec -= SECOND_NS;
			due.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		tick();
		if (++ticks % CURIOUS_TICKS == 0) /* reports come between the packets of sound */
			tick();
	}
	return 0;
}
