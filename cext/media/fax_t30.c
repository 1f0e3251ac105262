/* fax_t30.c  The T.30 side of a fax: libspandsp with its files, limits and hostile far ends */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <spandsp.h>
#include <spandsp/expose.h>
#include "fax_file.h"
#include "fax_t30.h"
#include "fax_words.h"
#include "ifp.h"

enum {
	FCD_RECEIVED = 0x06, /* BL_IFP_FCD in the order of bits that modems give */
	FCF_MASK = 0xFE,     /* less the bit X of T.30 §5.3.6.1, which libspandsp ignores */
	FCD_HEAD = 4,	     /* [octets] of a frame before its image data */
	REDUNDANCY = 3,	     /* copies in each of our datagrams */
	PARITIES = 3,
	PARITY_SPAN = 3,
	REPEATS_MAX = 4, /* of one datagram */
	/* libspandsp can wait for ever after some orders of events, none of its timers running.
	 * The longest silence of an honest far end: T5 (T.30 annex A, 60 s) of a receiver that is
	 * not ready, and 218 s for which a sender at 2,400 bit/s is busy with 256 frames of ECM.
	 */
	RECEIVING = 1, /* libspandsp's operation_in_progress: a document is being received */
	STALL_RECEIVING = 70, /* [s] */
	STALL_SENDING = 240,  /* [s] */
};

struct bl_t30 {
	struct bl_fax_config config; /* its texts live below */
	char path[BL_FAX_PATH_MAX + 1];
	struct bl_t30_user user;
	fax_state_t *audio;
	t38_terminal_state_t *t38; /* NULL until the switch */
	t30_state_t *t30;	   /* of the one that speaks */
	int32_t version;	   /* of T.38 */
	struct bl_udptl_receiver receiver;
	struct bl_udptl_sender sender;
	bool ended, over; /* told; T.30 says so */
	bool met;	  /* the far end has said who it is (phase B) */
	bool more;	  /* the far end has announced a further page */
	int32_t code;	  /* of T.30 */
	enum bl_fax_end why;
	int32_t pages;
	uint64_t frames;
	uint64_t moved; /* [frames] when something last came, or T.30's state changed */
	int state, rows;
	int64_t bytes; /* of the file */
	uint64_t datagrams_out, refused;
};

static void tell(struct bl_t30 *t30, enum bl_fax_event_kind kind)
{
	struct bl_fax_event event = {
		.kind = (int32_t)kind,
		.end = (int32_t)t30->why,
		.t30_code = t30->code,
		.pages = t30->pages,
		.t38 = t30->t38 != NULL,
		.bytes = t30->bytes > 0 ? (uint64_t)t30->bytes : 0,
	};
	t30_stats_t stats;

	t30_get_transfer_statistics(t30->t30, &stats);
	event.width = stats.width;
	event.rows = stats.length;
	event.bad_rows = stats.bad_rows;
	event.x_per_metre = stats.x_resolution;
	event.y_per_metre = stats.y_resolution;
	event.bit_rate = stats.bit_rate;
	event.ecm = stats.error_correcting_mode;
	bl_fax_station(event.station, t30_get_rx_ident(t30->t30));
	t30->user.tell(t30->user.user, &event);
}

static enum bl_fax_end page_written(struct bl_t30 *t30, int32_t pages)
{
	t30->bytes = bl_fax_file_size(t30->path);
	if (t30->config.send)
		return BL_FAX_OK;
	if (bl_fax_file_pages(t30->path, pages) < pages)
		return bl_fax_disk_full(t30->path) ? BL_FAX_DISK_FULL : BL_FAX_WRITE_FAILED;
	if (t30->bytes > t30->config.max_bytes)
		return BL_FAX_TOO_LARGE;
	return BL_FAX_OK;
}

/* A page that was written counts, also when it is the last that the disk will take. */
static enum bl_fax_end room_left(const struct bl_t30 *t30)
{
	return !t30->config.send && t30->more && bl_fax_disk_full(t30->path) ? BL_FAX_DISK_FULL
									     : BL_FAX_OK;
}

