"""`branchline replay`: a day written by appliances, under its own plan and under another."""

import json
import random
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from appliance.ledger.store import LedgerReader
from appliance.plan import canonical
from appliance.plan.model import Plan
from tests.bench.centre import make_plan
from tests.bench.daybook import Daybook
from tests.bench.lively import Lively, overflowing

CALLS, LIVELY_CALLS = 400, 2_000


class Day:
    """A recorded day and its plan; a lively one has all that may go wrong in it."""

    def __init__(self, folder: Path, *, lively: bool = False) -> None:
        chance = random.Random(3)
        self.folder = folder
        if not lively:
            self.plan = make_plan(300, chance, sites=2, queues=10, kinds=15)
            self.ledgers = Daybook(folder, self.plan, chance, 0.97).run(CALLS)
            return
        self.plan = overflowing(make_plan(60, chance, sites=3, queues=9, kinds=9))
        centre = Lively(self.plan, chance, every_ms=2_800)
        self.ledgers = Daybook(folder, self.plan, chance, 1, centre=centre).run(LIVELY_CALLS)

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
def lively(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day(tmp_path_factory.mktemp("lively"), lively=True)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day(tmp_path_factory.mktemp("day"))


def test_its_own_plan_gives_the_day_again(day: Day) -> None:
    first, again = day.replay(day.plan, "--json"), day.replay(day.plan, "--json")
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert answer["contacts"] >= CALLS
    assert answer["same_agent"] == answer["same_decision"] == 1
    assert answer["worse_off"] == []
    assert json.loads(again.stdout)["fingerprint"] == answer["fingerprint"]
    assert all(row["becomes"]["served"] >= row["was"]["served"] for row in answer["queues"])


def test_a_lively_day_too(lively: Day) -> None:
    """Callers give up, agents do not answer or take a break, queues overflow: all of it again."""
    answer = json.loads(lively.replay(lively.plan, "--json").stdout)
    assert answer["decisions"]["offers"] > LIVELY_CALLS / 2
    assert answer["same_decision"] >= 0.999
    assert answer["same_agent"] >= 0.999
    assert answer["worse_off"] == []
    was, becomes = ([row[when] for row in answer["queues"]] for when in ("was", "becomes"))
    for outcome in ("abandoned", "released"):
        before = sum(row[outcome] for row in was)
        # what was open when the day ended comes to its end here
        assert before > 20
        assert before <= sum(row[outcome] for row in becomes) <= before + 20
    assert answer["decisions"]["other_seat"] == answer["decisions"]["no_seat_yet"] == 0


def test_who_would_give_up_is_estimated(lively: Day) -> None:
    """A third of the agents are gone: many who were served would leave, unless all stay."""
    replace = msgspec.structs.replace
    gone = tuple(agent for n, agent in enumerate(lively.plan.agents) if n % 3)
    fewer = replace(lively.plan, serial=2, agents=gone)
    estimated = json.loads(lively.replay(fewer, "--json").stdout)
    staying = json.loads(lively.replay(fewer, "--json", "--stay").stdout)
    lost, stay_lost = (
        sum(row["becomes"]["abandoned"] - row["was"]["abandoned"] for row in answer["queues"])
        for answer in (estimated, staying)
    )
    assert lost > stay_lost + 100
    assert any(
        loss["was"][0] == "served" and loss["becomes"][0] == "abandoned"
        for loss in estimated["worse_off"]
    )
    assert estimated["same_decision"] < 0.999
    assert lively.replay(fewer, "--json").stdout == json.dumps(estimated) + "\n"


def test_decisions_that_differ_are_named(lively: Day) -> None:
    """One agent is not in the plan: each offer to them, and few others, would differ."""
    with closing(LedgerReader(lively.ledgers[0])) as ledger:
        offers = [msgspec.msgpack.decode(fact.facts) for fact in ledger.facts(["seat-offered"])]
    ((missing, _),) = Counter(offer["seat"] for offer in offers).most_common(1)
    others = tuple(agent for agent in lively.plan.agents if agent.name != missing)
    without = msgspec.structs.replace(lively.plan, serial=2, agents=others)
    told = json.loads(lively.replay(without, "--json").stdout)["decisions"]
    seats = Counter(one["seat"] for one in told["differences"])
    assert seats[missing] > 0.9 * seats.total() > 0
    assert told["offers"] - told["same"] == seats.total()
    text = lively.replay(without, "--worst", "1").stdout
    assert "would have been made just so" in text
    assert ", would be to " in text


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
