/* frame.h  The engine's frames: 20 ms at one of three rates, and their level reference */
#ifndef BL_FRAME_H
#define BL_FRAME_H

enum {
	BL_RATE = 8000, /* [Hz] of a narrow-band frame, and of a tick's clock */
	BL_FRAME = 160, /* [samples] of a narrow-band frame */
	BL_FRAME_MS = 20,
	BL_SAMPLES_PER_MS = BL_RATE / 1000,
	BL_RATE_WIDE = 16000, /* [Hz] G.722, Opus */
	BL_RATE_FULL = 48000, /* [Hz] Opus */
	BL_FRAME_MAX = 960,   /* [samples] of a frame at BL_RATE_FULL */
	BL_TICKS_PER_S = 50,
};

/* ITU-T G.711 table 1: a sine that just reaches the A-law's end (here 32768) is +3.14 dBm0 */
#define BL_FULL_SCALE_DBM0 3.14

#endif
