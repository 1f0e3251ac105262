/* guarded.c  What the guard tells the tick, and what comes on the ports that browser legs share */
#include "engine.h"

static void tell(struct bl_engine *engine, const struct bl_leg *leg, int32_t kind, int32_t code)
{
	bl_tell(&engine->crew.workers[0], &(struct bl_event){
						  .leg = leg->id,
						  .kind = kind,
						  .code = code,
					  });
}

static void take_path(struct bl_engine *engine, struct bl_leg *leg,
		      const struct bl_guard_record *record)
{
	bool had_path = leg->rtp.at.has_chosen;

	bl_port_obey(leg->rtp.shared, &leg->rtp.at, record);
	if (leg->rtp.at.has_chosen && !had_path)
		tell(engine, leg, BL_EVENT_PATH, 0);
	if (record->kind == BL_GUARD_LOST)
		tell(engine, leg, BL_EVENT_PATH_LOST, 0);
}

static void take_record(struct bl_engine *engine, struct bl_guard_record *record)
{
	struct bl_leg *leg = record->owner;

	switch (record->kind) {
	case BL_GUARD_PATH_ADDED:
	case BL_GUARD_PATH_GONE:
	case BL_GUARD_PATH_CHOSEN:
	case BL_GUARD_LOST:
		take_path(engine, leg, record);
		break;
	case BL_GUARD_KEYS:
		bl_srtp_pair_set(&leg->rtp.keys, record->in, record->out, bl_now_ms(engine),
				 &engine->retired);
		tell(engine, leg, BL_EVENT_SECURED, bl_srtp_suite(leg->rtp.keys.out));
		break;
	case BL_GUARD_ENDED:
		tell(engine, leg, BL_EVENT_FAR_CLOSED, 0);
		break;
	case BL_GUARD_FAILED:
		tell(engine, leg, BL_EVENT_INSECURE, (int32_t)record->why);
		break;
	}
}

void bl_obey_guard(struct bl_engine *engine)
{
	struct bl_guard_record record;

	while (bl_guard_next(engine->guard, &record))
		take_record(engine, &record);
}

void bl_read_ports(struct bl_engine *engine)
{
	int count = atomic_load_explicit(&engine->port_count, memory_order_acquire);

	for (int i = 0; i < count; i++) {
		struct bl_port_packet *packets;
		int32_t arrived = bl_port_read(engine->ports[i], engine->guard, 0, &packets);

		/* from the last on, so that each leg's chain is in order */
		while (arrived-- > 0) {
			struct bl_leg *leg = packets[arrived].owner;

			if (!leg)
				continue;
			packets[arrived].next = leg->rtp.arrived;
			leg->rtp.arrived = &packets[arrived];
		}
	}
}
