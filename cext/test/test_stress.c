/*
 * test_stress.c  All commands at random from two threads, against running ticks and hostile
 * packets
 *
 * A hundred legs send RTP to each other over loopback. Whatever happens, what was begun ends once.
 * BL_STRESS_SECONDS in the environment says for how long; made for the sanitizers.
 */
#include <arpa/inet.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "kit.h"

enum {
	LEGS = 100,
	PCM_LEGS = 10, /* the last of them */
	BRIDGES = 12,
	RECORDINGS = 16,
	TAPS = 8,
	PROMPTS = 4,
	CALLERS = 2,
	SECONDS = 10,
	END_MS = 20000, /* what was begun has ended by then */
};

/* A thread that gives commands. */
struct caller {
	pthread_t thread;
	uint64_t random;
	int64_t play;			    /* the newest; odd ones are the first thread's */
	struct bl_prompt *prompts[PROMPTS]; /* its own, made anew now and then */
};

static char directory[] = "stress-XXXXXX";

static struct {
	struct bl_engine *engine;
	struct bl_prompt *prompts[PROMPTS]; /* everybody's */
	struct caller callers[CALLERS];
	atomic_bool over;
	atomic_int ports[LEGS + 1]; /* of the RTP legs; 0: none */
	atomic_int files;
	atomic_long plays, recordings, taps, commands; /* begun */
	long plays_ended, recordings_ended, taps_ended;
	int far_fds[PCM_LEGS]; /* the other ends of the PCM legs */
	pthread_t foe;
} at;

static uint32_t dice(struct caller *caller, uint32_t sides)
{
	caller->random ^= caller->random << 13;
	caller->random ^= caller->random >> 7;
	caller->random ^= caller->random << 17;
	return (uint32_t)(caller->random >> 32) % sides;
}

static int64_t any_leg(struct caller *caller)
{
	return 1 + dice(caller, LEGS);
}

static bool is_pcm(int64_t leg)
{
	return leg > LEGS - PCM_LEGS;
}

/* -- commands ----------------------------------------------------------------------------------
 */

static void agree(struct caller *caller, int64_t leg)
{
	static const struct bl_remote kinds[] = {
		{.codec = BL_PCMU, .payload_type = 0},
		{.codec = BL_PCMA, .payload_type = 8},
		{.codec = BL_G722, .payload_type = 9},
		{.codec = BL_L16, .payload_type = 97, .rate = 16000},
		{.codec = BL_OPUS, .payload_type = 96, .rate = 8000},
		{.codec = BL_OPUS, .payload_type = 96, .rate = 16000, .fec = true},
		{.codec = BL_OPUS, .payload_type = 96, .rate = 48000, .dtx = true},
	};
	struct bl_remote remote = kinds[dice(caller, sizeof(kinds) / sizeof(*kinds))];
	int port = at.ports[any_leg(caller)];

	remote.address = "127.0.0.1";
	remote.port = port ? port : 9;
	remote.event_payload_type = dice(caller, 2) ? KIT_EVENT_PT : -1;
	remote.rtcp_port = dice(caller, 4) ? 0 : remote.port;
	bl_leg_remote(at.engine, leg, &remote);
}

static void add(struct caller *caller)
{
	int64_t leg = any_leg(caller);
	int port;

	if (is_pcm(leg)) {
		kit_device(at.engine, leg, at.far_fds[leg - LEGS + PCM_LEGS - 1]);
		return;
	}
	port = bl_leg_add_rtp(at.engine, leg, "127.0.0.1", 0, 0);
	if (port > 0) {
		at.ports[leg] = port;
		agree(caller, leg);
	}
}

static void remove_one(struct caller *caller)
{
	if (!dice(caller, 3))
		bl_leg_remove(at.engine, any_leg(caller));
}

static void change(struct caller *caller)
{
	agree(caller, any_leg(caller));
}

