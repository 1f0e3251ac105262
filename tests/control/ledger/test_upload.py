"""A box's ledger on its way to control: real link, hub and intake as processes, killed at will."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select

from appliance.ledger.books import recount
from appliance.ledger.entry import Entry, hash_of
from appliance.ledger.records import ChainBegun
from appliance.link.messages import SignedHead
from appliance.link.uploader import KEPT
from appliance.plan.model import Agent
from appliance.plan.signing import load_public_key
from control.ledger import queries
from control.ledger.queries import ContactFilter
from control.ledger.store import entries_of
from control.models.ledger import Contact, LedgerAlarm, LedgerChain, LedgerEntry
from tests.appliance.link.rig import contact, seat, until
from tests.control.hub import rig
from tests.control.hub.rig import Control
from tests.control.ledger.rig import PATIENCE_S, LedgerBox, Process

#: as in the hub's rig, with enough agents to offer to
PLAN = msgspec.structs.replace(
    rig.PLAN,
    agents=tuple(Agent(name=f"s{at}", site="site-a", account=f"s{at}") for at in range(10)),
)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = Control(tmp_path)
    made.publish(PLAN)
    yield made
    made.parts.close()


@pytest.fixture
def hub(control: Control) -> Iterator[Process]:
    process = Process(control, "hub.daemon")
    yield process
    process.stop()


@pytest.fixture
def intake(control: Control) -> Iterator[Process]:
    process = Process(control, "ledger.intake")
    yield process
    process.stop()


@pytest.fixture
async def box(control: Control, tmp_path: Path) -> AsyncIterator[LedgerBox]:
    # a lost answer is asked for again soon, so that a kill costs little time
    made = LedgerBox("a", control, tmp_path, answer_s=2)
    control.approve(made)
    yield made
    await made.stop()


def kept(control: Control, branch: int = 0) -> list[Entry]:
    """Return control's entries of box a, in order."""
    query = select(LedgerEntry).where(LedgerEntry.branch == branch).order_by(LedgerEntry.number)
    with control.parts.database.session() as session:
        return entries_of(session.scalars(query))


def alarms(control: Control) -> list[str]:
    with control.parts.database.session() as session:
        return list(session.scalars(select(LedgerAlarm.reason).order_by(LedgerAlarm.at)))


async def test_what_a_box_journals_is_soon_at_control(
    control: Control, hub: Process, intake: Process, box: LedgerBox
) -> None:
    name = box.call()
    box.start()
    await until(lambda: box.all_up, PATIENCE_S)
    with control.parts.database.session() as session:
        row = session.get_one(Contact, name)
    assert (row.queue, row.outcome, row.agent, row.site) == ("sales", "served", "ann", "site-a")
    assert (row.waited_ms, row.talked_ms, row.fault) == (5000, 60_000, "")
    box.call()
    await until(lambda: box.all_up, PATIENCE_S)
    assert box.refusals == []
    assert hub.stop() == 0
    assert intake.stop() == 0


async def test_kills_in_mid_upload_lose_nothing_and_double_nothing(
    url: str, tmp_path: Path
) -> None:
    control = Control(tmp_path, url)
    control.publish()
    hub, intake = Process(control, "hub.daemon"), Process(control, "ledger.intake")
    box = LedgerBox("a", control, tmp_path, answer_s=2)
    control.approve(box)
    names = box.calls(700)
    try:
        box.start()
        for victims in ((intake,), (hub,), (intake, hub)):
            reached = box.uploader.acknowledged
            await until(lambda at=reached: box.uploader.acknowledged > at, PATIENCE_S)  # type: ignore[misc]
            assert not box.all_up
            for victim in victims:
                victim.kill()
                victim.start()
        names += box.calls(50)
        await until(lambda: box.all_up, PATIENCE_S)
        told = box.journal.entries(limit=1_000_000)
        assert kept(control) == told
        with control.parts.database.session() as session:
            tallies = queries.tallies(session, ContactFilter())
            assert session.scalar(select(func.count()).select_from(Contact)) == len(names)
        assert tallies == recount(told).queues
        assert (box.refusals, alarms(control)) == ([], [])
    finally:
        await box.stop()
        hub.stop()
        intake.stop()
        control.parts.close()


