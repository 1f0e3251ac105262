"""What a day's entries come to: visits, presences, moments."""

import msgspec
import pytest

from appliance.cli.recordedday import RecordedDay
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactMoved,
    ContactQueued,
    Fact,
    OfferEnded,
    PlaceCorrected,
    SeatChanged,
    SeatOffered,
    TalkEnded,
)
from appliance.ledger.store import RawFact
from appliance.plan.model import Agent, Plan
from appliance.routing.day import Detour, Failed, Offered, Sits, Stay, Visit, Waits

S = 1_000_000
PLAN = Plan(
    agents=(
        Agent(name="ann", site="berlin", account="p1"),
        Agent(name="ben", site="bonn", account="p2"),
    )
)


class Book:
    """One appliance's entries."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries: list[RawFact] = []

    def note(self, at_us: int, fact: Fact, contact: str = "") -> None:
        number, facts = len(self.entries) + 1, msgspec.msgpack.encode(fact)
        self.entries.append(RawFact(at_us, number, fact.kind(), contact, facts, self.name))

    def seat(self, at_us: int, seat: str, state: str, reason: str = "") -> None:
        self.note(at_us, SeatChanged(seat=seat, epoch=1, state=state, reason=reason))

    def joined(self, at_us: int, contact: str = "c1", queue: str = "sales") -> None:
        self.note(at_us, ContactArrived(arrival=7), contact)
        self.note(at_us + 10, ContactQueued(queue=queue, agent="ben"), contact)


def read(*books: Book) -> RecordedDay:
    day = RecordedDay()
    day.take(*(book.entries for book in books))
    return day


def only(day: RecordedDay) -> Visit:
    (visit,) = day.visits(PLAN)
    return visit


def test_a_call_over_two_boxes() -> None:
    """The talk ends in one ledger, the notes in the other."""
    a, b = Book("a"), Book("b")
    b.seat(0, "ann", "ready")
    a.joined(1 * S)
    a.note(2 * S, SeatOffered(seat="ann", owner="b", reservation="r"), "c1")
    a.note(5 * S, ContactConnected(seat="ann", owner="b", reservation="r"), "c1")
    b.seat(5 * S, "ann", "talking")
    a.note(65 * S, TalkEnded(seat="ann"), "c1")
    a.note(65 * S, ContactEnded(outcome="served"), "c1")
    b.seat(65 * S + 3_000, "ann", "wrap-up")
    b.seat(75 * S, "ann", "ready")
    visit = only(read(a, b))
    assert visit.stay == Stay(queue="sales", agent="ben")
    assert (visit.joined_us, visit.waited_us, visit.setup_us) == (S + 10, 4 * S - 10, 3 * S)
    assert (visit.talk_us, visit.wrap_up_us, visit.patience_us) == (60 * S, 10 * S, -1)


def test_a_talk_that_outlasts_the_day() -> None:
    a = Book("a")
    a.joined(1 * S)
    a.note(5 * S, ContactConnected(seat="ann", owner="a"), "c1")
    a.seat(95 * S, "ben", "ready")
    assert only(read(a)).talk_us == 90 * S


@pytest.mark.parametrize(
    ("outcome", "parting"), [("abandoned", "abandoned"), ("released", "released")]
)
def test_who_was_gone_before_anybody_answered(outcome: str, parting: str) -> None:
    a = Book("a")
    a.joined(1 * S)
    a.note(2 * S, SeatOffered(seat="ann", owner="a", reservation="r"), "c1")
    a.note(9 * S, ContactEnded(outcome=outcome), "c1")  # type: ignore[arg-type] # a test's word
    visit = only(read(a))
    assert (visit.patience_us, visit.parting) == (8 * S - 10, parting)
    assert (visit.unheard, visit.unheard_us) == ("ann", 7 * S)


def test_a_pause_because_of_an_offer_belongs_to_the_offer() -> None:
    """No answer: ready for a moment, then paused for 30 s; a break of her own counts as such."""
    a, b = Book("a"), Book("b")
    b.seat(0, "ann", "ready")
    a.joined(1 * S)
    b.seat(2 * S - 20, "ann", "reserved")
    a.note(2 * S, SeatOffered(seat="ann", owner="b", reservation="r"), "c1")
    b.seat(17 * S - 50, "ann", "ready")
    b.seat(17 * S - 30, "ann", "paused", "no-answer")
    a.note(17 * S, OfferEnded(reservation="r", reason="no-answer"), "c1")
    b.seat(47 * S - 30, "ann", "ready")
    b.seat(60 * S, "ann", "paused", "agent")
    day = read(a, b)
    assert only(day).failed == {"ann": (Failed(15 * S, "no-answer", 30 * S),)}
    assert [(one.at_us, one.there) for one in day.presences(PLAN)] == [(0, True), (60 * S, False)]
    seats = [one for one in day.moments if isinstance(one, Sits)]
    # that she was ready for 20 µs was never told to anybody
    assert [one.use for one in seats] == ["ready", "busy", "away", "away", "ready", "away"]


def test_a_phone_that_goes_in_a_talk_is_nobody_s_offer() -> None:
    a = Book("a")
    a.seat(0, "ann", "ready")
    a.joined(1 * S)
    a.note(2 * S, SeatOffered(seat="ann", owner="a", reservation="r"), "c1")
    a.note(5 * S, ContactConnected(seat="ann", owner="a", reservation="r"), "c1")
    a.note(65 * S, TalkEnded(seat="ann"), "c1")
    a.seat(65 * S, "ann", "away", "phone-gone")
    day = read(a)
    assert [(one.at_us, one.there) for one in day.presences(PLAN)] == [(0, True), (65 * S, False)]
    assert (only(day).wrap_up_us, only(day).failed) == (0, {})


def test_idle_counts_from_before_an_offer_that_came_to_nothing() -> None:
    b = Book("b")
    for at_s, state in enumerate(("ready", "reserved", "ringing", "ready", "talking", "ready")):
        b.seat(at_s * S, "ann", state)
    ready = [
        one.idle_us for one in read(b).moments if isinstance(one, Sits) and one.use == "ready"
    ]
    assert ready == [0, 3 * S, 0]


def test_overflow_is_a_detour() -> None:
    a = Book("a")
    a.joined(1 * S)
    a.note(31 * S, ContactMoved(to="on", by="overflow"), "c1")
    a.note(36 * S, ContactQueued(queue="other"), "c1")
    a.note(91 * S, ContactMoved(to="out", by="overflow"), "c1")
    a.note(94 * S, ContactEnded(outcome="released"), "c1")
    visit = only(read(a))
    assert visit.detours == (
        Detour(queue="sales", flow="on", took_us=5 * S, stay=Stay(queue="other")),
        Detour(queue="other", flow="out", took_us=3 * S),
    )
    assert (visit.let_go_us, visit.patience_us) == (93 * S - 10, -1)


def test_who_gives_up_in_a_flow_would_have_been_in_it_for_longer() -> None:
    a = Book("a")
    a.joined(1 * S)
    a.note(31 * S, ContactMoved(to="on", by="overflow"), "c1")
    a.note(36 * S, ContactEnded(outcome="abandoned"), "c1")
    visit = only(read(a))
    assert visit.detours[0].took_us > 5 * S
    assert (visit.patience_us, visit.let_go_us) == (35 * S - 10, -1)


def test_entries_of_one_microsecond_what_is_decided_comes_last() -> None:
    """Only a held clock writes such; a file that is read first must not be first in time."""
    a, b = Book("a"), Book("b")
    a.joined(S - 10)
    a.note(S, SeatOffered(seat="ann", owner="b", reservation="r"), "c1")
    b.seat(S, "ann", "ready")
    b.seat(S, "ann", "reserved")
    kinds = [type(one) for one in read(a, b).moments]
    assert kinds == [Waits, Sits, Sits, Offered]


def test_homes_and_places() -> None:
    a = Book("a")
    a.seat(0, "ben", "ready")
    a.joined(S)
    a.note(2 * S, PlaceCorrected(was=7, arrival=5), "c1")
    visit = only(read(a))
    assert (visit.home, visit.place.arrival) == ("bonn", 5)


def test_what_cannot_be_read_is_left_out() -> None:
    a = Book("a")
    a.joined(S)
    a.entries.append(RawFact(2 * S, 3, "contact-ended", "c1", b"\xc1", "a"))
    a.note(3 * S, SeatOffered(seat="ann", owner="a", reservation="r"), "unknown")
    assert only(read(a)).patience_us == -1
