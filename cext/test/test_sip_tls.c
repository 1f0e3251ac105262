/* test_sip_tls.c  SIP by TLS: whose certificate came with a call, and visitors who mean no good */
#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "branchline_sip.h"
#include "check.h"

enum { DEADLINE_MS = 20000, PEM = 4096, HELLO = 2048, VISITORS = 120 };

/* sofia-sip 1.12.11 never frees the names of a certificate; all else of a connection counts */
const char *__lsan_default_suppressions(void);
const char *__asan_default_options(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:tls_connect\n";
}

const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}

/* A certificate and its key. */
struct pair {
	X509 *certificate;
	EVP_PKEY *key;
};

struct world {
	struct pair authority, ours;
	char folder[64];
	char certificate[PEM], key[PEM], root[PEM];
	bl_sip_t *sip;
	int port;
};

static void add_extension(X509 *to, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	CHECK(extension && X509_add_ext(to, extension, -1));
	X509_EXTENSION_free(extension);
}

/* Signed by issuer; NULL: by itself, as an authority is. */
static struct pair make_pair(const char *name, const struct pair *issuer)
{
	struct pair pair = {X509_new(), EVP_EC_gen("P-256")};
	X509_NAME *subject = X509_get_subject_name(pair.certificate);
	char names[64];

	X509_set_version(pair.certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(pair.certificate), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(pair.certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(pair.certificate), 3600);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
				   -1, 0);
	X509_set_issuer_name(pair.certificate,
			     issuer ? X509_get_subject_name(issuer->certificate) : subject);
	X509_set_pubkey(pair.certificate, pair.key);
	add_extension(pair.certificate, NID_basic_constraints, issuer ? "CA:FALSE" : "CA:TRUE");
	snprintf(names, sizeof(names), "DNS:%s", name);
	if (issuer)
		add_extension(pair.certificate, NID_subject_alt_name, names);
	CHECK(X509_sign(pair.certificate, issuer ? issuer->key : pair.key, EVP_sha256()) > 0);
	return pair;
}

static void free_pair(struct pair *pair)
{
	X509_free(pair->certificate);
	EVP_PKEY_free(pair->key);
}

static void write_pem(char *room, X509 *certificate, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int size;

	if (certificate)
		PEM_write_bio_X509(bio, certificate);
	else
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	size = BIO_read(bio, room, PEM - 1);
	room[size > 0 ? size : 0] = '\0';
	BIO_free(bio);
}

static int free_port(void)
{
	struct sockaddr_in own = {.sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(own);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQUAL(0, bind(fd, (struct sockaddr *)&own, sizeof(own)));
	CHECK_EQUAL(0, getsockname(fd, (struct sockaddr *)&own, &size));
	close(fd);
	return ntohs(own.sin_port);
}

static bl_sip_t *start(const struct world *world, const char *key, int32_t *error)
{
	bl_sip_tls_t tls = {
		.folder = world->folder,
		.certificate = world->certificate,
		.key = key,
		.authority = world->root,
	};
	bl_sip_config_t config = {
		.address = "127.0.0.1",
		.port = world->port,
		.user_agent = "x",
		.queue_limit = 99,
		.tls = &tls,
	};

	return bl_sip_start(&config, error);
}

static void open_world(struct world *world)
{
	char path[96];
	FILE *file;

	snprintf(world->folder, sizeof(world->folder), "/tmp/test-sip-tls-XXXXXX");
	CHECK(mkdtemp(world->folder) != NULL);
	world->authority = make_pair("authority", NULL);
	world->ours = make_pair("box-a", &world->authority);
	write_pem(world->certificate, world->ours.certificate, NULL);
	write_pem(world->key, NULL, world->ours.key);
	write_pem(world->root, world->authority.certificate, NULL);
	snprintf(path, sizeof(path), "%s/cafile.pem", world->folder);
	file = fopen(path, "w");
	CHECK(file && fputs(world->root, file) >= 0 && fclose(file) == 0);
	world->port = free_port();
	world->sip = start(world, world->key, NULL);
	CHECK(world->sip != NULL);
}

static void close_world(struct world *world)
{
	char path[96];

	bl_sip_free(world->sip);
	snprintf(path, sizeof(path), "%s/cafile.pem", world->folder);
	unlink(path);
	rmdir(world->folder);
	free_pair(&world->ours);
	free_pair(&world->authority);
}

static int visit(const struct world *world)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)world->port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQUAL(0, connect(fd, (struct sockaddr *)&to, sizeof(to)));
	return fd;
}

