"""Rows and random floors for the tests of this room."""

import random
from collections.abc import Iterable

import msgspec
from hypothesis import strategies as st

from appliance.plan.model import (
    Agent,
    Channel,
    Divide,
    Plan,
    Queue,
    Relax,
    ServiceClass,
    Site,
)
from appliance.routing.floor import Floor
from appliance.routing.model import (
    ContactRow,
    ContactState,
    Failure,
    Given,
    Place,
    SeatRow,
    SeatState,
)
from appliance.routing.sites import least_wait, share_site

NOW_MS = 1_000_000
OWNERS = ("box-a", "box-b", "box-c")

PLAN = Plan(
    serial=7,
    queues=(
        Queue(name="sales", skills={"sales": 3}),
        Queue(name="service", skills={"service": 1}),
        Queue(name="any"),
        Queue(
            name="near",
            skills={"sales": 3, "german": 4},
            prefer={"service": 2},
            relax=(
                Relax(after_s=10, skills={"german": 1}),
                Relax(after_s=40, skills={"german": 0, "sales": 2}),
            ),
            order=("near", "cost", "level", "idle"),
            own_s=5,
            region_s=15,
            reserve_s=30,
            named_s=20,
        ),
        Queue(
            name="split",
            divide=Divide(by="shares", shares={"box-a": 60, "box-b": 30, "box-c": 10}, for_s=20),
        ),
        Queue(name="least", divide=Divide(by="wait", for_s=10), named_s=5),
        Queue(name="rush", skills={"sales": 3}, reserve_below=0.8, reserve_above=0.9),
        Queue(name="cheap", order=("cost", "idle", "near"), reserve_s=5),
    ),
    classes=(
        ServiceClass(name="gold", head_start_s=20.0, slope=1.5, longest_s=55.0),
        ServiceClass(name="bronze", longest_s=52.0),
    ),
    agents=(
        Agent(name="ann", site="a", account="p1", skills={"sales": 5, "german": 4}),
        Agent(name="ben", site="a", account="p2", skills={"sales": 5, "service": 2}),
        Agent(name="cyd", site="b", account="p3", skills={"sales": 3, "service": 9}),
        Agent(name="dov", site="b", account="p4", skills={"service": 9, "german": 9}),
        Agent(name="eve", site="c", account="p5", skills={"sales": 2}),
        Agent(name="fay", site="c", account="p6", skills={"sales": 9, "service": 1, "german": 1}),
        Agent(
            name="gil",
            site="c",
            account="p7",
            skills={"sales": 9, "german": 9},
            reserve=True,
            cost=3,
            slots={"voice": 1, "chat": 3},
        ),
        Agent(
            name="hal", site="b", account="p8", skills={"sales": 4}, slots={"chat": 2}, cost=0.5
        ),
    ),
    sites=(
        Site(name="box-a", region="north"),
        Site(name="box-b", region="north"),
        Site(name="box-c"),
    ),
)


#: queues that give contacts to sites
DIVIDED = ("split", "least")


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What one owner publishes, as a snapshot or a delta on the link does."""

    incarnation: int = 1
    contacts: list[ContactRow] = []
    seats: list[SeatRow] = []
    failures: list[Failure] = []
    reaches: list[str] | None = None
    gone: list[str] = []
    site: str = ""
    link_full: bool = False


def contact(
    name: str,
    *,
    owner: str = "box-a",
    arrival: int = 0,
    queue: str = "sales",
    klass: str = "bronze",
    skills: dict[str, int] | None = None,
    state: ContactState = "waiting",
    age_ms: int = 0,
    fence: int = 0,
    incarnation: int = 1,
    channel: Channel = "voice",
    home: str | None = None,
    agent: str = "",
    given: Given | None = None,
) -> ContactRow:
    """Return a contact's row."""
    return ContactRow(
        contact=name,
        owner=owner,
        incarnation=incarnation,
        place=Place(arrival, owner, name),
        queue=queue,
        klass=klass,
        skills=skills or {},
        state=state,
        age_ms=age_ms,
        fence=fence,
        channel=channel,
        home=owner if home is None else home,
        agent=agent,
        given=given,
    )


