"""The benches around the hub, small: real hub processes, links and owners, and no figures."""

from random import Random

import pytest

from appliance.ledger.records import ContactConnected, ContactEnded, ContactQueued, SeatOffered
from tests.bench import hub, hub_kill, wan
from tests.bench.books import Books
from tests.bench.hubrig import Size, fleet_plan
from tests.bench.report import Report


def met(report: Report, *names: str) -> None:
    bars = {bar.name: bar for bar in report.bars}
    assert {name: bars[name].value for name in names} == dict.fromkeys(names, 0.0)


def test_nobody_is_lost_or_doubled_over_zeromq_and_nats() -> None:
    report = hub.run(hub.SMOKE)
    met(report, "lost", "doubled", "nats: lost", "nats: doubled")
    assert report.figures["connected"] > 30
    assert report.figures["nats: connected"] > 30


def test_a_killed_hub_costs_nobody_the_place_or_the_talk() -> None:
    report = hub_kill.run(hub_kill.SMOKE)
    met(report, "waiting lost", "places changed", "double offers", "doubled", "talks touched")
    assert report.figures["offers_after_it"] > 0


def test_bytes_are_counted_on_each_kind_of_link() -> None:
    report = wan.run(wan.SMOKE)
    for kind in ("hub", "peers", "telemetry"):  # in a second, what idle links carry may be more
        assert report.figures[f"{kind}_bytes_at_work"] > 100
        assert f"{kind}_bytes_per_contact" in report.figures
    for kind in ("hub", "peers"):  # beats
        assert report.figures[f"{kind}_bytes_per_s_and_idle_branch"] > 0


# -- the judge ---------------------------------------------------------------------------------


@pytest.fixture
def books() -> Books:
    size = Size(boxes=1, seats=4, queues=2, kinds=2)
    return Books(fleet_plan(size, Random(1), ring_s=5, wrap_up_s=0))


class _Arrived:
    arrival = 1


def arrive(books: Books, contact: str) -> None:
    books.fact("box-0", "contact-arrived", contact, _Arrived())
    queued = ContactQueued(queue="queue-0", klass="gold", skills={}, agent="")
    books.fact("box-0", "contact-queued", contact, queued)


def offer(books: Books, contact: str, seat: str) -> None:
    taken = SeatOffered(seat=seat, owner="box-0", reservation="r", fence=1, waited_ms=0)
    books.fact("box-0", "seat-offered", contact, taken)


def connect(books: Books, contact: str, seat: str) -> None:
    facts = ContactConnected(
        seat=seat, owner="box-0", reservation="r", leg=1, bridge="b", waited_ms=0
    )
    books.fact("box-0", "contact-connected", contact, facts)


def end(books: Books, contact: str, outcome: str) -> None:
    facts = ContactEnded(outcome=outcome, reason="normal", waited_ms=0, talked_ms=0)  # type: ignore[arg-type]
    books.fact("box-0", "contact-ended", contact, facts)


def test_the_judge_sees_who_is_lost(books: Books) -> None:
    arrive(books, "c1")
    arrive(books, "c2")
    end(books, "c1", "failed")
    assert (books.counts["lost"], books.open) == (1, 1)


def test_the_judge_sees_who_is_doubled(books: Books) -> None:
    for contact in ("c1", "c2"):
        arrive(books, contact)
        connect(books, contact, "agent-0")
    assert books.counts["doubled"] == 1
    connect(books, "c2", "agent-1")
    assert books.counts["doubled"] == 2
    end(books, "c1", "served")
    end(books, "c1", "served")
    assert books.counts["doubled"] == 3


def test_the_judge_sees_a_second_offer(books: Books) -> None:
    arrive(books, "c1")
    offer(books, "c1", "agent-0")
    assert books.counts["double offers"] == 0
    offer(books, "c1", "agent-1")
    assert books.counts["double offers"] == 1
