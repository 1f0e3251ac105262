"""Two branches behind NATs, with the same address within, and relays between them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audio import level_dbm0
from tests.baresipkit import Baresip, wait_for
from tests.netns import Wire, nat_possible
from tests.spine.branch import agent, plan, write_tone
from tests.spine.machines import Machines

pytestmark = pytest.mark.skipif(not nat_possible(), reason="network namespaces and nft need root")

ANN, BOB = agent("ann", "service"), agent("bob", "sales", site="south")
PLAN = plan([ANN, BOB])
RELAYS = ("relay-1", "relay-2")
CALLER_HZ, BOB_HZ = 440.0, 620.0
LAST = slice(-2 * 8000, -8000)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """Yield control, two relays, and two branches that only relays reach, all running."""
    with Wire(["control", *RELAYS], behind=["north", "south"]) as wire:
        machines = Machines(tmp_path, wire, PLAN, sip="tls_port = 5061")
        with contextlib.ExitStack() as stack:
            stack.callback(machines.stop)
            machines.start()
            for relay in RELAYS:
                machines.control.run("network", relay, "--relay")
            for name in ("north", "south"):
                machines.control.run("network", name, "--nat")
            wait_for("the way", lambda: relay_of(machines))
            yield machines


def relay_of(machines: Machines) -> str:
    """Return the relay by which north reaches south."""
    found: dict[str, str] = machines.branches["north"].status().get("relays", {})
    return found.get("south", "")


@contextlib.contextmanager
def talkers(machines: Machines, folder: Path) -> Iterator[tuple[Baresip, Baresip]]:
    """Seat bob in branch south and let somebody call branch north; both say their tone."""
    north, south = machines.branches["north"], machines.branches["south"]
    secret = machines.control.secret("bob")
    machines.control.run("publish")
    account = (
        f"<sip:bob@{south.address}>;auth_user=bob;auth_pass={secret};answermode=auto;regint=30"
    )
    with contextlib.ExitStack() as stack:
        with machines.hosts["south"].inside():
            bob = Baresip(
                folder / "bob", address=south.trunk, port=5090, account=account,
                says=write_tone(folder / "bob.wav", BOB_HZ),
            )  # fmt: skip
            stack.enter_context(bob)
        wait_for("the phone", lambda: south.seats() == {"bob": "ready"})
        with machines.hosts["north"].inside():
            caller = Baresip(
                folder / "caller", address=north.trunk, port=5100,
                account=f"<sip:caller@{north.trunk}>;regint=0",
                says=write_tone(folder / "caller.wav", CALLER_HZ), dial=f"sip:200@{north.sip}",
            )  # fmt: skip
            stack.enter_context(caller)
        wait_for("the talk", lambda: north.phases() == ["talking"])
        yield caller, bob


def test_a_talk_between_two_natted_branches_survives_nothing_but_its_relay(
    machines: Machines, tmp_path: Path
) -> None:
    north = machines.branches["north"]
    first = relay_of(machines)
    relay = machines.branches[first]
    with talkers(machines, tmp_path) as (caller, bob):
        heard_s = bob.heard_s()
        wait_for("sound", lambda: min(bob.heard_s() - heard_s, caller.heard_s()) > 4)
        (contact,) = north.status()["contacts"]
        wait_for("the count", lambda: relay.status()["relayed"]["now"] == 1)
        relay.kill("brain")  # a relayed call needs none
        heard_s = bob.heard_s()
        wait_for("sound", lambda: bob.heard_s() - heard_s > 2)
        with machines.hosts[first].inside():
            relay.start_brain()
        assert north.phases() == ["talking"]
        relay.kill("brain", "legs")
        wait_for("the loss", lambda: north.phases() != ["talking"])
        wait_for("the other way", lambda: relay_of(machines) not in ("", first))
        wait_for("the talk", lambda: north.phases() == ["talking"])
        assert north.status()["contacts"][0]["contact"] == contact["contact"]
        heard_s = bob.heard_s()
        wait_for("sound", lambda: bob.heard_s() - heard_s > 4)
    assert level_dbm0(bob.heard()[LAST], CALLER_HZ) > -14
    assert level_dbm0(caller.heard()[LAST], BOB_HZ) > -14
    talks = [entry.as_dict()["seat"] for entry in north.entries("contact-connected")]
    assert talks == ["bob", "bob"]
