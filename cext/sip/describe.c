/**
 * @file describe.c  What of a SIP message goes into an event
 */
#include "internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>
#include <sofia-sip/url.h>

static const char EXTRA_PREFIX[] = "X-Branchline-";

static void describe_url(struct draft *draft, enum bl_sip_text which, su_home_t *home,
			 url_t const *url)
{
	if (url)
		draft_text(draft, which, url_as_string(home, url));
}

/**
 * A header's value as text. sip_header_as_string() loses the last parameter of a header that is
 * longer than its first guess: MSG_STRING_E wants one byte more than it fills.
 */
static char *header_text(su_home_t *home, void const *header)
{
	issize_t length = msg_header_field_e(NULL, 0, header, 0);
	isize_t room = length < 0 ? 0 : (isize_t)length + 2;
	char *text = room ? su_zalloc(home, room) : NULL;

	if (text)
		msg_header_field_e(text, room, header, 0);
	return text;
}

static void describe_header(struct draft *draft, enum bl_sip_text which, su_home_t *home,
			    void const *header)
{
	if (header)
		draft_text(draft, which, header_text(home, header));
}

/** Headers that nua's parser has no own type for: what comes first counts. */
static void describe_unknown(struct draft *draft, su_home_t *home, sip_t const *msg)
{
	for (sip_unknown_t *u = msg->sip_unknown; u; u = u->un_next) {
		if (!u->un_name || !u->un_value)
			continue;
		if (!strcasecmp(u->un_name, "P-Asserted-Identity") &&
		    draft->event.size[BL_SIP_PAI] == 0)
			draft_text(draft, BL_SIP_PAI, u->un_value);
	}
	for (sip_unknown_t *u = msg->sip_unknown; u; u = u->un_next) {
		if (!u->un_name || !u->un_value)
			continue;
		if (!strncasecmp(u->un_name, EXTRA_PREFIX, sizeof(EXTRA_PREFIX) - 1))
			draft_line(draft, BL_SIP_EXTRAS,
				   su_sprintf(home, "%s: %s", u->un_name, u->un_value));
	}
}

/** The appliance that has shown its certificate with the request that nua reports, or NULL. */
char const *request_peer(struct bl_sip *sip)
{
	msg_t *packet = nua_current_request(sip->nua);
	su_sockaddr_t *from = packet ? msg_addr(packet) : NULL;

	/* all that a stack with TLS receives comes by TLS, or else there are no names */
	return from ? tls_name_at(sip, from) : NULL;
}

/** Where the packet came from: what the socket says, whatever Via claims. */
static void describe_source(struct draft *draft, struct bl_sip *sip)
{
	msg_t *packet = nua_current_request(sip->nua);
	su_sockaddr_t *from = packet ? msg_addr(packet) : NULL;
	char address[INET6_ADDRSTRLEN] = "";

	if (!from)
		return;
	if (from->su_family == AF_INET) {
		inet_ntop(AF_INET, &from->su_sin.sin_addr, address, sizeof(address));
		draft->event.source_port = ntohs(from->su_sin.sin_port);
	} else if (from->su_family == AF_INET6) {
		inet_ntop(AF_INET6, &from->su_sin6.sin6_addr, address, sizeof(address));
		draft->event.source_port = ntohs(from->su_sin6.sin6_port);
	}
	draft_text(draft, BL_SIP_SOURCE, address);
	draft_text(draft, BL_SIP_PEER, request_peer(sip));
}

void describe_body(struct draft *draft, sip_t const *msg)
{
	if (!msg)
		return;
	if (msg->sip_content_type)
		draft_text(draft, BL_SIP_CONTENT_TYPE, msg->sip_content_type->c_type);
	if (msg->sip_payload)
		draft_bytes(draft, BL_SIP_BODY, msg->sip_payload->pl_data,
			    msg->sip_payload->pl_len);
}

