/* control_leg.c  The caller's commands about legs: checked, then sent */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "control.h"
#include "engine.h"
#include "pages.h"

enum {
	REST_TICKS = 100, /* 2 s: a removed leg keeps its port, so that no new call hears it */
	LONGEST_SILENCE_MS = 24 * 3600 * 1000,
	LEAST_GAIN_DB = -60,
	MOST_GAIN_DB = 20,
};

void bl_leg_free(struct bl_leg *leg)
{
	for (int i = 0; i < 2; i++) {
		if (leg->sdes[i])
			bl_sdes_wipe(leg->sdes[i]);
		free(leg->sdes[i]);
	}
	if (leg->coder)
		bl_coder_release(NULL, &leg->coder->node);
	for (int i = 0; i < BL_ANALYSES; i++) {
		if (leg->analyses[i])
			bl_analysis_release(NULL, &leg->analyses[i]->node);
	}
	if (leg->fd >= 0)
		close(leg->fd);
	if (leg->rtp.wide >= 0)
		close(leg->rtp.wide);
	if (leg->rtp.rtcp.fd >= 0)
		close(leg->rtp.rtcp.fd);
	bl_device_free(leg->pcm.device);
	bl_pages_free(leg);
}

/* The tick has let go of the leg: free it, or let its port rest first. */
void bl_leg_rest(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_leg *leg = (struct bl_leg *)node;

	if (leg->kind == BL_LEG_PCM) {
		bl_leg_free(leg);
		return;
	}
	leg->free_tick = bl_now(engine) + REST_TICKS;
	leg->node.next = NULL;
	*engine->resting_end = leg;
	engine->resting_end = (struct bl_leg **)&leg->node.next;
}

void bl_rested_legs_free(struct bl_engine *engine, bool all)
{
	while (engine->resting && (all || engine->resting->free_tick <= bl_now(engine))) {
		struct bl_leg *leg = engine->resting;

		engine->resting = (struct bl_leg *)leg->node.next;
		if (!engine->resting)
			engine->resting_end = &engine->resting;
		bl_leg_free(leg);
	}
}

struct bl_leg *bl_make_leg(int64_t id, enum bl_leg_kind kind)
{
	struct bl_leg *leg = bl_pages_get(sizeof(*leg));

	if (!leg)
		return NULL;
	leg->node.release = bl_leg_rest;
	leg->id = id;
	leg->kind = kind;
	leg->fd = leg->rtp.wide = leg->rtp.rtcp.fd = leg->rtp.place = -1;
	bl_voice_init(&leg->voice, NULL);
	leg->send = leg->receive = true;
	bl_gain_init(&leg->mouth_gain);
	bl_gain_init(&leg->ear_gain);
	bl_gain_init(&leg->event_gain);
	bl_leg_set_rate(leg, BL_RATE);
	return leg;
}

/* Takes the next free even port, going round the range so that none is used again soon. */
static int take_port(struct bl_engine *engine, struct bl_leg *leg, const char *address,
		     int32_t first, int32_t last)
{
	int32_t even = (first + 1) & ~1, count = (last - even) / 2 + 1;

	if (!first)
		return bl_rtp_leg_open(leg, address, 0, !engine->config.stepped);
	for (int32_t i = 0; i < count; i++) {
		int32_t port = even + (int32_t)(engine->port_cursor++ % (uint32_t)count) * 2;
		int got = bl_rtp_leg_open(leg, address, port, !engine->config.stepped);

		if (got != BL_EPORT)
			return got;
	}
	return BL_EPORT;
}

int bl_enter_leg(struct bl_engine *engine, struct bl_leg *leg)
{
	int err = bl_map_put(&engine->legs, leg->id, leg);

	if (!err) {
		err = bl_push(engine, &(struct bl_command){.kind = BL_COMMAND_ADD, .leg = leg});
		if (err)
			bl_map_remove(&engine->legs, leg->id);
	}
	if (err)
		bl_leg_free(leg);
	return err;
}

int bl_may_add_leg(struct bl_engine *engine, int64_t id)
{
	bl_reap(engine);
	if (bl_map_get(&engine->legs, id))
		return BL_EEXIST;
	return engine->legs.used < (size_t)engine->config.max_legs ? BL_OK : BL_ENOMEM;
}

int bl_leg_add_rtp(struct bl_engine *engine, int64_t id, const char *address, int32_t first_port,
		   int32_t last_port)
{
	struct bl_leg *leg = NULL;
	int port = 0, err;

	if (!engine || !address || first_port < 0 || last_port < first_port ||
	    last_port > UINT16_MAX || (first_port && last_port < ((first_port + 1) & ~1)))
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	err = bl_may_add_leg(engine, id);
	if (!err) {
		leg = bl_make_leg(id, BL_LEG_RTP);
		err = leg ? BL_OK : BL_ENOMEM;
	}
	if (!err) {
		port = take_port(engine, leg, address, first_port, last_port);
		if (port < 0) {
			bl_leg_free(leg);
			err = port;
		} else {
			err = bl_enter_leg(engine, leg);
		}
	}
	pthread_mutex_unlock(&engine->lock);
	return err ? err : port;
}

