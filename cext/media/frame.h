/* frame.h  The one frame size of the engine, and its level reference */
#ifndef BL_FRAME_H
#define BL_FRAME_H

enum {
	BL_RATE = 8000, /* [Hz] */
	BL_FRAME = 160, /* [samples] of one tick */
	BL_FRAME_MS = 20,
	BL_SAMPLES_PER_MS = BL_RATE / 1000,
};

/* ITU-T G.711 table 1: a sine that just reaches the A-law's end (here 32768) is +3.14 dBm0 */
#define BL_FULL_SCALE_DBM0 3.14

#endif
