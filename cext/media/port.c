/* port.c  The one UDP port of all browser legs: read in batches, told apart by source */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "branchline_media.h"
#include "port.h"

enum {
	BATCH = 32, /* [packets] of one system call */
	/* [packets] a tick for each leg: one of sound, one for what was late, and RTCP; what is
	   more waits in the socket */
	PER_LEG = 3,
	LEAST = 256,		 /* [packets] a tick */
	SOCKET_BUFFER = 4 << 20, /* [bytes]: half a second of 1,000 legs with their overhead */
	DSCP_EF = 46 << 2,	 /* RFC 3246, as a TOS byte */
	CONTROL = CMSG_SPACE(sizeof(struct timespec)),
};

struct bl_port {
	int fd;
	int32_t most; /* [packets] of one bl_port_read(), a multiple of BATCH */
	struct bl_paths paths;
	struct bl_port_stats stats;
	struct bl_port_packet *packets;
	uint8_t (*data)[BL_PORT_SIZE];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	_Alignas(struct cmsghdr) uint8_t control[BATCH][CONTROL];
};

static int open_socket(struct bl_port *port, struct bl_source *local, bool stamped)
{
	bool v4 = local->address.any.sa_family == AF_INET;
	int tos = DSCP_EF, on = 1, stamps = stamped, size = SOCKET_BUFFER;
	socklen_t length = bl_source_size(local);

	port->fd =
		socket(local->address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (port->fd < 0)
		return BL_EIO;
	if (v4) {
		setsockopt(port->fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	} else {
		setsockopt(port->fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
		/* no IPv4 in IPv6's clothes: it would be told to the far end as such */
		setsockopt(port->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	setsockopt(port->fd, SOL_SOCKET, SO_TIMESTAMPNS, &stamps, sizeof(stamps));
	setsockopt(port->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(port->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (bind(port->fd, &local->address.any, length) ||
	    getsockname(port->fd, &local->address.any, &length))
		return BL_EPORT;
	return ntohs(v4 ? local->address.v4.sin_port : local->address.v6.sin6_port);
}

static int make_room(struct bl_port *port, int32_t max_legs)
{
	size_t most = (size_t)max_legs * PER_LEG;

	most = ((most > LEAST ? most : LEAST) + BATCH - 1) / BATCH * BATCH;
	port->most = (int32_t)most;
	port->packets = calloc(most, sizeof(*port->packets));
	port->data = calloc(most, sizeof(*port->data));
	if (!port->packets || !port->data)
		return BL_ENOMEM;
	for (size_t i = 0; i < most; i++)
		port->packets[i].data = port->data[i];
	return bl_paths_init(&port->paths, (size_t)max_legs * BL_ICE_PATHS);
}

int bl_port_open(const char *address, int32_t number, int32_t max_legs, bool stamped,
		 struct bl_port **out)
{
	struct bl_source local;
	struct bl_port *port;
	socklen_t size;
	int err = bl_address_parse(address, number, &local.address, &size);

	if (err || !out || max_legs < 1)
		return BL_EINVAL;
	port = calloc(1, sizeof(*port));
	if (!port)
		return BL_ENOMEM;
	port->fd = -1;
	err = make_room(port, max_legs);
	if (!err)
		err = open_socket(port, &local, stamped);
	if (err < 0)
		bl_port_close(port);
	else
		*out = port;
	return err;
}

void bl_port_close(struct bl_port *port)
{
	if (!port)
		return;
	if (port->fd >= 0)
		close(port->fd);
	bl_paths_release(&port->paths);
	free(port->packets);
	free(port->data);
	free(port);
}

const struct bl_port_stats *bl_port_stats(const struct bl_port *port)
{
	return &port->stats;
}

static int find(const struct bl_port_leg *leg, const struct bl_source *source)
{
	for (int i = 0; i < leg->count; i++) {
		if (bl_source_equal(&leg->paths[i], source))
			return i;
	}
	return -1;
}

static void add(struct bl_port *port, struct bl_port_leg *leg,
		const struct bl_guard_record *record)
{
	/* the guard told of the one that made room before; and the table has room for all */
	if (find(leg, &record->path) >= 0 || leg->count == BL_ICE_PATHS)
		return;
	leg->paths[leg->count++] = record->path;
	if (port)
		bl_paths_put(&port->paths, &record->path, record->owner);
}

static void drop(struct bl_port *port, struct bl_port_leg *leg, int at, const void *owner)
{
	if (port)
		bl_paths_remove(&port->paths, &leg->paths[at], owner);
	leg->paths[at] = leg->paths[--leg->count];
}

void bl_port_obey(struct bl_port *port, struct bl_port_leg *leg,
		  const struct bl_guard_record *record)
{
	int at;

	switch (record->kind) {
	case BL_GUARD_PATH_ADDED:
		add(port, leg, record);
		break;
	case BL_GUARD_PATH_GONE:
		at = find(leg, &record->path);
		if (at >= 0)
			drop(port, leg, at, record->owner);
		break;
	case BL_GUARD_PATH_CHOSEN:
		leg->chosen = record->path;
		leg->has_chosen = true;
		break;
	case BL_GUARD_LOST:
		leg->has_chosen = false;
		break;
	default:
		break;
	}
}

void bl_port_forget(struct bl_port *port, struct bl_port_leg *leg, const void *owner)
{
	while (leg->count)
		drop(port, leg, leg->count - 1, owner);
	leg->has_chosen = false;
}

static void prepare(struct bl_port *port, struct bl_port_packet *packets)
{
	for (int i = 0; i < BATCH; i++) {
		packets[i].from.fd = port->fd;
		port->vectors[i] = (struct iovec){packets[i].data, BL_PORT_SIZE};
		port->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &packets[i].from.address,
			.msg_namelen = sizeof(packets[i].from.address),
			.msg_iov = &port->vectors[i],
			.msg_iovlen = 1,
			.msg_control = port->control[i],
			.msg_controllen = CONTROL,
		};
	}
}

static struct timespec stamp_of(struct msghdr *message)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct timespec at = {0, 0};

	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS)
		memcpy(&at, CMSG_DATA(control), sizeof(at));
	return at;
}

static void sort(struct bl_port *port, struct bl_guard *guard, int32_t worker,
		 struct mmsghdr *message, struct bl_port_packet *packet)
{
	packet->owner = NULL;
	packet->next = NULL;
	packet->size = message->msg_len;
	if (!packet->size || (message->msg_hdr.msg_flags & MSG_TRUNC)) {
		port->stats.too_long += packet->size != 0;
	} else if (bl_guard_wants(packet->data, packet->size)) {
		port->stats.handed++;
		bl_guard_hand_shared(guard, worker, &packet->from, packet->data, packet->size);
	} else {
		packet->at = stamp_of(&message->msg_hdr);
		packet->owner = bl_paths_get(&port->paths, &packet->from);
		port->stats.foreign += !packet->owner;
	}
}

int32_t bl_port_read(struct bl_port *port, struct bl_guard *guard, int32_t worker,
		     struct bl_port_packet **packets)
{
	int32_t count = 0;

	*packets = port->packets;
	while (count < port->most) {
		int got;

		prepare(port, port->packets + count);
		got = recvmmsg(port->fd, port->messages, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < got; i++)
			sort(port, guard, worker, &port->messages[i], &port->packets[count + i]);
		count += got > 0 ? got : 0;
		if (got < BATCH)
			break;
	}
	return count;
}