def seat(
    name: str,
    *,
    owner: str = "box-a",
    state: SeatState = "ready",
    idle_ms: int = 0,
    epoch: int = 1,
    fence: int = 0,
    incarnation: int = 1,
    also: tuple[Channel, ...] = (),
    busy: int = 0,
) -> SeatRow:
    """Return a seat's row."""
    return SeatRow(
        seat=name,
        owner=owner,
        incarnation=incarnation,
        epoch=epoch,
        site=owner,
        state=state,
        idle_ms=idle_ms,
        fence=fence,
        also=also,
        busy=busy,
    )


def floor_of(
    *rows: ContactRow | SeatRow | Failure,
    reaches: dict[str, list[str]] | None = None,
    full: Iterable[str] = (),
    now_ms: int = NOW_MS,
) -> Floor:
    """Return a floor on which each owner published its rows as a snapshot."""
    floor = Floor()
    for owner in dict.fromkeys(row.owner for row in rows):
        put(floor, owner, publish(owner, rows, reaches, full), now_ms)
    return floor


def put(floor: Floor, owner: str, mine: Published, now_ms: int = NOW_MS) -> None:
    """Put all that an owner publishes on the floor, in place of what it published before."""
    floor.replace(
        owner,
        mine.incarnation,
        mine.contacts,
        mine.seats,
        mine.failures,
        reaches=mine.reaches,
        site=mine.site,
        link_full=mine.link_full,
        now_ms=now_ms,
    )


def publish(
    owner: str,
    rows: Iterable[ContactRow | SeatRow | Failure],
    reaches: dict[str, list[str]] | None = None,
    full: Iterable[str] = (),
) -> Published:
    """Return those of *rows* that are the owner's."""
    mine = [row for row in rows if row.owner == owner]
    return Published(
        contacts=[row for row in mine if isinstance(row, ContactRow)],
        seats=[row for row in mine if isinstance(row, SeatRow)],
        failures=[row for row in mine if isinstance(row, Failure)],
        reaches=None if reaches is None else reaches.get(owner, []),
        site=owner,
        link_full=owner in full,
    )


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A random floor's rows."""

    rows: list[ContactRow | SeatRow | Failure]
    reaches: dict[str, list[str]] | None = None
    joined: dict[str, float] = {}
    #: owners whose access link is full
    full: tuple[str, ...] = ()

    def floor(self, order: random.Random | None = None) -> Floor:
        """Return the floor, its rows in the order given or shuffled."""
        rows = list(self.rows)
        if order is not None:
            order.shuffle(rows)
        floor = floor_of(*rows, reaches=self.reaches, full=self.full)
        floor.set_joined(self.joined)
        return floor


def contact_rows() -> st.SearchStrategy[list[ContactRow]]:
    """Return contacts of any queue, class and state; some know no queue of the plan."""
    row = st.builds(
        contact,
        st.just(""),
        owner=st.sampled_from(OWNERS),
        arrival=st.integers(0, 5),
        queue=st.sampled_from(
            ["sales", "sales", "service", "any", "near", "cheap", "unknown", *DIVIDED, "rush"]
        ),
        channel=st.sampled_from(["voice", "voice", "voice", "chat"]),
        home=st.sampled_from([None, None, "", "nowhere"]),
        agent=st.sampled_from(["", "", "", "ann", "gil", "nobody"]),
        klass=st.sampled_from(["gold", "bronze", "unknown"]),
        skills=st.sampled_from([{}, {}, {"german": 2}, {"german": 5}, {"none": 1}]),
        state=st.sampled_from(["waiting", "waiting", "waiting", "talking", "reserved"]),
        age_ms=st.integers(0, 60_000),
    )
    return st.lists(st.tuples(row, st.integers(0, 40)), max_size=12).map(_numbered)


def _numbered(rows: list[tuple[ContactRow, int]]) -> list[ContactRow]:
    numbered = []
    for number, (row, dealt) in enumerate(rows):
        name = f"c{number}"
        place = msgspec.structs.replace(row.place, contact=name)
        given = given_to(row, dealt)
        numbered.append(msgspec.structs.replace(row, contact=name, place=place, given=given))
    return numbered


