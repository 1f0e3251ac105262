/* ifp.c  Is an IFP packet (ITU-T T.38 §8) whole, and safe to be read by libspandsp? */
#include <stdbool.h>
#include "branchline_media.h"
#include "bytes.h"
#include "ifp.h"

enum {
	DATA_PRESENT = 0x80,
	TYPE_DATA = 0x40,
	EXTENDED = 0x20, /* of a type, in its first octet */
	FIELD_DATA = 0x80,
	FIELD_EXTENDED = 0x40,
	HDLC_DATA = 0,
	HDLC_FCS_OK = 2,
	HDLC_FCS_BAD_SIG_END = 5,
	NON_ECM_DATA = 6,
	FCF_MASK = 0x7F, /* less the bit X of T.30 §5.3.6.1, which libspandsp ignores */
	FCD_HEAD = 4,	 /* address, control, FCF, frame number */
	FIELD_COUNT_MAX = 0x7F,
};

struct field {
	int type;
	const uint8_t *data;
	size_t size; /* 0: none */
};

struct reader {
	const uint8_t *at;
	size_t left;
	bool half; /* version 0: the second half of at[0] comes next */
};

/* Version 0 packs type and flag into half an octet, with no extension (T.38 1998). */
static int read_type_0(struct reader *reader, bool *data, int *type)
{
	uint8_t octet;

	if (!reader->left)
		return BL_EINVAL;
	octet = reader->half ? (uint8_t)(reader->at[0] << 4) : reader->at[0];
	*data = octet & FIELD_DATA;
	*type = octet >> 4 & 7;
	reader->half = !reader->half && !*data;
	if (!reader->half) {
		reader->at++;
		reader->left--;
	}
	return BL_OK;
}

static int read_type(struct reader *reader, bool *data, int *type)
{
	if (!reader->left || (reader->at[0] & FIELD_EXTENDED))
		return BL_EINVAL;
	*data = reader->at[0] & FIELD_DATA;
	*type = reader->at[0] >> 3 & 7;
	reader->at++;
	reader->left--;
	return BL_OK;
}

static int read_field(struct reader *reader, int version, struct field *out)
{
	bool data;

	*out = (struct field){0};
	if (version ? read_type(reader, &data, &out->type)
		    : read_type_0(reader, &data, &out->type))
		return BL_EINVAL;
	if (!data)
		return BL_OK;
	if (reader->left < 2)
		return BL_EINVAL;
	out->size = (size_t)bl_get16(reader->at) + 1;
	out->data = reader->at + 2;
	if (out->size > reader->left - 2)
		return BL_EINVAL;
	reader->at += out->size + 2;
	reader->left -= out->size + 2;
	return BL_OK;
}

static int check_field(const struct field *field, struct bl_ifp_frame *frame)
{
	if (field->type == NON_ECM_DATA)
		return field->size ? BL_OK : BL_EINVAL;
	if (field->type == HDLC_DATA) {
		if (!field->size || frame->size + field->size > BL_IFP_FRAME_MAX)
			return BL_EINVAL;
		if (frame->size < 3 && frame->size + field->size >= 3)
			frame->control = field->data[2 - frame->size];
		frame->size += field->size;
	} else if (field->type >= HDLC_FCS_OK && field->type <= HDLC_FCS_BAD_SIG_END) {
		if (frame->size >= 3 && frame->size < FCD_HEAD &&
		    (frame->control & FCF_MASK) == BL_IFP_FCD)
			return BL_EINVAL;
		*frame = (struct bl_ifp_frame){0};
	}
	return BL_OK;
}

static int check_fields(struct reader *reader, int version, struct bl_ifp_frame frame)
{
	size_t count;

	if (!reader->left || reader->at[0] > FIELD_COUNT_MAX)
		return BL_EINVAL;
	count = reader->at[0];
	reader->at++;
	reader->left--;
	for (size_t i = 0; i < count; i++) {
		struct field field;

		if (read_field(reader, version, &field) || check_field(&field, &frame))
			return BL_EINVAL;
	}
	return BL_OK;
}

int bl_ifp_check(const uint8_t *ifp, size_t size, int version, struct bl_ifp_frame frame)
{
	struct reader reader = {ifp, size, false};

	if (!ifp || !size || (ifp[0] & EXTENDED)) /* V.8, V.33, V.34: not spoken */
		return BL_EINVAL;
	if (!(ifp[0] & TYPE_DATA))
		return ifp[0] & DATA_PRESENT ? BL_EINVAL : BL_OK;
	reader.at++;
	reader.left--;
	return ifp[0] & DATA_PRESENT ? check_fields(&reader, version, frame) : BL_OK;
}