static void bridge(struct caller *caller)
{
	struct bl_member members[8] = {{0}};
	int32_t count = 2 + (int32_t)dice(caller, 6);

	for (int32_t i = 0; i < count; i++) {
		members[i].leg = any_leg(caller);
		members[i].role = (int32_t)dice(caller, 3);
		members[i].to = members[0].leg;
	}
	members[0].role = BL_ROLE_TALK;
	bl_bridge(at.engine, 1 + dice(caller, BRIDGES), members, count);
}

static void unbridge(struct caller *caller)
{
	bl_unbridge(at.engine, 1 + dice(caller, BRIDGES));
}

static void play(struct caller *caller)
{
	struct bl_play_item items[3] = {
		{.prompt = at.prompts[dice(caller, PROMPTS)]},
		{.prompt = caller->prompts[dice(caller, PROMPTS)]},
		{.tone = {.count = 1, .parts = {{.hz = {425}, .on_ms = 60}}}},
	};
	struct bl_play_spec spec = {
		.items = items + dice(caller, 3),
		.count = 1,
		.loop = (int32_t)dice(caller, 3),
		.barge = (int32_t)dice(caller, 4),
		.gain_db = -3.0,
		.append = dice(caller, 2),
		.over = dice(caller, 2),
	};

	caller->play += CALLERS;
	if (!bl_play(at.engine, any_leg(caller), caller->play, &spec))
		at.plays++;
}

static void steer(struct caller *caller)
{
	int64_t leg = any_leg(caller);

	bl_play_pause(at.engine, leg, dice(caller, 2));
	bl_play_seek(at.engine, leg, dice(caller, 500), dice(caller, 2));
	bl_play_gain(at.engine, leg, -6.0);
	if (!dice(caller, 3))
		bl_play_stop(at.engine, leg, dice(caller, 2) ? caller->play : 0);
}

static void renew_prompt(struct caller *caller)
{
	static const int32_t rates[] = {8000, 16000, 48000};
	struct bl_prompt **prompt = &caller->prompts[dice(caller, PROMPTS)];
	int16_t pcm[4000];

	kit_tone(300.0 + dice(caller, 1000), -12.0, 0, pcm, 4000);
	bl_prompt_free(*prompt);
	CHECK_EQUAL(BL_OK, bl_prompt_new(pcm, 4000, rates[dice(caller, 3)], prompt));
	if (dice(caller, 2))
		bl_prompt_prepare(*prompt, rates[dice(caller, 3)]);
}

static void say_digits(struct caller *caller)
{
	bl_digits_send(at.engine, any_leg(caller), "19*#A");
}

static void record(struct caller *caller)
{
	char path[64];
	struct bl_record_spec spec = {
		.path = path,
		.format = dice(caller, 2) ? BL_RECORD_WAV : BL_RECORD_OPUS,
		.longest_ms = dice(caller, 4) ? 0 : 300,
		.mono = dice(caller, 2),
		.mask_digits = dice(caller, 2),
	};
	int file = at.files++;

	snprintf(path, sizeof(path), "%s/%d", directory, file);
	if (!bl_record(at.engine, 1 + dice(caller, RECORDINGS), any_leg(caller), &spec))
		at.recordings++;
}

static void steer_record(struct caller *caller)
{
	int64_t recording = 1 + dice(caller, RECORDINGS);

	bl_record_pause(at.engine, recording, dice(caller, 2));
	bl_record_mute(at.engine, recording, (int32_t)dice(caller, 4));
	if (!dice(caller, 3))
		bl_record_stop(at.engine, recording);
}

/* The reader goes at once, or never reads. */
static void tap(struct caller *caller)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return;
	if (!bl_tap(at.engine, 1 + dice(caller, TAPS), any_leg(caller), fds[0],
		    1 + (int32_t)dice(caller, 3), dice(caller, 2)))
		at.taps++;
	close(fds[0]);
	if (dice(caller, 2))
		bl_tap_stop(at.engine, 1 + dice(caller, TAPS));
	close(fds[1]);
}