@pytest.mark.parametrize(
    "calls", [2000, pytest.param(24_000, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
async def test_a_backlog_does_not_hold_up_offers(
    control: Control, hub: Process, intake: Process, box: LedgerBox, calls: int
) -> None:
    box.calls(calls)
    box.start()
    await until(lambda: box.uploader.acknowledged, PATIENCE_S)
    for number in range(5):
        box.publisher.set_contact(contact(f"c{number}", "a"))
        box.publisher.set_seat(seat(f"s{number}", "a"))
        await until(lambda at=number: len(box.proposals) > at, PATIENCE_S)  # type: ignore[misc]
    # all were matched while the backlog was still on its way
    assert not box.all_up
    await until(lambda: box.all_up, 20 * PATIENCE_S)
    assert box.downs == []
    assert len(kept(control)) == box.journal.head()[1]


async def test_without_an_intake_the_box_waits_and_goes_on(
    control: Control, hub: Process, box: LedgerBox
) -> None:
    box.call()
    box.start()
    await until(lambda: box.up, PATIENCE_S)
    # and offers are made all the same
    box.publisher.set_contact(contact("c1", "a"))
    box.publisher.set_seat(seat("s1", "a"))
    await until(lambda: box.proposals, PATIENCE_S)
    assert box.uploader.acknowledged == 0
    intake = Process(control, "ledger.intake")
    try:
        await until(lambda: box.all_up, PATIENCE_S)
    finally:
        intake.stop()


async def test_a_restarted_box_goes_on_where_control_is(
    control: Control, hub: Process, intake: Process, box: LedgerBox
) -> None:
    box.calls(5)
    box.start()
    await until(lambda: box.all_up, PATIENCE_S)
    await box.stop_upload()
    box.open_ledger()
    box.calls(5)
    box.start_upload()
    await until(lambda: box.all_up, PATIENCE_S)
    assert kept(control) == box.journal.entries(limit=1000)
    assert alarms(control) == []


async def test_the_countersignature_is_kept_and_holds(
    control: Control, hub: Process, intake: Process, box: LedgerBox
) -> None:
    box.call()
    box.start()
    await until(lambda: box.all_up, PATIENCE_S)
    chain, number, digest = box.journal.head()
    (state,) = [value for key, value in box.journal.kept(KEPT) if key == KEPT + chain]
    head = msgspec.msgpack.decode(state, type=SignedHead)
    assert (head.number, head.hash) == (number, digest)
    body = msgspec.msgpack.encode(["a", chain, number, digest])
    key = load_public_key(control.parts.plan_public)
    key.verify(head.signature, b"ledger-head\x00" + body)


async def test_a_box_with_a_new_disk_links_to_what_control_countersigned(
    control: Control, hub: Process, intake: Process, box: LedgerBox
) -> None:
    box.calls(5)
    box.start()
    await until(lambda: box.all_up, PATIENCE_S)
    lost = box.journal.entries(limit=1000)
    await box.stop_upload()
    for file in box.folder.glob("ledger.db*"):
        file.unlink()
    box.open_ledger()
    box.calls(2)
    box.start_upload()
    await until(lambda: box.journal.head()[1] > lost[-1].number, PATIENCE_S)
    box.calls(1)
    await until(lambda: box.all_up, PATIENCE_S)
    ours = box.journal.entries(limit=1000)
    # in the file of the box: a first chain, and the one that is linked
    linked = [one.fact() for one in ours if one.kind == "chain-begun"][-1]
    assert isinstance(linked, ChainBegun)
    assert (linked.reason, linked.previous_number) == ("lost", lost[-1].number)
    assert (linked.previous_chain, linked.previous_hash) == (lost[-1].chain, lost[-1].hash)
    assert sorted(kept(control), key=lambda one: one.hash) == sorted(
        lost + ours, key=lambda one: one.hash
    )
    with control.parts.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 8
        reports = queries.verify_chains(session, load_public_key(control.parts.plan_public))
    assert [report.fault for report in reports] == ["", "", ""]
    assert alarms(control) == ["lost"]
    # and it stays so
    await box.stop_upload()
    box.open_ledger()
    box.start_upload()
    await until(lambda: box.all_up, PATIENCE_S)
    assert len([one for one in box.journal.entries(limit=1000) if one.kind == "chain-begun"]) == 2


async def test_a_disk_that_was_put_back_is_a_fork_and_both_ways_are_kept(
    control: Control, hub: Process, intake: Process, box: LedgerBox, tmp_path: Path
) -> None:
    box.calls(5)
    box.start()
    await until(lambda: box.all_up, PATIENCE_S)
    await box.stop_upload()
    shutil.copytree(box.folder, tmp_path / "copy")
    box.open_ledger()
    box.calls(3)
    box.start_upload()
    await until(lambda: box.all_up, PATIENCE_S)
    first_way = box.journal.entries(limit=1000)
    await box.stop_upload()
    shutil.rmtree(box.folder)
    shutil.copytree(tmp_path / "copy", box.folder)
    box.open_ledger()
    box.calls(2)
    box.start_upload()
    await until(lambda: box.refusals, PATIENCE_S)
    box.calls(1)
    await until(lambda: box.all_up, PATIENCE_S)
    assert box.refusals == ["fork"]
    assert sorted(alarms(control)) == ["fork", "lost"]
    ours = box.journal.entries(limit=1000)
    first = first_way[-1].chain
    assert [one for one in kept(control) if one.chain == first] == first_way
    assert {one.hash for one in kept(control, 1)} == {
        one.hash for one in ours if one.chain == first
    } - {one.hash for one in first_way}
    # the calls since then stand in a chain that names what control had
    assert box.journal.head()[0] != first
    with control.parts.database.session() as session:
        newest = select(LedgerChain).order_by(LedgerChain.turn.desc()).limit(1)
        row = session.scalars(newest).one()
    assert (row.reason, row.previous_number) == ("lost", first_way[-1].number)


async def test_an_entry_that_was_rewritten_is_refused_and_the_box_goes_on_in_a_new_chain(
    control: Control, hub: Process, intake: Process, box: LedgerBox
) -> None:
    box.calls(5)
    box.journal._db.execute("UPDATE entry SET contact = 'x' WHERE number = 9")
    box.start()
    await until(lambda: box.refusals, PATIENCE_S)
    box.calls(2)
    await until(lambda: box.all_up, PATIENCE_S)
    assert box.refusals == ["bad-chain"]
    assert [one.number for one in kept(control)][:8] == list(range(1, 9))
    assert sorted(alarms(control)) == ["bad-chain", "lost"]
    with control.parts.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 3


async def test_who_rewrites_all_that_follows_is_told_from_the_true_chain(
    control: Control, hub: Process, intake: Process, box: LedgerBox
) -> None:
    """A thief with the box's keys alters what control has acknowledged, and mends the hashes."""
    box.calls(4)
    box.start()
    await until(lambda: box.all_up, PATIENCE_S)
    true = box.journal.entries(limit=1000)
    await box.stop_upload()
    box.open_ledger()
    rewrite(box, 7)
    await box.stop_upload()
    (box.folder / "ledger.db.head").unlink()
    box.open_ledger()
    box.start_upload()
    await until(lambda: box.refusals, PATIENCE_S)
    assert box.refusals == ["fork"]
    assert [one for one in kept(control) if one.chain == true[0].chain] == true
    assert "fork" in alarms(control)


def rewrite(box: LedgerBox, number: int) -> None:
    """Alter an entry, and give it and all after it hashes that follow."""
    entries = box.journal.entries(limit=1000)
    after = entries[number - 2].hash
    for entry in entries[number - 1 :]:
        one = msgspec.structs.replace(entry, contact="forged")
        after = hash_of(after, one)
        box.journal._db.execute(
            "UPDATE entry SET contact = 'forged', hash = ? WHERE number = ?", (after, one.number)
        )


async def test_only_what_was_written_under_its_present_name_is_sent(
    control: Control, hub: Process, intake: Process, tmp_path: Path
) -> None:
    before = LedgerBox("unnamed", control, tmp_path)
    before.calls(2)
    await before.stop()
    (tmp_path / "unnamed").rename(tmp_path / "a")
    box = LedgerBox("a", control, tmp_path)
    control.approve(box)
    try:
        box.calls(2)
        box.start()
        await until(lambda: box.all_up, PATIENCE_S)
    finally:
        await box.stop()
    assert {one.appliance for one in kept(control)} == {"a"}
    first = kept(control)[0].fact()
    assert isinstance(first, ChainBegun)
    assert first.reason == "renamed"
