/* address.c  IPv4 and IPv6 addresses with a port */
#include <arpa/inet.h>
#include <string.h>
#include "address.h"
#include "branchline_media.h"

int bl_address_parse(const char *text, int32_t port, union bl_address *out, socklen_t *size)
{
	memset(out, 0, sizeof(*out));
	if (!text || port < 0 || port > UINT16_MAX)
		return BL_EINVAL;
	if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons((uint16_t)port);
		*size = sizeof(out->v4);
		return BL_OK;
	}
	if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		*size = sizeof(out->v6);
		return BL_OK;
	}
	return BL_EINVAL;
}

socklen_t bl_address_size(const union bl_address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

bool bl_address_same(const union bl_address *a, const union bl_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port &&
		       a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port &&
	       !memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr));
}

uint16_t bl_address_port(const union bl_address *address)
{
	return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port
						       : address->v6.sin6_port);
}

void bl_address_set_port(union bl_address *address, uint16_t port)
{
	if (address->any.sa_family == AF_INET)
		address->v4.sin_port = htons(port);
	else
		address->v6.sin6_port = htons(port);
}
