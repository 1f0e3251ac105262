/* test_post.c  Packets go out and come in, and are counted, with io_uring and without */
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include "check.h"
#include "post.h"

enum { MANY = 2 * BL_POST_OUT + 3, NO_FD = 1000000, PAYLOAD = 160 };

static int open_end(union bl_address *at)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t size;

	CHECK_EQUAL(BL_OK, bl_address_parse("127.0.0.1", 0, at, &size));
	CHECK_EQUAL(0, bind(fd, &at->any, size));
	CHECK_EQUAL(0, getsockname(fd, &at->any, &size));
	return fd;
}

static struct bl_post *new_post(bool batch)
{
	size_t size = (sizeof(struct bl_post) + 63) / 64 * 64;
	struct bl_post *post = aligned_alloc(64, size);

	memset(post, 0, size);
	bl_post_init(post);
	if (batch && !bl_post_batch(post))
		printf("skip: no io_uring here\n");
	return post;
}

static void free_post(struct bl_post *post)
{
	bl_post_release(post);
	free(post);
}

static void put(struct bl_post *post, int fd, int number, const union bl_address *to,
		struct bl_leg_stats *stats)
{
	struct bl_post_route route = {.via = {fd, -1}, .to = to};

	memset(bl_post_packet(post), number & 0xFF, PAYLOAD);
	bl_post_send(post, &route, PAYLOAD, stats, PAYLOAD);
}

static void check_sends(bool batch)
{
	struct bl_post *post = new_post(batch);
	struct bl_leg_stats stats = {0};
	union bl_address here, there;
	int from = open_end(&here), to = open_end(&there);
	uint8_t got[BL_RECEIVE_SIZE];

	for (int i = 0; i < MANY; i++)
		put(post, from, i, &there, &stats);
	bl_post_go(post);
	for (int i = 0; i < MANY; i++) {
		CHECK_EQUAL(1, poll(&(struct pollfd){.fd = to, .events = POLLIN}, 1, 5000));
		CHECK_EQUAL(PAYLOAD, recv(to, got, sizeof(got), 0));
		CHECK_EQUAL(i & 0xFF, got[0]);
	}
	CHECK_EQUAL(MANY, stats.packets_out);
	CHECK_EQUAL(MANY * PAYLOAD, stats.bytes_out);
	/* a report, which does not count; then one that fails between two that do not */
	bl_post_send(post, &(struct bl_post_route){.via = {from, -1}, .to = &there}, 1, &stats, 0);
	put(post, from, 1, &there, &stats);
	put(post, NO_FD, 2, &there, &stats);
	put(post, from, 3, &there, &stats);
	bl_post_go(post);
	CHECK_EQUAL(MANY + 2, stats.packets_out);
	CHECK_EQUAL((MANY + 2) * PAYLOAD, stats.bytes_out);
	CHECK_EQUAL(1, stats.send_errors);
	close(from);
	close(to);
	free_post(post);
}

static void test_sends(void)
{
	check_sends(true);
	check_sends(false);
}

/* What a connected socket has to tell of the packet before is counted, and costs no other. */
static void check_refusal(bool batch)
{
	struct bl_post *post = new_post(batch);
	struct bl_leg_stats stats = {0};
	union bl_address here, there;
	int from = open_end(&here), to = open_end(&there);
	struct bl_post_route route = {.via = {from, -1}, .tied = true, .to = &there};
	uint8_t got[BL_RECEIVE_SIZE];

	CHECK_EQUAL(0, connect(from, &there.any, bl_address_size(&there)));
	close(to);
	bl_post_send(post, &route, PAYLOAD, &stats, PAYLOAD);
	bl_post_go(post);
	to = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	CHECK_EQUAL(0, bind(to, &there.any, bl_address_size(&there)));
	for (int i = 0; i < 2; i++)
		bl_post_send(post, &route, PAYLOAD, &stats, PAYLOAD);
	bl_post_go(post);
	for (int i = 0; i < 2; i++) {
		CHECK_EQUAL(1, poll(&(struct pollfd){.fd = to, .events = POLLIN}, 1, 5000));
		CHECK_EQUAL(PAYLOAD, recv(to, got, sizeof(got), 0));
	}
	CHECK_EQUAL(3, stats.packets_out);
	CHECK_EQUAL(3 * PAYLOAD, stats.bytes_out);
	CHECK_EQUAL(1, stats.send_errors);
	close(from);
	close(to);
	free_post(post);
}

static void test_a_refusal_costs_no_packet(void)
{
	check_refusal(true);
	check_refusal(false);
}

/* What is sent while a cell is served goes out with what the next one asks for. */
static void test_fetches_the_first_of_each(void)
{
	struct bl_post *post = new_post(true);
	struct bl_leg_stats stats = {0};
	union bl_address busy_at, idle_at;
	int busy = open_end(&busy_at), idle = open_end(&idle_at);
	const struct bl_receive *room = &post->fetched;

	put(post, idle, 5, &busy_at, &stats);
	put(post, idle, 6, &busy_at, &stats);
	bl_post_go(post);
	CHECK_EQUAL(1, poll(&(struct pollfd){.fd = busy, .events = POLLIN}, 1, 5000));
	bl_post_ask(post, 3, (struct bl_uring_socket){busy, -1});
	bl_post_ask(post, 4, (struct bl_uring_socket){idle, -1});
	bl_post_ask(post, 5, (struct bl_uring_socket){NO_FD, -1});
	bl_post_go(post);
	if (post->ring.open) {
		CHECK_EQUAL(BL_POST_GOT, bl_post_got(post, 3));
		CHECK_EQUAL(BL_POST_EMPTY, bl_post_got(post, 4));
		CHECK_EQUAL(BL_POST_REFUSED, bl_post_got(post, 5));
		CHECK_EQUAL(PAYLOAD, room->messages[3].msg_len);
		CHECK_EQUAL(5, room->data[3][0]);
		CHECK(bl_address_same(&idle_at, &room->from[3]));
	}
	close(busy);
	close(idle);
	free_post(post);
}

static void test_fetches_nothing_without(void)
{
	struct bl_post *post = new_post(false);
	union bl_address at;
	int fd = open_end(&at);

	bl_post_ask(post, 3, (struct bl_uring_socket){fd, -1});
	bl_post_go(post);
	CHECK_EQUAL(BL_POST_UNASKED, bl_post_got(post, 3));
	close(fd);
	free_post(post);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_sends),
	CHECK_TEST(test_a_refusal_costs_no_packet),
	CHECK_TEST(test_fetches_the_first_of_each),
	CHECK_TEST(test_fetches_nothing_without),
};

CHECK_MAIN(tests)
