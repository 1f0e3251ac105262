/* rtp_leg.c  A leg over RTP: its socket and its far end */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "engine.h"

enum { DSCP_EF = 46 << 2 }; /* RFC 3246, as a TOS byte */

int bl_rtp_leg_begin(struct bl_leg *leg)
{
	struct {
		uint32_t ssrc, timestamp;
		uint16_t seq;
		uint8_t report[BL_REPORT_RANDOM];
	} random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return BL_EIO;
	leg->rtp.far.event_payload_type = -1;
	leg->rtp.ssrc = random.ssrc;
	leg->rtp.seq = random.seq & 0x7FFF; /* RFC 3711 §3.3.1: the roll-over is not ambiguous */
	leg->rtp.timestamp = leg->rtp.event_timestamp = random.timestamp;
	bl_report_init(&leg->rtp.rtcp.report, random.report, random.ssrc, 0);
	return BL_OK;
}

/* On the next port, RFC 3550 §11; where that is taken, reports go without a port of their own. */
static void open_rtcp(struct bl_leg *leg, const union bl_address *rtp, socklen_t size)
{
	union bl_address local = *rtp;
	int fd = socket(local.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	bl_address_set_port(&local, (uint16_t)(bl_address_port(rtp) + 1));
	if (fd >= 0 && bind(fd, &local.any, size)) {
		close(fd);
		fd = -1;
	}
	leg->rtp.rtcp.fd = fd;
}

/* With a wildcard address the kernel chooses our own for each packet: that is to stay so. */
static bool is_wildcard(const union bl_address *local)
{
	if (local->any.sa_family == AF_INET)
		return local->v4.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&local->v6.sin6_addr);
}

/*
 * The second socket on the port. Only when the first one has its port may that be shared, else it
 * could be given one that another leg has. What comes goes to the socket that is connected to its
 * source, all else to the one that is not.
 */
static void open_wide(struct bl_leg *leg, const union bl_address *local, bool stamped)
{
	int on = 1, stamps = stamped, fd;

	if (is_wildcard(local))
		return;
	fd = socket(local->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &stamps, sizeof(stamps));
	if (setsockopt(leg->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    bind(fd, &local->any, bl_address_size(local))) {
		close(fd);
		return;
	}
	leg->rtp.wide = fd;
}

void bl_rtp_leg_tie(struct bl_leg *leg)
{
	struct bl_rtp_leg *rtp = &leg->rtp;
	const union bl_address *to = bl_latch_target(&rtp->latch);

	if (rtp->wide < 0 || bl_address_same(to, &rtp->tied_to))
		return;
	if (connect(leg->fd, &to->any, bl_address_size(to)))
		memset(&rtp->tied_to, 0, sizeof(rtp->tied_to));
	else
		rtp->tied_to = *to;
}

int bl_rtp_leg_open(struct bl_leg *leg, const char *address, int32_t port, bool stamped)
{
	union bl_address local;
	socklen_t size;
	int tos = DSCP_EF, on = stamped, err = bl_address_parse(address, port, &local, &size);

	if (err)
		return err;
	leg->fd = socket(local.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (leg->fd < 0)
		return BL_EIO;
	if (local.any.sa_family == AF_INET)
		setsockopt(leg->fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else
		setsockopt(leg->fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	setsockopt(leg->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (bind(leg->fd, &local.any, size) || getsockname(leg->fd, &local.any, &size)) {
		close(leg->fd);
		leg->fd = -1;
		return BL_EPORT;
	}
	if (bl_rtp_leg_begin(leg))
		return BL_EIO;
	open_wide(leg, &local, stamped);
	open_rtcp(leg, &local, size);
	return bl_address_port(&local);
}

static bool is_type(int32_t payload_type)
{
	return payload_type >= 0 && payload_type <= 127;
}

/* Each number means one thing; whole samples a tick. */
static bool has_good_types(const struct bl_remote *remote)
{
	return is_type(remote->payload_type) && is_type(remote->payload_type_in) &&
	       is_type(remote->event_payload_type_in) &&
	       (remote->event_payload_type == -1 || is_type(remote->event_payload_type)) &&
	       (remote->cn_payload_type == -1 || is_type(remote->cn_payload_type)) &&
	       remote->event_payload_type != remote->payload_type &&
	       (!remote->event_rate ||
		(remote->event_rate >= BL_RATE && remote->event_rate <= BL_RATE_FULL &&
		 remote->event_rate % BL_TICKS_PER_S == 0));
}

int bl_rtp_leg_far(const struct bl_leg *leg, const struct bl_remote *remote, struct bl_far *out)
{
	if (leg->kind != BL_LEG_RTP || remote->port < 1 || !has_good_types(remote) ||
	    remote->rtcp_port < -1 || remote->rtcp_port > UINT16_MAX)
		return BL_EINVAL;
	out->payload_type = (uint8_t)remote->payload_type;
	out->payload_type_in = (uint8_t)remote->payload_type_in;
	out->event_payload_type = (int16_t)remote->event_payload_type;
	out->event_payload_type_in = (uint8_t)remote->event_payload_type_in;
	out->event_rate = remote->event_rate;
	out->noise_payload_type =
		(int16_t)(remote->cn_payload_type > 0 ? remote->cn_payload_type : 0);
	out->rtcp_port = remote->rtcp_port ? remote->rtcp_port : (remote->port + 1) & UINT16_MAX;
	return bl_address_parse(remote->address, remote->port, &out->address, &out->size);
}

uint32_t bl_rtp_leg_event_clock(const struct bl_leg *leg)
{
	return (uint32_t)(leg->rtp.far.event_rate ? leg->rtp.far.event_rate : leg->coder->clock);
}

void bl_rtp_leg_set_far(struct bl_leg *leg, const struct bl_far *far)
{
	struct bl_rtp_leg *rtp = &leg->rtp;

	if (!rtp->far.size || !bl_address_same(&rtp->far.address, &far->address)) {
		bl_latch_reset(&rtp->latch, &far->address);
		rtp->events_seen = false;
		rtp->rtcp.to = far->address;
		bl_address_set_port(&rtp->rtcp.to, (uint16_t)far->rtcp_port);
		bl_rtp_leg_tie(leg);
	}
	rtp->rtcp.on = far->rtcp_port > 0;
	rtp->far = *far;
}
