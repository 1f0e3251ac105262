/* test_stream.c  What a leg hears: order, loss, jitter, pauses, restarts, codecs, hostility */
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "codec.h"
#include "stream.h"

enum { FRAME = 160, RATE = 8000, MS = RATE / 1000, FRAME_US = 20000 };

static const double PI = 3.14159265358979323846;
static struct bl_stream *stream;
static struct bl_decoder *decoder;
static struct bl_stream_stats stats;
static int16_t out[960];
static uint32_t first_timestamp = -1600u; /* wraps after 200 ms, the sequence after 120 ms */
static uint16_t first_seq = 65530;
static int32_t waited_us = FRAME_US / 2;

static void start(enum bl_codec codec, int32_t rate)
{
	CHECK_EQUAL(BL_OK, bl_decoder_new(codec, rate, &decoder));
	CHECK_EQUAL(BL_OK, bl_stream_new(decoder, codec, rate, &stream));
}

static void stop(void)
{
	bl_stream_free(stream);
	bl_decoder_free(decoder);
}

static enum bl_stream_put put(const uint8_t *payload, size_t size, int64_t timestamp, int64_t seq)
{
	return bl_stream_put(stream, &(struct bl_stream_packet){
					     .seq = (uint16_t)(first_seq + seq),
					     .timestamp = first_timestamp + (uint32_t)timestamp,
					     .payload = payload,
					     .size = size,
					     .waited_us = waited_us,
				     });
}

/* L16 tells best what was played: its samples say where they come from. */
static int16_t ramp(int64_t at)
{
	return (int16_t)(at % 20000 + 100);
}

static enum bl_stream_put put_l16(int64_t at, size_t count, int seq)
{
	uint8_t payload[2 * 1000];

	for (size_t i = 0; i < count; i++) {
		payload[2 * i] = (uint8_t)(ramp(at + (int64_t)i) >> 8);
		payload[2 * i + 1] = (uint8_t)ramp(at + (int64_t)i);
	}
	return put(payload, 2 * count, at, seq);
}

static enum bl_stream_put put_frame(int number)
{
	return put_l16((int64_t)number * FRAME, FRAME, number);
}

static enum bl_stream_get get(void)
{
	return bl_stream_get(stream, out, FRAME);
}

static bool plays(int number)
{
	return out[0] == ramp((int64_t)number * FRAME) &&
	       out[FRAME - 1] == ramp((int64_t)number * FRAME + FRAME - 1);
}

/* A talk of L16 frames that has found its delay: none. */
static int settle(void)
{
	int number = 0;

	start(BL_L16, RATE);
	for (; number < 300; number++) {
		put_frame(number);
		get();
	}
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(0, 5 * MS, stats.delay);
	return number;
}

static void test_first_packet_waits_20_ms(void)
{
	start(BL_L16, RATE);
	CHECK_EQUAL(BL_STREAM_SILENT, get());
	put_frame(0);
	CHECK_EQUAL(BL_STREAM_SILENT, get());
	put_frame(1);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	CHECK(plays(0));
	put_frame(2);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	CHECK(plays(1));
	stop();
}

static void test_clean_network_ends_without_delay(void)
{
	settle();
	CHECK_EQUAL(0, stats.concealed + stats.late + stats.discarded);
	CHECK_WITHIN(15 * MS, 20 * MS, stats.cut);
	stop();
}

static void packet_time(enum bl_codec codec, size_t samples)
{
	static const uint8_t silence[1920];
	size_t size = codec == BL_L16 ? 2 * samples : samples, sent = 0;

	start(codec, RATE);
	for (int tick = 0; tick < 500; tick++) {
		for (; (sent + 1) * samples <= (size_t)tick * FRAME; sent++)
			CHECK_EQUAL(BL_STREAM_TAKEN,
				    put(silence, size, (int64_t)(sent * samples), (int)sent));
		get();
	}
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(0, stats.late + stats.discarded);
	CHECK_WITHIN(0, 100 * MS, stats.concealed); /* while it learned */
	CHECK_WITHIN(0, 130 * MS, stats.delay);
	stop();
}

