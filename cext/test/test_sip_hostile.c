/* test_sip_hostile.c  Messages that nua itself does not stand: found by fuzz_sip.c */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "branchline_sip.h"
#include "check.h"

enum { DEADLINE_MS = 20000, TEXT = 4096 };

static const char sdp[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
			  "t=0 0\r\nm=audio 9 RTP/AVP 8\r\n";

/* A stack, and a far end that has said nothing yet. */
struct line {
	bl_sip_t *sip;
	int fd, port, sip_port;
	char heard[TEXT]; /* the last message */
};

static int bound_socket(int *port)
{
	struct sockaddr_in own = {.sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK_EQUAL(0, bind(fd, (struct sockaddr *)&own, sizeof(own)));
	CHECK_EQUAL(0, getsockname(fd, (struct sockaddr *)&own, &size));
	*port = ntohs(own.sin_port);
	return fd;
}

static void open_line(struct line *line)
{
	bl_sip_config_t config = {.address = "127.0.0.1", .user_agent = "x", .queue_limit = 99};
	int free_fd = bound_socket(&line->sip_port);

	close(free_fd);
	config.port = line->sip_port;
	line->fd = bound_socket(&line->port);
	line->sip = bl_sip_start(&config, NULL);
	CHECK(line->sip != NULL);
}

static void close_line(struct line *line)
{
	bl_sip_free(line->sip);
	close(line->fd);
}

static void say(struct line *line, const char *text)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)line->sip_port)};

	sendto(line->fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to));
}

/* Waits for a message that has this in it. */
static bool hear(struct line *line, const char *what)
{
	struct pollfd fd = {.fd = line->fd, .events = POLLIN};

	while (poll(&fd, 1, DEADLINE_MS) == 1) {
		ssize_t size = recv(line->fd, line->heard, TEXT - 1, 0);

		line->heard[size < 0 ? 0 : size] = '\0';
		if (strstr(line->heard, what))
			return true;
	}
	return false;
}

/* The value of a header of the last message; a tag's where name is ";tag=" within To. */
static void header(const struct line *line, const char *name, char *value)
{
	const char *from = strstr(line->heard, name);
	size_t size = from ? strcspn(from + strlen(name), "\r\n") : 0;

	if (size >= TEXT)
		size = 0;
	snprintf(value, TEXT, "%.*s", (int)size, from ? from + strlen(name) : "");
}

static void request(struct line *line, const char *method, int cseq, const char *to_tag,
		    const char *body)
{
	char text[2 * TEXT];

	snprintf(text, sizeof(text),
		 "%s sip:x@127.0.0.1 SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"
		 "From: <sip:a@127.0.0.1>;tag=f\r\nTo: <sip:x@127.0.0.1>%s\r\nCall-ID: c\r\n"
		 "CSeq: %d %s\r\nContact: <sip:a@127.0.0.1:%d>\r\n%s\r\n%s",
		 method, line->port, cseq, to_tag, cseq, method, line->port,
		 *body ? "Content-Type: application/sdp\r\n" : "", body);
	say(line, text);
}

static void respond(struct line *line, const char *status, const char *method)
{
	char via[TEXT], from[TEXT], to[TEXT], call[TEXT], cseq[TEXT], text[8 * TEXT];

	header(line, "\nVia: ", via);
	header(line, "\nFrom: ", from);
	header(line, "\nTo: ", to);
	header(line, "\nCall-ID: ", call);
	header(line, "\nCSeq: ", cseq);
	snprintf(text, sizeof(text),
		 "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=t\r\nCall-ID: %s\r\n"
		 "CSeq: %ld %s\r\nContent-Length: 0\r\n\r\n",
		 status, via, from, to, call, strtol(cseq, NULL, 10), method);
	say(line, text);
}

static bool wait_for(struct line *line, int32_t kind, bl_sip_event_t *event)
{
	struct pollfd fd = {.fd = bl_sip_fd(line->sip), .events = POLLIN};
	bool found = false;

	while (!found && poll(&fd, 1, DEADLINE_MS) == 1) {
		while (!found && bl_sip_poll(line->sip, event, 1) == 1) {
			bl_sip_event_t one = *event;

			found = event->kind == kind;
			bl_sip_release(&one, 1);
		}
	}
	return found;
}

/* The phrase goes out as it was given, though its giver has long forgotten it. */
static uint32_t answered_call(struct line *line, char *to_tag)
{
	bl_sip_event_t event = {0};
	char to[TEXT];
	const char *tag;

	request(line, "INVITE", 1, "", sdp);
	CHECK(wait_for(line, BL_SIP_INVITE, &event));
	bl_sip_respond(line->sip, event.call, 200, "A phrase of our own", sdp, "");
	CHECK(hear(line, "SIP/2.0 200 A phrase of our own\r\n"));
	header(line, "\nTo: ", to);
	tag = strstr(to, ";tag=");
	snprintf(to_tag, TEXT, "%s", tag ? tag : "");
	request(line, "ACK", 1, to_tag, "");
	CHECK(wait_for(line, BL_SIP_ACK, &event));
	return event.call;
}

/* The handle goes on to stand for the call. */
static void test_register_within_a_call(void)
{
	struct line line = {0};
	bl_sip_event_t event = {0};
	char to_tag[TEXT];
	uint32_t call;

	open_line(&line);
	call = answered_call(&line, to_tag);
	request(&line, "REGISTER", 2, to_tag, "");
	CHECK(hear(&line, "CSeq: 2 REGISTER"));
	request(&line, "BYE", 3, to_tag, "");
	CHECK(wait_for(&line, BL_SIP_BYE, &event));
	CHECK_EQUAL(call, event.call);
	close_line(&line);
}

/* No CANCEL goes out before a 1xx has come, but somebody answers it all the same. */
static void test_answer_to_a_cancel_that_waits(void)
{
	struct line line = {0};
	bl_sip_event_t event = {0};
	char to[64];
	int64_t call;

	open_line(&line);
	snprintf(to, sizeof(to), "sip:a@127.0.0.1:%d", line.port);
	call = bl_sip_invite(line.sip, &(bl_sip_invitation_t){
					       .to = to, .from = "<sip:x@127.0.0.1>", .sdp = sdp});
	CHECK(hear(&line, "INVITE sip:a@"));
	bl_sip_end(line.sip, (uint32_t)call, "Reason: Q.850;cause=16");
	CHECK(hear(&line, "INVITE sip:a@")); /* sent again: the end was asked for before that */
	respond(&line, "200 OK", "CANCEL");
	respond(&line, "200 OK", "CANCEL");
	respond(&line, "180 Ringing", "INVITE");
	CHECK(hear(&line, "CANCEL sip:a@"));
	CHECK(strstr(line.heard, "Q.850") != NULL);
	respond(&line, "200 OK", "CANCEL");
	respond(&line, "487 Request Terminated", "INVITE");
	CHECK(wait_for(&line, BL_SIP_FAIL, &event));
	CHECK_EQUAL(487, event.status);
	close_line(&line);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_register_within_a_call),
	CHECK_TEST(test_answer_to_a_cancel_that_waits),
};

CHECK_MAIN(tests)
