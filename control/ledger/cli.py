"""`branchline control ledger`: the contacts of all branches, and whether the chains are whole."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
import typer
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from appliance.base.clock import rfc3339
from appliance.base.errors import BranchlineError, ConfigError
from appliance.ledger.promises import NOMINAL, Promises, Verdict
from appliance.ledger.windows import WINDOW_HEADS
from appliance.plan.signing import load_public_key
from control.ledger import promised, queries
from control.ledger.queries import OUTCOMES, ContactFilter
from control.models import ledger as rows
from control.parts import ControlParts
from control.settings import load_control

app = typer.Typer(
    no_args_is_help=True,
    help="""What the boxes' ledgers told: contacts of all branches, and whether chains are whole.

    Entries come in by `branchline control intake`. A contact that crossed two boxes is one row.
    """,
)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="BRANCHLINE_CONTROL_CONFIG",
        help="Settings file (TOML); else /etc/branchline/control.toml if there is one.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Day = Annotated[str, typer.Option(help="Day of arrival, UTC: 2026-11-22, or today.")]
Queue = Annotated[str, typer.Option(help="Only of this queue.")]
Site = Annotated[str, typer.Option("--branch", help="Only what came in at this branch.")]
OutcomeWord = Annotated[str, typer.Option(help=f"Only these: {', '.join(OUTCOMES)}.")]
_HEADS = ("contact", "arrived", "branch", "queue", "agent", "waited", "talked", "outcome")


@contextmanager
def _session(config: Path | None) -> Iterator[tuple[Session, ControlParts]]:
    """Open the database; turn our errors into one line and exit status 1."""
    try:
        parts = ControlParts.open(load_control(config))
        try:
            with parts.database.session() as session:
                yield session, parts
        finally:
            parts.close()
    except BranchlineError as error:
        print(f"branchline control ledger: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command("list")
def list_contacts(
    day: Day = "",
    queue: Queue = "",
    site: Site = "",
    outcome: OutcomeWord = "",
    last: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List contacts, the newest first."""
    with _session(config) as (session, parts):
        wanted = _filter(parts, day, queue, site, outcome)
        found = [_plain(row) for row in queries.find(session, wanted, most=last).rows]
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table: list[tuple[str, ...]] = [_HEADS]
    table += [
        (
            str(row["contact"]),
            str(row["arrived_at"])[:19],
            str(row["site"]),
            str(row["queue"]),
            str(row["agent"]),
            f"{row['waited_ms'] / 1000:.1f} s",
            f"{row['talked_ms'] / 1000:.1f} s",
            f"{row['outcome']} {row['fault']}".strip(),
        )
        for row in found
    ]
    _print_table(table)


