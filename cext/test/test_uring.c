/* test_uring.c  io_uring carries out sends and receives in their order, or is not to be had */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"
#include "kit.h"
#include "uring.h"

enum { MOST = 8, ROUNDS = 500, NO_FD = 1000000, FORBIDDEN = 3 };

struct end {
	int fd;
	union bl_address at, from;
	socklen_t size;
	uint8_t data[64];
	struct iovec vector;
	struct msghdr message;
};

static void open_end(struct end *end, int family)
{
	memset(end, 0, sizeof(*end));
	end->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	end->at.any.sa_family = (sa_family_t)family;
	end->size = family == AF_INET ? sizeof(end->at.v4) : sizeof(end->at.v6);
	if (family == AF_INET)
		end->at.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		end->at.v6.sin6_addr = in6addr_loopback;
	CHECK_EQUAL(0, bind(end->fd, &end->at.any, end->size));
	CHECK_EQUAL(0, getsockname(end->fd, &end->at.any, &end->size));
	end->vector = (struct iovec){end->data, sizeof(end->data)};
}

static struct msghdr *ready(struct end *end)
{
	end->message = (struct msghdr){
		.msg_name = &end->from,
		.msg_namelen = sizeof(end->from),
		.msg_iov = &end->vector,
		.msg_iovlen = 1,
	};
	return &end->message;
}

static void wait_for_packet(const struct end *end)
{
	CHECK_EQUAL(1, poll(&(struct pollfd){.fd = end->fd, .events = POLLIN}, 1, 5000));
}

/* False: this machine has none; where it has one (of Linux 6.1 or later), ours must open. */
static bool open_ring(struct bl_uring *ring)
{
	struct io_uring_params params = {0};
	int fd = (int)syscall(SYS_io_uring_setup, MOST, &params);

	if (fd < 0) {
		printf("skip: no io_uring here\n");
		return false;
	}
	close(fd);
	CHECK_EQUAL(BL_OK, bl_uring_open(ring, MOST));
	return ring->open;
}

static void check_next(struct bl_uring *ring, uint64_t tag, int result)
{
	uint64_t got_tag = 0;
	int got = 0;

	CHECK(bl_uring_next(ring, &got_tag, &got));
	CHECK_EQUAL(tag, got_tag);
	CHECK_EQUAL(result, got);
}

static struct bl_uring_socket at_fd(int fd)
{
	return (struct bl_uring_socket){fd, -1};
}

static void check_there_and_back(struct bl_uring *ring, int family)
{
	struct end a, b;
	uint64_t tag;
	int result;

	open_end(&a, family);
	open_end(&b, family);
	for (int round = 0; round < ROUNDS; round++) {
		uint8_t data[3] = {(uint8_t)round, 1, 2};

		/* nothing is there yet; the send is not told */
		bl_uring_receive(ring, at_fd(b.fd), ready(&b), 7);
		bl_uring_send(ring, at_fd(a.fd), data, sizeof(data), &b.at, 8);
		CHECK_EQUAL(2, bl_uring_submit(ring));
		check_next(ring, 7, -EAGAIN);
		CHECK(!bl_uring_next(ring, &tag, &result));
		wait_for_packet(&b);
		bl_uring_receive(ring, at_fd(a.fd), ready(&a), 9);
		bl_uring_receive(ring, at_fd(b.fd), ready(&b), 10);
		CHECK_EQUAL(2, bl_uring_submit(ring));
		check_next(ring, 9, -EAGAIN);
		check_next(ring, 10, sizeof(data));
		CHECK_EQUAL(0, memcmp(b.data, data, sizeof(data)));
		CHECK_EQUAL(a.size, b.message.msg_namelen);
		CHECK_EQUAL(a.at.v4.sin_port, b.from.v4.sin_port);
	}
	close(a.fd);
	close(b.fd);
}

static void test_there_and_back(void)
{
	struct bl_uring ring;

	if (!open_ring(&ring))
		return;
	check_there_and_back(&ring, AF_INET);
	check_there_and_back(&ring, AF_INET6);
	bl_uring_close(&ring);
	bl_uring_close(&ring); /* harms nothing */
}

