/*
 * player.h  What a leg is being played: a queue of plays that starts, stops and jumps without
 * clicks
 *
 * What does it do?  It puts plays into what a leg hears, one after the other: appended or
 * replaced, paused, moved, stopped by command or by the leg's digits or speech (barge-in). How
 * does it work?  Whatever begins rises within 4 ms and whatever ends falls within 4 ms. Where
 *   sound is cut off by a command, the 4 ms that would have come are kept as a falling tail and
 *   added to what comes instead. Under a play the bridge is faded out likewise. A loop goes on
 *   until something waits behind it, and then to the end of its round.
 * How do I use it?  A zeroed bl_player is ready. bl_player_frame() each tick over what the leg
 *   hears of its bridge; then bl_player_ended() until it gives nothing: tell each play's end (why,
 *   position), and hand its node back to the caller's thread. All of this allocates nothing.
 */
#ifndef BL_PLAYER_H
#define BL_PLAYER_H
#include <stdbool.h>
#include <stdint.h>
#include "play.h"

enum {
	BL_RAMPS_PER_S = 250, /* a ramp lasts 4 ms */
	BL_RAMP_MAX = 192,    /* [samples] of a ramp at 48 kHz */
};

struct bl_player {
	struct bl_play *first, *last; /* the one that plays, and what waits behind it */
	struct bl_play *ended, **ended_end;
	int32_t rate;	    /* [Hz] of the frames */
	float duck;	    /* how far the bridge is faded out: 0 not at all, 1 wholly */
	uint32_t tail_left; /* [samples] */
	int16_t tail[BL_RAMP_MAX];
};

/* Takes the play: behind what plays, or instead of all that (play->append). */
void bl_player_add(struct bl_player *player, struct bl_play *play);
/* Ends all plays; why: enum bl_play_end. */
void bl_player_stop(struct bl_player *player, int32_t why);
/* Ends one play, wherever it is in the queue; false: there is none of that id. */
bool bl_player_stop_one(struct bl_player *player, int64_t id, int32_t why);
/* The leg did this: ends every play of the queue that it may stop. True: it ended some. */
bool bl_player_barge(struct bl_player *player, enum bl_barge what);
/* The next four are about the play that sounds, and do nothing where there is none. */
void bl_player_pause(struct bl_player *player, bool on);
void bl_player_seek(struct bl_player *player, int64_t ms);
void bl_player_skip(struct bl_player *player, int64_t ms); /* forward, or back where negative */
/* factor: by bl_play_factor() */
void bl_player_gain(struct bl_player *player, float factor);
/* Puts the plays into a frame of rate / 50 samples; true: the leg hears something of them. */
bool bl_player_frame(struct bl_player *player, int32_t rate, int16_t *frame);
/* Is nothing of a play to be heard? */
static inline bool bl_player_is_idle(const struct bl_player *player)
{
	return !player->first && !player->tail_left && player->duck == 0.0f;
}

/* The oldest play that has ended, with its reason in `why`, or NULL. */
struct bl_play *bl_player_ended(struct bl_player *player);

#endif
