"""What must hold over branches that part and join again, watched from outside.

It reads what the brains write in their ledgers, when they write it, and looks at the fleet ten
times a second; it knows which ways are cut, which the brains have to find out.
"""

from collections import Counter
from functools import partial
from typing import Any

import msgspec

from appliance.base.hlc import MAX_DRIFT_MS
from appliance.ledger.records import (
    ContactConnected,
    ContactEnded,
    OfferEnded,
    PlaceCorrected,
    SeatOffered,
    TalkEnded,
)
from appliance.routing.model import Place
from tests.appliance.daemon.islandkit import HUB, IslandBox, IslandFleet

LOOK_S = 0.1
#: what counts as one moment at two branches [s]: each clock may be 500 ms off the matchmaker's
#: before it is corrected for, and a correction is as good as the way is even
FAIR_S = 2 * MAX_DRIFT_MS / 1000 + 0.1
#: what is younger is on its way [s]: a proposal, an offer and 20 ms of collecting
ON_ITS_WAY_S = 0.25
#: after a heal, order and floors are whole again within this [s]
SETTLED_S = 2.0
#: what is timed
BESIDE, BESIDE_OWN = "beside an idle agent", "beside an idle agent of its own branch"
LIMITS_S = {BESIDE: 5.0, BESIDE_OWN: 2.0}


class Known(msgspec.Struct):
    """What has been seen of one contact."""

    contact: str
    owner: str
    place: Place
    #: when it truly came, by the world's clock
    came_s: float
    queue: str = ""
    klass: str = ""
    #: waits since then; 0: it does not
    waits_s: float = 0.0
    talks_at: str = ""
    ends: list[str] = []
    #: looked at: waits beside an idle agent that can be reached, beside one of its own branch
    beside_s: float = 0.0
    beside_own_s: float = 0.0


