"""A large contact centre in virtual time: a plan, and owners who publish what happens in it."""

import heapq
import random
from collections.abc import Callable

import msgspec

from appliance.plan.model import Agent, Plan, Queue, Relax, Site
from appliance.routing.model import (
    ContactRow,
    ContactState,
    Place,
    Proposal,
    SeatRow,
    SeatState,
)
from tests.appliance.routing.rows import Published

SITES, QUEUES, PROFILES, SKILLS, REGIONS = 80, 400, 1_500, 120, 8
#: mean talk and wrap-up [ms]
TALK_MS, WRAP_UP_MS = 170_000, 10_000
#: what a call takes from proposal to talk [ms]
RESERVE_MS, RING_MS = 5, 3_000
#: over which the first contacts come in, and within which another follows one that ends [ms]
FILL_MS, SOON_MS = 120_000, 2_000

_replace = msgspec.structs.replace


def make_plan(
    agents: int,
    chance: random.Random,
    *,
    sites: int = SITES,
    queues: int = QUEUES,
    kinds: int = PROFILES,
) -> Plan:
    """Return a plan of so many agents, sites, queues and kinds of agents (skill profiles)."""
    skills = [f"skill-{number}" for number in range(SKILLS)]
    profiles = [
        {skill: chance.randint(1, 10) for skill in chance.sample(skills, chance.randint(2, 6))}
        for _ in range(kinds)
    ]
    return Plan(
        serial=1,
        queues=tuple(_queue(number, profiles, chance) for number in range(queues)),
        agents=tuple(
            Agent(
                name=f"agent-{number}",
                site=f"site-{number % sites}",
                account=f"p{number}",
                skills=profiles[chance.randrange(kinds)],
                reserve=chance.random() < 0.02,
            )
            for number in range(agents)
        ),
        sites=tuple(Site(name=f"site-{n}", region=f"region-{n % REGIONS}") for n in range(sites)),
    )


def _queue(number: int, profiles: list[dict[str, int]], chance: random.Random) -> Queue:
    """Return a queue that some profile can serve; a part of them with rings and steps."""
    held = chance.choice(profiles)
    wanted = {skill: max(1, held[skill] - 4) for skill in chance.sample(sorted(held), 1)}
    return Queue(
        name=f"queue-{number}",
        skills=wanted,
        prefer=dict.fromkeys(chance.sample(sorted(held), 1), 3),
        relax=(Relax(after_s=20, skills=dict.fromkeys(wanted, 1)),) if number % 5 == 0 else (),
        own_s=5.0 if number % 4 == 0 else 0.0,
        region_s=10.0 if number % 4 == 0 else 0.0,
        reserve_s=20.0,
    )


class Centre:
    """Owners in virtual time: each event publishes rows; proposals are followed at once.

    It is kept at *occupancy*: so many contacts come in at first, and another soon after each end.
    """

    def __init__(self, plan: Plan, chance: random.Random, *, occupancy: float = 0.98) -> None:
        self._chance = chance
        self._queues = [queue.name for queue in plan.queues]
        self._sites = [site.name for site in plan.sites]
        self.now_ms = 0
        self._contacts: dict[str, ContactRow] = {}
        self._events: list[tuple[int, int, str, str]] = []
        self._number = 0
        #: contacts that have ended
        self.done = 0
        #: told of each row that an owner publishes
        self.publish: Callable[[ContactRow | SeatRow], None] = lambda _row: None
        self.seats = {
            agent.name: SeatRow(
                seat=agent.name,
                owner=_box(agent.site),
                incarnation=1,
                epoch=1,
                site=agent.site,
                state="ready",
                idle_ms=chance.randrange(60_000),
            )
            for agent in plan.agents
        }
        for _ in range(round(len(plan.agents) * occupancy)):
            self._later(chance.randrange(FILL_MS), "", "")

    def snapshots(self) -> dict[str, Published]:
        """Return what each owner has at the beginning."""
        found = {_box(site): Published() for site in self._sites}
        for row in self.seats.values():
            found[row.owner].seats.append(row)
        return found

    @property
    def waiting(self) -> int:
        """Contacts that wait."""
        return sum(row.state == "waiting" for row in self._contacts.values())

    @property
    def next_ms(self) -> int:
        """When the next thing happens."""
        return self._events[0][0]

    def step(self) -> None:
        """Let the next thing happen."""
        self.now_ms, _, contact, seat = heapq.heappop(self._events)
        if contact:
            self._go_on(contact, seat)
        else:
            self._arrive()

    def follow(self, proposal: Proposal) -> None:
        """Both owners take a proposal."""
        self._contact(proposal.contact, "reserved", proposal.seat)
        self._seat(proposal.seat, "reserved")
        self._later(RESERVE_MS, proposal.contact, proposal.seat)

    def _arrive(self) -> None:
        self._number += 1
        name = f"c{self._number}"
        site = self._chance.choice(self._sites)
        box = _box(site)
        row = ContactRow(
            contact=name,
            owner=box,
            incarnation=1,
            place=Place(self.now_ms << 16, box, name),
            queue=self._chance.choice(self._queues),
            klass=self._chance.choice(("platinum", "gold", "gold", "bronze", "bronze")),
            home=site,
        )
        self._contacts[name] = row
        self.publish(row)

    def _go_on(self, contact: str, seat: str) -> None:
        """The next moment of a contact's life with a seat."""
        row = self._contacts.get(contact)
        chance = self._chance
        if row is None:
            self._seat(seat, "ready")
        elif row.state == "reserved":
            self._contact(contact, "connecting")
            self._seat(seat, "ringing")
            self._later(round(chance.uniform(0.5, 1.5) * RING_MS), contact, seat)
        elif row.state == "connecting":
            self._contact(contact, "talking")
            self._seat(seat, "talking")
            self._later(round(chance.expovariate(1 / TALK_MS)), contact, seat)
        else:
            self._contact(contact, "ended")
            self._seat(seat, "wrap-up")
            del self._contacts[contact]
            self.done += 1
            self._later(chance.randrange(1, SOON_MS), "", "")
            self._later(round(chance.uniform(0.5, 1.5) * WRAP_UP_MS), contact, seat)

    def _later(self, in_ms: int, contact: str, seat: str) -> None:
        self._number += 1
        heapq.heappush(self._events, (self.now_ms + in_ms, self._number, contact, seat))

    def _contact(self, name: str, state: ContactState, seat: str = "") -> None:
        row = self._contacts[name]
        seat = seat or row.seat
        self._contacts[name] = _replace(row, state=state, seat=seat, fence=row.fence + 1)
        self.publish(self._contacts[name])

    def _seat(self, name: str, state: SeatState) -> None:
        row = self.seats[name]
        self.seats[name] = _replace(row, state=state, fence=row.fence + 1, idle_ms=0)
        self.publish(self.seats[name])


def _box(site: str) -> str:
    return f"box-{site}"
