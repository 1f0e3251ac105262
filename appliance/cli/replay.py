"""`branchline replay`: a recorded day under another plan, before anybody has to live with it."""

import gc
import json
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.base.clock import rfc3339
from appliance.cli.exits import printable, told
from appliance.cli.options import AsJson, read_plan
from appliance.cli.recordedday import KINDS, RecordedDay, sites_of
from appliance.ledger.store import LedgerReader
from appliance.plan.model import Plan
from appliance.routing.day import Fate, Visit, recorded
from appliance.routing.judge import Difference, Judge, Judgement
from appliance.routing.patience import with_patience
from appliance.routing.replay import Replay, fingerprint
from appliance.routing.scores import Loss, Score, same_share, scores, worse_off

app = typer.Typer(add_completion=False)

console = Console(highlight=False)

#: differing decisions in the JSON document
_DIFFERENCES_TOLD = 1000


class Answer(msgspec.Struct):
    """All that a replay found."""

    plan: Plan
    visits: list[Visit]
    was: list[Fate]
    becomes: list[Fate]
    judged: Judgement

    @property
    def losses(self) -> list[Loss]:
        """Who would be worse off."""
        return worse_off(self.visits, self.was, self.becomes)


@app.command()
def replay(
    ledgers: Annotated[
        list[Path], typer.Argument(help="Ledger files, one of each appliance of the day.")
    ],
    plan: Annotated[Path, typer.Option("--plan", "-p", help="The plan to try (JSON).")],
    worst: Annotated[
        int, typer.Option(min=0, help="How many losing contacts and other decisions to name.")
    ] = 10,
    stay: Annotated[
        bool,
        typer.Option("--stay", help="Let callers who were served stay as long as it takes."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the day that ledgers recorded under another plan, by the decide() of production.

    Callers come when they came, agents are there when they were there, talks last as long as they
    lasted; who is offered to whom, and when, is decided anew. Who gave up on that day gives up
    after the same wait. How long the others would have stayed is estimated from those who gave up
    (Kaplan-Meier), longer than they did wait in any case.

    Copy each box's ledger first: sqlite3 ledger.db ".backup berlin.db"; then, for a new plan:

      branchline replay berlin.db bonn.db --plan tomorrow.json

    Two figures tell how near the plan is to what happened. Decision by decision: so many of the
    offers of that day would have been made just so, on the floor as it was recorded. Over the
    whole day: so many callers would have met the same agent; one other agent early on changes
    much that follows, so this figure says how free the day runs, not how good it is.
    """
    with told("replay"):
        tried = read_plan(plan)
        day = RecordedDay()
        with ExitStack() as stack:
            readers = [stack.enter_context(closing(LedgerReader(path))) for path in ledgers]
            gc.disable()  # a day is many small records, none of which goes before the end
            day.take(*(reader.facts(KINDS) for reader in readers))
            gc.freeze()
    visits = day.visits(tried)
    stays = visits if stay else with_patience(visits)
    answer = Answer(
        plan=tried,
        visits=visits,
        was=[recorded(visit) for visit in visits],
        becomes=Replay(tried, stays, day.presences(tried)).run(),
        judged=Judge(tried, visits, sites_of(tried)).run(day.moments),
    )
    if as_json:
        print(json.dumps(_plain(answer), ensure_ascii=False))
    else:
        _show(answer, worst)


# -- for people --------------------------------------------------------------------------------


def _show(answer: Answer, worst: int) -> None:
    before = scores(answer.plan, answer.visits, answer.was)
    after = scores(answer.plan, answer.visits, answer.becomes)
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
    losses, judged = answer.losses, answer.judged
    print(f"{len(losses)} of {len(answer.visits)} contacts would be worse off")
    for loss in losses[:worst]:
        print(_told(loss))
    print(f"{judged.share:.2%} of {judged.offers} offers would have been made just so")
    for difference in judged.differences[:worst]:
        print(_differs(difference))
    print(f"{same_share(answer.was, answer.becomes):.2%} of those served meet the same agent")
    print(f"fingerprint {fingerprint(answer.becomes)}")


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
        f"{loss.was.outcome} after {loss.was.waited_us / 1e6:.1f} s, would be "
        f"{loss.becomes.outcome} after {loss.becomes.waited_us / 1e6:.1f} s"
    )


def _differs(difference: Difference) -> str:
    instead = difference.instead.seat if difference.instead else "nobody yet"
    return printable(
        f"  {rfc3339(difference.at_us)[:23]} {difference.contact}: "
        f"to {difference.seat}, would be to {instead}"
    )


# -- for programs ------------------------------------------------------------------------------


def _plain(answer: Answer) -> dict[str, Any]:
    before = scores(answer.plan, answer.visits, answer.was)
    after = scores(answer.plan, answer.visits, answer.becomes)
    judged = answer.judged
    return {
        "plan_serial": answer.plan.serial,
        "contacts": len(answer.visits),
        "fingerprint": fingerprint(answer.becomes),
        "same_agent": same_share(answer.was, answer.becomes),
        "same_decision": judged.share,
        "decisions": {
            "offers": judged.offers,
            "same": judged.same,
            "other_seat": judged.other,
            "no_seat_yet": judged.none,
            "differences": [
                {
                    "at": rfc3339(one.at_us),
                    "contact": one.contact,
                    "seat": one.seat,
                    "instead": one.instead.seat if one.instead else None,
                }
                for one in judged.differences[:_DIFFERENCES_TOLD]
            ],
        },
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
                "queue": loss.queue,
                "class": loss.klass,
                "was": [loss.was.outcome, loss.was.waited_us // 1000],
                "becomes": [loss.becomes.outcome, loss.becomes.waited_us // 1000],
            }
            for loss in answer.losses
        ],
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "offered": score.offered,
        "served": score.served,
        "abandoned": score.abandoned,
        "released": score.released,
        "service_level": score.service_level,
        "mean_wait_s": score.mean_wait_s,
        "longest_s": score.longest_us / 1e6,
    }
