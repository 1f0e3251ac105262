"""The brain's end of the wire: attach, gather the snapshot, then follow the events."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from appliance.base.clock import Clock
from appliance.wire.commands import BrainRecord
from appliance.wire.events import LegsRecord
from appliance.wire.rows import LegRow, Registration, TrunkState
from appliance.wire.session import PROTO, Ack, Attach, Beat, Hello, Snapshot, SnapshotEnd
from appliance.wire.transport import BrainEnd

log = logging.getLogger(__name__)

#: heartbeat to legs [s]; it drops a brain that is silent for `legs.brain_dead_s`
BEAT_S = 0.5
#: acknowledge at least when this many events are committed; tombstones are kept until then
ACK_EVENTS = 64


class Found(NamedTuple):
    """What legs held when we attached."""

    epoch: str
    boot: str
    legs: dict[int, LegRow]
    registrations: list[Registration]
    trunks: list[TrunkState]


class LegsSession:
    """Speaks the attach protocol and hands on what comes in order."""

    def __init__(self, link: BrainEnd, who: str, clock: Clock) -> None:
        self._link = link
        self._who = who
        self._clock = clock
        self._found: Found | None = None
        self._seq = 0
        self._acked = 0
        self.ready = False
        self.epoch = ""
        #: last time that legs was heard [monotonic s]
        self.heard = clock.monotonic_s()
        #: told of the snapshot, before any event
        self.on_found: Callable[[Found], None] = lambda _found: None
        #: told of each event
        self.on_event: Callable[[LegsRecord], None] = lambda _event: None
        #: told that legs is gone
        self.on_lost: Callable[[str], None] = lambda _why: None
        link.on_up = self._up
        link.on_records = self._records
        link.on_down = self._down

    def send(self, record: BrainRecord) -> None:
        """Send a command; dropped while legs is away, since the next snapshot tells all."""
        if self.ready:
            self._link.put(record)

    def committed(self) -> None:
        """Acknowledge what is now in the ledger, in batches."""
        if self.ready and self._seq - self._acked >= ACK_EVENTS:
            self.acknowledge()

    def beat(self) -> None:
        """Say that we are alive, and acknowledge the rest."""
        if self.ready:
            if self._seq != self._acked:
                self.acknowledge()
            self._link.put(Beat(self._clock.monotonic_s()))

    def acknowledge(self) -> None:
        """Let legs forget the tombstones of committed events."""
        self._acked = self._seq
        self._link.put(Ack(self._seq))

    def _up(self) -> None:
        self.ready = False
        self._found = None
        self._link.put(Attach(PROTO, self._who))

    def _down(self, why: str) -> None:
        if self.ready:
            self.ready = False
            log.warning("legs is gone: %s", why)
            self.on_lost(why)

    def _records(self, records: list[LegsRecord]) -> None:
        self.heard = self._clock.monotonic_s()
        for record in records:
            if self.ready:
                self._event(record)
            else:
                self._gather(record)

    def _gather(self, record: LegsRecord) -> None:
        """Collect the snapshot."""
        found = self._found
        match record:
            case Hello():
                log.info("legs speaks version %d, epoch %s", record.proto, record.epoch)
                self._found = Found(record.epoch, record.boot, {}, [], [])
            case Snapshot() if found is not None:
                found.legs.update((row.leg, row) for row in record.legs)
                found.registrations.extend(record.registrations)
                found.trunks.extend(record.trunks)
            case SnapshotEnd() if found is not None:
                self._seq = self._acked = record.seq
                self.epoch = found.epoch
                self.ready = True
                self.on_found(found)
                self._found = None
            case _:
                log.debug("< %s before the snapshot", type(record).__name__)

    def _event(self, record: LegsRecord) -> None:
        if isinstance(record, Beat):
            return
        seq = getattr(record, "seq", 0)
        if seq:
            if seq != self._seq + 1:
                log.error("events %d to %d are missing: attaching anew", self._seq + 1, seq - 1)
                self._link.abort("wrong-state")
                return
            self._seq = seq
        self.on_event(record)
