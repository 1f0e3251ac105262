"""What an owner publishes: one delta per turn, numbers without gaps, ages that go on."""

from collections.abc import Callable

from appliance.base.clock import HeldClock
from appliance.link.messages import Delta, LinkMessage, Snapshot
from appliance.link.publisher import HOLD_S, StatePublisher
from appliance.routing.model import ContactRow, Failure, SeatRow
from tests.appliance.link.rig import contact, seat


class Desk:
    """A publisher, its clock, what it sent, and the turns of a loop."""

    def __init__(self) -> None:
        self.clock = HeldClock()
        self.sent: list[tuple[str, LinkMessage]] = []
        self.turn: list[Callable[[], None]] = []
        self.later: list[Callable[[], None]] = []
        self.publisher = StatePublisher(
            7,
            self.clock,
            self._send,
            soon=self.turn.append,
            later=lambda _seconds, call: self.later.append(call),
            site="north",
        )

    def _send(self, peer: str, message: LinkMessage) -> bool:
        self.sent.append((peer, message))
        return True

    def end_turn(self) -> list[tuple[str, LinkMessage]]:
        for callback in self.turn:
            callback()
        self.turn.clear()
        sent, self.sent = self.sent, []
        return sent

    def wait(self) -> list[tuple[str, LinkMessage]]:
        """Let HOLD_S pass."""
        self.clock.advance(HOLD_S)
        for callback in self.later:
            callback()
        self.later.clear()
        return self.end_turn()


def deltas(sent: list[tuple[str, LinkMessage]]) -> list[Delta]:
    assert all(isinstance(message, Delta) for _, message in sent)
    return [message for _, message in sent if isinstance(message, Delta)]


def test_a_subscriber_gets_a_snapshot_and_then_deltas() -> None:
    desk = Desk()
    desk.publisher.set_contact(contact("c1", "a"))
    desk.end_turn()
    desk.publisher.subscribe("hub")
    [(peer, snapshot)] = desk.end_turn()
    assert isinstance(snapshot, Snapshot)
    assert (peer, snapshot.incarnation, snapshot.number) == ("hub", 7, 0)
    assert [row.contact for row in snapshot.contacts] == ["c1"]
    desk.publisher.set_seat(seat("ann", "a"))
    [delta] = deltas(desk.end_turn())
    assert (delta.number, [row.seat for row in delta.seats]) == (1, ["ann"])


def test_all_of_one_turn_is_one_delta_for_everyone() -> None:
    desk = Desk()
    desk.publisher.subscribe("hub")
    desk.publisher.subscribe("b")
    desk.end_turn()
    for fence in range(50):
        desk.publisher.set_contact(contact("c1", "a", fence=fence))
        desk.publisher.set_contact(contact(f"d{fence}", "a"))
    sent = desk.end_turn()
    assert {peer for peer, _ in sent} == {"hub", "b"}
    first, second = deltas(sent)
    assert first == second
    assert len(first.contacts) == 51
    assert first.contacts[0].fence == 49


def test_a_contact_that_ended_is_sent_once() -> None:
    desk = Desk()
    desk.publisher.subscribe("hub")
    desk.publisher.set_contact(contact("c1", "a", fence=3, seat="ann"))
    desk.end_turn()
    desk.publisher.drop_contact("c1")
    desk.publisher.drop_contact("c1")
    [delta] = deltas(desk.end_turn())
    assert [(row.state, row.fence, row.seat) for row in delta.contacts] == [("ended", 4, "")]
    desk.publisher.drop_contact("c1")
    assert desk.end_turn() == []
    assert desk.publisher.snapshot().contacts == []


def test_a_seat_that_goes_and_comes_in_one_turn_is_there() -> None:
    desk = Desk()
    desk.publisher.subscribe("hub")
    desk.publisher.set_seat(seat("ann", "a", epoch=1))
    desk.publisher.set_seat(seat("bob", "a", epoch=1))
    desk.end_turn()
    desk.publisher.drop_seat("ann")
    desk.publisher.set_seat(seat("ann", "a", epoch=2))
    desk.publisher.set_seat(seat("bob", "a", epoch=2))
    desk.publisher.drop_seat("bob")
    [delta] = deltas(desk.end_turn())
    assert [(row.seat, row.epoch) for row in delta.seats] == [("ann", 2)]
    assert delta.gone == ["bob"]


