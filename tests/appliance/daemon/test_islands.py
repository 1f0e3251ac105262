"""Branches that see each other stay one queue: real brains, a real hub, ways that are cut."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.base.hlc import MAX_DRIFT_MS
from appliance.link.memory_transport import MemoryTransport
from appliance.link.messages import (
    Delta,
    Document,
    Hello,
    LinkMessage,
    ProposalRefused,
    Propose,
    Snapshot,
)
from appliance.link.node import LinkNode
from appliance.plan import canonical
from appliance.plan.model import Agent, Number, Plan, Queue
from appliance.plan.signing import public_bytes, sign
from appliance.routing.model import Place, Proposal, QueueView, Trace
from tests.appliance.daemon import islandkit
from tests.appliance.daemon.islandkit import HUB, IslandBox, IslandFleet
from tests.bench.partition import storm

KEY = Ed25519PrivateKey.generate()
NAMES = ["box-a", "box-b", "box-c"]
PLAN = Plan(
    serial=1,
    numbers=(Number(number="200", queue="all"),),
    queues=(Queue(name="all", wrap_up_s=0.0, announce_s=0),),
    agents=tuple(Agent(name=f"{box}-1", site=box, account=f"{box}-1") for box in NAMES),
)

YEAR_S = 365 * 86_400.0

MakeFleet = Callable[..., IslandFleet]


@pytest.fixture
def make_fleet(tmp_path: Path) -> Iterator[MakeFleet]:
    made: list[IslandFleet] = []

    def make(seed: int = 1, talk_s: float = 1_000.0) -> IslandFleet:
        fleet = IslandFleet(
            tmp_path, PLAN, NAMES, Random(seed), talk_s=talk_s,
            verify_key=public_bytes(KEY).hex(),
        )  # fmt: skip
        made.append(fleet)
        fleet.run(3)
        return fleet

    yield make
    for fleet in made:
        fleet.close()


def call(fleet: IslandFleet, box: str, seconds: float = 3.0) -> str:
    """Let a caller come in at *box*; return at which seat they talk, or nothing."""
    leg = fleet.boxes[box].legs.call_in("200")
    fleet.run(seconds)
    contact = fleet.boxes[box].contact(leg)
    return contact.booking.seat if contact.phase == "talking" and contact.booking else ""


def active(fleet: IslandFleet) -> list[str]:
    """Return which boxes propose."""
    return [name for name, box in fleet.boxes.items() if box.brain.floor.active]


# scenes in docs/federation.md, one each


async def test_while_a_hub_proposes_nobody_else_does(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    assert active(fleet) == []
    fleet.run(3)
    assert not any(box.brain.floor.contested() for box in fleet.boxes.values())
    assert call(fleet, "box-c") == "box-c-1"


async def test_without_a_hub_the_others_agents_are_still_offered(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    fleet.hub.die("power")
    fleet.run(2)
    assert active(fleet) == ["box-a"]
    assert call(fleet, "box-c") == "box-c-1"
    assert {call(fleet, "box-c"), call(fleet, "box-c")} == {"box-a-1", "box-b-1"}


async def test_the_hub_takes_over_again(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    fleet.hub.die("kill")
    fleet.run(3)
    leg = fleet.boxes["box-b"].legs.call_in("200")
    fleet.hub.start()
    fleet.run(3)
    assert active(fleet) == []
    assert fleet.boxes["box-b"].contact(leg).phase == "talking"
    assert call(fleet, "box-b") in {"box-a-1", "box-c-1"}


async def test_hub_sees_both_but_they_do_not_reach_each_other(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    fleet.cuts.cut("box-a", "box-b")
    fleet.run(3)
    assert active(fleet) == []
    assert [call(fleet, "box-a") for _ in range(3)] == ["box-a-1", "box-c-1", ""]
    fleet.cuts.heal()
    fleet.run(4)
    assert fleet.boxes["box-b"].seat("box-b-1").state == "talking"


async def test_a_sees_b_but_not_c(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    fleet.hub.die("power")
    fleet.cuts.cut("box-a", "box-c")
    fleet.run(3)
    assert active(fleet) == ["box-a", "box-b"]
    assert fleet.boxes["box-b"].brain.floor.contested()
    assert [call(fleet, "box-c") for _ in range(3)] == ["box-c-1", "box-b-1", ""]
    assert [call(fleet, "box-a"), call(fleet, "box-b", 1)] == ["box-a-1", ""]


async def test_one_that_lost_the_hub_stays_in_the_queue(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    fleet.cuts.cut("box-b", HUB)
    fleet.run(3)
    assert active(fleet) == ["box-a"]  # for all pairs with box-b in them
    assert [call(fleet, "box-b") for _ in range(3)] == ["box-b-1", "box-a-1", "box-c-1"]


@pytest.mark.parametrize("other", [HUB, "box-a"])
async def test_what_is_only_heard_is_not_reached(make_fleet: MakeFleet, other: str) -> None:
    fleet = make_fleet()
    ends = (other, "box-b") if other == HUB else ("box-b", other)
    fleet.cuts.cut(*ends, one_way=True)
    fleet.run(3)
    for _ in range(70):  # it is dialled again and again, in vain
        fleet.run(0.1)
        assert other not in fleet.boxes["box-b"].federation.node.reached()
    assert call(fleet, "box-b") == "box-b-1"


async def test_a_cut_off_branch_serves_itself_within_2_s(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    for other in ("box-a", "box-b", HUB):
        fleet.cuts.cut("box-c", other)
    leg = fleet.boxes["box-c"].legs.call_in("200")
    fleet.run(2)
    assert fleet.boxes["box-c"].contact(leg).phase != "waiting"


async def test_places_are_kept_through_split_and_heal(make_fleet: MakeFleet) -> None:
    fleet = make_fleet(talk_s=1e6)
    for box in NAMES:
        call(fleet, box)
    first = fleet.boxes["box-b"].legs.call_in("200")
    fleet.run(1)
    fleet.cuts.cut("box-b", "box-a")
    fleet.cuts.cut("box-b", HUB)
    fleet.cuts.cut("box-b", "box-c")
    fleet.run(3)
    later = fleet.boxes["box-a"].legs.call_in("200")
    fleet.run(1)
    fleet.cuts.heal()
    fleet.run(2)
    place = fleet.boxes["box-b"].contact(first).place
    assert place < fleet.boxes["box-a"].contact(later).place
    talker = next(leg for leg, row in fleet.boxes["box-a"].legs.rows.items() if row.bridge)
    fleet.boxes["box-a"].legs.down(talker)
    fleet.run(2)
    assert fleet.boxes["box-b"].contact(first).phase == "talking"
    assert fleet.boxes["box-a"].contact(later).phase == "waiting"


@pytest.mark.parametrize("wrong", ["box-b", HUB])
@pytest.mark.parametrize("off_s", [-10 * YEAR_S, -3_600.0, 3_600.0, 10 * YEAR_S])
async def test_a_clock_that_is_off_neither_overtakes_nor_drags(
    make_fleet: MakeFleet, wrong: str, off_s: float
) -> None:
    fleet = make_fleet()
    fleet.clocks[wrong].set_wall(off_s)
    fleet.run(1)
    for box in NAMES:
        call(fleet, box)  # nobody is free now
    waiting = []
    for box in ("box-a", "box-b", "box-c", "box-b", "box-a"):
        leg = fleet.boxes[box].legs.call_in("200")
        waiting.append(fleet.boxes[box].contact(leg))
        fleet.run(1)
    assert [contact.phase for contact in waiting] == ["waiting"] * 5
    for served, box in enumerate(
        (*NAMES, *NAMES)[:5], 1
    ):  # in turn an agent comes free, the hub dies on the way
        talking = [leg for leg, row in fleet.boxes[box].legs.rows.items() if row.bridge]
        fleet.boxes[box].legs.down(talking[0])
        fleet.run(3)
        phases = [contact.phase == "waiting" for contact in waiting]
        assert phases == [False] * served + [True] * (5 - served)
        if served == 2:
            fleet.hub.die("power")
            fleet.run(3)
    stamps = [fleet.boxes[name].brain.hlc.read() >> 16 for name in ("box-a", "box-c")]
    assert max(stamps) <= fleet.world.clock.wall_us() // 1000 + MAX_DRIFT_MS


async def test_a_clock_that_is_off_is_told_and_is_over(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    alarms: list[tuple[str, int]] = []
    box = fleet.boxes["box-a"].federation

    class Told:
        def clock(self, peer: str, ahead_ms: int) -> None:
            alarms.append((peer, ahead_ms))

        def __getattr__(self, _name: str) -> Callable[..., None]:
            return lambda *_args, **_named: None

    box.reporter = Told()  # type: ignore[assignment]
    fleet.clocks["box-b"].set_wall(3_600)
    fleet.run(1)
    (told,) = alarms
    assert told[0] == "box-b"
    assert abs(told[1] - 3_600_000) < 50
    live = {one.name: one.clock_ms for one in fleet.hub.hub.floor.live.floor().appliances}
    assert abs(live["box-b"] - 3_600_000) < 50
    assert (live["box-a"], live["box-c"]) == (0, 0)
    fleet.clocks["box-b"].set_wall(0)
    fleet.run(1)
    assert alarms[1:] == [("box-b", 0)]
    live = {one.name: one.clock_ms for one in fleet.hub.hub.floor.live.floor().appliances}
    assert set(live.values()) == {0}


async def test_a_path_that_is_there_again_is_used_at_once(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    assert call(fleet, "box-a") == "box-a-1"
    fleet.boxes["box-c"].legs.unregister("box-c-1")
    fleet.run(0.1)
    fleet.cuts.cut("box-a", "box-b", one_way=True)  # the offer arrives, the confirmation does not
    leg = fleet.boxes["box-a"].legs.call_in("200")
    fleet.run(2)
    contact = fleet.boxes["box-a"].contact(leg)
    assert (contact.phase, contact.attempts) == ("waiting", 1)
    fleet.cuts.heal()
    fleet.run(2)
    assert contact.phase != "waiting"


# -- who gets which rows -----------------------------------------------------------------------


def foreign(fleet: IslandFleet, name: str) -> set[str]:
    """Return whose rows are at *name*, beside its own."""
    floor = fleet.boxes[name].brain.floor.matchmaker.floor
    seats, contacts = floor.seats(), floor.contacts()
    return ({row.owner for row in seats} | {row.owner for row in contacts}) - {name}


async def test_rows_go_only_to_who_proposes(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    call(fleet, "box-b")
    assert [foreign(fleet, name) for name in NAMES] == [set(), set(), set()]
    hub = fleet.hub.hub.floor.matchmaker.floor
    assert {row.owner for row in hub.seats()} == set(NAMES)
    fleet.hub.die("power")
    fleet.run(2)
    assert [foreign(fleet, name) for name in NAMES] == [{"box-b", "box-c"}, set(), set()]
    fleet.hub.start()
    fleet.run(3)
    assert [foreign(fleet, name) for name in NAMES] == [set(), set(), set()]
    fleet.cuts.cut("box-b", HUB)
    fleet.run(3)  # box-a proposes each pair with box-b in it, and for that needs the rows of all
    assert [foreign(fleet, name) for name in NAMES] == [{"box-b", "box-c"}, set(), set()]


class OldPeer:
    """box-c, of a version that does not know that rows go only to who proposes."""

    def __init__(self, fleet: IslandFleet) -> None:
        self.rows: set[str] = set()
        pair = islandkit._key("box-c")
        transport = MemoryTransport(fleet.network, pair, "box-c", 1)
        self.node = LinkNode(self._hello, transport, fleet.world.clock, self)
        self.node.start()
        self.node.allow([islandkit._peer(name) for name in NAMES])
        self._beat(fleet)

    def _beat(self, fleet: IslandFleet) -> None:
        self.node.tick()
        fleet.world.later(0.1, lambda: self._beat(fleet))

    def _hello(self) -> Hello:
        return Hello(1, "appliance", "box-c", "box-c", incarnation=99, version="0")

    def on_up(self, peer: str, hello: Hello) -> None:
        """Nothing to do."""

    def on_down(self, peer: str, reason: str) -> None:
        """Nothing to do."""

    def on_message(self, peer: str, message: LinkMessage) -> None:
        if isinstance(message, Snapshot | Delta):
            self.rows |= {row.seat for row in message.seats}


async def test_a_peer_of_the_version_before_is_sent_all(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    fleet.boxes["box-c"].die("kill")
    old = OldPeer(fleet)
    fleet.run(3)
    assert old.node.peers() == {"box-a", "box-b"}
    assert old.rows == {"box-a-1", "box-b-1"}
    assert foreign(fleet, "box-b") == set()


@pytest.mark.parametrize("hub", [True, False])
@pytest.mark.parametrize("target", ["agent:box-c-1", "site:box-c", "queue:all"])
async def test_a_talk_is_handed_on_to_a_seat_whose_row_is_elsewhere(
    make_fleet: MakeFleet, target: str, hub: bool
) -> None:
    fleet = make_fleet()
    if not hub:
        fleet.hub.die("power")
        fleet.run(3)
    box = fleet.boxes["box-b"]
    box.legs.register("box-b-1")
    leg = box.legs.call_in("200")
    fleet.run(3)
    contact = box.contact(leg)
    assert contact.phase == "talking"
    fleet.boxes["box-a"].legs.unregister("box-a-1")
    fleet.run(0.5)
    how = "consult" if target == "queue:all" else "blind"
    assert box.brain.rooms.transfers.ask(contact, how, target) == ""
    fleet.run(3)
    assert contact.booking is not None
    if how == "blind":
        assert (contact.phase, contact.booking.seat) == ("talking", "box-c-1")
    else:
        assert contact.transfer is not None
        assert contact.transfer.booking is not None
        assert contact.transfer.booking.seat == "box-c-1"


async def test_an_agent_who_is_nowhere_is_told_so(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    fleet.boxes["box-c"].legs.unregister("box-c-1")
    leg = fleet.boxes["box-b"].legs.call_in("200")
    fleet.run(3)
    contact = fleet.boxes["box-b"].contact(leg)
    transfers = fleet.boxes["box-b"].brain.rooms.transfers
    assert transfers.ask(contact, "blind", "agent:box-c-1") == ""
    fleet.run(0.5)
    steps = [
        (entry.as_dict()["state"], entry.as_dict().get("reason"))
        for entry in fleet.boxes["box-b"].journal.entries(limit=1_000)
        if entry.kind == "transfer-stepped"
    ]
    assert steps == [("asked", None), ("failed", "seat-gone")]
    assert contact.phase == "talking"


async def test_who_proposes_tells_the_others_of_the_queues(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    expectation = fleet.boxes["box-c"].brain.expectation
    fleet.run(6)
    assert expectation._view("all") == QueueView("all", 0, 3, 3)
    fleet.hub.die("power")
    fleet.run(8)
    assert expectation._view("all") == QueueView("all", 0, 3, 3)
    for other in (HUB, "box-a", "box-b"):
        fleet.cuts.cut("box-c", other)
    fleet.run(5)
    assert expectation._view("all") == QueueView("all", 0, 1, 1)


# -- seats that two claim ----------------------------------------------------------------------


def proposal(box: IslandBox, leg: int, *, place: int, score: float = 1.0) -> Propose:
    contact, seat = box.contact(leg), box.seat(f"{box.name}-1")
    return Propose(
        Proposal(
            contact=contact.contact,
            contact_owner=box.name,
            contact_incarnation=box.brain.given.incarnation,
            contact_fence=contact.fence,
            seat=seat.seat,
            seat_owner=box.name,
            seat_incarnation=box.brain.given.incarnation,
            seat_epoch=seat.epoch,
            seat_fence=seat.fence,
            trace=Trace(plan_serial=1, contact_score=score, waited_ms=0, klass="bronze"),
            place=Place(place, box.name, contact.contact),
        )
    )


@pytest.mark.parametrize("contested", [False, True])
async def test_a_seat_that_two_claim_takes_the_best(
    make_fleet: MakeFleet, contested: bool
) -> None:
    fleet = make_fleet()
    box = fleet.boxes["box-c"]
    account = box.seat("box-c-1").account
    for other in fleet.boxes.values():
        other.legs.unregister(f"{other.name}-1")
    legs = [box.legs.call_in("200") for _ in range(2)]
    if contested:
        fleet.cuts.cut("box-a", HUB)
    fleet.run(8)
    assert box.brain.floor.contested() == contested
    box.legs.register(account)
    # before any matchmaker can have heard of the seat
    box.brain.link("box-a", proposal(box, legs[1], place=2, score=9.0))
    box.brain.link(HUB, proposal(box, legs[0], place=1))
    fleet.world.settle()
    phases = [box.contact(leg).phase for leg in legs]
    assert phases == (["waiting", "waiting"] if contested else ["waiting", "reserved"])
    fleet.run(0.03)
    phases = [box.contact(leg).phase for leg in legs]
    assert phases == (["reserved", "waiting"] if contested else ["waiting", "reserved"])


async def test_who_was_not_taken_is_refused_by_word(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    box = fleet.boxes["box-c"]
    fleet.cuts.cut("box-a", HUB)
    for other in fleet.boxes.values():
        other.legs.unregister(f"{other.name}-1")
    legs = [box.legs.call_in("200") for _ in range(2)]
    fleet.run(8)
    sent: list[tuple[str, LinkMessage]] = []

    def post(peer: str, message: LinkMessage) -> bool:
        sent.append((peer, message))
        return True

    box.post = post
    box.legs.register("box-c-1")
    box.brain.link("box-a", proposal(box, legs[1], place=2))
    box.brain.link("box-b", proposal(box, legs[0], place=1))
    fleet.run(0.03)
    refused = [
        (peer, one.reason)
        for peer, one in sent
        if isinstance(one, ProposalRefused) and peer != HUB
    ]
    assert refused == [("box-a", "seat-busy")]


# -- the plan ----------------------------------------------------------------------------------


async def test_a_plan_is_handed_on_to_whom_control_does_not_reach(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    plan = msgspec.structs.replace(PLAN, serial=2)
    body = canonical.encode(plan)
    document = Document("plan", 2, body, sign(KEY, "plan", body))
    fleet.cuts.cut("box-a", HUB)
    fleet.cuts.cut("box-a", "box-c")
    fleet.run(3)
    fleet.boxes["box-b"].federation.on_message(HUB, document)
    for _ in range(200):
        await asyncio.sleep(0.01)
        fleet.run(0.1)
        if fleet.boxes["box-a"].brain.plans.plan.serial == 2:
            break
    assert fleet.boxes["box-a"].brain.plans.plan.serial == 2
    assert fleet.boxes["box-c"].brain.plans.plan.serial == 1  # that one the hub will tell
    fleet.cuts.heal()
    fleet.cuts.cut("box-c", HUB)
    fleet.cuts.cut("box-c", "box-b")
    for _ in range(200):
        await asyncio.sleep(0.01)
        fleet.run(0.1)
    assert fleet.boxes["box-c"].brain.plans.plan.serial == 2


async def test_a_forged_plan_is_refused(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    body = canonical.encode(msgspec.structs.replace(PLAN, serial=2))
    forged = Document("plan", 2, body, sign(Ed25519PrivateKey.generate(), "plan", body))
    fleet.boxes["box-a"].federation.node.send("box-b", forged)
    fleet.run(1)
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert fleet.boxes["box-b"].brain.plans.plan.serial == 1


# -- a small part of the bench -----------------------------------------------------------------


@pytest.mark.parametrize(("seed", "load"), [(1, 1.1), (2, 0.6)])
async def test_nobody_is_lost_doubled_or_overtaken(seed: int, load: float) -> None:
    made = await storm(8, seed, load)
    audit = made.audit
    bad = {name: audit.counts[name] for name in audit.MUST_NOT_BE if audit.counts[name]}
    assert not bad, audit.notes
    assert audit.counts["served"] > 60
    assert not audit.late(), audit.notes
