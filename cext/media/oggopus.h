/*
 * oggopus.h  Ogg Opus files (RFC 3533, RFC 6716, RFC 7845), whole up to the last page
 *
 * What does it do?  It writes what a leg says and hears as a stereo file, each side a stream of
 *   its own: nothing of one is heard in the other, and whoever is silent costs next to nothing.
 *   About 17 kbit/s for a talk at 8 kHz: 8 MB an hour.
 * How does it work?  libopus codes 60 ms at a time at the leg's own rate; 12 such packets make a
 *   page, so that a killed process loses less than a second. The page's position (granule) says
 *   how much of the last packet is sound.
 * How do I use it?  As any bl_sound_file. Its encoder takes 45 kB a side.
 */
#ifndef BL_OGGOPUS_H
#define BL_OGGOPUS_H
#include "sound_file.h"

/* Writes the two header pages; takes fd over where it succeeds. Returns 0 or an errno. */
int bl_oggopus_new(int fd, int32_t rate, bool mono, struct bl_sound_file **out);

#endif