static void test_packet_times(void)
{
	static const size_t samples[] = {20, 40, 80, 160, 240, 320, 480, 960};

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		packet_time(BL_PCMA, samples[i]);
		packet_time(BL_L16, samples[i]);
	}
}

static void test_order_is_put_right(void)
{
	int got = 0;

	start(BL_L16, RATE);
	put_frame(0);
	put_frame(2);
	put_frame(1);
	CHECK_EQUAL(BL_STREAM_DUPLICATE, put_frame(1));
	get();
	for (int number = 0; number < 3; number++) {
		got += get() == BL_STREAM_WHOLE;
		CHECK(plays(number));
	}
	CHECK_EQUAL(3, got);
	CHECK_EQUAL(BL_STREAM_LATE, put_frame(1));
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(1, stats.late);
	stop();
}

/* What comes after a lost packet is heard at its own time. */
static void test_loss_is_concealed(void)
{
	start(BL_L16, RATE);
	for (int tick = 0; tick < 6; tick++) {
		if (tick != 3)
			put_frame(tick);
		CHECK_EQUAL(tick == 4 ? BL_STREAM_CONCEALED
			    : tick    ? BL_STREAM_WHOLE
				      : BL_STREAM_SILENT,
			    get());
	}
	CHECK_EQUAL(ramp(4 * FRAME + 159), out[159]);
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(FRAME, stats.concealed);
	stop();
}

/* Not dead silence at once, but the background noise of before for some seconds. */
static void test_sender_is_gone(void)
{
	int ticks = 0;

	settle();
	while (get() == BL_STREAM_CONCEALED)
		CHECK(ticks++ < 10);
	for (; get() == BL_STREAM_COMFORT; ticks++)
		CHECK_WITHIN(-1000, 1000, out[0]);
	CHECK_WITHIN(100, 300, ticks);
	for (int i = 0; i < FRAME; i++)
		CHECK_EQUAL(0, out[i]);
	CHECK_EQUAL(BL_STREAM_SILENT, get());
	stop();
}

static void test_announced_pause_conceals_nothing(void)
{
	int number = settle();

	put_frame(number);
	bl_stream_pause(stream, BL_STREAM_NO_NOISE);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	get(); /* perhaps the last of it */
	for (int i = 0; i < 50; i++)
		CHECK_EQUAL(BL_STREAM_SILENT, get());
	put_l16((number + 52) * FRAME, FRAME, number + 5);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(0, stats.concealed);
	CHECK_EQUAL(BL_STREAM_CONCEALED, get()); /* the pause is over */
	stop();
}

/* A pause of two frames, the sound after it there in time; its packets are numbered so or so. */
static void short_pause(bool announced, int seq)
{
	start(BL_L16, RATE);
	put_frame(0);
	put_frame(1);
	if (announced)
		bl_stream_pause(stream, BL_STREAM_NO_NOISE);
	put_l16(4 * FRAME, FRAME, seq);
	for (int tick = 0; tick < 6; tick++)
		get();
	CHECK_EQUAL(ramp(5 * FRAME - 1), out[FRAME - 1]);
	bl_stream_stats(stream, &stats);
	stop();
}

static void test_short_pause_is_no_loss(void)
{
	short_pause(true, 4); /* comfort noise and events had numbers too */
	CHECK_EQUAL(0, stats.concealed);
	short_pause(false, 2); /* nothing was sent between */
	CHECK_EQUAL(0, stats.concealed);
	short_pause(false, 4);
	CHECK_EQUAL(2 * FRAME, stats.concealed);
}

static void test_comfort_noise_has_its_level(void)
{
	double sum = 0.0;

	settle();
	bl_stream_pause(stream, 50); /* RFC 3389: -50 dBov */
	get();
	for (int i = 0; i < 50; i++) {
		CHECK_EQUAL(BL_STREAM_COMFORT, get());
		for (int k = 0; k < FRAME; k++)
			sum += (double)out[k] * out[k];
	}
	CHECK_WITHIN(-51, -49, 10 * log10(sum / (50 * FRAME)) - 20 * log10(32768));
	stop();
}

