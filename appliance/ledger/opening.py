"""Opening a ledger: make, check, repair what can be repaired, and say so in a new chain."""

import logging
import sqlite3
from pathlib import Path
from typing import Literal

import msgspec

from appliance.base.clock import Clock
from appliance.base.ids import new_id
from appliance.ledger.entry import NO_HASH, entry_hash
from appliance.ledger.errors import LedgerError, from_sqlite, is_damage
from appliance.ledger.records import ChainBegun, Fact, LedgerOpened
from appliance.ledger.store import SCHEMA, check_schema, read_kept, read_meta, walk
from appliance.ledger.sync import Head, read_note

log = logging.getLogger(__name__)

#: entries at the end of the chain that are checked at each opening; the whole is for `verify`
CHECKED_AT_OPENING = 1000
_BOOT = Path("/proc/sys/kernel/random/boot_id")

Reason = Literal["first", "lost", "broken", "damaged", "renamed"]


class Opened(msgspec.Struct):
    """A ledger ready for writing."""

    db: sqlite3.Connection
    chain: str
    chain_row: int
    number: int
    hash: bytes
    incarnation: int
    same_boot: bool


def open_store(path: Path, appliance: str, clock: Clock, *, damaged: bool = False) -> Opened:
    """Open or create the ledger at *path*; with *damaged* set the old file aside first.

    A new chain begins in a new file, after entries were lost (the note beside the ledger knows
    of more), after the end of the chain was altered, after the file was damaged, and after the
    appliance was given another name.
    """
    note = read_note(path.with_name(path.name + ".head"))
    saved: list[tuple[str, bytes]] = []
    if damaged:
        saved = _set_aside(path, clock)
    try:
        try:
            return _open(path, appliance, clock, note, saved, damaged=damaged)
        except sqlite3.DatabaseError as error:
            if damaged or not is_damage(error):
                raise
            log.exception("the ledger is damaged and is begun anew")
            saved = _set_aside(path, clock)
            return _open(path, appliance, clock, note, saved, damaged=True)
    except sqlite3.Error as error:
        raise from_sqlite(error, f"{path} cannot be opened") from error
    except OSError as error:
        raise LedgerError("ledger-unwritable", f"{path}: {error}") from error


def _open(
    path: Path,
    appliance: str,
    clock: Clock,
    note: Head | None,
    saved: list[tuple[str, bytes]],
    *,
    damaged: bool,
) -> Opened:
    db = _connect(path)
    try:
        opening = _Opening(db, appliance, clock, note)
        db.execute("BEGIN IMMEDIATE")
        opened = opening.run(damaged=damaged)
        db.executemany("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)", saved)
        db.execute("COMMIT")
        # nobody else writes; should somebody all the same, a commit must not wait for them
        db.execute("PRAGMA busy_timeout = 20")
    except BaseException:
        db.close()
        raise
    return opened


def _connect(path: Path) -> sqlite3.Connection:
    """Return a connection in WAL mode to a ledger that has its tables."""
    db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        # the log is moved by the sync thread, never by a commit
        db.execute("PRAGMA wal_autocheckpoint = 0")
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            db.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        check_schema(db)
    except BaseException:
        db.close()
        raise
    return db


