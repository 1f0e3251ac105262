/* test_event_clock.c  Telephone events at the codec's clock and at another (RFC 4733 §2.1) */
#include <sys/socket.h>
#include "check.h"
#include "engine.h"
#include "kit.h"
#include "rtp.h"
#include "telephone_event.h"

enum { PHONE = 1, SOUND_PT = 96, IN_PT = 110, BEFORE = 3, ON = 5, ENDS = 3, LENGTH_MS = 160 };

static const struct {
	int32_t codec, rate, asked;
	uint32_t clock; /* [Hz] of the events */
	bool own;	/* it is not the codec's */
} cases[] = {
	{BL_OPUS, 16000, 0, 48000, false},  {BL_OPUS, 16000, 48000, 48000, false},
	{BL_OPUS, 16000, 8000, 8000, true}, {BL_OPUS, 8000, 8000, 8000, true},
	{BL_G722, 16000, 0, 8000, false},   {BL_G722, 16000, 16000, 16000, true},
	{BL_L16, 16000, 0, 16000, false},   {BL_L16, 16000, 8000, 8000, true},
	{BL_PCMU, 8000, 0, 8000, false},
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static struct bl_remote remote_of(const struct kit_phone *phone)
{
	union bl_address at;
	socklen_t size = sizeof(at);
	struct bl_remote remote = {
		.address = "127.0.0.1",
		.payload_type = SOUND_PT,
		.codec = BL_OPUS,
		.event_payload_type = KIT_EVENT_PT,
	};

	CHECK(!getsockname(phone->fd, &at.any, &size));
	remote.port = bl_address_port(&at);
	return remote;
}

static void agree(struct bl_engine *engine, const struct kit_phone *phone, int i)
{
	struct bl_remote remote = remote_of(phone);

	remote.codec = cases[i].codec;
	remote.rate = cases[i].rate;
	remote.event_rate = cases[i].asked;
	remote.event_payload_type_in = IN_PT;
	CHECK_EQUAL(BL_OK, bl_leg_remote(engine, PHONE, &remote));
}

static bool packet_of_tick(struct bl_engine *engine, const struct kit_phone *phone,
			   struct bl_rtp *out)
{
	static uint8_t data[2048];
	ssize_t size;

	bl_engine_step(engine, 1);
	size = recv(phone->fd, data, sizeof(data), 0);
	return size > 0 && bl_rtp_parse(data, (size_t)size, out) == BL_OK;
}

/* One digit: a packet each tick that grows by a tick of the clock, then three ends. */
static void see_digit(struct bl_engine *engine, const struct kit_phone *phone, uint32_t clock,
		      uint32_t *timestamp)
{
	for (uint32_t n = 0; n < ON + ENDS; n++) {
		struct bl_telephone_event event = {0};
		struct bl_rtp packet = {0};

		CHECK(packet_of_tick(engine, phone, &packet));
		CHECK_EQUAL(KIT_EVENT_PT, packet.payload_type);
		CHECK_EQUAL(BL_OK,
			    bl_telephone_event_parse(packet.payload, packet.length, &event));
		CHECK_EQUAL(n >= ON, event.end);
		CHECK_EQUAL((n < ON ? n + 1 : ON) * clock / 50, event.duration);
		if (n)
			CHECK_EQUAL(*timestamp, packet.timestamp);
		*timestamp = packet.timestamp;
	}
}

static void test_out(void)
{
	for (int i = 0; i < CASES; i++) {
		struct bl_engine *engine = kit_engine();
		struct kit_phone *phone = kit_phone(engine, PHONE, KIT_EVENT_PT);
		uint32_t sound = 0, first = 0, second = 0, clock = cases[i].clock;
		struct bl_rtp packet = {0};

		agree(engine, phone, i);
		for (int n = 0; n < BEFORE; n++) {
			CHECK(packet_of_tick(engine, phone, &packet));
			sound = n ? sound : packet.timestamp;
		}
		CHECK_EQUAL(BL_OK, bl_digits_send(engine, PHONE, "12"));
		see_digit(engine, phone, clock, &first);
		see_digit(engine, phone, clock, &second);
		CHECK_EQUAL((ON + ENDS) * clock / 50, second - first);
		if (!cases[i].own)
			CHECK_EQUAL(BEFORE * clock / 50, first - sound);
		CHECK(packet_of_tick(engine, phone, &packet));
		CHECK_EQUAL(SOUND_PT, packet.payload_type); /* on its own time line, as ever */
		CHECK_EQUAL((BEFORE + 2 * (ON + ENDS)) *
				    (uint32_t)bl_codec_clock((enum bl_codec)cases[i].codec,
							     cases[i].rate) /
				    50,
			    packet.timestamp - sound);
		kit_phone_free(phone);
		bl_engine_free(engine);
	}
}

/* A digit of 160 ms, by packets every 20 ms under that number. */
static void press(struct bl_engine *engine, struct kit_phone *phone, int number, uint8_t digit,
		  uint32_t clock)
{
	for (uint32_t ms = 20; ms <= LENGTH_MS; ms += 20) {
		struct bl_telephone_event event = {
			.event = digit,
			.end = ms == LENGTH_MS,
			.volume = 8,
			.duration = (uint16_t)(ms * clock / 1000),
		};
		uint8_t payload[BL_TELEPHONE_EVENT_SIZE];

		bl_telephone_event_build(payload, &event);
		kit_send(phone, number, payload, sizeof(payload));
		phone->seq++;
		bl_engine_step(engine, 1);
	}
	phone->timestamp += 2 * LENGTH_MS * clock / 1000;
}

static void test_in(void)
{
	for (int i = 0; i < CASES; i++) {
		struct bl_engine *engine = kit_engine();
		struct kit_phone *phone = kit_phone(engine, PHONE, KIT_EVENT_PT);
		struct bl_event told;
		int ended = 0, begun = 0;

		agree(engine, phone, i);
		press(engine, phone, KIT_EVENT_PT, 1, cases[i].clock);
		press(engine, phone, IN_PT, 2, cases[i].clock);
		while (bl_engine_poll(engine, &told, 1) == 1) {
			if (told.kind == BL_EVENT_DIGIT)
				CHECK_EQUAL("12"[begun++], told.code);
			if (told.kind != BL_EVENT_DIGIT_ENDED)
				continue;
			CHECK_EQUAL("12"[ended++], told.code);
			CHECK_EQUAL(LENGTH_MS, told.value);
		}
		CHECK_EQUAL(2, begun);
		CHECK_EQUAL(2, ended);
		kit_phone_free(phone);
		bl_engine_free(engine);
	}
}

static void test_wrong_clocks_and_numbers(void)
{
	static const int32_t clocks[] = {-1, 1, 7950, 8001, 48050, 96000};
	static const int32_t numbers[] = {-1, 128};
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, PHONE, KIT_EVENT_PT);
	struct bl_remote remote = remote_of(phone);

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		remote.event_rate = clocks[i];
		CHECK_EQUAL(BL_EINVAL, bl_leg_remote(engine, PHONE, &remote));
	}
	remote.event_rate = 8000;
	CHECK_EQUAL(BL_OK, bl_leg_remote(engine, PHONE, &remote));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		remote.event_payload_type_in = numbers[i];
		CHECK_EQUAL(BL_EINVAL, bl_leg_remote(engine, PHONE, &remote));
	}
	kit_phone_free(phone);
	bl_engine_free(engine);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_out),
	CHECK_TEST(test_in),
	CHECK_TEST(test_wrong_clocks_and_numbers),
};

CHECK_MAIN(tests)
