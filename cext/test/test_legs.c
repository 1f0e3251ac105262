/* test_legs.c  RTP legs: garbage, sources, silence, ports, digits in and out; device legs */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include "bytes.h"
#include "check.h"
#include "kit.h"
#include "telephone_event.h"

static struct bl_leg_stats stats_of(struct bl_engine *engine, int64_t leg)
{
	struct bl_leg_stats stats = {0};

	CHECK_EQUAL(BL_OK, bl_leg_stats(engine, leg, &stats));
	return stats;
}

static void say(struct bl_engine *engine, struct kit_phone *phone, double hz, int ticks)
{
	for (int tick = 0; tick < ticks; tick++) {
		int16_t frame[BL_FRAME];

		kit_tone(hz, -10.0, (size_t)tick * BL_FRAME, frame, BL_FRAME);
		kit_say(phone, frame, BL_FRAME);
		bl_engine_step(engine, 1);
		kit_listen(phone);
	}
}

static void test_garbage_harms_nothing(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, KIT_EVENT_PT);
	uint8_t junk[1500];

	for (int i = 0; i < 2000; i++) {
		size_t size = (size_t)rand() % sizeof(junk);

		for (size_t k = 0; k < size; k++)
			junk[k] = (uint8_t)rand();
		if (size > 1 && i % 2) {
			junk[0] = (uint8_t)(0x80 | (junk[0] & 0x3F)); /* version 2 */
			junk[1] = (uint8_t[]){0, 13, KIT_EVENT_PT}[i % 3];
		}
		kit_send_raw(phone, junk, size);
		if (i % 8 == 0)
			bl_engine_step(engine, 1);
	}
	bl_engine_step(engine, 300);
	kit_listen(phone);
	CHECK_WITHIN(500, 2000, stats_of(engine, 1).malformed + stats_of(engine, 1).unknown);
	phone->ssrc = 77;
	say(engine, phone, 440, 20);
	CHECK_WITHIN(20, 2000, stats_of(engine, 1).packets_in);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

enum { SEEN_IN_SILENCE = 8 }; /* [ticks] at most, where the far end has long been silent */

/* A stranger is never believed; the far end is, when its NAT binds it to another port. */
static void test_source_is_latched(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1), *other = kit_phone(engine, 2, -1);

	bl_leg_flow(engine, 2, false, false); /* what the other hears is leg 1's */
	say(engine, phone, 440, 10);
	other->port = phone->port;
	say(engine, other, 620, 10);
	CHECK_EQUAL(10, stats_of(engine, 1).foreign);
	bl_engine_step(engine, 200);
	kit_listen(other);
	other->heard_count = 0;
	say(engine, other, 620, 10);
	bl_engine_step(engine, SEEN_IN_SILENCE);
	CHECK_EQUAL(20, stats_of(engine, 1).foreign);
	CHECK_EQUAL(10, stats_of(engine, 1).packets_in);
	CHECK_EQUAL(0, other->heard_count);
	other->ssrc = phone->ssrc;
	other->seq = (uint16_t)(phone->seq + 3);
	other->timestamp = phone->timestamp + 213 * BL_FRAME;
	say(engine, other, 620, SEEN_IN_SILENCE + 1);
	CHECK_EQUAL(10 + SEEN_IN_SILENCE + 1, stats_of(engine, 1).packets_in);
	other->heard_count = 0;
	say(engine, other, 620, 10);
	CHECK_EQUAL(10 * BL_FRAME, other->heard_count); /* and sent to */
	bl_engine_free(engine);
	kit_phone_free(phone);
	kit_phone_free(other);
}

