/* address.h  IPv4 and IPv6 addresses with a port */
#ifndef BL_ADDRESS_H
#define BL_ADDRESS_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

union bl_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* text: numeric; BL_OK or BL_EINVAL */
int bl_address_parse(const char *text, int32_t port, union bl_address *out, socklen_t *size);
socklen_t bl_address_size(const union bl_address *address);
bool bl_address_same(const union bl_address *a, const union bl_address *b);
uint16_t bl_address_port(const union bl_address *address);
void bl_address_set_port(union bl_address *address, uint16_t port);

#endif
