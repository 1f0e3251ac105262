"""Proposals of the hub on a held clock: once per turn, to the seat's owner, answered or not."""

from collections.abc import Callable

import msgspec

from appliance.base.clock import HeldClock
from appliance.link.messages import (
    Delta,
    LinkMessage,
    ProposalRefused,
    Propose,
    QueueViews,
    SeatAsk,
    SeatTold,
    Snapshot,
)
from appliance.link.telling import VIEWS_S
from appliance.plan.model import Agent, Divide, Queue
from appliance.routing.model import Place, SiteView
from control.hub.floor import GATHER_S, TURN_PROPOSALS, HubFloor
from tests.appliance.link.rig import contact, seat
from tests.control.hub.rig import PLAN


class Desk:
    """A hub's floor, what it sent, and the turns of its loop."""

    def __init__(self) -> None:
        self.clock = HeldClock()
        self.sent: list[tuple[str, LinkMessage]] = []
        self.turn: list[Callable[[], None]] = []
        self.away: set[str] = set()
        self.floor = HubFloor(self.clock, self._send, soon=self.turn.append)
        self.floor.set_plan(PLAN)
        for owner, other in (("a", "b"), ("b", "a")):
            self.floor.replace(owner, Snapshot(1, 0, [], [], reaches=[other]))
        self.end_turn()

    def _send(self, peer: str, message: LinkMessage) -> bool:
        if peer in self.away:
            return False
        self.sent.append((peer, message))
        return True

    def end_turn(self) -> list[tuple[str, str, str]]:
        """End the turn; return proposals as (to, contact, seat)."""
        turns = len(self.turn)
        assert turns <= 1, "many rows of one turn are matched once"
        for callback in self.turn:
            callback()
        self.turn.clear()
        sent, self.sent = self.sent, []
        return [
            (peer, message.proposal.contact, message.proposal.seat)
            for peer, message in sent
            if isinstance(message, Propose)
        ]


def test_many_rows_of_a_turn_are_matched_once() -> None:
    desk = Desk()
    desk.floor.change("a", Delta(1, 1, contacts=[contact("c1", "a"), contact("c2", "a")]))
    desk.floor.change("b", Delta(1, 1, seats=[seat("bob", "b")]))
    desk.floor.change("a", Delta(1, 2, seats=[seat("ann", "a")]))
    assert {name for _, name, _ in desk.end_turn()} == {"c1", "c2"}


def test_a_seat_whose_owner_cannot_be_told_is_left_for_another() -> None:
    desk = Desk()
    desk.away.add("b")
    desk.floor.change("b", Delta(1, 1, seats=[seat("bob", "b", idle_ms=60_000)]))
    desk.floor.change("a", Delta(1, 1, contacts=[contact("c1", "a")]))
    assert desk.end_turn() == []
    desk.floor.change("a", Delta(1, 2, seats=[seat("ann", "a")]))
    assert desk.end_turn() == [("a", "c1", "ann")]


def test_a_proposal_that_nobody_answers_is_made_again_later() -> None:
    desk = Desk()
    desk.floor.change("a", Delta(1, 1, contacts=[contact("c1", "a")]))
    desk.floor.change("b", Delta(1, 1, seats=[seat("bob", "b")]))
    assert desk.end_turn() == [("b", "c1", "bob")]
    again = []
    for _ in range(100):
        desk.clock.advance(0.1)
        desk.floor.propose()
        again += desk.end_turn()
    assert again[0] == ("b", "c1", "bob")
    assert len(again) <= 4


def test_a_no_from_somebody_else_changes_nothing() -> None:
    desk = Desk()
    desk.floor.change("b", Delta(1, 1, seats=[seat("bob", "b")], contacts=[contact("c1", "b")]))
    desk.end_turn()
    desk.floor.refused("a", ProposalRefused("c1", "bob", "seat-gone"))
    assert desk.floor.outcomes["seat-gone"] == 0
    desk.floor.refused("b", ProposalRefused("c1", "bob", "seat-gone"))
    assert desk.floor.outcomes["seat-gone"] == 1


def test_boxes_are_told_of_the_queues_when_they_change() -> None:
    desk = Desk()

    def told() -> dict[str, int]:
        desk.clock.advance(VIEWS_S)
        desk.floor.tell_queues({"a", "b"})
        sent, desk.sent = desk.sent, []
        return {
            peer: message.views[0].waiting
            for peer, message in sent
            if isinstance(message, QueueViews)
        }

    assert told() == {"a": 0, "b": 0}
    assert told() == {}
    desk.floor.change("a", Delta(1, 1, contacts=[contact("c1", "a")]))
    assert told() == {"a": 1, "b": 1}
    desk.floor.newcomer("b")
    assert told() == {"b": 1}
    desk.floor.tell_queues({"a", "b"})
    assert desk.sent == []


