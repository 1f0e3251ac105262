/* kit.h  What several tests need: phones on loopback sockets, tones, levels, WAV files */
#ifndef BL_KIT_H
#define BL_KIT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "branchline_media.h"
#include "codec.h"
#include "frame.h"

enum {
	KIT_EVENT_PT = 101,
	KIT_HEARD = 8000 * 12, /* [samples] */
	KIT_EAR = 48000 * 4,   /* [samples] */
	KIT_PACKETS = 256,
	KIT_MEMBERS = 64,
	KIT_WAV = 48000 * 12, /* [samples] */
};

struct kit_packet {
	uint8_t payload_type;
	bool marker;
	uint16_t seq;
	uint32_t timestamp;
	size_t length;
	uint8_t payload[200];
};

/* The far end of an RTP leg. */
struct kit_phone {
	int fd, port; /* the engine's port */
	uint16_t seq;
	uint32_t timestamp, ssrc;
	int16_t heard[KIT_HEARD];
	size_t heard_count;
	struct kit_packet events[KIT_PACKETS]; /* of telephone-event */
	size_t event_count;
};

/* What a far end hears with another codec than PCMU. */
struct kit_ear {
	size_t count;
	int16_t pcm[KIT_EAR];
};

/* BL_UNBATCHED is in the environment: the engine is to do without io_uring. */
bool kit_unbatched(void);
struct bl_engine *kit_engine(void);
/* A bridge in which all legs just talk. */
int kit_bridge(struct bl_engine *engine, int64_t bridge, const int64_t *legs, int32_t count);
/* Adds the leg and agrees PCMU with it; event_pt -1: no telephone-event. */
struct kit_phone *kit_phone(struct bl_engine *engine, int64_t leg, int event_pt);
void kit_phone_free(struct kit_phone *phone);
/* One play or one WAV recording, the plain way. */
int kit_play(struct bl_engine *engine, int64_t leg, int64_t play, const struct bl_play_item *items,
	     int32_t count, bool loop);
int kit_record(struct bl_engine *engine, int64_t recording, int64_t leg, const char *path);
/* Adds a leg on a device of raw samples, s16le at 8 kHz. */
int kit_device(struct bl_engine *engine, int64_t leg, int fd);
/* Agrees another codec with the leg. */
int kit_agree(struct bl_engine *engine, int64_t leg, const struct kit_phone *phone,
	      int payload_type, int32_t codec, int32_t rate);
void kit_send(struct kit_phone *phone, int payload_type, const void *payload, size_t size);
void kit_send_raw(struct kit_phone *phone, const void *data, size_t size);
/* One packet of sound; moves seq and timestamp on. */
void kit_say(struct kit_phone *phone, const int16_t *pcm, size_t count);
/* Takes all packets that came. */
void kit_listen(struct kit_phone *phone);
void kit_ear_init(struct kit_ear *ear);
/* Takes and decodes all packets that came. */
void kit_ear_listen(struct kit_ear *ear, const struct kit_phone *phone,
		    struct bl_decoder *decoder);
/* One tick; the next event of that kind, or false. */
bool kit_event(struct bl_engine *engine, int32_t kind, struct bl_event *out);
/* How many events of that kind wait; takes all events. */
int kit_count_events(struct bl_engine *engine, int32_t kind);

/* out[i] = the sine's sample number from + i */
void kit_tone(double hz, double level_dbm0, size_t from, int16_t *out, size_t count);
void kit_tone_at(int32_t rate, double hz, double level_dbm0, size_t from, int16_t *out,
		 size_t count);
double kit_level_at(int32_t rate, const int16_t *pcm, size_t count, double hz);
double kit_level_dbm0(const int16_t *pcm, size_t count, double hz);
/* The power that is not that sine, against the whole [dB]. */
double kit_rest_db(const int16_t *pcm, size_t count, double hz);

/* A WAV file of s16; one side after the other, the right one empty where it is mono. */
struct kit_wav {
	int32_t rate;
	int channels;
	size_t samples; /* that the header speaks of and the file holds */
	size_t in_file; /* that the file holds */
	int16_t side[2][KIT_WAV];
};

/* False: it is no such file, or its header speaks of more than there is. */
bool kit_read_wav(const char *path, struct kit_wav *wav);

#endif
