"""The ledger's SQLite file: its tables, and reading it without disturbing the writer."""

import sqlite3
from bisect import bisect_left
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from appliance.ledger.entry import Entry, VerifyResult, Walk
from appliance.ledger.errors import LedgerError, from_sqlite

#: raised when the tables change; a newer file is refused, never guessed at
SCHEMA_VERSION = 1
#: "BLed": what `file` shows and what keeps us from writing into someone else's database
APPLICATION_ID = 0x424C6564
#: rows read at a time while walking the chains
_BATCH = 2000

SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE chain (
  id INTEGER PRIMARY KEY,
  chain TEXT NOT NULL UNIQUE,
  appliance TEXT NOT NULL
);
CREATE TABLE entry (
  number INTEGER PRIMARY KEY,
  chain INTEGER NOT NULL REFERENCES chain (id),
  wall_us INTEGER NOT NULL,
  mono_s REAL NOT NULL,
  kind TEXT NOT NULL,
  contact TEXT NOT NULL,
  facts BLOB NOT NULL,
  hash BLOB NOT NULL
);
CREATE INDEX entry_by_contact ON entry (contact) WHERE contact != '';
CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""

_ENTRY = (
    "SELECT chain.appliance, chain.chain, number, wall_us, mono_s, kind, contact, facts, hash"
    " FROM entry JOIN chain ON chain.id = entry.chain"
)

_RAW = (
    "wall_us, number, kind, contact, facts, chain.appliance"
    " FROM entry JOIN chain ON chain.id = entry.chain"
)


class ChainSpan(msgspec.Struct, frozen=True):
    """A chain in the file: whose it is, and the numbers of its first and last entry."""

    chain: str
    appliance: str
    first: int
    last: int


def ledger_path(state_dir: Path) -> Path:
    """Return where an appliance keeps its ledger."""
    return state_dir / "ledger.db"


def check_schema(db: sqlite3.Connection) -> None:
    """Raise LedgerError where the file is not a ledger that this version can read."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise LedgerError("ledger-unwritable", "the file is a database, but not a ledger")
    if version != SCHEMA_VERSION:
        raise LedgerError(
            "ledger-unwritable",
            f"the ledger has layout {version}; this version knows {SCHEMA_VERSION}",
        )


def read_meta(db: sqlite3.Connection) -> dict[str, str]:
    """Return the file's own few facts: appliance, incarnation, boot."""
    return dict(db.execute("SELECT key, value FROM meta"))


def read_entries(
    db: sqlite3.Connection, after: int, contact: str | None, limit: int
) -> list[Entry]:
    """Return entries in order, of all chains; those of one contact if it is named."""
    if contact is None:
        rows = db.execute(
            f"{_ENTRY} WHERE number > ? ORDER BY number LIMIT ?",
            (after, limit),
        )
    else:
        rows = db.execute(
            f"{_ENTRY} WHERE contact = ? AND contact != '' AND number > ? ORDER BY number LIMIT ?",
            (contact, after, limit),
        )
    return [
        Entry(
            appliance=appliance,
            chain=chain,
            number=number,
            wall_us=wall_us,
            mono_s=mono_s,
            kind=kind,
            contact=about,
            facts=bytes(facts),
            hash=bytes(digest),
        )
        for appliance, chain, number, wall_us, mono_s, kind, about, facts, digest in rows
    ]


def read_chains(db: sqlite3.Connection) -> list[ChainSpan]:
    """Return the chains in the order in which they were begun.

    Their rows are numbered in that order, so where one begins is found by halving: nobody reads
    millions of entries for it.
    """
    lowest, highest = db.execute(
        "SELECT (SELECT min(number) FROM entry), (SELECT max(number) FROM entry)"
    ).fetchone()
    if lowest is None:
        return []

    def chain_at(number: int) -> int:
        row = db.execute(
            "SELECT chain FROM entry WHERE number >= ? ORDER BY number LIMIT 1", (number,)
        ).fetchone()
        return int(row[0])

    spans: list[ChainSpan] = []
    last = highest
    rows = db.execute("SELECT id, chain, appliance FROM chain ORDER BY id DESC").fetchall()
    for row, chain, appliance in rows:
        at = bisect_left(range(lowest, last + 1), row, key=chain_at) + lowest
        (first,) = db.execute("SELECT min(number) FROM entry WHERE number >= ?", (at,)).fetchone()
        spans.insert(0, ChainSpan(chain, appliance, first, last))
        (last,) = db.execute("SELECT max(number) FROM entry WHERE number < ?", (at,)).fetchone()
        if last is None:
            break
    return spans


def walk(db: sqlite3.Connection, *, after: int = 0) -> VerifyResult:
    """Check the chains from the entry *after* on, which is then believed as their anchor."""
    steps = Walk()
    at, first = after - 1 if after else 0, True
    while batch := read_entries(db, at, None, _BATCH):
        steps.feed(batch, mid_chain=first and after > 0)
        at, first = batch[-1].number, False
    return steps.result()


def read_kept(db: sqlite3.Connection, prefix: str) -> list[tuple[str, bytes]]:
    """Return the kept states whose key begins with *prefix*, in the order of their keys."""
    rows = db.execute(
        "SELECT key, value FROM state WHERE key >= ? AND substr(key, 1, ?) = ? ORDER BY key",
        (prefix, len(prefix), prefix),
    )
    return [(key, bytes(value)) for key, value in rows]


class RawFact(NamedTuple):
    """An entry as a long walk needs it: not decoded, without chain and hash."""

    wall_us: int
    number: int
    kind: str
    contact: str
    facts: bytes
    appliance: str


class LedgerReader:
    """Reads a ledger beside its running writer; for the field commands."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise LedgerError("missing-file", f"{path} is not there")
        try:
            self._db = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
            check_schema(self._db)
            self.meta = read_meta(self._db)
        except sqlite3.Error as error:
            raise from_sqlite(error, f"{path} cannot be read") from error

    def entries(
        self, after: int = 0, *, contact: str | None = None, limit: int = 1000
    ) -> list[Entry]:
        """Return at most *limit* entries with a number above *after*, in order."""
        try:
            return read_entries(self._db, after, contact, limit)
        except sqlite3.Error as error:
            raise from_sqlite(error, "the ledger cannot be read") from error

    def chains(self) -> list[ChainSpan]:
        """Return the chains in the order in which they were begun."""
        try:
            return read_chains(self._db)
        except sqlite3.Error as error:
            raise from_sqlite(error, "the ledger cannot be read") from error

    def kept(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the kept states whose key begins with *prefix*."""
        try:
            return read_kept(self._db, prefix)
        except sqlite3.Error as error:
            raise from_sqlite(error, "the ledger cannot be read") from error

    def all_entries(self) -> Iterator[Entry]:
        """Yield every entry, in order."""
        after = 0
        while batch := self.entries(after, limit=_BATCH):
            yield from batch
            after = batch[-1].number

    def facts(self, kinds: Collection[str]) -> Iterator[RawFact]:
        """Yield the entries of these kinds in order, twice as fast as `all_entries`."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT {_RAW} WHERE kind IN ({marks}) ORDER BY number"
        try:
            yield from map(RawFact._make, self._db.execute(query, tuple(kinds)))
        except sqlite3.Error as error:
            raise from_sqlite(error, "the ledger cannot be read") from error

    def verify(self) -> VerifyResult:
        """Walk all chains."""
        try:
            return walk(self._db)
        except sqlite3.Error as error:
            raise from_sqlite(error, "the ledger cannot be read") from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