static void set(struct caller *caller)
{
	int64_t leg = any_leg(caller);
	struct bl_find_tone tone = {.id = 1, .tone = {.count = 1, .parts = {{.hz = {425}}}}};

	tone.tone.parts[0].on_ms = 200;
	bl_leg_gain(at.engine, leg, dice(caller, 2) ? -INFINITY : 3.0, -3.0);
	bl_leg_detect(at.engine, leg, dice(caller, 2));
	bl_leg_voice(at.engine, leg, dice(caller, 2));
	bl_leg_silence(at.engine, leg, 100 * (int32_t)dice(caller, 3));
	bl_leg_flow(at.engine, leg, dice(caller, 4), dice(caller, 4));
	bl_leg_tones(at.engine, leg, &tone, (int32_t)dice(caller, 2));
	bl_leg_answer_tones(at.engine, leg, dice(caller, 2));
	bl_leg_greeting(at.engine, leg, dice(caller, 2), NULL);
}

/* Ours is theirs: any two legs with the same line understand each other. */
static void secure(struct caller *caller)
{
	static const char line[] = "1 AES_CM_128_HMAC_SHA1_80 "
				   "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

	if (!dice(caller, 4))
		bl_leg_secure(at.engine, any_leg(caller), line, line);
}

static void look(struct caller *caller)
{
	struct bl_leg_stats leg;
	struct bl_engine_stats all;

	bl_leg_stats(at.engine, any_leg(caller), &leg);
	bl_engine_stats(at.engine, &all);
}

static void (*const commands[])(struct caller *) = {
	add,	add,	  add,	add,	    remove_one, change,	      bridge,
	bridge, unbridge, play, play,	    steer,	steer,	      renew_prompt,
	record, look,	  tap,	say_digits, set,	steer_record, secure,
};

static void *give_commands(void *arg)
{
	struct caller *caller = arg;

	while (!at.over) {
		commands[dice(caller, sizeof(commands) / sizeof(*commands))](caller);
		if (++at.commands % 50 == 0) /* ticks in between make the race */
			nanosleep(&(struct timespec){.tv_nsec = 4000000}, NULL);
	}
	return NULL;
}

/* -- from outside ------------------------------------------------------------------------------
 */

