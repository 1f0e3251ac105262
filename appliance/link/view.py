"""The receiving side of the federation's state: a peer's snapshots and deltas, checked."""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from appliance.link.messages import Delta, Resnapshot, Snapshot
from appliance.routing.model import ContactRow, Failure, SeatRow

_log = logging.getLogger(__name__)

#: deltas that cannot be used before a snapshot is asked for again
ASK_EVERY = 64

_Row = TypeVar("_Row", ContactRow, SeatRow)
_Record = TypeVar("_Record", Snapshot, Delta)


class ViewSink(Protocol):
    """Whoever keeps what the peers own. Every row it gets is its sender's own."""

    def replace(self, owner: str, snapshot: Snapshot) -> None:
        """Take everything that *owner* has."""

    def change(self, owner: str, delta: Delta) -> None:
        """Take what changed at *owner*."""

    def lose(self, owner: str) -> None:
        """Forget *owner*: it is out of reach."""


class PeerView:
    """One peer's state, in order and without gaps; make a new one for each session."""

    def __init__(self, peer: str, sink: ViewSink, send: Callable[[Resnapshot], object]) -> None:
        self._peer = peer
        self._sink = sink
        self._send = send
        self._incarnation = -1
        self._number = -1
        #: a snapshot is needed, and nothing else is taken until it is here
        self._waiting = True
        self._missed = 0
        self._lost = False
        #: what was not taken in, by reason word
        self.ignored: Counter[str] = Counter()

    def take(self, record: Snapshot | Delta) -> None:
        """Take a snapshot or delta of the peer."""
        if self._lost:
            return
        if record.incarnation < self._incarnation:
            self.ignored["stale-incarnation"] += 1
        elif isinstance(record, Snapshot):
            self._take_snapshot(record)
        else:
            self._take_delta(record)

    def lose(self) -> None:
        """End: the peer is out of reach."""
        if not self._lost:
            self._lost = True
            self._sink.lose(self._peer)

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        newer = snapshot.incarnation > self._incarnation
        if not newer and snapshot.number < self._number:
            self.ignored["overtaken"] += 1
            return
        self._incarnation, self._number = snapshot.incarnation, snapshot.number
        self._waiting, self._missed = False, 0
        self._sink.replace(self._peer, self._own(snapshot))

    def _take_delta(self, delta: Delta) -> None:
        same = delta.incarnation == self._incarnation
        if same and delta.number <= self._number:
            self.ignored["overtaken"] += 1
        elif same and delta.number == self._number + 1 and not self._waiting:
            self._number = delta.number
            self._sink.change(self._peer, self._own(delta))
        else:
            _log.debug("%s: delta %s after %s", self._peer, delta.number, self._number)
            self.ignored["gap"] += 1
            self._ask()

    def _ask(self) -> None:
        """Ask for a snapshot, once and again should the answer fail to come."""
        if self._missed % ASK_EVERY == 0:
            self._send(Resnapshot(expected=self._number + 1))
        self._missed += 1
        self._waiting = True

    def _own(self, record: _Record) -> _Record:
        """Return *record* with the rows only that are the sender's own, of its present life."""
        return msgspec.structs.replace(
            record,
            contacts=self._own_rows(record.contacts, record.incarnation),
            seats=self._own_rows(record.seats, record.incarnation),
            failures=self._own_failures(record.failures),
        )

    def _own_rows(self, rows: list[_Row], incarnation: int) -> list[_Row]:
        own = [r for r in rows if r.owner == self._peer and r.incarnation == incarnation]
        if len(own) < len(rows):
            foreign = sum(row.owner != self._peer for row in rows)
            self.ignored["foreign"] += foreign
            self.ignored["stale-incarnation"] += len(rows) - len(own) - foreign
            _log.warning("%s: %s rows are not its own", self._peer, len(rows) - len(own))
        return own

    def _own_failures(self, failures: list[Failure]) -> list[Failure]:
        own = [failure for failure in failures if failure.owner == self._peer]
        self.ignored["foreign"] += len(failures) - len(own)
        return own
