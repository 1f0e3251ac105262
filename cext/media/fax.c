/* fax.c  A fax on a leg: rings between the tick and the thread that speaks T.30 */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "fax.h"
#include "fax_t30.h"
#include "ring.h"

enum {
	FRAMES = 64,	/* 1.28 s: how long a disk may stall */
	DATAGRAMS = 64, /* each way */
	EVENTS = 64,
	LINGER = 10,  /* [frames] after the end of T.30, so that its last words go out */
	WAKE_MS = 10, /* how often the thread looks, while there is a fax */
};

struct frame {
	bool came;
	int16_t pcm[BL_FRAME];
};

struct datagram {
	uint16_t size;
	uint8_t data[BL_UDPTL_MAX];
};

/* The end of T.30 is told a little later than it is. */
struct ending {
	bool waits;
	int32_t frames;
	struct bl_fax_event event;
};

struct bl_fax {
	struct bl_fax_head head;      /* must be first */
	struct bl_fax *next;	      /* of the thread's list */
	struct bl_t30 *t30;	      /* the thread's own */
	bool told;		      /* an event was put */
	bool finished;		      /* BL_FAX_DONE was put */
	atomic_bool t38_wanted, stop; /* by the caller */
	atomic_bool switched, detached;
	atomic_bool paged;	    /* a page is there: too late for T.38 */
	struct bl_ring says, hears; /* struct frame */
	struct bl_ring in, out;	    /* struct datagram */
	struct bl_ring events;	    /* struct bl_fax_event */
	_Atomic uint64_t frames_lost, frames_late, datagrams_lost;
	struct ending ending;
	struct bl_fax_t38 t38;	    /* written before t38_wanted is set */
	pthread_mutex_t stats_lock; /* thread and caller, never the tick */
	struct bl_fax_stats stats;
	char path[BL_FAX_PATH_MAX + 1], station[BL_FAX_STATION_MAX + 1],
		header[BL_FAX_HEADER_MAX + 1];
};

struct bl_faxes {
	struct bl_faxes_config config;
	struct bl_stack added;
	struct bl_fax *list;
	int wake; /* eventfd */
	bool running;
	atomic_bool stopping;
	pthread_t thread;
};

static const char *const reasons[] = {
	[BL_FAX_OK] = "ok",
	[BL_FAX_NO_FAX] = "no-fax",
	[BL_FAX_TRAINING] = "training-failed",
	[BL_FAX_INCOMPATIBLE] = "incompatible",
	[BL_FAX_CARRIER_LOST] = "carrier-lost",
	[BL_FAX_NO_ANSWER] = "no-answer",
	[BL_FAX_PROTOCOL] = "protocol-error",
	[BL_FAX_FAR_END_ENDED] = "far-end-ended",
	[BL_FAX_CALL_DROPPED] = "call-dropped",
	[BL_FAX_BAD_FILE] = "bad-file",
	[BL_FAX_WRITE_FAILED] = "write-failed",
	[BL_FAX_DISK_FULL] = "disk-full",
	[BL_FAX_TOO_MANY_PAGES] = "too-many-pages",
	[BL_FAX_TOO_LARGE] = "too-large",
	[BL_FAX_TOO_LONG] = "too-long",
};

const char *bl_fax_reason(enum bl_fax_end end)
{
	if ((unsigned int)end >= sizeof(reasons) / sizeof(reasons[0]))
		return "protocol-error";
	return reasons[end];
}

/* -- the thread's side ---------------------------------------------------------------------- */

static void put_event(struct bl_fax *fax, const struct bl_fax_event *event)
{
	/* pages that nobody asks for are dropped; the last place is kept for the end */
	uint32_t waiting = atomic_load_explicit(&fax->events.head, memory_order_relaxed) -
			   atomic_load_explicit(&fax->events.tail, memory_order_acquire);

	if (event->kind != BL_FAX_DONE && waiting + 1 >= EVENTS)
		return;
	bl_ring_put(&fax->events, event);
	fax->told = true;
}

static void tell(void *user, const struct bl_fax_event *event)
{
	struct bl_fax *fax = user;

	if (event->kind == BL_FAX_DONE) {
		fax->ending = (struct ending){.waits = true, .event = *event};
		return;
	}
	atomic_store_explicit(&fax->paged, true, memory_order_relaxed);
	put_event(fax, event);
}

