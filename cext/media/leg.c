/* leg.c  One audio end point: what is the same for RTP and PCM */
#include <math.h>
#include <string.h>
#include "engine.h"

enum {
	PUBLISH_TICKS = 5, /* what a leg has counted is published each 100 ms */
	LEVEL_TICKS = 8,   /* speech and noise are measured so often */
	ECHO_TICKS = 15,   /* 300 ms: a modem tells a digit so late at worst */
};

#define QUIETEST_DBM0 (-127.0f)

void bl_leg_set_rate(struct bl_leg *leg, int32_t rate)
{
	leg->rate = rate;
	leg->frame = rate / BL_TICKS_PER_S;
	bl_resample_init(&leg->narrow, rate, BL_RATE);
	if (leg->bridge)
		bl_bridge_settle(leg->bridge);
}

void bl_leg_set_coder(struct bl_engine *engine, struct bl_leg *leg, struct bl_coder *coder)
{
	if (leg->coder)
		bl_stack_push(&engine->retired, &leg->coder->node);
	leg->coder = coder;
	bl_stream_fixed(coder->stream, leg->fax != NULL);
	if (leg->rate != coder->config.rate)
		bl_leg_set_rate(leg, coder->config.rate);
}

void bl_leg_empty(struct bl_leg *leg)
{
	if (leg->coder)
		bl_stream_decoder(leg->coder->stream, leg->coder->decoder,
				  leg->coder->config.codec);
}

void bl_leg_tell_plays(struct bl_worker *worker, struct bl_leg *leg)
{
	struct bl_play *play;

	while ((play = bl_player_ended(&leg->player)) != NULL) {
		bl_tell(worker, &(struct bl_event){
					.leg = leg->id,
					.id = play->id,
					.kind = BL_EVENT_PLAY_ENDED,
					.code = play->why,
					.value = bl_play_position_ms(play),
				});
		bl_stack_push(&worker->engine->retired, &play->node);
	}
}

void bl_leg_end_plays(struct bl_worker *worker, struct bl_leg *leg, enum bl_play_end why)
{
	bl_player_stop(&leg->player, (int32_t)why);
	bl_leg_tell_plays(worker, leg);
}

static void barge(struct bl_worker *worker, struct bl_leg *leg, enum bl_barge what)
{
	if (bl_player_barge(&leg->player, what))
		bl_leg_tell_plays(worker, leg);
}

void bl_leg_alive(struct bl_worker *worker, struct bl_leg *leg)
{
	leg->heard_tick = bl_now(worker->engine);
	leg->silent = false;
	if (leg->started)
		return;
	leg->started = true;
	bl_tell(worker, &(struct bl_event){.leg = leg->id, .kind = BL_EVENT_MEDIA_STARTED});
}

static void watch_silence(struct bl_worker *worker, struct bl_leg *leg)
{
	if (!leg->silence || leg->silent || !leg->receive ||
	    bl_now(worker->engine) - leg->heard_tick < leg->silence)
		return;
	leg->silent = true;
	bl_tell(worker, &(struct bl_event){.leg = leg->id, .kind = BL_EVENT_MEDIA_SILENT});
}

void bl_leg_relay_digit(struct bl_leg *leg, char digit)
{
	if (!leg->bridge || leg->role != BL_ROLE_TALK)
		return;
	for (int32_t i = 0; i < leg->bridge->count; i++) {
		if (leg->bridge->members[i].leg != leg)
			bl_digits_add(&leg->bridge->members[i].leg->digits, digit);
	}
}

/* A modem and we find the same digit in the same sound, the one a little before the other. */
static bool is_echo(struct bl_worker *worker, struct bl_leg *leg, char digit,
		    enum bl_digit_source source)
{
	return digit == leg->digit && source != leg->digit_source &&
	       bl_now(worker->engine) - leg->digit_tick < ECHO_TICKS;
}

void bl_leg_digit(struct bl_worker *worker, struct bl_leg *leg, char digit,
		  enum bl_digit_source source, int ms)
{
	if (leg->kind == BL_LEG_PCM && is_echo(worker, leg, digit, source))
		return;
	leg->digit = digit;
	leg->digit_source = source;
	leg->digit_tick = bl_now(worker->engine);
	bl_tell(worker, &(struct bl_event){
				.leg = leg->id,
				.id = source,
				.kind = BL_EVENT_DIGIT,
				.code = digit,
				.value = (uint64_t)ms,
			});
	barge(worker, leg, BL_BARGE_DIGIT);
	if (source == BL_DIGIT_RFC4733 && !leg->keeps_digits &&
	    worker->relay_count < BL_RELAYS_OF_WORKER)
		worker->relays[worker->relay_count++] = (struct bl_relay){leg, digit};
}

