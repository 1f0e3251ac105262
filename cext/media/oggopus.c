/* oggopus.c  Ogg Opus files (RFC 3533, RFC 6716, RFC 7845), whole up to the last page */
#include <errno.h>
#include <opus_multistream.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "frame.h"
#include "oggopus.h"

enum {
	CLOCK = 48000,	/* [Hz] of positions, whatever the rate (RFC 7845 §4) */
	PACKET_MS = 60, /* the longest there is: the cheapest */
	PACKET_SAMPLES = BL_RATE_FULL / 1000 * PACKET_MS, /* [samples] at most */
	PACKET_MAX = 2 * 3 * 1275,			  /* [bytes] of two streams of 3 frames */
	PAGE_PACKETS = 12,				  /* 720 ms */
	PAGE_HEADER = 27,
	PAGE_SEGMENTS = 255,
	PAGE_BODY = 16384, /* [bytes]; 720 ms take 2,000 to 6,000 */
	/* RFC 3533 §6: flags of a page */
	PAGE_FIRST = 2,
	PAGE_LAST = 4,
	COMPLEXITY = 0, /* PESQ 4.26 of speech at 8 kHz; G.711 alone makes 4.15 */
};

struct oggopus {
	struct bl_sound_file file;
	OpusMSEncoder *encoder;
	int32_t channels, packet; /* [samples] of a packet */
	uint32_t skip;		  /* [1/48000 s] at the beginning, the encoder's delay */
	off_t at;		  /* [bytes] of whole pages */
	uint64_t safe;		  /* [samples] in them */
	uint32_t serial, page;
	uint64_t coded;			      /* [samples] in packets so far */
	int32_t waiting;		      /* [samples] that make no packet yet */
	int32_t segments, body_size, packets; /* of the page that is being filled */
	int16_t pcm[PACKET_SAMPLES * 2];
	uint8_t lacing[PAGE_SEGMENTS];
	uint8_t body[PAGE_BODY];
};

static void put_le(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* RFC 3533 §6: polynomial 0x04c11db7, no reflection, begins at 0. A page a second: no table. */
static uint32_t crc(uint32_t value, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		value ^= (uint32_t)data[i] << 24;
		for (int bit = 0; bit < 8; bit++)
			value = value & 0x80000000U ? value << 1 ^ 0x04c11db7U : value << 1;
	}
	return value;
}

/* [1/48000 s] of a sample */
static uint64_t clocks(const struct oggopus *ogg)
{
	return CLOCK / (uint64_t)ogg->file.rate;
}

/* A page that was written in part is taken away again, so that the file ends with a whole one. */
static int write_page(struct oggopus *ogg, uint8_t flags, uint64_t position)
{
	uint8_t page[PAGE_HEADER + PAGE_SEGMENTS + PAGE_BODY] = {'O', 'g', 'g', 'S', 0, flags};
	size_t size = PAGE_HEADER, done;
	int err;

	put_le(page + 6, position, 8);
	put_le(page + 14, ogg->serial, 4);
	put_le(page + 18, ogg->page++, 4);
	page[26] = (uint8_t)ogg->segments;
	memcpy(page + size, ogg->lacing, (size_t)ogg->segments);
	size += (size_t)ogg->segments;
	memcpy(page + size, ogg->body, (size_t)ogg->body_size);
	size += (size_t)ogg->body_size;
	put_le(page + 22, crc(0, page, size), 4);
	ogg->segments = ogg->body_size = ogg->packets = 0;
	err = bl_write_all(ogg->file.fd, page, size, ogg->at, &done);
	if (!err) {
		ogg->at += (off_t)size;
		ogg->safe = position > ogg->skip ? (position - ogg->skip) / clocks(ogg) : 0;
		return 0;
	}
	ogg->file.samples = ogg->safe;
	if (done && ftruncate(ogg->file.fd, ogg->at))
		return err; /* what is left then is half a page, which players skip */
	return err;
}

/* True: it fits into the page. */
static bool add_packet(struct oggopus *ogg, const uint8_t *data, int32_t size)
{
	int32_t segments = size / 255 + 1;

	if (ogg->segments + segments > PAGE_SEGMENTS || ogg->body_size + size > PAGE_BODY)
		return false;
	memset(ogg->lacing + ogg->segments, 255, (size_t)segments - 1);
	ogg->segments += segments;
	ogg->lacing[ogg->segments - 1] = (uint8_t)(size % 255);
	memcpy(ogg->body + ogg->body_size, data, (size_t)size);
	ogg->body_size += size;
	ogg->packets++;
	return true;
}

/* The granule position after all packets so far (RFC 7845 §4). */
static uint64_t coded_to(const struct oggopus *ogg)
{
	return ogg->coded * clocks(ogg);
}

/* The page goes out when it is a second old, or when no other packet would find room in it. */
static bool page_full(const struct oggopus *ogg)
{
	return ogg->packets == PAGE_PACKETS ||
	       ogg->segments + PACKET_MAX / 255 + 1 > PAGE_SEGMENTS ||
	       ogg->body_size + PACKET_MAX > PAGE_BODY;
}

static int code_packet(struct oggopus *ogg)
{
	uint8_t packet[PACKET_MAX];
	int32_t size = opus_multistream_encode(ogg->encoder, ogg->pcm, ogg->packet, packet,
					       sizeof(packet));

	ogg->waiting = 0;
	if (size < 0 || !add_packet(ogg, packet, size))
		return EIO;
	ogg->coded += (uint64_t)ogg->packet;
	return 0;
}