static void send_datagram(void *user, const uint8_t *data, size_t size)
{
	struct bl_fax *fax = user;
	struct datagram datagram = {.size = (uint16_t)size};

	memcpy(datagram.data, data, size);
	if (!bl_ring_put(&fax->out, &datagram))
		atomic_fetch_add_explicit(&fax->datagrams_lost, 1, memory_order_relaxed);
}

static void finish(struct bl_fax *fax)
{
	if (!fax->ending.waits || fax->finished)
		return;
	fax->finished = true;
	put_event(fax, &fax->ending.event);
}

static void switch_over(struct bl_fax *fax)
{
	if (!atomic_load_explicit(&fax->t38_wanted, memory_order_acquire) ||
	    atomic_load_explicit(&fax->switched, memory_order_relaxed))
		return;
	atomic_store_explicit(&fax->switched, true, memory_order_relaxed);
	bl_t30_switch(fax->t30, &fax->t38);
}

static void run(struct bl_fax *fax)
{
	struct datagram datagram;
	struct frame frame;

	switch_over(fax);
	while (bl_ring_get(&fax->in, &datagram))
		bl_t30_datagram(fax->t30, datagram.data, datagram.size);
	while (bl_ring_get(&fax->says, &frame)) {
		struct frame answer = {.came = true};

		bl_t30_audio(fax->t30, frame.came ? frame.pcm : NULL, answer.pcm);
		bl_ring_put(&fax->hears, &answer);
		if (fax->ending.waits && ++fax->ending.frames >= LINGER)
			finish(fax);
	}
}

/* True when the fax may go back to the caller's side. */
static bool service(struct bl_faxes *faxes, struct bl_fax *fax)
{
	/* asked first: what the tick put before it let go is still taken */
	bool detached = atomic_load_explicit(&fax->detached, memory_order_acquire);

	fax->told = false;
	run(fax);
	if (detached || atomic_load_explicit(&fax->stop, memory_order_relaxed)) {
		bl_t30_end(fax->t30, BL_FAX_CALL_DROPPED);
		finish(fax);
	}
	pthread_mutex_lock(&fax->stats_lock);
	bl_t30_stats(fax->t30, &fax->stats);
	pthread_mutex_unlock(&fax->stats_lock);
	if (fax->told && faxes->config.told)
		faxes->config.told(faxes->config.user, fax);
	return detached;
}

void bl_faxes_service(struct bl_faxes *faxes)
{
	struct bl_fax **link = &faxes->list;

	for (struct bl_node *node = bl_stack_take(&faxes->added); node;) {
		struct bl_fax *fax = (struct bl_fax *)node;

		node = node->next;
		fax->next = faxes->list;
		faxes->list = fax;
	}
	while (*link) {
		struct bl_fax *fax = *link;

		if (!service(faxes, fax)) {
			link = &fax->next;
			continue;
		}
		*link = fax->next;
		bl_stack_push(faxes->config.retired, &fax->head.node);
	}
}

static void *fax_thread(void *argument)
{
	struct bl_faxes *faxes = argument;
	struct pollfd wait = {.fd = faxes->wake, .events = POLLIN};
	uint64_t count;

	while (!atomic_load_explicit(&faxes->stopping, memory_order_acquire)) {
		bl_faxes_service(faxes);
		if (poll(&wait, 1, faxes->list ? WAKE_MS : -1) > 0 &&
		    read(faxes->wake, &count, sizeof(count)) < 0)
			continue;
	}
	return NULL;
}

static void wake(struct bl_faxes *faxes)
{
	uint64_t one = 1;

	while (write(faxes->wake, &one, sizeof(one)) < 0)
		;
}

/* libtiff prints its errors. libspandsp brings it along; nothing of ours links with it. */
static void hush_libtiff(void)
{
	void (*set[2])(void (*handler)(const char *, const char *, va_list));

	*(void **)&set[0] = dlsym(RTLD_DEFAULT, "TIFFSetErrorHandler");
	*(void **)&set[1] = dlsym(RTLD_DEFAULT, "TIFFSetWarningHandler");
	for (int i = 0; i < 2; i++) {
		if (set[i])
			set[i](NULL);
	}
}