class _Opening:
    """One opening, inside one transaction."""

    def __init__(
        self, db: sqlite3.Connection, appliance: str, clock: Clock, note: Head | None
    ) -> None:
        self._db = db
        self._appliance = appliance
        self._clock = clock
        self._note = note
        self._number = 0
        self._hash = NO_HASH
        self._chain = ""
        self._chain_row = 0
        self._owner = ""

    def run(self, *, damaged: bool) -> Opened:
        """Find the head, begin a new chain where it must be, note who opened."""
        meta = read_meta(self._db)
        self._find_head()
        reason: Reason | None = "damaged" if damaged else self._fault()
        if reason is not None:
            self._begin_chain(reason)
        boot = _boot()
        incarnation = self._next_incarnation(meta)
        self._append(LedgerOpened(incarnation=incarnation, boot=boot))
        self._db.executemany(
            "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
            [("appliance", self._appliance), ("incarnation", str(incarnation)), ("boot", boot)],
        )
        return Opened(
            db=self._db,
            chain=self._chain,
            chain_row=self._chain_row,
            number=self._number,
            hash=self._hash,
            incarnation=incarnation,
            same_boot=bool(boot) and meta.get("boot") == boot,
        )

    def _find_head(self) -> None:
        row = self._db.execute(
            "SELECT number, hash, chain.id, chain.chain, chain.appliance FROM entry"
            " JOIN chain ON chain.id = entry.chain ORDER BY number DESC LIMIT 1"
        ).fetchone()
        if row is not None:
            self._number, self._hash, self._chain_row, self._chain, self._owner = row

    def _fault(self) -> Reason | None:
        """Return why the chain cannot simply go on, or None."""
        note = self._note
        if not self._number:
            return "first" if note is None else "lost"
        if note is not None and not self._agrees_with(note):
            return "lost"
        tail = walk(self._db, after=max(1, self._number - CHECKED_AT_OPENING))
        if any(one.chain == self._chain for one in tail.breaks):
            return "broken"
        return None if self._owner == self._appliance else "renamed"

    def _agrees_with(self, note: Head) -> bool:
        """Tell whether the entry that the note names is there, unaltered."""
        if note.chain == self._chain and note.number > self._number:
            return False
        row = self._db.execute(
            "SELECT hash FROM entry WHERE number = ?", (note.number,)
        ).fetchone()
        return row is not None and bytes(row[0]) == note.hash

    def _begin_chain(self, reason: Reason) -> None:
        """Begin a chain whose first entry names the head of the one before it."""
        note = self._note
        chain, number, digest = self._chain, self._number, self._hash
        if note is not None and note.number >= number:
            chain, number, digest = note.chain, note.number, note.hash
        self._chain = new_id()
        cursor = self._db.execute(
            "INSERT INTO chain (chain, appliance) VALUES (?, ?)", (self._chain, self._appliance)
        )
        self._chain_row = cursor.lastrowid or 0
        self._number, self._hash = number, NO_HASH
        self._append(
            ChainBegun(
                reason=reason,
                previous_chain=chain,
                previous_number=number,
                previous_hash=b"" if digest == NO_HASH else digest,
            )
        )
        if reason != "first":
            log.error("the ledger begins a new chain (%s) after entry %d", reason, number)

    def _append(self, fact: Fact) -> None:
        self._number += 1
        wall_us, mono_s = self._clock.wall_us(), float(self._clock.monotonic_s())
        facts = msgspec.msgpack.encode(fact)
        self._hash = entry_hash(
            self._hash,
            self._appliance,
            self._chain,
            self._number,
            wall_us,
            mono_s,
            fact.kind(),
            "",
            facts,
        )
        self._db.execute(
            "INSERT INTO entry (number, chain, wall_us, mono_s, kind, contact, facts, hash)"
            " VALUES (?, ?, ?, ?, ?, '', ?, ?)",
            (
                self._number,
                self._chain_row,
                wall_us,
                mono_s,
                fact.kind(),
                facts,
                self._hash,
            ),
        )

    def _next_incarnation(self, meta: dict[str, str]) -> int:
        """Return one more than ever before.

        A ledger that knows of none begins at the seconds since 1970, so that even a box whose
        disk was replaced stands above all its former lives.
        """
        known = meta.get("incarnation", "")
        last = int(known) if known.isdecimal() else 0
        if self._note is not None:
            last = max(last, self._note.incarnation)
        return last + 1 if last else self._clock.wall_us() // 1_000_000


def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _set_aside(path: Path, clock: Clock) -> list[tuple[str, bytes]]:
    """Rename a damaged file and its log; return the states that can still be read from it."""
    aside = path.with_name(f"{path.name}.damaged-{clock.wall_us() // 1_000_000}")
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.replace(aside.with_name(aside.name + suffix))
    try:
        db = sqlite3.connect(aside)
        try:
            return read_kept(db, "")
        finally:
            db.close()
    except sqlite3.Error as error:
        log.warning("the states in the damaged ledger cannot be read: %s", error)
        return []
