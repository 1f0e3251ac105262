"""Frames in parts within a window: whole at the other end, bounded at this one."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.errors import PeerError
from appliance.link.sealed_flow import (
    HIGH_WATER,
    HIGH_WATER_BYTES,
    PART_BYTES,
    WINDOW_BYTES,
    Flow,
)
from appliance.link.transport import MAX_FRAME


def carry(a: Flow, b: Flow) -> list[bytes]:
    """Bring what waits at *a* to *b*, and what *b* says of it back; return the frames."""
    frames: list[bytes] = []
    while True:
        moved = False
        for sender, receiver in ((a, b), (b, a)):
            while (content := sender.next()) is not None:
                moved = True
                frame = receiver.take(content)
                if frame is not None:
                    frames.append(frame)
        if not moved:
            return frames


@given(
    st.lists(
        st.sampled_from([0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES]),
        max_size=40,
    )
)
def test_frames_arrive_whole_and_in_order(lengths: list[int]) -> None:
    a, b = Flow(), Flow()
    frames = [bytes([number % 256]) * length for number, length in enumerate(lengths)]
    for frame in frames:
        assert a.put(frame)
    assert carry(a, b) == frames


def test_a_window_is_on_the_way_and_no_more() -> None:
    a, b = Flow(), Flow()
    a.put(bytes(4 * WINDOW_BYTES))
    sent = []
    while (content := a.next()) is not None:
        sent.append(content)
        assert len(content) <= PART_BYTES + 1
    assert WINDOW_BYTES - PART_BYTES <= sum(map(len, sent)) <= WINDOW_BYTES + PART_BYTES
    for content in sent:
        b.take(content)
    told = b.next()
    assert told is not None
    a.take(told)
    assert a.next() is not None


def test_small_frames_are_counted_too() -> None:
    a = Flow()
    sent = 0
    while a.put(b"x"):
        while a.next() is not None:
            sent += 1
    assert 1000 < sent < 10_000


def test_what_waits_is_bounded_in_frames() -> None:
    a = Flow()
    assert all(a.put(b"x") for _ in range(HIGH_WATER))
    assert not a.put(b"x")


def test_what_waits_is_bounded_in_bytes() -> None:
    a = Flow()
    assert not a.put(bytes(HIGH_WATER_BYTES + 1))
    half = bytes(HIGH_WATER_BYTES // 2)
    assert a.put(half)
    assert a.put(half)
    assert not a.put(b"x")


def test_the_longest_frame_passes_and_a_longer_one_does_not() -> None:
    a, b = Flow(), Flow()
    assert a.put(bytes(MAX_FRAME))
    assert [len(frame) for frame in carry(a, b)] == [MAX_FRAME]
    for _ in range(MAX_FRAME // PART_BYTES):
        b.take(b"\x01" + bytes(PART_BYTES))
    with pytest.raises(PeerError, match="bad-request"):
        b.take(b"\x00x")


def test_an_end_is_told() -> None:
    a = Flow()
    assert not a.ended
    a.take(Flow.end())
    assert a.ended


@pytest.mark.parametrize(
    "content",
    [b"", b"\x04", b"\xff" * 9, b"\x02", b"\x02" + bytes(7), b"\x02" + bytes(9), b"\x03x"],
    ids=bytes.hex,
)
def test_what_a_peer_may_not_say_is_an_error(content: bytes) -> None:
    with pytest.raises(PeerError, match="bad-request"):
        Flow().take(content)


def test_nobody_has_taken_what_was_not_sent() -> None:
    a = Flow()
    a.put(b"x")
    a.next()
    with pytest.raises(PeerError, match="bad-request"):
        a.take(b"\x02" + (1 << 40).to_bytes(8, "big"))


@given(st.lists(st.binary(max_size=20), max_size=30))
def test_any_content_is_taken_or_refused_in_words(contents: list[bytes]) -> None:
    flow = Flow()
    for content in contents:
        with contextlib.suppress(PeerError):
            flow.take(content)
