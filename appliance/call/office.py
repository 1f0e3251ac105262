"""What everybody who handles contacts works with."""

from typing import NamedTuple

from appliance.base.clock import Clock
from appliance.base.hlc import HybridClock
from appliance.call.book import ContactBook
from appliance.call.plans import CurrentPlan
from appliance.call.timers import Timers
from appliance.call.turn import Turn


class Office(NamedTuple):
    """The turn that commits, the table of contacts, the plan in force, and the clocks."""

    turn: Turn
    book: ContactBook
    plans: CurrentPlan
    timers: Timers
    clock: Clock
    hlc: HybridClock
