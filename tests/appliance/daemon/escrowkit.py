"""Branches whose callers leave numbers, and every call to one of them that is made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from appliance.call.contact import Contact
from appliance.ledger.books import recount
from appliance.plan.callback import CallBack
from appliance.plan.model import Agent, Enqueue, Flow, HangUp, Number, Plan, Queue, Site
from appliance.wire.commands import Dial
from control.ledger.derive import in_order
from tests.appliance.daemon.islandkit import HUB, IslandBox, IslandFleet

OWN = "+493012345678"
OFFER = CallBack(
    prompts=(), queue="all", trunk="provider", country="DE", gap_s=60.0, next="bye",
    otherwise="wait", timeout_s=60.0,
)  # fmt: skip


def plan(names: list[str], escrow: str = "") -> Plan:
    return Plan(
        serial=1,
        numbers=(Number(number="400", flow="back"), Number(number="410", flow="stay")),
        queues=(Queue(name="all", wrap_up_s=0.0, announce_s=0),),
        flows=(
            Flow(
                name="back",
                start="offer",
                steps={"offer": OFFER, "bye": HangUp(), "wait": Enqueue(queue="all")},
            ),
            Flow(
                name="stay",
                start="offer",
                steps={
                    "offer": msgspec.structs.replace(OFFER, next="wait"),
                    "wait": Enqueue(queue="all"),
                },
            ),
        ),
        sites=(Site(name=names[0], escrow=escrow),),
        agents=tuple(Agent(name=f"{name}-1", site=name, account=f"{name}-1") for name in names),
    )


class Scene:
    """A fleet whose agents come when the test says so, and every call to a caller it makes."""

    def __init__(self, fleet: IslandFleet) -> None:
        self.fleet = fleet
        self.boxes = fleet.boxes
        self.called: list[tuple[str, str]] = []
        self._seen: set[str] = set()
        for box in fleet.boxes.values():
            for account in list(box.legs.registrations):
                box.legs.unregister(account)
        self.run(8)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.25)):
            self.fleet.run(0.25)
            self._look()

    def _look(self) -> None:
        for box in self.boxes.values():
            for row in box.legs.rows.values():
                if row.kind == "trunk" and row.out and row.tok not in self._seen:
                    self._seen.add(row.tok)
                    (dial,) = [d for d in box.legs.of(Dial) if d.tok == row.tok]
                    self.called.append((box.name, dial.to))

    def leave(self, name: str, number: str = OWN, called: str = "400") -> Contact:
        """Let a caller of a branch agree to be called back."""
        box = self.boxes[name]
        box.legs.prompt_s = 0.2
        leg = box.legs.call_in(called, caller=number)
        self.run(0.5)
        for _ in range(2):
            box.legs.press(leg, "1")
            self.run(0.5)
        if called == "400":
            box.legs.down(leg)
            self.run(1)
        found = [c for c in box.brain.book if c.callback and c.callback.number == number]
        return found[0]

    def agent(self, name: str) -> None:
        self.boxes[name].legs.register(f"{name}-1")

    def cut_off(self, name: str) -> None:
        for other in (*self.boxes, HUB):
            if other != name:
                self.fleet.cuts.cut(name, other)


MakeScene = Callable[..., Scene]


@contextmanager
def scenes(folder: Path) -> Iterator[MakeScene]:
    """Yield what makes a scene of so many boxes; all are closed at the end."""
    made: list[IslandFleet] = []

    def scene(boxes: int = 3, seed: int = 1, escrow: str = "", **more: Any) -> Scene:
        names = [f"box-{letter}" for letter in "abcde"[:boxes]]
        fleet = IslandFleet(folder, plan(names, escrow), names, Random(seed), talk_s=1e6, **more)
        made.append(fleet)
        return Scene(fleet)

    yield scene
    for fleet in made:
        fleet.close()


def kinds(box: IslandBox, contact: Contact) -> list[str]:
    return box.kinds(contact.contact)


def books_are_right(scene: Scene, contact: Contact, outcome: str) -> None:
    """One story over all journals: one arrival, one end."""
    entries = [
        entry
        for box in scene.boxes.values()
        for entry in box.journal.entries(contact=contact.contact)
    ]
    books = recount(in_order(entries))
    assert books.imbalances == []
    assert getattr(books.total, outcome) == 1


def holder_of(scene: Scene, contact: Contact) -> str:
    assert contact.callback is not None
    assert contact.callback.holder
    return contact.callback.holder
