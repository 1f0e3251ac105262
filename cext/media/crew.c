/* crew.c  The threads that share a tick's legs among them */
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "crew.h"
#include "worker.h"

enum {
	NUMBER_BITS = 20,
	FEW = 4,		/* [numbers] that one thread does alone, 64 legs */
	SPINS = 2000,		/* some 10 µs, before waiting for the last one gives way */
	REALTIME_PRIORITY = 10, /* above ordinary threads, below the kernel's own at 50 */
};

/* A ticket holds all that tells whether it is good: its round cannot be mixed up with the next. */
static uint64_t make_ticket(uint64_t before, uint64_t numbers)
{
	uint64_t round = (before >> (2 * NUMBER_BITS)) + 1;

	return round << (2 * NUMBER_BITS) | numbers << NUMBER_BITS;
}

/* Draws the next number, or -1. */
static int32_t draw(struct bl_crew *crew)
{
	uint64_t mask = (1u << NUMBER_BITS) - 1, ticket;

	ticket = atomic_load_explicit(&crew->ticket, memory_order_acquire);
	do {
		if ((ticket & mask) >= (ticket >> NUMBER_BITS & mask))
			return -1;
	} while (!atomic_compare_exchange_weak_explicit(
		&crew->ticket, &ticket, ticket + 1, memory_order_acq_rel, memory_order_acquire));
	return (int32_t)(ticket & mask);
}

static void work(struct bl_crew *crew, struct bl_worker *worker)
{
	int32_t done = 0;

	for (int32_t number = draw(crew); number >= 0; number = draw(crew)) {
		crew->job(worker, number);
		done++;
	}
	if (!done)
		return;
	bl_post_go(&worker->post); /* before others go on with these legs */
	atomic_fetch_add_explicit(&crew->done, done, memory_order_release);
}

static void wait_for_bell(struct bl_crew *crew, uint32_t heard)
{
	syscall(SYS_futex, &crew->bell, FUTEX_WAIT_PRIVATE, heard, NULL, NULL, 0);
}

static void ring_bell(struct bl_crew *crew)
{
	atomic_fetch_add_explicit(&crew->bell, 1, memory_order_release);
	syscall(SYS_futex, &crew->bell, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void *worker_thread(void *argument)
{
	struct bl_worker *worker = argument;
	struct bl_crew *crew = worker->crew;
	uint32_t heard = worker->heard;

	prctl(PR_SET_NAME, "bl-worker");
	bl_crew_settle(crew, worker);
	while (!atomic_load_explicit(&crew->ending, memory_order_acquire)) {
		struct timespec from, to;

		wait_for_bell(crew, heard);
		heard = atomic_load_explicit(&crew->bell, memory_order_acquire);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		work(crew, worker);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		atomic_fetch_add_explicit(&worker->busy_ns,
					  (uint64_t)((to.tv_sec - from.tv_sec) * 1000000000LL +
						     to.tv_nsec - from.tv_nsec),
					  memory_order_relaxed);
	}
	return NULL;
}

void bl_crew_settle(const struct bl_crew *crew, const struct bl_worker *worker)
{
	/* sound goes before all else, where we may say so (RLIMIT_RTPRIO or CAP_SYS_NICE) */
	struct sched_param priority = {.sched_priority = REALTIME_PRIORITY};
	cpu_set_t set;

	if (crew->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)(crew->cpu + (worker - crew->workers)), &set);
		pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	}
	pthread_setschedparam(pthread_self(), SCHED_RR, &priority);
}

int bl_crew_init(struct bl_crew *crew, int32_t count, int32_t cpu)
{
	size_t size = (size_t)count * sizeof(struct bl_worker);

	memset(crew, 0, sizeof(*crew));
	crew->workers = aligned_alloc(alignof(struct bl_worker), size);
	if (!crew->workers)
		return BL_ENOMEM;
	memset(crew->workers, 0, size);
	crew->count = count;
	crew->cpu = cpu;
	for (int32_t i = 0; i < count; i++)
		bl_worker_init(&crew->workers[i], crew);
	return BL_OK;
}

void bl_crew_release(struct bl_crew *crew)
{
	for (int32_t i = 0; crew->workers && i < crew->count; i++)
		bl_post_release(&crew->workers[i].post);
	free(crew->workers);
	crew->workers = NULL;
}

int bl_crew_start(struct bl_crew *crew)
{
	atomic_store(&crew->ending, false);
	for (crew->started = 1; crew->started < crew->count; crew->started++) {
		struct bl_worker *worker = &crew->workers[crew->started];

		worker->heard = atomic_load(&crew->bell);
		if (pthread_create(&worker->thread, NULL, worker_thread, worker)) {
			bl_crew_stop(crew);
			return BL_EIO;
		}
	}
	return BL_OK;
}

void bl_crew_stop(struct bl_crew *crew)
{
	atomic_store(&crew->ending, true);
	ring_bell(crew);
	for (int32_t i = 1; i < crew->started; i++)
		pthread_join(crew->workers[i].thread, NULL);
	crew->started = 0;
}

void bl_crew_run(struct bl_crew *crew, bl_job *job, int32_t numbers)
{
	if (crew->started < 2 || numbers <= FEW) {
		for (int32_t number = 0; number < numbers; number++)
			job(&crew->workers[0], number);
		bl_post_go(&crew->workers[0].post);
		return;
	}
	crew->job = job;
	atomic_store_explicit(&crew->done, 0, memory_order_relaxed);
	atomic_store_explicit(
		&crew->ticket,
		make_ticket(atomic_load_explicit(&crew->ticket, memory_order_relaxed),
			    (uint64_t)numbers),
		memory_order_release);
	ring_bell(crew);
	work(crew, &crew->workers[0]);
	for (int spin = 0; atomic_load_explicit(&crew->done, memory_order_acquire) < numbers;
	     spin++) {
		if (spin > SPINS)
			sched_yield();
	}
}
