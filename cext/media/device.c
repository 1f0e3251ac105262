/* device.c  The stream of a device: its bytes to samples and back, in step with its clock */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "device.h"
#include "g711.h"
#include "pace.h"
#include "simd.h"
#include "skew.h"
#include "v253.h"

enum {
	MOST_GAIN_DB = 40,
	SAMPLE_MAX = 2 * 2, /* [bytes] of a sample, shielded */
	WAIT_MS = 60,	    /* what waits to be written for longer shows a device behind */
	FRAMES = 6,	    /* of WAIT_MS, of the lead at the begin, of one more frame */
	SENT = 1 << 14,	    /* [samples] of what was sent: 1 s at 16 kHz */
	EARLY_PER_S = 250,  /* 4 ms: so much before its time is the echo's cause looked at */
	PIECE = BL_SKEW_OUT,
};

struct bl_device {
	struct bl_device_config config;
	size_t width;		 /* [bytes] of a sample */
	float in_gain, out_gain; /* factors of the amplitude */
	struct bl_v253 v253;
	struct bl_pace pace;
	struct bl_skew skew;
	int32_t skip; /* [samples] to be left out */
	bool behind;
	uint8_t odd; /* half a sample */
	bool have_odd;
	size_t waiting; /* [bytes] in out */
	uint8_t *out;
	struct bl_echo *echo; /* NULL: there is no echo */
	size_t echo_frame;    /* [samples] */
	size_t heard_count;
	int16_t heard[BL_ECHO_FRAME_MAX];
	int16_t *sent; /* a ring of what was written lately */
};

static bool is_config(const struct bl_device_config *config)
{
	bool law = config->format == BL_DEVICE_PCMU || config->format == BL_DEVICE_PCMA;

	return config->format >= BL_DEVICE_S16LE && config->format <= BL_DEVICE_PCMA &&
	       (config->rate == BL_RATE || (config->rate == BL_RATE_WIDE && !law)) &&
	       config->block >= 0 && config->block <= BL_DEVICE_BLOCK &&
	       !(config->block && config->shielded) && fabs(config->in_db) <= MOST_GAIN_DB &&
	       fabs(config->out_db) <= MOST_GAIN_DB;
}

static float factor(double db)
{
	return (float)pow(10.0, db / 20.0);
}

static int add_echo(struct bl_device *device)
{
	const struct bl_device_config *config = &device->config;
	int err;

	if (!config->echo_ms)
		return BL_OK;
	device->echo_frame = (size_t)config->rate / BL_ECHO_FRAMES_PER_S;
	err = bl_echo_new(config->rate, config->echo_ms, config->suppress, &device->echo);
	if (err)
		return err;
	device->sent = calloc(SENT, sizeof(*device->sent));
	return device->sent ? BL_OK : BL_ENOMEM;
}

int bl_device_new(const struct bl_device_config *config, struct bl_device **out)
{
	struct bl_device *device;
	int err;

	if (!config || !out || !is_config(config))
		return BL_EINVAL;
	device = calloc(1, sizeof(*device));
	if (!device)
		return BL_ENOMEM;
	device->config = *config;
	device->width = config->format == BL_DEVICE_S16LE ? 2 : 1;
	device->in_gain = factor(config->in_db);
	device->out_gain = factor(config->out_db);
	device->v253.repeat =
		(uint32_t)((size_t)config->rate / 1000 * BL_V253_REPEAT_MS * device->width);
	bl_pace_init(&device->pace, config->rate, config->block);
	bl_skew_init(&device->skew);
	device->out = malloc(
		((size_t)config->rate / BL_TICKS_PER_S * FRAMES + 2 * (size_t)config->block) *
		SAMPLE_MAX);
	err = device->out ? add_echo(device) : BL_ENOMEM;
	if (err)
		bl_device_free(device);
	else
		*out = device;
	return err;
}

void bl_device_free(struct bl_device *device)
{
	if (!device)
		return;
	bl_echo_free(device->echo);
	free(device->sent);
	free(device->out);
	free(device);
}

size_t bl_device_chunk(const struct bl_device *device)
{
	return device->config.block ? (size_t)device->config.block * device->width
				    : BL_DEVICE_READ;
}

/* -- in ------------------------------------------------------------------------------------- */

static size_t decode_wide(struct bl_device *device, const uint8_t *in, size_t size, int16_t *out)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++) {
		if (device->have_odd)
			out[count++] = (int16_t)(uint16_t)(in[i] << 8 | device->odd);
		else
			device->odd = in[i];
		device->have_odd = !device->have_odd;
	}
	return count;
}

static size_t decode(struct bl_device *device, const uint8_t *in, size_t size, int16_t *out)
{
	switch (device->config.format) {
	case BL_DEVICE_PCMU:
		bl_g711_decode(BL_PCMU, in, size, out);
		return size;
	case BL_DEVICE_PCMA:
		bl_g711_decode(BL_PCMA, in, size, out);
		return size;
	case BL_DEVICE_U8:
		for (size_t i = 0; i < size; i++)
			out[i] = (int16_t)((in[i] - 128) * 256);
		return size;
	case BL_DEVICE_S8:
		for (size_t i = 0; i < size; i++)
			out[i] = (int16_t)((int8_t)in[i] * 256);
		return size;
	default:
		return decode_wide(device, in, size, out);
	}
}

static void amplify(float gain, const int16_t *in, size_t count, int16_t *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = gain == 1.0f ? in[i] : bl_simd_sample((float)in[i] * gain);
}

/* Full frames of what was heard, in place, less the echo; the rest waits. Returns their samples.
 */
