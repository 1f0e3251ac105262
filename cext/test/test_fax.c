/* test_fax.c  Whole faxes from one end to the other: by sound, by T.38, through loss and limits */
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include "faxcall.h"

static void test_sound_with_ecm(void)
{
	static struct call call;

	draw(3, 300);
	begin(&call, &sending, &receiving);
	run(&call, 180);
	CHECK_EQUAL(BL_FAX_OK, call.done[0].end);
	CHECK_EQUAL(BL_FAX_OK, call.done[1].end);
	CHECK_EQUAL(2, call.ended);
	CHECK_EQUAL(3, call.done[1].pages);
	CHECK_EQUAL(3, call.page_events);
	CHECK_EQUAL(14400, call.done[1].bit_rate);
	CHECK(call.done[1].ecm);
	CHECK(!call.done[1].t38);
	CHECK_EQUAL(FAXKIT_WIDTH, call.page.width);
	CHECK_EQUAL(300, call.page.rows);
	CHECK_WITHIN(8000, 8050, call.page.x_per_metre);
	CHECK_WITHIN(3840, 3860, call.page.y_per_metre);
	CHECK(!strcmp("+49 30 1234567", call.done[1].station));
	CHECK(!strcmp("030 999", call.done[0].station));
	check_pages(3, 0);
	finish(&call);
}

static void test_t38(void)
{
	static struct call call;
	struct bl_fax_stats stats;

	draw(3, 300);
	begin_t38(&call, &plain);
	run(&call, 180);
	check_both_well(&call);
	CHECK_EQUAL(3, call.done[1].pages);
	CHECK_EQUAL(14400, call.done[1].bit_rate);
	CHECK(call.done[1].t38);
	CHECK(!strcmp("+49 30 1234567", call.done[1].station));
	check_pages(3, 0);
	bl_fax_stats(call.receiver, &stats);
	CHECK_WITHIN(100, 100000, stats.datagrams_in);
	CHECK_EQUAL(0, stats.malformed + stats.lost + stats.repaired + stats.refused);
	finish(&call);
}

/* Each way of repair brings every page through, though many datagrams are lost or swapped. */
static void test_t38_loss_and_reordering(void)
{
	static struct call call;
	static const enum bl_udptl_repair repairs[] = {BL_UDPTL_REDUNDANCY, BL_UDPTL_FEC};

	for (size_t i = 0; i < 2; i++) {
		struct bl_fax_t38 t38 = {.repair = (int32_t)repairs[i], .version = (int32_t)i};
		struct bl_fax_stats stats;

		draw(2, 200);
		begin_t38(&call, &t38);
		call.lose_every = 7;
		call.swap_every = 11;
		run(&call, 180);
		check_both_well(&call);
		check_pages(2, 0);
		bl_fax_stats(call.receiver, &stats);
		CHECK_EQUAL(0, stats.malformed + stats.lost + stats.refused);
		CHECK_WITHIN(20, 100000, stats.repaired);
		finish(&call);
	}
}

/* Without ECM, on V.29 and A-law: lost frames cost rows, not the fax. */
static void test_sound_without_ecm(void)
{
	static struct call call;
	struct bl_fax_config from = sending, to = receiving;

	from.ecm = to.ecm = from.v17 = to.v17 = false;
	draw(1, 300);
	begin(&call, &from, &to);
	call.law = BL_PCMA;
	run(&call, 180);
	check_both_well(&call);
	CHECK_EQUAL(9600, call.done[1].bit_rate);
	CHECK(!call.done[1].ecm);
	CHECK_EQUAL(0, call.page.bad_rows);
	check_pages(1, 0);
	finish(&call);
}

