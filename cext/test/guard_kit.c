/* guard_kit.c  A pretend tick around guard and port, and far ends that are OpenSSL over UDP */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "branchline_media.h"
#include "guard_kit.h"
#include "rtp.h"

enum { SOUND = 60, TICK_MS = 20 };

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

struct kit_world *kit_world(bool threaded, int32_t max_legs)
{
	struct kit_world *world = calloc(1, sizeof(*world));

	world->threaded = threaded;
	world->ordinary = -1;
	if (bl_guard_new(&(struct bl_guard_config){.workers = 2,
						   .max_legs = max_legs,
						   .stepped = !threaded},
			 &world->guard) ||
	    (threaded && bl_guard_start(world->guard)))
		abort();
	world->number = bl_port_open("127.0.0.1", 0, max_legs, true, &world->port);
	if (world->number <= 0)
		abort();
	for (int i = 0; i < KIT_LEGS; i++)
		world->legs[i].id = i + 100;
	return world;
}

static void free_retired(struct kit_world *world)
{
	for (struct bl_node *node = bl_stack_take(&world->retired); node;) {
		struct bl_node *next = node->next;

		node->release(NULL, node);
		node = next;
	}
}

void kit_world_free(struct kit_world *world)
{
	bl_guard_free(world->guard);
	bl_port_close(world->port);
	for (int i = 0; i < KIT_LEGS; i++)
		bl_srtp_pair_clear(&world->legs[i].pair, &world->retired);
	free_retired(world);
	if (world->ordinary >= 0)
		close(world->legs[world->ordinary].fd);
	free(world);
}

static void obey(struct kit_world *world, const struct bl_guard_record *record)
{
	struct kit_leg *leg = record->owner;

	leg->told[record->kind]++;
	if (record->kind != BL_GUARD_KEYS)
		bl_port_obey(world->port, &leg->at, record);
	switch (record->kind) {
	case BL_GUARD_KEYS:
		bl_srtp_pair_set(&leg->pair, record->in, record->out, world->now_ms,
				 &world->retired);
		if (!leg->at.has_chosen) /* no ICE: symmetric, as far as this kit goes */
			leg->at.chosen = record->path;
		break;
	case BL_GUARD_FAILED:
		leg->why = record->why;
		break;
	default:
		break;
	}
}

static void hear(struct kit_world *world, struct kit_leg *leg, uint8_t *data, size_t size)
{
	enum bl_srtp_verdict verdict = bl_srtp_pair_unprotect(&leg->pair, data, &size, false,
							      world->now_ms, &world->retired);

	leg->verdicts[verdict]++;
	if (verdict == BL_SRTP_GOOD)
		leg->heard = data[BL_RTP_HEADER];
}

static void hear_ordinary(struct kit_world *world, struct kit_leg *leg)
{
	uint8_t data[2048];
	struct bl_source from = {.fd = leg->fd};

	for (;;) {
		socklen_t length = sizeof(from.address);
		ssize_t size = recvfrom(leg->fd, data, sizeof(data), MSG_DONTWAIT,
					&from.address.any, &length);

		if (size <= 0)
			return;
		if (bl_guard_wants(data, (size_t)size))
			bl_guard_hand(world->guard, 1, leg->id, &from, data, (size_t)size);
		else
			hear(world, leg, data, (size_t)size);
	}
}

void kit_step(struct kit_world *world)
{
	struct bl_guard_record record;
	struct bl_port_packet *packets;
	int32_t count;

	world->now_ms += TICK_MS;
	while (!world->deaf && bl_guard_next(world->guard, &record))
		obey(world, &record);
	count = bl_port_read(world->port, world->guard, 0, &packets);
	for (int32_t i = 0; i < count; i++) {
		if (packets[i].owner)
			hear(world, packets[i].owner, packets[i].data, packets[i].size);
	}
	if (world->ordinary >= 0)
		hear_ordinary(world, &world->legs[world->ordinary]);
	if (world->threaded)
		usleep(2000);
	else
		bl_guard_service(world->guard, world->now_ms);
	free_retired(world);
}

void kit_steps(struct kit_world *world, int count)
{
	for (int i = 0; i < count; i++)
		kit_step(world);
}

bool kit_told(struct kit_world *world, int leg, enum bl_guard_kind kind, int count)
{
	for (int i = 0; i < KIT_WAIT && world->legs[leg].told[kind] < count; i++)
		kit_step(world);
	return world->legs[leg].told[kind] == count;
}

struct bl_guard_stats kit_stats(struct kit_world *world)
{
	struct bl_guard_stats out;

	bl_guard_stats(world->guard, &out);
	return out;
}

