"""The step `callback` as the plan writes it, and where a caller stands in it."""

from typing import Annotated, Literal

import msgspec

from appliance.plan.parts import Level, Part, Seconds, Slug

Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$(?!\n)")]
Key = Annotated[str, msgspec.Meta(pattern=r"^[0-9*A-D]$(?!\n)")]


class CallBack(Part, frozen=True, kw_only=True, tag_field="do", tag="callback"):
    """Offer to keep the caller's place in a queue and to call back from there."""

    #: the offer; cut short by a key, as all prompts of this step
    prompts: tuple[str, ...]
    queue: Slug
    #: skills the contact needs beside the queue's
    skills: dict[Slug, Level] = msgspec.field(default_factory=dict)
    #: class of service, if it is to change
    klass: str = ""
    #: trunk in the settings of the box that has the caller
    trunk: Slug
    #: whose numbers are called (ISO 3166-1), and how numbers without a `+` are read
    country: Country
    #: countries besides
    also: tuple[Country, ...] = ()
    #: takes the offer, and confirms the number
    key: Key = "1"
    #: asks for another number
    other: Key = "2"
    #: before and after the digits of the number
    read: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ("beep",)
    #: asks for a number
    ask: tuple[str, ...] = ("beep",)
    wrong: tuple[str, ...] = ("invalid",)
    #: heard, and the expected wait, when all is agreed
    promised: tuple[str, ...] = ()
    #: how long to wait for each key [s]
    timeout_s: Seconds = 5.0
    tries: Annotated[int, msgspec.Meta(ge=1, le=9)] = 3
    #: a call back rings this long [s]
    ring_s: Annotated[float, msgspec.Meta(ge=5, le=120)] = 30.0
    #: calls before it is given up, and the time between them [s]
    calls: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    gap_s: Seconds = 300.0
    #: least time that is promised for the first call [s]; all of it where no wait can be told
    window_s: Seconds = 900.0
    #: step when it is promised
    next: str
    #: step when it is not: declined, no number, or the trunk is not there
    otherwise: str


class Offering(msgspec.Struct, frozen=True, kw_only=True):
    """Where a caller stands: offered, asked for a number, asked whether it is right, promised."""

    stage: Literal["offer", "number", "confirm", "promised"] = "offer"
    #: what would be called, E.164; empty: not known yet
    number: str = ""
