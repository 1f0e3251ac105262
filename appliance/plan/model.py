"""The plan as data: numbers, queues, flows, classes of service and agents.

A plan is one immutable document with a growing serial, written as canonical JSON, signed, and
pushed whole to every appliance. It holds no secrets: those are in the roster.
"""

from typing import Annotated, Literal

import msgspec

from appliance.plan.callback import CallBack
from appliance.plan.hours import Calendar
from appliance.plan.lookup import Lookup
from appliance.plan.parts import Level, Part, Seconds, Slug, Title
from appliance.plan.transfers import Transfers
from appliance.plan.voicemail import Voicemail

#: version of this document's shape
PLAN_FORMAT = 1

#: kinds of contacts that take a slot of an agent's each
Channel = Literal["voice", "chat", "sms", "mail", "task"]
#: what a seat is chosen by: sum of levels, cost, own branch, time without work
Criterion = Literal["level", "cost", "near", "idle"]
#: codecs of calls between branches, named as in the boxes' settings
LinkCodec = Literal["OPUS", "G722", "PCMA", "PCMU", "L16"]

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
    skills: dict[Slug, Level] = msgspec.field(default_factory=dict)
    #: class of service, if it is to change
    klass: str = ""
    #: agent it is for, as long as the queue's `named_s`; empty: any
    agent: str = ""


class HangUp(Part, frozen=True, kw_only=True, tag_field="do", tag="hang-up"):
    """Play prompts, then release the caller."""

    prompts: tuple[str, ...] = ()


class TakeFax(Part, frozen=True, kw_only=True, tag_field="do", tag="fax"):
    """Play prompts, then receive a fax and release the caller."""

    prompts: tuple[str, ...] = ()


class Hours(Part, frozen=True, kw_only=True, tag_field="do", tag="hours"):
    """Look at a calendar, and go on by whether it is open now."""

    calendar: Slug
    #: step while it is open
    open: str
    #: step while it is closed
    closed: str


class Collect(Part, frozen=True, kw_only=True, tag_field="do", tag="collect"):
    """Play prompts and take a number by keys; prompts are cut short by the first."""

    prompts: tuple[str, ...]
    #: what the number is called: it is journalled, and shown to the agent
    name: Slug
    min_digits: Annotated[int, msgspec.Meta(ge=1, le=32)] = 1
    max_digits: Annotated[int, msgspec.Meta(ge=1, le=32)] = 32
    #: key that ends a shorter number; empty: only time does
    end: Annotated[str, msgspec.Meta(pattern=r"^[*#A-D]?$(?!\n)")] = "#"
    #: how long to wait for each key [s]
    timeout_s: Seconds = 5.0
    #: how often the prompts are played before giving up
    tries: Annotated[int, msgspec.Meta(ge=1, le=9)] = 3
    #: prompts after a number that is too short
    wrong: tuple[str, ...] = ("invalid",)
    #: step with the number
    next: str
    #: step after the last try
    otherwise: str


class Outside(Part, frozen=True, kw_only=True, tag_field="do", tag="outside"):
    """Call a number for the caller by a trunk; the flow ends where it is answered."""

    number: Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9]{1,32}$(?!\n)")]
    #: trunk in the settings of the box that has the caller
    trunk: Slug
    #: give up when not answered within [s]
    ring_s: Annotated[float, msgspec.Meta(ge=1, le=120)] = 30.0
    #: step when nobody answers, it is busy, or the trunk is not there
    otherwise: str


Step = (
    Say
    | Menu
    | Enqueue
    | HangUp
    | TakeFax
    | Hours
    | Collect
    | Outside
    | Lookup
    | Voicemail
    | CallBack
)


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
    #: calendar of its opening hours; empty: always open
    hours: str = ""
    #: flow that answers while the calendar is closed
    closed: str = ""


class Relax(Part, frozen=True, kw_only=True):
    """Ask for less of a contact's agent once it has waited."""

    #: [s of waiting]
    after_s: Seconds
    #: skill -> lowest level from then on; 0: no longer required, but still preferred
    skills: dict[Slug, Annotated[int, msgspec.Meta(ge=0, le=10)]]