static size_t cancel(struct bl_device *device, const int16_t *heard, size_t count, int16_t *clean)
{
	/* the first of these is as old as what waits */
	int64_t at = device->pace.played - (int64_t)(count + device->heard_count) +
		     device->config.rate / EARLY_PER_S;
	size_t done = 0;

	while (count) {
		int16_t sent[BL_ECHO_FRAME_MAX];
		size_t more = device->echo_frame - device->heard_count;

		more = more < count ? more : count;
		memcpy(device->heard + device->heard_count, heard, more * sizeof(*heard));
		device->heard_count += more;
		heard += more;
		count -= more;
		if (device->heard_count < device->echo_frame)
			break;
		for (size_t i = 0; i < device->echo_frame; i++, at++)
			sent[i] = (int16_t)(at >= 0 && at < device->pace.wrote &&
							    at > device->pace.wrote - SENT
						    ? device->sent[at % SENT]
						    : 0);
		bl_echo_frame(device->echo, device->heard, sent, clean + done);
		done += device->echo_frame;
		device->heard_count = 0;
	}
	return done;
}

size_t bl_device_read(struct bl_device *device, const uint8_t *bytes, size_t size,
		      struct bl_device_got *got)
{
	struct bl_v253_got shielded = {0};
	uint8_t plain[BL_DEVICE_READ];
	int16_t samples[BL_DEVICE_READ];
	size_t taken, count;

	size = size < sizeof(plain) ? size : sizeof(plain);
	taken = size;
	if (device->config.shielded) {
		taken = bl_v253_read(&device->v253, bytes, size, plain, &shielded);
		bytes = plain;
		size = shielded.bytes;
	}
	got->code = shielded.code;
	got->digit = shielded.digit;
	count = decode(device, bytes, size, samples);
	amplify(device->in_gain, samples, count, samples);
	bl_pace_read(&device->pace, (int32_t)count);
	if (got->code == BL_V253_UNDERRUN)
		bl_pace_dry(&device->pace);
	if (device->echo) {
		got->count = cancel(device, samples, count, got->samples);
	} else {
		memcpy(got->samples, samples, count * sizeof(*samples));
		got->count = count;
	}
	return taken;
}

/* -- out ------------------------------------------------------------------------------------ */

static void encode(const struct bl_device *device, const int16_t *in, size_t count, uint8_t *out)
{
	for (size_t i = 0; i < count; i++) {
		/* 8 bits: rounded, and the last step of the positive side saturated */
		int byte = (in[i] + 128) >> 8;

		byte = byte > INT8_MAX ? INT8_MAX : byte;
		switch (device->config.format) {
		case BL_DEVICE_U8:
			out[i] = (uint8_t)(byte + 128);
			break;
		case BL_DEVICE_S8:
			out[i] = (uint8_t)byte;
			break;
		default:
			out[2 * i] = (uint8_t)in[i];
			out[2 * i + 1] = (uint8_t)((uint16_t)in[i] >> 8);
		}
	}
}

/* Puts up to PIECE samples behind what waits; they were found to have room. */
static void append(struct bl_device *device, const int16_t *samples, size_t count)
{
	uint8_t bytes[PIECE * 2];
	int32_t format = device->config.format;

	if (format == BL_DEVICE_PCMU || format == BL_DEVICE_PCMA)
		bl_g711_encode(format == BL_DEVICE_PCMU ? BL_PCMU : BL_PCMA, samples, count,
			       bytes);
	else
		encode(device, samples, count, bytes);
	if (device->config.shielded) {
		device->waiting += bl_v253_shield(bytes, count * device->width,
						  device->out + device->waiting);
	} else {
		memcpy(device->out + device->waiting, bytes, count * device->width);
		device->waiting += count * device->width;
	}
	for (size_t i = 0; device->sent && i < count; i++)
		device->sent[(device->pace.wrote + (int64_t)i) % SENT] = samples[i];
	bl_pace_wrote(&device->pace, (int32_t)count);
}

static void append_silence(struct bl_device *device, size_t count)
{
	static const int16_t silence[PIECE];

	while (count) {
		size_t piece = count < PIECE ? count : PIECE;

		append(device, silence, piece);
		count -= piece;
	}
}

/* [bytes] */
static size_t wait_most(const struct bl_device *device)
{
	return ((size_t)device->config.rate / 1000 * WAIT_MS + (size_t)device->config.block) *
	       device->width;
}

bool bl_device_write(struct bl_device *device, const int16_t *frame)
{
	size_t samples = (size_t)device->config.rate / BL_TICKS_PER_S, count;
	int16_t louder[BL_SKEW_IN], paced[BL_SKEW_OUT];
	struct bl_pace_step step;

	if (device->waiting > wait_most(device))
		device->behind = true;
	if (device->behind)
		return false;
	step = bl_pace_tick(&device->pace);
	append_silence(device, (size_t)step.silence);
	if (step.skip)
		device->skip = step.skip;
	if (step.full || device->skip > 0) {
		device->skip -= device->skip < (int32_t)samples ? device->skip : (int32_t)samples;
		return false;
	}
	amplify(device->out_gain, frame, samples, louder);
	count = bl_skew(&device->skew, device->pace.ratio, louder, samples, paced);
	append(device, paced, count);
	return true;
}

const uint8_t *bl_device_due(const struct bl_device *device, size_t *size)
{
	size_t block = (size_t)device->config.block * device->width;

	*size = !block ? device->waiting : device->waiting >= block ? block : 0;
	return device->out;
}

void bl_device_went(struct bl_device *device, size_t size)
{
	device->waiting -= size;
	memmove(device->out, device->out + size, device->waiting);
}

bool bl_device_is_behind(const struct bl_device *device)
{
	return device->behind;
}

void bl_device_drained(struct bl_device *device)
{
	device->behind = false;
}