/* The line goes dead in the second page: the first is kept, whole. */
static void test_cut_keeps_the_pages_before(void)
{
	static struct call call;

	draw(3, 300);
	begin(&call, &sending, &receiving);
	while (call.page_events < 1 && call.ticks < 5000)
		tick(&call);
	for (int i = 0; i < 3 * BL_TICKS_PER_S; i++)
		tick(&call);
	for (int i = 0; i < 120 * BL_TICKS_PER_S && call.ended < 2; i++) {
		bl_fax_put(call.sender, NULL);
		bl_fax_put(call.receiver, (int16_t[BL_FRAME]){0});
		bl_faxes_service(call.faxes);
	}
	CHECK_EQUAL(2, call.ended);
	CHECK(call.done[1].end == BL_FAX_CARRIER_LOST || call.done[1].end == BL_FAX_NO_ANSWER);
	CHECK_WITHIN(1, 2, call.done[1].pages);
	CHECK_WITHIN(call.done[1].pages, 3, faxkit_read(&got, got_path));
	CHECK_EQUAL(0, faxkit_differ(&sent.page[0], &got.page[0]));
	finish(&call);
}

/* Detached in the middle: the end is told at once, and the fax comes back to be freed. */
static void test_detach_ends_it(void)
{
	static struct call call;

	draw(1, 300);
	begin(&call, &sending, &receiving);
	run(&call, 5);
	CHECK_EQUAL(0, call.ended);
	bl_fax_detach(call.receiver);
	bl_faxes_service(call.faxes);
	CHECK_EQUAL(1, call.ended);
	CHECK_EQUAL(BL_FAX_CALL_DROPPED, call.done[1].end);
	CHECK(atomic_load(&call.retired.top) == (struct bl_node *)call.receiver);
	bl_fax_cancel(call.sender);
	bl_faxes_service(call.faxes);
	CHECK_EQUAL(2, call.ended);
	CHECK_EQUAL(BL_FAX_CALL_DROPPED, call.done[0].end);
	finish(&call);
}

static void limited(const struct bl_fax_config *to, enum bl_fax_end end, int pages)
{
	static struct call call;

	begin(&call, &sending, to);
	run(&call, 300);
	CHECK_EQUAL(2, call.ended);
	CHECK_EQUAL(end, call.done[1].end);
	CHECK_EQUAL(pages, call.done[1].pages);
	CHECK(!strcmp(bl_fax_reason(end), bl_fax_reason((enum bl_fax_end)call.done[1].end)));
	if (pages)
		check_pages(pages, 0);
	finish(&call);
}

/* A far end cannot fill the disk: neither by pages, nor by octets, nor by time. */
static void test_limits(void)
{
	struct bl_fax_config to = receiving;

	draw(4, 200);
	to.max_pages = 2;
	limited(&to, BL_FAX_TOO_MANY_PAGES, 2);
	to.max_pages = 4;
	limited(&to, BL_FAX_OK, 4);
	to.max_bytes = 3000; /* a page takes about 2,200 */
	limited(&to, BL_FAX_TOO_LARGE, 2);
	to.max_bytes = 1 << 30;
	to.max_seconds = 8;
	limited(&to, BL_FAX_TOO_LONG, 0);
}

/* A disk that takes no more: told by name, and the process lives on. */
static void test_write_error_is_told(void)
{
	struct rlimit before, small;

	draw(3, 200);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){.rlim_cur = 100, .rlim_max = before.rlim_max};
	setrlimit(RLIMIT_FSIZE, &small);
	limited(&receiving, BL_FAX_WRITE_FAILED, 0);
	setrlimit(RLIMIT_FSIZE, &before);
}

/* Nobody at the other end: T1 (T.30 §5.4.3.1, 35 s) and no file but an empty one. */
static void test_nobody_there(void)
{
	static struct call call;

	begin(&call, &sending, &receiving);
	for (int i = 0; i < 100 * BL_TICKS_PER_S && call.ended < 2; i++) {
		bl_fax_put(call.sender, (int16_t[BL_FRAME]){0});
		bl_fax_put(call.receiver, NULL);
		bl_faxes_service(call.faxes);
	}
	CHECK_EQUAL(2, call.ended);
	CHECK_EQUAL(BL_FAX_NO_FAX, call.done[0].end);
	CHECK_EQUAL(BL_FAX_NO_FAX, call.done[1].end);
	CHECK_EQUAL(0, call.done[1].pages);
	finish(&call);
}

