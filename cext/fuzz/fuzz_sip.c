/*
 * fuzz_sip.c  A running SIP stack against far ends that say anything, in dialogs that live
 *
 * What does it do?  An input is a script of steps, divided by bytes 0xFE: datagrams to send, and
 *   what our side shall do. Signs in a datagram are replaced by what the stack has said (see
 *   sip_texts.h), so that requests and responses meet the dialogs and transactions they are for.
 * How does it work?  One stack lives through all scripts, in a network of its own: nothing leaves
 *   the machine, whatever a Contact names. After each step the stack is asked a question whose
 *   answer shows that it has done its work. Each call must come to exactly one end.
 * How do I use it?  Like any libFuzzer target. A crash that one script cannot repeat is repeated
 *   by what BL_FUZZ_LOG, a file's name, gets to hold: all datagrams that were sent.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "branchline_sip.h"
#include "sip_alone.h"

enum {
	SKIPPED = 77,	   /* what ctest takes for "cannot run here" */
	PORT = 5060,	   /* the stack's */
	STEPS = 24,	   /* of a script at most */
	ROUNDS = 4,	   /* nua passes a message on within so many turns of its loop */
	ANSWER_MS = 20000, /* a healthy stack answers within a millisecond */
	LIVE_LIMIT = 4000, /* calls that wait for their end before the next script waits too */
	END_MS = 60000,	   /* within which any call must be over */
	CALLS = 8192,	   /* that live at once, at most */
	VALUE = 1024,	   /* longest header that is taken from the stack */
	DIVIDE = 0xFE,	   /* between steps */
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_suppressions(void); /* NOLINT(bugprone-reserved-identifier) */

/*
 * Known of libsofia-sip-ua 1.12.11: url_param() reads past the end of some URLs of a Record-Route,
 * up to the next zero. It writes nothing, and we cannot get between nua and its own parser.
 */
const char *__asan_default_suppressions(void) /* NOLINT(bugprone-reserved-identifier) */
{
	return "interceptor_name:strcspn\ninterceptor_name:strncasecmp\n";
}

static const char OUR_SDP[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
			      "t=0 0\r\nm=audio 9 RTP/AVP 8\r\n";

/* What of a request its response repeats. */
struct request {
	char via[VALUE], from[VALUE], to[VALUE], call_id[VALUE], cseq[VALUE];
};

static struct {
	bl_sip_t *sip;
	int fd, ping_fd; /* the far end, and who asks whether the stack lives */
	uint16_t port;	 /* of fd */
	uint16_t ping_port;
	FILE *log;
	unsigned run;
	char manner;		/* what our side does: Y, N or S */
	bool closing;		/* the far end ends what there is */
	uint32_t call, binding; /* the newest */
	struct {
		uint32_t id;
		bool asked; /* for its end */
	} calls[CALLS];	    /* that live */
	size_t count;
	char tag[VALUE];
	struct request asked;	       /* the stack's last */
	struct request invites[STEPS]; /* that the far end has not answered at the end */
	size_t invite_count;
} at;

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

/* Copies a text without its end. */
static size_t paste(void *to, const char *text)
{
	size_t size = strlen(text);

	memcpy(to, text, size); /* NOLINT(bugprone-not-null-terminated-result) */
	return size;
}

/* -- a far end ---------------------------------------------------------------------------------
 */

static int udp_socket(uint16_t *port)
{
	struct sockaddr_in own = {.sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	must(fd >= 0 && !bind(fd, (struct sockaddr *)&own, sizeof(own)) &&
		     !getsockname(fd, (struct sockaddr *)&own, &size),
	     "a socket");
	*port = ntohs(own.sin_port);
	return fd;
}

static void throw(int fd, const char *text, size_t size)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons(PORT)};

	if (at.log && fd == at.fd) {
		fprintf(at.log, "%zu\n", size);
		fwrite(text, 1, size, at.log);
		fflush(at.log);
	}
	sendto(fd, text, size, 0, (struct sockaddr *)&to, sizeof(to));
}

/* The value of a header in what the stack wrote, which is one line. */
static void header(const char *text, const char *name, char *value)
{
	const char *from = strstr(text, name);
	size_t size;

	if (!from)
		return;
	from += strlen(name);
	size = strcspn(from, "\r\n");
	if (size >= VALUE)
		return;
	memcpy(value, from, size);
	value[size] = '\0';
}

static void take_request(const char *text)
{
	struct request *asked = &at.asked;

	header(text, "\nVia: ", asked->via);
	header(text, "\nFrom: ", asked->from);
	header(text, "\nTo: ", asked->to);
	header(text, "\nCall-ID: ", asked->call_id);
	header(text, "\nCSeq: ", asked->cseq);
	if (strncmp(text, "INVITE ", 7) != 0)
		return;
	for (size_t i = 0; i < at.invite_count; i++)
		if (!strcmp(at.invites[i].via, asked->via))
			return;
	if (at.invite_count < COUNT(at.invites))
		at.invites[at.invite_count++] = *asked;
}

