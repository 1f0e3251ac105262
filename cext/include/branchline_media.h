/*
 * branchline_media.h  The media engine: legs of audio, the bridges between them, what they hear
 *
 * What does it do?  It owns the sample clock. Fifty times a second it takes 20 ms of sound from
 *   every leg (RTP over UDP, or raw PCM on a file descriptor), finds DTMF digits in it, mixes the
 *   bridges, plays prompts and tones, sends 20 ms to every leg and records what was asked for.
 * How does it work?  One tick thread does all that without allocation, lock or log. The caller's
 *   commands reach it through a ring; events come back through a ring and an eventfd. Files are
 *   written by a thread of their own. docs/media-engine.md shows the picture.
 * How do I use it?  Make an engine, start it, add legs, read events whenever bl_engine_fd() is
 *   readable. A stepped engine has no threads: bl_engine_step() runs its ticks by hand.
 *
 * Ids of legs, bridges, plays and recordings are the caller's own numbers. Every function returns
 * 0 (or what its comment says) or a negative enum bl_err. Calls may come from any thread, they
 * are serialised; nothing here blocks longer than opening a socket or a file.
 *
 * Python declares the text of these headers to cffi, less their preprocessor lines: keep macros
 * out of them.
 */
#ifndef BRANCHLINE_MEDIA_H
#define BRANCHLINE_MEDIA_H
#include "branchline_engine.h"
#include "branchline_leg.h"
#include "branchline_sound.h"
#include "branchline_record.h"
#include "branchline_fax.h"

#endif