/* Waits for an INVITE, and copies the name that came with it. */
static bool hear_invite(const struct world *world, char *name, size_t room)
{
	struct pollfd fd = {.fd = bl_sip_fd(world->sip), .events = POLLIN};
	bl_sip_event_t event;
	bool heard = false;

	while (!heard && poll(&fd, 1, DEADLINE_MS) == 1) {
		if (bl_sip_poll(world->sip, &event, 1) != 1)
			continue;
		heard = event.kind == BL_SIP_INVITE;
		if (heard) {
			snprintf(name, room, "%.*s", (int)event.size[BL_SIP_PEER],
				 event.size[BL_SIP_PEER] ? event.text[BL_SIP_PEER] : "");
			bl_sip_respond(world->sip, event.call, 486, NULL, NULL, NULL);
		}
		bl_sip_release(&event, 1);
	}
	return heard;
}

/* A visitor's connection. */
struct visitor {
	SSL_CTX *context;
	SSL *ssl;
	int fd;
};

static struct visitor visit_as(const struct world *world, const struct pair *pair)
{
	struct visitor visitor = {.context = SSL_CTX_new(TLS_client_method()), .fd = visit(world)};

	visitor.ssl = SSL_new(visitor.context);
	if (pair)
		CHECK(SSL_use_cert_and_key(visitor.ssl, pair->certificate, pair->key, NULL, 1) ==
		      1);
	SSL_set_fd(visitor.ssl, visitor.fd);
	CHECK_EQUAL(1, SSL_connect(visitor.ssl));
	return visitor;
}

static void leave(struct visitor *visitor)
{
	SSL_free(visitor->ssl);
	SSL_CTX_free(visitor->context);
	close(visitor->fd);
}

/* Calls; the call must come, with that name. */
static void call_by(const struct world *world, struct visitor *visitor, const char *expected)
{
	char text[1024], name[256];
	static int number;

	snprintf(text, sizeof(text),
		 "INVITE sip:x@127.0.0.1 SIP/2.0\r\n"
		 "Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"
		 "From: <sip:a@127.0.0.1>;tag=f\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: c%d\r\n"
		 "CSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1:9>\r\nContent-Length: 0\r\n\r\n",
		 number, number);
	number++;
	CHECK(SSL_write(visitor->ssl, text, (int)strlen(text)) > 0);
	CHECK(hear_invite(world, name, sizeof(name)));
	CHECK(!strcmp(expected, name));
}

/* Calls with that certificate, or none; the call must come, with that name. */
static void call_as(const struct world *world, const struct pair *pair, const char *expected)
{
	struct visitor visitor = visit_as(world, pair);

	call_by(world, &visitor, expected);
	leave(&visitor);
}

/* Calls an appliance that keeps a connection to us, and by nothing else. */
static void call_standing(const struct world *world, const char *peer)
{
	bl_sip_invitation_t invitation = {
		.to = "sip:r-1@127.0.0.77:5061;transport=tls",
		.from = "<sip:a@127.0.0.1>",
		.sdp = "v=0\r\n",
		.peer = peer,
		.standing = 1,
	};

	CHECK(bl_sip_invite(world->sip, &invitation) > 0);
}

/* Waits for the end of a call that was never answered; its status. */
static int hear_failure(const struct world *world)
{
	struct pollfd fd = {.fd = bl_sip_fd(world->sip), .events = POLLIN};
	bl_sip_event_t event;
	int status = 0;

	while (!status && poll(&fd, 1, DEADLINE_MS) == 1) {
		if (bl_sip_poll(world->sip, &event, 1) != 1)
			continue;
		if (event.kind == BL_SIP_FAIL)
			status = event.status;
		bl_sip_release(&event, 1);
	}
	return status;
}

