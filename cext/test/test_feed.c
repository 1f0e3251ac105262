/* test_feed.c  A feed between two threads: nothing torn, nothing twice, every loss told */
#include <pthread.h>
#include <sched.h>
#include "check.h"
#include "dtmf.h"
#include "feed.h"
#include "frame.h"
#include "tone.h"

enum { FRAMES = 20000 };

struct end {
	struct bl_feed feed;
	struct bl_feed *list;
	uint64_t lost; /* [samples] */
};

static int32_t rate_of(uint32_t frame)
{
	return frame % 100 < 90 ? BL_RATE : frame % 100 < 97 ? BL_RATE_WIDE : BL_RATE_FULL;
}

/* Each frame says its number; now and then the last ones are blanked. */
static void *put_all(void *argument)
{
	struct end *end = argument;

	for (uint32_t n = 0; n < FRAMES; n++) {
		int16_t says[BL_FRAME_MAX], hears[BL_FRAME_MAX];

		for (int i = 0; i < BL_FRAME_MAX; i++) {
			says[i] = (int16_t)(n % 30000 + 1);
			hears[i] = (int16_t)-says[i];
		}
		if (n % 50 == 49)
			bl_feeds_hide_digit(end->list, BL_SIDE_SAYS);
		end->lost += bl_feeds_put(&end->list, rate_of(n), says, hears);
		if (n % 64 == 0)
			sched_yield();
	}
	bl_feeds_end_all(&end->list);
	return NULL;
}

static void check_frame(const struct bl_feed_item *item, const int16_t (*pcm)[2])
{
	uint32_t n = (uint32_t)(item->clock / 960);
	int16_t number = (int16_t)(n % 30000 + 1);

	CHECK_EQUAL(rate_of(n), item->rate);
	CHECK_EQUAL(item->rate / 50, item->count);
	for (size_t i = 0; i < item->count; i += item->count - 1) {
		/* hidden: from 60 ms before a 50th to 60 ms after it */
		bool hidden = n >= 46 && (n + 4) % 50 < 6;

		CHECK_EQUAL(hidden ? 0 : number, pcm[i][0]);
		CHECK_EQUAL(-number, pcm[i][1]);
	}
}

static void test_two_threads(void)
{
	static struct end end;
	static int16_t pcm[BL_FRAME_MAX][2];
	struct bl_feed_item item;
	uint64_t next = 0, lost_ms = 0, untold_ms = 0, lost_samples = 0;
	pthread_t thread;
	bool over;

	CHECK_EQUAL(0, bl_feed_init(&end.feed, BL_FEED_RECORDING, 1, 32768, BL_FEED_BEHIND));
	end.feed.mask_digits = true;
	bl_feeds_add(&end.list, &end.feed);
	CHECK_EQUAL(0, pthread_create(&thread, NULL, put_all, &end));
	do {
		over = atomic_load(&end.feed.detached);
		while (bl_feed_take(&end.feed, &item, pcm)) {
			if (item.entry == BL_FEED_LOST) {
				lost_ms += item.ms;
				untold_ms = item.ms;
				continue;
			}
			check_frame(&item, (const int16_t(*)[2])pcm);
			CHECK_EQUAL(untold_ms, (item.clock - next) / 48);
			for (; next < item.clock; next += 960)
				lost_samples += (uint64_t)rate_of((uint32_t)(next / 960)) / 50;
			next = item.clock + 960;
			untold_ms = 0;
		}
	} while (!over);
	pthread_join(thread, NULL);
	for (; next < FRAMES * 960ULL; next += 960) /* lost at the very end */
		lost_samples += (uint64_t)rate_of((uint32_t)(next / 960)) / 50;
	CHECK_EQUAL(end.lost, lost_samples);
	printf("%llu of %d ms were lost\n", (unsigned long long)lost_ms, FRAMES * BL_FRAME_MS);
	bl_feed_release(&end.feed);
}

/* The real detector at any phase: when it knows a digit, no sample of its tone has left us. */
static void test_a_digit_is_known_soon_enough(void)
{
	static const char digits[] = "1590*#AD";

	for (size_t at = 0; at < 8 * BL_FRAME; at += 7) {
		struct bl_feed feed, *list = NULL;
		struct bl_feed_item item;
		static int16_t sound[20 * BL_FRAME], silence[BL_FRAME], pcm[BL_FRAME_MAX][2];
		struct bl_tone tone = {0};
		struct bl_tone_plan plan;
		struct bl_tone_state state = {0};
		struct bl_dtmf_block *block = bl_dtmf_blocks_new(1);
		struct bl_dtmf_hit hits[BL_DTMF_LANES];
		size_t begin = 2 * BL_FRAME + at % BL_FRAME, end;
		bool known = false;

		memset(sound, 0, sizeof(sound));
		CHECK(bl_tone_digit(digits[at / BL_FRAME], 40 + (int)at % 100, &tone));
		bl_tone_plan(&tone, BL_RATE, &plan);
		end = begin + bl_tone_fill(&plan, &state, sound + begin, 8 * BL_FRAME);
		CHECK_EQUAL(0, bl_feed_init(&feed, BL_FEED_RECORDING, 1, 8192, BL_FEED_BEHIND));
		feed.mask_digits = true;
		bl_feeds_add(&list, &feed);
		bl_dtmf_block_init(block);
		for (size_t i = 0; i < 20; i++) {
			const int16_t *frames[BL_DTMF_LANES] = {sound + i * BL_FRAME};

			if (bl_dtmf_block_frame(block, frames, hits))
				known = true;
			if (known && i * BL_FRAME < end) /* it sounds still */
				bl_feeds_hide_digit(list, BL_SIDE_SAYS);
			bl_feeds_put(&list, BL_RATE, sound + i * BL_FRAME, silence);
		}
		CHECK(known);
		bl_dtmf_blocks_free(block);
		bl_feeds_end_all(&list);
		while (bl_feed_take(&feed, &item, pcm)) {
			for (size_t i = 0; i < item.count; i++)
				CHECK_EQUAL(0, pcm[i][0]);
		}
		bl_feed_release(&feed);
	}
}

/* After 2^32 pairs, and after 2^32 frames, everything goes on as before. */
static void test_indexes_go_round(void)
{
	static int16_t pcm[BL_FRAME_MAX][2], frame[BL_FRAME_MAX];
	struct bl_feed feed;
	struct bl_feed_item item;
	uint64_t clock = 0;

	CHECK_EQUAL(0, bl_feed_init(&feed, BL_FEED_TAP, 1, 1024, 0));
	feed.head = (uint32_t)-300;
	atomic_store(&feed.ready, feed.head);
	atomic_store(&feed.tail, feed.head);
	feed.frames = (uint32_t)-3;
	feed.last_frame = (uint32_t)-4;
	for (int i = 0; i < 10; i++) {
		frame[0] = (int16_t)i;
		CHECK_EQUAL(0, bl_feed_put(&feed, 8000, frame, frame));
		CHECK(bl_feed_take(&feed, &item, pcm));
		CHECK_EQUAL(BL_FEED_FRAME, item.entry);
		CHECK_EQUAL(i, pcm[0][1]);
		CHECK_EQUAL(clock + 960, item.clock);
		clock = item.clock;
	}
	CHECK(!bl_feed_take(&feed, &item, pcm));
	bl_feed_release(&feed);
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_two_threads),
		CHECK_TEST(test_a_digit_is_known_soon_enough),
		CHECK_TEST(test_indexes_go_round),
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
