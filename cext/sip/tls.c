/**
 * @file tls.c  TLS: who we are, whom we believe, and who is at the other end of a connection
 *
 * sofia-sip makes a TLS context of its own and keeps it to itself: it can only ask every client
 * for a certificate or none, and does not tell whose it was. OpenSSL tells of each context as it
 * is made (CRYPTO_get_ex_new_index(3)); those that nua makes on our thread are caught so, and get
 * our certificate, our rules and our callbacks before the first connection.
 */
#include "tls_end.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <sofia-sip/hostdomain.h>
#include <sofia-sip/url.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum {
	CONTEXTS = 4,	     /**< that nua makes, at most: one for each transport with TLS */
	VERIFY_DEPTH = 6,    /**< certificates between a far end's and a root */
	CHAIN_LIMIT = 16384, /**< [bytes] of a far end's certificates, in all */
	IDLE_S = 10,	     /**< an appliance that says nothing is probed: some NATs forget a
				connection within a minute (RFC 5382 section 5 wants 2 h) */
	LOST_MS = 6000,	     /**< what is not acknowledged for so long ends a connection */
};

/** RFC 7525 section 4.2: forward secrecy and AEAD; TLS 1.3 has nothing else */
static const char CIPHERS[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/** Contexts made on this thread, while somebody wants them. */
struct catch
{
	SSL_CTX *contexts[CONTEXTS];
	int count;
};

static _Thread_local struct catch *catching;
static int context_index = -1;

/* -- OpenSSL's hooks ---------------------------------------------------------------------- */

static void on_new_context(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
			   void *argp)
{
	(void)ptr;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	if (catching && catching->count < CONTEXTS)
		catching->contexts[catching->count++] = parent;
}

void tls_init_library(void)
{
	context_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, NULL, on_new_context,
						NULL, NULL);
	tls_end_init_library();
}

/* -- whom we believe ---------------------------------------------------------------------- */

static bool far_address(SSL const *ssl, su_sockaddr_t *out)
{
	socklen_t size = sizeof(*out);

	memset(out, 0, sizeof(*out));
	return getpeername(SSL_get_fd(ssl), &out->su_sa, &size) == 0;
}

static bool same_address(su_sockaddr_t const *a, su_sockaddr_t const *b)
{
	if (a->su_family != b->su_family || a->su_port != b->su_port)
		return false;
	if (a->su_family == AF_INET)
		return a->su_sin.sin_addr.s_addr == b->su_sin.sin_addr.s_addr;
	return a->su_family == AF_INET6 &&
	       !memcmp(&a->su_sin6.sin6_addr, &b->su_sin6.sin6_addr, sizeof(a->su_sin6.sin6_addr));
}

/** Whom we call at that address; NULL: nobody that we know of. */
static struct tls_far *far_of(struct bl_sip const *sip, SSL const *ssl)
{
	su_sockaddr_t at;

	if (!far_address(ssl, &at))
		return NULL;
	for (struct tls_far *far = sip->tls.fars; far; far = far->next)
		if (same_address(&far->at, &at))
			return far;
	return NULL;
}

static bool is_named(X509 *certificate, const char *name)
{
	return X509_check_ip_asc(certificate, name, 0) == 1 ||
	       X509_check_host(certificate, name, 0, 0, NULL) == 1;
}

static bool comes_from(STACK_OF(X509) * chain, X509 *authority)
{
	int count = sk_X509_num(chain);

	return authority && count > 1 && !X509_cmp(sk_X509_value(chain, count - 1), authority);
}

/**
 * Called for each certificate of a chain, from the root down. Who calls us may have a certificate
 * of anybody, as phones do, or none: it only has no name then. Whom we call must have the one that
 * we expect there.
 */
static int on_certificate(int good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct bl_sip *sip = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index);
	bool last = X509_STORE_CTX_get_error_depth(store) == 0;
	struct tls_end *end = tls_end_of(ssl);
	struct tls_far *far;

	if (!end)
		return 0;
	if (!good)
		end->doubted = true;
	else if (last)
		end->known = comes_from(X509_STORE_CTX_get0_chain(store), sip->tls.authority);
	if (SSL_is_server(ssl))
		return 1;
	far = far_of(sip, ssl);
	if (good && last)
		good = far && (!far->ours || end->known) &&
		       is_named(X509_STORE_CTX_get_current_cert(store), far->name);
	if (!good && far)
		far->refused = true;
	return good;
}