static int on_page(t30_state_t *state, void *user, int result)
{
	struct bl_t30 *t30 = user;
	t30_stats_t stats;
	int32_t pages;
	enum bl_fax_end trouble;

	t30_get_transfer_statistics(state, &stats);
	pages = t30->config.send ? stats.pages_tx : stats.pages_rx;
	if (pages <= t30->pages)
		return T30_ERR_OK;
	trouble = page_written(t30, pages);
	if (trouble != BL_FAX_WRITE_FAILED && trouble != BL_FAX_DISK_FULL)
		t30->pages = pages;
	t30->more = result != T30_EOP && result != T30_PRI_EOP;
	if (t30->pages == pages)
		tell(t30, BL_FAX_PAGE);
	if (t30->why == BL_FAX_OK)
		t30->why = trouble == BL_FAX_OK ? room_left(t30) : trouble;
	return T30_ERR_OK;
}

static int on_meeting(t30_state_t *state, void *user, int result)
{
	struct bl_t30 *t30 = user;

	(void)state;
	(void)result;
	t30->met = true;
	return T30_ERR_OK;
}

static void on_end(t30_state_t *state, void *user, int code)
{
	struct bl_t30 *t30 = user;

	(void)state;
	t30->over = true;
	t30->code = code;
}

/* Frames that libspandsp would read beyond their end; see ifp.h. */
static void on_frame(void *user, const uint8_t *frame, int size, int good)
{
	struct bl_t30 *t30 = user;

	t30->moved = t30->frames;
	if (size >= 3 && size < FCD_HEAD && (frame[2] & FCF_MASK) == FCD_RECEIVED)
		t30->refused++;
	else
		t30_hdlc_accept(t30->t30, frame, size, good);
}

static int on_ifp_out(t38_core_state_t *core, void *user, const uint8_t *ifp, int size, int count)
{
	struct bl_t30 *t30 = user;
	uint8_t datagram[BL_UDPTL_MAX];
	int length = bl_udptl_build(&t30->sender, ifp, (size_t)size, datagram, sizeof(datagram));

	(void)core;
	if (length < 0)
		return -1;
	for (int i = 0; i < count && i < REPEATS_MAX; i++) {
		t30->datagrams_out++;
		t30->user.send(t30->user.user, datagram, (size_t)length);
	}
	return 0;
}

/* JBIG and colour are not offered, nor T.6: its rows of one bit would let a far end swell memory
 * a thousandfold; the rows of T.4 take 14 bits at least. */
static void set_up(struct bl_t30 *t30, t30_state_t *state)
{
	const struct bl_fax_config *config = &t30->config;
	int compressions = T30_SUPPORT_T4_1D_COMPRESSION | T30_SUPPORT_T4_2D_COMPRESSION;

	t30->t30 = state;
	span_log_set_level(t30_get_logging_state(state), SPAN_LOG_NONE);
	t30_set_tx_ident(state, config->station);
	t30_set_ecm_capability(state, config->ecm);
	t30_set_supported_modems(state, T30_SUPPORT_V27TER | T30_SUPPORT_V29 |
						(config->v17 ? T30_SUPPORT_V17 : 0));
	t30_set_supported_compressions(state, compressions);
	t30_set_supported_resolutions(
		state, T30_SUPPORT_STANDARD_RESOLUTION | T30_SUPPORT_FINE_RESOLUTION |
			       T30_SUPPORT_SUPERFINE_RESOLUTION | T30_SUPPORT_R8_RESOLUTION);
	t30_set_supported_image_sizes(
		state, T30_SUPPORT_215MM_WIDTH | T30_SUPPORT_US_LETTER_LENGTH |
			       T30_SUPPORT_US_LEGAL_LENGTH | T30_SUPPORT_A4_LENGTH |
			       T30_SUPPORT_B4_LENGTH | T30_SUPPORT_UNLIMITED_LENGTH);
	t30_set_phase_b_handler(state, on_meeting, t30);
	t30_set_phase_d_handler(state, on_page, t30);
	t30_set_phase_e_handler(state, on_end, t30);
	if (config->send) {
		t30_set_tx_file(state, t30->path, -1, -1);
		t30_set_tx_page_header_info(state, config->header);
	} else {
		t30_set_rx_file(state, t30->path, -1);
		t30_set_rx_encoding(state, T4_COMPRESSION_ITU_T6);
	}
}

int bl_t30_new(const struct bl_fax_config *config, const struct bl_t30_user *user,
	       struct bl_t30 **out)
{
	struct bl_t30 *t30 = calloc(1, sizeof(*t30));
	int err;

