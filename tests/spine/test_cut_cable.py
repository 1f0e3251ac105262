"""Control and two branches on three machines, joined by cables; one is pulled in mid-talk."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.ledger.entry import Entry
from tests.baresipkit import wait_for
from tests.netns import Wire, possible
from tests.sippkit import Sipp
from tests.spine.branch import Branch, agent, plan
from tests.spine.machines import Machines, whole

pytestmark = pytest.mark.skipif(not possible(), reason="network namespaces need root")

ANN, BOB = agent("ann", "sales", "service"), agent("bob", "sales", site="south")
PLAN = plan([ANN, BOB])


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """Yield the three machines, running."""
    with Wire(["control", "north", "south"]) as wire:
        machines = Machines(tmp_path, wire, PLAN)
        with contextlib.ExitStack() as stack:
            stack.callback(machines.stop)
            machines.start()
            yield machines


@contextlib.contextmanager
def caller(machines: Machines) -> Iterator[Sipp]:
    """Call the sales queue of branch north from beside it."""
    north = machines.branches["north"]
    with contextlib.ExitStack() as stack:
        with machines.hosts["north"].inside():
            sipp = Sipp(
                "uac", remote=(north.address, 5060), address=north.trunk, service="200",
                limit_s=150, args=("-d", "120000"),
            )  # fmt: skip
            stack.enter_context(sipp)
        yield sipp


def test_cable_pulled_in_mid_talk_with_a_caller_waiting_both_are_served(
    machines: Machines,
) -> None:
    north, south = machines.branches["north"], machines.branches["south"]
    machines.seat(BOB)
    with caller(machines), contextlib.ExitStack() as stack:
        wait_for("the talk", lambda: north.phases() == ["talking"])
        (first,) = (contact["contact"] for contact in north.status()["contacts"])
        stack.enter_context(caller(machines))
        wait_for("the queue", lambda: north.phases() == ["talking", "waiting"])
        second = north.status()["contacts"][1]["contact"]
        machines.hosts["south"].cut()
        wait_for("the loss", lambda: north.phases() == ["waiting", "waiting"])
        machines.seat(ANN, talk_s=1)
        wait_for("the books", lambda: north.outcomes() == ["served"] * 2)
    talks = [(entry.contact, entry.as_dict()["seat"]) for entry in talks_of(north)]
    assert talks == [(first, "bob"), (first, "ann"), (second, "ann")]
    machines.hosts["south"].mend()
    for branch in (north, south):
        wait_for("the federation", lambda: whole(branch))  # noqa: B023
    wait_for("the agent", lambda: south.seats() == {"bob": "ready"})
    with caller(machines):
        wait_for("the talk", lambda: north.phases() == ["talking"])


def talks_of(branch: Branch) -> list[Entry]:
    """Return who was connected with whom."""
    return branch.entries("contact-connected")
