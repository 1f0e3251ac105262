"""The plan as data: numbers, queues, flows, classes of service and agents.

A plan is one immutable document with a growing serial, written as canonical JSON, signed, and
pushed whole to every appliance. It holds no secrets: those are in the roster.
"""

from typing import Annotated

import msgspec

#: version of this document's shape
PLAN_FORMAT = 1

# `$` alone would let a line feed at the end pass
Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$(?!\n)")]
Level = Annotated[int, msgspec.Meta(ge=1, le=10)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86400)]
Title = Annotated[str, msgspec.Meta(max_length=120)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the plan's parts: frozen, and an unknown field is an error."""


# -- flow steps: what a caller goes through before a queue -------------------------------------


class Say(Part, frozen=True, kw_only=True, tag_field="do", tag="say"):
    """Play prompts, then go on."""

    prompts: tuple[str, ...]
    next: str


class Menu(Part, frozen=True, kw_only=True, tag_field="do", tag="menu"):
    """Play prompts and wait for one digit; prompts are cut short by it."""

    prompts: tuple[str, ...]
    #: digit -> step
    choices: dict[Annotated[str, msgspec.Meta(pattern=r"^[0-9*#A-D]$(?!\n)")], str]
    #: how long to wait after the prompts [s]
    timeout_s: Seconds = 5.0
    #: how often the prompts are played before giving up
    tries: Annotated[int, msgspec.Meta(ge=1, le=9)] = 3
    #: prompts after a key that is no choice
    wrong: tuple[str, ...] = ("invalid",)
    #: step after the last try
    otherwise: str


class Enqueue(Part, frozen=True, kw_only=True, tag_field="do", tag="enqueue"):
    """Join a queue; the flow ends here."""

    queue: Slug
    #: skills the contact needs beside the queue's
    skills: dict[Slug, Level] = {}
    #: class of service, if it is to change
    klass: str = ""


class HangUp(Part, frozen=True, kw_only=True, tag_field="do", tag="hang-up"):
    """Play prompts, then release the caller."""

    prompts: tuple[str, ...] = ()


Step = Say | Menu | Enqueue | HangUp


class Flow(Part, frozen=True, kw_only=True):
    """Named steps; it begins at *start*."""

    name: Slug
    start: str
    steps: dict[str, Step]


# -- what is called, who answers ---------------------------------------------------------------


class Number(Part, frozen=True, kw_only=True):
    """A number that can be called, and what answers: a flow or a queue."""

    number: Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9*#]{1,32}$(?!\n)")]
    title: Title = ""
    flow: str = ""
    queue: str = ""
    klass: str = ""


class Queue(Part, frozen=True, kw_only=True):
    """A rule over skills; not a box."""

    name: Slug
    title: Title = ""
    #: skill -> lowest level an agent must have
    skills: dict[Slug, Level] = {}
    #: answered within this counts as in time [s]
    target_s: Seconds = 20.0
    #: an offer rings this long, then the seat is made not ready [s]
    ring_s: Seconds = 15.0
    #: time for the agent's notes after a talk [s]; 0: none
    wrap_up_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0
    #: what waiting callers hear, over and over
    music: tuple[str, ...] = ("moh",)
    #: announce the expected wait on joining, then each this often [s]; 0: never
    announce_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 30.0


class ServiceClass(Part, frozen=True, kw_only=True):
    """A class of service: its head start and how its urgency grows with waiting."""

    name: Slug
    #: head start over the lowest class [s of waiting]
    head_start_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    #: urgency gained per second of waiting; > 0, so that nobody starves
    slope: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0


class Agent(Part, frozen=True, kw_only=True):
    """A person who answers: skills, home site and the phone account that is their seat."""

    name: Slug
    title: Title = ""
    site: Slug
    account: Slug
    skills: dict[Slug, Level] = {}


class Plan(Part, frozen=True, kw_only=True):
    """The whole document."""

    format: int = PLAN_FORMAT
    tenant: Slug = "main"
    serial: Annotated[int, msgspec.Meta(ge=0)] = 0
    numbers: tuple[Number, ...] = ()
    queues: tuple[Queue, ...] = ()
    flows: tuple[Flow, ...] = ()
    classes: tuple[ServiceClass, ...] = (
        ServiceClass(name="platinum", head_start_s=60.0, slope=2.0),
        ServiceClass(name="gold", head_start_s=20.0, slope=1.5),
        ServiceClass(name="bronze"),
    )
    agents: tuple[Agent, ...] = ()
    #: class of a contact that nothing gave another
    default_class: Slug = "bronze"
    #: numbers that reach help, whatever else the plan says
    emergency_numbers: tuple[str, ...] = ("112",)
