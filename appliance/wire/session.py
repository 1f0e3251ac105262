"""How legs and brain keep up their conversation: attach, snapshot, heartbeat, acknowledgement."""

import msgspec

from appliance.wire.rows import LegRow, Record, Registration, TrunkState

#: version of this protocol, negotiated at attach; N and N-1 are spoken
PROTO = 1


class Hello(Record, tag=1):
    """First answer to an attach: who we are and where the numbering stands."""

    proto: int
    epoch: str
    boot: str
    seq: int


class Snapshot(Record, tag=2):
    """A batch of the tables; `SnapshotEnd` follows the last."""

    legs: list[LegRow] = msgspec.field(default_factory=list)
    registrations: list[Registration] = msgspec.field(default_factory=list)
    trunks: list[TrunkState] = msgspec.field(default_factory=list)


class SnapshotEnd(Record, tag=3):
    """The snapshot is whole and stands for all events up to *seq*."""

    seq: int


class Beat(Record, tag=4):
    """Heartbeat, both ways, every 0.5 s."""

    t: float


class Attach(Record, tag=40):
    """The brain is here; only the latest attach is obeyed."""

    proto: int
    who: str


class Ack(Record, tag=41):
    """All events up to *seq* are in the ledger; their tombstones may go."""

    seq: int
