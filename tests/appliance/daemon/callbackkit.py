"""Callers who leave a number: the plan that offers it, and what tests do and look at."""

from pathlib import Path
from typing import Any

import msgspec

from appliance.call.contact import Contact
from appliance.plan.callback import CallBack
from appliance.plan.model import Enqueue, Flow, HangUp, Number
from appliance.wire.commands import Dial, Play
from tests.appliance.brainkit import PLAN, Box, World

replace = msgspec.structs.replace

OWN = "+493012345678"
OTHER = "+493087654321"
OFFER = CallBack(
    prompts=("offer",), queue="sales", trunk="provider", country="DE", read=("we-call",),
    confirm=("right?",), ask=("key-it",), promised=("promised",), gap_s=60.0, calls=2,
    window_s=600.0, next="bye", otherwise="wait",
)  # fmt: skip
OFFERING = replace(
    PLAN,
    numbers=(*PLAN.numbers, Number(number="400", flow="back"), Number(number="410", flow="stay")),
    flows=(
        *PLAN.flows,
        Flow(
            name="back",
            start="offer",
            steps={"offer": OFFER, "bye": HangUp(), "wait": Enqueue(queue="sales")},
        ),
        Flow(
            name="stay",
            start="offer",
            steps={"offer": replace(OFFER, next="wait"), "wait": Enqueue(queue="sales")},
        ),
    ),
)


def offering(world: World, folder: Path) -> Box:
    """Return a box whose plan offers to call back, and whose prompts take a second."""
    made = Box(world, folder, plan=OFFERING)
    made.legs.prompt_s = 1.0
    return made


def leave(box: Box, number: str = "400", caller: str = OWN) -> Contact:
    """Let a caller agree to be called back, and hang up."""
    leg = box.legs.call_in(number, caller=caller)
    box.world.run(0.5)
    for _ in range(2):
        box.legs.press(leg, "1")
        box.world.run(0.1)
    contact = box.contact(leg)
    box.legs.down(leg)
    box.world.run(0.1)
    return contact


def phase(contact: Contact) -> str:
    """Return its phase, as a type checker cannot foresee it."""
    return contact.phase


def facts(box: Box, contact: Contact) -> list[tuple[str, dict[str, Any]]]:
    """Return what the ledger says of a contact."""
    return [(e.kind, e.as_dict()) for e in box.journal.entries(contact=contact.contact)]


def out(box: Box) -> list[Dial]:
    """Return the calls that were made to callers."""
    return [dial for dial in box.legs.of(Dial) if dial.kind == "trunk"]


def press(box: Box, leg: int, keys: str) -> None:
    """Let the caller press keys."""
    for key in keys:
        box.legs.press(leg, key)
        box.world.run(0.1)


def played(box: Box, leg: int) -> list[list[str]]:
    """Return what was played to a leg."""
    return [play.items for play in box.legs.of(Play) if play.leg == leg]


def callee(box: Box) -> int:
    """Return the newest leg to a caller."""
    return max(leg for leg, row in box.legs.rows.items() if row.kind == "trunk" and row.out)