def given_to(row: ContactRow, dealt: int) -> Given | None:
    """Return what an owner gives such a contact, after so many others; to the 40th nothing."""
    divide = next((queue.divide for queue in PLAN.queues if queue.name == row.queue), None)
    if divide is None or dealt == 40:
        return None
    if divide.by == "shares":
        site = share_site(divide.shares, row.owner, row.queue, dealt)
        return Given(site, "shares", PLAN.serial, dealt)
    waits = tuple((owner, float(dealt * 7 * n % 50)) for n, owner in enumerate(OWNERS, 1))
    before = ("", *OWNERS)[dealt % 4]
    site = least_wait(waits, before, divide.margin_s)
    return Given(site, "wait", PLAN.serial, waits=waits, before=before)


def seat_rows() -> st.SearchStrategy[list[SeatRow]]:
    """Return at most one seat for each agent, and one of an agent nobody knows."""
    row = st.builds(
        seat,
        st.sampled_from([*(agent.name for agent in PLAN.agents), "zed"]),
        owner=st.sampled_from(OWNERS),
        state=st.sampled_from(["ready", "ready", "ready", "talking", "paused"]),
        idle_ms=st.sampled_from([0, 0, 1_000, 2_000, 50_000]),
        also=st.sampled_from([(), (), ("chat",)]),
        busy=st.sampled_from([0, 0, 1]),
    )
    return st.lists(row, max_size=9, unique_by=lambda row: row.seat)


def failure_rows() -> st.SearchStrategy[list[Failure]]:
    """Return failures, some about pairs their owner has no say in."""
    row = st.builds(
        Failure,
        owner=st.sampled_from(OWNERS),
        contact=st.sampled_from(["", "c0", "c1", "c2"]),
        seat=st.sampled_from(["", "ann", "ben", "fay"]),
        a=st.sampled_from(["", "", *OWNERS]),
        b=st.sampled_from(["", "", *OWNERS]),
        reason=st.just("no-answer"),
        for_ms=st.sampled_from([0, 1_000, 60_000]),
    )
    return st.lists(row, max_size=4)


def worlds() -> st.SearchStrategy[World]:
    """Return random floors of three appliances."""
    some = st.lists(st.sampled_from(OWNERS), max_size=3)
    reaches = st.none() | st.fixed_dictionaries(dict.fromkeys(OWNERS, some))
    return st.builds(
        lambda contacts, seats, failures, reaches, joined, full: World(
            rows=[*contacts, *seats, *failures], reaches=reaches, joined=joined, full=full
        ),
        contact_rows(),
        seat_rows(),
        failure_rows(),
        reaches,
        st.sampled_from([{}, {"rush": 0.5}, {"near": 0.5}]),
        st.sampled_from([(), (), OWNERS[:1], OWNERS[1:2], OWNERS[1:]]),
    )


def seeded_world(seed: int, *, contacts: int = 60, seats: int = 40) -> tuple[Plan, World]:
    """Return a larger plan and floor that depend on *seed* alone."""
    pick = random.Random(seed)
    skills = [f"skill-{number}" for number in range(6)]
    agents = tuple(
        Agent(
            name=f"agent-{number}",
            site="a",
            account=f"p{number}",
            skills={skill: pick.randint(1, 10) for skill in pick.sample(skills, 3)},
        )
        for number in range(seats)
    )
    queues = tuple(Queue(name=f"q-{skill}", skills={skill: 4}) for skill in skills)
    rows: list[ContactRow | SeatRow | Failure] = [
        seat(agent.name, owner=pick.choice(OWNERS), idle_ms=pick.randint(0, 9) * 1000)
        for agent in agents
    ]
    rows += [
        contact(
            f"c{number}",
            owner=pick.choice(OWNERS),
            arrival=pick.randint(0, 20),
            queue=pick.choice(queues).name,
            klass=pick.choice(["gold", "bronze", "platinum"]),
            age_ms=pick.randint(0, 60) * 1000,
        )
        for number in range(contacts)
    ]
    return Plan(serial=seed, agents=agents, queues=queues), World(rows=rows)