int bl_faxes_new(const struct bl_faxes_config *config, struct bl_faxes **out)
{
	struct bl_faxes *faxes;

	if (!config || !config->retired || !out)
		return BL_EINVAL;
	faxes = calloc(1, sizeof(*faxes));
	if (!faxes)
		return BL_ENOMEM;
	faxes->config = *config;
	hush_libtiff();
	faxes->wake = eventfd(0, EFD_CLOEXEC);
	if (faxes->wake < 0) {
		free(faxes);
		return BL_EIO;
	}
	*out = faxes;
	return BL_OK;
}

int bl_faxes_start(struct bl_faxes *faxes)
{
	if (faxes->running)
		return BL_ESTATE;
	atomic_store(&faxes->stopping, false);
	if (pthread_create(&faxes->thread, NULL, fax_thread, faxes))
		return BL_EIO;
	faxes->running = true;
	return BL_OK;
}

void bl_faxes_stop(struct bl_faxes *faxes)
{
	if (!faxes->running)
		return;
	atomic_store_explicit(&faxes->stopping, true, memory_order_release);
	wake(faxes);
	pthread_join(faxes->thread, NULL);
	faxes->running = false;
}

void bl_faxes_add(struct bl_faxes *faxes, struct bl_fax *fax)
{
	bl_stack_push(&faxes->added, &fax->head.node);
	wake(faxes);
}

void bl_faxes_free(struct bl_faxes *faxes)
{
	if (!faxes)
		return;
	bl_faxes_stop(faxes);
	bl_faxes_service(faxes);
	while (faxes->list) {
		struct bl_fax *fax = faxes->list;

		faxes->list = fax->next;
		bl_fax_detach(fax);
		service(faxes, fax);
		bl_stack_push(faxes->config.retired, &fax->head.node);
	}
	close(faxes->wake);
	free(faxes);
}

/* -- the caller's side ---------------------------------------------------------------------- */

static bool fits(const char *text, size_t most)
{
	return text && strnlen(text, most + 1) <= most;
}

static bool good(const struct bl_fax_config *config)
{
	return fits(config->path, BL_FAX_PATH_MAX) && *config->path &&
	       fits(config->station, BL_FAX_STATION_MAX) &&
	       fits(config->header, BL_FAX_HEADER_MAX) && config->max_pages > 0 &&
	       config->max_pages <= BL_FAX_PAGES_MAX && config->max_seconds > 0 &&
	       config->max_bytes > 0;
}

static void release(struct bl_engine *engine, struct bl_node *node)
{
	(void)engine;
	bl_fax_free((struct bl_fax *)node);
}

static int make(struct bl_fax *fax, const struct bl_fax_config *config)
{
	const struct bl_t30_user user = {tell, send_datagram, fax};
	struct bl_fax_config own = *config;

	memcpy(fax->path, config->path, strlen(config->path));
	memcpy(fax->station, config->station, strlen(config->station));
	memcpy(fax->header, config->header, strlen(config->header));
	own.path = fax->path;
	own.station = fax->station;
	own.header = fax->header;
	if (bl_ring_init(&fax->says, sizeof(struct frame), FRAMES) ||
	    bl_ring_init(&fax->hears, sizeof(struct frame), FRAMES) ||
	    bl_ring_init(&fax->in, sizeof(struct datagram), DATAGRAMS) ||
	    bl_ring_init(&fax->out, sizeof(struct datagram), DATAGRAMS) ||
	    bl_ring_init(&fax->events, sizeof(struct bl_fax_event), EVENTS))
		return BL_ENOMEM;
	for (int i = 0; i < BL_FAX_CUSHION; i++)
		bl_ring_put(&fax->hears, &(struct frame){.came = true});
	return bl_t30_new(&own, &user, &fax->t30);
}

