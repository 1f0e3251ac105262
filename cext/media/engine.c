/* engine.c  An engine's life, its command and event rings, its events as the caller reads them */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "engine.h"

enum {
	MAX_LEGS = 65536,
	MAX_CPUS = 1024,
	MAX_WORKERS = 64,
	MANY_WORKERS = 8,   /* unless asked for more */
	MAX_STEP = 1 << 24, /* [ticks], 93 hours */
	COMMAND_RING = 8192,
	EVENT_RING = 16384,
	WRITER_EVENT_RING = 4096,
	PUSH_TRIES = 200, /* [ms] to wait for the tick to make room */
};

static bool batch(const struct bl_engine *engine, struct bl_post *post)
{
	if (!bl_post_batch(post))
		return false;
	bl_post_places(post, (uint32_t)(engine->config.max_legs + BL_CELL));
	return true;
}

static int allocate(struct bl_engine *engine)
{
	size_t legs = (size_t)engine->config.max_legs;
	struct bl_guard_config guard = {
		.workers = engine->config.workers,
		.max_legs = engine->config.max_legs,
		.stepped = engine->config.stepped,
	};
	struct bl_faxes_config faxes = {bl_faxes_told, engine, &engine->retired};
	int err;

	engine->cells = calloc((legs + BL_CELL - 1) / BL_CELL, sizeof(struct bl_cell));
	engine->bridge_table = calloc(legs, sizeof(struct bl_bridge *));
	engine->dtmf = bl_dtmf_blocks_new((legs + BL_CELL - 1) / BL_CELL);
	if (!engine->cells || !engine->dtmf || !engine->bridge_table ||
	    bl_crew_init(&engine->crew, engine->config.workers, engine->config.cpu) ||
	    bl_map_init(&engine->legs) || bl_map_init(&engine->bridges) ||
	    bl_map_init(&engine->recordings) || bl_map_init(&engine->taps) ||
	    bl_map_init(&engine->faxes) ||
	    bl_ring_init(&engine->commands, sizeof(struct bl_command), COMMAND_RING) ||
	    bl_ring_init(&engine->events, sizeof(struct bl_event), EVENT_RING) ||
	    bl_ring_init(&engine->writer_events, sizeof(struct bl_event), WRITER_EVENT_RING) ||
	    bl_ring_init(&engine->tapper_events, sizeof(struct bl_event), WRITER_EVENT_RING) ||
	    bl_ring_init(&engine->fax_events, sizeof(struct bl_event), WRITER_EVENT_RING))
		return BL_ENOMEM;
	for (int32_t i = 0; i < engine->crew.count; i++) {
		engine->crew.workers[i].engine = engine;
		if (!engine->config.unbatched)
			engine->batched += batch(engine, &engine->crew.workers[i].post);
	}
	engine->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err = bl_guard_new(&guard, &engine->guard);
	if (!err)
		err = bl_faxes_new(&faxes, &engine->fax_service);
	if (err)
		return err;
	engine->tapper_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return engine->event_fd < 0 || engine->tapper_fd < 0 ? BL_EIO : BL_OK;
}

static void release(struct bl_engine *engine)
{
	for (int i = 0; i < atomic_load(&engine->port_count); i++)
		bl_port_close(engine->ports[i]);
	bl_guard_free(engine->guard);
	bl_faxes_free(engine->fax_service);
	bl_faxes_left_free(engine);
	if (engine->tapper_fd >= 0)
		close(engine->tapper_fd);
	if (engine->event_fd >= 0)
		close(engine->event_fd);
	bl_ring_release(&engine->fax_events);
	bl_ring_release(&engine->tapper_events);
	bl_ring_release(&engine->writer_events);
	bl_ring_release(&engine->events);
	bl_ring_release(&engine->commands);
	bl_map_release(&engine->faxes);
	bl_map_release(&engine->taps);
	bl_map_release(&engine->recordings);
	bl_map_release(&engine->bridges);
	bl_map_release(&engine->legs);
	free(engine->bridge_table);
	bl_dtmf_blocks_free(engine->dtmf);
	free(engine->cells);
	bl_crew_release(&engine->crew);
	pthread_mutex_destroy(&engine->lock);
	free(engine);
}