/* The sequence goes on where it stopped: nothing was lost, the sender was silent (DTX). */
static void test_unannounced_pause(void)
{
	int number = settle();

	for (int i = 0; i < 50; i++)
		get();
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(FRAME, 140 * MS, stats.concealed);
	put_l16((number + 50) * FRAME, FRAME, number);
	CHECK_EQUAL(BL_STREAM_WHOLE, get());
	CHECK(plays(number + 50));
	stop();
}

static void test_stray_timestamp_needs_a_second(void)
{
	int number = settle();

	CHECK_EQUAL(BL_STREAM_STRAY, put_frame(number + 100000));
	CHECK_EQUAL(BL_STREAM_TAKEN, put_frame(number++));
	get();
	CHECK_EQUAL(BL_STREAM_STRAY, put_frame(number + 100000));
	CHECK_EQUAL(BL_STREAM_TAKEN, put_frame(number + 100001));
	for (int i = 0; i < 3; i++)
		get();
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(0, 2 * FRAME, stats.concealed);
	stop();
}

static void test_restart_keeps_the_sound_flowing(void)
{
	int number = settle();

	bl_stream_restart(stream);
	for (int i = 0; i < 50; i++) {
		CHECK_EQUAL(BL_STREAM_TAKEN, put_l16(777777 + i * FRAME, FRAME, 3 * number + i));
		CHECK_EQUAL(BL_STREAM_WHOLE, get());
	}
	CHECK_WITHIN(ramp(777777 + 49 * FRAME) - 5 * MS, ramp(777777 + 49 * FRAME), out[0]);
	stop();
	start(BL_L16, RATE); /* what waits is heard before it */
	put_frame(0);
	bl_stream_restart(stream);
	put_l16(777777, FRAME, 700);
	get();
	get();
	CHECK(plays(0));
	get();
	CHECK_EQUAL(ramp(777777), out[0]);
	stop();
}

/* A voice, so that there is something to be stretched. */
static void put_voice(int number)
{
	uint8_t payload[2 * FRAME];

	for (int i = 0; i < FRAME; i++) {
		double t = (double)(number * FRAME + i) / RATE;
		double sum = sin(2 * PI * 120 * t) + sin(2 * PI * 240 * t) / 2;
		int16_t sample = (int16_t)(6000 * sum);

		payload[2 * i] = (uint8_t)((uint16_t)sample >> 8);
		payload[2 * i + 1] = (uint8_t)sample;
	}
	put(payload, sizeof(payload), number * FRAME, number);
}

/* Each tenth packet comes with the second after it. */
static int bad_time(int number, int ticks)
{
	for (int tick = 0; tick < ticks; tick++, number++) {
		for (int late = number - 2; late <= number; late++) {
			if (late % 10 ? late == number && late % 10 != 1 && late % 10 != 2
				      : late == number - 2) {
				put_voice(late);
				if (late % 10 == 0) {
					put_voice(late + 1);
					put_voice(late + 2);
				}
			}
		}
		get();
	}
	return number;
}

static void test_delay_grows_and_shrinks(void)
{
	struct bl_stream_stats bad;
	int number;

	start(BL_L16, RATE);
	number = bad_time(0, 500);
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(40 * MS, 60 * MS, stats.delay);
	number = bad_time(number, 500);
	bl_stream_stats(stream, &bad);
	CHECK_EQUAL(stats.concealed, bad.concealed); /* it has learned */
	for (int tick = 0; tick < 2500; tick++, number++) {
		put_voice(number);
		CHECK_EQUAL(BL_STREAM_WHOLE, get());
	}
	bl_stream_stats(stream, &stats);
	CHECK_WITHIN(0, 5 * MS, stats.delay);
	CHECK_EQUAL(bad.concealed, stats.concealed);
	stop();
}