static void test_nothing_is_sent_without_a_remote_or_when_held(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone;

	CHECK_WITHIN(1, 65535, bl_leg_add_rtp(engine, 5, "127.0.0.1", 0, 0));
	bl_engine_step(engine, 5);
	CHECK_EQUAL(0, stats_of(engine, 5).packets_out);
	phone = kit_phone(engine, 1, -1);
	bl_engine_step(engine, 5);
	CHECK_EQUAL(5, stats_of(engine, 1).packets_out);
	bl_leg_flow(engine, 1, false, true);
	bl_engine_step(engine, 5);
	CHECK_EQUAL(5, stats_of(engine, 1).packets_out);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static void test_dead_far_end(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);

	close(phone->fd);
	bl_engine_step(engine, 20);
	CHECK_EQUAL(20, stats_of(engine, 1).packets_out);
	CHECK_WITHIN(1, 20, stats_of(engine, 1).send_errors); /* refused, by ICMP */
	bl_engine_free(engine);
	free(phone);
}

static void test_media_starts_falls_silent_and_returns(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);

	bl_leg_silence(engine, 1, 200);
	say(engine, phone, 440, 5);
	CHECK_EQUAL(1, kit_count_events(engine, BL_EVENT_MEDIA_STARTED));
	bl_engine_step(engine, 9);
	CHECK_EQUAL(0, kit_count_events(engine, BL_EVENT_MEDIA_SILENT));
	bl_engine_step(engine, 100);
	CHECK_EQUAL(1, kit_count_events(engine, BL_EVENT_MEDIA_SILENT));
	say(engine, phone, 440, 5);
	bl_engine_step(engine, 100);
	CHECK_EQUAL(1, kit_count_events(engine, BL_EVENT_MEDIA_SILENT));
	bl_leg_silence(engine, 1, 0);
	bl_engine_step(engine, 100);
	CHECK_EQUAL(0, kit_count_events(engine, BL_EVENT_MEDIA_SILENT));
	bl_engine_free(engine);
	kit_phone_free(phone);
}

/* No port twice within two seconds; all come back in the end. */
static void test_ports_rest(void)
{
	struct bl_engine *engine = kit_engine();
	int first = 42000 + rand() % 1000 * 2, port = 0;

	for (int i = 0; i < 50 && port <= 0; i++, first += 8)
		port = bl_leg_add_rtp(engine, 1, "127.0.0.1", first, first + 1);
	CHECK_EQUAL(0, port % 2);
	first = port;
	CHECK_EQUAL(BL_EPORT, bl_leg_add_rtp(engine, 2, "127.0.0.1", first, first + 1));
	CHECK_EQUAL(BL_OK, bl_leg_remove(engine, 1));
	bl_engine_step(engine, 99);
	CHECK_EQUAL(BL_EPORT, bl_leg_add_rtp(engine, 2, "127.0.0.1", first, first + 1));
	bl_engine_step(engine, 102);
	CHECK_EQUAL(first, bl_leg_add_rtp(engine, 2, "127.0.0.1", first, first + 1));
	bl_engine_free(engine);
}

static void send_digit(struct kit_phone *phone, struct bl_engine *engine, int event)
{
	for (int tick = 0; tick < 8; tick++) {
		int ticks = tick < 5 ? tick + 1 : 5;
		uint8_t payload[4];

		bl_telephone_event_build(payload, &(struct bl_telephone_event){
							  .event = (uint8_t)event,
							  .end = tick >= 5,
							  .duration = (uint16_t)(ticks * BL_FRAME),
						  });
		kit_send(phone, KIT_EVENT_PT, payload, sizeof(payload));
		phone->seq++;
		bl_engine_step(engine, 1);
		kit_listen(phone);
	}
	phone->timestamp += 8 * BL_FRAME;
}

