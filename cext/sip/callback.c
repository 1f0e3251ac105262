/**
 * @file callback.c  What nua reports, turned into events
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>

/** Challenges of one request answered by us; nua answers what follows, within RETRY_LIMIT. */
enum { CHALLENGE_LIMIT = 1 };

/** Q.850 cause */
enum { PROTOCOL_ERROR = 111 };

/** What an overloaded stack tells callers and phones to wait [s], as a header value. */
static const char RETRY_AFTER_S[] = "5";

static bool overloaded(struct bl_sip *sip)
{
	return sip->state != STACK_RUNNING || queue_count(&sip->queue) >= sip->queue_limit;
}

/** Refuse a request that begins something new, before anyone hears of it. */
static void refuse_new(struct bl_sip *sip, nua_handle_t *nh)
{
	nua_respond(nh, SIP_503_SERVICE_UNAVAILABLE, NUTAG_WITH_THIS(sip->nua),
		    SIPTAG_RETRY_AFTER_STR(RETRY_AFTER_S), TAG_END());
	nua_handle_destroy(nh);
}

static uint32_t fresh_id(struct bl_sip *sip)
{
	uint32_t id = atomic_fetch_add(&sip->next_id, 1);

	return id ? id : atomic_fetch_add(&sip->next_id, 1);
}

/** A plain event with status and body of *msg*. */
static void push(struct call *call, enum bl_sip_kind kind, int status, sip_t const *msg)
{
	struct draft draft;

	draft_init(&draft, kind, call->id);
	draft.event.status = status;
	describe_body(&draft, msg);
	queue_push(&call->sip->queue, &draft);
}

static void push_dialog(struct call *call, enum bl_sip_kind kind, int status, sip_t const *msg)
{
	struct draft draft;

	draft_init(&draft, kind, call->id);
	draft.event.status = status;
	describe_dialog(&draft, call, msg);
	describe_body(&draft, msg);
	queue_push(&call->sip->queue, &draft);
}

/**
 * Give up a call whose far end has named a target that cannot be used. The BYE fails, and with
 * that nua takes the dialog down; without it, destroying the handle meets an assertion of nua's.
 */
static void drop(struct call *call, int status)
{
	call->cause = PROTOCOL_ERROR;
	nua_bye(call->nh, TAG_END());
	call_over(call, status);
}

static void on_new_invite(struct bl_sip *sip, nua_handle_t *nh, sip_t const *msg)
{
	char const *peer = request_peer(sip);
	struct call *call;
	struct draft draft;

	if (!dialog_good(msg, true)) {
		nua_respond(nh, 400, "Bad Contact or Record-Route", NUTAG_WITH_THIS(sip->nua),
			    TAG_END());
		nua_handle_destroy(nh);
		return;
	}
	call = overloaded(sip) ? NULL : call_new(sip, fresh_id(sip), CALL_INVITE, nh);
	if (!call) {
		refuse_new(sip, nh);
		return;
	}
	call_keep_request(call);
	call->target = dialog_target(msg);
	call->routes = dialog_routes(msg);
	call->peer = peer ? strdup(peer) : NULL;
	draft_init(&draft, BL_SIP_INVITE, call->id);
	describe_request(&draft, sip, msg);
	queue_push(&sip->queue, &draft);
}

static void on_offer(struct call *call, sip_t const *msg)
{
	struct bl_sip *sip = call->sip;

	if (!dialog_good(msg, false)) {
		nua_respond(call->nh, 400, "Bad Contact", NUTAG_WITH_THIS(sip->nua), TAG_END());
		drop(call, 400);
		return;
	}
	if (call->offer_waits || overloaded(sip)) {
		nua_respond(call->nh, SIP_500_INTERNAL_SERVER_ERROR, NUTAG_WITH_THIS(sip->nua),
			    SIPTAG_RETRY_AFTER_STR(RETRY_AFTER_S), TAG_END());
		return;
	}
	call_keep_request(call);
	call->offer_waits = true;
	push(call, BL_SIP_OFFER, 0, msg);
}

