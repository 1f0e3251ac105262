"""`branchline replay`: a recorded day under another plan, before anybody has to live with it."""

import json
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.base.errors import ConfigError
from appliance.cli.exits import printable, told
from appliance.cli.options import AsJson
from appliance.cli.recordedday import RecordedDay
from appliance.ledger.store import LedgerReader
from appliance.plan.checks import parse_plan
from appliance.plan.model import Plan
from appliance.routing.replay import Fate, Replay, Visit, fingerprint
from appliance.routing.scores import Loss, Score, recorded, same_share, scores, worse_off

app = typer.Typer(add_completion=False)

console = Console(highlight=False)


@app.command()
def replay(
    ledgers: Annotated[
        list[Path], typer.Argument(help="Ledger files, one of each appliance of the day.")
    ],
    plan: Annotated[Path, typer.Option("--plan", "-p", help="The plan to try (JSON).")],
    worst: Annotated[int, typer.Option(min=0, help="How many losing contacts to name.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Run the day that ledgers recorded under another plan, by the decide() of production.

    Callers come when they came, agents are there when they were there, talks last as long as they
    lasted; who is offered to whom, and when, is decided anew. Who was served is taken to have
    stayed as long as it takes.
    """
    with told("replay"):
        tried = _read_plan(plan)
        day = RecordedDay()
        with ExitStack() as stack:
            readers = [stack.enter_context(closing(LedgerReader(path))) for path in ledgers]
            day.take(*(reader.all_entries() for reader in readers))
    visits = day.visits(tried)
    fates = Replay(tried, visits, day.presences(tried)).run()
    was = recorded(visits)
    if as_json:
        print(json.dumps(_plain(tried, visits, was, fates), ensure_ascii=False))
    else:
        _show(tried, visits, was, fates, worst)


def _read_plan(path: Path) -> Plan:
    try:
        return parse_plan(path.read_bytes())
    except OSError as error:
        raise ConfigError("bad-plan", f"{path} cannot be read: {error.strerror}") from error


def _show(plan: Plan, visits: list[Visit], was: list[Fate], fates: list[Fate], worst: int) -> None:
    before, after = scores(plan, visits, was), scores(plan, visits, fates)
    table = Table(box=None, pad_edge=False)
    for name in ("queue", "class"):
        table.add_column(name)
    for name in ("offered", "in time", "would be", "mean wait", "would be", "lost", "would be"):
        table.add_column(name, justify="right")
    for (queue, klass), score in before.items():
        table.add_row(
            Text(printable(queue)), Text(printable(klass)), *_cells(score, after[queue, klass])
        )
    console.print(table)
    losses = worse_off(visits, was, fates)
    print(f"{len(losses)} of {len(visits)} contacts would be worse off")
    for loss in losses[:worst]:
        print(_told(loss))
    print(f"{same_share(was, fates):.2%} of those served meet the same agent")
    print(f"fingerprint {fingerprint(fates)}")


def _cells(before: Score, after: Score) -> list[str]:
    return [
        str(before.offered),
        f"{before.service_level:.1%}",
        f"{after.service_level:.1%}",
        f"{before.mean_wait_s:.1f} s",
        f"{after.mean_wait_s:.1f} s",
        str(before.abandoned),
        str(after.abandoned),
    ]


def _told(loss: Loss) -> str:
    return printable(
        f"  {loss.contact} ({loss.queue}, {loss.klass or 'no class'}): "
        f"{loss.was.outcome} after {loss.was.waited_ms / 1000:.1f} s, would be "
        f"{loss.becomes.outcome} after {loss.becomes.waited_ms / 1000:.1f} s"
    )


def _plain(plan: Plan, visits: list[Visit], was: list[Fate], fates: list[Fate]) -> dict[str, Any]:
    before, after = scores(plan, visits, was), scores(plan, visits, fates)
    return {
        "plan_serial": plan.serial,
        "contacts": len(visits),
        "fingerprint": fingerprint(fates),
        "same_agent": same_share(was, fates),
        "queues": [
            {
                "queue": queue,
                "class": klass,
                "was": _score(before[queue, klass]),
                "becomes": _score(after[queue, klass]),
            }
            for queue, klass in before
        ],
        "worse_off": [
            {
                "contact": loss.contact,
                "was": [loss.was.outcome, loss.was.waited_ms],
                "becomes": [loss.becomes.outcome, loss.becomes.waited_ms],
            }
            for loss in worse_off(visits, was, fates)
        ],
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "offered": score.offered,
        "served": score.served,
        "abandoned": score.abandoned,
        "service_level": score.service_level,
        "mean_wait_s": score.mean_wait_s,
        "longest_s": score.longest_ms / 1000,
    }
