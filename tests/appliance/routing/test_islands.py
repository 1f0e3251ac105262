"""One queue through the split: branches part and join again, matchmakers die and are made anew.

Owners are played here in their simplest form: they take a proposal if both rows are still what it
was made for and both owners reach each other, and refuse it by word otherwise.
"""

import random

import msgspec
import pytest

from appliance.plan.model import Agent, Plan, Queue
from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import ContactRow, Place, Proposal, SeatRow
from tests.appliance.routing.rows import Published

BRANCHES = ("box-a", "box-b", "box-c", "box-d")
AGENTS_PER_BRANCH = 3
TICK_MS = 250
#: short talks, so that much happens in a cycle; arrivals ask for 110 % of what the agents can do
HANDLE_MS = 4_000
ARRIVALS_PER_TICK = 1.1 * len(BRANCHES) * AGENTS_PER_BRANCH * TICK_MS / HANDLE_MS
SPLIT_MS, WHOLE_MS = 3_000, 6_000
#: local service after a loss, and order after a heal, within this
SETTLED_MS = 2_000

PLAN = Plan(
    queues=(Queue(name="all"),),
    agents=tuple(
        Agent(name=f"{box}-{number}", site=box, account=f"p-{box}-{number}")
        for box in BRANCHES
        for number in range(AGENTS_PER_BRANCH)
    ),
)


