/* control.h  What the files of the caller's side share */
#ifndef BL_CONTROL_H
#define BL_CONTROL_H
#include "engine.h"

/* [Hz] the leg was last told to have. */
int32_t bl_leg_asked_rate(const struct bl_leg *leg);
/* control_leg.c; with the lock held: may there be a new leg of that id, and the leg itself. */
int bl_may_add_leg(struct bl_engine *engine, int64_t id);
struct bl_leg *bl_make_leg(int64_t id, enum bl_leg_kind kind);
/* Puts an opened leg into table and tick; frees it when that fails. */
int bl_enter_leg(struct bl_engine *engine, struct bl_leg *leg);
/* Sends a command about a leg that must exist; takes the lock. */
int bl_push_for(struct bl_engine *engine, int64_t leg, struct bl_command *command);

#endif