/* What the bridge takes of it: at the bridge's rate. */
static void bring_to_bridge(struct bl_leg *leg)
{
	leg->said = leg->says;
	if (!leg->bridge || leg->bridge->plain || leg->rate == leg->bridge->rate)
		return;
	bl_resample(&leg->mouth, leg->says, leg->wide);
	leg->said = leg->wide;
}

static void take_frame(struct bl_leg *leg)
{
	static const int16_t nothing[BL_FRAME_MAX];
	enum bl_stream_get got = BL_STREAM_SILENT;

	leg->says = nothing;
	if (leg->coder)
		leg->says = bl_stream_next(leg->coder->stream, (size_t)leg->frame, &got);
	leg->stats.concealed += got == BL_STREAM_CONCEALED;
	if (got == BL_STREAM_WHOLE || got == BL_STREAM_CONCEALED)
		bl_voip_packet(&leg->rtp.rtcp.metrics, got == BL_STREAM_CONCEALED);
	leg->has_sound = got != BL_STREAM_SILENT;
	if (leg->fax)
		bl_fax_leg_hear(leg, got);
}

/* What the leg says, at 8 kHz; until the bridge takes it, its wide frame is free to hold that. */
static const int16_t *narrowed(struct bl_leg *leg)
{
	if (leg->rate == BL_RATE)
		return leg->says;
	bl_resample(&leg->narrow, leg->says, leg->wide);
	return leg->wide;
}

/* Its stream's sound stays as it is: what is changed is a copy. */
static void change_gain(struct bl_leg *leg, struct bl_gain *gain)
{
	if (!leg->has_sound || bl_gain_is_unity(gain))
		return;
	if (leg->says != leg->changed)
		memcpy(leg->changed, leg->says, (size_t)leg->frame * sizeof(*leg->changed));
	leg->says = leg->changed;
	bl_gain_frame(gain, leg->changed, (size_t)leg->frame);
}

static void watch_voice(struct bl_worker *worker, struct bl_leg *leg)
{
	enum bl_voice_event change = bl_voice_frame(&leg->voice, leg->says, (size_t)leg->frame);

	if (leg->voice.level_dbm0 > leg->loudest_dbm0)
		leg->loudest_dbm0 = leg->voice.level_dbm0;
	if (leg->has_sound && (bl_now(worker->engine) + (uint64_t)leg->slot) % LEVEL_TICKS == 0)
		bl_voip_level(&leg->rtp.rtcp.metrics, leg->says, (size_t)leg->frame);
	if (change == BL_VOICE_STARTED)
		barge(worker, leg, BL_BARGE_SPEECH);
	if (leg->tells_talk && change != BL_VOICE_NONE)
		bl_tell(worker, &(struct bl_event){
					.leg = leg->id,
					.kind = BL_EVENT_TALK,
					.code = change == BL_VOICE_STARTED,
				});
}

static void analyse(struct bl_worker *worker, struct bl_leg *leg)
{
	/* where events were seen, digits in the sound are echoes of these */
	bool digits = leg->detect && leg->has_sound && !leg->rtp.events_seen;
	bool more = bl_leg_is_analysed(leg);
	const int16_t *narrow = digits || more ? narrowed(leg) : NULL;

	leg->sought = digits ? narrow : NULL;
	if (more)
		bl_leg_analyse(worker, leg, narrow);
}

void bl_leg_hear(struct bl_worker *worker, struct bl_leg *leg)
{
	if (leg->kind == BL_LEG_RTP)
		bl_rtp_leg_receive(worker, leg);
	else
		bl_pcm_leg_receive(worker, leg);
	take_frame(leg);
	bl_rtp_leg_events(worker, leg);
	leg->digit_sounds = leg->rtp.events.running;
	leg->event_gain.wanted = leg->rtp.events.running ? 0.0f : 1.0f;
	change_gain(leg, &leg->event_gain);
	watch_voice(worker, leg);
	analyse(worker, leg);
}

