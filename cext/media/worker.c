/* worker.c  What one thread of a tick has to itself */
#include "crew.h"
#include "worker.h"

void bl_worker_init(struct bl_worker *worker, struct bl_crew *crew)
{
	struct bl_receive *room = &worker->receive;

	worker->crew = crew;
	for (int i = 0; i < BL_RECEIVE_BATCH; i++) {
		struct msghdr *header = &room->messages[i].msg_hdr;

		room->vectors[i].iov_base = room->data[i];
		room->vectors[i].iov_len = sizeof(room->data[i]);
		header->msg_iov = &room->vectors[i];
		header->msg_iovlen = 1;
		header->msg_name = &room->from[i];
		header->msg_namelen = sizeof(room->from[i]);
		header->msg_control = room->control[i];
		header->msg_controllen = sizeof(room->control[i]);
	}
}

void bl_tell(struct bl_worker *worker, const struct bl_event *event)
{
	if (worker->event_count == BL_EVENTS_OF_WORKER)
		worker->events_dropped++;
	else
		worker->events[worker->event_count++] = *event;
}
