"""Large records in parts, so that heartbeats and offers never wait behind a plan.

A plan of a big fleet takes seconds on a branch's line. Its parts go one by one between other
frames; each part that arrives also shows that the other end lives. Pure.
"""

import zlib
from functools import lru_cache

from appliance.base.errors import PeerError
from appliance.link.codec import decode, encode
from appliance.link.messages import Document, LinkMessage, Part
from appliance.link.transport import MAX_FRAME

#: bytes of a part: 50 ms on a line of 10 Mbit/s
PART_BYTES = 65_536
#: quick, and still a tenth of a plan's JSON
_LEVEL = 1


def is_bulk(message: LinkMessage) -> bool:
    """Tell whether *message* is to go in parts."""
    return isinstance(message, Document) and len(message.body) > PART_BYTES


def split(document: Document) -> tuple[Part, ...]:
    """Return *document* in parts; kept, since every box gets the same."""
    return _parts(document.kind, document.serial, document.body, document.signature)


@lru_cache(maxsize=4)
def _parts(kind: str, serial: int, body: bytes, signature: bytes) -> tuple[Part, ...]:
    whole = Document(kind, serial, body, signature)  # type: ignore[arg-type] # it was one
    packed = zlib.compress(encode(0, [whole]), _LEVEL)
    starts = range(0, len(packed), PART_BYTES)
    return tuple(
        Part(packed[start : start + PART_BYTES], start + PART_BYTES >= len(packed))
        for start in starts
    )


class Assembly:
    """Parts that have come so far, of one record at a time."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj()
        self._whole = bytearray()

    def take(self, part: Part) -> LinkMessage | None:
        """Return the record once its last part is here; raise PeerError `bad-request`."""
        try:
            room = MAX_FRAME - len(self._whole)
            self._whole += self._inflate.decompress(part.data, room + 1)
        except zlib.error as error:
            raise PeerError("bad-request", f"a part cannot be unpacked: {error}") from None
        if len(self._whole) > MAX_FRAME:
            raise PeerError("bad-request", "a record in parts is too long")
        if not part.last:
            return None
        if not self._inflate.eof:
            raise PeerError("bad-request", "a record in parts is not complete")
        _, records, _ = decode(bytes(self._whole))
        self._inflate, self._whole = zlib.decompressobj(), bytearray()
        if len(records) != 1 or not isinstance(records[0], Document):
            raise PeerError("bad-request", "parts hold one document")
        return records[0]