class Branch:
    """An owner: its contacts and seats, the truth about them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.contacts: dict[str, ContactRow] = {}
        self.seats = {
            agent.name: SeatRow(
                seat=agent.name, owner=name, incarnation=1, epoch=1, site=name, state="ready"
            )
            for agent in PLAN.agents
            if agent.site == name
        }


class Fleet:
    """Branches, one matchmaker in each and one at the hub, and who reaches whom."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now_ms = 0
        self.branches = {name: Branch(name) for name in BRANCHES}
        self.island = dict.fromkeys([*BRANCHES, "hub"], 0)
        self.matchmakers = {name: Matchmaker(PLAN) for name in self.island}
        self.changed_ms = 0
        self.minted = 0
        #: contact -> when it was served, how often it ended
        self.served: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.talks: list[tuple[int, ContactRow, SeatRow]] = []
        self.overtakes = 0
        self.idle_beside_waiting_ms = 0
        self.meet()

    def meet(self) -> None:
        """Each matchmaker has the snapshots of its own island, and no other."""
        for name, matchmaker in self.matchmakers.items():
            for branch in self.branches.values():
                if self.island[name] == self.island[branch.name]:
                    self.snapshot(matchmaker, branch)
                else:
                    matchmaker.on_lost(branch.name)

    def snapshot(self, matchmaker: Matchmaker, branch: Branch) -> None:
        open_now = Published(
            contacts=[self.aged(row) for row in branch.contacts.values()],
            seats=list(branch.seats.values()),
            reaches=[name for name in BRANCHES if self.island[name] == self.island[branch.name]],
        )
        matchmaker.on_snapshot(branch.name, open_now, self.now_ms)

    def aged(self, row: ContactRow) -> ContactRow:
        noise_ms = self.chance.randrange(40)
        return msgspec.structs.replace(row, age_ms=self.now_ms - row.place.arrival + noise_ms)

    def part(self, islands: int) -> None:
        for name in self.island:
            self.island[name] = self.chance.randrange(islands)
        self.changed_ms = self.now_ms
        self.meet()

    def publish(self, row: ContactRow | SeatRow) -> None:
        branch = self.branches[row.owner]
        if isinstance(row, SeatRow):
            branch.seats[row.seat] = row
            delta = Published(seats=[row])
        else:
            branch.contacts[row.contact] = row
            if row.state == "ended":
                del branch.contacts[row.contact]
            delta = Published(contacts=[self.aged(row)])
        for name, matchmaker in self.matchmakers.items():
            if self.island[name] == self.island[row.owner]:
                matchmaker.on_delta(row.owner, delta, self.now_ms)

    def arrive(self) -> None:
        owner = self.chance.choice(BRANCHES)
        self.minted += 1
        name = f"c{self.minted}"
        place = Place(self.now_ms, owner, name)
        self.publish(
            ContactRow(
                contact=name, owner=owner, incarnation=1, place=place, queue="all", klass="bronze"
            )
        )

    def take(self, matchmaker: Matchmaker, proposal: Proposal) -> None:
        row = self.branches[proposal.contact_owner].contacts.get(proposal.contact)
        seat = self.branches[proposal.seat_owner].seats[proposal.seat]
        apart = self.island[proposal.contact_owner] != self.island[proposal.seat_owner]
        stale = row is None or row.fence != proposal.contact_fence
        if row is None or apart or stale or seat.fence != proposal.seat_fence:
            reason = "peer-unreachable" if apart else "stale-fence"
            matchmaker.refused(proposal.contact, proposal.seat, reason, self.now_ms)
            return
        assert (row.state, seat.state) == ("waiting", "ready")
        assert row.contact not in self.served
        self.served[row.contact] = self.now_ms
        self.overtakes += self.overtaken(row)
        replace = msgspec.structs.replace
        row = replace(row, state="talking", seat=seat.seat, fence=row.fence + 1)
        seat = replace(seat, state="talking", contact=row.contact, fence=seat.fence + 1)
        self.publish(row)
        self.publish(seat)
        until_ms = self.now_ms + round(self.chance.expovariate(1 / HANDLE_MS))
        self.talks.append((until_ms, row, seat))

    def overtaken(self, row: ContactRow) -> int:
        """Count who waits with an earlier place, once the fleet has been whole for a while."""
        whole = len(set(self.island.values())) == 1
        if not whole or self.now_ms - self.changed_ms < SETTLED_MS:
            return 0
        return sum(
            other.state == "waiting" and other.place < row.place
            for branch in self.branches.values()
            for other in branch.contacts.values()
        )

    def hang_up(self) -> None:
        over = [talk for talk in self.talks if talk[0] <= self.now_ms]
        self.talks = [talk for talk in self.talks if talk[0] > self.now_ms]
        replace = msgspec.structs.replace
        for _, row, seat in over:
            self.ended[row.contact] = self.ended.get(row.contact, 0) + 1
            self.publish(replace(row, state="ended", fence=row.fence + 1))
            self.publish(replace(seat, state="ready", contact="", fence=seat.fence + 1))

    def tick(self, *, arrivals: bool = True) -> None:
        self.now_ms += TICK_MS
        self.hang_up()
        while arrivals and self.chance.random() < ARRIVALS_PER_TICK / (1 + ARRIVALS_PER_TICK):
            self.arrive()
        names = list(self.matchmakers)
        self.chance.shuffle(names)
        for name in names:
            matchmaker = self.matchmakers[name]
            for proposal in matchmaker.propose(self.now_ms):
                self.take(matchmaker, proposal)
        self.watch()

    def watch(self) -> None:
        """See that no island lets somebody wait beside a free agent for long."""
        waiting = {
            self.island[row.owner]
            for branch in self.branches.values()
            for row in branch.contacts.values()
            if row.state == "waiting"
        }
        ready = {
            self.island[row.owner]
            for branch in self.branches.values()
            for row in branch.seats.values()
            if row.state == "ready"
        }
        beside = waiting & ready
        self.idle_beside_waiting_ms = self.idle_beside_waiting_ms + TICK_MS if beside else 0
        assert self.idle_beside_waiting_ms <= SETTLED_MS

    def drain(self) -> None:
        """Let nobody in until all are served."""
        while any(branch.contacts for branch in self.branches.values()):
            self.tick(arrivals=False)

    def kill_one(self) -> None:
        """A matchmaker is gone; a new one begins with the owners' snapshots."""
        name = self.chance.choice(list(self.matchmakers))
        self.matchmakers[name] = Matchmaker(PLAN)
        self.meet()


def cycles(number: int, seed: int) -> Fleet:
    fleet = Fleet(seed)
    for cycle in range(number):
        fleet.part(fleet.chance.randint(2, 4))
        for _ in range(SPLIT_MS // TICK_MS):
            fleet.tick()
        fleet.part(1)
        for _ in range(WHOLE_MS // TICK_MS):
            fleet.tick()
        fleet.kill_one()
        if cycle % 20 == 19:  # more arrive than are served: let them all through at times
            fleet.drain()
    fleet.drain()
    return fleet


@pytest.mark.parametrize(
    "number", [60, pytest.param(1_000, marks=[pytest.mark.long, pytest.mark.timeout(1_800)])]
)
def test_nobody_is_lost_doubled_or_overtaken(number: int) -> None:
    fleet = cycles(number, seed=number)
    everybody = {f"c{n}" for n in range(1, fleet.minted + 1)}
    assert fleet.minted > 10 * number
    assert set(fleet.served) == everybody
    assert fleet.ended == dict.fromkeys(everybody, 1)
    assert fleet.overtakes == 0