static int write_opus(struct bl_sound_file *file, const int16_t (*pcm)[2], size_t count)
{
	struct oggopus *ogg = (struct oggopus *)file;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		int16_t *to = ogg->pcm + (size_t)ogg->waiting++ * (size_t)ogg->channels;

		to[0] = file->mono ? bl_mixed(pcm[i]) : pcm[i][0];
		if (!file->mono)
			to[1] = pcm[i][1];
		file->samples++;
		if (ogg->waiting == ogg->packet)
			err = code_packet(ogg);
		if (!err && page_full(ogg))
			err = write_page(ogg, 0, coded_to(ogg));
	}
	return err;
}

static int settle_opus(struct bl_sound_file *file)
{
	(void)file; /* pages go out as they fill */
	return 0;
}

/* Silence pushes the last sound through the encoder; the granule cuts it off again. */
static int finish_opus(struct bl_sound_file *file)
{
	struct oggopus *ogg = (struct oggopus *)file;
	uint64_t end = ogg->skip + file->samples * clocks(ogg);
	int err = 0;

	do {
		size_t from = (size_t)ogg->waiting * (size_t)ogg->channels;

		memset(ogg->pcm + from, 0, sizeof(ogg->pcm) - from * sizeof(ogg->pcm[0]));
		err = code_packet(ogg);
		if (!err && page_full(ogg) && coded_to(ogg) < end)
			err = write_page(ogg, 0, coded_to(ogg));
	} while (!err && coded_to(ogg) < end);
	return err ? err : write_page(ogg, PAGE_LAST, end);
}

static void release_opus(struct bl_sound_file *file)
{
	struct oggopus *ogg = (struct oggopus *)file;

	opus_multistream_encoder_destroy(ogg->encoder);
	close(file->fd);
	free(ogg);
}

/* RFC 7845 §5.1, §5.1.1.2: two streams, none coupled, left and right. */
static int write_head(struct oggopus *ogg)
{
	uint8_t head[32] = "OpusHead\1";
	int32_t size = 19;

	head[9] = (uint8_t)ogg->channels;
	put_le(head + 10, ogg->skip, 2);
	put_le(head + 12, (uint32_t)ogg->file.rate, 4);
	if (ogg->channels == 2) {
		head[18] = 1; /* mapping family */
		head[19] = 2; /* streams */
		head[20] = 0; /* coupled ones */
		head[21] = 0; /* left */
		head[22] = 1; /* right */
		size = 23;
	}
	add_packet(ogg, head, size);
	return write_page(ogg, PAGE_FIRST, 0);
}

static size_t put_text(uint8_t *to, const char *text)
{
	size_t size = strnlen(text, 128);

	put_le(to, size, 4);
	for (size_t i = 0; i < size; i++)
		to[4 + i] = (uint8_t)text[i];
	return 4 + size;
}

/* RFC 7845 §5.2 */
static int write_tags(struct oggopus *ogg)
{
	static const char *const tags[] = {"ENCODER=Branchline", "LEFT=says", "RIGHT=hears"};
	uint32_t count = ogg->channels == 2 ? 3 : 1;
	uint8_t packet[512] = "OpusTags";
	size_t size = 8;

	size += put_text(packet + size, opus_get_version_string());
	put_le(packet + size, count, 4);
	size += 4;
	for (uint32_t i = 0; i < count; i++)
		size += put_text(packet + size, tags[i]);
	add_packet(ogg, packet, (int32_t)size);
	return write_page(ogg, 0, 0);
}

static int make_encoder(struct oggopus *ogg)
{
	static const uint8_t mapping[] = {0, 1};
	int32_t rate = ogg->file.rate, delay = 0;
	int err, bitrate = rate == BL_RATE ? 16000 : rate == BL_RATE_WIDE ? 24000 : 32000;

	ogg->encoder = opus_multistream_encoder_create(rate, ogg->channels, ogg->channels, 0,
						       mapping, OPUS_APPLICATION_VOIP, &err);
	if (!ogg->encoder)
		return ENOMEM;
	if (opus_multistream_encoder_ctl(ogg->encoder, OPUS_SET_COMPLEXITY(COMPLEXITY)) ||
	    opus_multistream_encoder_ctl(ogg->encoder,
					 OPUS_SET_BITRATE(bitrate * ogg->channels)) ||
	    opus_multistream_encoder_ctl(ogg->encoder, OPUS_GET_LOOKAHEAD(&delay)))
		return EINVAL;
	ogg->skip = (uint32_t)(delay * (CLOCK / rate));
	return 0;
}

int bl_oggopus_new(int fd, int32_t rate, bool mono, struct bl_sound_file **out)
{
	static const struct bl_sound_file_kind kind = {
		.write = write_opus,
		.settle = settle_opus,
		.finish = finish_opus,
		.release = release_opus,
	};
	struct oggopus *ogg = calloc(1, sizeof(*ogg));
	int err;

	if (!ogg)
		return ENOMEM;
	ogg->file = (struct bl_sound_file){.kind = &kind, .fd = fd, .rate = rate, .mono = mono};
	ogg->channels = mono ? 1 : 2;
	ogg->packet = rate / 1000 * PACKET_MS;
	if (getrandom(&ogg->serial, sizeof(ogg->serial), 0) < 0)
		ogg->serial = 1; /* it must only differ from others of the same file */
	err = make_encoder(ogg);
	if (!err)
		err = write_head(ogg);
	if (!err)
		err = write_tags(ogg);
	if (err) {
		if (ogg->encoder)
			opus_multistream_encoder_destroy(ogg->encoder);
		free(ogg);
	} else {
		*out = &ogg->file;
	}
	return err;
}