static void say(const struct request *to, const char *status, const char *method)
{
	char text[8 * VALUE];
	int size = snprintf(text, sizeof(text),
			    "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\n"
			    "CSeq: %lu %s\r\nContent-Length: 0\r\n\r\n",
			    status, to->via, to->from, to->to, to->call_id,
			    strtoul(to->cseq, NULL, 10), method);

	throw(at.fd, text, (size_t)size);
}

/* At a script's end the far end says what lets the stack forget. */
static void conclude(const char *text)
{
	char method[16] = "";

	if (sscanf(text, "%15s", method) != 1 || !strcmp(method, "ACK"))
		return;
	say(&at.asked, strcmp(method, "INVITE") ? "200 OK" : "486 Busy Here", method);
	if (!strcmp(method, "CANCEL"))
		say(&at.asked, "487 Request Terminated", "INVITE");
}

static void listen_to_stack(void)
{
	static char text[65536];
	ssize_t size;

	while ((size = recv(at.fd, text, sizeof(text) - 1, 0)) >= 0) {
		text[size] = '\0';
		if (!strncmp(text, "SIP/2.0 ", 8)) {
			char to[VALUE] = "";
			const char *tag;

			header(text, "\nTo: ", to);
			tag = strstr(to, ";tag=");
			if (tag)
				strcpy(at.tag, tag + 5); /* NOLINT: within a VALUE */
		} else {
			take_request(text);
			if (at.closing)
				conclude(text);
		}
	}
}

/* -- our side ----------------------------------------------------------------------------------
 */

static void react(const bl_sip_event_t *event)
{
	bool invited = event->kind == BL_SIP_INVITE || event->kind == BL_SIP_OFFER;

	if (!invited && event->kind != BL_SIP_REGISTER)
		return;
	if (at.manner == 'Y') {
		if (event->kind == BL_SIP_INVITE)
			bl_sip_respond(at.sip, event->call, 180, "", "", "X-Branchline-A: 1");
		bl_sip_respond(at.sip, event->call, 200, "Phrase of our own",
			       invited ? OUR_SDP : "", "");
	} else if (at.manner == 'N') {
		bl_sip_respond(at.sip, event->call, invited ? 486 : 401, "", "",
			       invited ? "" : "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"");
	}
}

static void begin(uint32_t call)
{
	must(at.count < CALLS, "calls end");
	at.calls[at.count].asked = false;
	at.calls[at.count++].id = call;
	at.call = call;
}

/* Nothing is told of a call that is over or never was. */
static void account(const bl_sip_event_t *event)
{
	size_t i = 0;

	if (event->kind == BL_SIP_REGISTER || event->kind == BL_SIP_REGISTERED ||
	    event->kind == BL_SIP_OPTIONS)
		return;
	if (event->kind == BL_SIP_INVITE)
		begin(event->call);
	while (i < at.count && at.calls[i].id != event->call)
		i++;
	must(i < at.count, "an event is of a call that lives");
	if (event->kind == BL_SIP_FAIL || event->kind == BL_SIP_BYE)
		at.calls[i] = at.calls[--at.count];
}

static int read_events(void)
{
	bl_sip_event_t events[64];
	int32_t count, all = 0;

	while ((count = bl_sip_poll(at.sip, events, COUNT(events))) > 0) {
		for (int32_t i = 0; i < count; i++) {
			for (int t = 0; t < BL_SIP_TEXTS; t++)
				must(events[i].text[t][events[i].size[t]] == '\0', "a text's end");
			account(&events[i]);
			react(&events[i]);
		}
		bl_sip_release(events, count);
		all += count;
	}
	return all;
}

/* -- in step -----------------------------------------------------------------------------------
 */

/* A request of an unknown version is answered at once, with no transaction to keep. */
static void ping(void)
{
	static unsigned long number;
	struct pollfd fd = {.fd = at.ping_fd, .events = POLLIN};
	char text[2048], id[32];
	int size;

	snprintf(id, sizeof(id), "ping%lu", ++number);
	size = snprintf(text, sizeof(text),
			"OPTIONS sip:x@127.0.0.1 SIP/7.0\r\n"
			"Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s\r\nMax-Forwards: 9\r\n"
			"From: <sip:p@127.0.0.1>;tag=p\r\nTo: <sip:x@127.0.0.1>\r\nCall-ID: %s\r\n"
			"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
			at.ping_port, id, id);
	throw(at.ping_fd, text, (size_t)size);
	for (;;) {
		must(poll(&fd, 1, ANSWER_MS) == 1, "the stack answers");
		size = (int)recv(at.ping_fd, text, sizeof(text) - 1, 0);
		if (size < 0)
			continue;
		text[size] = '\0';
		if (strstr(text, id))
			return;
	}
}

static void settle(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		int count;

		ping();
		count = read_events();
		listen_to_stack();
		if (round && !count)
			return;
	}
}

