/* worker.c  What one thread of a tick has to itself */
#include "crew.h"
#include "worker.h"

void bl_worker_init(struct bl_worker *worker, struct bl_crew *crew)
{
	worker->crew = crew;
	bl_receive_init(&worker->receive);
	bl_post_init(&worker->post);
}

void bl_tell(struct bl_worker *worker, const struct bl_event *event)
{
	if (worker->event_count == BL_EVENTS_OF_WORKER)
		worker->events_dropped++;
	else
		worker->events[worker->event_count++] = *event;
}
