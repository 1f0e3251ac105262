/**
 * @file stack.c  A stack's thread: start, run, stop
 */
#include "internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sofia-sip/nta_tag.h>
#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/tport_tag.h>

extern su_log_t nua_log[], nta_log[], tport_log[], su_log_default[];

enum {
	RETRY_LIMIT = 2,       /**< challenge, and one that says stale=true */
	TICK_MS = 100,	       /**< how often ends that do not come are looked for */
	STOP_LIMIT_MS = 3000,  /**< nua's own shutdown may take this long */
	MESSAGE_LIMIT = 65536, /**< longest message taken over TCP [bytes] */
	UDP_LIMIT = 8192,      /**< longer requests go by TCP [bytes] */
};

static const char METHODS[] = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REGISTER";

/** Is the port free? nua tells only that it did not start, not why. */
static bool port_free(const char *address, int port, int type)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	bool six = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
	int one = 1, fd;
	bool good;

	if (!six && inet_pton(AF_INET, address, &in.sin_addr) != 1)
		return false;
	fd = socket(six ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	good = bind(fd, six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
		    six ? sizeof(in6) : sizeof(in)) == 0;
	if (good && type == SOCK_STREAM)
		good = listen(fd, 1) == 0;
	close(fd);
	return good;
}

static nua_t *make_nua(struct bl_sip *sip)
{
	return nua_create(
		sip->root, on_nua_event, sip, NUTAG_URL(sip->url),
		TAG_IF(sip->tls.on, NUTAG_CERTIFICATE_DIR(sip->tls.folder)), TPTAG_TLS_VERSION(0),
		NUTAG_MEDIA_ENABLE(0), NUTAG_AUTOALERT(0), NUTAG_AUTOANSWER(0), NUTAG_AUTOACK(0),
		NUTAG_ENABLEINVITE(1), NUTAG_ENABLEMESSAGE(0), NUTAG_AUTO302(0), NUTAG_AUTO305(0),
		NUTAG_MAX_RETRY_AFTER(0), NUTAG_RETRY_COUNT(RETRY_LIMIT), NUTAG_SESSION_TIMER(0),
		NUTAG_KEEPALIVE(0), NUTAG_SERVICE_ROUTE_ENABLE(0), NUTAG_PATH_ENABLE(0),
		NUTAG_OUTBOUND("no-outbound no-natify no-options-keepalive no-validate"),
		NUTAG_APPL_METHOD("UPDATE"), SIPTAG_ALLOW_STR(METHODS),
		SIPTAG_USER_AGENT_STR(sip->user_agent), TPTAG_STUN_SERVER(0), NTATAG_PASS_100(1),
		NTATAG_UDP_MTU(UDP_LIMIT), NTATAG_MAXSIZE(MESSAGE_LIMIT), NTATAG_MAX_FORWARDS(70),
		TAG_END());
}

/** Look for ends that did not come, and for the end of all calls while stopping. */
static void on_tick(struct bl_sip *magic, su_timer_t *timer, struct bl_sip *sip)
{
	(void)magic;
	(void)timer;
	calls_force(sip, monotonic_s());
	tls_look(sip);
	if (sip->state != STACK_STOPPING || sip->shutdown_sent)
		return;
	if (atomic_load(&sip->live) == 0 || monotonic_s() > sip->stop_by_s) {
		calls_force(sip, monotonic_s() + 1e6);
		sip->shutdown_sent = true;
		sip->stop_by_s = monotonic_s() + STOP_LIMIT_MS / 1000.0;
		nua_shutdown(sip->nua);
	}
}

/** Run until nua has shut down, or until it has had its time for that. */
static void run(struct bl_sip *sip)
{
	while (!sip->shutdown_done) {
		su_root_step(sip->root, TICK_MS);
		if (sip->shutdown_sent && monotonic_s() > sip->stop_by_s)
			return;
	}
}

