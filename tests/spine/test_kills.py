"""kill -9 of the brain and of legs with 50 talks and 50 waiting callers, by sipp."""

import contextlib
import time

from tests.baresipkit import wait_for
from tests.sippkit import Sipp
from tests.spine.branch import Robots, agent, plan
from tests.spine.conftest import MakeBranch

TALKS, WAITING = 50, 50


def test_brain_killed_drops_no_talk_and_no_place(make_branch: MakeBranch) -> None:
    agents = [f"agent-{number}" for number in range(TALKS)]
    branch = make_branch(plan([agent(name, "sales") for name in agents]))
    robots = Robots(branch, agents)
    try:
        talking = Sipp(
            "uac", remote=(branch.address, 5060), address=branch.trunk, service="200",
            calls=TALKS, rate=25, limit_s=80, args=("-d", "25000"),
        )  # fmt: skip
        waiting = Sipp(
            "uac", remote=(branch.address, 5060), address=branch.trunk, service="200",
            calls=WAITING, rate=25, limit_s=80, args=("-d", "50000"),
        )  # fmt: skip
        with contextlib.ExitStack() as stack:
            stack.enter_context(talking)
            wait_for("the talks", lambda: branch.phases().count("talking") == TALKS)
            stack.enter_context(waiting)
            wait_for("the queue", lambda: branch.phases().count("waiting") == WAITING)
            places = [e.as_dict()["arrival"] for e in branch.entries("contact-arrived")]
            branch.kill("brain")
            branch.start_brain()
            assert branch.phases().count("talking") == TALKS
            assert branch.phases().count("waiting") == WAITING
            adopted = branch.entries("adopted")
            assert len(adopted) == TALKS + WAITING
            ended = talking.wait()
            assert (ended.successful, ended.failed) == (TALKS, 0), ended
            wait_for("the rest", lambda: len(branch.outcomes()) == TALKS + WAITING, limit_s=60)
            last = waiting.wait()
            assert (last.successful, last.failed) == (WAITING, 0), last
        assert branch.outcomes().count("served") == TALKS + WAITING
        arrived = [e.as_dict()["arrival"] for e in branch.entries("contact-arrived")]
        assert arrived == places
        order = {e.contact: e.as_dict()["arrival"] for e in branch.entries("contact-arrived")}
        offered = [order[e.contact] for e in branch.entries("contact-connected")]
        late = offered[TALKS:]
        assert late == sorted(late), "a waiting caller was overtaken"
    finally:
        robots.close()


def test_hang_ups_while_the_brain_is_away_are_in_the_books(make_branch: MakeBranch) -> None:
    branch = make_branch(plan([agent("ann", "sales")]))
    robots = Robots(branch, ["ann"])
    try:
        callers = Sipp(
            "uac", remote=(branch.address, 5060), address=branch.trunk, service="200",
            calls=4, rate=4, limit_s=60, args=("-d", "3000"),
        )  # fmt: skip
        with callers:
            wait_for("the queue", lambda: sorted(branch.phases()) == ["talking"] + ["waiting"] * 3)
            branch.kill("brain")
            ended = callers.wait()
            assert (ended.successful, ended.failed) == (4, 0), ended
        branch.start_brain()
        wait_for("the books", lambda: len(branch.outcomes()) == 4)
        assert sorted(branch.outcomes()) == ["abandoned"] * 3 + ["served"]
        assert branch.phases() == []
    finally:
        robots.close()


def test_legs_killed_leaves_nobody_in_silence(make_branch: MakeBranch) -> None:
    branch = make_branch(plan([agent("ann", "sales")]))
    robots = Robots(branch, ["ann"])
    try:
        callers = Sipp(
            "uac", remote=(branch.address, 5060), address=branch.trunk, service="200",
            calls=3, rate=3, limit_s=60, args=("-d", "40000"),
        )  # fmt: skip
        with callers:
            wait_for("the queue", lambda: sorted(branch.phases()) == ["talking"] + ["waiting"] * 2)
            wait_for("every ACK", lambda: all(c["answered"] for c in branch.status()["contacts"]))
            branch.kill("legs")
            started = time.monotonic()
            branch.start_legs()
            wait_for("an end for all", lambda: not callers.running(), limit_s=20)
            print(f"BYE to all {time.monotonic() - started:.2f} s after the restart began")
            assert "BYE sip:" in callers.wait().messages
        wait_for("the books", lambda: len(branch.outcomes()) == 3)
        assert branch.outcomes().count("failed") + branch.outcomes().count("served") == 3
        wait_for("the brain", lambda: branch.status().get("legs_up"))
    finally:
        robots.close()
