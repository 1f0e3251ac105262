"""One entry of the ledger and the hash that ties it to the entry before it. Pure."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from appliance.base.clock import rfc3339
from appliance.ledger.records import KINDS, ChainBegun, Fact

#: what stands for the entry before the first of a chain
NO_HASH = bytes(32)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One fact as it stands in the journal; its key is (appliance, chain, number)."""

    appliance: str
    chain: str
    number: int
    #: wall time when it was added [µs since 1970 UTC]
    wall_us: int
    #: CLOCK_MONOTONIC when it was added; comparable within one boot
    mono_s: float
    kind: str
    #: id of the contact it is about, or empty
    contact: str
    #: the facts as MessagePack
    facts: bytes
    #: sha256(hash of the entry before ‖ this entry's bytes)
    hash: bytes = NO_HASH

    @property
    def ts(self) -> str:
        """Return the wall time as RFC 3339."""
        return rfc3339(self.wall_us)

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as plain names and values, whatever their kind."""
        return msgspec.msgpack.decode(self.facts, type=dict[str, Any])

    def fact(self) -> Fact | None:
        """Return the facts as their record, or None for what this version does not know."""
        kind = KINDS.get(self.kind)
        try:
            return None if kind is None else msgspec.msgpack.decode(self.facts, type=kind)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            return None


class Break(msgspec.Struct, frozen=True):
    """The first entry of a chain that does not follow from the one before it."""

    chain: str
    number: int
    why: str


class VerifyResult(msgspec.Struct, frozen=True):
    """What a walk along the chains found: how much was read, and each chain's first break."""

    entries: int
    chains: int
    breaks: tuple[Break, ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether every chain is whole."""
        return not self.breaks


_encode = msgspec.msgpack.Encoder().encode
_sha256 = hashlib.sha256


def entry_hash(
    previous: bytes,
    appliance: str,
    chain: str,
    number: int,
    wall_us: int,
    mono_s: float,
    kind: str,
    contact: str,
    facts: bytes,
) -> bytes:
    """Return sha256(previous ‖ bytes); the bytes are the MessagePack array of the arguments."""
    body = _encode((appliance, chain, number, wall_us, mono_s, kind, contact, facts))
    return _sha256(previous + body).digest()


def hash_of(previous: bytes, entry: Entry) -> bytes:
    """Return the hash that *entry* must carry when it follows *previous*."""
    return entry_hash(
        previous,
        entry.appliance,
        entry.chain,
        entry.number,
        entry.wall_us,
        entry.mono_s,
        entry.kind,
        entry.contact,
        entry.facts,
    )


class Walk:
    """Follows entries in order and notes each chain's first break; feed it, then ask `result`."""

    def __init__(self) -> None:
        self._last: Entry | None = None
        self._breaks: dict[str, Break] = {}
        self._chains: set[str] = set()
        self._count = 0

    def feed(self, entries: Iterable[Entry], *, mid_chain: bool = False) -> None:
        """Check *entries*; with *mid_chain* the very first is believed, as the walk's anchor."""
        for entry in entries:
            if self._last is not None or not mid_chain:
                why = self._fault(entry)
                if why and entry.chain not in self._breaks:
                    self._breaks[entry.chain] = Break(entry.chain, entry.number, why)
            self._chains.add(entry.chain)
            self._last = entry
            self._count += 1

    def result(self) -> VerifyResult:
        """Return what was found so far."""
        return VerifyResult(self._count, len(self._chains), tuple(self._breaks.values()))

    def _fault(self, entry: Entry) -> str:
        """Return what is wrong with *entry* after the one before it, or nothing."""
        last = self._last
        if last is None or entry.chain != last.chain:
            return self._first_fault(entry)
        if entry.number != last.number + 1:
            return f"entries {last.number + 1} to {entry.number - 1} are missing"
        if entry.hash != hash_of(last.hash, entry):
            return "its hash does not follow from its content and the entry before it"
        return ""

    def _first_fault(self, entry: Entry) -> str:
        if entry.chain in self._chains:
            return "its chain had ended already"
        if entry.kind != ChainBegun.kind():
            return "the chain does not begin with `chain-begun`"
        if entry.hash != hash_of(NO_HASH, entry):
            return "its hash does not follow from its content"
        return ""
