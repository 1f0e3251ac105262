/**
 * @file tls_end.c  Connections by TLS, from their beginning until nothing of them is left
 *
 * sofia-sip 1.12.11 shuts a connection's SSL down, gives up one of the two references that the SSL
 * has to its BIO, closes the socket and forgets the SSL: 20 to 45 kB for each visitor. So every
 * SSL made on the stack's thread is remembered, and freed here once its socket is not there any
 * more. A sofia-sip that frees it by itself takes it off the list by that.
 */
#include "tls_end.h"

#include <stdlib.h>
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
