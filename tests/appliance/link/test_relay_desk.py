"""What a relay carries and what it refuses; on a held clock."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.link.messages import Carried, Carry, LinkMessage, NotCarried
from appliance.link.relay_desk import (
    BURST_BYTES,
    RATE_BYTES,
    WAITING,
    WAITING_BYTES,
    WAITING_IN_ALL_BYTES,
    RelayDesk,
)
from appliance.link.sealed_transport import LONGEST


class Room:
    """A desk, who is up at it, and what it has sent."""

    def __init__(self, *up: str, relay: bool = True) -> None:
        self.up = set(up)
        self.sent: list[tuple[str, LinkMessage]] = []
        self.desk = RelayDesk(self.send, lambda peer: peer in self.up)
        self.desk.open = relay

    def send(self, to: str, record: LinkMessage) -> bool:
        if to in self.up:
            self.sent.append((to, record))
        return to in self.up

    def take(self, sender: str, to: str, packet: bytes = b"packet", at_s: float = 0.0) -> None:
        self.desk.take(sender, Carry(to, packet), at_s)

    def carried(self, to: str) -> list[bytes]:
        return [r.packet for peer, r in self.sent if peer == to and isinstance(r, Carried)]

    def waiting(self) -> int:
        return sum(held.waiting_bytes for held in self.desk._senders.values())


def test_a_packet_is_brought_with_the_name_of_its_sender() -> None:
    room = Room("a", "b")
    room.take("a", "b")
    assert room.sent == [("b", Carried("a", b"packet"))]
    assert room.desk.carried == 1


@pytest.mark.parametrize(
    ("to", "packet", "reason"),
    [
        ("c", b"x", "unreachable"),
        ("", b"", "unreachable"),
        ("hub", b"x", "unreachable"),
        ("a", b"x", "bad-request"),
        ("b", bytes(LONGEST + 1), "bad-request"),
    ],
)
def test_what_is_not_carried_is_told(to: str, packet: bytes, reason: str) -> None:
    room = Room("a", "b")
    room.take("a", to, packet)
    assert room.sent == [("a", NotCarried(to, reason))]
    assert room.desk.refused == {reason: 1}


def test_who_is_no_relay_refuses_and_so_does_one_for_who_is_relayed() -> None:
    room = Room("a", "b", relay=False)
    room.take("a", "b")
    assert room.sent == [("a", NotCarried("b", "refused"))]
    room = Room("b")
    room.take("a", "b")
    assert not room.sent
    assert room.desk.refused == {"refused": 1}


def test_too_much_waits_and_more_is_refused() -> None:
    room, packet = Room("a", "b", "c"), bytes(LONGEST)
    for number in range(200):
        room.take("a", "b", packet[:-1] + bytes((number,)))
    at_once = len(room.carried("b"))
    assert BURST_BYTES // LONGEST - 1 <= at_once <= BURST_BYTES // LONGEST
    assert WAITING_BYTES - 2 * LONGEST < room.waiting() <= WAITING_BYTES
    assert room.desk.refused["overload"] == sum(
        isinstance(record, NotCarried) and record.reason == "overload" for _, record in room.sent
    )
    # nobody else is held up by it
    room.take("c", "b", b"beat")
    assert room.carried("b")[-1] == b"beat"
    for tick in range(1, 10):
        room.desk.tick(tick * WAITING_BYTES / RATE_BYTES / 8)
        passed = sum(map(len, room.carried("b")))
        assert passed <= BURST_BYTES + tick * WAITING_BYTES / 8
    assert room.waiting() == 0
    brought = [packet[-1] for packet in room.carried("b") if packet != b"beat"]
    assert brought == list(range(len(brought)))


def test_nothing_overtakes_what_waits() -> None:
    room, packet = Room("a", "b"), bytes(LONGEST)
    while not room.waiting():
        room.take("a", "b", packet)
    room.take("a", "b", b"last", at_s=1.0)
    assert b"last" not in room.carried("b")
    room.desk.tick(1.0)
    assert room.carried("b")[-2:] == [packet, b"last"]


def test_what_waits_is_bounded_over_all_senders() -> None:
    boxes = [f"a{number}" for number in range(40)]
    room, packet = Room("b", *boxes), bytes(LONGEST)
    for box in boxes:
        for _ in range(90):
            room.take(box, "b", packet)
    assert WAITING_IN_ALL_BYTES - 2 * LONGEST < room.waiting() <= WAITING_IN_ALL_BYTES
    for box in boxes:
        room.desk.forget(box)
    assert room.desk._waiting_bytes == 0


def test_small_packets_are_bounded_too() -> None:
    room = Room("a", "b")
    for _ in range(10 * WAITING + BURST_BYTES // 64):
        room.take("a", "b", b"")
    assert room.desk.refused["overload"] > 0
    assert len(room.desk._senders["a"].waiting) == WAITING


def test_what_waits_for_who_is_gone_is_refused_and_what_waits_of_it_dropped() -> None:
    room = Room("a", "b")
    for _ in range(40):
        room.take("a", "b", bytes(LONGEST))
    room.up.discard("b")
    room.sent.clear()
    room.desk.tick(0.1)
    assert room.sent
    assert {record for _, record in map(_frozen, room.sent)} == {("b", "unreachable")}
    room.desk.forget("a")
    room.sent.clear()
    room.desk.tick(9.0)
    assert not room.sent
    assert not room.desk._senders


def _frozen(sent: tuple[str, Any]) -> tuple[str, tuple[str, str]]:
    return sent[0], msgspec.structs.astuple(sent[1])


#: who asks, for whom, how long a packet, how much later [s]
asks = st.lists(
    st.tuples(
        st.sampled_from("abx"),
        st.sampled_from(["a", "b", "c", "x", ""]),
        st.sampled_from([0, 1, 1000, LONGEST, LONGEST + 1]),
        st.sampled_from([0.0, 0.0, 0.001, 0.1]),
    ),
    max_size=120,
)


@given(asks)
def test_each_packet_is_brought_once_in_order_or_refused_in_words(
    asked: list[tuple[str, str, int, float]],
) -> None:
    room, now_s = Room("a", "b", "c"), 0.0
    wanted: list[tuple[str, str, bytes]] = []
    for number, (sender, to, length, later_s) in enumerate(asked):
        now_s += later_s
        packet = number.to_bytes(4, "big") + bytes(max(0, length - 4))
        room.take(sender, to, packet, now_s)
        if sender in room.up and to in room.up - {sender} and len(packet) <= LONGEST:
            wanted.append((sender, to, packet))
        assert room.waiting() <= 2 * WAITING_BYTES
    for second in range(10):
        room.desk.tick(now_s + second)
    brought = [
        (record.sender, to, record.packet)
        for to, record in room.sent
        if isinstance(record, Carried)
    ]
    refused = sum(room.desk.refused.values())
    assert len(brought) + refused == len(asked)
    assert room.desk._waiting_bytes == room.waiting() == 0
    for sender in "ab":
        mine = [packet for one, _, packet in brought if one == sender]
        assert mine == sorted(mine)
    assert set(brought) <= set(wanted)