void describe_request(struct draft *draft, struct bl_sip *sip, sip_t const *msg)
{
	su_home_t home[1] = {SU_HOME_INIT(home)};

	if (!msg)
		return;
	su_home_init(home);
	if (msg->sip_request)
		describe_url(draft, BL_SIP_REQUEST_URI, home, msg->sip_request->rq_url);
	if (msg->sip_from) {
		describe_url(draft, BL_SIP_FROM_URI, home, msg->sip_from->a_url);
		draft_text(draft, BL_SIP_FROM_NAME, msg->sip_from->a_display);
	}
	if (msg->sip_to)
		describe_url(draft, BL_SIP_TO_URI, home, msg->sip_to->a_url);
	if (msg->sip_call_id)
		draft_text(draft, BL_SIP_CALL_ID, msg->sip_call_id->i_id);
	describe_header(draft, BL_SIP_PRIVACY, home, msg->sip_privacy);
	if (msg->sip_authorization)
		describe_header(draft, BL_SIP_AUTHORIZATION, home, msg->sip_authorization);
	else
		describe_header(draft, BL_SIP_AUTHORIZATION, home, msg->sip_proxy_authorization);
	describe_header(draft, BL_SIP_USER_AGENT, home, msg->sip_user_agent);
	if (msg->sip_expires)
		draft->event.seconds = msg->sip_expires->ex_delta > INT32_MAX
					       ? INT32_MAX
					       : (int32_t)msg->sip_expires->ex_delta;
	describe_unknown(draft, home, msg);
	describe_source(draft, sip);
	describe_body(draft, msg);
	su_home_deinit(home);
}

void describe_contacts(struct draft *draft, sip_t const *msg)
{
	su_home_t home[1] = {SU_HOME_INIT(home)};

	su_home_init(home);
	for (sip_contact_t *m = msg ? msg->sip_contact : NULL; m; m = m->m_next)
		draft_line(draft, BL_SIP_CONTACTS, header_text(home, m));
	su_home_deinit(home);
}

static bool url_good(url_t const *url)
{
	return (url->url_type == url_sip || url->url_type == url_sips) && url->url_host &&
	       *url->url_host;
}

/**
 * Can requests be sent along what this message says of its dialog? nua does not check, and a
 * dialog whose BYE cannot be sent makes it call itself until the stack overflows.
 */
bool dialog_good(sip_t const *msg, bool contact_needed)
{
	if (!msg || (contact_needed && !msg->sip_contact))
		return false;
	if (msg->sip_contact && !url_good(msg->sip_contact->m_url))
		return false;
	for (sip_record_route_t *r = msg->sip_record_route; r; r = r->r_next)
		if (!url_good(r->r_url))
			return false;
	return true;
}

/** The caller's Contact: where requests within the dialog go (RFC 3261 section 12.1.1). */
char *dialog_target(sip_t const *msg)
{
	su_home_t home[1] = {SU_HOME_INIT(home)};
	char *copy = NULL, *text;

	if (!msg || !msg->sip_contact)
		return NULL;
	su_home_init(home);
	text = url_as_string(home, msg->sip_contact->m_url);
	if (text)
		copy = strdup(text);
	su_home_deinit(home);
	return copy;
}

/** Record-Route as a caller's dialog uses it: in the order received. */
char *dialog_routes(sip_t const *msg)
{
	su_home_t home[1] = {SU_HOME_INIT(home)};
	char *all = NULL, *copy = NULL;

	if (!msg || !msg->sip_record_route)
		return NULL;
	su_home_init(home);
	for (sip_record_route_t *r = msg->sip_record_route; r; r = r->r_next) {
		char *one = header_text(home, r);

		all = all ? su_sprintf(home, "%s\n%s", all, one ? one : "") : one;
	}
	if (all)
		copy = strdup(all);
	su_home_deinit(home);
	return copy;
}

/** Record-Route of a 2xx as our dialog uses it: reversed (RFC 3261 section 12.1.2). */
static void describe_reversed_routes(struct draft *draft, su_home_t *home, sip_t const *msg)
{
	char *all = NULL;

	for (sip_record_route_t *r = msg->sip_record_route; r; r = r->r_next) {
		char *one = header_text(home, r);

		all = all ? su_sprintf(home, "%s\n%s", one ? one : "", all) : one;
	}
	draft_text(draft, BL_SIP_ROUTES, all);
}

