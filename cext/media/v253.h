/*
 * v253.h  The stream of a voice modem: samples with DLE-shielded codes among them (ITU-T V.253)
 *
 * What does it do?  It parts what a modem sends into bytes of samples and codes (a digit, busy,
 *   silence, an underrun, the end), and shields the bytes that are sent to it.
 * How does it work?  DLE (0x10) begins a code of two bytes. DLE DLE is the sample byte 0x10,
 *   DLE SUB two of them. A digit comes once, or again each 70 ms between DLE / and DLE ~ while the
 *   key is down, or again each 70 ms without these; each press is told once. The reader keeps what
 *   a code needs from one read to the next, so a code may be cut anywhere.
 * How do I use it?  A zeroed struct bl_v253 with `repeat` set; bl_v253_read() until all bytes are
 *   taken. bl_v253_shield() makes what is written.
 */
#ifndef BL_V253_H
#define BL_V253_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BL_V253_DLE = 0x10,
	BL_V253_REPEAT_MS = 150, /* the same digit within it is the same key: twice 70 ms */
};

/* The codes that we act on ourselves; all others are the line driver's. */
enum {
	BL_V253_ETX = 0x03,
	BL_V253_SUB = 0x1A,
	BL_V253_DIGIT_BEGINS = '/',
	BL_V253_DIGIT_ENDS = '~',
	BL_V253_UNDERRUN = 'u', /* the modem has nothing to play */
};

struct bl_v253 {
	uint32_t repeat; /* [bytes of samples] in BL_V253_REPEAT_MS */
	bool shielded;	 /* the next byte is a code */
	bool pressed;	 /* between DLE / and DLE ~ */
	char digit;	 /* told last, 0: none that may come again */
	uint32_t since;	 /* [bytes of samples] it came last */
	uint64_t broken; /* codes that are none */
};

/* What bl_v253_read() found: bytes of samples, then at most one code. */
struct bl_v253_got {
	size_t bytes; /* of samples */
	char code;    /* 0: none */
	bool digit;   /* the code is a digit that was pressed */
};

/*
 * Takes bytes up to the first code and returns how many; samples has room for size bytes, and may
 * be the same as in.
 */
size_t bl_v253_read(struct bl_v253 *reader, const uint8_t *in, size_t size, uint8_t *samples,
		    struct bl_v253_got *got);
/* Returns the bytes written; out has room for twice the size. */
size_t bl_v253_shield(const uint8_t *in, size_t size, uint8_t *out);

#endif
