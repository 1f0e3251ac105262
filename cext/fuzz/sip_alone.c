/* sip_alone.c  A network of the process' own, for a stack that may send anywhere */
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sip_alone.h"

/*
 * A network without a way out: all routes end in it. Were there none to the name server, the
 * library would ask it again and again for ever.
 */
bool sip_alone(void)
{
	struct ifreq loop = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	struct rtentry all = {
		.rt_dst.sa_family = AF_INET,
		.rt_genmask.sa_family = AF_INET,
		.rt_flags = RTF_UP,
		.rt_dev = loop.ifr_name,
	};
	int fd;
	bool up;

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	up = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &loop) && !ioctl(fd, SIOCADDRT, &all);
	close(fd);
	return up;
}