static int32_t workers_of_machine(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 1 ? 1 : cpus > MANY_WORKERS ? MANY_WORKERS : (int32_t)cpus;
}

int bl_engine_new(const struct bl_engine_config *config, struct bl_engine **out)
{
	struct bl_resampler first;
	struct bl_engine *engine;
	int err;

	if (!config || !out || config->max_legs < 1 || config->max_legs > MAX_LEGS ||
	    config->cpu < -1 || config->cpu >= MAX_CPUS || config->workers < 0 ||
	    config->workers > MAX_WORKERS)
		return BL_EINVAL;
	/* the rings' members are aligned to cache lines */
	engine = aligned_alloc(64, (sizeof(*engine) + 63) / 64 * 64);
	if (!engine)
		return BL_ENOMEM;
	memset(engine, 0, sizeof(*engine));
	engine->config = *config;
	if (!config->workers)
		engine->config.workers = config->stepped ? 1 : workers_of_machine();
	engine->event_fd = engine->tapper_fd = -1;
	engine->resting_end = &engine->resting;
	engine->recorder.retired = &engine->retired;
	engine->recorder.closed = bl_recording_closed;
	engine->recorder.gap = bl_recording_gap;
	engine->recorder.engine = engine;
	engine->tapper.retired = &engine->retired;
	engine->tapper.ended = bl_tap_ended;
	engine->tapper.engine = engine;
	pthread_mutex_init(&engine->lock, NULL);
	bl_resample_init(&first, BL_RATE, BL_RATE_WIDE); /* computes the filters */
	err = allocate(engine);
	if (err)
		release(engine);
	else
		*out = engine;
	return err;
}

void bl_wake_tapper(struct bl_engine *engine)
{
	uint64_t one = 1;
	ssize_t size = write(engine->tapper_fd, &one, sizeof(one));

	(void)size; /* it fails only when 2^64 - 2 wake-ups wait already */
}