/* Reads what comes by a connection until there is an INVITE. */
static bool read_invite(struct visitor *visitor)
{
	char text[8192];
	size_t used = 0;

	while (used < sizeof(text) - 1) {
		int size = SSL_read(visitor->ssl, text + used, (int)(sizeof(text) - 1 - used));

		if (size <= 0)
			return false;
		used += (size_t)size;
		text[used] = '\0';
		if (strstr(text, "INVITE sip:r-1@"))
			return true;
	}
	return false;
}

static void test_an_appliance_is_called_by_the_connection_it_keeps(void)
{
	struct pair good, forged, other;
	struct visitor visitor, stranger;
	struct world world;

	open_world(&world);
	other = make_pair("authority", NULL);
	good = make_pair("box-b", &world.authority);
	forged = make_pair("box-b", &other);
	visitor = visit_as(&world, &good);
	call_by(&world, &visitor, "box-b");
	CHECK_EQUAL(486, hear_failure(&world));
	stranger = visit_as(&world, &forged);
	call_by(&world, &stranger, "");
	CHECK_EQUAL(486, hear_failure(&world));
	call_standing(&world, "box-b"); /* the newest connection is not box-b's */
	CHECK(read_invite(&visitor));
	call_standing(&world, "box-c");
	CHECK_EQUAL(BL_SIP_AWAY, hear_failure(&world));
	leave(&stranger);
	leave(&visitor);
	free_pair(&forged);
	free_pair(&good);
	free_pair(&other);
	close_world(&world);
}

static void test_names_come_from_our_authority_alone(void)
{
	struct world world;
	struct pair other, good, forged;

	open_world(&world);
	other = make_pair("authority", NULL);
	good = make_pair("box-b", &world.authority);
	forged = make_pair("box-b", &other);
	call_as(&world, &good, "box-b");
	call_as(&world, &forged, "");
	call_as(&world, &world.authority, ""); /* it is no appliance */
	call_as(&world, NULL, "");
	call_as(&world, &good, "box-b");
	free_pair(&forged);
	free_pair(&good);
	free_pair(&other);
	close_world(&world);
}

/* The first flight of a real client. */
static int make_hello(unsigned char *room)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	BIO *out = BIO_new(BIO_s_mem());
	int size;

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
	SSL_connect(ssl);
	size = BIO_read(out, room, HELLO);
	SSL_free(ssl);
	SSL_CTX_free(context);
	return size;
}

static void test_broken_hellos(void)
{
	unsigned char hello[HELLO], broken[HELLO];
	int fds[VISITORS], size;
	unsigned chance = 7;
	struct world world;

	open_world(&world);
	size = make_hello(hello);
	CHECK(size > 50);
	for (int i = 0; i < VISITORS; i++) {
		memcpy(broken, hello, (size_t)size);
		for (int j = 0; j < i % 5; j++) {
			chance = chance * 1103515245 + 12345;
			broken[(chance >> 8) % (unsigned)size] = (unsigned char)(chance >> 20);
		}
		fds[i] = visit(&world);
		send(fds[i], broken, (size_t)(i % 3 ? size : i % size), MSG_NOSIGNAL);
		if (i % 2)
			close(fds[i]);
	}
	call_as(&world, NULL, "");
	for (int i = 0; i < VISITORS; i += 2)
		close(fds[i]);
	close_world(&world);
}

static void test_what_cannot_be_used(void)
{
	struct world world;
	struct pair other;
	int32_t error = 0;
	char key[PEM];

	open_world(&world);
	other = make_pair("box-b", &world.authority);
	write_pem(key, NULL, other.key);
	CHECK(!start(&world, key, &error));
	CHECK_EQUAL(BL_SIP_EPORT, error);
	bl_sip_free(world.sip);
	world.sip = NULL;
	CHECK(!start(&world, key, &error));
	CHECK_EQUAL(BL_SIP_ETLS, error);
	CHECK(!start(&world, "nonsense", &error));
	CHECK_EQUAL(BL_SIP_ETLS, error);
	CHECK(!start(&world, NULL, &error));
	CHECK_EQUAL(BL_SIP_EARG, error);
	free_pair(&other);
	close_world(&world);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_names_come_from_our_authority_alone),
	CHECK_TEST(test_an_appliance_is_called_by_the_connection_it_keeps),
	CHECK_TEST(test_broken_hellos),
	CHECK_TEST(test_what_cannot_be_used),
};

CHECK_MAIN(tests)
