"""A task by command, with real processes; killing the brain does not lose it."""

import msgspec

from tests.appliance.cli.runner import branchline
from tests.baresipkit import wait_for
from tests.spine.branch import Branch, Robots, agent, plan
from tests.spine.conftest import MakeBranch


def contact(branch: Branch, *words: str) -> str:
    done = branchline("contact", *words, "--config", str(branch.config))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def works(branch: Branch) -> dict[str, str]:
    """Return the phase of each written contact at an agent."""
    agents = branch.status().get("agents", [])
    return {work["contact"]: work["phase"] for one in agents for work in one["work"]}


def test_a_task_that_an_agent_is_at_outlives_the_brain(make_branch: MakeBranch) -> None:
    ann = msgspec.structs.replace(agent("ann", "sales"), slots={"voice": 1, "task": 2})
    branch = make_branch(plan([ann]))
    robots = Robots(branch, ["ann"])
    try:
        wait_for("the phone", lambda: "ann" in branch.seats())
        task = contact(branch, "new", "--channel", "task", "--queue", "sales", "--subject", "x")
        wait_for("the offer", lambda: works(branch) == {task: "shown"})
        contact(branch, "accept", task)
        assert works(branch) == {task: "accepted"}
        branch.kill("brain")
        branch.start_brain()
        wait_for("the task", lambda: works(branch) == {task: "accepted"})
        contact(branch, "end", task)
        wait_for("the books", lambda: branch.outcomes() == ["served"])
    finally:
        robots.close()
