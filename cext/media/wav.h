/*
 * wav.h  WAV files (RIFF, PCM s16), whole at any moment
 *
 * The header is brought up to date about once a second of sound, so that what a killed process or
 * a full disk leaves can be played. A RIFF length has 32 bits: at 8 kHz stereo 37 hours, at 48 kHz
 * 6; then writing fails with EFBIG.
 */
#ifndef BL_WAV_H
#define BL_WAV_H
#include "sound_file.h"

/* Writes the header; takes fd over where it succeeds. Returns 0 or an errno. */
int bl_wav_new(int fd, int32_t rate, bool mono, struct bl_sound_file **out);

#endif
