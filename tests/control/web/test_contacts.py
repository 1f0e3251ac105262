"""The pages of contacts: filters, one contact's story, the boxes' ledgers."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.base.clock import HeldClock
from appliance.ledger.records import (
    CallBackPromised,
    CallBackScored,
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactQueued,
    SeatOffered,
    WaitAnnounced,
)
from appliance.routing.model import Candidate, Trace
from control.ledger.store import LedgerStore
from control.models.ledger import Contact
from control.parts import ControlParts
from tests.control.ledger.rig import Books, Desk, batch_of
from tests.control.visitor import Visitor


@pytest.fixture
def told(parts: ControlParts, clock: HeldClock, tmp_path: Path) -> list[str]:
    """Hand in what two boxes journalled; return the contacts."""
    desk = Desk(parts.database, LedgerStore(parts.database, Ed25519PrivateKey.generate(), clock))
    with Books(tmp_path, "berlin-1", clock) as here, Books(tmp_path, "lisbon-1", clock) as there:
        names = here.calls(10)
        arrived = ContactArrived(arrival=1, caller="<b>bold</b>", private=False)
        here.tell("crossed", [arrived])
        there.tell("crossed", [ContactEnded(outcome="served", waited_ms=1500, talked_ms=9000)])
        desk.hand_in("berlin-1", here.entries())
        desk.hand_in("lisbon-1", there.entries())
    return [*names, "crossed"]


def test_contacts_of_today_with_their_sums(admin: Visitor, told: list[str]) -> None:
    page = admin.get("/contacts/").text
    assert page.count(">Story</a>") == 11
    assert "&lt;b&gt;bold" in page
    assert "<dt>Offered</dt><dd>11</dd>" in page
    assert "<dt>Served</dt><dd>5</dd>" in page


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("", 11),
        ("day=2001-01-01", 0),
        ("day=", 11),
        ("day=nonsense", 11),
        ("queue=sales", 5),
        ("outcome=abandoned", 2),
        ("outcome=nonsense", 11),
        ("branch=nowhere", 0),
        ("queue=%00", 11),
        ("skip=9", 2),
        ("skip=-5", 11),
        ("skip=99999999999999999999999", 0),
    ],
)
def test_filters(admin: Visitor, told: list[str], asked: str, count: int) -> None:
    answer = admin.get(f"/contacts/?{asked}")
    assert answer.status_code == 200
    assert answer.text.count(">Story</a>") == count


def test_the_story_of_a_contact_over_two_boxes(admin: Visitor, told: list[str]) -> None:
    page = admin.get("/contacts/contact/crossed").text
    assert page.index("Arrived</b>") < page.index("Ended</b>")
    assert "berlin-1," in page
    assert "lisbon-1," in page
    assert "9 s" in page
    page = admin.get(f"/contacts/contact/{told[0]}").text
    assert "Talks with the agent" in page
    assert "Offered to a seat" in page


@pytest.mark.parametrize("path", ["/contacts/contact/none", "/contacts/contact/%00"])
def test_a_contact_that_nobody_knows(admin: Visitor, path: str) -> None:
    assert admin.get(path).status_code == 404


def test_ledgers_and_what_must_be_looked_at(
    admin: Visitor, told: list[str], parts: ControlParts, clock: HeldClock, tmp_path: Path
) -> None:
    page = admin.get("/contacts/ledgers").text
    assert "lisbon-1" in page
    assert "Nothing." in page
    desk = Desk(parts.database, LedgerStore(parts.database, Ed25519PrivateKey.generate(), clock))
    with Books(tmp_path / "x", "foreign-1", clock) as box:
        desk.store.take("berlin-1", batch_of(box.entries()))
    assert "foreign" in admin.get("/contacts/ledgers").text
    assert "needs a look" in admin.get("/contacts/").text
    assert len(desk.rows(Contact)) == 11


def test_promises_of_a_week(
    admin: Visitor, parts: ControlParts, clock: HeldClock, tmp_path: Path
) -> None:
    desk = Desk(parts.database, LedgerStore(parts.database, Ed25519PrivateKey.generate(), clock))
    assert "No caller was told a wait" in admin.get("/contacts/promises").text
    with Books(tmp_path, "berlin-1", clock) as here:
        for name, wait_s in (("in-time", 30), ("too-late", 90)):
            here.tell(name, [ContactArrived(arrival=1), ContactQueued(queue="<sales>")])
            here.tell(name, [WaitAnnounced(low_s=10, high_s=60)])
            clock.advance(wait_s)
            here.tell(name, [ContactConnected(seat="ann", owner="berlin-1")])
            here.tell(name, [ContactEnded(outcome="served")])
        desk.hand_in("berlin-1", here.entries())
    page = admin.get("/contacts/promises").text
    assert "&lt;sales&gt;" in page
    assert "<dt>Hit rate</dt><dd>50 %</dd>" in page
    assert "<dt>Should be</dt><dd>80 %</dd>" in page
    assert "No caller" in admin.get("/contacts/promises?queue=other").text
    assert "No caller" in admin.get("/contacts/promises?day=2001-01-01").text
    assert admin.get("/contacts/promises?day=nonsense&queue=%00").status_code == 200
    assert "late" in admin.get("/contacts/contact/too-late").text


def test_calls_promised_in_a_week(
    admin: Visitor, parts: ControlParts, clock: HeldClock, tmp_path: Path
) -> None:
    assert "No caller was promised a call" in admin.get("/contacts/promises").text
    desk = Desk(parts.database, LedgerStore(parts.database, Ed25519PrivateKey.generate(), clock))
    with Books(tmp_path, "berlin-1", clock) as here:
        for name, after_s in (("in-time", 300), ("too-late", 690)):
            promised = CallBackPromised(number="1", queue="<sales>", low_s=60, high_s=600)
            here.tell(name, [ContactArrived(arrival=1), promised])
            scored = CallBackScored(kept=True, after_s=after_s, low_s=60, high_s=600)
            here.tell(name, [ContactQueued(queue="<sales>", klass="<gold>"), scored])
        desk.hand_in("berlin-1", here.entries())
    page = admin.get("/contacts/promises").text
    assert "&lt;gold&gt;" in page
    assert "<dt>In the window, of all due</dt><dd>50 %</dd>" in page
    assert '<td data-label="Late by"><span>2 min</span></td>' in page
    assert "promised a call in these" in admin.get("/contacts/promises?queue=other").text
    assert "late by 2 min" in admin.get("/contacts/contact/too-late").text


def test_why_a_contact_was_offered_to_that_agent(
    admin: Visitor, parts: ControlParts, clock: HeldClock, tmp_path: Path
) -> None:
    desk = Desk(parts.database, LedgerStore(parts.database, Ed25519PrivateKey.generate(), clock))
    trace = Trace(
        plan_serial=7,
        contact_score=21.0,
        waited_ms=4000,
        klass="gold",
        candidates=(Candidate("<ann>", 5.0, local=True),),
    )
    with Books(tmp_path, "berlin-1", clock) as here:
        for name, packed in (("told", msgspec.msgpack.encode(trace)), ("nonsense", b"\xc1")):
            offer = SeatOffered(seat="<ann>", owner="berlin-1", reservation="r", trace=packed)
            here.tell(name, [ContactArrived(arrival=1), offer])
        desk.hand_in("berlin-1", here.entries())
    page = admin.get("/contacts/contact/told").text
    assert "told (gold) waited 4.0 s, score 21.0, plan 7" in page
    assert "&lt;ann&gt;: levels 5, same branch" in page
    assert admin.get("/contacts/contact/nonsense").status_code == 200