static void send_text(const char *data, size_t size)
{
	char run[16], mine[8], theirs[8], cseq[16];
	const char *const values[] = {
		[1] = at.tag,	    [2] = run,		 [3] = mine,	    [4] = theirs,
		[5] = at.asked.via, [6] = at.asked.from, [7] = at.asked.to, [8] = at.asked.call_id,
		[14] = cseq,
	};
	static char text[65536];
	size_t used = 0;

	snprintf(run, sizeof(run), "%u-", at.run);
	snprintf(mine, sizeof(mine), "%d", at.port);
	snprintf(theirs, sizeof(theirs), "%d", PORT);
	snprintf(cseq, sizeof(cseq), "%lu", strtoul(at.asked.cseq, NULL, 10) & 0xFFFFFFFF);
	for (size_t i = 0; i < size && used + VALUE < sizeof(text); i++) {
		const unsigned char c = (unsigned char)data[i];

		if (c < COUNT(values) && values[c])
			used += paste(text + used, values[c]);
		else
			text[used++] = data[i];
	}
	throw(at.fd, text, used);
}

static void call_out(const char *far)
{
	int64_t call = bl_sip_invite(at.sip, &(bl_sip_invitation_t){.to = far,
								    .from = "<sip:x@127.0.0.1>",
								    .sdp = OUR_SDP,
								    .user = "u",
								    .secret = "s"});

	must(call > 0, "an invitation");
	begin((uint32_t)call);
}

static void register_out(const char *far)
{
	int64_t binding = bl_sip_register(at.sip, &(bl_sip_binding_t){.aor = "sip:x@127.0.0.1",
								      .registrar = far,
								      .user = "u",
								      .secret = "s",
								      .expires_s = 3600});

	must(binding > 0, "a registration");
	at.binding = (uint32_t)binding;
}

static void do_step(const char *data, size_t size)
{
	char far[64];

	snprintf(far, sizeof(far), "sip:a@127.0.0.1:%d", at.port);
	switch (*data) {
	case 'Y':
	case 'N':
	case 'S':
		at.manner = *data;
		return;
	case 'C':
		call_out(far);
		break;
	case 'G':
		register_out(far);
		break;
	case 'O':
		bl_sip_options(at.sip, far);
		break;
	case 'U':
		bl_sip_unregister(at.sip, at.binding);
		break;
	case 'R':
		bl_sip_reoffer(at.sip, at.call, OUR_SDP);
		break;
	case 'E':
		bl_sip_end(at.sip, at.call, "Reason: Q.850;cause=16");
		break;
	default:
		send_text(data + 1, size - 1);
	}
	settle();
}

/* Both sides end what there is. What a far end has made unreachable ends by nua's timers. */
static void end_all(void)
{
	at.closing = true;
	for (size_t i = 0; i < at.invite_count; i++)
		say(&at.invites[i], "486 Busy Here", "INVITE");
	for (size_t i = 0; i < at.count; i++) {
		if (!at.calls[i].asked)
			bl_sip_end(at.sip, at.calls[i].id, "");
		at.calls[i].asked = true;
	}
	bl_sip_unregister(at.sip, at.binding);
	settle();
	for (int ms = 0; bl_sip_live(at.sip) > LIVE_LIMIT; ms += 100) {
		must(ms < END_MS, "calls end");
		poll(NULL, 0, 100);
		settle();
	}
	at.closing = false;
}

/* -- the target --------------------------------------------------------------------------------
 */

static void stop(void)
{
	bl_sip_free(at.sip);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const bl_sip_config_t config = {
		.address = "127.0.0.1",
		.port = PORT,
		.user_agent = "fuzz",
		.queue_limit = 1000,
	};
	const char *log = getenv("BL_FUZZ_LOG");
	int32_t error;

	(void)argc;
	(void)argv;
	if (!sip_alone()) {
		fprintf(stderr, "skipped: no network of our own\n");
		exit(SKIPPED);
	}
	if (log)
		at.log = fopen(log, "wb");
	at.fd = udp_socket(&at.port);
	at.ping_fd = udp_socket(&at.ping_port);
	at.sip = bl_sip_start(&config, &error);
	must(at.sip != NULL, "a stack");
	atexit(stop);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	at.run++;
	at.manner = 'Y';
	at.call = at.binding = 0;
	at.invite_count = 0;
	*at.tag = '\0';
	memset(&at.asked, 0, sizeof(at.asked));
	for (int step = 0; size && step < STEPS; step++) {
		const char *end = memchr(text, DIVIDE, size);
		size_t length = end ? (size_t)(end - text) : size;

		if (length)
			do_step(text, length);
		length += end != NULL;
		text += length;
		size -= length;
	}
	end_all();
	return 0;
}
