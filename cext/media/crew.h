/*
 * crew.h  The threads that share a tick's legs among them
 *
 * What does it do?  It runs a job for each of n numbers, on as many threads as the crew has, and
 *   returns when all are done.
 * How does it work?  The numbers are drawn from one atomic ticket, so that a thread that is held
 * up takes fewer of them; nobody waits for a thread that has drawn none. Between jobs the threads
 *   sleep on a futex. Few numbers are done by the calling thread alone: waking others costs more.
 * How do I use it?  bl_crew_init(), bl_crew_start() if there is more than one worker, then
 *   bl_crew_run() from one thread.
 */
#ifndef BL_CREW_H
#define BL_CREW_H
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "branchline_media.h"

struct bl_crew;
struct bl_worker;

typedef void bl_job(struct bl_worker *worker, int32_t number);

struct bl_crew {
	struct bl_worker *workers; /* the first is the calling thread's */
	int32_t count;
	int32_t cpu; /* pin the first worker to it and the others to those after it; -1: do not */
	int32_t started;
	bl_job *job;
	alignas(64) _Atomic uint64_t ticket; /* round, how many numbers, the next of them */
	alignas(64) _Atomic int32_t done;
	alignas(64) _Atomic uint32_t bell; /* futex: rung when there is work */
	atomic_bool ending;
};

int bl_crew_init(struct bl_crew *crew, int32_t count, int32_t cpu);
void bl_crew_release(struct bl_crew *crew);
int bl_crew_start(struct bl_crew *crew);
void bl_crew_stop(struct bl_crew *crew);
/* numbers: 0 to a million */
void bl_crew_run(struct bl_crew *crew, bl_job *job, int32_t numbers);
/* Pins the calling thread to that worker's CPU and asks for real-time priority. */
void bl_crew_settle(const struct bl_crew *crew, const struct bl_worker *worker);

#endif
