/**
 * @file events.c  Events: put together on the stack's thread, read on another
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct event_node {
	struct event_node *next;
	bl_sip_event_t event;
};

double monotonic_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void draft_init(struct draft *draft, enum bl_sip_kind kind, uint32_t call)
{
	memset(draft, 0, sizeof(*draft));
	draft->event.kind = (int32_t)kind;
	draft->event.call = call;
	draft->event.seconds = -1;
	draft->event.t = monotonic_s();
}

static bool draft_reserve(struct draft *draft, size_t size)
{
	size_t room = draft->room ? draft->room : 1024;
	char *block;

	while (room < draft->used + size)
		room *= 2;
	if (room == draft->room)
		return true;
	block = realloc(draft->block, room);
	if (!block) {
		draft->failed = true;
		return false;
	}
	draft->block = block;
	draft->room = room;
	return true;
}

void draft_bytes(struct draft *draft, enum bl_sip_text which, const char *bytes, size_t size)
{
	if (!bytes)
		return;
	if (size > TEXT_LIMIT)
		size = TEXT_LIMIT;
	if (!draft_reserve(draft, size + 1))
		return;
	draft->offset[which] = draft->used;
	draft->event.size[which] = (uint32_t)size;
	memcpy(draft->block + draft->used, bytes, size);
	draft->block[draft->used + size] = '\0';
	draft->used += size + 1;
}

void draft_text(struct draft *draft, enum bl_sip_text which, const char *text)
{
	if (text)
		draft_bytes(draft, which, text, strlen(text));
}

/** Add a line to a list; its lines must be added one after another. */
void draft_line(struct draft *draft, enum bl_sip_text which, const char *line)
{
	uint32_t before = draft->event.size[which];
	size_t size;

	if (!line)
		return;
	if (before == 0) {
		draft_text(draft, which, line);
		return;
	}
	size = strlen(line);
	if (before + size + 1 > TEXT_LIMIT || !draft_reserve(draft, size + 1))
		return;
	draft->block[draft->used - 1] = '\n';
	memcpy(draft->block + draft->used, line, size + 1);
	draft->used += size + 1;
	draft->event.size[which] = before + 1 + (uint32_t)size;
}

int queue_init(struct queue *queue)
{
	queue->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (queue->fd < 0)
		return BL_SIP_ENOMEM;
	pthread_mutex_init(&queue->lock, NULL);
	return BL_SIP_OK;
}

void queue_close(struct queue *queue)
{
	bl_sip_event_t event;

	while (queue_take(queue, &event, 1) > 0)
		bl_sip_release(&event, 1);
	close(queue->fd);
	pthread_mutex_destroy(&queue->lock);
}

uint32_t queue_count(struct queue *queue)
{
	uint32_t count;

	pthread_mutex_lock(&queue->lock);
	count = queue->count;
	pthread_mutex_unlock(&queue->lock);
	return count;
}

static void queue_raise(struct queue *queue)
{
	const uint64_t one = 1;

	while (write(queue->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void queue_lower(struct queue *queue)
{
	uint64_t value;

	while (read(queue->fd, &value, sizeof(value)) < 0 && errno == EINTR)
		;
	queue->signalled = false;
}

/** Hand a draft over. Without memory its texts are lost, but never the news that a call is over.
 */
void queue_push(struct queue *queue, struct draft *draft)
{
	struct event_node *node = NULL;

	while (!node) {
		node = malloc(sizeof(*node));
		if (!node)
			usleep(10000);
	}
	for (int i = 0; i < BL_SIP_TEXTS; i++)
		draft->event.text[i] = draft->event.size[i] ? draft->block + draft->offset[i] : "";
	draft->event.memory = draft->block;
	node->next = NULL;
	node->event = draft->event;

	pthread_mutex_lock(&queue->lock);
	if (queue->last)
		queue->last->next = node;
	else
		queue->first = node;
	queue->last = node;
	queue->count++;
	if (!queue->signalled) {
		queue->signalled = true;
		queue_raise(queue);
	}
	pthread_mutex_unlock(&queue->lock);
}

int32_t queue_take(struct queue *queue, bl_sip_event_t *events, int32_t max)
{
	int32_t count = 0;

	pthread_mutex_lock(&queue->lock);
	while (queue->first && count < max) {
		struct event_node *node = queue->first;

		queue->first = node->next;
		queue->count--;
		events[count++] = node->event;
		free(node);
	}
	if (!queue->first) {
		queue->last = NULL;
		queue_lower(queue);
	}
	pthread_mutex_unlock(&queue->lock);
	return count;
}

int32_t bl_sip_poll(bl_sip_t *sip, bl_sip_event_t *events, int32_t max)
{
	if (!sip || !events || max < 0)
		return BL_SIP_EARG;
	return queue_take(&sip->queue, events, max);
}

void bl_sip_release(bl_sip_event_t *events, int32_t count)
{
	for (int32_t i = 0; events && i < count; i++) {
		free(events[i].memory);
		memset(&events[i], 0, sizeof(events[i]));
	}
}
