"""Batches of records as bytes: a length of four bytes, then one MessagePack array of records."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from appliance.base.errors import PeerError
from appliance.wire.commands import BrainRecord
from appliance.wire.events import LegsRecord
from appliance.wire.rows import Record

#: bytes of a frame's length, little endian
HEAD = 4
#: a frame longer than this is refused: 200 snapshot rows with the longest texts are below 1 MB
MAX_FRAME = 4 << 20
#: records in one frame; keeps a frame far below MAX_FRAME and a reader's turn short
MAX_BATCH = 512
#: the tag reported for a record whose tag cannot be told
NO_TAG = 0
#: what msgspec raises for bytes that are not what they should be; nested too deep is one of them
_BAD_BYTES = (msgspec.MsgspecError, RecursionError)

In = TypeVar("In")

_encoder = msgspec.msgpack.Encoder()
_raw_batch = msgspec.msgpack.Decoder(list[msgspec.Raw])
_anything = msgspec.msgpack.Decoder(list[Any])


class RecordDecoder(Generic[In]):
    """Decodes frames of one direction; a bad record spoils itself and not its batch."""

    def __init__(self, kind: Any) -> None:
        self._batch: msgspec.msgpack.Decoder[list[In]] = msgspec.msgpack.Decoder(list[kind])
        self._one: msgspec.msgpack.Decoder[In] = msgspec.msgpack.Decoder(kind)

    def decode(self, frame: bytes | memoryview) -> tuple[list[In], list[int]]:
        """Return the good records of *frame* and the tags of the bad ones.

        Raises PeerError `bad-request` when it is not an array of MessagePack values at all.
        """
        try:
            return self._batch.decode(frame), []
        except _BAD_BYTES:
            return self._singly(frame)

    def _singly(self, frame: bytes | memoryview) -> tuple[list[In], list[int]]:
        try:
            raws = _raw_batch.decode(frame)
        except _BAD_BYTES as error:
            raise PeerError("bad-request", f"a frame is no batch of records: {error}") from None
        good: list[In] = []
        bad: list[int] = []
        for raw in raws:
            try:
                good.append(self._one.decode(raw))
            except _BAD_BYTES:
                bad.append(_tag(raw))
        return good, bad


def _tag(raw: msgspec.Raw) -> int:
    """Return the tag of a record that could not be decoded, or NO_TAG."""
    try:
        fields = _anything.decode(raw)
    except _BAD_BYTES:
        return NO_TAG
    first = fields[0] if fields else NO_TAG
    return first if type(first) is int else NO_TAG


def legs_decoder() -> RecordDecoder[LegsRecord]:
    """Return the decoder of what legs send."""
    return RecordDecoder(LegsRecord)


def brain_decoder() -> RecordDecoder[BrainRecord]:
    """Return the decoder of what the brain sends."""
    return RecordDecoder(BrainRecord)


def encode_frame(records: Sequence[Record]) -> bytearray:
    """Return one frame, head and all."""
    frame = bytearray(HEAD)
    _encoder.encode_into(records, frame, HEAD)
    frame[:HEAD] = (len(frame) - HEAD).to_bytes(HEAD, "little")
    return frame