static void teardown(struct bl_sip *sip)
{
	if (sip->timer)
		su_timer_destroy(sip->timer);
	if (sip->nua && !sip->shutdown_done)
		return; /* nua asserts when destroyed with open transactions: leave it lying */
	if (sip->nua)
		nua_destroy(sip->nua);
	tls_look(sip);
	if (sip->root)
		su_root_destroy(sip->root);
}

static void set_state(struct bl_sip *sip, enum stack_state state)
{
	pthread_mutex_lock(&sip->gate);
	sip->state = state;
	sip->accepts = state == STACK_RUNNING;
	pthread_cond_signal(&sip->state_changed);
	pthread_mutex_unlock(&sip->gate);
}

static bool setup(struct bl_sip *sip)
{
	sip->root = su_root_create(sip);
	if (!sip->root)
		return false;
	su_root_threading(sip->root, 0);
	sip->nua = sip->tls.on ? tls_make_nua(sip, make_nua) : make_nua(sip);
	if (!sip->nua)
		return false;
	sip->timer = su_timer_create(su_root_task(sip->root), TICK_MS);
	return sip->timer && su_timer_set_for_ever(sip->timer, on_tick, sip) == 0;
}

/**
 * A Via's maddr is looked up by getaddrinfo(), in which one packet would keep the thread for as
 * long as a name server is silent. This thread gets no name server; nua's own resolver, which does
 * not block, finds the names that we call.
 */
static void forbid_blocking_lookups(void)
{
	res_init();
	_res.options |= RES_NORELOAD;
	_res.nscount = 0;
}

static void *thread_main(void *arg)
{
	struct bl_sip *sip = arg;
	sigset_t all;

	sigfillset(&all); /* signals are for the program's own threads */
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	pthread_setname_np(pthread_self(), "bl-sip");
	forbid_blocking_lookups();
	if (setup(sip)) {
		set_state(sip, STACK_RUNNING);
		run(sip);
	} else {
		sip->shutdown_done = !sip->nua;
		set_state(sip, STACK_FAILED);
	}
	teardown(sip);
	return NULL;
}

/** sofia's hook: changes each time that it has read. No header of its declares it. */
extern void (*_su_time)(su_time_t *time); /* NOLINT(bugprone-reserved-identifier) */

/** What sofia's clock showed when CLOCK_MONOTONIC was zero [s] */
static unsigned long epoch_s;

/**
 * sofia's timers go by the wall clock, which may be set, and it sleeps for whole milliseconds,
 * rounded down: with finer times it would poll without sleep for the last part of one before each
 * timer. So it is given steady time, in whole milliseconds.
 */
static void steady_ms(su_time_t *time)
{
	struct timespec now;

	if (!time)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	time->tv_sec = epoch_s + (unsigned long)now.tv_sec;
	time->tv_usec = (unsigned long)(now.tv_nsec / 1000000 * 1000);
}

static void init_library(void)
{
	epoch_s = su_now().tv_sec - (unsigned long)monotonic_s();
	_su_time = steady_ms;
	su_init();
	tls_init_library();
	su_log_set_level(NULL, 0);
	su_log_set_level(nua_log, 0);
	su_log_set_level(nta_log, 0);
	su_log_set_level(tport_log, 0);
}

static struct bl_sip *stack_new(const bl_sip_config_t *config)
{
	struct bl_sip *sip = calloc(1, sizeof(*sip));
	bool six = strchr(config->address, ':') != NULL;