static void test_new_ssrc_is_followed(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phones[] = {kit_phone(engine, 1, KIT_EVENT_PT),
				      kit_phone(engine, 2, -1)};
	const int16_t *heard;

	kit_bridge(engine, 1, (int64_t[]){1, 2}, 2);
	phones[0]->timestamp = 1000000;
	send_digit(phones[0], engine, 3);
	say(engine, phones[0], 440, 20);
	phones[0]->ssrc = 99;
	phones[0]->seq = 7;
	phones[0]->timestamp = 5;
	CHECK_EQUAL(1, kit_count_events(engine, BL_EVENT_DIGIT));
	send_digit(phones[0], engine, 3); /* older by its timestamp, but of another stream */
	CHECK_EQUAL(1, kit_count_events(engine, BL_EVENT_DIGIT));
	say(engine, phones[0], 440, 20);
	kit_listen(phones[1]);
	heard = phones[1]->heard + phones[1]->heard_count - 1600;
	CHECK_WITHIN(-10.5, -9.5, kit_level_dbm0(heard, 1600, 440));
	CHECK_EQUAL(0, stats_of(engine, 1).lost);
	bl_engine_free(engine);
	kit_phone_free(phones[0]);
	kit_phone_free(phones[1]);
}

static void test_digits_in_once_each(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, KIT_EVENT_PT);
	const char *want = "0123456789*#ABCD";
	struct bl_event event;

	for (int i = 0; i < 16; i++)
		send_digit(phone, engine, i);
	while (bl_engine_poll(engine, &event, 1) == 1) {
		if (event.kind != BL_EVENT_DIGIT)
			continue;
		CHECK_EQUAL(*want, event.code);
		CHECK_EQUAL(BL_DIGIT_RFC4733, event.id);
		want++;
	}
	CHECK_EQUAL(0, *want);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

/* RFC 4733 §2.5.1: marker first, growing durations, the end three times, one timestamp. */
static void test_digits_out_as_events(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, KIT_EVENT_PT);
	int more = 0;

	CHECK_EQUAL(BL_EINVAL, bl_digits_send(engine, 1, "12x"));
	CHECK_EQUAL(BL_EINVAL, bl_digits_send(engine, 1, ""));
	CHECK_EQUAL(BL_OK, bl_digits_send(engine, 1, "5#"));
	bl_engine_step(engine, 20);
	kit_listen(phone);
	CHECK_EQUAL(16, phone->event_count);
	CHECK_EQUAL(4 * BL_FRAME, phone->heard_count);
	for (int i = 0; i < 16; i++) {
		const struct kit_packet *packet = &phone->events[i];
		int at = i % 8;

		CHECK_EQUAL(i < 8 ? 5 : 11, packet->payload[0]);
		CHECK_EQUAL(at == 0, packet->marker);
		CHECK_EQUAL(at >= 5, packet->payload[1] >> 7);
		CHECK_EQUAL((at < 5 ? at + 1 : 5) * BL_FRAME, bl_get16(packet->payload + 2));
		CHECK_EQUAL(phone->events[i - at].timestamp, packet->timestamp);
		CHECK_EQUAL((uint16_t)(phone->events[0].seq + i), packet->seq);
		more += at == 0 && i && packet->timestamp - phone->events[0].timestamp == 8 * 160;
	}
	CHECK_EQUAL(1, more);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

