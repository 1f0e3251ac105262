/* udptl.c  T.38's UDP transport (ITU-T T.38 §9.1): datagrams with a way to survive loss */
#include <string.h>
#include "branchline_media.h"
#include "bytes.h"
#include "udptl.h"

enum {
	MASK = BL_UDPTL_HISTORY - 1,
	FEC_BIT = 0x80,	  /* of the octet before the recovery part: choice of parities */
	LATE_MOST = 1000, /* [packets] older than that: the far end began anew */
	GAP_MOST = BL_UDPTL_ENTRIES * BL_UDPTL_SPAN, /* [packets] that a datagram could repair */
};

/* What is still to be read of a datagram. */
struct reader {
	const uint8_t *at;
	size_t left;
};

/* A length of aligned PER (X.691 §10.9): 7 or 14 bits; fragments (≥ 16,384) never fit in UDP. */
static int read_length(struct reader *reader, size_t *out)
{
	if (!reader->left)
		return BL_EINVAL;
	if (!(reader->at[0] & 0x80)) {
		*out = reader->at[0];
		reader->at++;
		reader->left--;
		return BL_OK;
	}
	if ((reader->at[0] & 0x40) || reader->left < 2)
		return BL_EINVAL;
	*out = bl_get16(reader->at) & 0x3FFF;
	reader->at += 2;
	reader->left -= 2;
	return BL_OK;
}

static int read_piece(struct reader *reader, struct bl_udptl_piece *out)
{
	if (read_length(reader, &out->size) || out->size > reader->left)
		return BL_EINVAL;
	out->data = reader->at;
	reader->at += out->size;
	reader->left -= out->size;
	return out->size > BL_UDPTL_IFP_MAX ? BL_EINVAL : BL_OK;
}

/* Entries beyond what we look at are checked and left out. */
static int read_entries(struct reader *reader, struct bl_udptl *out)
{
	size_t count;

	if (read_length(reader, &count))
		return BL_EINVAL;
	for (size_t i = 0; i < count; i++) {
		struct bl_udptl_piece entry;

		if (read_piece(reader, &entry))
			return BL_EINVAL;
		if (i < BL_UDPTL_ENTRIES)
			out->entries[out->count++] = entry;
	}
	/* parities interleave by their number: some of them alone mean nothing */
	if (out->repair == BL_UDPTL_FEC && count > BL_UDPTL_ENTRIES)
		out->count = 0;
	return BL_OK;
}

int bl_udptl_parse(const uint8_t *data, size_t size, struct bl_udptl *out)
{
	struct reader reader;
	uint8_t choice;

	if (!data || !out || size < 4)
		return BL_EINVAL;
	*out = (struct bl_udptl){.seq = bl_get16(data)};
	reader = (struct reader){data + 2, size - 2};
	if (read_piece(&reader, &out->ifp) || !reader.left)
		return BL_EINVAL;
	choice = reader.at[0];
	reader.at++;
	reader.left--;
	if (choice & FEC_BIT) {
		/* an INTEGER: its length, then its octets */
		if (reader.left < 2 || reader.at[0] != 1)
			return BL_EINVAL;
		out->repair = BL_UDPTL_FEC;
		out->span = reader.at[1];
		reader.at += 2;
		reader.left -= 2;
		if (read_entries(&reader, out))
			return BL_EINVAL;
		if (out->span > BL_UDPTL_SPAN)
			out->count = 0;
		return BL_OK;
	}
	out->repair = BL_UDPTL_REDUNDANCY;
	return read_entries(&reader, out);
}

static struct bl_udptl_slot *slot_of(struct bl_udptl_slot *history, uint16_t seq)
{
	return &history[seq & MASK];
}

static bool known(struct bl_udptl_slot *history, uint16_t seq)
{
	const struct bl_udptl_slot *slot = slot_of(history, seq);

	return slot->size && slot->seq == seq;
}

