"""`branchline ledger` on a real ledger, also while a brain writes it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.base.clock import HeldClock
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import (
    ContactArrived,
    ContactConnected,
    ContactEnded,
    ContactQueued,
    SeatOffered,
)
from appliance.ledger.store import ledger_path
from appliance.ledger.upload import HEAD_KIND, ChainHead
from appliance.link.identity import FOLDER, BoxKeys, Identity
from appliance.link.messages import SignedHead
from appliance.link.uploader import KEPT
from appliance.plan.signing import public_bytes, sign
from appliance.routing.decide import decide
from appliance.routing.planindex import PlanIndex
from appliance.routing.trace import pack
from tests.appliance.cli.runner import branchline
from tests.appliance.link.identities import FIELDS
from tests.appliance.routing.rows import NOW_MS, PLAN, contact, floor_of, seat


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """Keep a ledger with three contacts open for writing."""
    clock = HeldClock()
    with LedgerJournal(ledger_path(tmp_path), "box", clock=clock) as journal:
        for contact, caller in (("c-served", "0301"), ("c-gone", "0302"), ("c-here", "\x1b[31m")):
            journal.record(ContactArrived(arrival=1, caller=caller), contact)
            journal.record(ContactQueued(queue="sales"), contact)
        clock.advance(2.5)
        offer = SeatOffered(seat="anna", owner="box", reservation="r1", trace=b"\x80abc")
        journal.record(offer, "c-served")
        journal.record(ContactConnected(seat="anna", owner="box"), "c-served")
        journal.record(ContactEnded(outcome="served", talked_ms=1000), "c-served")
        journal.record(ContactEnded(outcome="abandoned", reason="cancelled"), "c-gone")
        journal.commit()
        yield tmp_path


@pytest.fixture
def file(state: Path) -> str:
    return str(ledger_path(state))


def test_show_tells_a_contact_s_way(file: str) -> None:
    done = branchline("ledger", "show", "c-served", "--file", file)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[4] for line in lines] == [
        "contact-arrived",
        "contact-queued",
        "seat-offered",
        "contact-connected",
        "contact-ended",
    ]
    assert "+2.500 s" in lines[2]
    assert "trace (4 bytes)" in lines[2]
    assert "outcome served" in lines[-1]


def test_show_as_json(file: str) -> None:
    done = branchline("ledger", "show", "c-served", "-f", file, "--json")
    entries = json.loads(done.stdout)
    assert entries[0]["facts"] == {"arrival": 1, "caller": "0301"}
    assert entries[2]["facts"]["trace"] == "80616263"
    assert [e["number"] for e in entries] == sorted(e["number"] for e in entries)


def test_an_unknown_contact_is_said_so(file: str) -> None:
    done = branchline("ledger", "show", "nobody", "-f", file)
    assert done.returncode == 66
    assert "knows no contact nobody" in done.stdout


def test_list_shows_the_newest(file: str) -> None:
    done = branchline("ledger", "list", "-f", file)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert rows["c-served"].split()[2:] == ["0301", "sales", "served"]
    assert "abandoned (cancelled)" in rows["c-gone"]
    assert rows["c-here"].split()[-1] == "open"
    assert "\x1b" not in done.stdout
    short = branchline("ledger", "list", "-f", file, "--last", "1").stdout
    assert "c-here" in short
    assert "c-gone" not in short


def test_books_balance(file: str) -> None:
    done = branchline("ledger", "books", "-f", file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split() == ["sales", "3", "1", "1", "0", "0", "0", "1"]
    tally = json.loads(branchline("ledger", "books", "-f", file, "--json").stdout)
    assert tally["queues"]["sales"]["offered"] == 3


def test_books_that_do_not_balance_are_an_error(state: Path, file: str) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("DELETE FROM entry WHERE kind = 'contact-arrived' AND contact = 'c-gone'")
    done = branchline("ledger", "books", "-f", file)
    assert done.returncode == 74
    assert "IMBALANCE: contact c-gone: no-arrival" in done.stdout


def test_verify(file: str) -> None:
    done = branchline("ledger", "verify", "-f", file)
    assert (done.returncode, done.stdout.split()[-1]) == (0, "whole")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE entry SET contact = 'other' WHERE number = 4")
    done = branchline("ledger", "verify", "-f", file)
    assert done.returncode == 74
    assert "entry 4:" in done.stdout


def test_verify_compares_with_what_control_countersigned(state: Path, file: str) -> None:
    key = Ed25519PrivateKey.generate()
    fields = msgspec.structs.replace(FIELDS, plan_verify_key=public_bytes(key).hex())
    keys = BoxKeys.load_or_make(state / FOLDER)
    Identity(fields=fields, keys=keys, certificate_pem=b"c", ca_pem=b"ca").save(state / FOLDER)
    with closing(sqlite3.connect(file)) as db:
        (chain, number, digest) = db.execute(
            "SELECT chain.chain, number, hash FROM entry JOIN chain ON chain.id = entry.chain"
            " WHERE number = 5"
        ).fetchone()

    def countersign(digest: bytes) -> None:
        head = ChainHead("box", chain, number, digest)
        signature = sign(key, HEAD_KIND, head.body())
        kept = msgspec.msgpack.encode(SignedHead("box", chain, number, digest, signature))
        with closing(sqlite3.connect(file)) as db, db:
            db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (KEPT + chain, kept))

    countersign(digest)
    done = branchline("ledger", "verify", "--file", file)
    assert done.returncode == 0, done.stderr
    assert "as control countersigned it, up to entry 5" in done.stdout
    countersign(b"x" * 32)
    done = branchline("ledger", "verify", "--file", file)
    assert done.returncode != 0
    assert "REWRITTEN: entry 5 " in done.stdout


def test_the_ledger_is_found_by_the_settings(state: Path) -> None:
    config = state / "appliance.toml"
    config.write_text(f'state_dir = "{state}"\n')
    assert branchline("ledger", "verify", "--config", str(config)).returncode == 0


@pytest.mark.parametrize(
    "content", [None, b"", b"no database", b"SQLite format 3\x00" + b"x" * 99]
)
def test_what_is_no_ledger_is_said_so(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "some.db"
    if content is not None:
        path.write_bytes(content)
    done = branchline("ledger", "verify", "-f", str(path))
    assert done.returncode in {74, 78}
    assert done.stderr.startswith("branchline ledger verify: ")
    assert "Traceback" not in done.stderr


@pytest.fixture
def decided(tmp_path: Path) -> tuple[str, str]:
    """Journal an offer as `decide` gave it, and the plan it followed; return their files."""
    floor = floor_of(contact("c", age_ms=4_000, klass="gold"), seat("ann"), seat("fay"))
    (proposal,) = decide(PlanIndex(PLAN), floor, NOW_MS)
    with LedgerJournal(
        ledger_path(tmp_path), proposal.contact_owner, clock=HeldClock()
    ) as journal:
        for trace in (pack(proposal), b"\xc1nonsense"):
            offer = SeatOffered(
                seat=proposal.seat, owner=proposal.seat_owner, reservation="r", trace=trace
            )
            journal.record(offer, "c")
        journal.commit()
    plan = tmp_path / "plan.json"
    plan.write_bytes(msgspec.json.encode(PLAN))
    return str(ledger_path(tmp_path)), str(plan)


def test_why_this_agent(decided: tuple[str, str], tmp_path: Path) -> None:
    file, plan = decided
    done = branchline("ledger", "why", "c", "-f", file, "--plan", plan)
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "offered to fay at box-a" in lines[0]
    assert lines[1].startswith("c (gold) waited 4.0 s, score ")
    assert [line.split(": ")[-1] for line in lines[2:4]] == ["chosen", "next best"]
    assert lines[-1] == "asked for by name, or journalled before this was"
    other = tmp_path / "other.json"
    other.write_bytes(msgspec.json.encode(msgspec.structs.replace(PLAN, serial=9)))
    answer = json.loads(
        branchline("ledger", "why", "c", "-f", file, "-p", str(other), "--json").stdout
    )
    assert answer[0]["differs"] == ["decided by plan 7, not 9"]
    assert answer[1]["why"] == []


def test_why_nobody(file: str) -> None:
    done = branchline("ledger", "why", "c-gone", "-f", file)
    assert done.returncode == 66
    assert "offered to nobody" in done.stderr
    missing = branchline("ledger", "why", "c-served", "-f", file, "--plan", "/none.json")
    assert missing.returncode != 0
    assert "/none.json" in missing.stderr