	if (!t30)
		return BL_ENOMEM;
	t30->config = *config;
	t30->user = *user;
	memcpy(t30->path, config->path, strlen(config->path));
	err = config->send ? (access(t30->path, R_OK) ? BL_EIO : BL_OK)
			   : bl_fax_file_make(t30->path);
	if (err) {
		free(t30);
		return err;
	}
	t30->bytes = bl_fax_file_size(t30->path);
	t30->audio = fax_init(NULL, config->send);
	if (!t30->audio) {
		free(t30);
		return BL_ENOMEM;
	}
	span_log_set_level(fax_get_logging_state(t30->audio), SPAN_LOG_NONE);
	fax_set_transmit_on_idle(t30->audio, true);
	set_up(t30, fax_get_t30_state(t30->audio));
	*out = t30;
	return BL_OK;
}

void bl_t30_free(struct bl_t30 *t30)
{
	if (!t30)
		return;
	t30_set_phase_d_handler(t30->t30, NULL, NULL);
	t30_set_phase_e_handler(t30->t30, NULL, NULL);
	if (t30->audio)
		fax_free(t30->audio);
	if (t30->t38)
		t38_terminal_free(t30->t38);
	free(t30);
}

void bl_t30_end(struct bl_t30 *t30, enum bl_fax_end why)
{
	if (t30->ended)
		return;
	t30->ended = true;
	t30->why = why;
	if (!t30->over)
		t30_terminate(t30->t30); /* closes the file; on_end() gives its code */
	/* a far end that hangs up instead of its last word, or at ours, has missed nothing */
	if (why == BL_FAX_CALL_DROPPED && t30->over && t30->code != T30_ERR_CALLDROPPED)
		t30->why = bl_fax_end_of(t30->code, t30->met);
	t30->bytes = bl_fax_file_size(t30->path);
	tell(t30, BL_FAX_DONE);
}

/*
 * A DCS (T.30 §5.3.6.2.1) may name what was not offered. libspandsp would begin a page of no known
 * width without memory for its rows, and die; or take rows of T.6, see set_up().
 */
static bool wrong_dcs(const struct bl_t30 *t30)
{
	const t30_state_t *state = t30->t30;

	return !t30->config.send && !t30->ended && !t30->over &&
	       state->operation_in_progress == RECEIVING &&
	       (state->image_width != T4_WIDTH_R8_A4 ||
		(state->line_encoding != T4_COMPRESSION_ITU_T4_1D &&
		 state->line_encoding != T4_COMPRESSION_ITU_T4_2D));
}

static bool stalled(struct bl_t30 *t30, const t30_stats_t *stats)
{
	uint64_t longest = t30->config.send ? STALL_SENDING : STALL_RECEIVING;

	if (t30->t30->state != t30->state || stats->length != t30->rows) {
		t30->state = t30->t30->state;
		t30->rows = stats->length;
		t30->moved = t30->frames;
	}
	return t30->frames - t30->moved > longest * BL_TICKS_PER_S;
}

/* Ends it when T.30 is through, or when a limit is passed. */
static void judge(struct bl_t30 *t30)
{
	t30_stats_t stats;

	if (t30->ended)
		return;
	t30_get_transfer_statistics(t30->t30, &stats);
	if (stalled(t30, &stats) && !t30->over && t30->why == BL_FAX_OK)
		t30->why = t30->met ? BL_FAX_NO_ANSWER : BL_FAX_NO_FAX;
	if (t30->why == BL_FAX_OK && !t30->over && !t30->config.send) {
		if (stats.length > BL_FAX_ROWS_MAX)
			t30->why = BL_FAX_TOO_LARGE;
		else if (t30->pages >= t30->config.max_pages && t30->more)
			t30->why = BL_FAX_TOO_MANY_PAGES;
	}
	if (t30->frames >= (uint64_t)t30->config.max_seconds * BL_TICKS_PER_S && !t30->over &&
	    t30->why == BL_FAX_OK)
		t30->why = BL_FAX_TOO_LONG;
	if (t30->why != BL_FAX_OK)
		bl_t30_end(t30, t30->why);
	else if (t30->over)
		bl_t30_end(t30, bl_fax_end_of(t30->code, t30->met));
}