/** The dialog's identity, from the 2xx to our INVITE or from the ACK to our 2xx. */
void describe_dialog(struct draft *draft, struct call const *call, sip_t const *msg)
{
	su_home_t home[1] = {SU_HOME_INIT(home)};
	sip_addr_t const *local, *remote;

	if (!msg || !msg->sip_from || !msg->sip_to)
		return;
	local = call->outgoing ? msg->sip_from : msg->sip_to;
	remote = call->outgoing ? msg->sip_to : msg->sip_from;
	su_home_init(home);
	if (msg->sip_call_id)
		draft_text(draft, BL_SIP_CALL_ID, msg->sip_call_id->i_id);
	describe_url(draft, BL_SIP_LOCAL_URI, home, local->a_url);
	describe_url(draft, BL_SIP_REMOTE_URI, home, remote->a_url);
	draft_text(draft, BL_SIP_LOCAL_TAG, local->a_tag);
	draft_text(draft, BL_SIP_REMOTE_TAG, remote->a_tag);
	if (call->outgoing) {
		if (msg->sip_cseq)
			draft->event.local_cseq = msg->sip_cseq->cs_seq;
		if (msg->sip_contact)
			describe_url(draft, BL_SIP_TARGET, home, msg->sip_contact->m_url);
		describe_reversed_routes(draft, home, msg);
	} else {
		draft_text(draft, BL_SIP_TARGET, call->target);
		draft_text(draft, BL_SIP_ROUTES, call->routes);
	}
	su_home_deinit(home);
}

/** Q.850 cause of a Reason header (RFC 3326), 0 when there is none. */
int reason_cause(sip_t const *msg)
{
	for (sip_reason_t *r = msg ? msg->sip_reason : NULL; r; r = r->re_next) {
		long cause;

		if (!r->re_protocol || strcasecmp(r->re_protocol, "Q.850") != 0 || !r->re_cause)
			continue;
		cause = strtol(r->re_cause, NULL, 10);
		if (cause >= 1 && cause <= 127)
			return (int)cause;
	}
	return 0;
}

/** Text of a Reason header (RFC 3326) without its quotes; one that does not fit is none. */
void reason_word(sip_t const *msg, char *room, size_t size)
{
	*room = '\0';
	for (sip_reason_t *r = msg ? msg->sip_reason : NULL; r; r = r->re_next) {
		size_t length = r->re_text ? strlen(r->re_text) : 0;

		if (length < 3 || length - 2 >= size || r->re_text[0] != '"')
			continue;
		memcpy(room, r->re_text + 1, length - 2);
		room[length - 2] = '\0';
		return;
	}
}

int retry_after_s(sip_t const *msg)
{
	if (!msg || !msg->sip_retry_after)
		return -1;
	return msg->sip_retry_after->af_delta > INT32_MAX ? INT32_MAX
							  : (int)msg->sip_retry_after->af_delta;
}

static int expires_or(char const *text, int otherwise)
{
	long value = text ? strtol(text, NULL, 10) : -1;

	return value < 0 || value > INT32_MAX ? otherwise : (int)value;
}

/** Seconds the registrar granted to our own Contact (RFC 3261 section 10.2.4). */
int granted_expires_s(struct bl_sip const *sip, sip_t const *msg, int asked_s)
{
	int general = asked_s;

	if (!msg)
		return 0;
	if (msg->sip_expires && msg->sip_expires->ex_delta <= INT32_MAX)
		general = (int)msg->sip_expires->ex_delta;
	for (sip_contact_t *m = msg->sip_contact; m; m = m->m_next) {
		char const *host = m->m_url->url_host;
		char const *port = url_port(m->m_url);

		if (host && strcasecmp(host, sip->address) == 0 && port &&
		    strtol(port, NULL, 10) == sip->port)
			return expires_or(m->m_expires, general);
	}
	return general;
}