	if (!sip)
		return NULL;
	if (queue_init(&sip->queue) != BL_SIP_OK) {
		free(sip);
		return NULL;
	}
	snprintf(sip->address, sizeof(sip->address), "%s", config->address);
	snprintf(sip->url, sizeof(sip->url), "%s:%s%s%s:%d", config->tls ? "sips" : "sip",
		 six ? "[" : "", config->address, six ? "]" : "", (int)config->port);
	if (config->tls || config->reached_at) {
		char const *at = config->reached_at ? config->reached_at : config->address;
		bool long_one = strchr(at, ':') != NULL;

		snprintf(sip->contact, sizeof(sip->contact), "<sip:%s%s%s:%d%s>",
			 long_one ? "[" : "", at, long_one ? "]" : "", (int)config->port,
			 config->tls ? ";transport=tls" : "");
	}
	snprintf(sip->user_agent, sizeof(sip->user_agent), "%s", config->user_agent);
	sip->port = config->port;
	sip->queue_limit = config->queue_limit;
	/* a process may have a stack for TLS beside another: no number is in both */
	atomic_init(&sip->next_id, config->tls ? 0x80000000U : 1);
	pthread_mutex_init(&sip->gate, NULL);
	pthread_cond_init(&sip->state_changed, NULL);
	return sip;
}

static bool tls_good(const bl_sip_tls_t *tls)
{
	return !tls || (tls->folder && tls->certificate && tls->key);
}

static bool is_number(const char *address)
{
	unsigned char any[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, address, any) == 1 || inet_pton(AF_INET6, address, any) == 1;
}

static bool config_good(const bl_sip_config_t *config)
{
	return config && config->address && config->user_agent && config->port > 0 &&
	       config->port < 65536 && config->queue_limit > 0 && tls_good(config->tls) &&
	       is_number(config->address) &&
	       (!config->reached_at || is_number(config->reached_at));
}

/** Start the thread and wait until it runs or has failed. */
static int32_t launch(struct bl_sip *sip, const bl_sip_tls_t *tls)
{
	enum stack_state state;

	if (tls && !tls_load(sip, tls)) {
		sip->joined = true;
		return BL_SIP_ETLS;
	}
	if (pthread_create(&sip->thread, NULL, thread_main, sip) != 0) {
		sip->joined = true;
		return BL_SIP_ENOMEM;
	}
	pthread_mutex_lock(&sip->gate);
	while (sip->state == STACK_STARTING)
		pthread_cond_wait(&sip->state_changed, &sip->gate);
	state = sip->state;
	pthread_mutex_unlock(&sip->gate);
	return state == STACK_RUNNING ? BL_SIP_OK : BL_SIP_ESTART;
}

bl_sip_t *bl_sip_start(const bl_sip_config_t *config, int32_t *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int32_t result = BL_SIP_EARG;
	struct bl_sip *sip = NULL;

	if (config_good(config)) {
		result = BL_SIP_EPORT;
		if ((config->tls || port_free(config->address, config->port, SOCK_DGRAM)) &&
		    port_free(config->address, config->port, SOCK_STREAM)) {
			pthread_once(&once, init_library);
			sip = stack_new(config);
			result = sip ? launch(sip, config->tls) : BL_SIP_ENOMEM;
		}
	}
	if (sip && result != BL_SIP_OK) {
		bl_sip_free(sip);
		sip = NULL;
	}
	if (error)
		*error = result;
	return sip;
}

void bl_sip_stop(bl_sip_t *sip)
{
	if (!sip || sip->joined)
		return;
	while (command_stop(sip) == BL_SIP_ENOMEM)
		usleep(10000); /* without memory now, there will be some: calls end */
	pthread_join(sip->thread, NULL);
	sip->joined = true;
}

void bl_sip_free(bl_sip_t *sip)
{
	if (!sip)
		return;
	bl_sip_stop(sip);
	queue_close(&sip->queue);
	pthread_cond_destroy(&sip->state_changed);
	pthread_mutex_destroy(&sip->gate);
	tls_free_parts(sip);
	free(sip);
}

int bl_sip_fd(const bl_sip_t *sip)
{
	return sip ? sip->queue.fd : BL_SIP_EARG;
}

int32_t bl_sip_live(const bl_sip_t *sip)
{
	return sip ? atomic_load(&sip->live) : BL_SIP_EARG;
}
