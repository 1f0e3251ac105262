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
from appliance.plan.model import Plan
from tests.bench.centre import make_plan
from tests.bench.daybook import Daybook
from tests.bench.lively import TALK_MS, WRAP_UP_MS, Lively, overflowing
from tests.bench.report import Report

CALLS, AGENTS, SITES, QUEUES, KINDS = 100_000, 1_200, 4, 40, 60
#: calls of a day on which not everything goes well
LIVELY_CALLS = 20_000
_RUNS = 3
_SEED = 11


def run(calls: int = CALLS, lively_calls: int = LIVELY_CALLS) -> Report:
    """Record a day, then replay it three times under its own plan; another one once."""
    report = Report("replay")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chance = random.Random(_SEED)
        plan = make_plan(AGENTS, chance, sites=SITES, queues=QUEUES, kinds=KINDS)
        ledgers = Daybook(folder, plan, chance, 0.95).run(calls)
        runs = [_replay(folder, plan, ledgers) for _ in range(_RUNS)]
        lively = _lively(folder / "lively", lively_calls)
    seconds = min(seconds for seconds, _ in runs)
    answers = [answer for _, answer in runs]
    first = answers[0]
    report.figure("contacts", first["contacts"])
    report.figure("offers", first["decisions"]["offers"])
    report.figure("cpu_s", seconds)
    report.bar("CPU for the day", seconds, "<= 20", "s")
    prints = {answer["fingerprint"] for answer in answers}
    report.bar(f"different answers in {_RUNS} runs", len(prints) - 1, "<= 0", "")
    report.bar("the same decision under the same plan", first["same_decision"], ">= 0.999", "")
    report.bar("the same agent over the whole day", first["same_agent"], ">= 0.999", "")
    for name in ("contacts", "same_decision", "same_agent"):
        report.figure(f"lively_{name}", lively[name])
    report.bar("the same decision, a lively day", lively["same_decision"], ">= 0.999", "")
    return report


def _lively(folder: Path, calls: int) -> dict[str, Any]:
    """Replay a day with callers who give up, agents who do not answer, breaks and overflow."""
    folder.mkdir()
    chance = random.Random(_SEED)
    plan = overflowing(make_plan(AGENTS, chance, sites=SITES, queues=QUEUES, kinds=KINDS))
    every_ms = (TALK_MS + WRAP_UP_MS) / AGENTS
    centre = Lively(plan, chance, every_ms=every_ms)
    ledgers = Daybook(folder, plan, chance, 1, centre=centre).run(calls)
    return _replay(folder, plan, ledgers)[1]


def _replay(folder: Path, plan: Plan, ledgers: list[Path]) -> tuple[float, dict[str, Any]]:
    """Return CPU seconds and the answer of one run."""
    path = folder / "plan.json"
    path.write_bytes(canonical.encode(plan))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = "from appliance.cli.entry import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "replay", *ledgers, "--plan", path, "--json"],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, msgspec.json.decode(done.stdout, type=dict)
