/* player.c  What a leg is being played: a queue of plays without clicks */
#include <math.h>
#include <string.h>
#include "frame.h"
#include "player.h"

static size_t ramp_length(int32_t rate)
{
	return (size_t)(rate / BL_RAMPS_PER_S);
}

static int16_t saturate(float value)
{
	return (int16_t)(value > 32767.0F ? 32767.0F : value < -32768.0F ? -32768.0F : value);
}

static void ramp_to(struct bl_play *play, float level)
{
	play->level_to = level;
	play->step = (level - play->level) / (float)ramp_length(play->rate);
}

/* What comes next rises from silence. */
static void rise(struct bl_play *play)
{
	play->level = 0.0F;
	ramp_to(play, play->level_to);
}

static void apply_level(struct bl_play *play, int16_t *out, size_t count)
{
	size_t i = 0;

	for (; i < count && play->level != play->level_to; i++) {
		float left = play->level_to - play->level;

		play->level = fabsf(left) <= fabsf(play->step) * 1.01F ? play->level_to
								       : play->level + play->step;
		out[i] = saturate((float)out[i] * play->level);
	}
	for (; i < count && play->level != 1.0F; i++)
		out[i] = saturate((float)out[i] * play->level);
}

/* left: [samples] from out's first one to the end of all sound. */
static void apply_end(int16_t *out, size_t count, uint64_t left, size_t ramp)
{
	for (size_t i = left > ramp ? (size_t)(left - ramp) : 0; i < count; i++)
		out[i] = (int16_t)(out[i] * (int32_t)(left - i) / (int32_t)ramp);
}

static size_t fill(struct bl_play *play, int16_t *out, size_t count)
{
	bool go_on = play->loop && !play->next;
	uint64_t left = bl_play_left(play);
	size_t ramp = ramp_length(play->rate);

	if (play->paused) {
		memset(out, 0, count * sizeof(*out));
		return count;
	}
	if (!go_on && count > left)
		count = (size_t)left;
	count = bl_play_read(play, go_on, out, count);
	apply_level(play, out, count);
	if (!go_on && left < ramp + count)
		apply_end(out, count, left, ramp);
	return count;
}

/* Keeps the next 4 ms of what sounds as a falling tail; the play's place stays. */
static void cut(struct bl_player *player)
{
	struct bl_play *play = player->first;
	size_t ramp = play ? ramp_length(play->rate) : 0;
	struct bl_play_place place;
	size_t count;

	if (!play || play->paused || play->level == 0.0F || play->rate != player->rate)
		return;
	place = play->place;
	count = fill(play, player->tail, ramp);
	play->place = place;
	for (size_t i = 0; i < count; i++)
		player->tail[i] = (int16_t)(player->tail[i] * (int32_t)(ramp - i) / (int32_t)ramp);
	player->tail_left = (uint32_t)count;
	rise(play);
}

static void put_ended(struct bl_player *player, struct bl_play *play, int32_t why)
{
	play->why = why;
	play->next = NULL;
	if (!player->ended)
		player->ended_end = &player->ended;
	*player->ended_end = play;
	player->ended_end = &play->next;
}

/* Takes the play behind `before` (NULL: the first) out of the queue. */
static void end(struct bl_player *player, struct bl_play *before, int32_t why)
{
	struct bl_play **link = before ? &before->next : &player->first;
	struct bl_play *play = *link;

	*link = play->next;
	if (player->last == play)
		player->last = before;
	put_ended(player, play, why);
}

struct bl_play *bl_player_ended(struct bl_player *player)
{
	struct bl_play *play = player->ended;

	if (play)
		player->ended = play->next;
	return play;
}

void bl_player_stop(struct bl_player *player, int32_t why)
{
	cut(player);
	while (player->first)
		end(player, NULL, why);
}

void bl_player_add(struct bl_player *player, struct bl_play *play)
{
	if (!play->append)
		bl_player_stop(player, BL_PLAY_REPLACED);
	play->next = NULL;
	if (player->last)
		player->last->next = play;
	else
		player->first = play;
	player->last = play;
	rise(play);
}