def test_ages_in_a_snapshot_are_as_of_now() -> None:
    desk = Desk()
    desk.publisher.set_contact(contact("c1", "a", age_ms=100))
    desk.publisher.set_seat(seat("ann", "a", idle_ms=5))
    desk.publisher.set_failure(Failure(owner="a", contact="c1", reason="busy", for_ms=3000))
    desk.publisher.set_failure(Failure(owner="a", seat="ann", reason="busy", for_ms=1000))
    desk.clock.advance(2)
    snapshot = desk.publisher.snapshot()
    assert snapshot.contacts[0].age_ms == 2100
    assert snapshot.seats[0].idle_ms == 2005
    assert [(failure.contact, failure.for_ms) for failure in snapshot.failures] == [("c1", 1000)]


def test_reach_is_sent_when_it_changes() -> None:
    desk = Desk()
    desk.publisher.subscribe("hub")
    desk.end_turn()
    desk.publisher.set_reaches({"c", "b"})
    desk.publisher.set_reaches({"b", "c"})
    [delta] = deltas(desk.end_turn())
    assert delta.reaches == ["b", "c"]
    desk.publisher.set_contact(contact("c1", "a"))
    assert deltas(desk.end_turn())[0].reaches is None


def test_who_has_left_gets_nothing() -> None:
    desk = Desk()
    desk.publisher.subscribe("hub")
    desk.end_turn()
    desk.publisher.unsubscribe("hub")
    desk.publisher.set_contact(contact("c1", "a"))
    assert desk.end_turn() == []


def test_a_failure_that_is_over_is_told_and_does_not_come_back() -> None:
    desk = Desk()
    desk.publisher.subscribe("hub")
    desk.publisher.set_failure(Failure(owner="a", a="a", b="b", reason="timeout", for_ms=5_000))
    desk.publisher.set_failure(Failure(owner="a", a="a", b="c", reason="timeout", for_ms=5_000))
    desk.end_turn()
    over = Failure(owner="a", a="a", b="b", reason="timeout", for_ms=0)
    desk.publisher.set_failure(over)
    [delta] = deltas(desk.end_turn())
    assert delta.failures == [over]
    assert [failure.b for failure in desk.publisher.snapshot().failures] == ["c"]


def test_what_nobody_waits_for_leaves_in_company() -> None:
    desk = Desk()
    desk.publisher.set_contact(contact("c1", "a", fence=1))
    desk.publisher.subscribe("hub")
    desk.end_turn()
    desk.publisher.set_contact(contact("c1", "a", fence=2, state="reserved"))
    desk.publisher.set_seat(seat("ann", "a", fence=1, state="reserved"))
    assert desk.end_turn() == []
    desk.clock.advance(HOLD_S / 2)
    desk.publisher.set_contact(contact("c2", "a"))
    [delta] = deltas(desk.end_turn())
    assert [(row.contact, row.state, row.age_ms) for row in delta.contacts] == [
        ("c1", "reserved", 50),
        ("c2", "waiting", 0),
    ]
    assert [(row.state, row.idle_ms) for row in delta.seats] == [("reserved", 50)]
    assert desk.wait() == []


def test_what_nobody_waits_for_leaves_by_itself_in_time() -> None:
    desk = Desk()
    desk.publisher.subscribe("hub")
    desk.end_turn()
    desk.publisher.set_seat(seat("ann", "a", fence=1, state="ringing"))
    desk.publisher.set_seat(seat("ann", "a", fence=2, state="talking"))
    assert desk.end_turn() == []
    [delta] = deltas(desk.wait())
    assert [(row.fence, row.idle_ms) for row in delta.seats] == [(2, 100)]
    assert desk.wait() == []


def test_what_makes_a_pair_possible_or_ends_it_leaves_at_once() -> None:
    desk = Desk()
    desk.publisher.subscribe("hub")
    desk.end_turn()
    for row in (
        seat("ann", "a", fence=1),
        seat("ann", "a", fence=2, state="paused"),
        seat("ann", "a", fence=3, state="talking", also=("chat",)),
    ):
        desk.publisher.set_seat(row)
        assert [delta.seats for delta in deltas(desk.end_turn())] == [[row]]
    desk.publisher.set_contact(contact("c1", "a"))
    desk.end_turn()
    desk.publisher.drop_contact("c1")
    assert len(desk.end_turn()) == 1


def test_a_link_that_is_full_is_said_at_once_and_once() -> None:
    desk = Desk()
    desk.publisher.set_link_full(False)
    desk.publisher.subscribe("hub")
    [(_, snapshot)] = desk.end_turn()
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.site, snapshot.link_full) == ("north", False)
    desk.publisher.set_link_full(True)
    desk.publisher.set_link_full(True)
    assert [delta.link_full for delta in deltas(desk.end_turn())] == [True]
    desk.publisher.set_seat(seat("ann", "a"))
    assert [delta.link_full for delta in deltas(desk.end_turn())] == [None]
    desk.publisher.subscribe("b")
    [(_, later)] = desk.end_turn()
    assert isinstance(later, Snapshot)
    assert later.link_full
    desk.publisher.set_link_full(False)
    assert [delta.link_full for delta in deltas(desk.end_turn())] == [False, False]


