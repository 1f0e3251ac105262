/**
 * @file tls_end.c  Connections by TLS, from their beginning until nothing of them is left
 *
 * sofia-sip 1.12.11 shuts a connection's SSL down, gives up one of the two references that the SSL
 * has to its BIO, closes the socket and forgets the SSL: 20 to 45 kB for each visitor. So every
 * SSL made on the stack's thread is remembered, and freed here once its socket is not there any
 * more. A sofia-sip that frees it by itself takes it off the list by that.
 */
#include "tls_end.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static _Thread_local struct bl_sip *here;
static _Thread_local BIO *newest; /**< sofia-sip makes a socket's BIO just before its SSL */
static int connection_index = -1;

static void on_new_bio(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
		       void *argp)
{
	(void)ptr;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	if (here)
		newest = parent;
}

/** Which socket a descriptor is; 0: none. */
static ino_t socket_of(int fd)
{
	struct stat about;

	return fd >= 0 && fstat(fd, &about) == 0 ? about.st_ino : 0;
}

static void on_new_connection(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
			      void *argp)
{
	struct tls_end *end = here && newest ? calloc(1, sizeof(*end)) : NULL;
	int fd = -1;

	(void)ptr;
	(void)argl;
	(void)argp;
	if (!end)
		return;
	end->ssl = parent;
	end->bio = newest;
	BIO_get_fd(newest, &fd);
	end->fd = fd;
	end->socket = socket_of(fd);
	newest = NULL;
	if (!CRYPTO_set_ex_data(ad, index, end)) {
		free(end);
		return;
	}
	end->next = here->tls.ends;
	end->link = &here->tls.ends;
	if (end->next)
		end->next->link = &end->next;
	here->tls.ends = end;
}

static void on_free_connection(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
			       void *argp)
{
	struct tls_end *end = ptr;

	(void)parent;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	if (!end)
		return;
	*end->link = end->next;
	if (end->next)
		end->next->link = end->link;
	free(end);
}

void tls_end_init_library(void)
{
	CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_BIO, 0, NULL, on_new_bio, NULL, NULL);
	connection_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, NULL, on_new_connection,
						   NULL, on_free_connection);
}

void tls_end_watch(struct bl_sip *sip)
{
	here = sip;
}

struct tls_end *tls_end_of(SSL const *ssl)
{
	return SSL_get_ex_data(ssl, connection_index);
}

static bool is_open(struct tls_end const *end)
{
	return end->socket && socket_of(end->fd) == end->socket && !SSL_get_shutdown(end->ssl);
}

/**
 * Write the URI of the newest connection on which an appliance has proven itself, whoever opened
 * it; NULL: there is none. nua finds a connection by the address and port of its far end, which
 * behind a NAT are nobody's but this connection's.
 */
char const *tls_way(struct bl_sip const *sip, char const *name, char *room)
{
	char address[INET6_ADDRSTRLEN];

	for (struct tls_end const *end = sip->tls.ends; end; end = end->next) {
		bool six = end->from.su_family == AF_INET6;
		void const *number = six ? (void const *)&end->from.su_sin6.sin6_addr
					 : (void const *)&end->from.su_sin.sin_addr;

		if (strcmp(end->name, name) != 0 || !is_open(end) ||
		    !inet_ntop(end->from.su_family, number, address, sizeof(address)))
			continue;
		snprintf(room, WAY, "sip:%s%s%s:%d;transport=tls;lr", six ? "[" : "", address,
			 six ? "]" : "", ntohs(end->from.su_port));
		return room;
	}
	return NULL;
}

void tls_end_reap(struct bl_sip *sip)
{
	struct tls_end *next;

	for (struct tls_end *end = sip->tls.ends; end; end = next) {
		SSL *ssl = end->ssl;

		next = end->next;
		if (!end->socket || socket_of(end->fd) == end->socket ||
		    SSL_get_rbio(ssl) != end->bio || SSL_get_wbio(ssl) != end->bio)
			continue;
		BIO_up_ref(end->bio); /* what sofia-sip has given up */
		SSL_CTX_up_ref(SSL_get_SSL_CTX(ssl));
		SSL_free(ssl);
	}
}