/**
 * A connection between appliances may be the only way to one that is behind a NAT. One that leads
 * nowhere any more is to end soon, so that the box opens another: TCP alone would try for 15 min.
 */
static void keep_alive(int fd)
{
	static int const on = 1, idle_s = IDLE_S, lost_ms = LOST_MS;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &lost_ms, sizeof(lost_ms));
}

/** Remember whose certificate a connection has shown. */
static void keep_name(SSL *ssl)
{
	struct tls_end *end = tls_end_of(ssl);
	X509 *certificate = SSL_get0_peer_certificate(ssl);
	int length;

	if (!end || *end->name || !certificate || end->doubted || !end->known ||
	    !far_address(ssl, &end->from))
		return;
	length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
					   end->name, sizeof(end->name));
	if (length <= 0 || (size_t)length != strlen(end->name) ||
	    X509_check_host(certificate, end->name, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) != 1)
		*end->name = '\0';
	if (*end->name)
		keep_alive(SSL_get_fd(ssl));
}

static void on_handshake(SSL const *connection, int where, int result)
{
	SSL *ssl = (SSL *)connection; /* the callback's type is older than const */
	struct bl_sip *sip = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context_index);
	struct tls_far const *far;
	struct in6_addr number;

	(void)result;
	if (where & SSL_CB_HANDSHAKE_DONE)
		keep_name(ssl);
	if (!(where & SSL_CB_HANDSHAKE_START) || SSL_is_server(ssl) || !SSL_in_before(ssl))
		return;
	far = far_of(sip, ssl);
	/* RFC 6066 section 3: names, not addresses */
	if (far && inet_pton(AF_INET, far->name, &number) != 1 &&
	    inet_pton(AF_INET6, far->name, &number) != 1)
		SSL_set_tlsext_host_name(ssl, far->name);
}

char const *tls_name_at(struct bl_sip const *sip, su_sockaddr_t const *from)
{
	for (struct tls_end const *end = sip->tls.ends; end; end = end->next)
		if (*end->name && same_address(&end->from, from))
			return end->name;
	return NULL;
}

/* -- whom we call ------------------------------------------------------------------------- */

static void free_fars(struct tls_far *far)
{
	while (far) {
		struct tls_far *next = far->next;

		free(far);
		far = next;
	}
}

/** One line: "ours" or "public", address, port, name. */
static struct tls_far *read_far(const char *line)
{
	struct tls_far *far = calloc(1, sizeof(*far));
	char kind[8], digits[6];
	unsigned long port = 0;

	_Static_assert(TLS_NAME == 256 && INET6_ADDRSTRLEN == 46, "the widths below");
	if (!far)
		return NULL;
	if (sscanf(line, "%7s %45s %5s %255s", kind, far->address, digits, far->name) == 4)
		port = strtoul(digits, NULL, 10);
	if (port > 0 && port < 65536) {
		far->ours = !strcmp(kind, "ours");
		far->at.su_port = htons((uint16_t)port);
		far->at.su_family = strchr(far->address, ':') ? AF_INET6 : AF_INET;
		if (inet_pton(far->at.su_family, far->address,
			      far->at.su_family == AF_INET ? (void *)&far->at.su_sin.sin_addr
							   : &far->at.su_sin6.sin6_addr) == 1)
			return far;
	}
	free(far);
	return NULL;
}

void tls_know_fars(struct bl_sip *sip, char *lines)
{
	struct tls_far *fars = NULL;
	char *rest = lines;

	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		struct tls_far *far = read_far(line);

		if (far) {
			far->next = fars;
			fars = far;
		}
	}
	free_fars(sip->tls.fars);
	sip->tls.fars = fars;
}

static bool goes_to(char const *uri, void const *to)
{
	struct tls_far const *far = to;
	su_home_t home[1] = {SU_HOME_INIT(home)};
	bool same = false;
	url_t *url;

	su_home_init(home);
	url = url_hdup(home, (url_t const *)uri);
	if (url && url->url_host) {
		char const *port = url_port(url);

		same = port && strtol(port, NULL, 10) == ntohs(far->at.su_port) &&
		       (host_cmp(url->url_host, far->address) == 0 ||
			host_cmp(url->url_host, far->name) == 0);
	}
	su_home_deinit(home);
	return same;
}