# -- rows go to those who may propose for them --------------------------------------------------


class Chosen:
    """An audience by the queue of a contact and the first letter of a seat."""

    def __init__(self, **to: str) -> None:
        self.to = {name: frozenset(peers.split()) for name, peers in to.items()}

    def of(self, row: ContactRow | SeatRow) -> frozenset[str]:
        name = row.queue if isinstance(row, ContactRow) else row.seat[:1]
        return self.to.get(name, frozenset())

    def everybody(self) -> frozenset[str]:
        return frozenset().union(*self.to.values())


def addressed(**to: str) -> tuple[Desk, Chosen]:
    desk, audience = Desk(), Chosen(**to)
    desk.publisher = StatePublisher(
        7,
        desk.clock,
        desk._send,
        soon=desk.turn.append,
        later=lambda _seconds, call: desk.later.append(call),
        audience=audience,
    )
    desk.publisher.readdress()
    return desk, audience


def names(message: LinkMessage) -> list[str]:
    assert isinstance(message, Snapshot | Delta)
    contacts = [f"{row.contact} {row.state}" for row in message.contacts]
    gone = [f"{seat} gone" for seat in message.gone] if isinstance(message, Delta) else []
    return [*contacts, *(row.seat for row in message.seats), *gone]


def test_rows_go_to_those_who_may_propose_and_reach_goes_to_all() -> None:
    desk, _ = addressed(sales="hub", a="hub")
    for peer in ("hub", "b"):
        desk.publisher.subscribe(peer)
    desk.end_turn()
    desk.publisher.set_contact(contact("c1", "a"))
    desk.publisher.set_seat(seat("ann", "a"))
    desk.publisher.set_failure(Failure(owner="a", seat="ann", reason="busy", for_ms=1000))
    [(peer, delta)] = desk.end_turn()
    assert (peer, names(delta)) == ("hub", ["c1 waiting", "ann"])
    desk.publisher.set_reaches({"b", "hub"})
    sent = dict(desk.end_turn())
    assert {peer: delta.number for peer, delta in sent.items() if isinstance(delta, Delta)} == {
        "hub": 2,
        "b": 1,
    }
    desk.publisher.subscribe("b")
    [(_, snapshot)] = desk.end_turn()
    assert isinstance(snapshot, Snapshot)
    assert (names(snapshot), snapshot.failures, snapshot.reaches) == ([], [], ["b", "hub"])


def test_who_may_propose_from_now_on_gets_all_at_once_and_who_may_not_loses_it() -> None:
    desk, audience = addressed(sales="hub", a="hub")
    for peer in ("hub", "b", "c"):
        desk.publisher.subscribe(peer)
    desk.publisher.set_contact(contact("c1", "a"))
    desk.publisher.set_seat(seat("ann", "a"))
    desk.end_turn()
    desk.publisher.set_contact(contact("c2", "a"))
    audience.to = {"sales": frozenset("b"), "a": frozenset("b")}
    desk.publisher.readdress()
    sent = desk.sent[-2:]
    assert [(peer, names(message)) for peer, message in sent] == [
        ("b", ["c1 waiting", "c2 waiting", "ann"]),
        ("hub", []),
    ]
    desk.end_turn()
    desk.publisher.readdress()
    assert desk.end_turn() == []


def test_a_contact_that_goes_to_another_pool_ends_for_those_of_the_first() -> None:
    desk, _ = addressed(sales="hub hub-2", service="hub-2 hub-3")
    for peer in ("hub", "hub-2", "hub-3"):
        desk.publisher.subscribe(peer)
    desk.publisher.set_contact(contact("c1", "a", fence=1))
    desk.end_turn()
    desk.publisher.set_contact(contact("c1", "a", fence=2, queue="service"))
    sent = {peer: names(message) for peer, message in desk.end_turn()}
    assert sent == {"hub": ["c1 ended"], "hub-2": ["c1 waiting"], "hub-3": ["c1 waiting"]}
    desk.publisher.drop_contact("c1")
    assert {peer for peer, _ in desk.end_turn()} == {"hub-2", "hub-3"}


def test_a_seat_that_goes_is_gone_for_those_who_had_it() -> None:
    desk, _ = addressed(a="hub", sales="hub b")
    for peer in ("hub", "b"):
        desk.publisher.subscribe(peer)
    desk.publisher.set_seat(seat("ann", "a"))
    desk.end_turn()
    desk.publisher.drop_seat("ann")
    assert [(peer, names(message)) for peer, message in desk.end_turn()] == [("hub", ["ann gone"])]
