/* bench_record.c  What a play, a recording and a tap cost: the tick's part and the writer's
 *
 * The peer is libopusenc, fed with the same talk at the same rate, bitrate and complexity.
 */
#include <math.h>
#include <malloc.h>
#include <opusenc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "player.h"
#include "recorder.h"
#include "tap.h"

enum { SECONDS = 20, RECORDINGS = 16, LONGEST = SECONDS * BL_RATE_FULL, ROUNDS = 5 };

#define PI 3.14159265358979323846

static int16_t talk[2][LONGEST];
static char directory[] = "/tmp/bench-record-XXXXXX";

static void need(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Two voices by turns, 2.5 s each: harmonics that fall by 6 dB an octave, four syllables a
 * second, and a hiss at the end of each.
 */
static void make_talk(int32_t rate)
{
	for (int i = 0; i < SECONDS * rate; i++) {
		double t = (double)i / rate, syllable = fmod(4.0 * t, 1.0), sum = 0.0;
		int speaker = (int)(t / 2.5) % 2;
		double pitch = (speaker ? 190.0 : 115.0) * (1.0 + 0.1 * sin(2.0 * PI * 0.7 * t));

		for (int k = 1; k * pitch < 3400.0; k++)
			sum += sin(2.0 * PI * k * pitch * t) / k;
		sum *= 4000.0 * sin(PI * syllable);
		if (syllable > 0.8)
			sum += 1500.0 * (rand() / (double)RAND_MAX - 0.5);
		talk[speaker][i] = (int16_t)sum;
		talk[!speaker][i] = (int16_t)(rand() % 9 - 4);
	}
}

static void on_closed(struct bl_engine *engine, const struct bl_recording *recording)
{
	(void)engine;
	need(recording->why == BL_RECORD_COMPLETE, "a recording failed");
}

struct cost {
	double put_ns, writer_percent, bytes_per_s, memory_kb;
};

/* RECORDINGS at once, each of the whole talk; the tick's and the writer's time taken apart. */
static struct cost record(int format, int32_t rate)
{
	static struct bl_recorder recorder;
	struct bl_stack retired = {0};
	struct bl_feed *feeds = NULL;
	char path[128];
	double put_s = 0.0, begin, whole_s = cpu_s();
	size_t count = (size_t)rate / BL_TICKS_PER_S, frames = SECONDS * BL_TICKS_PER_S, size = 0;
	size_t memory = mallinfo2().uordblks + mallinfo2().hblkhd;

	recorder = (struct bl_recorder){.retired = &retired, .closed = on_closed};
	for (int64_t i = 0; i < RECORDINGS; i++) {
		struct bl_record_spec spec = {.path = path, .format = format};
		struct bl_recording *recording;

		snprintf(path, sizeof(path), "%s/%d", directory, (int)i);
		need(!bl_recording_new(i, i, &spec, rate, &recording), path);
		bl_recorder_add(&recorder, recording);
		bl_feeds_add(&feeds, &recording->feed);
	}
	memory = mallinfo2().uordblks + mallinfo2().hblkhd - memory;
	for (size_t i = 0; i < frames; i++) {
		begin = cpu_s();
		bl_feeds_put(&feeds, rate, talk[0] + i * count, talk[1] + i * count);
		put_s += cpu_s() - begin;
		if (i % 5 == 4)
			bl_recorder_service(&recorder);
	}
	bl_feeds_end_all(&feeds);
	bl_recorder_service(&recorder);
	whole_s = cpu_s() - whole_s;
	for (struct bl_node *node = bl_stack_take(&retired), *next; node; node = next) {
		next = node->next;
		node->release(NULL, node);
	}
	for (int i = 0; i < RECORDINGS; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%d", directory, i);
		file = fopen(path, "rb");
		need(file && !fseek(file, 0, SEEK_END), path);
		size += (size_t)ftell(file);
		fclose(file);
		unlink(path);
	}
	return (struct cost){
		.put_ns = put_s * 1e9 / (double)(frames * RECORDINGS),
		.writer_percent = 100.0 * (whole_s - put_s) / (SECONDS * RECORDINGS),
		.bytes_per_s = (double)size / (SECONDS * RECORDINGS),
		.memory_kb = (double)memory / RECORDINGS / 1024.0,
	};
}

static int peer_write(void *to, const unsigned char *page, opus_int32 size)
{
	return fwrite(page, 1, (size_t)size, to) != (size_t)size;
}

static int peer_close(void *to)
{
	(void)to;
	return 0;
}

/* The talk by libopusenc, 250 ms at a time as our writer takes it. */
static struct cost peer(int32_t rate, int32_t bitrate)
{
	const OpusEncCallbacks callbacks = {peer_write, peer_close};
	static int16_t pcm[LONGEST / 4][2];
	OggOpusComments *comments = ope_comments_create();
	FILE *file = tmpfile();
	size_t memory = mallinfo2().uordblks + mallinfo2().hblkhd;
	OggOpusEnc *encoder =
		ope_encoder_create_callbacks(&callbacks, file, comments, rate, 2, 0, NULL);
	double begin = cpu_s();
	struct cost cost = {0};

	need(file && encoder, "libopusenc");
	ope_encoder_ctl(encoder, OPE_SET_DECISION_DELAY(0));
	ope_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(0));
	ope_encoder_ctl(encoder, OPUS_SET_BITRATE(bitrate));
	for (int at = 0; at < SECONDS * 4; at++) {
		for (int i = 0; i < rate / 4; i++) {
			pcm[i][0] = talk[0][at * rate / 4 + i];
			pcm[i][1] = talk[1][at * rate / 4 + i];
		}
		need(!ope_encoder_write(encoder, pcm[0], rate / 4), "libopusenc");
	}
	cost.memory_kb = (double)(mallinfo2().uordblks + mallinfo2().hblkhd - memory) / 1024.0;
	ope_encoder_drain(encoder);
	cost.writer_percent = 100.0 * (cpu_s() - begin) / SECONDS;
	cost.bytes_per_s = (double)ftell(file) / SECONDS;
	ope_encoder_destroy(encoder);
	ope_comments_destroy(comments);
	fclose(file);
	return cost;
}

