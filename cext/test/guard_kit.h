/* guard_kit.h  A pretend tick around guard and port, and far ends that are OpenSSL over UDP */
#ifndef BL_GUARD_KIT_H
#define BL_GUARD_KIT_H
#include <openssl/ssl.h>
#include "guard.h"
#include "port.h"

enum {
	KIT_LEGS = 1200,
	KIT_ROOM = 512,
	KIT_KINDS = BL_GUARD_FAILED + 1,
	KIT_WAIT = 400, /* rounds that something may take */
};

/* What a tick would keep of a leg. */
struct kit_leg {
	int64_t id;
	int fd; /* of an ordinary leg */
	struct bl_srtp_pair pair;
	struct bl_port_leg at;
	int told[KIT_KINDS]; /* how often, by bl_guard_kind */
	enum bl_dtls_why why;
	int verdicts[BL_SRTP_FAILED + 1]; /* of the packets that came */
	uint8_t heard;			  /* first byte of the last packet's sound */
};

struct kit_world {
	struct bl_guard *guard;
	struct bl_port *port;
	int number; /* the port's */
	bool threaded;
	bool deaf; /* does not take the guard's records */
	uint64_t now_ms;
	struct bl_stack retired;
	struct kit_leg legs[KIT_LEGS];
	int ordinary; /* the one leg with a socket of its own; -1: none */
};

/* The other side: a browser or a phone. */
struct kit_far {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	char fingerprint[BL_DTLS_FINGERPRINT];
	bool up;
	struct bl_srtp *in, *out;
	uint16_t seq;
	int heard;
};

struct kit_world *kit_world(bool threaded, int32_t max_legs);
void kit_world_free(struct kit_world *world);
/* One tick of 20 ms: records, packets, and the guard's round where it has no thread. */
void kit_step(struct kit_world *world);
void kit_steps(struct kit_world *world, int count);
/* Steps until the leg was told that so often; true: neither less nor more often. */
bool kit_told(struct kit_world *world, int leg, enum bl_guard_kind kind, int count);
struct bl_guard_stats kit_stats(struct kit_world *world);
/* A browser leg; returns its credentials. */
struct bl_ice_credentials kit_browser_leg(struct kit_world *world, int leg,
					  const char *fingerprint);
/* An ordinary leg, agreed with that port of 127.0.0.1 (0: none); returns its own port. ours: its
   ICE credentials; NULL: without ICE. */
int kit_ordinary_leg(struct kit_world *world, enum bl_dtls_role role, const char *fingerprint,
		     int remote_port, struct bl_ice_credentials *ours);

/* role: the far end's own. Port 0: it is told by kit_far_connect() later. */
void kit_far_connect(struct kit_far *far, int port);
void kit_far_open(struct kit_far *far, int port, enum bl_dtls_role role);
void kit_far_close(struct kit_far *far);
int kit_far_port(const struct kit_far *far);
/* Another socket, as after a change of network. */
void kit_far_move(struct kit_far *far, int port);
void kit_far_send(struct kit_far *far, const void *data, size_t size);
/* A connectivity check to those credentials. */
void kit_far_check(struct kit_far *far, const struct bl_ice_credentials *to, const char *from,
		   bool nominate);
/* Takes one datagram; its size, 0: there is none. */
size_t kit_far_take(struct kit_far *far, uint8_t *data, size_t room);
/* Checks and counts the answers that wait: successes. */
int kit_far_answers(struct kit_far *far);
/* Shakes hands until it is up, or for so many steps. */
bool kit_far_shake(struct kit_world *world, struct kit_far *far, int steps);
/* A secure packet whose sound begins with that byte. */
size_t kit_far_say(struct kit_far *far, uint8_t sound, uint8_t *copy);
/* From the leg to the far end; true: it was understood there. */
bool kit_leg_say(struct kit_world *world, int leg, struct kit_far *far, uint16_t seq);
/* Twenty packets each way: was every one understood? */
bool kit_sound(struct kit_world *world, int leg, struct kit_far *far);

#endif
