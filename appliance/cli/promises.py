"""`branchline promises`: what callers were told of their wait or a call, and what came true."""

import json
from collections.abc import Iterable, Iterator
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
from appliance.ledger.windows import WINDOW_HEADS, Windows, WindowWatch

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
    """Score what this box's callers were told of their wait, or of a call, by what came true.

    The first interval that a caller hears is a promise. It is kept where an agent talks with
    them within it; sooner is early, after it late. Who left before its end is not counted. The
    intervals are made so that four of five are kept.

    Who left a number was promised to be called within a window, which the first call scores:
    kept, early, late, and by how much; given-up where nobody had called before the end; moot
    where they were served on the line. These are told by queue and class.

    Over all branches: branchline control promises.
    """
    with told("promises"):
        path = file or ledger_path(Path(load_appliance(config).state_dir))
        with closing(LedgerReader(path)) as ledger:
            waits, windows = score(ledger.all_entries(), day, queue)
    if as_json:
        days = [{"day": at, "queue": name, **_plain(one)} for (at, name), one in waits.items()]
        calls = [
            {"day": at, "queue": name, "class": klass, **one.plain()}
            for (at, name, klass), one in windows.items()
        ]
        print(json.dumps({"nominal": NOMINAL, "days": days, "windows": calls}, ensure_ascii=False))
        return
    heads = ("told", *get_args(Verdict), "hit rate")
    _print(("day", "queue"), heads, (((at, q), _cells(one)) for (at, q), one in waits.items()))
    if windows:
        print("\ncalls promised to who left a number:")
        _print(("day", "queue", "class"), WINDOW_HEADS, _window_rows(windows))


Waits = dict[tuple[str, str], Promises]
Calls = dict[tuple[str, str, str], Windows]


class _Watch:
    """One contact's promises."""

    def __init__(self, day: str) -> None:
        self.day = day
        self.wait = PromiseWatch()
        self.window = WindowWatch()


def score(entries: Iterable[Entry], day: str, queue: str) -> tuple[Waits, Calls]:
    """Return the promises by (day, queue), and windows by (day, queue, class).

    Empty *day* and *queue* take all.
    """
    waits: Waits = {}
    calls: Calls = {}
    for watch in _watched(entries):
        at, wait, window = watch.day, watch.wait.promise, watch.window.window
        if day not in ("", at):
            continue
        if wait is not None and queue in ("", wait.queue):
            waits.setdefault((at, wait.queue), Promises()).add(wait.verdict)
        if window is not None and queue in ("", window.queue):
            found = calls.setdefault((at, window.queue, window.klass), Windows())
            found.add(window.verdict, off_ms=window.off_ms, latest_ms=window.off_ms)
    return dict(sorted(waits.items())), dict(sorted(calls.items()))


def _watched(entries: Iterable[Entry]) -> Iterator[_Watch]:
    open_ones: dict[str, _Watch] = {}
    for entry in entries:
        if entry.contact:
            watch = open_ones.setdefault(entry.contact, _Watch(entry.ts[:10]))
            watch.wait.take(entry)
            watch.window.take(entry)
            if entry.kind == "contact-ended":
                yield open_ones.pop(entry.contact)
    yield from open_ones.values()


def _print(
    names: Iterable[str],
    heads: Iterable[str],
    rows: Iterable[tuple[tuple[str, ...], tuple[str, ...]]],
) -> None:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name)
    for name in heads:
        table.add_column(name, justify="right")
    for key, cells in rows:
        table.add_row(*(Text(printable(name)) for name in key), *cells)
    console.print(table)


def _window_rows(windows: Calls) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    return ((key, one.cells()) for key, one in windows.items())


def _plain(one: Promises) -> dict[str, Any]:
    counts: dict[str, Any] = msgspec.to_builtins(one)
    return {"told": one.told, **counts, "hit_rate": one.hit_rate}


def _cells(one: Promises) -> tuple[str, ...]:
    counts = (str(getattr(one, verdict)) for verdict in get_args(Verdict))
    return (str(one.told), *counts, "–" if one.hit_rate is None else f"{one.hit_rate:.1%}")
