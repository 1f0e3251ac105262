"""A recorded day of 100,000 calls once more, by `branchline replay` on one core."""

import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from appliance.plan import canonical
from tests.bench.centre import make_plan
from tests.bench.daybook import Daybook
from tests.bench.report import Report

CALLS, AGENTS, SITES, QUEUES, KINDS = 100_000, 1_200, 4, 40, 60
_RUNS = 3
_SEED = 11


def run(calls: int = CALLS) -> Report:
    """Record a day, then replay it three times under its own plan."""
    report = Report("replay")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chance = random.Random(_SEED)
        plan = make_plan(AGENTS, chance, sites=SITES, queues=QUEUES, kinds=KINDS)
        ledgers = Daybook(folder, plan, chance, 0.95).run(calls)
        (folder / "plan.json").write_bytes(canonical.encode(plan))
        runs = [_replay(folder / "plan.json", ledgers) for _ in range(_RUNS)]
    seconds = min(seconds for seconds, _ in runs)
    answers = [answer for _, answer in runs]
    report.figure("contacts", answers[0]["contacts"])
    report.figure("cpu_s", seconds)
    report.bar("CPU for the day", seconds, "<= 20", "s")
    prints = {answer["fingerprint"] for answer in answers}
    report.bar(f"different answers in {_RUNS} runs", len(prints) - 1, "<= 0", "")
    report.bar("the same agent under the same plan", answers[0]["same_agent"], ">= 0.999", "")
    return report


def _replay(plan: Path, ledgers: list[Path]) -> tuple[float, dict[str, Any]]:
    """Return CPU seconds and the answer of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = "from appliance.cli.entry import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "replay", *ledgers, "--plan", plan, "--json"],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, msgspec.json.decode(done.stdout, type=dict)
