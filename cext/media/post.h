/*
 * post.h  A worker's datagrams: what goes out of its legs, and the first that came for each
 *
 * What does it do?  It sends packets, and fetches one datagram from each socket of a cell.
 * How does it work?  By io_uring (uring.h), where that is to be had: packets wait until the next
 *   cell is fetched, at most BL_POST_OUT of them, and one system call does both. Else a packet is
 *   sent at once, and nothing is fetched: who finds nothing fetched asks the socket himself.
 * How do I use it?  Zeroed, bl_post_init(), and bl_post_batch() where it may use io_uring. For
 * each cell bl_post_ask() and bl_post_go(), then bl_post_got() for each; make a packet in
 *   bl_post_packet() and bl_post_send() it. At the end of a worker's share bl_post_go() once more:
 *   until then the legs and their sockets must stay.
 */
#ifndef BL_POST_H
#define BL_POST_H
#include <stdalign.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include "address.h"
#include "branchline_media.h"
#include "codec.h"
#include "uring.h"

enum {
	BL_RECEIVE_ROOM = 16, /* [datagrams] */
	BL_RECEIVE_CONTROL = CMSG_SPACE(sizeof(struct timespec)),
	BL_RECEIVE_SIZE = 2048, /* [bytes] of a datagram; more is cut off and then malformed */
	/* with headers and SRTP's trailer, in whole cache lines */
	BL_PACKET_ROOM = (BL_PAYLOAD_MAX + 256 + 63) / 64 * 64,
	BL_POST_OUT = 64, /* [packets] that wait at most */
};

/* Room for what comes. */
struct bl_receive {
	struct mmsghdr messages[BL_RECEIVE_ROOM];
	struct iovec vectors[BL_RECEIVE_ROOM];
	union bl_address from[BL_RECEIVE_ROOM];
	alignas(struct cmsghdr) uint8_t control[BL_RECEIVE_ROOM][BL_RECEIVE_CONTROL];
	uint8_t data[BL_RECEIVE_ROOM][BL_RECEIVE_SIZE];
};

enum bl_post_got {
	BL_POST_UNASKED,
	BL_POST_EMPTY,	 /* nothing waits at that socket */
	BL_POST_REFUSED, /* it told an error that concerns what it sent; more may wait */
	BL_POST_GOT,
};

/* Where a packet goes, and by which socket. */
struct bl_post_route {
	struct bl_uring_socket via;
	bool tied;		    /* the socket is connected to that address */
	const union bl_address *to; /* NULL: nowhere yet */
};

struct bl_post {
	struct bl_uring ring;
	bool has_places;
	struct bl_receive fetched;
	enum bl_post_got got[BL_RECEIVE_ROOM];
	uint32_t count; /* packets that wait */
	struct bl_post_out {
		struct bl_leg_stats *stats;
		size_t size, payload;
		int fd;
		union bl_address to;
	} out[BL_POST_OUT];
	alignas(64) uint8_t packets[BL_POST_OUT][BL_PACKET_ROOM];
};

void bl_receive_init(struct bl_receive *room);
/* Makes place i ready for the next datagram. */
void bl_receive_again(struct bl_receive *room, int i);

void bl_post_init(struct bl_post *post);
void bl_post_release(struct bl_post *post);
/* False: io_uring is not to be had, all goes on without. */
bool bl_post_batch(struct bl_post *post);

/* Makes places for the sockets of so many legs (uring.h), where it can. */
void bl_post_places(struct bl_post *post, uint32_t count);
/* True: the socket has that place from now on, until it is emptied (fd -1). */
bool bl_post_place(struct bl_post *post, int32_t place, int fd);

/* One datagram of that socket into place i of fetched. */
void bl_post_ask(struct bl_post *post, int i, struct bl_uring_socket via);
/* Sends what waits, and gets what was asked for. */
void bl_post_go(struct bl_post *post);
static inline enum bl_post_got bl_post_got(const struct bl_post *post, int i)
{
	return post->got[i];
}

/* Where the next packet is to be made: BL_PACKET_ROOM. */
static inline uint8_t *bl_post_packet(struct bl_post *post)
{
	return post->packets[post->count];
}

/*
 * Sends that packet, and counts it in stats as sent with so many bytes of payload (0: it is none
 * that counts), or as an error; what waits counts as sent until it turns out that it was not.
 * A connected socket tells with the next packet that an earlier one was refused (ICMP): that
 * counts as an error, too, and the packet is sent all the same, or whoever forges such refusals
 * could keep us from sending.
 */
void bl_post_send(struct bl_post *post, const struct bl_post_route *route, size_t size,
		  struct bl_leg_stats *stats, size_t payload);

#endif