class Auditor:
    """Counts what must not be; `counts` and `worst_s` are the result."""

    MUST_NOT_BE = ("lost", "doubled", "ghosts", "missing", "strays", "overtakes")

    def __init__(self) -> None:
        self.fleet: IslandFleet
        self.counts: Counter[str] = Counter()
        self.worst_s: Counter[str] = Counter()
        self.known: dict[str, Known] = {}
        #: contacts that have not ended
        self.open: dict[str, Known] = {}
        self._ended_s: dict[str, float] = {}
        self._seats: dict[str, str] = {}
        self.whole_since_s = 0.0
        #: callers whose branch has lost power
        self.condemned: set[str] = set()
        #: box, epoch and leg of the calls there were, and of those that became a contact
        self._calls: set[tuple[str, str, int]] = set()
        self._taken: set[tuple[str, str, int]] = set()
        self.notes: list[str] = []

    # -- what the brains write -----------------------------------------------------------------

    def witness(self, box: str, kind: str, contact: str, facts: Any) -> None:
        """Take a fact."""
        now_s = self.fleet.now_s if hasattr(self, "fleet") else 0.0
        known = self.known.get(contact)
        match facts:
            case SeatOffered() if known:
                known.waits_s = 0.0
                self._offered(known, facts.seat)
            case OfferEnded() if known:
                known.waits_s = now_s
                self.counts[f"offers that ended: {facts.reason}"] += 1
            case ContactConnected() if known:
                self._connected(known, facts.seat)
            case PlaceCorrected() if known:
                known.place = Place(facts.arrival, box, contact)
                self.counts["places that were corrected"] += 1
            case ContactEnded() if known:
                self._ended(known, facts)
            case _ if kind == "contact-arrived":
                place = Place(facts.arrival, box, contact)
                known = self.known[contact] = Known(
                    contact=contact, owner=box, place=place, came_s=now_s
                )
                self.open[contact] = known
                self._taken.add((box, facts.epoch, facts.leg))
            case TalkEnded() if known:
                known.talks_at = ""  # the caller may go on, to another agent
            case _ if kind == "contact-queued" and known:
                known.queue, known.klass, known.waits_s = facts.queue, facts.klass, now_s

    def _connected(self, known: Known, seat: str) -> None:
        if known.talks_at or known.ends:
            self._blame("doubled", f"{known.contact} at {known.talks_at} and {seat}")
        other = self.open.get(self._seats.get(seat, ""))
        if other is not None and other is not known and other.talks_at == seat:
            self._late_end(other, known, seat)
        known.talks_at = seat
        self._seats[seat] = known.contact
        self.counts["served"] += 1

    def _late_end(self, other: Known, known: Known, seat: str) -> None:
        """A seat has a second contact: the first one's end may not have come over a cut yet."""
        pair = (other.owner, self.owner_of(seat))
        if pair[0] == pair[1]:
            self._blame("doubled", f"{seat}: {other.contact} and {known.contact}")
        else:
            self.counts["ends that came late"] += 1

    def _ended(self, known: Known, facts: ContactEnded) -> None:
        known.waits_s, known.talks_at = 0.0, ""
        known.ends.append(facts.outcome)
        if len(known.ends) > 1:
            self._blame("doubled", f"{known.contact} ended as {known.ends}")
        self.counts[f"ended: {facts.outcome}"] += 1
        if facts.outcome == "failed" and known.contact not in self.condemned:
            self._blame("lost", f"{known.contact} of {known.owner}: {facts.reason}")
        self.open.pop(known.contact, None)
        self._ended_s[known.contact] = self.fleet.now_s

    def _offered(self, known: Known, seat: str) -> None:
        """See whether an equal who came earlier stays behind."""
        fleet, now_s = self.fleet, self.fleet.now_s
        if not self.settled():
            return
        owner = self.owner_of(seat)
        self.counts["offers that were judged"] += 1
        off = self._off()
        earlier = [
            other
            for other in self.open.values()
            if other.waits_s
            and _first(other, known, off)
            and (other.queue, other.klass) == (known.queue, known.klass)
            and now_s - other.waits_s > ON_ITS_WAY_S
            and fleet.boxes[other.owner].alive
        ]
        for other in earlier:
            since_s, why = other.waits_s, self._against(other, seat)
            at = f"{seat} of {owner}, {why or 'for no reason'}"
            judge = partial(self._overtaken, other, since_s, known, at, now_s)
            fleet.world.later(ON_ITS_WAY_S, judge)

    def _off(self) -> set[str]:
        """Return the branches whose clock is off to whoever may propose."""
        fleet = self.fleet
        floors = [box.brain.floor.matchmaker.floor for box in fleet.boxes.values() if box.alive]
        if fleet.hub.alive:
            floors.append(fleet.hub.hub.floor.matchmaker.floor)
        return {name for floor in floors for name, off_ms in floor.clocks.items() if off_ms}

    def _overtaken(
        self, other: Known, since_s: float, known: Known, at: str, when_s: float
    ) -> None:
        if other.waits_s != since_s or not self.settled() or self.whole_since_s > when_s:
            return
        self._blame(
            "overtakes",
            f"{other.contact} of {other.owner}, waiting since {since_s:.3f}, by {known.contact} "
            f"of {known.owner} at {at}",
        )

    def _against(self, known: Known, seat: str) -> str:
        """Return why the hub leaves a pair out, or nothing."""
        matchmaker = self.fleet.hub.hub.floor.matchmaker
        floor = matchmaker.floor
        contact, row = floor.contact(known.contact), floor.seat(seat)
        if contact is None or row is None:
            return "not on the floor"
        now_ms = self.fleet.hub.hub.floor._now_ms()
        held = " held" if floor.held(contact.contact) else ""
        return f"{floor.against(contact, row, now_ms)} {contact.state}{held}".strip()

    # -- looking -------------------------------------------------------------------------------

    def start(self, fleet: IslandFleet) -> None:
        """Begin to look."""
        self.fleet = fleet
        self._agents = {agent.name: agent.site for agent in fleet.plan.agents}
        self._look()

    def owner_of(self, seat: str) -> str:
        return self._agents[seat]

    def changed(self, *, whole: bool) -> None:
        """Note that ways were cut, or that all are whole and everybody is up."""
        self.whole_since_s = self.fleet.now_s if whole else float("inf")

    def forget_waits(self) -> None:
        """Measure waits beside idle agents from now on."""
        self.worst_s.clear()
        for known in self.open.values():
            known.beside_s = known.beside_own_s = 0.0

    def called(self, box: IslandBox, leg: int) -> None:
        """Note a call: it must become a contact."""
        self._calls.add((box.name, box.legs.epoch, leg))

    def gave_up(self, box: IslandBox, leg: int) -> None:
        """Note that a caller has gone while there was no brain to take the call."""
        self._calls.discard((box.name, box.legs.epoch, leg))

    def power_cut(self, box: IslandBox) -> None:
        """Note that the callers of *box* are cut off."""
        self.condemned |= {name for name, known in self.open.items() if known.owner == box.name}
        self._calls = {call for call in self._calls if call[0] != box.name}

    def settled(self) -> bool:
        return self.fleet.now_s - self.whole_since_s >= SETTLED_S

    def _look(self) -> None:
        self.fleet.world.later(LOOK_S, self._look)
        idle: dict[str, list[str]] = {}
        for name, box in self.fleet.boxes.items():
            if box.alive:
                ready = [seat.seat for seat in box.brain.board if seat.state == "ready"]
                idle[name] = ready
        for known in self.open.values():
            if known.waits_s and self.fleet.boxes[known.owner].alive:
                self._beside(known, idle)
            else:
                known.beside_s = known.beside_own_s = 0.0
        if self.settled():
            self._look_at_floors()

    def _beside(self, known: Known, idle: dict[str, list[str]]) -> None:
        now_s = self.fleet.now_s
        own = bool(idle.get(known.owner))
        reach = own or any(
            seats and self.fleet.cuts.open(known.owner, name) for name, seats in idle.items()
        )
        known.beside_own_s = (known.beside_own_s or now_s) if own else 0.0
        known.beside_s = (known.beside_s or now_s) if reach else 0.0
        self._worst(BESIDE, known, known.beside_s)
        self._worst(BESIDE_OWN, known, known.beside_own_s)

    def _worst(self, what: str, known: Known, since_s: float) -> None:
        if not since_s:
            return
        waited_s = self.fleet.now_s - since_s
        if waited_s > LIMITS_S[what] >= self.worst_s[what]:
            self.note(f"{known.contact} of {known.owner} waits {waited_s:.1f} s {what}")
        self.worst_s[what] = max(self.worst_s[what], waited_s)  # type: ignore[assignment]

    def _look_at_floors(self) -> None:
        """Nobody may stand on a floor who has gone, or miss where it is to be proposed.

        Nor may any rows be where nobody proposes for them.
        """
        fleet, now_s = self.fleet, self.fleet.now_s
        floors = {name: box.brain.floor.matchmaker.floor for name, box in fleet.boxes.items()}
        if fleet.hub.alive:
            floors[HUB] = fleet.hub.hub.floor.matchmaker.floor
        old = [name for name, known in self.open.items()
               if known.waits_s and now_s - known.waits_s > ON_ITS_WAY_S]  # fmt: skip
        # while all see each other
        proposer = (
            HUB if fleet.hub.alive else min(name for name, b in fleet.boxes.items() if b.alive)
        )
        for where, floor in floors.items():
            for row in floor.contacts():
                ended_s = self._ended_s.get(row.contact, now_s)
                if now_s - ended_s > ON_ITS_WAY_S:
                    self._blame("ghosts", f"{row.contact} of {row.owner} at {where}")
            owners = {row.owner for row in floor.contacts()} | {r.owner for r in floor.seats()}
            strays = owners - {where}
            if where != proposer and strays:
                self._blame("strays", f"rows of {sorted(strays)} at {where}")
            for name in old if where == proposer else ():
                row_there = floor.contact(name)
                if row_there is None or row_there.state != "waiting":
                    self._blame("missing", f"{name} of {self.known[name].owner} at {where}")

    # -- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Count what is left when nobody should be there."""
        for box_name, epoch, leg in self._calls - self._taken:
            self._blame("lost", f"{box_name} made no contact of leg {leg} of {epoch}")
        for known in self.open.values():
            self._blame("lost", f"{known.contact} of {known.owner} has no end")
        for box in self.fleet.boxes.values():
            for seat in box.brain.board:
                if seat.state != "ready" or seat.reservation is not None:
                    self._blame("ghosts", f"{seat.seat} is {seat.state} at the end")
            for agent, site in self._agents.items():
                if site == box.name and box.brain.board.get(agent) is None:
                    self._blame("lost", f"{agent} is logged out")

    def late(self) -> list[str]:
        """Return which of the times were too long."""
        return [what for what, limit_s in LIMITS_S.items() if self.worst_s[what] > limit_s]

    def _blame(self, what: str, detail: str) -> None:
        self.counts[what] += 1
        self.note(f"{what}: {detail}")

    def note(self, text: str) -> None:
        if len(self.notes) < 200:
            self.notes.append(f"{self.fleet.now_s:.3f} {text}")


def _first(other: Known, known: Known, off: set[str]) -> bool:
    """Tell whether *other* has to be served before *known*.

    By place where all clocks go alike; by who truly came first in any case.
    """
    if other.owner == known.owner or not {other.owner, known.owner} & off:
        return other.place < known.place
    return other.came_s + FAIR_S < known.came_s
