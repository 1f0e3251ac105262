/* leg.c  One audio end point: what is the same for RTP and PCM */
#include <string.h>
#include "engine.h"
#include "mix.h"

void bl_leg_end_play(struct bl_engine *engine, struct bl_leg *leg, enum bl_play_end why)
{
	if (!leg->play)
		return;
	bl_tell(engine, &(struct bl_event){
				.leg = leg->id,
				.id = leg->play->id,
				.kind = BL_EVENT_PLAY_ENDED,
				.code = (int32_t)why,
			});
	bl_stack_push(&engine->retired, &leg->play->node);
	leg->play = NULL;
}

void bl_leg_end_recording(struct bl_leg *leg)
{
	if (leg->recording)
		atomic_store_explicit(&leg->recording->detached, true, memory_order_release);
	leg->recording = NULL;
}

void bl_leg_alive(struct bl_engine *engine, struct bl_leg *leg)
{
	leg->heard_tick = bl_now(engine);
	leg->silent = false;
	if (leg->started)
		return;
	leg->started = true;
	bl_tell(engine, &(struct bl_event){.leg = leg->id, .kind = BL_EVENT_MEDIA_STARTED});
}

static void watch_silence(struct bl_engine *engine, struct bl_leg *leg)
{
	if (!leg->silence || leg->silent || !leg->receive ||
	    bl_now(engine) - leg->heard_tick < leg->silence)
		return;
	leg->silent = true;
	bl_tell(engine, &(struct bl_event){.leg = leg->id, .kind = BL_EVENT_MEDIA_SILENT});
}

/* A digit sent as an event carries no sound: pass it on to whom this leg talks with. */
static void relay(struct bl_leg *leg, char digit)
{
	if (!leg->bridge)
		return;
	for (int32_t i = 0; i < leg->bridge->count; i++) {
		if (leg->bridge->legs[i] != leg)
			bl_digits_add(&leg->bridge->legs[i]->digits, digit);
	}
}

void bl_leg_digit(struct bl_engine *engine, struct bl_leg *leg, char digit,
		  enum bl_digit_source source, int ms)
{
	bl_tell(engine, &(struct bl_event){
				.leg = leg->id,
				.id = source,
				.kind = BL_EVENT_DIGIT,
				.code = digit,
				.value = (uint64_t)ms,
			});
	if (source == BL_DIGIT_RFC4733)
		relay(leg, digit);
}

void bl_leg_hear(struct bl_engine *engine, struct bl_leg *leg)
{
	if (leg->kind == BL_LEG_RTP)
		bl_rtp_leg_receive(engine, leg);
	else
		bl_pcm_leg_receive(engine, leg);
	switch (bl_jbuf_get(&leg->jbuf, leg->says)) {
	case BL_JBUF_CONCEALED:
		leg->stats.concealed++;
		leg->has_sound = true;
		break;
	case BL_JBUF_WHOLE:
		leg->has_sound = true;
		break;
	case BL_JBUF_SILENT:
		leg->has_sound = false;
		break;
	}
	if (leg->detect && !leg->rtp.events_seen) {
		int ms;
		char digit = bl_dtmf_frame(&leg->dtmf, leg->says, &ms);

		if (digit)
			bl_leg_digit(engine, leg, digit, BL_DIGIT_INBAND, ms);
	}
	watch_silence(engine, leg);
}

static void publish(struct bl_leg *leg)
{
	const uint64_t *from = (const uint64_t *)&leg->stats;

	leg->stats.lost = bl_rtp_source_lost(&leg->rtp.source);
	leg->stats.jitter_us = (uint64_t)(leg->rtp.source.jitter >> 4) * 1000 / BL_SAMPLES_PER_MS;
	leg->stats.buffer_ms = leg->jbuf.buffered / BL_SAMPLES_PER_MS;
	for (size_t i = 0; i < sizeof(leg->stats) / sizeof(*from); i++)
		atomic_store_explicit(&leg->published[i], from[i], memory_order_relaxed);
}

static void record(struct bl_leg *leg)
{
	if (atomic_load_explicit(&leg->recording->failed, memory_order_relaxed))
		bl_leg_end_recording(leg);
	else
		leg->stats.record_lost += bl_recording_put(leg->recording, leg->says, leg->hears);
}

void bl_leg_speak(struct bl_engine *engine, struct bl_leg *leg)
{
	int tick;
	bool as_event = leg->kind == BL_LEG_RTP && leg->rtp.far.event_payload_type >= 0;

	if (leg->play && !bl_play_frame(leg->play, leg->hears))
		bl_leg_end_play(engine, leg, BL_PLAY_END);
	if (bl_digits_now(&leg->digits, &tick) && !as_event)
		bl_digits_tone(&leg->digits, leg->hears);
	if (leg->recording)
		record(leg);
	if (leg->kind == BL_LEG_RTP)
		bl_rtp_leg_send(leg);
	else
		bl_pcm_leg_send(leg);
	publish(leg);
}