@app.command()
def show(
    contact: Annotated[str, typer.Argument(help="The contact's id, as `list` shows it.")],
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show a contact's story, step by step, over all boxes it was at."""
    with _session(config) as (session, _):
        entries = queries.story(session, contact)
    if not entries:
        print(f"no ledger tells of contact {contact!r}", file=sys.stderr)
        raise typer.Exit(1)
    if as_json:
        print(json.dumps([queries.plain(entry) for entry in entries], ensure_ascii=False))
        return
    start_us = entries[0].wall_us
    for entry in entries:
        facts = "  ".join(f"{name} {value}" for name, value in queries.facts_of(entry).items())
        after_s = (entry.wall_us - start_us) / 1e6
        line = f"{entry.ts[:23]} {after_s:>+9.3f} s  {entry.appliance:<12} {entry.kind:<18} "
        print(_printable(f"{line}{facts}".rstrip()))


@app.command()
def books(
    day: Day = "",
    queue: Queue = "",
    site: Site = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Count all contacts by queue, and see whether the books balance.

    offered = served + abandoned + released + failed + voicemail + open, for every queue.
    """
    with _session(config) as (session, parts):
        wanted = _filter(parts, day, queue, site, "")
        found = queries.tallies(session, wanted)
        wrong = queries.faults(session, wanted)
    if as_json:
        told = {"queues": msgspec.to_builtins(found), "imbalances": wrong}
        print(json.dumps(told, ensure_ascii=False))
    else:
        names = ("offered", *OUTCOMES)
        table: list[tuple[str, ...]] = [("queue", *names)]
        table += [
            (name or "(none)", *(str(getattr(tally, one)) for one in names))
            for name, tally in found.items()
        ]
        _print_table(table)
        for contact, fault in wrong.items():
            print(f"IMBALANCE: contact {contact}: {fault}")
    if wrong:
        raise typer.Exit(1)


@app.command()
def verify(
    appliance: Annotated[str, typer.Argument(help="The box; without it all boxes.")] = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Walk the chains that control has, hash by hash; name what does not follow, and forks."""
    with _session(config) as (session, parts):
        reports = queries.verify_chains(session, load_public_key(parts.plan_public), appliance)
        alarms = [one for one in rows.alarms(session, 1000) if appliance in ("", one.appliance)]
    if as_json:
        told = [{**msgspec.to_builtins(report), "whole": report.whole} for report in reports]
        print(json.dumps({"chains": told, "alarms": [_plain(one) for one in alarms]}))
    else:
        for report in reports:
            fork = f", branch {report.branch}" if report.branch else ""
            begun = f" ({report.reason})" if report.reason else ""
            print(
                f"{report.appliance}: chain {report.chain}{fork}{begun}: {report.entries} entries"
                f" up to {report.number}: {report.fault or 'whole'}"
            )
        for alarm in alarms:
            at = f"chain {alarm.chain}, entry {alarm.number}"
            print(f"ALARM {alarm.at:%Y-%m-%d %H:%M}: {alarm.appliance}: {alarm.reason}: {at}")
            print(f"  {alarm.detail}")
    if any(not report.whole or report.branch for report in reports):
        raise typer.Exit(1)


@app.command()
def rebuild(config: ConfigFile = None) -> None:
    """Derive the rows of all contacts anew from the entries."""
    with _session(config) as (session, _):
        count = queries.rebuild(session)
    print(f"{count} contacts derived anew")


def promises(
    day: Annotated[str, typer.Option(help="The last day, UTC: 2026-11-22, or today.")] = "today",
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days, up to it.")] = 7,
    queue: Queue = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Score what callers were told of their wait by what came true.

    The first interval that a caller hears is a promise. It is kept where an agent talks with
    them within it; sooner is early, after it late. Who left before its end is not counted. The
    intervals are made so that four of five are kept: fewer means that they promise too much,
    more that they say too little.

    Who left a number was promised to be called within a window, which the first call scores:
    kept, early, late, and by how much; given-up where nobody had called before the end; moot
    where they were served on the line. These are told by queue and class.

      branchline control promises --days 1
      branchline control promises --queue sales --json
    """
    with _session(config) as (session, parts):
        last = _day(parts, day) or date.fromisoformat(rfc3339(parts.clock.wall_us())[:10])
        rows = promised.by_day(session, last, days, queue)
        windows = promised.windows_by_day(session, last, days, queue)
    if as_json:
        print(json.dumps(_promises_plain(rows, windows)))
        return
    names = ("told", *get_args(Verdict), "hit rate")
    table: list[tuple[str, ...]] = [("day", "queue", *names)]
    table += [(row.day.isoformat(), row.queue or "(none)", *_cells(row.promises)) for row in rows]
    table.append(("total", "", *_cells(promised.total(rows))))
    _print_table(table)
    if windows:
        print("\ncalls promised to who left a number:")
        _print_table(_window_table(windows))


def _promises_plain(
    rows: list[promised.PromisesOfDay], windows: list[promised.WindowsOfDay]
) -> dict[str, Any]:
    days = [
        {"day": row.day.isoformat(), "queue": row.queue, **promised.plain(row.promises)}
        for row in rows
    ]
    calls = [
        {"day": row.day.isoformat(), "queue": row.queue, "class": row.klass, **row.windows.plain()}
        for row in windows
    ]
    return {
        "nominal": NOMINAL,
        "total": promised.plain(promised.total(rows)),
        "days": days,
        "windows_total": promised.windows_total(windows).plain(),
        "windows": calls,
    }


def _window_table(windows: list[promised.WindowsOfDay]) -> list[tuple[str, ...]]:
    table: list[tuple[str, ...]] = [("day", "queue", "class", *WINDOW_HEADS)]
    table += [
        (row.day.isoformat(), row.queue or "(none)", row.klass, *row.windows.cells())
        for row in windows
    ]
    table.append(("total", "", "", *promised.windows_total(windows).cells()))
    return table


def _cells(found: Promises) -> tuple[str, ...]:
    counts = (str(getattr(found, verdict)) for verdict in get_args(Verdict))
    rate = "–" if found.hit_rate is None else f"{found.hit_rate:.1%}"
    return (str(found.told), *counts, rate)


def _filter(parts: ControlParts, day: str, queue: str, site: str, outcome: str) -> ContactFilter:
    """Return what was asked for; raise ConfigError `bad-config`."""
    if outcome and outcome not in OUTCOMES:
        raise ConfigError("bad-config", f"--outcome {outcome}: one of {', '.join(OUTCOMES)}")
    return ContactFilter(day=_day(parts, day), queue=queue, site=site, outcome=outcome)


def _day(parts: ControlParts, day: str) -> date | None:
    """Return the day that was asked for, None for an empty one; raise ConfigError `bad-config`."""
    try:
        today = rfc3339(parts.clock.wall_us())[:10]
        return date.fromisoformat(today if day == "today" else day) if day else None
    except ValueError:
        raise ConfigError("bad-config", f"--day {day}: a day is 2026-11-22, or today") from None


def _plain(row: Any) -> dict[str, Any]:
    """Return a row of the database as JSON can say it."""
    values = {column.key: getattr(row, column.key) for column in inspect(type(row)).columns}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _print_table(table: list[tuple[str, ...]]) -> None:
    """Print rows below their heads, each column as wide as it must be."""
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(_printable("  ".join(cells).rstrip()))


def _printable(text: str) -> str:
    """Return *text* without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
