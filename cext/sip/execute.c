/**
 * @file execute.c  Commands carried out on the stack's thread
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_alloc.h>

/** Status of an offer that crosses another (RFC 3261 section 14.1) */
enum { REQUEST_PENDING = 491 };

/** Time that calls get to end by themselves when the stack stops [s] */
static const double STOP_GRACE_S = 1.5;

static const char SDP_TYPE[] = "application/sdp";

/** Our Contact where nua's own would not do: it would be a SIPS URI, which many cannot call. */
#define CONTACT(sip) TAG_IF(*(sip)->contact, SIPTAG_CONTACT_STR((sip)->contact))

static char *give(struct command *command, enum command_text which)
{
	char *text = command->text[which];

	command->text[which] = NULL;
	return text;
}

/** What did not leave the box has its end all the same. */
static void unsent(struct command const *command, enum bl_sip_kind kind, int status)
{
	struct draft draft;

	draft_init(&draft, kind, command->call);
	draft.event.status = status;
	queue_push(&command->sip->queue, &draft);
}

/** A handle that could not be made: its owner gets the end of a call that never was. */
static void stillborn(struct command const *command, enum bl_sip_kind kind)
{
	unsent(command, kind, 500);
}

/** nua does not copy a response's phrase, and uses it later: it must live as long as the handle.
 */
static char const *lasting_phrase(struct call *call, char const *phrase, int status)
{
	char const *copy = phrase ? su_strdup(nua_handle_home(call->nh), phrase) : NULL;

	return copy ? copy : sip_status_phrase(status);
}

static void do_respond(struct command *command)
{
	struct call *call = call_find(command->sip, command->call);
	char const *sdp = command->text[T_SDP], *headers = command->text[T_HEADERS];
	int status = command->number;

	if (!call || call->ending || !call->request)
		return;
	nua_respond(call->nh, status, lasting_phrase(call, command->text[T_PHRASE], status),
		    NUTAG_WITH(call->request), TAG_IF(sdp, SIPTAG_CONTENT_TYPE_STR(SDP_TYPE)),
		    TAG_IF(sdp, SIPTAG_PAYLOAD_STR(sdp)),
		    TAG_IF(status < 300 && call->kind == CALL_INVITE && *call->sip->contact,
			   SIPTAG_CONTACT_STR(call->sip->contact)),
		    TAG_IF(headers, SIPTAG_HEADER_STR(headers)), TAG_END());
	if (status < 200)
		return;
	call_drop_request(call);
	if (call->kind == CALL_REGISTER_IN) {
		call_free(call);
	} else if (call->offer_waits) {
		call->offer_waits = false;
	} else if (status < 300) {
		call->answered = true;
	} else {
		call->status = status;
		call->ending = true;
		call_expect_end(call);
	}
}

static void do_invite(struct command *command)
{
	struct bl_sip *sip = command->sip;
	char const *uri = command->text[T_URI], *from = command->text[T_FROM];
	char const *sdp = command->text[T_SDP], *headers = command->text[T_HEADERS];
	char const *proxy = command->text[T_PROXY], *peer = command->text[T_PEER];
	char room[WAY];
	char const *way = peer ? tls_way(sip, peer, room) : NULL;
	char *to = NULL;
	nua_handle_t *nh = NULL;
	struct call *call = NULL;

	if (command->number && !way) {
		unsent(command, BL_SIP_FAIL, BL_SIP_AWAY);
		return;
	}
	if (asprintf(&to, "<%s>", uri) < 0)
		to = NULL;
	if (to)
		nh = nua_handle(sip->nua, NULL, NUTAG_URL(uri), SIPTAG_TO_STR(to),
				SIPTAG_FROM_STR(from), TAG_END());
	free(to);
	if (nh)
		call = call_new(sip, command->call, CALL_INVITE, nh);
	if (!call) {
		if (nh)
			nua_handle_destroy(nh);
		stillborn(command, BL_SIP_FAIL);
		return;
	}
	call->outgoing = true;
	call->user = give(command, T_USER);
	call->secret = give(command, T_SECRET);
	call->peer = give(command, T_PEER);
	nua_invite(nh, TAG_IF(way || proxy, NUTAG_PROXY(way ? way : proxy)),
		   TAG_IF(sdp, SIPTAG_CONTENT_TYPE_STR(SDP_TYPE)),
		   TAG_IF(sdp, SIPTAG_PAYLOAD_STR(sdp)), CONTACT(sip),
		   TAG_IF(headers, SIPTAG_HEADER_STR(headers)), TAG_END());
	call->to = give(command, proxy ? T_PROXY : T_URI);
}

