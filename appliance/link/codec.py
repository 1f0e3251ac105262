"""Frames of the link: a number and records, as MessagePack; a bad record spoils only itself.

Frames of a session are numbered from 1, so that no transport can lose one unnoticed.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from appliance.base.errors import PeerError
from appliance.link.messages import LinkMessage

#: the tag reported for a record whose tag cannot be told
NO_TAG = 0
#: what msgspec raises for bytes that are not what they should be; nested too deep is one of them
_BAD_BYTES = (msgspec.MsgspecError, RecursionError, UnicodeError)


class _Frame(msgspec.Struct, array_like=True):
    number: int
    records: list[LinkMessage]


class _RawFrame(msgspec.Struct, array_like=True):
    number: int
    records: list[msgspec.Raw]


_encoder = msgspec.msgpack.Encoder()
_frame = msgspec.msgpack.Decoder(_Frame)
_record: msgspec.msgpack.Decoder[LinkMessage] = msgspec.msgpack.Decoder(LinkMessage)
_raws = msgspec.msgpack.Decoder(_RawFrame)
_anything = msgspec.msgpack.Decoder(list[Any])


def encode(number: int, records: Sequence[LinkMessage]) -> bytes:
    """Return one frame."""
    return _encoder.encode((number, records))


def decode(frame: bytes) -> tuple[int, list[LinkMessage], list[int]]:
    """Return number and good records of *frame*, and the tags of the bad ones.

    Raises PeerError `bad-request` when it is no frame at all.
    """
    try:
        whole = _frame.decode(frame)
    except _BAD_BYTES:
        return _singly(frame)
    return whole.number, whole.records, []


def _singly(frame: bytes) -> tuple[int, list[LinkMessage], list[int]]:
    try:
        raws = _raws.decode(frame)
    except _BAD_BYTES as error:
        raise PeerError("bad-request", f"no frame: {error}") from None
    good: list[LinkMessage] = []
    bad: list[int] = []
    for raw in raws.records:
        try:
            good.append(_record.decode(raw))
        except _BAD_BYTES:
            bad.append(_tag(raw))
    return raws.number, good, bad


def _tag(raw: msgspec.Raw) -> int:
    """Return the tag of a record that could not be decoded, or NO_TAG."""
    try:
        fields = _anything.decode(raw)
    except _BAD_BYTES:
        return NO_TAG
    first = fields[0] if fields else NO_TAG
    return first if type(first) is int else NO_TAG