static void on_invite(struct bl_sip *sip, nua_handle_t *nh, struct call *call, int status,
		      sip_t const *msg)
{
	if (!call)
		on_new_invite(sip, nh, msg);
	else if (status < 200)
		on_offer(call, msg);
}

/** An UPDATE without body only refreshes the session timer (RFC 4028): nothing to decide. */
static void on_update(struct call *call, int status, sip_t const *msg)
{
	if (status >= 200)
		return;
	if (msg && (msg->sip_payload || !dialog_good(msg, false)))
		on_offer(call, msg);
	else
		nua_respond(call->nh, SIP_200_OK, NUTAG_WITH_THIS(call->sip->nua), TAG_END());
}

static void on_register(struct bl_sip *sip, nua_handle_t *nh, sip_t const *msg)
{
	struct call *call;
	struct draft draft;

	call = overloaded(sip) ? NULL : call_new(sip, fresh_id(sip), CALL_REGISTER_IN, nh);
	if (!call) {
		refuse_new(sip, nh);
		return;
	}
	call_keep_request(call);
	call_expect_end(call);
	draft_init(&draft, BL_SIP_REGISTER, call->id);
	describe_request(&draft, sip, msg);
	describe_contacts(&draft, msg);
	queue_push(&sip->queue, &draft);
}

/** A REGISTER within a call is none of ours: the handle stands for the call, and goes on so. */
static void refuse_register(struct call *call)
{
	nua_respond(call->nh, SIP_403_FORBIDDEN, NUTAG_WITH_THIS(call->sip->nua), TAG_END());
}

static void authenticate(struct call *call, sip_t const *msg, bool proxy)
{
	msg_auth_t const *challenge =
		proxy ? msg->sip_proxy_authenticate : msg->sip_www_authenticate;
	char const *realm = msg_params_find(challenge->au_params, "realm=");
	char *auth = NULL;

	if (asprintf(&auth, "Digest:%s:%s:%s", realm ? realm : "\"\"", call->user,
		     call->secret ? call->secret : "") < 0)
		return;
	nua_authenticate(call->nh, NUTAG_AUTH(auth), TAG_END());
	free(auth);
}

/** Answer a digest challenge when we have something to answer with; nua repeats the request. */
static bool challenged(struct call *call, int status, sip_t const *msg)
{
	bool proxy = status == 407;

	if ((status != 401 && status != 407) || !msg || !call->user || call->ending)
		return false;
	if (!(proxy ? msg->sip_proxy_authenticate : msg->sip_www_authenticate))
		return false;
	if (call->challenges++ >= CHALLENGE_LIMIT)
		return false;
	authenticate(call, msg, proxy);
	return true;
}

/** A status that may go into an event: nua has own ones above 699. */
static int wire_status(int status)
{
	return status > 699 ? 500 : status;
}

/** Acknowledge a 2xx, or drop the call whose far end cannot be reached with what the 2xx says. */
static bool acknowledge(struct call *call, sip_t const *msg)
{
	char room[WAY];
	char const *way = call_way(call, room);

	if (dialog_good(msg, false)) {
		nua_ack(call->nh, TAG_IF(way, NUTAG_PROXY(way)), TAG_END());
		return true;
	}
	drop(call, 502);
	return false;
}

static void on_invite_response(struct call *call, int status, sip_t const *msg)
{
	if (status < 200) {
		call->provisional = true;
		call_cancel(call);
		if (status > 100 && !call->answered)
			push(call, BL_SIP_PROGRESS, status, msg);
		return;
	}
	if (challenged(call, status, msg))
		return;
	call->challenges = 0;
	if (status < 300 && !acknowledge(call, msg))
		return;
	if (call->reoffered) {
		call->reoffered = false;
		push(call, BL_SIP_OFFER_DONE, wire_status(status), msg);
	} else if (call->answered) {
		return; /* a session refresh of nua's own */
	} else if (status < 300 && call->ending) {
		call->status = 487; /* our CANCEL crossed it */
		nua_bye(call->nh, TAG_END());
	} else if (status < 300) {
		call->answered = true;
		push_dialog(call, BL_SIP_ANSWER, status, msg);
	} else {
		call->status = wire_status(status);
		call_keep_reason(call, msg);
		call->retry_after_s = retry_after_s(msg);
		call_over(call, call->status);
	}
}

