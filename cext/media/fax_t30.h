/*
 * fax_t30.h  The T.30 side of a fax: libspandsp with its files, limits and hostile far ends
 *
 * One bl_t30 belongs to one thread. Sound goes in and out by bl_t30_audio(), after bl_t30_switch()
 * datagrams by bl_t30_datagram() and the sender's callback; either way bl_t30_audio() is called
 * every 20 ms, as T.30's timers stand on it.
 */
#ifndef BL_FAX_T30_H
#define BL_FAX_T30_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fax.h"

struct bl_t30;

struct bl_t30_user {
	void (*tell)(void *user, const struct bl_fax_event *event);
	void (*send)(void *user, const uint8_t *datagram, size_t size);
	void *user;
};

int bl_t30_new(const struct bl_fax_config *config, const struct bl_t30_user *user,
	       struct bl_t30 **out);
void bl_t30_free(struct bl_t30 *t30);
/* One frame in (NULL: it was lost) and one out; silence once T.38 is spoken. */
void bl_t30_audio(struct bl_t30 *t30, const int16_t *in, int16_t *out);
void bl_t30_switch(struct bl_t30 *t30, const struct bl_fax_t38 *t38);
void bl_t30_datagram(struct bl_t30 *t30, const uint8_t *data, size_t size);
/* Ends it with this reason, unless it has ended; the file is whole after that. */
void bl_t30_end(struct bl_t30 *t30, enum bl_fax_end why);
void bl_t30_stats(const struct bl_t30 *t30, struct bl_fax_stats *out);

#endif