class Overflow(Part, frozen=True, kw_only=True):
    """Hand a waiting contact on to a flow; its place goes with it. One of the two times is set."""

    #: once it has waited this long [s of waiting]
    after_s: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 0.0
    #: on joining, where it will probably wait longer than this [s]
    expected_s: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 0.0
    flow: Slug


class Divide(Part, frozen=True, kw_only=True):
    """Give each contact to one site first; after a while all sites may serve it."""

    #: in fixed shares, or to the site of the least expected wait
    by: Literal["shares", "wait"]
    #: site -> its share [per cent]; with `shares`
    shares: dict[Slug, Annotated[float, msgspec.Meta(ge=0, le=100)]] = msgspec.field(
        default_factory=dict
    )
    #: with `wait`: another site is chosen only where it is better by more than this [s]
    margin_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 15.0
    #: only that site's agents for this long [s of waiting]
    for_s: Seconds = 30.0


class Queue(Part, frozen=True, kw_only=True):
    """A rule over skills; not a box."""

    name: Slug
    title: Title = ""
    #: skill -> lowest level an agent must have
    skills: dict[Slug, Level] = msgspec.field(default_factory=dict)
    #: skill -> level from which it counts for an agent, without being required
    prefer: dict[Slug, Level] = msgspec.field(default_factory=dict)
    #: steps by which less is asked for, each weaker than the one before
    relax: tuple[Relax, ...] = ()
    #: what decides between able agents, the first thing first
    order: tuple[Criterion, ...] = ("level", "near", "idle")
    #: only agents of the caller's own branch for this long [s of waiting]
    own_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    #: then only those of its region for this long [s]
    region_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    #: to which site a contact is given first; None: to none
    divide: Divide | None = None
    #: reserve agents serve contacts that have waited this long [s]
    reserve_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    #: they serve all its contacts once fewer than this part was answered in time lately; 0: never
    reserve_below: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    #: until this part is answered in time again
    reserve_above: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    #: a contact that asks for an agent by name is kept for that agent this long [s of waiting]
    named_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 30.0
    #: where contacts go that wait too long, each rule once
    overflow: tuple[Overflow, ...] = ()
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
    #: urgency gained per second of waiting
    slope: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0
    #: who has waited this long goes before all who have not, whatever their class, so that
    #: nobody starves [s]
    longest_s: Annotated[float, msgspec.Meta(gt=0, le=86400)] = 900.0
    #: answered within this counts as in time [s]; 0: what the queue says
    target_s: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 0.0
    #: where contacts of this class go that wait too long, instead of where the queue says
    overflow: tuple[Overflow, ...] = ()
    #: what they hear while they wait, instead of the queue's
    music: tuple[str, ...] = ()


class Agent(Part, frozen=True, kw_only=True):
    """A person who answers: skills, home site and the phone account that is their seat."""

    name: Slug
    title: Title = ""
    site: Slug
    account: Slug
    skills: dict[Slug, Level] = msgspec.field(default_factory=dict)
    #: what a minute costs, compared with the others'
    cost: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 1.0
    #: serves only contacts that have waited as long as their queue says
    reserve: bool = False
    #: channel -> contacts at a time
    slots: dict[Channel, Annotated[int, msgspec.Meta(ge=1, le=20)]] = msgspec.field(
        default_factory=lambda: {"voice": 1}
    )
    #: groups of channels: who serves a contact of one is offered none of the others in its group
    exclusive: tuple[tuple[Channel, ...], ...] = ()


class Site(Part, frozen=True, kw_only=True):
    """A branch, where the plan has more to say of it than its name."""

    name: Slug
    title: Title = ""
    #: branches of one region stand in for each other
    region: str = ""
    #: appliance that calls this branch's callers back when its own has died; empty: any that is up
    escrow: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$(?!\n)")] = ""
    #: calls with other branches that its access link carries at a time; 0: any number
    link_calls: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    #: what such calls may take of the link, each way [kbit/s]; 0: all of it
    link_kbit_s: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)] = 0
    #: codecs of such calls, best first; none: as the boxes' settings say
    codecs: tuple[LinkCodec, ...] = ()


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
    sites: tuple[Site, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    #: class of a contact that nothing gave another
    default_class: Slug = "bronze"
    #: numbers that reach help, whatever else the plan says
    emergency_numbers: tuple[str, ...] = ("112",)
    transfers: Transfers = Transfers()
