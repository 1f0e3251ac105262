/*
 * fuzz_rtp.c  Any bytes as RTP packets of a stream: parsed or refused, never read beyond their end
 *
 * Each packet stands behind its length in one byte. One step of the mutator puts the next packet
 * of a sound stream behind the others, with CSRC, extension or padding.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "branchline_media.h"
#include "rtp.h"

enum { SSRC = 0x0A0B0C0D, MOST = 96 /* [bytes] of a packet that the mutator makes */ };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

static size_t make(uint8_t *packet, uint16_t seq, unsigned seed)
{
	static const uint8_t contributors[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	static const uint8_t extension[8] = {0xBE, 0xDE, 0, 1, 0x10, 0x7F, 0, 0}; /* RFC 8285 */
	static const uint8_t padding[4] = {0, 0, 0, 4};
	struct bl_rtp rtp = {.seq = seq, .timestamp = 160u * seq, .ssrc = SSRC};
	size_t size = bl_rtp_header(packet, &rtp);

	if (seed & 1) {
		packet[0] |= 2;
		memcpy(packet + size, contributors, sizeof(contributors));
		size += sizeof(contributors);
	}
	if (seed & 2) {
		packet[0] |= 0x10;
		memcpy(packet + size, extension, sizeof(extension));
		size += sizeof(extension);
	}
	memset(packet + size, 0xD5, 40);
	size += 40;
	if (seed & 4) {
		packet[0] |= 0x20;
		memcpy(packet + size, padding, sizeof(padding));
		size += sizeof(padding);
	}
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	if (seed % 4 || size + 1 + MOST > room)
		return LLVMFuzzerMutate(data, size, room);
	/* now and then one is lost, late, or far away */
	uint16_t seq = (uint16_t)(size / 50 + (seed >> 8 & 15 ? 0 : seed >> 12));

	data[size] = (uint8_t)make(data + size + 1, seq, seed >> 2);
	return size + 1 + data[size];
}

static void hear(struct bl_rtp_source *source, const uint8_t *data, size_t size)
{
	struct bl_rtp rtp;
	unsigned int sum = 0;

	if (bl_rtp_parse(data, size, &rtp))
		return;
	for (size_t i = 0; i < rtp.length; i++)
		sum += rtp.payload[i];
	if (rtp.payload < data || rtp.payload + rtp.length > data + size)
		abort();
	bl_rtp_source_update(source, &rtp);
	bl_rtp_source_jitter(source, rtp.timestamp, sum);
	if (bl_rtp_source_lost(source) > bl_rtp_source_expected(source))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bl_rtp_source source = {0};
	uint64_t packets = 0;

	for (size_t at = 0; at < size; packets++) {
		size_t length = data[at++];

		length = length < size - at ? length : size - at;
		hear(&source, data + at, length);
		at += length;
	}
	if (bl_rtp_source_received(&source) > packets)
		abort();
	return 0;
}
