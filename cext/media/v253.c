/* v253.c  The stream of a voice modem: samples with DLE-shielded codes among them */
#include <string.h>
#include "v253.h"

static bool is_digit(char code)
{
	return code && strchr("0123456789*#ABCD", code) != NULL;
}

/* False: the key that was told already is still down. */
static bool is_new_press(struct bl_v253 *reader, char digit)
{
	bool again = digit == reader->digit && (reader->pressed || reader->since < reader->repeat);

	reader->digit = digit;
	reader->since = 0;
	return !again;
}

/* A byte behind DLE. */
static void take_code(struct bl_v253 *reader, char code, uint8_t *samples, struct bl_v253_got *got)
{
	if (code == BL_V253_DLE || code == BL_V253_SUB) {
		samples[got->bytes++] = BL_V253_DLE;
		if (code == BL_V253_SUB)
			samples[got->bytes++] = BL_V253_DLE;
	} else if (code == BL_V253_DIGIT_BEGINS || code == BL_V253_DIGIT_ENDS) {
		reader->pressed = code == BL_V253_DIGIT_BEGINS;
		reader->digit = 0;
	} else if (is_digit(code)) {
		got->digit = is_new_press(reader, code);
		got->code = (char)(got->digit ? code : 0);
	} else if (code == BL_V253_ETX || (code >= ' ' && code <= '~')) {
		got->code = code;
	} else {
		reader->broken++;
	}
}

size_t bl_v253_read(struct bl_v253 *reader, const uint8_t *in, size_t size, uint8_t *samples,
		    struct bl_v253_got *got)
{
	size_t taken = 0;

	*got = (struct bl_v253_got){0};
	while (taken < size && !got->code) {
		size_t before = got->bytes;
		uint8_t byte = in[taken++];

		if (reader->shielded) {
			reader->shielded = false;
			take_code(reader, (char)byte, samples, got);
		} else if (byte == BL_V253_DLE) {
			reader->shielded = true;
		} else {
			samples[got->bytes++] = byte;
		}
		if (reader->since < reader->repeat)
			reader->since += (uint32_t)(got->bytes - before);
	}
	return taken;
}

size_t bl_v253_shield(const uint8_t *in, size_t size, uint8_t *out)
{
	size_t count = 0;

	for (size_t i = 0; i < size; i++) {
		if (in[i] == BL_V253_DLE)
			out[count++] = BL_V253_DLE;
		out[count++] = in[i];
	}
	return count;
}