int bl_engine_start(struct bl_engine *engine)
{
	int err = BL_ESTATE;
	sigset_t all, before;

	if (!engine)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	if (engine->running || engine->config.stepped)
		goto out;
	err = BL_EIO;
	atomic_store(&engine->stopping, false);
	/* signals are the caller's: our threads inherit that all are blocked */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (bl_crew_start(&engine->crew))
		goto unblock;
	if (bl_guard_start(engine->guard))
		goto stop_crew;
	if (pthread_create(&engine->tick_thread, NULL, bl_tick_thread, engine))
		goto stop_guard;
	if (pthread_create(&engine->writer_thread, NULL, bl_writer_thread, engine))
		goto stop_tick;
	if (pthread_create(&engine->tapper_thread, NULL, bl_tapper_thread, engine))
		goto stop_writer;
	if (bl_faxes_start(engine->fax_service))
		goto stop_tapper;
	engine->running = true;
	err = BL_OK;
	goto unblock;
stop_tapper:
	atomic_store(&engine->stopping, true);
	bl_wake_tapper(engine);
	pthread_join(engine->tapper_thread, NULL);
stop_writer:
	atomic_store(&engine->stopping, true);
	pthread_join(engine->writer_thread, NULL);
stop_tick:
	atomic_store(&engine->stopping, true);
	pthread_join(engine->tick_thread, NULL);
stop_guard:
	bl_guard_stop(engine->guard);
stop_crew:
	bl_crew_stop(&engine->crew);
unblock:
	pthread_sigmask(SIG_SETMASK, &before, NULL);
out:
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_engine_stop(struct bl_engine *engine)
{
	if (!engine)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	if (engine->running) {
		atomic_store(&engine->stopping, true);
		pthread_join(engine->tick_thread, NULL);
		bl_crew_stop(&engine->crew);
		bl_guard_stop(engine->guard);
		pthread_join(engine->writer_thread, NULL);
		bl_wake_tapper(engine);
		pthread_join(engine->tapper_thread, NULL);
		bl_faxes_stop(engine->fax_service);
		engine->running = false;
	}
	pthread_mutex_unlock(&engine->lock);
	return BL_OK;
}

/* With the threads gone the caller carries out what they would have: no path is special. */
void bl_engine_free(struct bl_engine *engine)
{
	if (!engine)
		return;
	bl_engine_stop(engine);
	bl_obey_end(engine);
	bl_recorder_service(&engine->recorder);
	bl_tapper_service(&engine->tapper);
	bl_faxes_service(engine->fax_service);
	bl_reap(engine);
	bl_rested_legs_free(engine, true);
	release(engine);
}

int bl_engine_step(struct bl_engine *engine, int32_t ticks)
{
	if (!engine || ticks < 0 || ticks > MAX_STEP)
		return BL_EINVAL;
	if (!engine->config.stepped)
		return BL_ESTATE;
	pthread_mutex_lock(&engine->lock);
	for (int32_t i = 0; i < ticks; i++) {
		bl_tick(engine);
		bl_recorder_service(&engine->recorder);
		bl_tapper_service(&engine->tapper);
		bl_faxes_service(engine->fax_service);
		bl_guard_service(engine->guard, bl_now_ms(engine));
	}
	pthread_mutex_unlock(&engine->lock);
	return BL_OK;
}

int bl_engine_fd(const struct bl_engine *engine)
{
	return engine ? engine->event_fd : BL_EINVAL;
}

int bl_engine_poll(struct bl_engine *engine, struct bl_event *events, int32_t max)
{
	uint64_t wakes;
	ssize_t size;
	int32_t count = 0;

	if (!engine || !events || max < 1)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	/* first the eventfd, then the rings: what comes between wakes the caller again */
	size = read(engine->event_fd, &wakes, sizeof(wakes));
	(void)size;
	while (count < max && (bl_ring_get(&engine->events, &events[count]) ||
			       bl_ring_get(&engine->writer_events, &events[count]) ||
			       bl_ring_get(&engine->tapper_events, &events[count]) ||
			       bl_ring_get(&engine->fax_events, &events[count])))
		count++;
	if (count == max)
		bl_wake_caller(engine);
	bl_reap(engine);
	pthread_mutex_unlock(&engine->lock);
	return count;
}

int bl_engine_stats(struct bl_engine *engine, struct bl_engine_stats *out)
{
	uint64_t helped_ns = 0, encodes = 0;

	if (!engine || !out)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	for (int32_t i = 0; i < engine->crew.count; i++) {
		helped_ns += atomic_load(&engine->crew.workers[i].busy_ns);
		encodes += atomic_load(&engine->crew.workers[i].encodes);
	}
	*out = (struct bl_engine_stats){
		.ticks = bl_now(engine),
		.late_ticks = atomic_load(&engine->late),
		.skipped_ticks = atomic_load(&engine->skipped),
		.busy_ns = atomic_load(&engine->busy_ns) + helped_ns,
		.longest_tick_ns = atomic_load(&engine->longest_ns),
		.events_dropped = atomic_load(&engine->dropped),
		.legs = engine->legs.used,
		.encodes = encodes,
		.batched = engine->batched,
	};
	pthread_mutex_unlock(&engine->lock);
	return BL_OK;
}

/* Frees what tick and writer have handed back. */
void bl_reap(struct bl_engine *engine)
{
	struct bl_node *node = bl_stack_take(&engine->retired);

	while (node) {
		struct bl_node *next = node->next;

		node->release(engine, node);
		node = next;
	}
	bl_rested_legs_free(engine, false);
}

int bl_push(struct bl_engine *engine, const struct bl_command *command)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int i = 0; i < PUSH_TRIES; i++) {
		if (bl_ring_put(&engine->commands, command))
			return BL_OK;
		if (!engine->running)
			break;
		nanosleep(&pause, NULL);
	}
	return BL_EBUSY;
}
