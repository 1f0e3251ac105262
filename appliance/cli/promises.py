"""`branchline promises`: what callers were told of their wait, and whether it came true."""

import json
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.cli.exits import printable, told
from appliance.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile
from appliance.config.load import load_appliance
from appliance.ledger.entry import Entry
from appliance.ledger.promises import NOMINAL, Promises, PromiseWatch, Verdict
from appliance.ledger.store import LedgerReader, ledger_path

app = typer.Typer(add_completion=False)
console = Console(highlight=False)

LedgerFile = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="The ledger itself; else the one that --config leads to."),
]


@app.command()
def promises(
    day: Annotated[str, typer.Option(help="Only of this day, UTC: 2026-11-22.")] = "",
    queue: Annotated[str, typer.Option(help="Only of this queue.")] = "",
    file: LedgerFile = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Score what this box's callers were told of their wait by what came true.

    The first interval that a caller hears is a promise. It is kept where an agent talks with
    them within it; sooner is early, after it late. Who left before its end is not counted. The
    intervals are made so that four of five are kept.

    Over all branches: branchline control promises.
    """
    with told("promises"):
        path = file or ledger_path(Path(load_appliance(config).state_dir))
        with closing(LedgerReader(path)) as ledger:
            found = score(ledger.all_entries(), day, queue)
    if as_json:
        rows = [{"day": at, "queue": name, **_plain(one)} for (at, name), one in found.items()]
        print(json.dumps({"nominal": NOMINAL, "days": rows}, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("day", "queue"):
        table.add_column(name)
    for name in ("told", *get_args(Verdict), "hit rate"):
        table.add_column(name, justify="right")
    for (at, name), one in found.items():
        counts = (str(getattr(one, verdict)) for verdict in get_args(Verdict))
        rate = "–" if one.hit_rate is None else f"{one.hit_rate:.1%}"
        table.add_row(at, Text(printable(name)), str(one.told), *counts, rate)
    console.print(table)


def score(entries: Iterable[Entry], day: str, queue: str) -> dict[tuple[str, str], Promises]:
    """Return the promises by (day, queue); empty *day* and *queue* take all."""
    open_ones: dict[str, tuple[str, PromiseWatch]] = {}
    over: list[tuple[str, PromiseWatch]] = []
    for entry in entries:
        if entry.contact:
            at, watch = open_ones.setdefault(entry.contact, (entry.ts[:10], PromiseWatch()))
            watch.take(entry)
            if entry.kind == "contact-ended":
                del open_ones[entry.contact]
                if watch.promise is not None:
                    over.append((at, watch))
    found: dict[tuple[str, str], Promises] = {}
    for at, watch in (*over, *open_ones.values()):
        told_of = watch.promise
        if told_of is not None and day in ("", at) and queue in ("", told_of.queue):
            found.setdefault((at, told_of.queue), Promises()).add(told_of.verdict)
    return dict(sorted(found.items()))


def _plain(one: Promises) -> dict[str, Any]:
    counts: dict[str, Any] = msgspec.to_builtins(one)
    return {"told": one.told, **counts, "hit_rate": one.hit_rate}
