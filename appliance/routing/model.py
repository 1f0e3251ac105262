"""What routing knows: contacts that wait, seats that serve, pairs that failed, proposals.

These rows travel in snapshots and deltas, so they carry routing fields only: a caller's number
and context go point to point in the reservation. Ages are durations measured by their owner, so
that no two clocks are ever compared.

`gc=False`: rows hold plain values, so none is part of a circle, and the collector need not visit
the hundred thousand of them that a hub keeps.
"""

from typing import Literal

import msgspec

from appliance.plan.model import Channel

ContactState = Literal["waiting", "reserved", "connecting", "talking", "ended"]
SeatState = Literal["ready", "reserved", "ringing", "talking", "wrap-up", "paused", "away"]


class Place(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """A contact's place: a value, minted at ingress and kept for life. Smaller is earlier."""

    #: arrival on the hybrid logical clock
    arrival: int
    appliance: str
    contact: str


class Given(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """To which site a contact was given first, and why: enough to compute it again."""

    site: str
    by: Literal["shares", "wait"]
    #: serial of the plan that says so
    plan_serial: int = 0
    #: by shares: how many the contact's owner had given in this queue, this one included
    number: int = 0
    #: by wait: the expected wait at each site then [s], and the site chosen before
    waits: tuple[tuple[str, float], ...] = ()
    before: str = ""


class ContactRow(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """A contact as its owner publishes it."""

    contact: str
    owner: str
    incarnation: int
    place: Place
    queue: str
    klass: str
    #: skill -> level, beside those of the queue
    skills: dict[str, int] = {}
    state: ContactState = "waiting"
    #: how long it has waited, by its owner's clock, when the row was made [ms]
    age_ms: int = 0
    #: seat that serves it or is reserved for it
    seat: str = ""
    #: raised by the owner at each change; a proposal made for an older fence is refused
    fence: int = 0
    channel: Channel = "voice"
    #: site whose agents are near; empty: none
    home: str = ""
    #: agent it asks for by name
    agent: str = ""
    #: site whose agents it is for at first; None: it was given to none
    given: Given | None = None


class SeatRow(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """A seat (agent, login epoch) as its owner publishes it."""

    #: agent's name in the plan
    seat: str
    owner: str
    incarnation: int
    #: login epoch
    epoch: int
    site: str
    #: what it does by phone; `talking` too where another contact excludes calls
    state: SeatState
    #: how long it has been in this state, by its owner's clock, when the row was made [ms]
    idle_ms: int = 0
    #: contact it serves or is reserved for
    contact: str = ""
    fence: int = 0
    #: channels other than voice in which it takes one more contact now, whatever its state
    also: tuple[Channel, ...] = ()
    #: contacts it serves now
    busy: int = 0


class Failure(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """A pair that just failed and is left out for a while; empty fields match everything."""

    owner: str
    contact: str = ""
    seat: str = ""
    #: appliances that cannot reach each other
    a: str = ""
    b: str = ""
    reason: str
    #: how much longer it counts, when the row was made [ms]
    for_ms: int


class Candidate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One seat that was looked at for a contact: its score, or the reason word against it."""

    seat: str
    score: float
    against: str = ""
    #: it is at the contact's own branch
    local: bool = False
    #: how long it has been ready [ms]
    idle_ms: int = 0
    cost: float = 1.0
    #: contacts it serves already
    busy: int = 0


class Trace(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """Why this agent: enough to compute the same decision again."""

    plan_serial: int
    contact_score: float
    waited_ms: int
    candidates: tuple[Candidate, ...] = ()
    #: class the score was computed for
    klass: str = ""
    queue: str = ""
    #: where was looked: `all`, or `site:`, `region:`, `agent:` and a name
    area: str = "all"
    #: the contact's
    given: Given | None = None
    #: part answered in time for which agents in reserve serve the queue now; -1: they do not
    joined: float = -1.0


class Proposal(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """What a matchmaker proposes; the owners dispose."""

    contact: str
    contact_owner: str
    contact_incarnation: int
    contact_fence: int
    seat: str
    seat_owner: str
    seat_incarnation: int
    seat_epoch: int
    seat_fence: int
    trace: Trace
    #: the contact's, so that the seat's owner can take the first of several proposals
    place: Place | None = None
    #: the contact's, which names the kind of slot that the seat's owner reserves
    channel: Channel = "voice"


class SiteView(msgspec.Struct, frozen=True, array_like=True):
    """A queue at one site: what an expected wait there is made of."""

    site: str
    #: contacts that wait for this site's agents
    waiting: int
    serving: int
    ready: int


class QueueView(msgspec.Struct, frozen=True, array_like=True):
    """A queue as a matchmaker sees it: what an expected wait is made of."""

    queue: str
    waiting: int
    #: seats with the skills that are logged in and not paused, and how many are free now
    serving: int
    ready: int
    #: its sites, where it gives contacts to sites by expected wait
    sites: tuple[SiteView, ...] = ()
