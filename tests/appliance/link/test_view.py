"""The receiving side: order, gaps, lives, and whose rows they are."""

from random import Random

import pytest

from appliance.link.messages import Delta, Resnapshot, Snapshot
from appliance.link.publisher import StatePublisher
from appliance.link.view import ASK_EVERY, PeerView
from appliance.routing.model import Failure
from tests.appliance.link.rig import World, contact, seat


class Sink:
    """Keeps the rows of one owner as a matchmaker would."""

    def __init__(self) -> None:
        self.contacts: dict[str, int] = {}
        self.seats: set[str] = set()
        self.failures: list[Failure] = []
        self.lost = 0

    def replace(self, owner: str, snapshot: Snapshot) -> None:
        self.contacts = {row.contact: row.fence for row in snapshot.contacts}
        self.seats = {row.seat for row in snapshot.seats}
        self.failures = snapshot.failures

    def change(self, owner: str, delta: Delta) -> None:
        for row in delta.contacts:
            if row.state == "ended":
                self.contacts.pop(row.contact, None)
            else:
                self.contacts[row.contact] = row.fence
        self.seats -= set(delta.gone)
        self.seats |= {row.seat for row in delta.seats}

    def lose(self, owner: str) -> None:
        self.lost += 1


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def asked() -> list[Resnapshot]:
    return []


@pytest.fixture
def view(sink: Sink, asked: list[Resnapshot]) -> PeerView:
    return PeerView("a", sink, asked.append)


def test_deltas_follow_a_snapshot(view: PeerView, sink: Sink, asked: list[Resnapshot]) -> None:
    view.take(Snapshot(1, 4, [contact("c1", "a")], [seat("ann", "a")]))
    view.take(Delta(1, 5, contacts=[contact("c2", "a")], gone=["ann"]))
    view.take(Delta(1, 6, contacts=[contact("c1", "a", state="ended")]))
    assert (set(sink.contacts), sink.seats, asked) == ({"c2"}, set(), [])


def test_a_gap_asks_once_for_a_snapshot(
    view: PeerView, sink: Sink, asked: list[Resnapshot]
) -> None:
    view.take(Snapshot(1, 4, [], []))
    view.take(Delta(1, 6, contacts=[contact("c6", "a")]))
    view.take(Delta(1, 5, contacts=[contact("c5", "a")]))
    view.take(Delta(1, 7, contacts=[contact("c7", "a")]))
    assert (sink.contacts, asked) == ({}, [Resnapshot(5)])
    view.take(Snapshot(1, 7, [contact("c6", "a")], []))
    view.take(Delta(1, 8, contacts=[contact("c8", "a")]))
    assert set(sink.contacts) == {"c6", "c8"}


def test_a_snapshot_that_does_not_come_is_asked_for_again(
    view: PeerView, asked: list[Resnapshot]
) -> None:
    for number in range(ASK_EVERY + 1):
        view.take(Delta(1, number + 10))
    assert len(asked) == 2


def test_what_was_overtaken_changes_nothing(view: PeerView, sink: Sink) -> None:
    view.take(Snapshot(1, 4, [contact("c1", "a")], []))
    view.take(Delta(1, 4, contacts=[contact("c1", "a", state="ended")]))
    view.take(Snapshot(1, 3, [], []))
    assert set(sink.contacts) == {"c1"}
    assert view.ignored["overtaken"] == 2


def test_an_earlier_life_changes_nothing(view: PeerView, sink: Sink) -> None:
    view.take(Snapshot(2, 0, [contact("c1", "a", incarnation=2)], []))
    view.take(Snapshot(1, 9, [], []))
    view.take(Delta(1, 1, contacts=[contact("c9", "a")]))
    assert set(sink.contacts) == {"c1"}
    assert view.ignored["stale-incarnation"] == 2


def test_a_delta_of_a_new_life_needs_its_snapshot(
    view: PeerView, sink: Sink, asked: list[Resnapshot]
) -> None:
    view.take(Snapshot(1, 4, [], []))
    view.take(Delta(2, 5, contacts=[contact("c1", "a", incarnation=2)]))
    assert (sink.contacts, len(asked)) == ({}, 1)


def test_rows_of_others_and_of_other_lives_are_dropped(view: PeerView, sink: Sink) -> None:
    rows = [contact("c1", "a"), contact("c2", "b"), contact("c3", "a", incarnation=9)]
    failures = [
        Failure(owner="a", seat="x", reason="busy", for_ms=1),
        Failure(owner="b", seat="x", reason="busy", for_ms=1),
    ]
    view.take(Snapshot(1, 0, rows, [seat("ann", "b"), seat("bob", "a")], failures))
    assert (set(sink.contacts), sink.seats) == ({"c1"}, {"bob"})
    assert [failure.owner for failure in sink.failures] == ["a"]
    assert view.ignored["foreign"] == 3
    assert view.ignored["stale-incarnation"] == 1


def test_a_lost_peer_is_told_once_and_takes_nothing_more(view: PeerView, sink: Sink) -> None:
    view.take(Snapshot(1, 0, [], []))
    view.lose()
    view.lose()
    view.take(Delta(1, 1, contacts=[contact("c1", "a")]))
    assert (sink.lost, sink.contacts) == (1, {})


@pytest.mark.parametrize("seed", range(30))
def test_a_bad_network_ends_in_the_owners_state(seed: int) -> None:
    """Loss, delay and reordering between a publisher and a view; after quiet both agree."""
    world = World(seed)
    world.add("a", knows=["hub"])
    world.add("hub", knows=["a"])
    world.nodes["a"].dial("hub")
    owner, hub = world.nodes["a"], world.nodes["hub"]
    publisher = StatePublisher(1, world.clock, owner.send, soon=world._soon.append)
    sink = Sink()
    views: list[PeerView] = []

    def pump() -> None:
        """Do what a daemon's callbacks would do."""
        seen, taken = world.handlers["a"], world.handlers["hub"]
        for _ in seen.ups:
            publisher.subscribe("hub")
        for _, message in seen.messages:
            if isinstance(message, Resnapshot):
                publisher.subscribe("hub")
        views.extend(PeerView("a", sink, lambda ask: hub.send("a", ask)) for _ in taken.ups)
        for _, message in taken.messages:
            if isinstance(message, Snapshot | Delta) and views:
                views[-1].take(message)
        for recorder in (seen, taken):
            recorder.ups.clear()
            recorder.messages.clear()

    chance = Random(seed)
    world.network.jitter_s = 0.3
    world.network.reorders = seed % 2 == 0
    world.network.loss = 0.15
    for step in range(150):
        name = f"c{chance.randrange(20)}"
        if chance.random() < 0.3:
            publisher.drop_contact(name)
        else:
            publisher.set_contact(contact(name, "a", fence=step))
        world.run(0.1)
        pump()
    world.network.loss = world.network.jitter_s = 0.0
    world.network.reorders = False
    for _ in range(80):
        world.run(0.1)
        pump()
    publisher.set_contact(contact("last", "a"))
    for _ in range(20):
        world.run(0.1)
        pump()
    expected = {row.contact: row.fence for row in publisher.snapshot().contacts}
    assert sink.contacts == expected
    assert "last" in expected
