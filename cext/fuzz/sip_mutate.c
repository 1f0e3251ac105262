/* sip_mutate.c  How fuzz_sip.c's scripts grow: by whole steps, which are then spoilt a little */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "sip_texts.h"

enum { DIVIDE = 0xFE };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

/* Copies a text without its end. */
static size_t paste(void *to, const char *text)
{
	size_t size = strlen(text);

	memcpy(to, text, size); /* NOLINT(bugprone-not-null-terminated-result) */
	return size;
}

static uint64_t random_state;

static size_t dice(size_t sides)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (size_t)(random_state >> 32) % sides;
}

/* A step of texts[], after what there is. */
static size_t add_step(uint8_t *data, size_t size, size_t room)
{
	const char *text = texts[dice(COUNT(texts))];
	if (size + strlen(text) + 1 > room)
		return size;
	if (size)
		data[size++] = DIVIDE;
	return size + paste(data + size, text);
}

/* One of bits[], anywhere, in place of nothing or of a few bytes. */
static size_t put_bit(uint8_t *data, size_t size, size_t room)
{
	const char *bit = bits[dice(COUNT(bits))];
	size_t length = strlen(bit), where = dice(size + 1);
	size_t gone = dice(2) ? dice(24) : 0;

	gone = gone < size - where ? gone : size - where;
	if (size - gone + length > room)
		return size;
	memmove(data + where + length, data + where + gone, size - where - gone);
	paste(data + where, bit);
	return size - gone + length;
}

/* Any bytes hardly ever are SIP. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
	random_state = seed + 0x9E3779B97F4A7C15u;
	if (size < 8)
		size = 0;
	do {
		switch (size ? dice(8) : 0) {
		case 0:
		case 1:
		case 2:
			size = add_step(data, size, room);
			break;
		case 3:
		case 4:
		case 5:
			size = put_bit(data, size, room);
			break;
		default:
			size = LLVMFuzzerMutate(data, size, room);
		}
	} while (dice(2));
	return size;
}
