"""A caller leaves a number and hangs up; the agent comes, the caller's phone rings, they talk."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from appliance.plan.callback import CallBack
from appliance.plan.model import Agent, Enqueue, Flow, HangUp, Number, Plan, Step
from tests.appliance.cli.runner import branchline
from tests.audio import digit, silence, tone
from tests.baresipkit import Baresip, wait_for
from tests.sippkit import Sipp
from tests.spine.branch import Branch, agent, plan, write_tone, write_wav
from tests.spine.conftest import MakeBranch, MakeFederation
from tests.spine.federation import Federation
from tests.spine.phones import AGENT_HZ, CALLER_HZ, assert_tone, phone

NUMBER = "+493012345678"


def offering(*agents: Agent) -> Plan:
    """Return a plan whose number 400 offers to call back."""
    steps: dict[str, Step] = {
        "offer": CallBack(
            prompts=("beep",), queue="sales", trunk="provider", country="DE",
            timeout_s=10.0, next="bye", otherwise="wait",
        ),
        "bye": HangUp(prompts=("beep",)),
        "wait": Enqueue(queue="sales"),
    }  # fmt: skip
    made = plan([agent("ann", "sales"), *agents])
    return msgspec.structs.replace(
        made,
        numbers=(*made.numbers, Number(number="400", flow="back")),
        flows=(*made.flows, Flow(name="back", start="offer", steps=steps)),
    )


def waiting(branch: Branch) -> list[dict[str, object]]:
    """Return who waits to be called back, as the command tells."""
    done = branchline("callbacks", "list", "--json", "--config", str(branch.config))
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, object]] = json.loads(done.stdout)["callbacks"]
    return rows


def test_the_callers_phone_rings_when_the_agent_has_answered(
    make_branch: MakeBranch, tmp_path: Path
) -> None:
    branch = make_branch(offering())
    key = digit("1", 100)
    says = [silence(4000), key, silence(8000), key, silence(1000), tone(CALLER_HZ, 60_000)]
    write_wav(tmp_path / "caller.wav", np.concatenate(says))
    with Baresip(
        tmp_path / "caller",
        address=branch.trunk,
        port=5060,
        account=f"<sip:{NUMBER}@{branch.trunk}>;regint=0;answermode=auto",
        says=tmp_path / "caller.wav",
        dial=f"sip:400@{branch.sip}",
    ) as caller:
        wait_for("the promise", lambda: branch.entries("contact-left"))
        (row,) = waiting(branch)
        assert (row["number"], row["state"]) == (NUMBER, "waiting")
        branch.kill("brain")
        branch.start_brain()
        says_tone = write_tone(tmp_path / "agent.wav", AGENT_HZ)
        with phone(branch, tmp_path / "agent", "ann", says_tone) as ann:
            wait_for("the talk", lambda: "talking" in branch.phases())
            before_s = caller.heard_s()
            wait_for("sound at the caller", lambda: caller.heard_s() > before_s + 17)
        wait_for("the books", lambda: branch.outcomes() == ["served"])
    at_agent, at_caller = ann.heard(), caller.heard()
    assert_tone(at_agent[-2 * 8000 : -1 * 8000], CALLER_HZ, AGENT_HZ)
    assert_tone(at_caller[-3 * 8000 : -2 * 8000], AGENT_HZ, CALLER_HZ)
    kinds = [entry.kind for entry in branch.entries() if entry.contact == row["contact"]]
    wanted = ["contact-arrived", "call-back-promised", "contact-left", "contact-queued",
              "adopted", "seat-offered", "call-back-scored", "call-back-made",
              "contact-connected", "talk-ended", "contact-ended"]  # fmt: skip
    assert [kind for kind in kinds if kind in wanted] == wanted
    assert waiting(branch) == []


def test_the_peer_calls_back_the_caller_of_a_branch_that_died(
    make_federation: MakeFederation, tmp_path: Path
) -> None:
    federation = make_federation(offering(agent("bob", "sales", "service", site="south")))
    north, south = federation.north, federation.south
    key = digit("1", 100)
    says = [silence(4000), key, silence(8000), key, silence(60_000)]
    write_wav(tmp_path / "caller.wav", np.concatenate(says))
    with Baresip(
        tmp_path / "caller",
        address=north.trunk,
        port=5060,
        account=f"<sip:{NUMBER}@{north.trunk}>;regint=0",
        says=tmp_path / "caller.wav",
        dial=f"sip:400@{north.sip}",
    ):
        wait_for("the promise", lambda: north.entries("contact-left"))
    (promised,) = north.entries("call-back-promised")
    contact = promised.contact
    north.kill("brain", "legs")
    wait_for("the peer to stand in", lambda: south.entries("escrow-taken"), limit_s=90)
    with Sipp("uas", address=south.trunk, port=5060, limit_s=120):
        bob = federation.robots(south, "bob")
        wait_for("the talk", lambda: south.phases() == ["talking"])
        north.start()
        wait_for("the federation", lambda: federation.whole(north))
        ann = federation.robots(north, "ann")
        bob.close()
        wait_for("the end", lambda: south.outcomes() == ["served"])
        wait_for("the owner to hear of it", lambda: north.entries("escrow-closed"), limit_s=90)
    assert [len(branch.entries("call-back-made")) for branch in (north, south)] == [0, 1]
    assert waiting(north) == waiting(south) == []
    wait_for("the contact at control", lambda: rows_at(federation))
    (row,) = rows_at(federation)
    assert (row["contact"], row["outcome"], row["fault"]) == (contact, "served", "")
    assert (row["site"], row["agent"]) == ("north", "bob")
    ann.close()


def rows_at(federation: Federation) -> list[dict[str, Any]]:
    """Return the contacts that control knows to be over, once both books are there."""
    rows: list[dict[str, Any]] = json.loads(federation.control.run("ledger", "list", "--json"))
    return [row for row in rows if row["outcome"] != "open" and "north" in row["boxes"].split()]