static void test_one_that_fails_stops_no_other(void)
{
	struct bl_uring ring;
	struct end a, b;
	union bl_address nowhere;

	if (!open_ring(&ring))
		return;
	open_end(&a, AF_INET);
	open_end(&b, AF_INET);
	nowhere = b.at;
	bl_address_set_port(&nowhere, 0);
	bl_uring_send(&ring, at_fd(NO_FD), "x", 1, &b.at, 1);
	bl_uring_send(&ring, at_fd(a.fd), "x", 1, &nowhere, 2);
	bl_uring_send(&ring, at_fd(a.fd), "y", 1, &b.at, 3);
	bl_uring_receive(&ring, at_fd(NO_FD), ready(&a), 4);
	CHECK_EQUAL(4, bl_uring_submit(&ring));
	check_next(&ring, 1, -EBADF);
	check_next(&ring, 2, -EINVAL);
	check_next(&ring, 4, -EBADF);
	wait_for_packet(&b);
	CHECK_EQUAL(1, recv(b.fd, b.data, sizeof(b.data), 0));
	CHECK_EQUAL('y', b.data[0]);
	close(a.fd);
	close(b.fd);
	bl_uring_close(&ring);
}

/* By its place a socket is used, and kept open, until that is emptied. */
static void test_places(void)
{
	struct bl_uring ring;
	struct end a, b;
	struct bl_uring_socket second = {NO_FD, 1};
	int again;

	if (!open_ring(&ring))
		return;
	open_end(&a, AF_INET);
	open_end(&b, AF_INET);
	CHECK(!bl_uring_place(&ring, 1, a.fd)); /* there are none yet */
	CHECK(bl_uring_places(&ring, 2));
	CHECK(bl_uring_place(&ring, 1, a.fd));
	CHECK(!bl_uring_place(&ring, 2, a.fd));
	close(a.fd);
	bl_uring_send(&ring, second, "y", 1, &b.at, 1);
	bl_uring_receive(&ring, second, ready(&a), 2);
	CHECK_EQUAL(2, bl_uring_submit(&ring));
	check_next(&ring, 2, -EAGAIN);
	wait_for_packet(&b);
	CHECK_EQUAL(1, recv(b.fd, b.data, sizeof(b.data), 0));
	again = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQUAL(-1, bind(again, &a.at.any, a.size));
	CHECK(bl_uring_place(&ring, 1, -1));
	CHECK_EQUAL(0, bind(again, &a.at.any, a.size));
	bl_uring_receive(&ring, second, ready(&a), 3);
	CHECK_EQUAL(1, bl_uring_submit(&ring));
	check_next(&ring, 3, -EBADF);
	close(again);
	close(b.fd);
	bl_uring_close(&ring);
}

/* As a container's policy does: from here on the call is refused. */
static bool forbid(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(rules) / sizeof(*rules), rules};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* An engine that may not use it does without. */
static void carry_without(void)
{
	struct bl_engine *engine;
	struct kit_phone *phone;
	struct bl_engine_stats stats;
	int16_t tone[BL_FRAME];

	check_failures = 0; /* of before the fork */
	CHECK(forbid());
	engine = kit_engine();
	phone = kit_phone(engine, 1, -1);
	kit_tone(440, -10, 0, tone, BL_FRAME);
	for (int i = 0; i < 10; i++) {
		kit_say(phone, tone, BL_FRAME);
		bl_engine_step(engine, 1);
	}
	kit_listen(phone);
	CHECK_EQUAL(10 * BL_FRAME, phone->heard_count);
	CHECK_EQUAL(BL_OK, bl_engine_stats(engine, &stats));
	CHECK_EQUAL(0, stats.batched);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static void test_where_it_is_forbidden(void)
{
	pid_t child;
	int status = 0;

	fflush(stdout);
	child = fork();
	if (!child) {
		carry_without();
		fflush(stdout);
		_exit(check_failures ? FORBIDDEN : 0);
	}
	CHECK_EQUAL(child, waitpid(child, &status, 0));
	CHECK(WIFEXITED(status));
	CHECK_EQUAL(0, WEXITSTATUS(status));
}

static const struct check_test tests[] = {
	CHECK_TEST(test_there_and_back),
	CHECK_TEST(test_one_that_fails_stops_no_other),
	CHECK_TEST(test_places),
	CHECK_TEST(test_where_it_is_forbidden),
};

CHECK_MAIN(tests)