static void keep(struct bl_udptl_slot *history, uint16_t seq, const uint8_t *data, size_t size)
{
	struct bl_udptl_slot *slot = slot_of(history, seq);

	slot->seq = seq;
	slot->size = (uint16_t)size;
	memcpy(slot->data, data, size);
}

static void copies(struct bl_udptl_receiver *receiver, const struct bl_udptl *packet)
{
	for (int32_t i = 0; i < packet->count; i++) {
		uint16_t seq = (uint16_t)(packet->seq - 1 - i);
		const struct bl_udptl_piece *entry = &packet->entries[i];

		if (entry->size && !known(receiver->history, seq))
			keep(receiver->history, seq, entry->data, entry->size);
	}
}

static void mix_in(uint8_t *to, size_t *size, const uint8_t *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		to[i] ^= data[i];
	if (length > *size)
		*size = length;
}

/*
 * One parity repairs one packet, when all others under it are known. Its length is not told: what
 * is repaired has that of the longest, and zeroes at its end, which the IFP reader has to bear.
 */
static void parity(struct bl_udptl_receiver *receiver, const struct bl_udptl *packet, int32_t m)
{
	const struct bl_udptl_piece *entry = &packet->entries[m];
	uint8_t data[BL_UDPTL_IFP_MAX] = {0};
	uint16_t missing = 0;
	size_t size = 0;
	int absent = 0;

	for (int32_t i = 1; i <= packet->span; i++) {
		uint16_t seq = (uint16_t)(packet->seq + m - i * packet->count);
		const struct bl_udptl_slot *slot = slot_of(receiver->history, seq);

		if (known(receiver->history, seq)) {
			mix_in(data, &size, slot->data, slot->size);
		} else {
			missing = seq;
			absent++;
		}
	}
	if (absent != 1)
		return;
	mix_in(data, &size, entry->data, entry->size);
	if (entry->size)
		keep(receiver->history, missing, data, entry->size);
}

/* Hands over what is due before the given number, as far as it is known. */
static void catch_up(struct bl_udptl_receiver *receiver, uint16_t seq, bl_udptl_ifp *take,
		     void *user)
{
	for (; receiver->next != seq; receiver->next++) {
		const struct bl_udptl_slot *slot = slot_of(receiver->history, receiver->next);

		if (known(receiver->history, receiver->next)) {
			receiver->repaired++;
			take(user, receiver->next, slot->data, slot->size);
		} else {
			receiver->lost++;
		}
	}
}

static void begin(struct bl_udptl_receiver *receiver, uint16_t seq)
{
	memset(receiver->history, 0, sizeof(receiver->history));
	receiver->running = true;
	receiver->next = seq;
}

/* Where the sequence goes on; false: the datagram came too late to be of use. */
static bool place(struct bl_udptl_receiver *receiver, const struct bl_udptl *packet)
{
	int ahead = (int16_t)(packet->seq - receiver->next);

	if (!receiver->running) {
		begin(receiver, packet->seq);
		return true;
	}
	if (ahead < 0 && ahead >= -LATE_MOST) {
		receiver->late++;
		return false;
	}
	if (ahead < 0) {
		begin(receiver, packet->seq);
	} else if (ahead > GAP_MOST) {
		receiver->lost += (uint64_t)ahead;
		begin(receiver, packet->seq);
	}
	return true;
}

int bl_udptl_receive(struct bl_udptl_receiver *receiver, const uint8_t *data, size_t size,
		     bl_udptl_ifp *take, void *user)
{
	struct bl_udptl packet;

	if (bl_udptl_parse(data, size, &packet)) {
		receiver->malformed++;
		return BL_EINVAL;
	}
	receiver->received++;
	if (!place(receiver, &packet))
		return BL_OK;
	if (packet.repair == BL_UDPTL_FEC) {
		for (int32_t m = 0; m < packet.count; m++)
			parity(receiver, &packet, m);
	} else {
		copies(receiver, &packet);
	}
	catch_up(receiver, packet.seq, take, user);
	receiver->next++;
	if (packet.ifp.size) {
		keep(receiver->history, packet.seq, packet.ifp.data, packet.ifp.size);
		take(user, packet.seq, packet.ifp.data, packet.ifp.size);
	}
	return BL_OK;
}

