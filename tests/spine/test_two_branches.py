"""A caller at one branch, the agent at the other; the hub, a brain or a whole branch is killed."""

import json
import time

import msgspec

from appliance.plan.model import Number
from tests.baresipkit import wait_for
from tests.sippkit import run
from tests.spine.branch import agent, plan
from tests.spine.conftest import MakeFederation
from tests.spine.federation import Federation, call

PLAN = plan(
    [agent("ann", "sales"), agent("bob", "sales", site="south"), agent("amy", "sales", "service")]
)


def test_the_agent_of_the_other_branch_answers_and_knows_why(
    make_federation: MakeFederation,
) -> None:
    federation = make_federation(PLAN)
    federation.robots(federation.south, "bob", answer_after_s=2)
    with call(federation, "200") as caller:
        wait_for("the ring", lambda: federation.south.seats().get("bob") == "ringing")
        (seat,) = federation.south.status()["agents"]
        assert seat["shows"]["caller"] == "sipp"
        assert seat["shows"]["queue"] == "sales"
        result = caller.wait()
        assert result.ok, result
    wait_for("the books", lambda: federation.north.outcomes() == ["served"])
    (connected,) = federation.north.entries("contact-connected")
    assert connected.as_dict()["seat"] == "bob"
    assert connected.as_dict()["owner"] == "south"
    assert not federation.south.entries("contact-arrived")
    # control has what both boxes wrote of it, as one contact
    wait_for("the contact at control", lambda: outcomes_at(federation) == ["served"])
    (row,) = json.loads(federation.control.run("ledger", "list", "--json"))
    assert (row["contact"], row["site"], row["fault"]) == (connected.contact, "north", "")
    assert (row["agent"], row["agent_box"]) == ("bob", "south")
    assert federation.control.run("ledger", "verify").count(": whole") == 2


def outcomes_at(federation: Federation) -> list[str]:
    """Return how each contact ended, as control has it."""
    rows = json.loads(federation.control.run("ledger", "list", "--json"))
    return [row["outcome"] for row in rows]


def test_hub_killed_own_agents_serve_own_callers(make_federation: MakeFederation) -> None:
    federation = make_federation(PLAN)
    federation.robots(federation.north, "ann", "amy")
    federation.robots(federation.south, "bob")
    with call(federation, "200", talk_ms=15_000) as talk:
        wait_for("the talk", lambda: federation.north.phases() == ["talking"])
        federation.control.kill_hub()
        wait_for("the island", lambda: not federation.north.status()["hub_up"])
        with call(federation, "200") as second:
            assert second.wait().ok
        federation.control.start_hub()
        wait_for("the hub", lambda: federation.north.status()["hub_up"])
        with call(federation, "200") as third:
            assert third.wait().ok
        assert talk.wait().ok
    wait_for("the books", lambda: federation.north.outcomes() == ["served"] * 3)
    contacts = [entry.contact for entry in federation.north.entries("contact-connected")]
    assert len(set(contacts)) == len(contacts) == 3


def test_hub_killed_the_other_branch_still_answers(make_federation: MakeFederation) -> None:
    federation = make_federation(PLAN)
    federation.robots(federation.south, "bob")
    wait_for("the peers", lambda: federation.north.status()["peers"] == ["south"])
    federation.control.kill_hub()
    branches = (federation.north, federation.south)
    wait_for("the island", lambda: not any(branch.status()["hub_up"] for branch in branches))
    with call(federation, "200") as caller:
        assert caller.wait().ok
    wait_for("the books", lambda: federation.north.outcomes() == ["served"])
    (connected,) = federation.north.entries("contact-connected")
    assert connected.as_dict()["owner"] == "south"


def test_branch_killed_frees_its_seats_and_callers_go_on(
    make_federation: MakeFederation,
) -> None:
    federation = make_federation(PLAN)
    federation.robots(federation.south, "bob", answer_after_s=8)
    with call(federation, "200", talk_ms=20_000) as caller:
        wait_for("the ring", lambda: federation.south.seats().get("bob") == "ringing")
        federation.south.kill("brain", "legs")
        wait_for("the peers notice", lambda: federation.north.status()["peers"] == [])
        wait_for("the queue", lambda: federation.north.phases() == ["waiting"])
        federation.robots(federation.north, "ann")
        wait_for("the talk", lambda: federation.north.phases() == ["talking"])
        assert caller.running()
    wait_for("the books", lambda: len(federation.north.entries("contact-connected")) == 1)


def test_branch_killed_in_mid_talk_gives_its_callers_back(
    make_federation: MakeFederation,
) -> None:
    federation = make_federation(PLAN)
    north, south = federation.north, federation.south
    federation.robots(south, "bob")
    with call(federation, "200", talk_ms=40_000) as caller:
        wait_for("the talk", lambda: north.phases() == ["talking"])
        (contact,) = north.status()["contacts"]
        south.kill("brain", "legs")
        wait_for("the queue", lambda: north.phases() == ["waiting"])
        assert north.status()["contacts"][0]["contact"] == contact["contact"]
        federation.robots(north, "ann")
        wait_for("the talk", lambda: north.phases() == ["talking"])
        assert caller.running()
    talks = [entry.as_dict() for entry in north.entries("contact-connected")]
    assert [talk["seat"] for talk in talks] == ["bob", "ann"]
    (lost,) = north.entries("talk-ended")[:1]
    assert lost.as_dict()["reason"] == "media-timeout"


def test_a_publication_reaches_the_next_call(make_federation: MakeFederation) -> None:
    federation = make_federation(PLAN)
    federation.robots(federation.north, "ann")
    refused = run(
        "uac", remote=(federation.north.address, 5060), address=federation.north.trunk,
        service="777", limit_s=20,
    )  # fmt: skip
    assert refused.failed == 1
    wanted = (*PLAN.numbers, Number(number="777", queue="sales"))
    started = time.monotonic()
    federation.control.publish(msgspec.structs.replace(PLAN, numbers=wanted))
    serial = 3
    for branch in federation.branches.values():
        wait_for("the plan", lambda: branch.status()["plan_serial"] == serial)  # noqa: B023
    print(f"published in {time.monotonic() - started:.1f} s, two commands included")
    with call(federation, "777") as caller:
        assert caller.wait().ok
