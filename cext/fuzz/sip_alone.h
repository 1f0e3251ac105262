/* sip_alone.h  A network of the process' own, for a stack that may send anywhere */
#ifndef SIP_ALONE_H
#define SIP_ALONE_H
#include <stdbool.h>

/* From now on; false: this machine does not grant it. */
bool sip_alone(void);

#endif