int bl_fax_new(int64_t id, int64_t leg, const struct bl_fax_config *config, struct bl_fax **out)
{
	struct bl_fax *fax;
	int err;

	if (!config || !out || !good(config))
		return BL_EINVAL;
	/* the rings' members are aligned to cache lines */
	fax = aligned_alloc(alignof(struct bl_fax), sizeof(*fax));
	if (!fax)
		return BL_ENOMEM;
	memset(fax, 0, sizeof(*fax));
	fax->head.node.release = release;
	fax->head.id = id;
	fax->head.leg = leg;
	pthread_mutex_init(&fax->stats_lock, NULL);
	err = make(fax, config);
	if (err) {
		bl_fax_free(fax);
		return err;
	}
	*out = fax;
	return BL_OK;
}

void bl_fax_free(struct bl_fax *fax)
{
	if (!fax)
		return;
	bl_t30_free(fax->t30);
	bl_ring_release(&fax->says);
	bl_ring_release(&fax->hears);
	bl_ring_release(&fax->in);
	bl_ring_release(&fax->out);
	bl_ring_release(&fax->events);
	pthread_mutex_destroy(&fax->stats_lock);
	free(fax);
}

int bl_fax_switch(struct bl_fax *fax, const struct bl_fax_t38 *t38)
{
	if (!fax || !t38 || t38->version < 0 || t38->version > 3 || t38->max_datagram < 0 ||
	    t38->repair < BL_UDPTL_NONE || t38->repair > BL_UDPTL_FEC)
		return BL_EINVAL;
	if (atomic_load_explicit(&fax->t38_wanted, memory_order_relaxed) ||
	    atomic_load_explicit(&fax->paged, memory_order_relaxed))
		return BL_ESTATE;
	fax->t38 = *t38;
	atomic_store_explicit(&fax->t38_wanted, true, memory_order_release);
	return BL_OK;
}

void bl_fax_cancel(struct bl_fax *fax)
{
	atomic_store_explicit(&fax->stop, true, memory_order_relaxed);
}

bool bl_fax_event(struct bl_fax *fax, struct bl_fax_event *out)
{
	return bl_ring_get(&fax->events, out);
}

void bl_fax_stats(struct bl_fax *fax, struct bl_fax_stats *out)
{
	pthread_mutex_lock(&fax->stats_lock);
	*out = fax->stats;
	pthread_mutex_unlock(&fax->stats_lock);
	out->frames_lost = atomic_load_explicit(&fax->frames_lost, memory_order_relaxed);
	out->frames_late = atomic_load_explicit(&fax->frames_late, memory_order_relaxed);
	out->datagrams_lost = atomic_load_explicit(&fax->datagrams_lost, memory_order_relaxed);
}

/* -- the tick's side ------------------------------------------------------------------------ */

void bl_fax_put(struct bl_fax *fax, const int16_t *frame)
{
	struct frame item;

	item.came = frame != NULL;
	if (frame)
		memcpy(item.pcm, frame, sizeof(item.pcm));
	else
		memset(item.pcm, 0, sizeof(item.pcm));
	if (!bl_ring_put(&fax->says, &item))
		atomic_fetch_add_explicit(&fax->frames_lost, 1, memory_order_relaxed);
}

void bl_fax_get(struct bl_fax *fax, int16_t *frame)
{
	struct frame item;

	if (bl_ring_get(&fax->hears, &item)) {
		memcpy(frame, item.pcm, sizeof(item.pcm));
		return;
	}
	memset(frame, 0, sizeof(item.pcm));
	atomic_fetch_add_explicit(&fax->frames_late, 1, memory_order_relaxed);
}

void bl_fax_datagram(struct bl_fax *fax, const uint8_t *data, size_t size)
{
	struct datagram datagram = {.size = (uint16_t)size};

	if (!size || size > BL_UDPTL_MAX)
		return;
	memcpy(datagram.data, data, size);
	if (!bl_ring_put(&fax->in, &datagram))
		atomic_fetch_add_explicit(&fax->datagrams_lost, 1, memory_order_relaxed);
}

size_t bl_fax_datagram_get(struct bl_fax *fax, uint8_t *data, size_t room)
{
	struct datagram datagram;

	if (!bl_ring_get(&fax->out, &datagram) || datagram.size > room)
		return 0;
	memcpy(data, datagram.data, datagram.size);
	return datagram.size;
}

void bl_fax_detach(struct bl_fax *fax)
{
	atomic_store_explicit(&fax->detached, true, memory_order_release);
}
