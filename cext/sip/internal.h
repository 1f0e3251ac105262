/**
 * @file internal.h  What the files of the SIP shim share
 *
 * Everything but the queue and the counters belongs to the stack's own thread.
 */
#ifndef BL_SIP_INTERNAL_H
#define BL_SIP_INTERNAL_H

#include "branchline_sip.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct bl_sip;
struct call;
struct command;

#define NUA_MAGIC_T struct bl_sip
#define NUA_HMAGIC_T struct call
#define SU_MSG_ARG_T struct command *
#define SU_ROOT_MAGIC_T struct bl_sip
#define SU_TIMER_ARG_T struct bl_sip
#include <sofia-sip/su_wait.h>
#include <sofia-sip/nua.h>
#include <sofia-sip/sip.h>

#include <limits.h>
#include <netinet/in.h>
#include <openssl/x509.h>

enum {
	TLS_NAME = 256,	    /**< [bytes] of a far end's name, 0 counted (RFC 1035 section 2.3.4) */
	TEXT_LIMIT = 65536, /**< longest text in an event [bytes]: a UDP packet */
	WAY = 96,	    /**< [bytes] of the URI of a connection */
	WORD = 32,	    /**< [bytes] of a reason word */
	CALL_BUCKETS = 4096, /**< chains of the call table; a power of two */
};

/* -- events ------------------------------------------------------------------------------- */

/** An event being put together: texts grow in one block. */
struct draft {
	bl_sip_event_t event;
	char *block;
	size_t used, room; /**< [bytes] */
	size_t offset[BL_SIP_TEXTS];
	bool failed; /**< out of memory: texts are missing */
};

struct event_node;

/** Events on their way to the reader. */
struct queue {
	pthread_mutex_t lock;
	struct event_node *first, *last;
	uint32_t count;
	bool signalled; /**< the eventfd has been raised and not yet been emptied */
	int fd;
};

int queue_init(struct queue *queue);
void queue_close(struct queue *queue);
uint32_t queue_count(struct queue *queue);
int32_t queue_take(struct queue *queue, bl_sip_event_t *events, int32_t max);
void queue_push(struct queue *queue, struct draft *draft);

void draft_init(struct draft *draft, enum bl_sip_kind kind, uint32_t call);
void draft_text(struct draft *draft, enum bl_sip_text which, const char *text);
void draft_bytes(struct draft *draft, enum bl_sip_text which, const char *bytes, size_t size);
void draft_line(struct draft *draft, enum bl_sip_text which, const char *line);

double monotonic_s(void);

/* -- calls -------------------------------------------------------------------------------- */

enum call_kind { CALL_INVITE, CALL_REGISTER_IN, CALL_REGISTER_OUT, CALL_OPTIONS };

/** What one of our handles stands for; the thread's own. */
struct call {
	struct call *next; /**< in its chain of the table */
	struct bl_sip *sip;
	nua_handle_t *nh;
	msg_t *request; /**< the request that waits for our response */
	uint32_t id;
	enum call_kind kind;
	bool outgoing;
	bool answered;	    /**< 2xx to the first INVITE sent or received */
	bool acked;	    /**< the first ACK has been reported */
	bool ending;	    /**< we have asked for its end */
	bool provisional;   /**< a 1xx to our INVITE has come */
	char *cancel;	    /**< headers of a CANCEL that waits for a 1xx; may be "" */
	bool offer_waits;   /**< that request is an OFFER */
	bool reoffered;	    /**< our re-INVITE waits for its final response */
	bool registered;    /**< the last REGISTER was granted */
	int status;	    /**< why it ended, when known before its end is reported */
	int cause;	    /**< Q.850 */
	int retry_after_s;  /**< -1: none */
	int challenges;	    /**< digest challenges answered in a row */
	int expires_s;	    /**< asked for */
	double forced_at_s; /**< when an end is taken for granted; 0: not asked for */
	char word[WORD];    /**< text of the Reason that ended it, or empty */
	char *user, *secret;
	char *peer;	       /**< appliance at the far end, when it has proven itself or must */
	char *to;	       /**< URI that ours goes to; only the stack with TLS needs it */
	char *target, *routes; /**< of the caller's dialog, from its INVITE */
};

struct call *call_new(struct bl_sip *sip, uint32_t id, enum call_kind kind, nua_handle_t *nh);
struct call *call_find(struct bl_sip *sip, uint32_t id);
void call_keep_request(struct call *call);
void call_drop_request(struct call *call);
void call_free(struct call *call);
void call_over(struct call *call, int status);
void call_expect_end(struct call *call);
void call_end(struct call *call, const char *headers);
void call_cancel(struct call *call);
char const *call_way(struct call const *call, char *room);
void call_keep_reason(struct call *call, sip_t const *msg);
void calls_end_all(struct bl_sip *sip);
void calls_force(struct bl_sip *sip, double before_s);
void calls_refuse(struct bl_sip *sip, bool (*goes)(char const *uri, void const *to),
		  void const *to);

