/* dtls_kit.h  A client and a server of ours, and the wires between them, for several tests */
#ifndef BL_DTLS_KIT_H
#define BL_DTLS_KIT_H
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "branchline_media.h"
#include "check.h"
#include "dtls.h"

enum { QUEUE = 64 };

/* Datagrams on their way to one side. */
struct wire {
	uint8_t data[QUEUE][1500];
	size_t size[QUEUE];
	int head, tail;
	unsigned lose; /* [percent] */
	uint32_t random;
	size_t largest;
};

static inline void put(void *user, const uint8_t *datagram, size_t size)
{
	struct wire *wire = user;

	if (wire->largest < size)
		wire->largest = size;
	wire->random = wire->random * 1664525u + 1013904223u;
	if ((wire->random >> 16) % 100 < wire->lose)
		return;
	CHECK(size <= sizeof(wire->data[0]) && wire->head - wire->tail < QUEUE);
	memcpy(wire->data[wire->head % QUEUE], datagram, size);
	wire->size[wire->head++ % QUEUE] = size;
}

static inline bool get(struct wire *wire, const uint8_t **datagram, size_t *size)
{
	if (wire->head == wire->tail)
		return false;
	*datagram = wire->data[wire->tail % QUEUE];
	*size = wire->size[wire->tail++ % QUEUE];
	return true;
}

/* A client and a server of ours, and the wires to each. */
struct pair {
	struct bl_dtls_identity *identity[2];
	struct bl_dtls *client, *server;
	struct wire to_client, to_server;
};

static inline struct bl_dtls *make(struct bl_dtls_identity *identity, enum bl_dtls_role role,
				   const char *fingerprint, struct wire *out)
{
	struct bl_dtls *dtls = NULL;

	CHECK_EQUAL(BL_OK, bl_dtls_new(&(struct bl_dtls_config){.identity = identity,
								.role = role,
								.fingerprint = fingerprint,
								.send = put,
								.user = out},
				       &dtls));
	return dtls;
}

static inline void pair_make(struct pair *pair, const char *client_fingerprint)
{
	memset(pair, 0, sizeof(*pair));
	for (int i = 0; i < 2; i++)
		CHECK_EQUAL(BL_OK, bl_dtls_identity_new(NULL, &pair->identity[i]));
	if (!client_fingerprint)
		client_fingerprint = bl_dtls_identity_fingerprint(pair->identity[0]);
	pair->client = make(pair->identity[0], BL_DTLS_CLIENT,
			    bl_dtls_identity_fingerprint(pair->identity[1]), &pair->to_server);
	pair->server =
		make(pair->identity[1], BL_DTLS_SERVER, client_fingerprint, &pair->to_client);
}

static inline void pair_free(struct pair *pair)
{
	bl_dtls_free(pair->client);
	bl_dtls_free(pair->server);
	for (int i = 0; i < 2; i++)
		bl_dtls_identity_free(pair->identity[i]);
}

static inline void pass(struct pair *pair)
{
	const uint8_t *data;
	size_t size;

	while (pair->to_client.head != pair->to_client.tail ||
	       pair->to_server.head != pair->to_server.tail) {
		if (get(&pair->to_server, &data, &size))
			bl_dtls_receive(pair->server, data, size);
		if (get(&pair->to_client, &data, &size))
			bl_dtls_receive(pair->client, data, size);
	}
}

static inline enum bl_dtls_state state(struct bl_dtls *dtls)
{
	return bl_dtls_receive(dtls, NULL, 0);
}

/* Until both are done, or the wall clock has let each retransmit often enough. */
static inline void shake(struct pair *pair)
{
	for (int i = 0; i < 80; i++) {
		bl_dtls_timer(pair->client, 0);
		bl_dtls_timer(pair->server, 0);
		pass(pair);
		if (state(pair->client) != BL_DTLS_SHAKING &&
		    state(pair->server) != BL_DTLS_SHAKING)
			return;
		usleep(50000);
	}
}

#endif
