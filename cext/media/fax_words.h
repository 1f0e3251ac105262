/* fax_words.h  What libspandsp says of a fax, in words of ours */
#ifndef BL_FAX_WORDS_H
#define BL_FAX_WORDS_H
#include <stdbool.h>
#include <stdint.h>
#include "fax.h"

/* Why it ended, by T.30's code. met: the far end had said who it is, so there is a fax machine. */
enum bl_fax_end bl_fax_end_of(int32_t code, bool met);
/* What the far end calls itself: printable ASCII, without blanks at either end. */
void bl_fax_station(char out[BL_FAX_STATION_MAX + 1], const char *text);

#endif