/** Tell the calls that wait for somebody whose certificate was refused, and tidy up. */
void tls_look(struct bl_sip *sip)
{
	tls_end_reap(sip);
	for (struct tls_far *far = sip->tls.fars; far; far = far->next) {
		if (far->refused)
			calls_refuse(sip, goes_to, far);
		far->refused = false;
	}
}

/* -- start and end ------------------------------------------------------------------------ */

/** A key with a password is none that a daemon can use: never ask a terminal. */
static int no_password(char *room, int size, int writing, void *user)
{
	(void)room;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

static X509 *next_certificate(BIO *bio)
{
	return PEM_read_bio_X509(bio, NULL, no_password, NULL);
}

static BIO *bio_of(const char *text)
{
	return text ? BIO_new_mem_buf(text, -1) : NULL;
}

static bool read_chain(struct tls *tls, const char *text)
{
	BIO *bio = bio_of(text);
	X509 *more;

	if (!bio)
		return false;
	tls->certificate = next_certificate(bio);
	tls->chain = sk_X509_new_null();
	while (tls->chain && (more = next_certificate(bio)))
		if (!sk_X509_push(tls->chain, more))
			X509_free(more);
	BIO_free(bio);
	return tls->certificate && tls->chain;
}

static bool read_key(struct tls *tls, const char *text)
{
	BIO *bio = bio_of(text);

	tls->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	BIO_free(bio);
	return tls->key && X509_check_private_key(tls->certificate, tls->key) == 1;
}

static bool read_authority(struct tls *tls, const char *text)
{
	BIO *bio = bio_of(text);

	if (!text)
		return true;
	tls->authority = bio ? next_certificate(bio) : NULL;
	BIO_free(bio);
	return tls->authority;
}

bool tls_load(struct bl_sip *sip, const bl_sip_tls_t *config)
{
	struct tls *tls = &sip->tls;
	bool good;

	ERR_clear_error();
	good = snprintf(tls->folder, sizeof(tls->folder), "%s", config->folder) <
		       (int)sizeof(tls->folder) &&
	       read_chain(tls, config->certificate) && read_key(tls, config->key) &&
	       read_authority(tls, config->authority);
	ERR_clear_error();
	tls->on = true;
	return good;
}

void tls_free_parts(struct bl_sip *sip)
{
	struct tls *tls = &sip->tls;

	free_fars(tls->fars);
	EVP_PKEY_free(tls->key);
	X509_free(tls->certificate);
	X509_free(tls->authority);
	sk_X509_pop_free(tls->chain, X509_free);
}

static bool set_context(struct bl_sip *sip, SSL_CTX *context)
{
	struct tls *tls = &sip->tls;
	X509_STORE *store = X509_STORE_new();

	if (!store)
		return false;
	X509_STORE_set_default_paths(store); /* for providers; a box without them knows none */
	if (tls->authority)
		X509_STORE_add_cert(store, tls->authority);
	SSL_CTX_set_cert_store(context, store);
	SSL_CTX_clear_options(context, SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3);
	SSL_CTX_set_options(context,
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify_depth(context, VERIFY_DEPTH);
	SSL_CTX_set_max_cert_list(context, CHAIN_LIMIT);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_certificate);
	SSL_CTX_set_info_callback(context, on_handshake);
	return SSL_CTX_set_ex_data(context, context_index, sip) &&
	       SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) &&
	       SSL_CTX_set_cipher_list(context, CIPHERS) &&
	       SSL_CTX_use_cert_and_key(context, tls->certificate, tls->key, tls->chain, 1) == 1;
}

nua_t *tls_make_nua(struct bl_sip *sip, nua_t *(*make)(struct bl_sip *sip))
{
	struct catch caught = {.count = 0};
	bool good;
	nua_t *nua;

	catching = &caught;
	tls_end_watch(sip);
	nua = make(sip);
	catching = NULL;
	good = caught.count > 0;
	for (int i = 0; i < caught.count && good; i++)
		good = set_context(sip, caught.contexts[i]);
	ERR_clear_error();
	if (nua && !good) {
		nua_destroy(nua);
		nua = NULL;
	}
	return nua;
}