/* One engine's tones are another leg's digits: what is sent in the sound is found in it. */
static void test_digits_out_as_tones_come_back(void)
{
	struct bl_engine *engine = kit_engine();
	int fds[2];
	struct bl_event event;
	const char *want = "0123456789*#ABCD";

	CHECK_EQUAL(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	CHECK_EQUAL(BL_OK, kit_device(engine, 1, fds[0]));
	CHECK_EQUAL(BL_OK, kit_device(engine, 2, fds[1]));
	close(fds[0]);
	close(fds[1]);
	bl_leg_detect(engine, 2, true);
	CHECK_EQUAL(BL_OK, bl_digits_send(engine, 1, want));
	bl_engine_step(engine, 16 * 8 + 20);
	while (bl_engine_poll(engine, &event, 1) == 1) {
		if (event.kind != BL_EVENT_DIGIT)
			continue;
		CHECK_EQUAL(2, event.leg);
		CHECK_EQUAL(*want, event.code);
		CHECK_EQUAL(BL_DIGIT_INBAND, event.id);
		want++;
	}
	CHECK_EQUAL(0, *want);
	bl_engine_free(engine);
}

/* A digit that came as an event reaches the bridged leg in the form that leg knows. */
static void test_digits_are_relayed(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phones[] = {kit_phone(engine, 1, KIT_EVENT_PT),
				      kit_phone(engine, 2, KIT_EVENT_PT),
				      kit_phone(engine, 3, -1)};

	kit_bridge(engine, 1, (int64_t[]){1, 2, 3}, 3);
	send_digit(phones[0], engine, 7);
	bl_engine_step(engine, 8);
	for (int i = 0; i < 3; i++)
		kit_listen(phones[i]);
	CHECK_EQUAL(0, phones[0]->event_count);
	CHECK_EQUAL(8, phones[1]->event_count);
	CHECK_EQUAL(7, phones[1]->events[0].payload[0]);
	CHECK_EQUAL(0, phones[2]->event_count);
	CHECK_WITHIN(-12, -8, kit_level_dbm0(phones[2]->heard + 2 * BL_FRAME, 480, 852));
	bl_engine_free(engine);
	for (int i = 0; i < 3; i++)
		kit_phone_free(phones[i]);
}

/* A leg that keeps its digits tells them and passes none on, until it no longer does. */
static void test_digits_are_kept(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, KIT_EVENT_PT);
	struct kit_phone *other = kit_phone(engine, 2, KIT_EVENT_PT);
	struct bl_event event;
	int told = 0;

	kit_bridge(engine, 1, (int64_t[]){1, 2}, 2);
	CHECK_EQUAL(BL_OK, bl_leg_keep_digits(engine, 1, true));
	CHECK_EQUAL(BL_EINVAL, bl_leg_keep_digits(NULL, 1, true));
	CHECK_EQUAL(BL_ENOENT, bl_leg_keep_digits(engine, 3, true));
	send_digit(phone, engine, 7);
	bl_engine_step(engine, 8);
	kit_listen(other);
	CHECK_EQUAL(0, other->event_count);
	while (bl_engine_poll(engine, &event, 1) > 0)
		told += event.kind == BL_EVENT_DIGIT && event.code == '7';
	CHECK_EQUAL(1, told);
	CHECK_EQUAL(BL_OK, bl_leg_keep_digits(engine, 1, false));
	send_digit(phone, engine, 8);
	bl_engine_step(engine, 8);
	kit_listen(other);
	CHECK_EQUAL(8, other->event_count);
	bl_engine_free(engine);
	kit_phone_free(phone);
	kit_phone_free(other);
}

/* A device of its own clock in lumps of odd bytes; then it goes, and nobody else minds. */
/* A far end that sends a digit as an event and in the sound too: the others hear it once. */
static void test_sound_under_an_event_is_muted(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, KIT_EVENT_PT);
	struct kit_phone *other = kit_phone(engine, 2, KIT_EVENT_PT);

	CHECK_EQUAL(BL_OK, kit_bridge(engine, 9, (int64_t[]){1, 2}, 2));
	say(engine, phone, 440, 20);
	kit_listen(other);
	CHECK_WITHIN(-20, 0, kit_level_dbm0(other->heard + other->heard_count - 800, 800, 440));
	for (int tick = 1; tick <= 30; tick++) {
		uint8_t event[] = {5, 8, (uint8_t)(tick * BL_FRAME >> 8),
				   (uint8_t)(tick * BL_FRAME)};
		struct kit_phone sound = *phone;
		int16_t frame[BL_FRAME];

		/* the event's timestamp stays, the sound's goes on */
		kit_send(phone, KIT_EVENT_PT, event, sizeof(event));
		phone->seq++;
		sound.seq = phone->seq++;
		sound.timestamp += (uint32_t)(tick - 1) * BL_FRAME;
		kit_tone(440, -10.0, (size_t)tick * BL_FRAME, frame, BL_FRAME);
		kit_say(&sound, frame, BL_FRAME);
		bl_engine_step(engine, 1);
	}
	kit_listen(other);
	CHECK_WITHIN(-300, -50, kit_level_dbm0(other->heard + other->heard_count - 800, 800, 440));
	CHECK_WITHIN(5, 30, other->event_count);
	bl_engine_free(engine);
	kit_phone_free(phone);
	kit_phone_free(other);
}