void bl_leg_heard(struct bl_worker *worker, struct bl_leg *leg)
{
	change_gain(leg, &leg->mouth_gain);
	if (leg->mouth_gain.now == 0.0f)
		leg->has_sound = false; /* mute */
	leg->quiet_ticks = leg->has_sound ? 0 : leg->quiet_ticks + 1;
	bring_to_bridge(leg);
	watch_silence(worker, leg);
}

/* turn: the tick's number, so that each leg has its own turn */
static void publish(struct bl_leg *leg, uint64_t turn)
{
	const uint64_t *from = (const uint64_t *)&leg->stats;
	struct bl_stream_stats stream;

	if (turn % BL_TICKS_PER_S == 0) {
		leg->stats.level_dbm0_below =
			(uint64_t)fminf(127.0f, fmaxf(0.0f, -leg->loudest_dbm0));
		leg->loudest_dbm0 = QUIETEST_DBM0;
	}
	leg->stats.lost = bl_rtp_source_lost(&leg->rtp.source);
	if (leg->coder) {
		bl_stream_stats(leg->coder->stream, &stream);
		leg->stats.recovered = stream.recovered;
		leg->stats.buffer_ms = (uint64_t)(stream.delay > 0 ? stream.delay : 0) * 1000 /
				       (uint64_t)leg->rate;
		leg->stats.jitter_us = (uint64_t)(leg->rtp.source.jitter >> 4) * 1000000 /
				       (uint64_t)leg->coder->clock;
	}
	for (size_t i = 0; i < sizeof(leg->stats) / sizeof(*from); i++)
		atomic_store_explicit(&leg->published[i], from[i], memory_order_relaxed);
}

/* Does a digit's tone sound in what the leg hears of its bridge? */
static bool hears_digit(const struct bl_leg *leg)
{
	for (int32_t i = 0; leg->bridge && i < leg->bridge->count; i++) {
		const struct bl_leg *other = leg->bridge->members[i].leg;

		if (other != leg && other->digit_sounds)
			return true;
	}
	return false;
}

static void feed(struct bl_leg *leg, const int16_t *hears)
{
	int tick;

	if (leg->digit_sounds)
		bl_feeds_hide_digit(leg->feeds, BL_SIDE_SAYS);
	if (bl_digits_now(&leg->digits, &tick) || hears_digit(leg))
		bl_feeds_hide_digit(leg->feeds, BL_SIDE_HEARS);
	leg->stats.record_lost += bl_feeds_put(&leg->feeds, leg->rate, leg->says, hears);
}

/* What the leg is to hear: plays in place of its bridge or over it, or a digit's tone. */
static void make_hears(struct bl_worker *worker, struct bl_leg *leg, int16_t *hears)
{
	int tick;
	bool as_event = leg->kind == BL_LEG_RTP && leg->rtp.far.event_payload_type >= 0;

	if (leg->bridge)
		bl_bridge_heard_by(leg->bridge, leg, hears);
	else
		memset(hears, 0, (size_t)leg->frame * sizeof(*hears));
	bl_player_frame(&leg->player, leg->rate, hears);
	bl_leg_tell_plays(worker, leg);
	if (!bl_gain_is_unity(&leg->ear_gain))
		bl_gain_frame(&leg->ear_gain, hears, (size_t)leg->frame);
	if (bl_digits_now(&leg->digits, &tick) && !as_event)
		bl_digits_tone(&leg->digits, leg->rate, hears);
}

void bl_leg_speak(struct bl_worker *worker, struct bl_leg *leg)
{
	int16_t *hears = worker->hears;
	uint64_t turn;

	if (leg->fax)
		bl_fax_leg_speak(leg, hears);
	else if (!leg->shared)
		make_hears(worker, leg, hears);
	if (leg->feeds)
		feed(leg, hears);
	if (leg->kind == BL_LEG_RTP) {
		bl_rtp_leg_send(worker, leg, hears);
		bl_rtcp_leg_tick(worker, leg);
	} else {
		bl_pcm_leg_send(leg, hears);
	}
	turn = bl_now(worker->engine) + (uint64_t)leg->slot;
	if (turn % PUBLISH_TICKS == 0 || worker->engine->config.stepped)
		publish(leg, turn);
}