void bl_t30_audio(struct bl_t30 *t30, const int16_t *in, int16_t *out)
{
	int16_t frame[BL_FRAME];
	int made;

	memset(out, 0, BL_FRAME * sizeof(*out));
	t30->frames++;
	if (wrong_dcs(t30))
		bl_t30_end(t30, BL_FAX_INCOMPATIBLE);
	if (t30->t38) {
		t38_terminal_send_timeout(t30->t38, BL_FRAME);
	} else {
		/* set anew each time: libspandsp sets its own whenever it changes modems */
		t30->audio->modems.hdlc_rx.frame_handler = on_frame;
		t30->audio->modems.hdlc_rx.frame_user_data = t30;
		if (in)
			memcpy(frame, in, sizeof(frame));
		if (in)
			fax_rx(t30->audio, frame, BL_FRAME);
		else
			fax_rx_fillin(t30->audio, BL_FRAME);
		made = fax_tx(t30->audio, out, BL_FRAME);
		if (made < BL_FRAME)
			memset(out + made, 0, (size_t)(BL_FRAME - made) * sizeof(*out));
	}
	judge(t30);
}

static void set_up_t38(struct bl_t30 *t30, const struct bl_fax_t38 *t38)
{
	t38_core_state_t *core = t38_terminal_get_t38_core_state(t30->t38);

	span_log_set_level(t38_core_get_logging_state(core), SPAN_LOG_NONE);
	span_log_set_level(t38_terminal_get_logging_state(t30->t38), SPAN_LOG_NONE);
	t38_set_t38_version(core, t38->version);
	t38_set_data_rate_management_method(
		core, t38->local_tcf ? T38_DATA_RATE_MANAGEMENT_LOCAL_TCF
				     : T38_DATA_RATE_MANAGEMENT_TRANSFERRED_TCF);
	t38_set_fill_bit_removal(core, t38->fill_bit_removal);
	t38_terminal_set_fill_bit_removal(t30->t38, t38->fill_bit_removal);
	if (t38->max_datagram)
		t38_set_max_datagram_size(core, t38->max_datagram);
	t30->version = t38->version;
	t30->sender = (struct bl_udptl_sender){
		.repair = (enum bl_udptl_repair)t38->repair,
		.count = t38->repair == BL_UDPTL_FEC ? PARITIES : REDUNDANCY,
		.span = PARITY_SPAN,
		.largest = (size_t)t38->max_datagram,
	};
}

void bl_t30_switch(struct bl_t30 *t30, const struct bl_fax_t38 *t38)
{
	t38_terminal_state_t *terminal;

	if (t30->t38 || t30->ended || t30->over)
		return;
	terminal = t38_terminal_init(NULL, t30->config.send, on_ifp_out, t30);
	if (!terminal) {
		bl_t30_end(t30, BL_FAX_CALL_DROPPED);
		return;
	}
	/* this is no end: nobody shall hear of it */
	t30_set_phase_d_handler(t30->t30, NULL, NULL);
	t30_set_phase_e_handler(t30->t30, NULL, NULL);
	t30_terminate(t30->t30);
	t30->t38 = terminal;
	set_up_t38(t30, t38);
	set_up(t30, t38_terminal_get_t30_state(terminal));
	fax_free(t30->audio);
	t30->audio = NULL;
}

static void on_ifp_in(void *user, uint16_t seq, const uint8_t *ifp, size_t size)
{
	struct bl_t30 *t30 = user;
	const t38_terminal_front_end_state_t *front = &t30->t38->t38_fe;
	struct bl_ifp_frame frame = {.size = (size_t)front->hdlc_rx.len};

	if (front->hdlc_rx.len >= 3 && (front->hdlc_rx.buf[2] & FCF_MASK) == FCD_RECEIVED)
		frame.control = BL_IFP_FCD;
	if (wrong_dcs(t30))
		bl_t30_end(t30, BL_FAX_INCOMPATIBLE);
	if (t30->ended || bl_ifp_check(ifp, size, t30->version, frame)) {
		t30->refused++;
		return;
	}
	t30->moved = t30->frames;
	t38_core_rx_ifp_packet(t38_terminal_get_t38_core_state(t30->t38), ifp, (int)size, seq);
}

void bl_t30_datagram(struct bl_t30 *t30, const uint8_t *data, size_t size)
{
	if (!t30->t38 || t30->ended)
		return;
	bl_udptl_receive(&t30->receiver, data, size, on_ifp_in, t30);
	judge(t30);
}

void bl_t30_stats(const struct bl_t30 *t30, struct bl_fax_stats *out)
{
	out->datagrams_out = t30->datagrams_out;
	out->datagrams_in = t30->receiver.received + t30->receiver.malformed;
	out->malformed = t30->receiver.malformed;
	out->late = t30->receiver.late;
	out->lost = t30->receiver.lost;
	out->repaired = t30->receiver.repaired;
	out->refused = t30->refused;
}