static void test_device(void)
{
	struct bl_engine *engine = kit_engine();
	struct kit_phone *phone = kit_phone(engine, 1, -1);
	int fds[2];
	uint8_t sound[2 * 16000], hears[2 * 16000];
	size_t sent = 0, got = 0;

	for (size_t i = 0; i < 16000; i++) {
		int16_t pcm;

		kit_tone(440, -10.0, i, &pcm, 1);
		sound[2 * i] = (uint8_t)pcm;
		sound[2 * i + 1] = (uint8_t)((uint16_t)pcm >> 8);
	}
	CHECK_EQUAL(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	CHECK_EQUAL(BL_OK, kit_device(engine, 2, fds[0]));
	close(fds[0]);
	kit_bridge(engine, 1, (int64_t[]){1, 2}, 2);
	for (int tick = 0; tick < 60; tick++) {
		size_t size = tick % 2 ? 0 : 641 - (size_t)(tick % 4);

		CHECK_EQUAL((ssize_t)size, write(fds[1], sound + sent, size));
		sent += size;
		say(engine, phone, 620, 1);
		for (ssize_t n; (n = read(fds[1], hears + got, 320)) > 0;)
			got += (size_t)n;
	}
	CHECK_WITHIN(-10.5, -9.5, kit_level_dbm0(phone->heard + 20 * BL_FRAME, 4000, 440));
	CHECK_EQUAL(60 * 320 + 480, got); /* 30 ms ahead, so that it never runs dry */
	close(fds[1]);
	say(engine, phone, 620, 10);
	CHECK_EQUAL(1, kit_count_events(engine, BL_EVENT_DEVICE_GONE));
	CHECK_EQUAL(70, stats_of(engine, 1).packets_out);
	bl_engine_free(engine);
	kit_phone_free(phone);
}

static void test_terminal(void)
{
	struct bl_engine *engine = kit_engine();
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct termios raw;
	char name[64];

	CHECK_EQUAL(0, grantpt(master));
	CHECK_EQUAL(0, unlockpt(master));
	CHECK_EQUAL(0, ptsname_r(master, name, sizeof(name)));
	slave = open(name, O_RDWR | O_NOCTTY);
	CHECK_EQUAL(0, tcgetattr(slave, &raw));
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 0; /* so that reading an idle line gives 0 bytes */
	CHECK_EQUAL(0, tcsetattr(slave, TCSANOW, &raw));
	CHECK_EQUAL(BL_OK, kit_device(engine, 1, slave));
	close(slave);
	bl_engine_step(engine, 10);
	CHECK_EQUAL(0, kit_count_events(engine, BL_EVENT_DEVICE_GONE));
	close(master);
	bl_engine_step(engine, 2);
	CHECK_EQUAL(1, kit_count_events(engine, BL_EVENT_DEVICE_GONE));
	bl_engine_free(engine);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_garbage_harms_nothing),
	CHECK_TEST(test_source_is_latched),
	CHECK_TEST(test_nothing_is_sent_without_a_remote_or_when_held),
	CHECK_TEST(test_dead_far_end),
	CHECK_TEST(test_media_starts_falls_silent_and_returns),
	CHECK_TEST(test_ports_rest),
	CHECK_TEST(test_new_ssrc_is_followed),
	CHECK_TEST(test_digits_in_once_each),
	CHECK_TEST(test_digits_out_as_events),
	CHECK_TEST(test_digits_out_as_tones_come_back),
	CHECK_TEST(test_digits_are_relayed),
	CHECK_TEST(test_digits_are_kept),
	CHECK_TEST(test_sound_under_an_event_is_muted),
	CHECK_TEST(test_device),
	CHECK_TEST(test_terminal),
};

CHECK_MAIN(tests)
