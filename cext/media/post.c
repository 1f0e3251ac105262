/* post.c  A worker's datagrams: what goes out of its legs, and the first that came for each */
#include <errno.h>
#include "post.h"

/* Tags: a receive's place; or a packet's, above these. */
enum { OUT = BL_RECEIVE_ROOM };

void bl_receive_again(struct bl_receive *room, int i)
{
	room->messages[i].msg_hdr.msg_namelen = sizeof(room->from[i]);
	room->messages[i].msg_hdr.msg_controllen = sizeof(room->control[i]);
}

void bl_receive_init(struct bl_receive *room)
{
	for (int i = 0; i < BL_RECEIVE_ROOM; i++) {
		struct msghdr *header = &room->messages[i].msg_hdr;

		room->vectors[i].iov_base = room->data[i];
		room->vectors[i].iov_len = sizeof(room->data[i]);
		header->msg_iov = &room->vectors[i];
		header->msg_iovlen = 1;
		header->msg_name = &room->from[i];
		header->msg_control = room->control[i];
		bl_receive_again(room, i);
	}
}

void bl_post_init(struct bl_post *post)
{
	bl_receive_init(&post->fetched);
}

void bl_post_release(struct bl_post *post)
{
	bl_uring_close(&post->ring);
}

bool bl_post_batch(struct bl_post *post)
{
	return bl_uring_open(&post->ring, BL_POST_OUT + BL_RECEIVE_ROOM) == BL_OK;
}

void bl_post_places(struct bl_post *post, uint32_t count)
{
	post->has_places = post->ring.open && bl_uring_places(&post->ring, count);
}

bool bl_post_place(struct bl_post *post, int32_t place, int fd)
{
	return post->has_places && bl_uring_place(&post->ring, place, fd);
}

void bl_post_ask(struct bl_post *post, int i, struct bl_uring_socket via)
{
	post->got[i] = BL_POST_UNASKED;
	if (post->ring.open)
		bl_uring_receive(&post->ring, via, &post->fetched.messages[i].msg_hdr,
				 (uint64_t)i);
}

static void count(const struct bl_post_out *out)
{
	out->stats->packets_out += out->payload != 0;
	out->stats->bytes_out += out->payload;
}

static void fail(const struct bl_post_out *out)
{
	out->stats->send_errors++;
	out->stats->packets_out -= out->payload != 0;
	out->stats->bytes_out -= out->payload;
}

/* Once more, and to an address: what a connected socket had to tell is told. */
static void send_again(struct bl_post *post, uint64_t i)
{
	struct bl_post_out *out = &post->out[i];

	if (sendto(out->fd, post->packets[i], out->size, MSG_DONTWAIT | MSG_NOSIGNAL, &out->to.any,
		   bl_address_size(&out->to)) < 0)
		fail(out);
	else
		out->stats->send_errors++;
}

static void done(struct bl_post *post, uint64_t tag, int result)
{
	if (tag >= OUT) {
		send_again(post, tag - OUT);
	} else if (result >= 0) {
		post->fetched.messages[tag].msg_len = (unsigned int)result;
		post->got[tag] = BL_POST_GOT;
	} else {
		post->got[tag] = result == -EAGAIN ? BL_POST_EMPTY : BL_POST_REFUSED;
	}
}

void bl_post_go(struct bl_post *post)
{
	uint32_t taken;
	uint64_t tag;
	int result;

	if (!post->ring.queued)
		return;
	taken = bl_uring_submit(&post->ring);
	while (bl_uring_next(&post->ring, &tag, &result))
		done(post, tag, result);
	/* packets were queued before the receives */
	for (uint32_t i = taken; i < post->count; i++)
		fail(&post->out[i]);
	post->count = 0;
}

static void send_alone(struct bl_post *post, const struct bl_post_route *route)
{
	const struct bl_post_out *out = &post->out[0];
	const struct sockaddr *to = route->tied ? NULL : &route->to->any;
	socklen_t size = route->tied ? 0 : bl_address_size(route->to);

	if (sendto(route->via.fd, post->packets[0], out->size, MSG_DONTWAIT | MSG_NOSIGNAL, to,
		   size) < 0)
		send_again(post, 0);
}

void bl_post_send(struct bl_post *post, const struct bl_post_route *route, size_t size,
		  struct bl_leg_stats *stats, size_t payload)
{
	uint32_t i = post->count;
	struct bl_post_out *out = &post->out[i];

	*out = (struct bl_post_out){stats, size, payload, route->via.fd, *route->to};
	count(out);
	if (!post->ring.open) {
		send_alone(post, route);
		return;
	}
	bl_uring_send(&post->ring, route->via, post->packets[i], size,
		      route->tied ? NULL : &out->to, OUT + i);
	if (++post->count == BL_POST_OUT)
		bl_post_go(post);
}