static void do_end(struct command *command)
{
	struct call *call = call_find(command->sip, command->call);

	if (call && call->kind == CALL_INVITE)
		call_end(call, command->text[T_HEADERS]);
}

static void do_reoffer(struct command *command)
{
	struct call *call = call_find(command->sip, command->call);
	char room[WAY];
	char const *way;

	if (!call)
		return;
	way = call_way(call, room);
	if (call->kind != CALL_INVITE || !call->answered || call->ending) {
		stillborn(command, BL_SIP_OFFER_DONE);
		return;
	}
	/* one offer at a time, from whichever side (RFC 3261 section 14.1) */
	if (call->reoffered || call->offer_waits) {
		unsent(command, BL_SIP_OFFER_DONE, REQUEST_PENDING);
		return;
	}
	call->reoffered = true;
	nua_invite(call->nh, TAG_IF(way, NUTAG_PROXY(way)), SIPTAG_CONTENT_TYPE_STR(SDP_TYPE),
		   SIPTAG_PAYLOAD_STR(command->text[T_SDP]), CONTACT(call->sip), TAG_END());
}

static void do_register(struct command *command)
{
	struct bl_sip *sip = command->sip;
	char *aor = NULL;
	char expires[16];
	nua_handle_t *nh = NULL;
	struct call *call = NULL;

	snprintf(expires, sizeof(expires), "%d", command->number);
	if (asprintf(&aor, "<%s>", command->text[T_URI]) < 0)
		aor = NULL;
	if (aor)
		nh = nua_handle(sip->nua, NULL, SIPTAG_TO_STR(aor), SIPTAG_FROM_STR(aor),
				TAG_END());
	free(aor);
	if (nh)
		call = call_new(sip, command->call, CALL_REGISTER_OUT, nh);
	if (!call) {
		if (nh)
			nua_handle_destroy(nh);
		stillborn(command, BL_SIP_REGISTERED);
		return;
	}
	call->outgoing = true;
	call->user = give(command, T_USER);
	call->secret = give(command, T_SECRET);
	call->expires_s = command->number;
	nua_register(nh, NUTAG_REGISTRAR(command->text[T_PROXY]), SIPTAG_EXPIRES_STR(expires),
		     TAG_IF(call->user, NUTAG_M_USERNAME(call->user)), TAG_END());
	call->to = give(command, T_PROXY);
}

static void do_unregister(struct command *command)
{
	struct call *call = call_find(command->sip, command->call);

	if (!call || call->kind != CALL_REGISTER_OUT || call->ending)
		return;
	if (!call->registered) {
		call_free(call);
		return;
	}
	call->challenges = 0;
	call->ending = true;
	call_expect_end(call);
	nua_unregister(call->nh, TAG_END());
}

static void do_options(struct command *command)
{
	struct bl_sip *sip = command->sip;
	char *to = NULL;
	nua_handle_t *nh = NULL;
	struct call *call = NULL;

	if (asprintf(&to, "<%s>", command->text[T_URI]) < 0)
		to = NULL;
	if (to)
		nh = nua_handle(sip->nua, NULL, NUTAG_URL(command->text[T_URI]), SIPTAG_TO_STR(to),
				TAG_END());
	free(to);
	if (nh)
		call = call_new(sip, command->call, CALL_OPTIONS, nh);
	if (!call) {
		if (nh)
			nua_handle_destroy(nh);
		stillborn(command, BL_SIP_OPTIONS);
		return;
	}
	nua_options(nh, TAG_END());
	call->to = give(command, T_URI);
}

static void do_expect(struct command *command)
{
	tls_know_fars(command->sip, command->text[T_HEADERS]);
}

static void do_stop(struct command *command)
{
	struct bl_sip *sip = command->sip;

	pthread_mutex_lock(&sip->gate);
	sip->state = STACK_STOPPING;
	pthread_mutex_unlock(&sip->gate);
	sip->stop_by_s = monotonic_s() + STOP_GRACE_S;
	calls_end_all(sip);
}

void command_execute(struct command *command)
{
	static void (*const run[])(struct command *) = {
		[OP_RESPOND] = do_respond,   [OP_INVITE] = do_invite,
		[OP_END] = do_end,	     [OP_REOFFER] = do_reoffer,
		[OP_REGISTER] = do_register, [OP_UNREGISTER] = do_unregister,
		[OP_OPTIONS] = do_options,   [OP_EXPECT] = do_expect,
		[OP_STOP] = do_stop,
	};

	run[command->op](command);
}
