"""The thread that brings commits to the disk, so that the call path never waits for it.

A commit lands in SQLite's write-ahead log by plain writes: that survives a killed process. This
thread makes it survive a power cut too: it syncs the log while there is something new, moves it
into the main file now and then, and notes beside the ledger how far that got.
"""

import logging
import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

#: rest between two syncs [s]: with the sync itself it stays below the 10 ms of the design
SYNC_REST_S = 0.005
#: how often the note beside the ledger is renewed [s]: a flash card's wear against how much of a
#: lost tail would be noticed
NOTE_EVERY_S = 1.0
#: the log is moved into the main file after this many commits, some 10 KB each; the next commit
#: then waits once for SQLite to sync the log's new header, so it must not happen often
CHECKPOINT_EVERY = 4000


class Head(msgspec.Struct, frozen=True):
    """How far the ledger got: kept beside it, so that a lost or older file is noticed."""

    appliance: str
    incarnation: int
    chain: str
    number: int
    hash: bytes


def read_note(path: Path) -> Head | None:
    """Return what the note beside the ledger says, or None where there is none to believe."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Head)
    except (OSError, msgspec.DecodeError):
        return None


def write_note(path: Path, head: Head) -> None:
    """Replace the note: the old or the new one survives a power cut, never half of one."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(head))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


class WalSync:
    """Owns the thread; `wake` after each commit, `synced` tells what is on the disk."""

    def __init__(self, path: Path, note: Path, head: Head) -> None:
        self._path = path
        self._note = note
        self._committed = head
        self._noted: Head | None = None
        self._noted_s = 0.0
        self._commits = 0
        self._moved = 0
        self._on_disk: Head | None = None
        #: what went wrong with the disk, or None; then nothing can be promised any more
        self.error: OSError | None = None
        self._news = threading.Event()
        self._quit = threading.Event()
        self._wal = os.open(path.with_name(path.name + "-wal"), os.O_RDWR | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="ledger-sync", daemon=True)

    @property
    def synced(self) -> int:
        """Return the number of the last entry that survives a power cut."""
        return 0 if self._on_disk is None else self._on_disk.number

    def start(self) -> None:
        """Sync the folder and what is committed already, then leave the rest to the thread."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._sync()
        self._write_note()
        self._thread.start()

    def wake(self, head: Head) -> None:
        """Tell the thread that everything up to *head* is committed."""
        self._committed = head
        self._commits += 1
        self._news.set()

    def stop(self) -> None:
        """Sync a last time and end the thread."""
        self._quit.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join()
        self._sync()
        self._write_note()
        os.close(self._wal)

    def _run(self) -> None:
        while not self._quit.is_set():
            # woken by a commit; the time-out renews the note after the last one
            self._news.wait(NOTE_EVERY_S)
            if self._news.is_set():
                self._news.clear()
                self._sync()
                self._checkpoint()
                self._quit.wait(SYNC_REST_S)
            if time.monotonic() - self._noted_s >= NOTE_EVERY_S:
                self._write_note()

    def _sync(self) -> None:
        head = self._committed
        if self.error is not None:
            return
        try:
            os.fdatasync(self._wal)
        except OSError as error:
            # after a failed sync the kernel may call the lost pages clean: only a new start helps
            log.exception("the disk refuses to keep the ledger")
            self.error = error
        else:
            self._on_disk = head

    def _checkpoint(self) -> None:
        """Move a long log into the main file, with a connection of this thread's own."""
        commits = self._commits
        if commits - self._moved < CHECKPOINT_EVERY or self.error is not None:
            return
        self._moved = commits
        try:
            with closing(sqlite3.connect(self._path, isolation_level=None, timeout=0)) as db:
                db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            log.warning("the ledger's log was not moved into its file: %s", error)

    def _write_note(self) -> None:
        """Renew the note; it never claims more than what is on the disk."""
        head = self._on_disk
        if head is None or head is self._noted:
            return
        try:
            write_note(self._note, head)
        except OSError as error:
            log.warning("the note beside the ledger was not renewed: %s", error)
        else:
            self._noted = head
        self._noted_s = time.monotonic()