/* Anything that begins like RTP, RTCP, STUN or DTLS, to any leg; and sound into the PCM legs. */
static void *throw_packets(void *arg)
{
	struct caller self = {.random = 99};
	static const uint8_t heads[] = {0x80, 0x81, 0x90, 0x00, 0x16, 0xFF};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)arg;
	while (!at.over) {
		struct sockaddr_in to = {.sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		uint8_t packet[400];
		size_t size = dice(&self, sizeof(packet)) + 1;

		for (size_t i = 0; i < size; i++)
			packet[i] = (uint8_t)dice(&self, 256);
		packet[0] = heads[dice(&self, sizeof(heads))];
		if (size > 1 && dice(&self, 2))
			packet[1] = (uint8_t)(dice(&self, 2) ? 96 : 200 + dice(&self, 8));
		to.sin_port = htons((uint16_t)(at.ports[any_leg(&self)] + (int)dice(&self, 2)));
		sendto(fd, packet, size, 0, (struct sockaddr *)&to, sizeof(to));
		if (!dice(&self, 16))
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	close(fd);
	return NULL;
}

static void count_events(void)
{
	struct bl_event events[64];
	int count;

	do {
		count = bl_engine_poll(at.engine, events, 64);
		for (int i = 0; i < count; i++) {
			at.plays_ended += events[i].kind == BL_EVENT_PLAY_ENDED;
			at.recordings_ended += events[i].kind == BL_EVENT_RECORD_CLOSED;
			at.taps_ended += events[i].kind == BL_EVENT_TAP_ENDED;
		}
	} while (count > 0);
}

/* -- the test ----------------------------------------------------------------------------------
 */

static void begin(void)
{
	struct bl_engine_config config = {
		.max_legs = LEGS, .cpu = -1, .unbatched = kit_unbatched(), .workers = 4};
	int16_t pcm[8000];

	CHECK_EQUAL(BL_OK, bl_engine_new(&config, &at.engine));
	CHECK_EQUAL(BL_OK, bl_engine_start(at.engine));
	kit_tone(440, -12.0, 0, pcm, 8000);
	for (int i = 0; i < PROMPTS; i++) {
		CHECK_EQUAL(BL_OK, bl_prompt_new(pcm, 8000, 8000, &at.prompts[i]));
		for (int c = 0; c < CALLERS; c++)
			CHECK_EQUAL(BL_OK,
				    bl_prompt_new(pcm, 800, 16000, &at.callers[c].prompts[i]));
	}
	for (int i = 0; i < PCM_LEGS; i++) {
		int fds[2];

		CHECK_EQUAL(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
		at.far_fds[i] = fds[0]; /* nobody reads or writes the other */
	}
	for (int i = 0; i < CALLERS; i++) {
		at.callers[i].random = (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
		at.callers[i].play = i + 1;
		pthread_create(&at.callers[i].thread, NULL, give_commands, &at.callers[i]);
	}
	pthread_create(&at.foe, NULL, throw_packets, NULL);
}

static bool all_ended(void)
{
	return at.plays_ended >= at.plays && at.recordings_ended >= at.recordings &&
	       at.taps_ended >= at.taps;
}

/* Removing its leg ends all there is. */
static void end(void)
{
	struct pollfd fd = {.fd = bl_engine_fd(at.engine), .events = POLLIN};

	at.over = true;
	pthread_join(at.foe, NULL);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(at.callers[i].thread, NULL);
	for (int64_t leg = 1; leg <= LEGS; leg++)
		bl_leg_remove(at.engine, leg);
	for (int ms = 0; ms < END_MS && !all_ended(); ms += 20) {
		poll(&fd, 1, 20);
		count_events();
	}
}

static void discard(void)
{
	char path[80];

	bl_engine_free(at.engine);
	for (int i = 0; i < PROMPTS; i++) {
		bl_prompt_free(at.prompts[i]);
		for (int c = 0; c < CALLERS; c++)
			bl_prompt_free(at.callers[c].prompts[i]);
	}
	for (int i = 0; i < at.files; i++) {
		snprintf(path, sizeof(path), "%s/%d", directory, i);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%d.marks", directory, i);
		unlink(path);
	}
	CHECK_EQUAL(0, rmdir(directory));
}

static void watch(void)
{
	const char *text = getenv("BL_STRESS_SECONDS");
	long seconds = text ? strtol(text, NULL, 10) : SECONDS;
	struct pollfd fd = {.fd = bl_engine_fd(at.engine), .events = POLLIN};
	struct timespec now, stop;

	clock_gettime(CLOCK_MONOTONIC, &stop);
	stop.tv_sec += seconds;
	do {
		poll(&fd, 1, 100);
		count_events();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < stop.tv_sec);
}

static void test_all_at_once(void)
{
	struct bl_engine_stats stats;

	begin();
	watch();
	end();
	CHECK_EQUAL(BL_OK, bl_engine_stats(at.engine, &stats));
	CHECK_EQUAL(0, stats.events_dropped);
	CHECK_EQUAL(0, stats.legs);
	CHECK_EQUAL(at.plays, at.plays_ended);
	CHECK_EQUAL(at.recordings, at.recordings_ended);
	CHECK_EQUAL(at.taps, at.taps_ended);
	CHECK(stats.ticks > 0 && at.plays && at.recordings && at.taps);
	printf("%ld commands, %ld plays, %ld recordings, %ld taps in %llu ticks\n", at.commands,
	       at.plays, at.recordings, at.taps, (unsigned long long)stats.ticks);
	discard();
}

static const struct check_test tests[] = {
	CHECK_TEST(test_all_at_once),
};

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(directory))
		return 2;
	return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
