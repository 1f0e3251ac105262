"""`branchline ledger`: what happened to a contact, whether the chain is whole, the books."""

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appliance.base.clock import rfc3339
from appliance.base.errors import PeerError
from appliance.cli.exits import EX_IOERR, EX_NOINPUT, printable, told
from appliance.cli.options import DEFAULT_CONFIG, AsJson, ConfigFile, read_plan
from appliance.config.load import load_appliance
from appliance.ledger.books import Tally, recount
from appliance.ledger.entry import Entry
from appliance.ledger.records import ContactArrived, ContactEnded, ContactQueued, SeatOffered
from appliance.ledger.store import LedgerReader, ledger_path
from appliance.ledger.upload import HEAD_KIND, ChainHead, head_of
from appliance.link import identity
from appliance.link.messages import SignedHead
from appliance.link.uploader import KEPT
from appliance.plan.model import Plan
from appliance.plan.signing import load_public_key
from appliance.plan.signing import verify as verify_signature
from appliance.routing.trace import explain, recompute, unpack

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="""The appliance's journal of everything that happened, read beside the running brain.

    Each contact's journal begins with contact-arrived and ends with one contact-ended.
    """,
)
_IMBALANCES_SHOWN = 20

console = Console(highlight=False)

LedgerFile = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="The ledger itself; else the one that --config leads to."),
]


def _open(file: Path | None, config: Path) -> LedgerReader:
    return LedgerReader(file or _path(config))


def _path(config: Path) -> Path:
    return ledger_path(Path(load_appliance(config).state_dir))