def test_a_new_hub_waits_for_all_boxes_so_that_nobody_is_overtaken() -> None:
    desk = Desk()
    desk.floor.gather(["a", "b", "c"])
    late = contact("late", "a", place=Place(2 << 16, "a", "late"))
    desk.floor.replace("a", Snapshot(1, 0, [late], [seat("ann", "a")], reaches=["b", "hub"]))
    assert desk.end_turn() == []
    desk.floor.replace("b", Snapshot(1, 0, [contact("early", "b")], [], reaches=["a", "hub"]))
    assert desk.end_turn() == []
    desk.floor.replace("c", Snapshot(1, 0, [], []))  # its rows come when it reaches the hub
    assert desk.end_turn() == []
    desk.floor.replace("c", Snapshot(1, 0, [], [], reaches=["hub"]))
    assert desk.end_turn() == [("a", "early", "ann")]


def test_a_box_that_does_not_come_is_not_waited_for_long() -> None:
    desk = Desk()
    desk.floor.gather(["a", "dead"])
    desk.clock.advance(10 * GATHER_S)  # nobody has dialled yet: nothing is lost by waiting
    desk.floor.replace(
        "a", Snapshot(1, 0, [contact("c1", "a")], [seat("ann", "a")], reaches=["hub"])
    )
    assert desk.end_turn() == []
    desk.clock.advance(0.9 * GATHER_S)
    desk.floor.propose()
    assert desk.end_turn() == []
    desk.clock.advance(0.2 * GATHER_S)
    desk.floor.propose()
    assert desk.end_turn() == [("a", "c1", "ann")]
    # who comes later is served at once
    desk.floor.replace("b", Snapshot(1, 0, [contact("c2", "b")], [seat("bob", "b")]))
    assert desk.end_turn() == [("b", "c2", "bob")]


def test_when_many_meet_at_once_the_loop_has_its_turn_between() -> None:
    desk, count = Desk(), TURN_PROPOSALS + 1
    agents = tuple(Agent(name=f"agent-{n}", site="site-a", account=f"p{n}") for n in range(count))
    desk.floor.set_plan(msgspec.structs.replace(PLAN, agents=agents))
    desk.end_turn()
    contacts = [contact(f"c{n}", "a") for n in range(count)]
    seats = [seat(agent.name, "a") for agent in agents]
    desk.floor.change("a", Delta(1, 1, contacts=contacts, seats=seats))
    (first,) = desk.turn
    desk.turn.clear()
    first()
    assert len(desk.sent) == TURN_PROPOSALS
    assert len(desk.turn) == 1
    assert len(desk.end_turn()) == count


def test_who_gives_contacts_to_sites_is_told_of_the_sites() -> None:
    desk = Desk()
    queues = (Queue(name="sales", divide=Divide(by="wait")), Queue(name="service"))
    desk.floor.set_plan(msgspec.structs.replace(PLAN, queues=queues))
    desk.floor.change("a", Delta(1, 1, seats=[seat("ann", "a")]))
    desk.clock.advance(VIEWS_S)
    desk.sent.clear()
    desk.floor.tell_queues({"a"})
    [(_, told)] = desk.sent
    assert isinstance(told, QueueViews)
    sites = {view.queue: view.sites for view in told.views}
    assert sites == {"sales": (SiteView("site-a", 0, 1, 1),), "service": ()}


def test_a_seat_is_found_for_an_owner_that_sees_too_little() -> None:
    desk = Desk()
    desk.floor.change("a", Delta(1, 1, contacts=[contact("c1", "a", state="talking")]))
    desk.floor.change("b", Delta(1, 1, seats=[seat("bob", "b")]))
    desk.end_turn()

    def told(peer: str, target: str, tried: tuple[str, ...] = ()) -> LinkMessage:
        desk.floor.asked(peer, SeatAsk("c1", target, tried))
        [(to, answer)] = desk.sent
        desk.sent.clear()
        assert to == peer
        return answer

    assert told("a", "agent:bob") == SeatTold("c1", "agent:bob", "bob", "b")
    assert told("a", "agent:eve") == SeatTold("c1", "agent:eve", reason="seat-gone")
    assert told("a", "queue:nowhere") == SeatTold("c1", "queue:nowhere", reason="not-found")
    assert told("a", "site:site-b", ("bob",)) == SeatTold(
        "c1", "site:site-b", reason="unavailable"
    )
    for odd in ("", "no target", "+4930123456", "x" * 10_000):
        assert told("a", odd) == SeatTold("c1", odd, reason="not-found")
    assert told("b", "agent:bob") == SeatTold("c1", "agent:bob", reason="contact-gone")
