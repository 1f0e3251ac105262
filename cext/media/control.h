/* control.h  What the files of the caller's side share */
#ifndef BL_CONTROL_H
#define BL_CONTROL_H
#include "engine.h"

/* [Hz] the leg was last told to have. */
int32_t bl_leg_asked_rate(const struct bl_leg *leg);
/* Sends a command about a leg that must exist; takes the lock. */
int bl_push_for(struct bl_engine *engine, int64_t leg, struct bl_command *command);

#endif
