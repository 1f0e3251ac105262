"""Sealed sessions over a carrier that nobody trusts: what it does is counted, and not believed."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Literal

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.base.errors import PeerError
from appliance.link.sealed_handshake import Kind, key_bytes
from appliance.link.sealed_transport import HELLOS_PER_S, SealedTransport
from tests.appliance.link.rig import until

#: what becomes of a packet on its way
Fate = Literal["pass", "drop", "alter", "cut", "twice", "again", "later", "astray", "forged"]


class Middle:
    """Carries between ends in memory; what *fate* says happens to each packet."""

    def __init__(self, fate: Callable[[bytes], Fate] = lambda _packet: "pass") -> None:
        self.fate = fate
        self.ends: dict[bytes, Callable[[bytes, str], None]] = {}
        #: (to whom, packet), as sent
        self.tape: list[tuple[bytes, bytes]] = []
        self._held: list[tuple[bytes, bytes]] = []
        self._chance = Random(3)

    def carry(self, to: bytes, packet: bytes) -> None:
        self.tape.append((to, packet))
        for key, data in self._fated(self.fate(packet), to, packet):
            if key in self.ends:
                asyncio.get_running_loop().call_soon(self.ends[key], data, "m")

    def _fated(self, fate: Fate, to: bytes, packet: bytes) -> list[tuple[bytes, bytes]]:
        held, self._held = self._held, []
        chance = self._chance
        spoilt = bytearray(packet)
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
        others = [key for key in self.ends if key != to]
        now: dict[Fate, list[tuple[bytes, bytes]]] = {
            "pass": [(to, packet)],
            "drop": [],
            "alter": [(to, bytes(spoilt))],
            "cut": [(to, packet[: chance.randrange(len(packet))])],
            "twice": [(to, packet), (to, packet)],
            "again": [(to, packet), chance.choice(self.tape)],
            "astray": [(key, packet) for key in others],
            "forged": [(to, packet), (to, packet[:33] + chance.randbytes(40))],
        }
        if fate == "later":
            self._held = [(to, packet)]
            return held
        return now[fate] + held


class MemoryCarrier:
    """One end of a `Middle`."""

    ready = True

    def __init__(self, middle: Middle, key: bytes) -> None:
        self._middle = middle
        self._key = key

    def start(self, take: Callable[[bytes, str], None], changed: Callable[[], None]) -> None:
        self._middle.ends[self._key] = take

    async def carry(self, key: bytes, way: str, packet: bytes) -> None:
        if way != "m":
            raise PeerError("unreachable", f"no way {way}")
        self._middle.carry(key, packet)

    async def flush(self, seconds: float) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        self._middle.ends.pop(self._key, None)


class End:
    """A sealed transport over a middle, and what it told."""

    def __init__(self, middle: Middle) -> None:
        public, secret = zmq.curve_keypair()
        self.key = public.decode()
        self.transport = SealedTransport(
            MemoryCarrier(middle, key_bytes(self.key)),
            secret_key=secret.decode(),
            window_bytes=1 << 18,
        )
        self.opened: list[tuple[int, str]] = []
        self.frames: list[bytes] = []
        self.closed: list[tuple[int, str]] = []
        self.transport.start(self)

    def on_open(self, session: int, key: str) -> None:
        self.opened.append((session, key))

    def on_frame(self, session: int, frame: bytes) -> None:
        self.frames.append(frame)

    def on_close(self, session: int, reason: str) -> None:
        self.closed.append((session, reason))

    async def close(self) -> None:
        self.transport.close()
        await self.transport.gone()


async def ends(middle: Middle) -> tuple[End, End]:
    """Return two ends that may dial each other."""
    here, there = End(middle), End(middle)
    here.transport.allow([there.key])
    there.transport.allow([here.key])
    return here, there


async def settled() -> None:
    """Let everything in memory find its end."""
    for _ in range(60):
        await asyncio.sleep(0)


async def test_frames_pass_both_ways_and_the_end_is_told() -> None:
    here, there = await ends(Middle())
    number = here.transport.dial("there", "m", 0, there.key)
    here.transport.send(number, b"one")
    await until(lambda: there.frames == [b"one"])
    [(far, key)] = there.opened
    assert key == here.key
    assert here.transport.way_of(number) == there.transport.way_of(far) == "m"
    there.transport.send(far, b"two")
    await until(lambda: here.frames == [b"two"])
    here.transport.cut(number)
    await until(lambda: there.closed == [(far, "unreachable")])
    assert here.transport.way_of(number) == ""
    await here.close()
    await there.close()


async def test_sessions_of_a_way_that_is_lost_are_over() -> None:
    here, there = await ends(Middle())
    number = here.transport.dial("there", "m", 0, there.key)
    here.transport.send(number, b"one")
    await until(lambda: there.frames)
    here.transport.lose("other", "unreachable")
    here.transport.lose("m", "unreachable", here.key)
    assert here.closed == []
    here.transport.lose("m", "unreachable", there.key)
    assert here.closed == [(number, "unreachable")]
    await here.close()
    await there.close()


async def test_a_dial_by_a_way_that_is_not_there_stays_unanswered() -> None:
    here, there = await ends(Middle())
    number = here.transport.dial("there", "nowhere", 0, there.key)
    await settled()
    assert here.closed == there.opened == []
    here.transport.cut(number)
    await here.close()
    await there.close()


@pytest.mark.parametrize(
    ("fate", "reason"),
    [
        ("alter", {"bad-signature", "bad-request", "gone", "duplicate", "unreachable"}),
        ("cut", {"bad-request", "bad-signature"}),
        ("twice", {"duplicate"}),
        ("again", {"duplicate"}),
        ("forged", {"bad-signature"}),
        ("astray", {"bad-signature"}),
    ],
)
async def test_what_a_carrier_does_to_messages_is_counted(fate: Fate, reason: set[str]) -> None:
    middle = Middle()
    here, there = await ends(middle)
    number = here.transport.dial("there", "m", 0, there.key)
    here.transport.send(number, b"0")
    await until(lambda: there.frames)
    middle.fate = lambda packet: fate if packet[0] == Kind.MESSAGE else "pass"
    for index in range(1, 8):
        here.transport.send(number, str(index).encode())
        await settled()
    counted = here.transport.ignored + there.transport.ignored
    assert counted.total() > 0
    assert set(counted) <= reason | {"gone"}
    assert there.frames == [str(index).encode() for index in range(len(there.frames))]
    await here.close()
    await there.close()


async def test_hellos_that_are_repeated_are_answered_sparingly() -> None:
    middle = Middle()
    here, there = await ends(middle)
    number = here.transport.dial("there", "m", 0, there.key)
    here.transport.send(number, b"0")
    await until(lambda: there.frames)
    hello = next(packet for _, packet in middle.tape if packet[0] == Kind.HELLO)
    before = len(middle.tape)
    for _ in range(20 * HELLOS_PER_S):
        there.transport._take(hello, "m")
    await settled()
    assert len(middle.tape) - before <= 2 * HELLOS_PER_S
    assert there.transport.ignored["overload"] >= 18 * HELLOS_PER_S
    assert len(there.opened) == 1
    await here.close()
    await there.close()


fates = st.lists(
    st.sampled_from(
        ["pass", "pass", "drop", "alter", "cut", "twice", "again", "later", "astray", "forged"]
    ),
    min_size=1,
    max_size=60,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(fates)
def test_nothing_that_a_carrier_does_is_believed(plan: list[Fate]) -> None:
    asyncio.run(_suffer(plan))


async def _suffer(plan: list[Fate]) -> None:
    """Send numbered frames on one session after the other while packets suffer *plan*."""
    todo = iter(plan)
    middle = Middle(lambda _packet: next(todo, "pass"))
    here, there = await ends(middle)
    for attempt in range(3):
        here.closed.clear()
        there.frames.clear()
        number = here.transport.dial("there", "m", 0, there.key)
        sent = [f"{attempt} {index}".encode() for index in range(12)]
        for frame in sent:
            here.transport.send(number, frame)
            await settled()
        # in order, whole, once each, or not at all
        mine = [frame for frame in there.frames if frame.startswith(str(attempt).encode())]
        assert mine == sent[: len(mine)]
        assert mine == there.frames
        here.transport.cut(number)
        await settled()
    assert {key for _, key in there.opened} <= {here.key}
    assert not here.opened
    assert not here.frames
    await here.close()
    await there.close()


@given(st.binary(max_size=300))
def test_no_bytes_of_a_carrier_crash_an_end(data: bytes) -> None:
    asyncio.run(_feed(data))


async def _feed(data: bytes) -> None:
    middle = Middle()
    end = End(middle)
    end.transport._take(data, "m")
    assert end.transport.ignored.total() == 1
    assert end.opened == []
    await end.close()
