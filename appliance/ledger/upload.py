"""Entries on their way to control: packed, unpacked with care, followed by hash. Pure.

A batch is zlib (RFC 1950) over the MessagePack array of its entries, without what all of them
share: appliance and chain; their numbers count on from the batch's first.
"""

import zlib
from collections.abc import Sequence
from typing import Annotated

import msgspec

from appliance.base.errors import PeerError
from appliance.ledger.entry import NO_HASH, Entry, hash_of
from appliance.ledger.records import ChainBegun

#: word that the countersignature begins with, so that it passes for no document
HEAD_KIND = "ledger-head"
#: entries of one batch at most, and their bytes as far as there is a choice: unpacked, checked
#: and stored within some 100 ms
MAX_ENTRIES = 400
BATCH_BYTES = 65_536
#: a longer batch is not unpacked [bytes]; a single entry is far below
MAX_BYTES = 1 << 20
#: what an entry takes beside its texts and facts [bytes], roughly
_OVERHEAD = 64
#: quick, and still a quarter
_LEVEL = 1

#: no control characters: they have no business in a name, and PostgreSQL takes no NUL
_Name = Annotated[str, msgspec.Meta(max_length=64, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
#: up to the year 3000 [µs]
_WallUs = Annotated[int, msgspec.Meta(ge=0, lt=32_503_680_000_000_000)]
_Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
#: highest number of an entry: what a database's BIGINT takes, with room
MAX_NUMBER = 1 << 62


class ChainHead(msgspec.Struct, frozen=True, array_like=True):
    """An entry as the head of its chain: what control countersigns."""

    appliance: str
    chain: str
    number: int
    hash: bytes

    def body(self) -> bytes:
        """Return what is signed, under the word HEAD_KIND."""
        return msgspec.msgpack.encode(self)


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """An entry within a batch."""

    wall_us: _WallUs
    mono_s: float
    kind: _Name
    contact: _Name
    facts: bytes
    hash: _Hash


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(
    Annotated[list[Packed], msgspec.Meta(min_length=1, max_length=MAX_ENTRIES)]
).decode
_BAD_BYTES = (msgspec.MsgspecError, RecursionError, UnicodeError)


def head_of(entry: Entry) -> ChainHead:
    """Return *entry* as a head."""
    return ChainHead(entry.appliance, entry.chain, entry.number, entry.hash)


def portion(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return as many of one chain's *entries*, from the first on, as make one batch."""
    size = 0
    for count, entry in enumerate(entries):
        size += len(entry.facts) + len(entry.contact) + len(entry.kind) + _OVERHEAD
        other = entry.chain != entries[0].chain or entry.number != entries[0].number + count
        if count and (size > BATCH_BYTES or count >= MAX_ENTRIES or other):
            return entries[:count]
    return entries


def pack(entries: Sequence[Entry]) -> bytes:
    """Return *entries*, which follow each other, as the data of a batch."""
    rows = [
        Packed(one.wall_us, one.mono_s, one.kind, one.contact, one.facts, one.hash)
        for one in entries
    ]
    return zlib.compress(_encode(rows), _LEVEL)


def unpack(appliance: str, chain: str, first: int, data: bytes) -> list[Entry]:
    """Return the entries of a batch; raise PeerError `too-large` or `bad-request`."""
    inflate = zlib.decompressobj()
    try:
        whole = inflate.decompress(data, MAX_BYTES + 1)
    except zlib.error as error:
        raise PeerError("bad-request", f"the batch cannot be unpacked: {error}") from None
    if len(whole) > MAX_BYTES:
        raise PeerError("too-large", f"the batch has more than {MAX_BYTES} bytes")
    if not inflate.eof or inflate.unused_data:
        raise PeerError("bad-request", "the batch is not complete, or more follows it")
    try:
        rows = _decode(whole)
    except _BAD_BYTES as error:
        raise PeerError("bad-request", f"the batch holds no entries: {error}") from None
    if not 0 < first <= MAX_NUMBER:
        raise PeerError("bad-request", f"an entry cannot have the number {first}")
    return [
        Entry(
            appliance=appliance,
            chain=chain,
            number=first + place,
            wall_us=row.wall_us,
            mono_s=row.mono_s,
            kind=row.kind,
            contact=row.contact,
            facts=row.facts,
            hash=row.hash,
        )
        for place, row in enumerate(rows)
    ]


def follow(after: bytes, entries: Sequence[Entry]) -> tuple[int, str]:
    """Return how many of *entries* follow from the hash *after*, and why the next does not."""
    if after == NO_HASH and entries[0].kind != ChainBegun.kind():
        return 0, "the chain does not begin with `chain-begun`"
    for count, entry in enumerate(entries):
        if hash_of(after, entry) != entry.hash:
            return count, (
                f"entry {entry.number}: its hash does not follow from its content and the entry"
                " before it"
            )
        after = entry.hash
    return len(entries), ""
