"""What a flow's state is, and what a flow asks to be done."""

from typing import Literal

import msgspec

from appliance.plan.callback import CallBack, Offering
from appliance.plan.lookup import Lookup

#: keys kept of one caller: the last ones, so that circling in menus stays bounded
MAX_KEYS = 32

Keys = tuple[tuple[str, str], ...]
#: prompts are playing; a digit is awaited; the clock is asked; somebody outside is called; a data
#: source is asked; a message is recorded, is ended by key, by silence, is judged by its caller,
#: who is thanked; it is asked whether a call-back can be promised; the flow has ended
Phase = Literal[
    "prompts",
    "digit",
    "clock",
    "outside",
    "lookup",
    "message",
    "closing",
    "quiet",
    "review",
    "thanks",
    "look",
    "done",
]


class FlowState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a caller stands in a flow."""

    flow: str
    step: str
    phase: Phase
    #: tries of the menu that are left, the running one included; 0 outside a menu
    tries_left: int = 0
    #: choices taken and numbers collected, in order: (step, digit), (name, number)
    keys: Keys = ()
    #: looks at the clock in a row, with nothing heard between them
    looks: int = 0
    #: what has come of a number so far
    digits: str = ""
    #: where the offer of a call-back stands
    offer: Offering | None = None


class PlayPrompts(msgspec.Struct, frozen=True):
    """Play these prompts one after the other, and tell when the last has ended."""

    prompts: tuple[str, ...]


class StopPrompts(msgspec.Struct, frozen=True):
    """Stop the prompts; their end is not to be told."""


class StartTimer(msgspec.Struct, frozen=True):
    """Tell when this time is over."""

    seconds: float


class StopTimer(msgspec.Struct, frozen=True):
    """Forget the timer."""


class LookAtClock(msgspec.Struct, frozen=True):
    """Tell at once, by `on_hours`, whether this calendar is open; always the last action."""

    calendar: str


class CallOut(msgspec.Struct, frozen=True):
    """Call this number; the flow goes on, by `on_outside_failed`, only where that fails."""

    number: str
    trunk: str
    ring_s: float


class AskSource(msgspec.Struct, frozen=True):
    """Ask a data source as this step says, and tell by `on_answer` what it knew."""

    step: Lookup


class StartMessage(msgspec.Struct, frozen=True):
    """Record the caller; tell by `on_talking` when it speaks, by `on_recorded` how it ended."""

    mailbox: str
    longest_s: float


class StopMessage(msgspec.Struct, frozen=True):
    """Close the recording."""


class PlayMessage(msgspec.Struct, frozen=True):
    """Play what was recorded, and tell when it has ended."""


class KeepMessage(msgspec.Struct, frozen=True):
    """The message is left."""


class DropMessage(msgspec.Struct, frozen=True):
    """Throw away what was recorded."""


class LookForCallBack(msgspec.Struct, frozen=True):
    """Tell at once, by `on_look`, whether one can be promised; always the last action."""

    trunk: str


class PromiseCallBack(msgspec.Struct, frozen=True):
    """Keep the caller's place from now on, and call this number back as *step* says.

    Say so, and how long it may take, and tell when that has ended.
    """

    number: str
    step: CallBack


class JoinQueue(msgspec.Struct, frozen=True):
    """The flow ends: the caller joins a queue. An empty *klass* leaves the class as it is."""

    queue: str
    skills: dict[str, int]
    klass: str
    agent: str = ""


class StartFax(msgspec.Struct, frozen=True):
    """The flow ends: receive a fax, then release the caller."""


class Release(msgspec.Struct, frozen=True):
    """The flow ends: release the caller with this reason word."""

    reason: str


Action = (
    PlayPrompts
    | StopPrompts
    | StartTimer
    | StopTimer
    | LookAtClock
    | CallOut
    | AskSource
    | StartMessage
    | StopMessage
    | PlayMessage
    | KeepMessage
    | DropMessage
    | LookForCallBack
    | PromiseCallBack
    | JoinQueue
    | StartFax
    | Release
)
Turn = tuple[FlowState, list[Action]]


class Onward(msgspec.Struct, frozen=True):
    """A step is over: do this, then go to the step called *target*."""

    target: str
    actions: list[Action]