struct bl_ice_credentials kit_browser_leg(struct kit_world *world, int leg,
					  const char *fingerprint)
{
	struct bl_ice_credentials ours = {"", ""};

	if (bl_guard_add(world->guard,
			 &(struct bl_guard_leg){.leg = world->legs[leg].id,
						.owner = &world->legs[leg],
						.fd = -1,
						.ice = true,
						.role = BL_DTLS_SERVER,
						.fingerprint = fingerprint},
			 &ours))
		abort();
	return ours;
}

int kit_ordinary_leg(struct kit_world *world, enum bl_dtls_role role, const char *fingerprint,
		     int remote_port, struct bl_ice_credentials *ours)
{
	struct sockaddr_in local = loopback(0);
	socklen_t size = sizeof(local);
	struct kit_leg *leg = &world->legs[0];
	struct bl_guard_leg guarded = {
		.leg = leg->id,
		.owner = leg,
		.ice = ours,
		.role = role,
		.fingerprint = fingerprint,
	};

	world->ordinary = 0;
	leg->fd = guarded.fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (remote_port)
		guarded.remote.v4 = loopback(remote_port);
	if (bind(leg->fd, (struct sockaddr *)&local, size) ||
	    getsockname(leg->fd, (struct sockaddr *)&local, &size) ||
	    bl_guard_add(world->guard, &guarded, ours))
		abort();
	return ntohs(local.sin_port);
}

static int open_socket(int port)
{
	struct sockaddr_in to = loopback(port), from = loopback(0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
	    (port && connect(fd, (struct sockaddr *)&to, sizeof(to))))
		abort();
	return fd;
}

void kit_far_connect(struct kit_far *far, int port)
{
	struct sockaddr_in to = loopback(port);

	if (connect(far->fd, (struct sockaddr *)&to, sizeof(to)))
		abort();
	BIO_ctrl(SSL_get_rbio(far->ssl), BIO_CTRL_DGRAM_SET_CONNECTED, 0, &to);
}

