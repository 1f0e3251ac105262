"""`branchline replay`: a day written by appliances, under its own plan and under another."""

import json
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from appliance.plan import canonical
from appliance.plan.model import Plan
from tests.bench.centre import make_plan
from tests.bench.daybook import Daybook

CALLS = 400


class Day:
    """A recorded day and its plan."""

    def __init__(self, folder: Path) -> None:
        chance = random.Random(3)
        self.folder = folder
        self.plan = make_plan(300, chance, sites=2, queues=10, kinds=15)
        self.ledgers = Daybook(folder, self.plan, chance, 0.97).run(CALLS)

    def replay(self, plan: Plan, *more: str) -> subprocess.CompletedProcess[str]:
        """Run the command over the day."""
        path = self.folder / "plan.json"
        path.write_bytes(canonical.encode(plan))
        return run(*map(str, self.ledgers), "--plan", str(path), *more)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from appliance.cli.entry import main; main()"
    command = [sys.executable, "-c", code, "replay", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3]
    )


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day(tmp_path_factory.mktemp("day"))


def test_its_own_plan_gives_the_day_again(day: Day) -> None:
    first, again = day.replay(day.plan, "--json"), day.replay(day.plan, "--json")
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert answer["contacts"] >= CALLS
    assert answer["same_agent"] >= 0.999
    assert answer["worse_off"] == []
    assert json.loads(again.stdout)["fingerprint"] == answer["fingerprint"]
    assert all(row["becomes"]["served"] >= row["was"]["served"] for row in answer["queues"])


def test_another_plan_shows_who_loses(day: Day) -> None:
    """Half of the agents are gone: longer waits, and contacts that are worse off."""
    replace = msgspec.structs.replace
    fewer = replace(day.plan, serial=2, agents=day.plan.agents[::2])
    answer = json.loads(day.replay(fewer, "--json").stdout)
    assert answer["same_agent"] < 0.9
    assert answer["worse_off"]
    was = sum(row["was"]["service_level"] * row["was"]["offered"] for row in answer["queues"])
    now = sum(
        row["becomes"]["service_level"] * row["becomes"]["offered"] for row in answer["queues"]
    )
    assert now < was
    told = day.replay(fewer, "--worst", "2").stdout
    assert "contacts would be worse off" in told
    assert told.count("would be served after") + told.count("would be open after") == 2


def test_what_is_no_ledger_or_no_plan_is_named(day: Day, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.db"
    missing = run(str(nothing), "--plan", str(day.folder / "plan.json"))
    assert missing.returncode != 0
    assert str(nothing) in missing.stderr
    broken = tmp_path / "plan.json"
    broken.write_text('{"queues": [{"name": "NO"}]}')
    refused = run(str(day.ledgers[0]), "--plan", str(broken))
    assert refused.returncode == 78
    assert "queues[0].name" in refused.stderr
    absent = run(str(day.ledgers[0]), "--plan", str(tmp_path / "none.json"))
    assert absent.returncode == 78
    assert "cannot be read" in absent.stderr