/* -- describing messages ------------------------------------------------------------------ */

void describe_request(struct draft *draft, struct bl_sip *sip, sip_t const *msg);
void describe_body(struct draft *draft, sip_t const *msg);
void describe_contacts(struct draft *draft, sip_t const *msg);
void describe_dialog(struct draft *draft, struct call const *call, sip_t const *msg);
int reason_cause(sip_t const *msg);
void reason_word(sip_t const *msg, char *room, size_t size);
char const *request_peer(struct bl_sip *sip);
int retry_after_s(sip_t const *msg);
int granted_expires_s(struct bl_sip const *sip, sip_t const *msg, int asked_s);
bool dialog_good(sip_t const *msg, bool contact_needed);
char *dialog_target(sip_t const *msg);
char *dialog_routes(sip_t const *msg);

/* -- commands ----------------------------------------------------------------------------- */

enum command_op {
	OP_RESPOND,
	OP_INVITE,
	OP_END,
	OP_REOFFER,
	OP_REGISTER,
	OP_UNREGISTER,
	OP_OPTIONS,
	OP_EXPECT,
	OP_STOP
};

enum command_text {
	T_URI,
	T_FROM,
	T_SDP,
	T_HEADERS,
	T_PROXY,
	T_USER,
	T_SECRET,
	T_PHRASE,
	T_PEER,
	T_COUNT
};

/** One command on its way to the thread. */
struct command {
	struct bl_sip *sip;
	enum command_op op;
	uint32_t call;
	int number; /**< status or seconds; of an INVITE: whether by a standing connection only */
	char *text[T_COUNT];
};

int32_t command_post(struct bl_sip *sip, struct command *command);
int32_t command_stop(struct bl_sip *sip);
void command_free(struct command *command);
void command_execute(struct command *command);

/* -- TLS ---------------------------------------------------------------------------------- */

struct tls_end;

/** Whom we call, and by what its certificate must be named. */
struct tls_far {
	struct tls_far *next;
	su_sockaddr_t at;
	bool ours;    /**< an appliance: its certificate comes from our authority */
	bool refused; /**< it had another one; the calls that wait for it are to be told */
	char address[INET6_ADDRSTRLEN];
	char name[TLS_NAME];
};

/** The stack's TLS; all but what is read at the start is the thread's own. */
struct tls {
	bool on;
	char folder[PATH_MAX]; /**< that nua insists on */
	X509 *certificate, *authority;
	EVP_PKEY *key;
	STACK_OF(X509) * chain;
	struct tls_far *fars;
	struct tls_end *ends; /**< all connections that there are */
};

void tls_init_library(void);
bool tls_load(struct bl_sip *sip, const bl_sip_tls_t *config);
nua_t *tls_make_nua(struct bl_sip *sip, nua_t *(*make)(struct bl_sip *sip));
void tls_free_parts(struct bl_sip *sip);
void tls_know_fars(struct bl_sip *sip, char *lines);
void tls_look(struct bl_sip *sip);
char const *tls_name_at(struct bl_sip const *sip, su_sockaddr_t const *from);
char const *tls_way(struct bl_sip const *sip, char const *name, char *room);

/* -- the stack ---------------------------------------------------------------------------- */

enum stack_state { STACK_STARTING, STACK_RUNNING, STACK_STOPPING, STACK_FAILED };

struct bl_sip {
	struct queue queue;
	uint32_t queue_limit;
	char address[64];
	char url[96];
	char contact[96]; /**< what far ends answer to, where nua's own would not do; else empty */
	char user_agent[64];
	int port;
	struct tls tls;

	pthread_t thread;
	pthread_mutex_t
		gate; /**< held while a command is posted, so that none meets a dead root */
	bool accepts; /**< commands may be posted; under the gate */
	bool joined;
	su_root_t *root;
	nua_t *nua;
	su_timer_t *timer;
	enum stack_state state; /**< changed under the gate */
	pthread_cond_t state_changed;
	double stop_by_s;   /**< calls that live then are taken for ended */
	bool shutdown_sent; /**< nua_shutdown() has been called */
	bool shutdown_done;

	atomic_uint next_id;
	atomic_int live;
	struct call *calls[CALL_BUCKETS];
};

void on_nua_event(nua_event_t event, int status, char const *phrase, nua_t *nua,
		  struct bl_sip *sip, nua_handle_t *nh, struct call *call, sip_t const *msg,
		  tagi_t tags[]);

#endif
