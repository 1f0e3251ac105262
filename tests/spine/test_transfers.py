"""Transfers between two branches with real phones: star codes on one, tones at the others."""

from pathlib import Path

import msgspec

from appliance.plan.transfers import Transfers
from tests.audio import Sound, level_dbm0
from tests.baresipkit import Baresip, wait_for
from tests.spine.branch import Branch, agent, loopback, plan, write_tone
from tests.spine.conftest import MakeFederation
from tests.spine.federation import Federation
from tests.spine.phones import phone

CALLER_HZ, ANN_HZ, BOB_HZ = 440.0, 620.0, 850.0
PLAN = msgspec.structs.replace(
    plan([agent("ann", "sales"), agent("bob", "service", site="south")]),
    transfers=Transfers(targets={"21": "agent:bob"}),
)
#: what is listened to for a tone: the last second but one before the end
LAST = slice(-2 * 8000, -8000)


def agent_phone(
    federation: Federation, branch: Branch, folder: Path, name: str, hz: float
) -> Baresip:
    """Return the agent's phone at *branch*, which says a tone and has keys."""
    says = write_tone(folder / f"{name}.wav", hz)
    secret = federation.secrets[name]
    return phone(branch, folder / name, name, says, secret=secret, address=loopback(), keys=True)


def caller(federation: Federation, folder: Path) -> Baresip:
    """Return a caller at branch north."""
    north = federation.north
    return Baresip(
        folder / "caller", address=north.trunk, port=5100,
        account=f"<sip:caller@{north.trunk}>;regint=0",
        says=write_tone(folder / "caller.wav", CALLER_HZ), dial=f"sip:200@{north.sip}",
    )  # fmt: skip


def served_by(branch: Branch) -> list[str]:
    """Return who talks with the branch's contacts."""
    contacts = branch.status().get("contacts", [])
    return [contact["seat"] for contact in contacts if contact["phase"] == "talking"]


def states(branch: Branch) -> list[str]:
    """Return how far the transfers came."""
    return [entry.as_dict()["state"] for entry in branch.entries("transfer-stepped")]


def assert_hears(sound: Sound, hz: float, *others_hz: float) -> None:
    """Assert that the last of *sound* is that tone, and none of the others."""
    assert level_dbm0(sound[LAST], hz) > -14
    for other_hz in others_hz:
        assert level_dbm0(sound[LAST], other_hz) < -50


def test_blind_to_the_other_branch(make_federation: MakeFederation, tmp_path: Path) -> None:
    federation = make_federation(PLAN)
    north, south = federation.north, federation.south
    with (
        agent_phone(federation, north, tmp_path, "ann", ANN_HZ) as ann,
        agent_phone(federation, south, tmp_path, "bob", BOB_HZ) as bob,
    ):
        with caller(federation, tmp_path) as customer:
            wait_for("the talk", lambda: served_by(north) == ["ann"])
            wait_for("sound", lambda: ann.heard_s() > 2 and customer.heard_s() > 3)
            ann.press("*721#")
            wait_for("the other agent", lambda: served_by(north) == ["bob"])
            wait_for("sound at the other agent", lambda: bob.heard_s() > 4)
            assert north.seats()["ann"] != "talking"
        wait_for("the books", lambda: north.outcomes() == ["served"])
    assert_hears(customer.heard(), BOB_HZ, ANN_HZ)
    assert_hears(bob.heard(), CALLER_HZ, ANN_HZ)
    assert "received event" not in customer.said  # nothing of the code
    assert states(north) == ["asked", "calling", "completed"]


def test_consultation_then_completed(make_federation: MakeFederation, tmp_path: Path) -> None:
    federation = make_federation(PLAN)
    north, south = federation.north, federation.south
    with (
        agent_phone(federation, north, tmp_path, "ann", ANN_HZ) as ann,
        agent_phone(federation, south, tmp_path, "bob", BOB_HZ) as bob,
    ):
        with caller(federation, tmp_path) as customer:
            wait_for("the talk", lambda: served_by(north) == ["ann"])
            wait_for("sound", lambda: ann.heard_s() > 2)
            ann.press("*821#")
            wait_for("the consultation", lambda: states(north)[-1:] == ["talking"])
            before_s = ann.heard_s()
            wait_for("sound of it", lambda: ann.heard_s() > before_s + 4)
            ann.press("*7#")
            wait_for("the other agent", lambda: served_by(north) == ["bob"])
            wait_for("the wrap-up", lambda: north.seats()["ann"] != "talking")
            before_s = bob.heard_s()
            wait_for("sound at the other agent", lambda: bob.heard_s() > before_s + 4)
        wait_for("the books", lambda: north.outcomes() == ["served"])
    assert_hears(ann.heard(), BOB_HZ, CALLER_HZ)
    assert_hears(bob.heard(), CALLER_HZ, ANN_HZ)
    assert_hears(customer.heard(), BOB_HZ, ANN_HZ)
    assert states(north) == ["asked", "calling", "talking", "completed"]