/* What is written so far; it never grows past its room: then it is marked full. */
struct writer {
	uint8_t *data;
	size_t size, room;
	bool full;
};

static void write_octet(struct writer *writer, uint8_t octet)
{
	if (writer->size < writer->room)
		writer->data[writer->size++] = octet;
	else
		writer->full = true;
}

static void write_length(struct writer *writer, size_t length)
{
	if (length > 0x7F)
		write_octet(writer, (uint8_t)(0x80 | length >> 8));
	write_octet(writer, (uint8_t)length);
}

static void write_piece(struct writer *writer, const uint8_t *data, size_t size)
{
	write_length(writer, size);
	if (writer->full || size > writer->room - writer->size) {
		writer->full = true;
		return;
	}
	memcpy(writer->data + writer->size, data, size);
	writer->size += size;
}

static void write_copies(struct writer *writer, struct bl_udptl_sender *sender, int32_t count)
{
	write_octet(writer, 0);
	write_length(writer, (size_t)count);
	for (int32_t i = 1; i <= count; i++) {
		const struct bl_udptl_slot *slot =
			slot_of(sender->history, (uint16_t)(sender->next - i));

		write_piece(writer, slot->data, slot->size);
	}
}

static void write_parities(struct writer *writer, struct bl_udptl_sender *sender, int32_t count,
			   int32_t span)
{
	write_octet(writer, FEC_BIT);
	write_octet(writer, 1);
	write_octet(writer, (uint8_t)span);
	write_length(writer, (size_t)count);
	for (int32_t m = 0; m < count; m++) {
		uint8_t data[BL_UDPTL_IFP_MAX] = {0};
		size_t size = 0;

		for (int32_t i = 1; i <= span; i++) {
			const struct bl_udptl_slot *slot =
				slot_of(sender->history, (uint16_t)(sender->next + m - i * count));

			mix_in(data, &size, slot->data, slot->size);
		}
		write_piece(writer, data, size);
	}
}

/* With fewer entries where the far end takes no larger datagrams. */
static bool write_with(struct bl_udptl_sender *sender, struct writer *writer,
		       const struct bl_udptl_piece *ifp, int32_t count)
{
	int32_t sent = (int32_t)sender->history_size;

	writer->size = 0;
	writer->full = false;
	write_octet(writer, (uint8_t)(sender->next >> 8));
	write_octet(writer, (uint8_t)sender->next);
	write_piece(writer, ifp->data, ifp->size);
	/* parities over packets that never were would repair nothing: copies until there are all
	 */
	if (sender->repair == BL_UDPTL_FEC && count && sent >= count * sender->span)
		write_parities(writer, sender, count, sender->span);
	else
		write_copies(writer, sender, count < sent ? count : sent);
	return !writer->full;
}

int bl_udptl_build(struct bl_udptl_sender *sender, const uint8_t *ifp, size_t size, uint8_t *out,
		   size_t room)
{
	const struct bl_udptl_piece piece = {ifp, size};
	struct writer writer = {.data = out, .room = room};
	int32_t count = sender->repair == BL_UDPTL_NONE ? 0 : sender->count;

	if (!ifp || !size || size > BL_UDPTL_IFP_MAX || count < 0 || count > BL_UDPTL_ENTRIES ||
	    sender->span < 0 || sender->span > BL_UDPTL_SPAN)
		return BL_EINVAL;
	if (sender->largest && sender->largest < room)
		writer.room = sender->largest;
	while (!write_with(sender, &writer, &piece, count)) {
		if (!count--)
			return BL_EINVAL;
	}
	keep(sender->history, sender->next, ifp, size);
	sender->next++;
	if (sender->history_size < BL_UDPTL_HISTORY)
		sender->history_size++;
	return (int)writer.size;
}