static void set_fingerprint(struct kit_far *far, const X509 *certificate)
{
	uint8_t bytes[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	char *at = far->fingerprint + 8;

	X509_digest(certificate, EVP_sha256(), bytes, &size);
	memcpy(far->fingerprint, "sha-256 ", 8);
	for (unsigned i = 0; i < size; i++)
		at += snprintf(at, 4, "%02X%s", bytes[i], i + 1 < size ? ":" : "");
}

static int any_certificate(X509_STORE_CTX *store, void *unused)
{
	(void)store;
	(void)unused;
	return 1;
}

static void set_ssl(struct kit_far *far, enum bl_dtls_role role)
{
	BIO *bio = BIO_new_dgram(far->fd, BIO_NOCLOSE);

	far->ssl = SSL_new(far->context);
	SSL_set_bio(far->ssl, bio, bio);
	if (role == BL_DTLS_CLIENT)
		SSL_set_connect_state(far->ssl);
	else
		SSL_set_accept_state(far->ssl);
}

void kit_far_open(struct kit_far *far, int port, enum bl_dtls_role role)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	memset(far, 0, sizeof(*far));
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, EVP_sha256());
	set_fingerprint(far, certificate);
	far->fd = open_socket(0);
	far->context = SSL_CTX_new(DTLS_method());
	SSL_CTX_use_certificate(far->context, certificate);
	SSL_CTX_use_PrivateKey(far->context, key);
	SSL_CTX_set_verify(far->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(far->context, any_certificate, NULL);
	SSL_CTX_set_tlsext_use_srtp(far->context, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80");
	set_ssl(far, role);
	if (port)
		kit_far_connect(far, port);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

void kit_far_close(struct kit_far *far)
{
	SSL_free(far->ssl);
	SSL_CTX_free(far->context);
	bl_srtp_free(far->in);
	bl_srtp_free(far->out);
	close(far->fd);
	ERR_clear_error();
}

int kit_far_port(const struct kit_far *far)
{
	union bl_address own = {0};
	socklen_t size = sizeof(own);

	getsockname(far->fd, &own.any, &size);
	return ntohs(own.any.sa_family == AF_INET ? own.v4.sin_port : own.v6.sin6_port);
}

void kit_far_move(struct kit_far *far, int port)
{
	int fd = open_socket(port);

	dup2(fd, far->fd); /* the old address is gone */
	close(fd);
}

void kit_far_send(struct kit_far *far, const void *data, size_t size)
{
	(void)!send(far->fd, data, size, 0);
}

void kit_far_check(struct kit_far *far, const struct bl_ice_credentials *to, const char *from,
		   bool nominate)
{
	uint8_t packet[BL_STUN_MAX];
	char username[64];
	struct bl_stun stun = {
		.kind = BL_STUN_REQUEST,
		.method = BL_STUN_BINDING,
		.role = BL_STUN_CONTROLLING,
		.use_candidate = nominate,
	};
	int size = snprintf(username, sizeof(username), "%s:%s", to->ufrag, from);

	stun.username = (struct bl_stun_text){username, (size_t)size};
	size = bl_stun_build_request(&stun, to->pwd, strlen(to->pwd), packet, sizeof(packet));
	kit_far_send(far, packet, (size_t)size);
}

size_t kit_far_take(struct kit_far *far, uint8_t *data, size_t room)
{
	ssize_t size = recv(far->fd, data, room, MSG_DONTWAIT);

	return size > 0 ? (size_t)size : 0;
}

int kit_far_answers(struct kit_far *far)
{
	uint8_t data[2048];
	int count = 0;

	for (size_t size; (size = kit_far_take(far, data, sizeof(data)));) {
		struct bl_stun stun;

		count += !bl_stun_parse(data, size, &stun) && stun.kind == BL_STUN_SUCCESS;
	}
	return count;
}

static void take_keys(struct kit_far *far)
{
	struct bl_srtp_key keys[2] = {{.suite = BL_SRTP_AEAD_AES_128_GCM},
				      {.suite = BL_SRTP_AEAD_AES_128_GCM}};
	bool server = SSL_is_server(far->ssl);
	uint8_t material[56];

	SSL_export_keying_material(far->ssl, material, sizeof(material), "EXTRACTOR-dtls_srtp", 19,
				   NULL, 0, 0);
	for (int i = 0; i < 2; i++) { /* the client's first */
		memcpy(keys[i].bytes, material + 16 * i, 16);
		memcpy(keys[i].bytes + 16, material + 32 + 12 * i, 12);
	}
	if (bl_srtp_new(BL_SRTP_OUT, &keys[server], &far->out) ||
	    bl_srtp_new(BL_SRTP_IN, &keys[!server], &far->in))
		abort();
}

bool kit_far_shake(struct kit_world *world, struct kit_far *far, int steps)
{
	for (int i = 0; i < steps && !far->up; i++) {
		int result = SSL_do_handshake(far->ssl);

		if (result != 1 && SSL_get_error(far->ssl, result) == SSL_ERROR_SSL)
			break;
		far->up = result == 1;
		kit_step(world);
	}
	if (far->up && !far->in)
		take_keys(far);
	ERR_clear_error();
	return far->up;
}

static size_t make_packet(struct bl_srtp *out, uint16_t seq, uint8_t sound,
			  uint8_t packet[KIT_ROOM])
{
	size_t size = BL_RTP_HEADER + SOUND;

	bl_rtp_header(packet, &(struct bl_rtp){.seq = seq, .ssrc = 77});
	memset(packet + BL_RTP_HEADER, sound, SOUND);
	if (bl_srtp_protect(out, packet, &size, KIT_ROOM))
		abort();
	return size;
}

size_t kit_far_say(struct kit_far *far, uint8_t sound, uint8_t *copy)
{
	uint8_t packet[KIT_ROOM];
	size_t size = make_packet(far->out, far->seq++, sound, packet);

	kit_far_send(far, packet, size);
	if (copy)
		memcpy(copy, packet, size);
	return size;
}

bool kit_leg_say(struct kit_world *world, int leg, struct kit_far *far, uint16_t seq)
{
	struct kit_leg *from = &world->legs[leg];
	uint8_t packet[KIT_ROOM];
	size_t size = make_packet(from->pair.out, seq, 9, packet);

	sendto(from->at.chosen.fd, packet, size, 0, &from->at.chosen.address.any,
	       bl_source_size(&from->at.chosen));
	while ((size = kit_far_take(far, packet, sizeof(packet)))) {
		if (packet[0] >> 6 == 2)
			return !bl_srtp_unprotect(far->in, packet, &size) &&
			       size == BL_RTP_HEADER + SOUND && packet[BL_RTP_HEADER] == 9;
	}
	return false;
}

bool kit_sound(struct kit_world *world, int leg, struct kit_far *far)
{
	struct kit_leg *at = &world->legs[leg];
	int before = at->verdicts[BL_SRTP_GOOD];
	bool understood = true;

	for (uint8_t i = 1; i <= 20; i++) {
		kit_far_say(far, i, NULL);
		kit_step(world);
		understood &= at->heard == i && kit_leg_say(world, leg, far, far->seq);
	}
	return understood && at->verdicts[BL_SRTP_GOOD] == before + 20;
}
