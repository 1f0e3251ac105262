/* uring.c  Datagrams of many sockets, out and in, with one system call (io_uring) */
#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "branchline_media.h"
#include "uring.h"

enum { PROBE_MS = 100 };

static uint32_t load(uint32_t *shared)
{
	return atomic_load_explicit((_Atomic uint32_t *)shared, memory_order_acquire);
}

static void store(uint32_t *shared, uint32_t value)
{
	atomic_store_explicit((_Atomic uint32_t *)shared, value, memory_order_release);
}

static void *map(const struct bl_uring *ring, size_t size, off_t what)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			what);

	return at == MAP_FAILED ? NULL : at;
}

static int map_rings(struct bl_uring *ring, const struct io_uring_params *made)
{
	size_t sq_size = made->sq_off.array + made->sq_entries * sizeof(uint32_t);
	size_t cq_size = made->cq_off.cqes + made->cq_entries * sizeof(struct io_uring_cqe);
	uint8_t *base;
	uint32_t *array;

	if (!(made->features & IORING_FEAT_SINGLE_MMAP))
		return BL_EIO;
	ring->rings_size = sq_size > cq_size ? sq_size : cq_size;
	ring->sqes_size = made->sq_entries * sizeof(struct io_uring_sqe);
	ring->rings = base = map(ring, ring->rings_size, IORING_OFF_SQ_RING);
	ring->sqes = map(ring, ring->sqes_size, IORING_OFF_SQES);
	if (!base || !ring->sqes)
		return BL_EIO;
	ring->sq_tail = (uint32_t *)(void *)(base + made->sq_off.tail);
	ring->sq_mask = made->sq_entries - 1;
	ring->cq_head = (uint32_t *)(void *)(base + made->cq_off.head);
	ring->cq_tail = (uint32_t *)(void *)(base + made->cq_off.tail);
	ring->cq_mask = made->cq_entries - 1;
	ring->cqes = (struct io_uring_cqe *)(void *)(base + made->cq_off.cqes);
	ring->tail = load(ring->sq_tail);
	/* requests are used in their order */
	array = (uint32_t *)(void *)(base + made->sq_off.array);
	for (uint32_t i = 0; i < made->sq_entries; i++)
		array[i] = i;
	return BL_OK;
}

/* Does one send arrive that goes where its address says, and is a receive done without waiting? */
static bool works(struct bl_uring *ring, int fd)
{
	union bl_address here = {
		.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	struct bl_uring_socket via = {fd, -1};
	struct pollfd arrives = {.fd = fd, .events = POLLIN};
	socklen_t size = sizeof(here.v4);
	char byte = 1, came = 0;
	struct iovec vector = {&came, 1};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	uint64_t tag;
	int result;

	if (bind(fd, &here.any, size) || getsockname(fd, &here.any, &size))
		return false;
	bl_uring_receive(ring, via, &message, 1);
	if (bl_uring_submit(ring) != 1 || !bl_uring_next(ring, &tag, &result) ||
	    result != -EAGAIN || tag != 1)
		return false;
	bl_uring_send(ring, via, &byte, 1, &here, 2);
	if (bl_uring_submit(ring) != 1 || bl_uring_next(ring, &tag, &result) ||
	    poll(&arrives, 1, PROBE_MS) != 1)
		return false;
	bl_uring_receive(ring, via, &message, 3);
	return bl_uring_submit(ring) == 1 && bl_uring_next(ring, &tag, &result) && result == 1 &&
	       tag == 3 && came == byte;
}

static bool probe(struct bl_uring *ring)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && works(ring, fd);

	if (fd >= 0)
		close(fd);
	return good;
}

int bl_uring_open(struct bl_uring *ring, uint32_t most)
{
	struct io_uring_params params = {.flags = IORING_SETUP_SUBMIT_ALL};

	memset(ring, 0, sizeof(*ring));
	ring->fd = (int)syscall(SYS_io_uring_setup, most, &params);
	if (ring->fd < 0)
		return BL_EIO;
	ring->open = true;
	if (!map_rings(ring, &params) && probe(ring))
		return BL_OK;
	bl_uring_close(ring);
	return BL_EIO;
}

void bl_uring_close(struct bl_uring *ring)
{
	if (!ring->open)
		return;
	if (ring->sqes)
		munmap(ring->sqes, ring->sqes_size);
	if (ring->rings)
		munmap(ring->rings, ring->rings_size);
	close(ring->fd);
	ring->open = false;
}

bool bl_uring_places(struct bl_uring *ring, uint32_t count)
{
	struct io_uring_rsrc_register places = {
		.nr = count,
		.flags = IORING_RSRC_REGISTER_SPARSE,
	};

	return !syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES2, &places,
			sizeof(places));
}

bool bl_uring_place(struct bl_uring *ring, int32_t place, int fd)
{
	struct io_uring_files_update update = {
		.offset = (uint32_t)place,
		.fds = (uintptr_t)&fd,
	};

	return syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES_UPDATE, &update,
		       1) == 1;
}

static struct io_uring_sqe *queue(struct bl_uring *ring, struct bl_uring_socket via, uint64_t tag)
{
	struct io_uring_sqe *request = &ring->sqes[ring->tail++ & ring->sq_mask];

	ring->queued++;
	memset(request, 0, sizeof(*request));
	request->fd = via.fd;
	if (via.place >= 0) {
		request->fd = via.place;
		request->flags = IOSQE_FIXED_FILE;
	}
	request->user_data = tag;
	request->msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	return request;
}

void bl_uring_send(struct bl_uring *ring, struct bl_uring_socket via, const void *data,
		   size_t size, const union bl_address *to, uint64_t tag)
{
	struct io_uring_sqe *request = queue(ring, via, tag);

	request->opcode = IORING_OP_SEND;
	request->flags |= IOSQE_CQE_SKIP_SUCCESS;
	request->addr = (uintptr_t)data;
	request->len = (uint32_t)size;
	if (!to)
		return;
	request->addr2 = (uintptr_t)to;
	request->addr_len = (uint16_t)bl_address_size(to);
}

void bl_uring_receive(struct bl_uring *ring, struct bl_uring_socket via, struct msghdr *message,
		      uint64_t tag)
{
	struct io_uring_sqe *request = queue(ring, via, tag);

	request->opcode = IORING_OP_RECVMSG;
	request->addr = (uintptr_t)message;
	request->len = 1;
}

uint32_t bl_uring_submit(struct bl_uring *ring)
{
	uint32_t left = ring->queued, taken;

	store(ring->sq_tail, ring->tail);
	while (left) {
		long done = syscall(SYS_io_uring_enter, ring->fd, left, 0, 0, NULL, 0);

		if (done > 0)
			left -= (uint32_t)done;
		else if (done == 0 || errno != EINTR)
			break;
	}
	taken = ring->queued - left;
	ring->tail -= left;
	store(ring->sq_tail, ring->tail);
	ring->queued = 0;
	return taken;
}

bool bl_uring_next(struct bl_uring *ring, uint64_t *tag, int *result)
{
	uint32_t head = *ring->cq_head;
	const struct io_uring_cqe *done = &ring->cqes[head & ring->cq_mask];

	if (head == load(ring->cq_tail))
		return false;
	*tag = done->user_data;
	*result = done->res;
	store(ring->cq_head, head + 1);
	return true;
}
