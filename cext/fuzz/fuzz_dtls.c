/*
 * fuzz_dtls.c  Any datagrams to a DTLS server: before a hello, after one, and when it is up
 *
 * The first byte chooses when; then come datagrams, each behind its length in two bytes. Whatever
 * they are, they never bring up a handshake, and they never end one that is up. One step of the
 * mutator puts in what a client said in a handshake of its own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "dtls.h"

enum { WHEN_NEW, WHEN_GREETED, WHEN_UP, WHENS, QUEUE = 64 };

struct wire {
	uint8_t data[QUEUE][1500];
	size_t size[QUEUE];
	int head, tail;
};

static struct bl_dtls_identity *identity;
static struct wire to_client, to_server, said;
static bool listening; /* to what the client says */

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(void *user, const uint8_t *datagram, size_t size)
{
	struct wire *wire = user;

	if (wire->head - wire->tail == QUEUE || size > sizeof(wire->data[0]))
		return;
	memcpy(wire->data[wire->head % QUEUE], datagram, size);
	wire->size[wire->head++ % QUEUE] = size;
}

static struct bl_dtls *make(enum bl_dtls_role role, struct wire *out)
{
	struct bl_dtls_config config = {
		.identity = identity,
		.role = role,
		.fingerprint = bl_dtls_identity_fingerprint(identity),
		.send = put,
		.user = out,
	};
	struct bl_dtls *dtls = NULL;

	if (bl_dtls_new(&config, &dtls))
		abort();
	return dtls;
}

static bool pass_one(struct wire *wire, struct bl_dtls *to)
{
	int at = wire->tail % QUEUE;

	if (wire->tail == wire->head)
		return false;
	wire->tail++;
	if (wire == &to_server && listening)
		put(&said, wire->data[at], wire->size[at]);
	bl_dtls_receive(to, wire->data[at], wire->size[at]);
	return true;
}

static void prepare(int when, struct bl_dtls *client, struct bl_dtls *server)
{
	bool more = when != WHEN_NEW;

	bl_dtls_timer(client, 0);
	while (more) {
		more = pass_one(&to_server, server);
		if (when == WHEN_GREETED)
			return;
		more |= pass_one(&to_client, client);
	}
}

static void begin(int when, struct bl_dtls **client, struct bl_dtls **server)
{
	if (!identity && bl_dtls_identity_new(NULL, &identity))
		abort();
	to_client.head = to_client.tail = to_server.head = to_server.tail = 0;
	*client = make(BL_DTLS_CLIENT, &to_server);
	*server = make(BL_DTLS_SERVER, &to_client);
	prepare(when, *client, *server);
}

/* Fills said, once: all that a client says until it is up. */
static void listen_once(void)
{
	struct bl_dtls *client, *server;

	if (said.head)
		return;
	listening = true;
	begin(WHEN_UP, &client, &server);
	listening = false;
	bl_dtls_free(client);
	bl_dtls_free(server);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	size_t length;
	int which;

	if (seed % 4 || !size)
		return LLVMFuzzerMutate(data, size, room);
	listen_once();
	which = (int)(seed >> 8) % said.head;
	length = said.size[which];
	if (size + 2 + length > room)
		return LLVMFuzzerMutate(data, size, room);
	data[size] = (uint8_t)(length >> 8);
	data[size + 1] = (uint8_t)length;
	memcpy(data + size + 2, said.data[which], length);
	return size + 2 + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int when = size ? data[0] % WHENS : WHEN_NEW;
	struct bl_dtls *client, *server;

	begin(when, &client, &server);
	for (size_t at = 1; at + 2 < size;) {
		size_t length = (size_t)(data[at] << 8 | data[at + 1]);
		enum bl_dtls_state state;

		at += 2;
		length = length < size - at ? length : size - at;
		state = bl_dtls_receive(server, data + at, length);
		at += length;
		if ((when == WHEN_UP) != (state == BL_DTLS_UP))
			abort();
	}
	bl_dtls_free(client);
	bl_dtls_free(server);
	return 0;
}