int bl_leg_add_device(struct bl_engine *engine, int64_t id, int fd,
		      const struct bl_device_config *config)
{
	struct bl_leg *leg = NULL;
	int err;

	if (!engine || !config || fd < 0)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	err = bl_may_add_leg(engine, id);
	if (!err) {
		leg = bl_make_leg(id, BL_LEG_PCM);
		err = leg ? bl_pcm_leg_open(leg, fd, config) : BL_ENOMEM;
		if (!err)
			err = bl_enter_leg(engine, leg);
		else if (leg)
			bl_leg_free(leg);
	}
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_leg_remove(struct bl_engine *engine, int64_t id)
{
	struct bl_command command = {.kind = BL_COMMAND_REMOVE};
	int err;

	if (!engine)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	command.leg = bl_map_get(&engine->legs, id);
	err = command.leg ? BL_OK : BL_ENOENT;
	if (!err && command.leg->guarded) {
		bl_guard_remove(engine->guard, id);
		command.leg->guarded = false;
	}
	if (!err)
		err = bl_push(engine, &command);
	if (!err)
		bl_map_remove(&engine->legs, id);
	pthread_mutex_unlock(&engine->lock);
	return err;
}

static struct bl_encoder_config coder_of(const struct bl_remote *remote)
{
	static const struct {
		enum bl_codec codec;
		int32_t rate;
	} usual[] = {
		{BL_PCMU, BL_RATE},	 {BL_PCMA, BL_RATE}, {BL_G722, BL_RATE_WIDE},
		{BL_OPUS, BL_RATE_WIDE}, {BL_L16, BL_RATE},
	};
	struct bl_encoder_config config = {
		.codec = (enum bl_codec)remote->codec,
		.rate = remote->rate,
		.bitrate = remote->bitrate,
		.complexity = -1,
		.fec = remote->fec,
		.dtx = remote->dtx,
	};

	for (size_t i = 0; !config.rate && i < sizeof(usual) / sizeof(usual[0]); i++) {
		if (usual[i].codec == config.codec)
			config.rate = usual[i].rate;
	}
	return config;
}

/* What the leg has is kept where it does: its buffer then goes on without a gap. */
static int coder_for(struct bl_leg *leg, const struct bl_remote *remote, struct bl_coder **out)
{
	struct bl_encoder_config config = coder_of(remote);
	int err;

	if (leg->has_asked && bl_coder_same(&leg->asked, &config))
		return BL_OK;
	err = bl_coder_new(&config, out);
	if (!err) {
		leg->asked = config;
		leg->has_asked = true;
	}
	return err;
}

int bl_leg_remote(struct bl_engine *engine, int64_t id, const struct bl_remote *remote)
{
	struct bl_command command = {.kind = BL_COMMAND_FAR};
	int err = BL_ENOENT;

	if (!engine || !remote)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	command.leg = bl_map_get(&engine->legs, id);
	if (command.leg)
		err = bl_rtp_leg_far(command.leg, remote, &command.far.to);
	if (!err)
		command.leg->asked_address = command.far.to.address;
	if (!err)
		err = coder_for(command.leg, remote, &command.far.coder);
	if (!err) {
		err = bl_push(engine, &command);
		if (err && command.far.coder) {
			command.leg->has_asked = false;
			bl_coder_release(engine, &command.far.coder->node);
		}
	}
	pthread_mutex_unlock(&engine->lock);
	return err;
}

int bl_leg_flow(struct bl_engine *engine, int64_t id, bool send, bool receive)
{
	struct bl_command command = {.kind = BL_COMMAND_FLOW, .flow = {send, receive}};

	return engine ? bl_push_for(engine, id, &command) : BL_EINVAL;
}

int bl_leg_detect(struct bl_engine *engine, int64_t id, bool on)
{
	struct bl_command command = {.kind = BL_COMMAND_DETECT, .on = on};

	return engine ? bl_push_for(engine, id, &command) : BL_EINVAL;
}

static bool is_gain(double db)
{
	return (db >= LEAST_GAIN_DB && db <= MOST_GAIN_DB) || (isinf(db) && db < 0);
}

int bl_leg_gain(struct bl_engine *engine, int64_t id, double says_db, double hears_db)
{
	struct bl_command command = {.kind = BL_COMMAND_GAIN};

	if (!engine || !is_gain(says_db) || !is_gain(hears_db))
		return BL_EINVAL;
	command.gain.mouth = (float)pow(10.0, says_db / 20.0);
	command.gain.ear = (float)pow(10.0, hears_db / 20.0);
	return bl_push_for(engine, id, &command);
}

int bl_leg_voice(struct bl_engine *engine, int64_t id, bool on)
{
	struct bl_command command = {.kind = BL_COMMAND_VOICE, .on = on};

	return engine ? bl_push_for(engine, id, &command) : BL_EINVAL;
}

int bl_leg_silence(struct bl_engine *engine, int64_t id, int32_t ms)
{
	struct bl_command command = {.kind = BL_COMMAND_SILENCE};

	if (!engine || ms < 0 || ms > LONGEST_SILENCE_MS)
		return BL_EINVAL;
	command.ticks = (uint32_t)(ms + BL_FRAME_MS - 1) / BL_FRAME_MS;
	return bl_push_for(engine, id, &command);
}

int bl_leg_keep_digits(struct bl_engine *engine, int64_t id, bool on)
{
	struct bl_command command = {.kind = BL_COMMAND_KEEP_DIGITS, .on = on};

	return engine ? bl_push_for(engine, id, &command) : BL_EINVAL;
}

int bl_leg_stats(struct bl_engine *engine, int64_t id, struct bl_leg_stats *out)
{
	uint64_t *to = (uint64_t *)out;
	struct bl_leg *leg;

	if (!engine || !out)
		return BL_EINVAL;
	pthread_mutex_lock(&engine->lock);
	leg = bl_map_get(&engine->legs, id);
	for (size_t i = 0; leg && i < sizeof(*out) / sizeof(*to); i++)
		to[i] = atomic_load_explicit(&leg->published[i], memory_order_relaxed);
	pthread_mutex_unlock(&engine->lock);
	return leg ? BL_OK : BL_ENOENT;
}
