/**
 * @file commands.c  Commands: checked and copied on the caller's thread, sent to the stack's
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/** Longest text of a command [bytes]: what fits into one UDP packet. */
static const size_t COMMAND_TEXT_LIMIT = 60000;

void command_free(struct command *command)
{
	for (int i = 0; i < T_COUNT; i++)
		free(command->text[i]);
	free(command);
}

static struct command *command_new(struct bl_sip *sip, enum command_op op, uint32_t call)
{
	struct command *command = calloc(1, sizeof(*command));

	if (!command)
		return NULL;
	command->sip = sip;
	command->op = op;
	command->call = call;
	return command;
}

/** Copy a text, or fail; only bodies and header lists may have line breaks. */
static bool command_text(struct command *command, enum command_text which, const char *text)
{
	if (!text || !*text)
		return true;
	if (strlen(text) > COMMAND_TEXT_LIMIT)
		return false;
	if (which != T_SDP && which != T_HEADERS && strpbrk(text, "\r\n"))
		return false;
	command->text[which] = strdup(text);
	return command->text[which] != NULL;
}

static void on_command(struct bl_sip *sip, su_msg_r msg, su_msg_arg_t *arg)
{
	(void)sip;
	(void)msg;
	command_execute(*arg);
	command_free(*arg);
}

/** Send a command to the thread; the command is given away in any case. */
int32_t command_post(struct bl_sip *sip, struct command *command)
{
	su_msg_r msg = SU_MSG_R_INIT;
	int32_t result = BL_SIP_ESTOPPED;
	bool last = command->op == OP_STOP; /* once sent, it is the thread's to free */

	pthread_mutex_lock(&sip->gate);
	if (sip->accepts) {
		result = BL_SIP_ENOMEM;
		if (su_msg_create(msg, su_root_task(sip->root), su_root_task(sip->root),
				  on_command, sizeof(struct command *)) == 0) { /* NOLINT */
			*su_msg_data(msg) = command;
			if (su_msg_send(msg) == 0)
				result = BL_SIP_OK;
		}
		if (last && result == BL_SIP_OK)
			sip->accepts = false;
	}
	pthread_mutex_unlock(&sip->gate);
	if (result != BL_SIP_OK)
		command_free(command);
	return result;
}

/** Tell the thread to end everything and itself. */
int32_t command_stop(struct bl_sip *sip)
{
	struct command *command = command_new(sip, OP_STOP, 0);

	return command ? command_post(sip, command) : BL_SIP_ENOMEM;
}

/** Post a command whose texts were copied, or refuse it. */
static int32_t post_if(struct bl_sip *sip, struct command *command, bool good)
{
	if (good)
		return command_post(sip, command);
	command_free(command);
	return BL_SIP_EARG;
}

static uint32_t new_id(struct bl_sip *sip)
{
	uint32_t id = atomic_fetch_add(&sip->next_id, 1);

	return id ? id : atomic_fetch_add(&sip->next_id, 1);
}

/** Post what makes a new handle: the handle, or the error. */
static int64_t post_new(struct bl_sip *sip, struct command *command, bool good)
{
	uint32_t id = command->call;
	int32_t result = post_if(sip, command, good);

	return result == BL_SIP_OK ? (int64_t)id : result;
}

int32_t bl_sip_respond(bl_sip_t *sip, uint32_t call, int32_t status, const char *phrase,
		       const char *sdp, const char *headers)
{
	struct command *command;

	if (!sip || status < 101 || status > 699)
		return BL_SIP_EARG;
	command = command_new(sip, OP_RESPOND, call);
	if (!command)
		return BL_SIP_ENOMEM;
	command->number = status;
	return post_if(sip, command,
		       command_text(command, T_PHRASE, phrase) &&
			       command_text(command, T_SDP, sdp) &&
			       command_text(command, T_HEADERS, headers));
}

int64_t bl_sip_invite(bl_sip_t *sip, const bl_sip_invitation_t *invitation)
{
	const bl_sip_invitation_t *in = invitation;
	struct command *command;

	if (!sip || !in || !in->to || !*in->to || !in->from || !*in->from)
		return BL_SIP_EARG;
	command = command_new(sip, OP_INVITE, new_id(sip));
	if (!command)
		return BL_SIP_ENOMEM;
	command->number = in->standing;
	return post_new(sip, command,
			command_text(command, T_URI, in->to) &&
				command_text(command, T_PEER, in->peer) &&
				command_text(command, T_FROM, in->from) &&
				command_text(command, T_SDP, in->sdp) &&
				command_text(command, T_HEADERS, in->headers) &&
				command_text(command, T_PROXY, in->proxy) &&
				command_text(command, T_USER, in->user) &&
				command_text(command, T_SECRET, in->secret));
}

int32_t bl_sip_end(bl_sip_t *sip, uint32_t call, const char *headers)
{
	struct command *command;

	if (!sip)
		return BL_SIP_EARG;
	command = command_new(sip, OP_END, call);
	if (!command)
		return BL_SIP_ENOMEM;
	return post_if(sip, command, command_text(command, T_HEADERS, headers));
}

int32_t bl_sip_reoffer(bl_sip_t *sip, uint32_t call, const char *sdp)
{
	struct command *command;

	if (!sip || !sdp || !*sdp)
		return BL_SIP_EARG;
	command = command_new(sip, OP_REOFFER, call);
	if (!command)
		return BL_SIP_ENOMEM;
	return post_if(sip, command, command_text(command, T_SDP, sdp));
}

int64_t bl_sip_register(bl_sip_t *sip, const bl_sip_binding_t *binding)
{
	struct command *command;

	if (!sip || !binding || !binding->aor || !*binding->aor || !binding->registrar ||
	    !*binding->registrar || binding->expires_s < 1)
		return BL_SIP_EARG;
	command = command_new(sip, OP_REGISTER, new_id(sip));
	if (!command)
		return BL_SIP_ENOMEM;
	command->number = binding->expires_s;
	return post_new(sip, command,
			command_text(command, T_URI, binding->aor) &&
				command_text(command, T_PROXY, binding->registrar) &&
				command_text(command, T_USER, binding->user) &&
				command_text(command, T_SECRET, binding->secret));
}

int32_t bl_sip_unregister(bl_sip_t *sip, uint32_t call)
{
	struct command *command;

	if (!sip)
		return BL_SIP_EARG;
	command = command_new(sip, OP_UNREGISTER, call);
	return command ? command_post(sip, command) : BL_SIP_ENOMEM;
}

int32_t bl_sip_expect(bl_sip_t *sip, const char *lines)
{
	struct command *command;

	if (!sip || !lines)
		return BL_SIP_EARG;
	command = command_new(sip, OP_EXPECT, 0);
	if (!command)
		return BL_SIP_ENOMEM;
	return post_if(sip, command, command_text(command, T_HEADERS, lines));
}

int64_t bl_sip_options(bl_sip_t *sip, const char *uri)
{
	struct command *command;

	if (!sip || !uri || !*uri)
		return BL_SIP_EARG;
	command = command_new(sip, OP_OPTIONS, new_id(sip));
	if (!command)
		return BL_SIP_ENOMEM;
	return post_new(sip, command, command_text(command, T_URI, uri));
}
