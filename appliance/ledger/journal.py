"""The journal: facts and resumable state, committed together before anything is sent.

Nothing here waits for the disk but the opening: a commit writes SQLite's log (it survives a
killed process), `sync.py` makes it survive a power cut.
"""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from appliance.base.clock import Clock
from appliance.base.ids import new_id
from appliance.ledger.entry import NO_HASH, Entry, VerifyResult, entry_hash
from appliance.ledger.errors import LedgerError, from_sqlite, is_damage
from appliance.ledger.opening import Opened, open_store
from appliance.ledger.records import KINDS, ChainBegun, EntriesDropped, Fact
from appliance.ledger.store import read_entries, read_kept, walk
from appliance.ledger.sync import Head, WalSync
from appliance.ledger.upload import ChainHead

log = logging.getLogger(__name__)

#: entries kept in memory while the disk takes nothing; about an hour of a busy branch
STAGED_MOST = 50_000

_KIND_OF = {record: kind for kind, record in KINDS.items()}
_INSERT = (
    "INSERT INTO entry (number, chain, wall_us, mono_s, kind, contact, facts, hash)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_KEEP = "INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)"
_FORGET = "DELETE FROM state WHERE key = ?"
_encode = msgspec.msgpack.Encoder().encode

#: an entry before it has a number: wall_us, mono_s, kind, contact, facts
_Staged = tuple[int, float, str, str, bytes]


