/**
 * @file calls.c  The table of calls, and how each comes to exactly one end
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg.h>
#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>

/** After this an end we asked for is taken for granted: 64 × T1 (RFC 3261 timers B, F) and some
 * [s] */
static const double END_LIMIT_S = 40.0;

static struct call **chain_of(struct bl_sip *sip, uint32_t id)
{
	return &sip->calls[id & (CALL_BUCKETS - 1)];
}

struct call *call_new(struct bl_sip *sip, uint32_t id, enum call_kind kind, nua_handle_t *nh)
{
	struct call *call = calloc(1, sizeof(*call));
	struct call **chain = chain_of(sip, id);

	if (!call)
		return NULL;
	call->sip = sip;
	call->id = id;
	call->kind = kind;
	call->nh = nh;
	call->retry_after_s = -1;
	call->next = *chain;
	*chain = call;
	nua_handle_bind(nh, call);
	if (kind == CALL_INVITE)
		atomic_fetch_add(&sip->live, 1);
	return call;
}

struct call *call_find(struct bl_sip *sip, uint32_t id)
{
	struct call *call = *chain_of(sip, id);

	while (call && call->id != id)
		call = call->next;
	return call;
}

/** Keep the request that nua is reporting, so that a response can name it. */
void call_keep_request(struct call *call)
{
	msg_t *request = nua_current_request(call->sip->nua);

	call_drop_request(call);
	if (request)
		call->request = msg_ref_create(request);
}

void call_drop_request(struct call *call)
{
	if (call->request)
		msg_destroy(call->request);
	call->request = NULL;
}

/** Forget a call and its handle; nua ends by itself what is still open on the wire. */
void call_free(struct call *call)
{
	struct call **link = chain_of(call->sip, call->id);

	while (*link && *link != call)
		link = &(*link)->next;
	if (*link)
		*link = call->next;
	if (call->kind == CALL_INVITE)
		atomic_fetch_sub(&call->sip->live, 1);
	call_drop_request(call);
	nua_handle_bind(call->nh, NULL);
	nua_handle_destroy(call->nh);
	free(call->user);
	free(call->secret);
	free(call->to);
	free(call->peer);
	free(call->target);
	free(call->routes);
	free(call->cancel);
	free(call);
}

static enum bl_sip_kind last_event(struct call const *call)
{
	switch (call->kind) {
	case CALL_OPTIONS:
		return BL_SIP_OPTIONS;
	case CALL_REGISTER_OUT:
		return BL_SIP_REGISTERED;
	default:
		return call->answered ? BL_SIP_BYE : BL_SIP_FAIL;
	}
}

/** Tell the end, once, and forget the call. */
void call_over(struct call *call, int status)
{
	struct bl_sip *sip = call->sip;
	struct draft draft;

	draft_init(&draft, last_event(call), call->id);
	draft.event.status = call->status ? call->status : status;
	draft.event.cause = call->cause;
	draft.event.seconds = call->retry_after_s;
	if (*call->word)
		draft_text(&draft, BL_SIP_WORD, call->word);
	if (call->kind != CALL_REGISTER_IN)
		queue_push(&sip->queue, &draft);
	call_free(call);
}

/** From now on the end of this call must come, or is taken for granted. */
void call_expect_end(struct call *call)
{
	call->forced_at_s = monotonic_s() + END_LIMIT_S;
}

/**
 * Send a CANCEL that was asked for, if its time has come: after a 1xx (RFC 3261 section 9.1). nta
 * would keep it until then, but asserts when somebody answers it before it was sent.
 */
void call_cancel(struct call *call)
{
	if (!call->cancel || !call->provisional)
		return;
	nua_cancel(call->nh, TAG_IF(*call->cancel, SIPTAG_HEADER_STR(call->cancel)), TAG_END());
	free(call->cancel);
	call->cancel = NULL;
}

static void cancel_when_possible(struct call *call, const char *headers)
{
	call->cancel = strdup(headers ? headers : "");
	call_cancel(call);
}

/**
 * Where the requests of a call with an appliance go: by its newest connection, not by what its
 * Contact says, which behind a NAT leads nowhere. NULL: where nua would send them.
 */
char const *call_way(struct call const *call, char *room)
{
	return call->peer ? tls_way(call->sip, call->peer, room) : NULL;
}

/** Keep why the far end ends a call. */
void call_keep_reason(struct call *call, sip_t const *msg)
{
	call->cause = reason_cause(msg);
	reason_word(msg, call->word, sizeof(call->word));
}

/** Ask for the end of a call in whatever way its state wants; its last event follows. */
void call_end(struct call *call, const char *headers)
{
	char room[WAY];
	char const *way = call_way(call, room);

	if (call->ending)
		return;
	call->ending = true;
	call_expect_end(call);
	if (call->answered)
		nua_bye(call->nh, TAG_IF(way, NUTAG_PROXY(way)),
			TAG_IF(headers, SIPTAG_HEADER_STR(headers)), TAG_END());
	else if (call->outgoing)
		cancel_when_possible(call, headers);
	else
		nua_respond(call->nh, SIP_480_TEMPORARILY_UNAVAILABLE,
			    TAG_IF(headers, SIPTAG_HEADER_STR(headers)), TAG_END());
}

void calls_end_all(struct bl_sip *sip)
{
	for (int i = 0; i < CALL_BUCKETS; i++) {
		struct call *next;

		for (struct call *call = sip->calls[i]; call; call = next) {
			next = call->next;
			if (call->kind == CALL_INVITE)
				call_end(call, NULL);
			else
				call_free(call);
		}
	}
}

/** Take for ended each call whose end was asked for and should have come before *before_s*. */
void calls_force(struct bl_sip *sip, double before_s)
{
	for (int i = 0; i < CALL_BUCKETS; i++) {
		struct call *next;

		for (struct call *call = sip->calls[i]; call; call = next) {
			next = call->next;
			if (call->forced_at_s > 0 && call->forced_at_s < before_s)
				call_over(call, 408);
		}
	}
}

/** End what goes there and has not been answered at all: nua would wait for 32 s. */
void calls_refuse(struct bl_sip *sip, bool (*goes)(char const *uri, void const *to),
		  void const *to)
{
	for (int i = 0; i < CALL_BUCKETS; i++) {
		struct call *next;

		for (struct call *call = sip->calls[i]; call; call = next) {
			next = call->next;
			if (call->to && !call->provisional && !call->answered &&
			    !call->registered && goes(call->to, to))
				call_over(call,
					  call->kind == CALL_INVITE ? BL_SIP_UNTRUSTED : 503);
		}
	}
}