static void test_what_is_refused(void)
{
	struct bl_fax_config config = receiving;
	struct bl_fax *fax;

	unlink(got_path);
	config.path = "";
	CHECK_EQUAL(BL_EINVAL, bl_fax_new(1, 1, &config, &fax));
	config.path = "/nowhere/x.tif";
	CHECK_EQUAL(BL_EIO, bl_fax_new(1, 1, &config, &fax));
	config.path = sent_path; /* no file is overwritten */
	CHECK_EQUAL(BL_EIO, bl_fax_new(1, 1, &config, &fax));
	config.path = got_path;
	config.max_pages = 0;
	CHECK_EQUAL(BL_EINVAL, bl_fax_new(1, 1, &config, &fax));
	config = receiving;
	config.station = "123456789012345678901";
	CHECK_EQUAL(BL_EINVAL, bl_fax_new(1, 1, &config, &fax));
	config = sending;
	config.path = "/nowhere/x.tif";
	CHECK_EQUAL(BL_EIO, bl_fax_new(1, 1, &config, &fax));
}

/* What is no TIFF is not sent; the far end hears of it, too. */
static void test_bad_file_is_told(void)
{
	static struct call call;
	FILE *file = fopen(sent_path, "wb");

	fputs("this is no TIFF", file);
	fclose(file);
	begin(&call, &sending, &receiving);
	run(&call, 120);
	CHECK_EQUAL(BL_FAX_BAD_FILE, call.done[0].end);
	CHECK(call.done[1].end != BL_FAX_OK);
	CHECK_EQUAL(0, call.done[1].pages);
	finish(&call);
}

/* The thread itself: it takes what the tick puts, answers, and gives back what was detached. */
static void test_thread(void)
{
	struct bl_stack retired = {NULL};
	struct bl_faxes_config config = {.retired = &retired};
	struct bl_fax_event event = {0};
	struct bl_fax_stats stats;
	struct bl_faxes *faxes;
	struct bl_node *back = NULL;
	struct bl_fax *fax;
	int16_t frame[BL_FRAME];
	int loud = 0;

	unlink(got_path);
	CHECK_EQUAL(BL_OK, bl_faxes_new(&config, &faxes));
	CHECK_EQUAL(BL_OK, bl_faxes_start(faxes));
	CHECK_EQUAL(BL_ESTATE, bl_faxes_start(faxes));
	CHECK_EQUAL(BL_OK, bl_fax_new(1, 1, &receiving, &fax));
	bl_faxes_add(faxes, fax);
	for (int tries = 0; !loud && tries < 5000; tries++) {
		bl_fax_put(fax, NULL);
		bl_fax_get(fax, frame);
		for (int i = 0; i < BL_FRAME; i++)
			loud += abs(frame[i]) > 1000; /* CED */
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	CHECK(loud);
	bl_fax_detach(fax);
	for (int tries = 0; !back && tries < 5000; tries++) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		back = bl_stack_take(&retired);
	}
	CHECK(back == (struct bl_node *)fax);
	bl_fax_stats(fax, &stats);
	CHECK_EQUAL(0, stats.frames_lost);
	CHECK(bl_fax_event(fax, &event));
	CHECK_EQUAL(BL_FAX_DONE, event.kind);
	CHECK_EQUAL(BL_FAX_CALL_DROPPED, event.end);
	CHECK(!bl_fax_event(fax, &event));
	bl_fax_free(fax);
	bl_faxes_free(faxes);
}

int main(void)
{
	static const struct check_test tests[] = {
		CHECK_TEST(test_sound_with_ecm),
		CHECK_TEST(test_sound_without_ecm),
		CHECK_TEST(test_t38),
		CHECK_TEST(test_t38_loss_and_reordering),
		CHECK_TEST(test_cut_keeps_the_pages_before),
		CHECK_TEST(test_detach_ends_it),
		CHECK_TEST(test_thread),
		CHECK_TEST(test_limits),
		CHECK_TEST(test_write_error_is_told),
		CHECK_TEST(test_nobody_there),
		CHECK_TEST(test_what_is_refused),
		CHECK_TEST(test_bad_file_is_told),
	};

	return run_all(tests, sizeof(tests) / sizeof(tests[0]));
}