class LedgerJournal:
    """One appliance's ledger, open for writing; made and used in one thread.

    `add`, `keep` and `forget` only stage; `commit` writes what is staged in one transaction.
    Raises LedgerError `ledger-unwritable` or `disk-full`; what was staged stays staged then,
    and the next commit tries again.
    """

    def __init__(self, path: Path, appliance: str, *, clock: Clock) -> None:
        self._path = path
        self._appliance = appliance
        self._clock = clock
        self._staged: list[_Staged] = []
        self._states: dict[str, bytes | None] = {}
        self._dropped = 0
        self._closed = False
        self._lock = _lock(path)
        try:
            self._take(open_store(path, appliance, clock))
        except BaseException:
            self._lock.close()
            raise

    def _take(self, opened: Opened) -> None:
        self._db = opened.db
        self._chain = opened.chain
        self._chain_row = opened.chain_row
        self._number = opened.number
        self._hash = opened.hash
        #: raised at each opening; says which life of the brain wrote or published something
        self.incarnation = opened.incarnation
        #: no restart of the machine since the last opening: kept monotonic times still hold
        self.same_boot = opened.same_boot
        note = self._path.with_name(self._path.name + ".head")
        try:
            self._sync = WalSync(self._path, note, self._head())
            self._sync.start()
        except OSError as error:
            self._db.close()
            raise LedgerError("ledger-unwritable", f"{self._path}: {error}") from error

    # -- writing -------------------------------------------------------------------------------

    def record(self, fact: Fact, contact: str = "") -> None:
        """Stage one of the known facts, about *contact* or about the box."""
        self.add(_KIND_OF[type(fact)], contact, fact)

    def add(self, kind: str, contact: str, facts: msgspec.Struct | Mapping[str, Any]) -> None:
        """Stage an entry; it has its time from now and its number from the commit."""
        contact.encode()  # text that no file can hold fails here, not at every later commit
        if len(self._staged) >= STAGED_MOST:
            self._dropped += 1
            return
        clock = self._clock
        self._staged.append(
            (clock.wall_us(), float(clock.monotonic_s()), kind, contact, _encode(facts))
        )

    def keep(self, key: str, state: bytes) -> None:
        """Stage a state that a restarted brain will find under *key*."""
        key.encode()
        self._states[key] = bytes(state)

    def forget(self, key: str) -> None:
        """Stage that nothing is kept under *key* any more."""
        self._states[key] = None

    def commit(self) -> int:
        """Write what is staged, all or nothing; return the number of the last entry."""
        if not (self._staged or self._states or self._dropped):
            return self._number
        if self._sync.error is not None:
            raise LedgerError("ledger-unwritable", f"the disk failed: {self._sync.error}")
        try:
            self._write()
        except sqlite3.Error as error:
            self._roll_back()
            if not is_damage(error):
                raise from_sqlite(error, f"{self._path} cannot be written") from error
            self._start_anew(error)
        self._sync.wake(self._head())
        return self._number

    def _write(self) -> None:
        """Write all that is staged in one transaction, and only then count on from it."""
        number, last, rows = self._number, self._hash, []
        chain, chain_row, appliance = self._chain, self._chain_row, self._appliance
        staged = self._staged
        if self._dropped:
            staged = [*staged, self._confession()]
        for wall_us, mono_s, kind, contact, facts in staged:
            number += 1
            last = entry_hash(
                last, appliance, chain, number, wall_us, mono_s, kind, contact, facts
            )
            rows.append((number, chain_row, wall_us, mono_s, kind, contact, facts, last))
        execute = self._db.execute
        execute("BEGIN IMMEDIATE")
        for row in rows:
            execute(_INSERT, row)
        for key, state in self._states.items():
            if state is None:
                execute(_FORGET, (key,))
            else:
                execute(_KEEP, (key, state))
        execute("COMMIT")
        self._number, self._hash = number, last
        self._staged.clear()
        self._states.clear()
        self._dropped = 0

    def _confession(self) -> _Staged:
        """Return the entry that says how many were dropped: a gap is never hidden."""
        facts = EntriesDropped(count=self._dropped)
        kind = _KIND_OF[EntriesDropped]
        clock = self._clock
        return clock.wall_us(), float(clock.monotonic_s()), kind, "", _encode(facts)

    def _roll_back(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("the ledger could not be rolled back: %s", error)

    def _start_anew(self, error: sqlite3.Error) -> None:
        """Go on in a new file and chain after the old one turned out to be damaged."""
        log.error("the ledger is damaged and is begun anew: %s", error)
        incarnation = self.incarnation
        self._sync.stop()
        self._db.close()
        self._take(open_store(self._path, self._appliance, self._clock, damaged=True))
        self.incarnation = incarnation
        try:
            self._write()
        except sqlite3.Error as again:
            self._roll_back()
            raise from_sqlite(again, f"{self._path} cannot be written") from again

    def begin_chain(self, reason: Literal["lost", "broken"], previous: ChainHead) -> None:
        """Go on in a new chain whose first entry names *previous*.

        For when control holds entries of this box that are not in this file any more (`lost`),
        or cannot follow the chain (`broken`). Its numbers begin above all that either knows.
        """
        self.commit()
        facts = _encode(
            ChainBegun(
                reason=reason,
                previous_chain=previous.chain,
                previous_number=previous.number,
                previous_hash=previous.hash,
            )
        )
        chain, number = new_id(), max(self._number, previous.number) + 1
        wall_us, mono_s = self._clock.wall_us(), float(self._clock.monotonic_s())
        kind, appliance = ChainBegun.kind(), self._appliance
        last = entry_hash(NO_HASH, appliance, chain, number, wall_us, mono_s, kind, "", facts)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            cursor = self._db.execute(
                "INSERT INTO chain (chain, appliance) VALUES (?, ?)", (chain, appliance)
            )
            row = cursor.lastrowid or 0
            self._db.execute(_INSERT, (number, row, wall_us, mono_s, kind, "", facts, last))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise from_sqlite(error, f"{self._path} cannot be written") from error
        self._chain, self._chain_row, self._number, self._hash = chain, row, number, last
        self._sync.wake(self._head())
        log.error("the ledger goes on in a new chain (%s) at entry %d", reason, number)

    # -- reading -------------------------------------------------------------------------------

    @property
    def synced(self) -> int:
        """Return the highest number known to survive a power cut."""
        return self._sync.synced

    @property
    def path(self) -> Path:
        """Return where the ledger is."""
        return self._path

    def head(self) -> tuple[str, int, bytes]:
        """Return chain, number and hash of the last committed entry."""
        return self._chain, self._number, self._hash

    def _head(self) -> Head:
        return Head(self._appliance, self.incarnation, self._chain, self._number, self._hash)

    def kept(self, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """Yield the committed states whose key begins with *prefix*."""
        try:
            return iter(read_kept(self._db, prefix))
        except sqlite3.Error as error:
            raise from_sqlite(error, f"{self._path} cannot be read") from error

    def entries(
        self, after: int = 0, *, contact: str | None = None, limit: int = 1000
    ) -> list[Entry]:
        """Return at most *limit* committed entries with a number above *after*, in order."""
        try:
            return read_entries(self._db, after, contact, limit)
        except sqlite3.Error as error:
            raise from_sqlite(error, f"{self._path} cannot be read") from error

    def verify(self) -> VerifyResult:
        """Walk all chains; name the first entry of each that does not follow."""
        try:
            return walk(self._db)
        except sqlite3.Error as error:
            raise from_sqlite(error, f"{self._path} cannot be read") from error

    def close(self) -> None:
        """Sync and let go of the file; what is staged but not committed is gone."""
        if self._closed:
            return
        self._closed = True
        self._sync.stop()
        self._db.close()
        self._lock.close()

    def __enter__(self) -> "LedgerJournal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock(path: Path) -> IO[bytes]:
    """Make sure that nobody else writes this ledger: two writers would fork the chain."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock").open("ab")
    except OSError as error:
        raise LedgerError("ledger-unwritable", f"{path}: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise LedgerError(
            "ledger-unwritable",
            f"{path} is open in another process ({os.strerror(error.errno or 0)})",
        ) from error
    return lock
