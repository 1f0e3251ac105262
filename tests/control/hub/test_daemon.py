"""A real hub with real boxes: matching, documents, revocation, restart, commands."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq
import zmq.asyncio

from appliance.base.clock import SystemClock
from appliance.link.messages import Delta, Document, ProposalRefused
from appliance.plan.model import Queue
from control.fleet.hubclient import HubClient
from control.hub.daemon import Hub, next_incarnation
from control.hub.store import FleetRecord
from tests.appliance.link.rig import contact, seat, until
from tests.control.hub.rig import PLAN, Box, Control


@pytest.fixture
def control(tmp_path: Path) -> Any:
    made = Control(tmp_path)
    yield made
    made.parts.close()


@pytest.fixture
async def boxes(control: Control, tmp_path: Path) -> AsyncIterator[list[Box]]:
    made = [Box("a", control, tmp_path), Box("b", control, tmp_path)]
    for box in made:
        control.approve(box)
    yield made
    for box in made:
        await box.stop()


async def bring_up(*boxes: Box) -> None:
    names = {box.name for box in boxes}
    for box in boxes:
        box.start()
        box.publisher.set_reaches({*names, "hub"} - {box.name})
    await until(lambda: all(box.up for box in boxes))


async def test_a_contact_at_one_box_is_proposed_to_a_seat_at_another(
    control: Control, boxes: list[Box]
) -> None:
    control.publish()
    a, b = boxes
    async with control.hub():
        await bring_up(a, b)
        a.publisher.set_contact(contact("c1", "a", age_ms=1000))
        b.publisher.set_seat(seat("bob", "b"))
        await until(lambda: b.proposals)
    proposal = b.proposals[0].proposal
    assert (proposal.contact, proposal.contact_owner) == ("c1", "a")
    assert (proposal.seat, proposal.seat_owner) == ("bob", "b")
    assert a.proposals == []


async def test_a_refused_pair_is_followed_by_another_seat(
    control: Control, boxes: list[Box]
) -> None:
    control.publish()
    a, b = boxes
    b.refuse_with = "seat-busy"
    async with control.hub() as hub:
        await bring_up(a, b)
        b.publisher.set_seat(seat("bob", "b", idle_ms=60_000))
        a.publisher.set_contact(contact("c1", "a"))
        await until(lambda: b.proposals)
        a.publisher.set_seat(seat("ann", "a"))
        await until(lambda: a.proposals)
        assert hub.floor.outcomes["seat-busy"] >= 1
    assert a.proposals[0].proposal.seat == "ann"


async def test_nobody_refuses_for_others(control: Control, boxes: list[Box]) -> None:
    control.publish()
    a, b = boxes
    async with control.hub() as hub:
        await bring_up(a, b)
        b.publisher.set_contact(contact("c1", "b"))
        b.publisher.set_seat(seat("bob", "b"))
        await until(lambda: b.proposals)
        a.node.send("hub", ProposalRefused("c1", "bob", "seat-gone"))
        await until(lambda: hub.floor.outcomes["not-enrolled"])
        assert hub.floor.outcomes["seat-gone"] == 0


async def test_rows_of_another_owner_are_dropped(control: Control, boxes: list[Box]) -> None:
    control.publish()
    a, b = boxes
    async with control.hub() as hub:
        await bring_up(a, b)
        a.publisher.set_seat(seat("bob", "b"))
        a.publisher.set_contact(contact("c1", "a"))
        await until(lambda: hub.floor.matchmaker.floor.contact("c1"))
        assert hub.floor.matchmaker.floor.seat("bob") is None
        assert hub._views["a"].ignored["foreign"] == 1


async def test_a_gap_is_closed_by_a_snapshot(control: Control, boxes: list[Box]) -> None:
    a, _ = boxes
    async with control.hub() as hub:
        await bring_up(a)
        a.publisher.set_contact(contact("c1", "a"))
        a.node.send("hub", Delta(1, 99, contacts=[contact("c9", "a")]))
        await until(lambda: hub._views["a"].ignored["gap"])
        a.publisher.set_contact(contact("c2", "a"))
        await until(lambda: hub.floor.matchmaker.floor.contact("c2"))
        assert hub.floor.matchmaker.floor.contact("c9") is None


async def test_documents_are_handed_on_and_acknowledged(
    control: Control, boxes: list[Box]
) -> None:
    serial = control.publish()
    a, _ = boxes
    async with control.hub() as hub:
        await bring_up(a)
        await until(lambda: hub.desk.acks.get("a", {}).get("plan"))
        assert a.documents.plan is not None
        assert a.documents.plan.serial == serial
        assert a.documents.directory is not None
        assert {peer.appliance for peer in a.documents.directory.peers} == {"a", "b"}
        assert all(ack.reason == "normal" for ack in a.acks)
        # a new plan reaches it without being asked for
        newer = control.publish(
            msgspec.structs.replace(PLAN, queues=(Queue(name="sales", title="S"),))
        )
        await hub.reload()
        await until(lambda: a.documents.plan and a.documents.plan.serial == newer)
        await until(lambda: hub.floor.live.floor().appliances[0].plan_ack == "normal")

    def noted() -> bool:
        with control.parts.database.session() as session:
            from control.models import fleet

            row = session.get_one(fleet.Appliance, "a")
            return (row.version, row.plan_serial) == ("0.1.0", newer)

    await until(noted)


async def test_a_box_that_comes_back_is_not_sent_what_it_holds(
    control: Control, boxes: list[Box]
) -> None:
    serial = control.publish()
    a, _ = boxes
    async with control.hub():
        await bring_up(a)
        await until(lambda: a.documents.plan)
        await until(lambda: len(a.acks) == 2)
    await until(lambda: a.downs)
    async with control.hub() as hub:
        await until(lambda: a.up)
        shown = hub.floor.live.floor().appliances[0]
        assert (shown.plan_ack, shown.plan_serial) == ("normal", serial)
        newer = control.publish(
            msgspec.structs.replace(PLAN, queues=(Queue(name="sales", title="S"),))
        )
        await hub.reload()
        await until(lambda: a.documents.plan and a.documents.plan.serial == newer)
        # directory and plan, then the new plan, and nothing twice
        assert [ack.kind for ack in a.acks] == ["directory", "plan", "plan"]


async def test_a_document_that_was_altered_is_refused_in_words(
    control: Control, boxes: list[Box]
) -> None:
    control.publish()
    a, _ = boxes
    async with control.hub() as hub:
        document = hub.desk.documents["plan", ""]
        document.body = document.body.replace(b"sales", b"salez")
        await bring_up(a)
        await until(lambda: hub.floor.live.floor().appliances[0].plan_ack)
        assert hub.floor.live.floor().appliances[0].plan_ack == "bad-signature"
        assert a.documents.plan is None


async def test_a_revoked_box_is_cut_without_a_command(control: Control, boxes: list[Box]) -> None:
    a, b = boxes
    async with control.hub() as hub:
        await bring_up(a, b)
        a.publisher.set_contact(contact("c1", "a"))
        await until(lambda: hub.floor.matchmaker.floor.contact("c1"))
        control.revoke(a)
        await until(lambda: a.downs, 5.0)
        assert hub.node.peers() == {"b"}
        assert hub.floor.matchmaker.floor.contact("c1") is None
        # the others learn of it from the directory
        await until(
            lambda: (
                b.documents.directory
                and [peer.appliance for peer in b.documents.directory.peers] == ["b"]
            )
        )


async def test_a_command_cuts_at_once_even_if_the_database_lags(
    control: Control, boxes: list[Box]
) -> None:
    a, b = boxes
    async with control.hub() as hub:
        await bring_up(a, b)
        client = HubClient(control.settings)
        told = await asyncio.to_thread(client.ask, {"do": "revoke", "appliance": "a"})
        assert told == {"done": "revoke", "appliance": "a"}
        await until(lambda: a.downs)
        await hub.reload()
        assert [box.name for box in hub.floor.live.floor().appliances] == ["b"]
        wrong = await asyncio.to_thread(client.ask, {"do": "revoke", "appliance": "zz"})
        assert wrong["reason"] == "not-enrolled"


async def test_a_new_hub_is_complete_from_the_boxes(control: Control, boxes: list[Box]) -> None:
    control.publish()
    a, b = boxes
    async with control.hub():
        await bring_up(a, b)
        a.publisher.set_contact(contact("c1", "a"))
        b.publisher.set_seat(seat("bob", "b", state="talking", contact="c0"))
    await until(lambda: a.downs and b.downs)
    async with control.hub() as hub:
        await until(lambda: a.up and b.up)
        await until(
            lambda: (
                hub.floor.matchmaker.floor.contact("c1") and hub.floor.matchmaker.floor.seat("bob")
            )
        )
        b.publisher.set_seat(seat("bob", "b", fence=1))
        await until(lambda: b.proposals)
    assert b.proposals[0].proposal.contact == "c1"


async def test_rows_of_a_lost_box_leave_the_floor(control: Control, boxes: list[Box]) -> None:
    a, b = boxes
    async with control.hub() as hub:
        await bring_up(a, b)
        a.publisher.set_contact(contact("c1", "a"))
        await until(lambda: hub.floor.matchmaker.floor.contact("c1"))
        a.task.cancel()
        a.transport.close()
        await until(lambda: hub.floor.matchmaker.floor.contact("c1") is None, 5.0)
        box = next(box for box in hub.floor.live.floor().appliances if box.name == "a")
        assert (box.up, box.link_ms) == (False, -1)


async def test_web_gets_the_floor_and_then_every_change(
    control: Control, boxes: list[Box]
) -> None:
    a, _ = boxes
    async with control.hub():
        await bring_up(a)
        a.publisher.set_contact(contact("c1", "a", age_ms=5000))
        with zmq.asyncio.Context() as context, context.socket(zmq.SUB) as socket:
            socket.linger = 0
            socket.subscribe(b"")
            socket.connect(control.settings.hub_live)
            client = HubClient(control.settings)
            floor: dict[str, Any] = {"contacts": []}
            while not floor["contacts"]:
                floor = await asyncio.to_thread(client.floor)
            assert floor["contacts"][0]["age_ms"] >= 5000
            assert floor["queues"][0]["waiting"] == 1
            number = floor["number"]
            changes: list[dict[str, Any]] = []
            # until the subscription has come about, changes pass us by
            fence = 0
            while not any("c1" in change["gone"]["contacts"] for change in changes):
                fence += 1
                a.publisher.set_seat(seat("ann", "a", state="paused", fence=fence))
                if changes:
                    a.publisher.drop_contact("c1")
                if await socket.poll(200):
                    changes.append(msgspec.json.decode(await socket.recv()))
    numbers = [change["number"] for change in changes]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    later = [change for change in changes if change["number"] > number]
    assert later[0]["seats"][0]["state"] == "paused"


async def test_a_hub_goes_on_without_its_database(control: Control, boxes: list[Box]) -> None:
    control.publish()
    a, b = boxes
    async with control.hub() as hub:
        await bring_up(a, b)
        with control.parts.database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE documents RENAME TO away")
        told = await asyncio.to_thread(HubClient(control.settings).ask, {"do": "reload"})
        assert told["reason"] == "internal"
        a.publisher.set_contact(contact("c1", "a"))
        b.publisher.set_seat(seat("bob", "b"))
        await until(lambda: b.proposals)
        with control.parts.database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO documents")
        await hub.reload()


async def test_wrong_commands_are_answered_in_words(control: Control) -> None:
    async with control.hub():
        client = HubClient(control.settings)
        wrong: list[dict[str, Any]] = [{}, {"do": "dance"}, {"do": ["floor"]}]
        for request in wrong:
            told = await asyncio.to_thread(client.ask, request)
            assert told["reason"] == "bad-request"
        with zmq.asyncio.Context() as context, context.socket(zmq.REQ) as socket:
            socket.linger = 0
            socket.connect(control.settings.hub_commands)
            await socket.send(b"\xff not JSON")
            assert msgspec.json.decode(await socket.recv())["reason"] == "bad-request"


def test_incarnations_grow(tmp_path: Path) -> None:
    path = tmp_path / "incarnation"
    assert [next_incarnation(path) for _ in range(3)] == [1, 2, 3]


class _SlowStore:
    """A database that takes its time, and sees how many write at once."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, int]] = []
        self.writing = self.most = 0

    def fleet(self, known: dict[tuple[str, str], Document]) -> FleetRecord:
        return FleetRecord((), known)

    def note(self, appliance: str, version: str, plan_serial: int) -> None:
        self.writing += 1
        self.most = max(self.most, self.writing)
        time.sleep(0.01)
        self.notes.append((appliance, plan_serial))
        self.writing -= 1


async def test_a_fleet_that_comes_up_is_written_down_one_by_one(control: Control) -> None:
    store = _SlowStore()
    hub = Hub(control.settings, store, SystemClock())
    for serial in (1, 2):
        for number in range(20):
            hub._note(f"box-{number}", "1", serial)
    await until(lambda: len(store.notes) == 20)
    hub.close()
    assert store.most == 1
    assert sorted(store.notes) == sorted((f"box-{number}", 2) for number in range(20))