static void test_stall_leaves_no_lasting_delay(void)
{
	static uint8_t silence[FRAME];
	int number = 0;

	memset(silence, 0xFF, sizeof(silence));
	start(BL_PCMU, RATE);
	for (; number < 300; number++) {
		put(silence, FRAME, number * FRAME, number);
		get();
	}
	for (int i = 0; i < 40; i++) /* 800 ms */
		get();
	for (int i = 0; i < 1000; i++) {
		for (int k = 0; k < (i ? 1 : 40); k++, number++)
			put(silence, FRAME, number * FRAME, number);
		get();
		bl_stream_stats(stream, &stats);
		CHECK_WITHIN(-FRAME, 280 * MS, stats.delay);
	}
	CHECK_WITHIN(0, 5 * MS, stats.delay);
	CHECK_WITHIN(1, 40, stats.discarded);
	stop();
}

/* 0.1 % is five times what clocks differ by. */
static void drift(double rate)
{
	double due = 0.0;
	int sent = 0;

	start(BL_L16, RATE);
	for (int tick = 0; tick < 6000; tick++, due += rate) {
		for (; sent <= due; sent++) {
			waited_us = (int32_t)((due - sent) / rate * FRAME_US);
			put_voice(sent);
		}
		get();
	}
	waited_us = FRAME_US / 2;
	bl_stream_stats(stream, &stats);
	CHECK_EQUAL(0, stats.concealed);
	CHECK_EQUAL(0, stats.discarded);
	CHECK_WITHIN(-20 * MS, 60 * MS, stats.delay);
	stop();
}

static void test_drift(void)
{
	drift(1.001);
	drift(0.999);
}

/* A voice that rises and falls by syllables. */
static int16_t syllables(double t)
{
	double loud = 0.6 + 0.4 * sin(2 * PI * 4 * t), sum = 0.0;

	for (int k = 1; k <= 8; k++)
		sum += sin(2 * PI * 130 * k * t + k) / k;
	return (int16_t)(4000 * loud * sum + rand() % 200);
}

/* Through a codec, each so many packets one lost: how loud it is after it, over before. */
static double through(enum bl_codec codec, int32_t rate, int lose)
{
	struct bl_encoder_config config = {
		.codec = codec, .rate = rate, .bitrate = 24000, .complexity = -1, .fec = lose > 0};
	size_t frame = (size_t)rate / 50;
	int64_t step = bl_codec_clock(codec, rate) / 50;
	struct bl_encoder *encoder;
	double in = 0.0, heard = 0.0;

	start(codec, rate);
	CHECK_EQUAL(BL_OK, bl_encoder_new(&config, &encoder));
	bl_encoder_loss(encoder, 20);
	for (int number = 0; number < 200; number++) {
		int16_t pcm[960];
		uint8_t payload[2000];
		int size;

		for (size_t i = 0; i < frame; i++) {
			pcm[i] = syllables((double)((size_t)number * frame + i) / rate);
			in += (double)pcm[i] * pcm[i];
		}
		size = bl_encode(encoder, pcm, frame, payload, sizeof(payload));
		CHECK(size > 0);
		if (!lose || number % lose != lose - 1)
			put(payload, (size_t)size, step * number, number);
		bl_stream_get(stream, out, frame);
		for (size_t i = 0; i < frame; i++)
			heard += (double)out[i] * out[i];
	}
	bl_stream_stats(stream, &stats);
	bl_encoder_free(encoder);
	stop();
	return sqrt(heard / in);
}

static void test_all_codecs(void)
{
	static const struct {
		enum bl_codec codec;
		int32_t rate;
	} all[] = {{BL_PCMU, 8000}, {BL_PCMA, 8000},  {BL_G722, 16000}, {BL_L16, 16000},
		   {BL_OPUS, 8000}, {BL_OPUS, 16000}, {BL_OPUS, 48000}};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		int32_t frame = all[i].rate / 50;

		CHECK_WITHIN(0.8, 1.1, through(all[i].codec, all[i].rate, 0));
		CHECK_EQUAL(0, stats.concealed + stats.late + stats.discarded);
		CHECK_WITHIN(0, frame, stats.delay);
		CHECK_WITHIN(0.7, 1.2, through(all[i].codec, all[i].rate, 9));
		CHECK_WITHIN(1, 23 * frame, stats.concealed + stats.recovered);
	}
}

