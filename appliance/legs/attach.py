"""The legs' side of the link: attaching, the snapshot, heartbeats, and a brain that is silent."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from appliance.legs.events import LegEvents
from appliance.wire.commands import BrainRecord
from appliance.wire.events import Refused
from appliance.wire.rows import LegRow, Registration, TrunkState
from appliance.wire.session import PROTO, Ack, Attach, Beat, Hello, Snapshot, SnapshotEnd
from appliance.wire.transport import LegsEnd

_log = logging.getLogger(__name__)

#: a beat each way this often [s]
BEAT_S = 0.5
#: rows in one record of the snapshot
SNAPSHOT_ROWS = 200
#: the oldest version that is spoken, the one before ours
_OLDEST_PROTO = max(1, PROTO - 1)

Row = TypeVar("Row")


class Tables(Protocol):
    """What a snapshot is made of, and what is told after it."""

    def legs(self) -> Sequence[LegRow]:
        """Return the rows of legs, tombstones last."""

    def registrations(self) -> Sequence[Registration]:
        """Return the phones that are there."""

    def trunk_states(self) -> Sequence[TrunkState]:
        """Return the trunks and lines."""

    def ack(self, seq: int) -> None:
        """Forget what the brain has written down."""

    def tell_again(self) -> None:
        """Tell as new events what a snapshot cannot show and no brain has acknowledged."""


class BrainSide:
    """Holds the one brain that is obeyed, and knows since when there is none."""

    def __init__(
        self,
        events: LegEvents,
        tables: Tables,
        obey: Callable[[BrainRecord], None],
        *,
        epoch: str,
        boot: str,
        brain_dead_s: float,
    ) -> None:
        self._events = events
        self._tables = tables
        self._obey = obey
        self._epoch = epoch
        self._boot = boot
        self._brain_dead_s = brain_dead_s
        self._link: LegsEnd | None = None
        #: links that have not attached yet -> when they came
        self._strangers: dict[LegsEnd, float] = {}
        self._t_heard = 0.0
        #: when the brain went away, None while one is attached [monotonic s]
        self.away_since: float | None = events.now_s()

    def accept(self, link: LegsEnd) -> None:
        """Take a new link; it is heard once it has attached."""
        link.on_up = lambda: self._strangers.update({link: self._events.now_s()})
        link.on_records = lambda records: self._records(link, records)
        link.on_bad = lambda tags: self._bad(link, tags)
        link.on_down = lambda why: self._down(link, why)

    async def keep_beating(self) -> None:
        """Beat, and drop a brain or stranger that is silent, until cancelled."""
        while True:
            await asyncio.sleep(BEAT_S)
            self.beat()

    def beat(self) -> None:
        """Send one beat and look whether the brain still sends its own."""
        now = self._events.now_s()
        for stranger, t_up in list(self._strangers.items()):
            if now - t_up > self._brain_dead_s:
                self._drop(stranger, "timeout")
        if self._link is None:
            return
        if now - self._t_heard > self._brain_dead_s:
            _log.warning("the brain has been silent for %.1f s: dropped", now - self._t_heard)
            self._drop(self._link, "timeout")
        else:
            self._link.put(Beat(now))

    # -- what a link does --------------------------------------------------------------------

    def _records(self, link: LegsEnd, records: list[BrainRecord]) -> None:
        for record in records:
            if type(record) is Attach:
                self._attach(link, record)
            elif link is not self._link:
                if link.up:
                    _log.warning("< %s from a link that is not attached", type(record).__name__)
            elif type(record) is Ack:
                self._tables.ack(record.seq)
            elif type(record) is not Beat:
                self._obey(record)
        if link is self._link:
            self._t_heard = self._events.now_s()

    def _bad(self, link: LegsEnd, tags: list[int]) -> None:
        if link is self._link:
            for tag in tags:
                self._events.emit(Refused, tag, "", "unknown-record")

    def _down(self, link: LegsEnd, why: str) -> None:
        self._strangers.pop(link, None)
        if link is self._link:
            _log.warning("the brain is away: %s", why)
            self._detach()

    def _attach(self, link: LegsEnd, attach: Attach) -> None:
        now = self._events.now_s()
        if attach.proto < _OLDEST_PROTO:
            _log.error("%s speaks version %d: refused", attach.who, attach.proto)
            link.put(Refused(self._events.seq, now, 40, attach.who, "old-version"))
            link.close()
            return
        self._strangers.pop(link, None)
        previous, self._link = self._link, link
        if previous is not None and previous is not link:
            _log.warning("%s takes over from an attached brain", attach.who)
            previous.close()
        _log.info("%s is attached", attach.who)
        self._t_heard = now
        self.away_since = None
        self._events.send = None
        link.put(Hello(min(PROTO, attach.proto), self._epoch, self._boot, self._events.seq))
        self._send_snapshot(link)
        self._events.send = link.put
        self._tables.tell_again()

    def _send_snapshot(self, link: LegsEnd) -> None:
        """Send the tables; each batch is encoded before anything can change in it."""
        for legs in _batches(self._tables.legs()):
            link.put(Snapshot(legs))
            link.flush()
        for registrations in _batches(self._tables.registrations()):
            link.put(Snapshot([], registrations))
        link.put(Snapshot([], [], list(self._tables.trunk_states())))
        link.put(SnapshotEnd(self._events.seq))
        link.flush()

    def _drop(self, link: LegsEnd, why: str) -> None:
        self._strangers.pop(link, None)
        if link is self._link:
            self._detach()
        link.abort(why)

    def _detach(self) -> None:
        self._link = None
        self._events.send = None
        self.away_since = self._events.now_s()


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    for start in range(0, len(rows), SNAPSHOT_ROWS):
        yield list(rows[start : start + SNAPSHOT_ROWS])