bool bl_player_stop_one(struct bl_player *player, int64_t id, int32_t why)
{
	struct bl_play *before = NULL;

	for (struct bl_play *play = player->first; play; before = play, play = play->next) {
		if (play->id != id)
			continue;
		if (!before)
			cut(player);
		end(player, before, why);
		return true;
	}
	return false;
}

bool bl_player_barge(struct bl_player *player, enum bl_barge what)
{
	int32_t why = what == BL_BARGE_DIGIT ? BL_PLAY_BARGED_DIGIT : BL_PLAY_BARGED_SPEECH;
	struct bl_play *before = NULL, *play = player->first;
	bool ended = false;

	if (play && play->barge & (int32_t)what)
		cut(player);
	while (play) {
		struct bl_play *next = play->next;

		if (play->barge & (int32_t)what) {
			end(player, before, why);
			ended = true;
		} else {
			before = play;
		}
		play = next;
	}
	return ended;
}

void bl_player_pause(struct bl_player *player, bool on)
{
	if (!player->first || player->first->paused == on)
		return;
	if (on)
		cut(player);
	player->first->paused = on;
}

void bl_player_seek(struct bl_player *player, int64_t ms)
{
	if (!player->first)
		return;
	cut(player);
	bl_play_set_place(player->first, ms);
}

void bl_player_skip(struct bl_player *player, int64_t ms)
{
	if (player->first)
		bl_player_seek(player, (int64_t)bl_play_position_ms(player->first) + ms);
}

void bl_player_gain(struct bl_player *player, float factor)
{
	if (player->first)
		ramp_to(player->first, factor);
}

/* The bridge's sound under a play (over: beside it), with ramps at both ends. */
static void duck(struct bl_player *player, float to, int16_t *out, size_t count)
{
	float step = 1.0F / (float)ramp_length(player->rate);
	size_t i = 0;

	for (; i < count && player->duck != to; i++) {
		float next = player->duck + (to > player->duck ? step : -step);

		player->duck = next < step / 2 ? 0.0F : next > 1.0F - step / 2 ? 1.0F : next;
		out[i] = saturate((float)out[i] * (1.0F - player->duck));
	}
	if (player->duck == 1.0F)
		memset(out + i, 0, (count - i) * sizeof(*out));
}

static void set_rate(struct bl_player *player, int32_t rate)
{
	if (player->rate != rate)
		player->tail_left = 0;
	player->rate = rate;
	for (struct bl_play *play = player->first; play; play = play->next) {
		if (play->rate == rate)
			continue;
		bl_play_set_rate(play, rate);
		ramp_to(play, play->level_to);
	}
}

static void add(int16_t *out, const int16_t *pcm, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int32_t sum = out[i] + pcm[i];

		out[i] = (int16_t)(sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum);
	}
}

static void add_tail(struct bl_player *player, int16_t *frame)
{
	add(frame, player->tail, player->tail_left);
	player->tail_left = 0; /* a ramp is shorter than any frame */
}

bool bl_player_frame(struct bl_player *player, int32_t rate, int16_t *frame)
{
	size_t count = (size_t)(rate / BL_TICKS_PER_S), done = 0;
	int16_t sound[BL_FRAME_MAX];

	if (!player->first && !player->tail_left && player->duck == 0.0F) {
		player->rate = rate;
		return false;
	}
	set_rate(player, rate);
	while (done < count && player->first) {
		struct bl_play *play = player->first;
		size_t got = fill(play, sound, count - done);

		duck(player, play->over ? 0.0F : 1.0F, frame + done, got);
		add(frame + done, sound, got);
		done += got;
		if (!bl_play_left(play) && !(play->loop && !play->next))
			end(player, NULL, BL_PLAY_END);
	}
	duck(player, 0.0F, frame + done, count - done);
	add_tail(player, frame);
	return true;
}