@app.command()
def show(
    contact: Annotated[str, typer.Argument(help="The contact's id, as `list` shows it.")],
    file: LedgerFile = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show a contact's journal, step by step."""
    with told("ledger show"), closing(_open(file, config)) as ledger:
        entries = ledger.entries(contact=contact, limit=100_000)
    if not entries:
        print(f"the ledger knows no contact {printable(contact)}")
        raise typer.Exit(EX_NOINPUT)
    if as_json:
        print(json.dumps([_plain(entry) for entry in entries], ensure_ascii=False))
        return
    start = entries[0].wall_us
    for entry in entries:
        line = Text(f"{entry.number:>8} {entry.ts[:23]} ", "dim")
        line.append(f"{(entry.wall_us - start) / 1e6:>+9.3f} s  ")
        line.append(printable(f"{entry.kind:<18}"), "bold")
        line.append(printable(_facts(entry)))
        console.print(line, soft_wrap=True)


@app.command("list")
def list_contacts(
    file: LedgerFile = None,
    config: ConfigFile = DEFAULT_CONFIG,
    last: Annotated[int, typer.Option(min=1, help="How many contacts at most.")] = 20,
) -> None:
    """List the newest contacts: when each came, its queue and how it ended."""
    rows: dict[str, list[str]] = {}
    with told("ledger list"), closing(_open(file, config)) as ledger:
        for entry in ledger.all_entries():
            if entry.contact:
                _note(rows, entry)
                if len(rows) > last:
                    del rows[next(iter(rows))]
    table = Table(box=None, pad_edge=False)
    table.add_column("contact", no_wrap=True, min_width=36)
    for name in ("arrived", "caller", "queue", "outcome"):
        table.add_column(name, overflow="fold")
    for contact, (arrived, caller, queue, outcome) in rows.items():
        table.add_row(*(Text(printable(x)) for x in (contact, arrived, caller, queue, outcome)))
    console.print(table)


@app.command()
def why(
    contact: Annotated[str, typer.Argument(help="The contact's id, as `list` shows it.")],
    plan: Annotated[
        Path | None,
        typer.Option("--plan", "-p", help="Plan (JSON) of then: compute each decision again."),
    ] = None,
    file: LedgerFile = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Tell why a contact was offered to whom: its score, and the seats that were looked at.

    Each offer's decision is journalled with it, by the box where the contact came in. With the
    plan that was in force, seat and score are computed again, and what differs is named.
    """
    with told("ledger why"), closing(_open(file, config)) as ledger:
        obeyed = read_plan(plan) if plan else None
        entries = ledger.entries(contact=contact)
    found = [
        _why(entry, fact, obeyed)
        for entry in entries
        if isinstance(fact := entry.fact(), SeatOffered)
    ]
    if not found:
        print(f"contact {printable(contact)} was offered to nobody", file=sys.stderr)
        raise typer.Exit(EX_NOINPUT)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for offer in found:
        print(printable(f"{offer['ts'][:23]}  offered to {offer['seat']} at {offer['owner']}"))
        for line in offer["why"] or ["asked for by name, or journalled before this was"]:
            print(printable(f"  {line}"))
        for line in offer["differs"]:
            print(printable(f"  DIFFERS: {line}"))


def _why(entry: Entry, fact: SeatOffered, plan: Plan | None) -> dict[str, Any]:
    proposal = unpack(entry.contact, entry.appliance, fact.seat, fact.owner, fact.trace)
    return {
        "ts": entry.ts,
        "seat": fact.seat,
        "owner": fact.owner,
        "why": explain(proposal) if proposal else [],
        "differs": recompute(plan, proposal) if plan and proposal else [],
    }


@app.command()
def verify(file: LedgerFile = None, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Walk the hash chain from its beginning; name the first entry that was altered.

    Compares it as well with what control has countersigned, where the box is one of a fleet.
    """
    with told("ledger verify"), closing(_open(file, config)) as ledger:
        result = ledger.verify()
        folder = (file.absolute() if file else _path(config)).parent / identity.FOLDER
        signed, rewritten = _countersigned(ledger, folder)
    print(f"{result.entries} entries in {result.chains} chain(s)")
    for found in result.breaks:
        print(f"BROKEN: chain {found.chain}, entry {found.number}: {found.why}")
    for number in rewritten:
        print(f"REWRITTEN: entry {number} is not the one that control countersigned")
    if result.breaks or rewritten:
        print("Keep a copy of the file: what stands after that entry cannot be trusted.")
        raise typer.Exit(EX_IOERR)
    print("whole")
    if signed:
        print(f"as control countersigned it, up to entry {signed}")


@app.command()
def books(
    file: LedgerFile = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False
) -> None:
    """Recount all contacts from the journal and see whether the books balance.

    offered = served + abandoned + released + failed + voicemail + open, for every queue.
    """
    with told("ledger books"), closing(_open(file, config)) as ledger:
        counted = recount(ledger.all_entries())
    if as_json:
        print(json.dumps(msgspec.to_builtins(counted), ensure_ascii=False))
    else:
        names = ("offered", "served", "abandoned", "released", "failed", "voicemail", "open")
        table = Table("queue", box=None, pad_edge=False)
        for name in names:
            table.add_column(name, justify="right")
        for queue, tally in sorted(counted.queues.items()):
            table.add_row(Text(printable(queue or "(none)")), *_cells(tally, names))
        table.add_row("total", *_cells(counted.total, names), style="bold")
        console.print(table)
        for found in counted.imbalances[:_IMBALANCES_SHOWN]:
            print(f"IMBALANCE: contact {printable(found.contact)}: {found.fault}")
        if len(counted.imbalances) > _IMBALANCES_SHOWN:
            print(f"… {len(counted.imbalances)} in all; --json lists them")
    if counted.imbalances:
        raise typer.Exit(EX_IOERR)


def _countersigned(ledger: LedgerReader, folder: Path) -> tuple[int, list[int]]:
    """Return the last entry that stands as control signed it, and those that do not."""
    if not identity.Identity.exists(folder):
        return 0, []
    key = load_public_key(bytes.fromhex(identity.Identity.load(folder).fields.plan_verify_key))
    good, rewritten = [0], []
    for _, state in ledger.kept(KEPT):
        number = 0
        try:
            signed = msgspec.msgpack.decode(state, type=SignedHead)
            number = signed.number
            head = ChainHead(signed.appliance, signed.chain, number, signed.hash)
            verify_signature(key, HEAD_KIND, head.body(), signed.signature)
        except (msgspec.MsgspecError, PeerError):
            rewritten.append(number)
            continue
        found = ledger.entries(number - 1, limit=1)
        (good if found and head_of(found[0]) == head else rewritten).append(number)
    return max(good), rewritten


def _cells(tally: Tally, names: tuple[str, ...]) -> list[str]:
    return [str(getattr(tally, name)) for name in names]


def _note(rows: dict[str, list[str]], entry: Entry) -> None:
    """Take what a row of `list` needs from an entry."""
    fact = entry.fact()
    if isinstance(fact, ContactArrived):
        caller = "(withheld)" if fact.private else fact.caller
        rows[entry.contact] = [rfc3339(entry.wall_us)[:19], caller, "", "open"]
    elif (row := rows.get(entry.contact)) is None:
        return
    elif isinstance(fact, ContactQueued):
        row[2] = fact.queue
    elif isinstance(fact, ContactEnded):
        row[3] = fact.outcome if fact.reason == "normal" else f"{fact.outcome} ({fact.reason})"


def _facts(entry: Entry) -> str:
    return "  ".join(
        f"{name} {f'({len(value)} bytes)' if isinstance(value, bytes) else value}"
        for name, value in entry.as_dict().items()
    )


def _plain(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON can say it."""
    facts = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in entry.as_dict().items()
    }
    return {
        "chain": entry.chain,
        "number": entry.number,
        "ts": entry.ts,
        "kind": entry.kind,
        "hash": entry.hash.hex(),
        "facts": facts,
    }
