/* pace.c  How much a device is given, so that it neither runs dry nor gathers delay */
#include "frame.h"
#include "pace.h"

enum {
	LUMP_MS = BL_FRAME_MS, /* of what was recorded, so much is not read yet at worst */
	SPARE_MS = 10,	       /* for a tick that is late */
	WINDOW = BL_TICKS_PER_S,
	BEGIN_TICKS = 5, /* after it was first written to, a device begins to record */
	SETTLE_S = 20,	 /* an error is worked off in: slow enough that lumps do not shake it */
	JITTER_MS = 40,	 /* so much above the lead is no drift: left out at once */
	MOST_MS = 200,	 /* in the buffer: a device so far behind has stopped */
};

/* The ratio's distance from 1, at most: 0.3 % is 5 cents, and 15 times the worst crystal. */
static const double MOST_OFF = 0.003;

static int32_t of_ms(const struct bl_pace *pace, int32_t ms)
{
	return pace->rate / 1000 * ms;
}

void bl_pace_init(struct bl_pace *pace, int32_t rate, int32_t block)
{
	*pace = (struct bl_pace){.rate = rate, .ratio = 1.0, .dry = true};
	/* of a block that is not whole yet, the device has nothing */
	pace->lead = of_ms(pace, SPARE_MS + LUMP_MS) + (block > 1 ? block : 0);
}

static int64_t fill(const struct bl_pace *pace)
{
	return pace->wrote - pace->played;
}

void bl_pace_read(struct bl_pace *pace, int32_t samples)
{
	if (!pace->wrote) /* it was recorded before anything could be played */
		return;
	if (!pace->running) {
		pace->running = true;
		/* a device that begins later may have thrown away what it had by then */
		if (pace->ticks > BEGIN_TICKS)
			pace->played = pace->wrote - pace->lead - samples;
		pace->ticks = 0;
	}
	pace->played += samples;
	if (fill(pace) < 0)
		bl_pace_dry(pace);
}

void bl_pace_wrote(struct bl_pace *pace, int32_t samples)
{
	pace->wrote += samples;
}

void bl_pace_dry(struct bl_pace *pace)
{
	pace->dry = true;
	pace->played = pace->wrote;
}

/* A second has passed: how far is the buffer from its lead? */
static void end_window(struct bl_pace *pace, struct bl_pace_step *step)
{
	int64_t error = pace->least - pace->lead;
	double off;

	pace->ticks = 0;
	if (error > of_ms(pace, JITTER_MS)) {
		step->skip = (int32_t)error;
		error = 0;
	}
	off = -(double)error / ((double)pace->rate * SETTLE_S);
	off = off > MOST_OFF ? MOST_OFF : off < -MOST_OFF ? -MOST_OFF : off;
	pace->ratio = 1.0 + off;
}

struct bl_pace_step bl_pace_tick(struct bl_pace *pace)
{
	struct bl_pace_step step = {0};
	int64_t now;

	if (pace->dry) {
		step.silence = pace->lead;
		pace->dry = false;
		pace->ticks = 0;
	}
	if (!pace->running) {
		pace->ticks++;
		return step;
	}
	now = fill(pace) + step.silence;
	if (!pace->ticks || now < pace->least)
		pace->least = now;
	if (++pace->ticks >= WINDOW)
		end_window(pace, &step);
	step.full = now > pace->lead + of_ms(pace, MOST_MS);
	return step;
}