/* It learns to wait for the packet after a lost one. */
static void test_opus_gives_lost_sound_back(void)
{
	through(BL_OPUS, 16000, 9);
	CHECK_WITHIN(10 * 320, 22 * 320, stats.recovered);
	CHECK_WITHIN(15 * 16, 30 * 16, stats.delay);
}

static void test_codec_changes(void)
{
	static const uint8_t law[FRAME], step[2 * FRAME];
	struct bl_decoder *other;

	start(BL_L16, RATE);
	CHECK_EQUAL(BL_OK, bl_decoder_new(BL_PCMU, RATE, &other));
	for (int i = 0; i < 20; i++) {
		put(step, sizeof(step), i * FRAME, i);
		get();
	}
	bl_stream_decoder(stream, other, BL_PCMU);
	for (int i = 20; i < 40; i++) {
		CHECK_EQUAL(BL_STREAM_TAKEN, put(law, sizeof(law), i * FRAME, i));
		CHECK(get() != BL_STREAM_SILENT);
	}
	CHECK_EQUAL(-32124, out[80]); /* ITU-T G.711: 0x00 is the most negative */
	bl_decoder_free(other);
	stop();
}

static void test_malformed(void)
{
	static const uint8_t payload[4000];

	start(BL_PCMU, RATE);
	CHECK_EQUAL(BL_STREAM_MALFORMED, put(payload, 0, 0, 0));
	CHECK_EQUAL(BL_STREAM_MALFORMED, put(payload, 961, 0, 0)); /* more than 120 ms */
	stop();
	start(BL_L16, RATE);
	CHECK_EQUAL(BL_STREAM_MALFORMED, put(payload, 3, 0, 0));
	stop();
}

static void test_memory(void)
{
	start(BL_PCMU, RATE);
	CHECK_WITHIN(0, 12 * 1024, malloc_usable_size(stream));
	stop();
}

static void test_random_input(void)
{
	uint8_t payload[1500];

	for (int round = 0; round < 4; round++) {
		start(round % 2 ? BL_OPUS : BL_PCMU, RATE);
		for (int i = 0; i < 20000; i++) {
			for (int k = 0; k < 8; k++)
				payload[k] = (uint8_t)rand();
			if (rand() % 3)
				put(payload, 1 + (size_t)rand() % 1000,
				    rand() % (rand() % 50 ? 20000 : 2000000000), rand());
			else
				get();
			if (rand() % 1000 == 0)
				bl_stream_pause(stream, (uint8_t)rand());
			if (rand() % 1000 == 0)
				bl_stream_restart(stream);
		}
		stop();
	}
}

static const struct check_test tests[] = {
	CHECK_TEST(test_first_packet_waits_20_ms),
	CHECK_TEST(test_clean_network_ends_without_delay),
	CHECK_TEST(test_packet_times),
	CHECK_TEST(test_order_is_put_right),
	CHECK_TEST(test_loss_is_concealed),
	CHECK_TEST(test_sender_is_gone),
	CHECK_TEST(test_announced_pause_conceals_nothing),
	CHECK_TEST(test_short_pause_is_no_loss),
	CHECK_TEST(test_comfort_noise_has_its_level),
	CHECK_TEST(test_unannounced_pause),
	CHECK_TEST(test_stray_timestamp_needs_a_second),
	CHECK_TEST(test_restart_keeps_the_sound_flowing),
	CHECK_TEST(test_delay_grows_and_shrinks),
	CHECK_TEST(test_stall_leaves_no_lasting_delay),
	CHECK_TEST(test_drift),
	CHECK_TEST(test_all_codecs),
	CHECK_TEST(test_opus_gives_lost_sound_back),
	CHECK_TEST(test_codec_changes),
	CHECK_TEST(test_malformed),
	CHECK_TEST(test_memory),
	CHECK_TEST(test_random_input),
};

CHECK_MAIN(tests)
