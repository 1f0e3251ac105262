"""What the upload to control needs of a ledger; it reads in a thread, so that no call waits."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

from appliance.ledger.entry import Entry
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.store import ChainSpan, LedgerReader
from appliance.ledger.upload import MAX_ENTRIES, ChainHead, head_of, portion

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class LedgerOutbox:
    """An open journal, read beside its writer."""

    def __init__(self, journal: LedgerJournal, wake: Callable[[], object]) -> None:
        self._journal = journal
        self._wake = wake
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger-outbox")
        self._reader: LedgerReader | None = None
        self._file = 0

    # -- reading, in the thread ----------------------------------------------------------------

    async def chains(self) -> list[ChainSpan]:
        """Return the chains in the order in which they were begun."""
        return await self._read(lambda reader: reader.chains())

    async def batch(self, chain: ChainSpan, after: int) -> list[Entry]:
        """Return the entries of *chain* that come next and are safe on the disk."""
        synced = self._journal.synced

        def read(reader: LedgerReader) -> list[Entry]:
            found = reader.entries(max(after, chain.first - 1), limit=MAX_ENTRIES)
            safe = [one for one in found if one.chain == chain.chain and one.number <= synced]
            return list(portion(safe)) if safe else []

        return await self._read(read)

    async def head(self, number: int) -> ChainHead | None:
        """Return the entry of that number as a head, or None."""
        found = await self._read(lambda reader: reader.entries(number - 1, limit=1))
        return head_of(found[0]) if found and found[0].number == number else None

    async def first(self, chain: ChainSpan) -> Entry | None:
        """Return the first entry of *chain*."""
        found = await self._read(lambda reader: reader.entries(chain.first - 1, limit=1))
        return found[0] if found else None

    async def kept(self, key: str) -> bytes | None:
        """Return what is kept under *key*, or None."""
        return dict(await self._read(lambda reader: reader.kept(key))).get(key)

    async def _read(self, read: Callable[[LedgerReader], _T]) -> _T:
        def look() -> _T:
            return read(self._open())

        return await asyncio.get_running_loop().run_in_executor(self._thread, look)

    def _open(self) -> LedgerReader:
        """Return the reader; a damaged file is set aside and another takes its place."""
        path = self._journal.path
        if self._reader is None or path.stat().st_ino != self._file:
            self._shut()
            self._reader = LedgerReader(path)
            self._file = path.stat().st_ino
        return self._reader

    def _shut(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    # -- writing, in the journal's own thread --------------------------------------------------

    @property
    def synced(self) -> int:
        """Return the number of the last entry that is safe on the disk."""
        return self._journal.synced

    @property
    def current(self) -> ChainHead:
        """Return the head of the chain that is being written."""
        chain, number, digest = self._journal.head()
        return ChainHead("", chain, number, digest)

    def keep(self, key: str, state: bytes) -> None:
        """Keep *state*; it is committed with the next turn."""
        self._journal.keep(key, state)
        self._wake()

    def begin_chain(self, reason: Literal["lost", "broken"], previous: ChainHead) -> None:
        """Go on in a new chain that names *previous*."""
        self._journal.begin_chain(reason, previous)

    def close(self) -> None:
        """Stop reading."""
        self._thread.submit(self._shut)
        self._thread.shutdown(wait=True)
