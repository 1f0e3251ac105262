/*
 * uring.h  Datagrams of many sockets, out and in, with one system call (io_uring)
 *
 * What does it do?  It carries out what was queued, sends and receives in their order, for a
 *   fraction of what a system call for each would cost.
 * How does it work?  Requests lie in a ring that the kernel shares with us. None of them waits for
 *   anything (MSG_DONTWAIT), so each is done when the call that hands them over returns, and
 *   nothing goes on behind our back. Sends that succeed are not told.
 * How do I use it?  bl_uring_open() tries it out: where the kernel is older than 6.1, or a
 * container or the administrator forbids it, that fails, and a system call for each must do. Then
 *   bl_uring_send() and bl_uring_receive(), no more of them than it was opened for,
 * bl_uring_submit(), and bl_uring_next() until it gives nothing. One thread at a time; nothing
 * allocates.
 */
#ifndef BL_URING_H
#define BL_URING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "address.h"

struct io_uring_cqe;
struct io_uring_sqe;

/* A socket, and the place in which the ring knows it: that saves the kernel a look-up. */
struct bl_uring_socket {
	int fd;
	int32_t place; /* -1: none */
};

struct bl_uring {
	bool open;
	int fd;
	void *rings; /* both, mapped */
	size_t rings_size, sqes_size;
	uint32_t *sq_tail, *cq_head, *cq_tail; /* in rings; the kernel reads or writes them, too */
	uint32_t sq_mask, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	uint32_t tail, queued;
};

/* most: requests at once; BL_EIO: it is not to be had here */
int bl_uring_open(struct bl_uring *ring, uint32_t most);
/* Makes places for so many sockets, all empty; false: there are none. */
bool bl_uring_places(struct bl_uring *ring, uint32_t count);
/*
 * Puts a socket into a place; -1: empties it. One that is closed stays open until its place is
 * emptied. While nothing is queued that names it.
 */
bool bl_uring_place(struct bl_uring *ring, int32_t place, int fd);
/* Of one that is zeroed or open. */
void bl_uring_close(struct bl_uring *ring);
/* What these point to must stay until the next bl_uring_submit() has returned; to: NULL where the
 * socket is connected. */
void bl_uring_send(struct bl_uring *ring, struct bl_uring_socket via, const void *data,
		   size_t size, const union bl_address *to, uint64_t tag);
void bl_uring_receive(struct bl_uring *ring, struct bl_uring_socket via, struct msghdr *message,
		      uint64_t tag);
/* Returns how many of them the kernel took; the others, when it lacks memory, are forgotten. */
uint32_t bl_uring_submit(struct bl_uring *ring);
/* result: [bytes] of a receive, or a negative errno. */
bool bl_uring_next(struct bl_uring *ring, uint64_t *tag, int *result);

#endif