static void on_ack(struct call *call, sip_t const *msg)
{
	if (call->outgoing || call->acked)
		return;
	call->acked = true;
	push_dialog(call, BL_SIP_ACK, 0, msg);
}

static void on_register_response(struct call *call, int status, sip_t const *msg)
{
	struct draft draft;

	if (status < 200 || challenged(call, status, msg))
		return;
	call->challenges = 0;
	call->registered = status < 300 && !call->ending;
	draft_init(&draft, BL_SIP_REGISTERED, call->id);
	draft.event.status = wire_status(status);
	draft.event.seconds =
		call->registered ? granted_expires_s(call->sip, msg, call->expires_s) : 0;
	queue_push(&call->sip->queue, &draft);
	if (call->ending)
		call_free(call);
}

static void on_options_response(struct call *call, int status)
{
	if (status < 200)
		return;
	push(call, BL_SIP_OPTIONS, wire_status(status), NULL);
	call_free(call);
}

static void on_state(struct call *call, int status, tagi_t tags[])
{
	int state = nua_callstate_init;

	tl_gets(tags, NUTAG_CALLSTATE_REF(state), TAG_END());
	if (state == nua_callstate_terminated)
		call_over(call, wire_status(status));
}

/** A second callee answers (RFC 3261 section 13.2.2.4): one is enough, nua ends the other. */
static void on_fork(tagi_t tags[])
{
	nua_handle_t *other = NULL;

	tl_gets(tags, NUTAG_HANDLE_REF(other), TAG_END());
	if (other)
		nua_handle_destroy(other);
}

/** Events of handles that stand for no call: those nua has answered by itself. */
static void on_other(struct bl_sip *sip, nua_event_t event, int status, nua_handle_t *nh)
{
	if (event == nua_r_shutdown)
		sip->shutdown_done = status >= 200;
	else if (nh && nh != nua_default(sip->nua) && nua_event_is_incoming_request(event))
		nua_handle_destroy(nh);
}

static void on_call_event(nua_event_t event, int status, struct call *call, sip_t const *msg,
			  tagi_t tags[])
{
	switch (event) {
	case nua_r_invite:
		on_invite_response(call, status, msg);
		break;
	case nua_i_ack:
		on_ack(call, msg);
		break;
	case nua_i_cancel:
		call_keep_reason(call, msg);
		push(call, BL_SIP_CANCEL, 0, NULL);
		break;
	case nua_i_bye:
		call_keep_reason(call, msg);
		break;
	case nua_i_update:
		on_update(call, status, msg);
		break;
	case nua_i_info:
		if (!overloaded(call->sip))
			push(call, BL_SIP_INFO, 0, msg);
		break;
	case nua_i_fork:
		on_fork(tags);
		break;
	case nua_r_bye:
		if (status >= 300)
			call_over(call, wire_status(status));
		break;
	case nua_i_state:
		on_state(call, status, tags);
		break;
	case nua_r_register:
	case nua_r_unregister:
		on_register_response(call, status, msg);
		break;
	case nua_r_options:
		on_options_response(call, status);
		break;
	default:
		break;
	}
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are nua's */
void on_nua_event(nua_event_t event, int status, char const *phrase, nua_t *nua,
		  struct bl_sip *sip, nua_handle_t *nh, struct call *call, sip_t const *msg,
		  tagi_t tags[])
{
	(void)phrase;
	(void)nua;
	if (event == nua_i_invite)
		on_invite(sip, nh, call, status, msg);
	else if (event == nua_i_register && !call)
		on_register(sip, nh, msg);
	else if (event == nua_i_register)
		refuse_register(call);
	else if (!call)
		on_other(sip, event, status, nh);
	else
		on_call_event(event, status, call, msg, tags);
}