/* Music on hold: a looped prompt of the leg's rate. [ns] a frame */
static double play_ns(int32_t rate, double gain_db)
{
	enum { FRAMES = 200000 };
	struct bl_play_item item = {0};
	struct bl_play_spec spec = {
		.items = &item, .count = 1, .loop = BL_LOOP_ALL, .gain_db = gain_db};
	struct bl_player player = {0};
	struct bl_play *play;
	int16_t frame[BL_FRAME_MAX] = {0};
	double begin;

	need(!bl_prompt_new(talk[0], (size_t)rate * SECONDS, rate, &item.prompt), "prompt");
	need(!bl_play_new(1, &spec, rate, &play), "play");
	bl_player_add(&player, play);
	begin = cpu_s();
	for (int i = 0; i < FRAMES; i++)
		bl_player_frame(&player, rate, frame);
	begin = cpu_s() - begin;
	bl_play_release(NULL, &play->node);
	bl_prompt_free(item.prompt);
	return begin * 1e9 / FRAMES;
}

static void on_tap_ended(struct bl_engine *engine, const struct bl_tap *tap)
{
	(void)engine;
	need(!tap->lost, "a tap lost frames");
}

/* One tap with both sides of 8 kHz into a socket that is read. [% of a core], the reading too */
static double tap_percent(void)
{
	enum { FRAMES = 50000 };
	struct bl_stack retired = {0};
	struct bl_tapper tapper = {.retired = &retired, .ended = on_tap_ended};
	struct bl_feed *feeds = NULL;
	struct bl_tap *tap;
	uint8_t data[BL_TAP_FRAME_MAX];
	int ends[2];
	double begin = cpu_s();

	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends) &&
		     !bl_tap_new(1, 1, ends[0], BL_SIDE_BOTH, false, &tap),
	     "tap");
	bl_tapper_add(&tapper, tap);
	bl_feeds_add(&feeds, &tap->feed);
	for (int i = 0; i < FRAMES; i++) {
		bl_feeds_put(&feeds, BL_RATE, talk[0], talk[1]);
		bl_tapper_service(&tapper);
		need(read(ends[1], data, sizeof(data)) == BL_TAP_HEADER + BL_FRAME * 4, "read");
	}
	begin = cpu_s() - begin;
	bl_feeds_end_all(&feeds);
	bl_tapper_service(&tapper);
	bl_tap_release(NULL, &tap->node);
	close(ends[0]);
	close(ends[1]);
	return 100.0 * begin / (FRAMES / (double)BL_TICKS_PER_S);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), by_size);
	return values[ROUNDS / 2];
}

/* Ours and the peer's by turns, so that a noisy machine harms both alike. */
static void against_peer(int32_t rate, int32_t bitrate)
{
	double ours[ROUNDS], theirs[ROUNDS], wav[ROUNDS];
	struct cost opus = {0}, enc = {0}, plain = {0};

	make_talk(rate);
	for (int i = 0; i < ROUNDS; i++) {
		opus = record(BL_RECORD_OPUS, rate);
		enc = peer(rate, bitrate);
		plain = record(BL_RECORD_WAV, rate);
		ours[i] = opus.writer_percent;
		theirs[i] = enc.writer_percent;
		wav[i] = plain.writer_percent;
	}
	printf("\"wav_%d_writer_percent\": %g, \"opus_%d_writer_percent\": %g, "
	       "\"libopusenc_%d_percent\": %g, \"opus_%d_bytes_per_s\": %g, "
	       "\"libopusenc_%d_bytes_per_s\": %g, \"wav_%d_kb\": %g, \"opus_%d_kb\": %g, "
	       "\"libopusenc_%d_kb\": %g, \"put_%d_ns\": %g, \"play_%d_ns\": %g, "
	       "\"play_%d_gain_ns\": %g, ",
	       rate, median(wav), rate, median(ours), rate, median(theirs), rate, opus.bytes_per_s,
	       rate, enc.bytes_per_s, rate, plain.memory_kb, rate, opus.memory_kb, rate,
	       enc.memory_kb, rate, plain.put_ns, rate, play_ns(rate, 0.0), rate,
	       play_ns(rate, -6.0));
}

int main(void)
{
	need(mkdtemp(directory) != NULL, directory);
	printf("{");
	against_peer(BL_RATE, 32000);
	against_peer(BL_RATE_WIDE, 48000);
	printf("\"tap_8000_percent\": %g}\n", tap_percent());
	rmdir(directory);
	return 0;
}
