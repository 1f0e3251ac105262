"""Appliances that nobody can dial reach each other through relays, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.link.messages import Carried, Carry, Document, LinkMessage, NotCarried, Resnapshot
from appliance.link.relays import Relays, in_order
from tests.appliance.link.relay_rig import Fleet, FleetNode
from tests.appliance.link.rig import hello, until


@asynccontextmanager
async def running(*nodes: FleetNode) -> AsyncIterator[Fleet]:
    """Run a fleet of these nodes."""
    fleet = Fleet(*nodes)
    try:
        fleet.start()
        yield fleet
    finally:
        await fleet.stop()


def relay(name: str) -> FleetNode:
    return FleetNode(name, relay=True)


def hidden(*names: str) -> list[FleetNode]:
    """Return nodes behind NAT."""
    return [FleetNode(name, dialled=False) for name in names]


async def test_two_behind_nat_speak_through_a_relay() -> None:
    async with running(relay("r"), *hidden("a", "b")) as fleet:
        await until(fleet.whole)
        a, b = fleet["a"], fleet["b"]
        assert (a.node.relay_of("b"), b.node.relay_of("a")) == ("r", "r")
        assert a.node.relay_of("r") == b.node.relay_of("r") == ""
        a.node.send("b", Resnapshot(1))
        b.node.send("a", Resnapshot(2))
        await until(lambda: a.seen.messages and b.seen.messages)
        assert b.seen.messages == [("a", Resnapshot(1))]
        assert a.seen.messages == [("b", Resnapshot(2))]
        assert fleet["r"].seen.messages == []
        assert fleet["r"].relays.desk.carried > 0


async def test_without_a_relay_they_do_not_and_with_one_they_do() -> None:
    async with running(FleetNode("r"), *hidden("a", "b")) as fleet:
        await until(lambda: fleet.whole("a", "r") and fleet.whole("b", "r"))
        await asyncio.sleep(0.5)
        assert fleet["a"].node.peers() == {"r"}
        fleet["r"].relay = True
        fleet.publish()
        await until(fleet.whole)


async def test_who_is_no_relay_carries_nothing() -> None:
    async with running(FleetNode("r"), *hidden("a", "b")) as fleet:
        a, r = fleet["a"], fleet["r"]
        await until(lambda: fleet.whole("a", "r") and fleet.whole("b", "r"))
        a.node.send("r", Carry("b", b"packet"))
        await until(lambda: r.relays.desk.refused["refused"] == 1)
        r.node.send("b", Carried("a", b"packet"))
        await until(lambda: fleet["b"].ignored["refused"] == 1)


async def test_a_relay_dies_and_the_next_one_carries() -> None:
    relays = [relay("r1"), relay("r2")]
    async with running(*relays, *hidden("a", "b")) as fleet:
        await until(fleet.whole)
        a, b = fleet["a"], fleet["b"]
        first = a.node.relay_of("b")
        other = next(name for name in ("r1", "r2") if name != first)
        assert first == in_order(["r1", "r2"], "b", "a")[0] == b.node.relay_of("a")
        a.seen.downs.clear()
        await fleet[first].die()
        await until(lambda: "b" in dict(a.seen.downs))
        await until(lambda: fleet.whole("a", "b", other))
        assert a.node.relay_of("b") == b.node.relay_of("a") == other


async def test_a_relay_that_loses_one_of_the_two_is_left() -> None:
    relays = [relay("r1"), relay("r2")]
    async with running(*relays, *hidden("a", "b")) as fleet:
        await until(fleet.whole)
        first = fleet["a"].node.relay_of("b")
        other = next(name for name in ("r1", "r2") if name != first)
        entries = [fleet[name].entry() for name in ("r1", "r2", "a")]
        fleet[first].node.allow(entries)
        await until(lambda: fleet["b"].node.relay_of("a") == other)
        await until(lambda: fleet["a"].node.relay_of("b") == other)
        assert fleet[first].relays.desk.refused["unreachable"] > 0


async def test_a_relay_that_says_no_ends_the_session_and_no_other() -> None:
    async with running(relay("r"), *hidden("a", "b", "c")) as fleet:
        await until(fleet.whole)
        fleet["r"].node.send("a", NotCarried("b", "overload"))
        await until(lambda: fleet["a"].seen.downs)
        await until(fleet.whole)
        assert fleet["a"].seen.downs == [("b", "unreachable")]


async def test_no_relay_is_left_until_one_comes_back() -> None:
    async with running(relay("r"), *hidden("a", "b")) as fleet:
        await until(fleet.whole)
        r = fleet["r"]
        port = r.port
        await r.die()
        await until(lambda: not fleet["a"].node.peers() and not fleet["b"].node.peers())
        r.make(port)
        r.start()
        fleet.publish()
        await until(fleet.whole)


async def test_who_cannot_be_dialled_dials_who_can() -> None:
    async with running(relay("r"), FleetNode("a"), *hidden("b")) as fleet:
        await until(fleet.whole)
        a, b = fleet["a"], fleet["b"]
        assert fleet["r"].relays.desk.carried == 0
        # a call to b must find b, one of b goes straight to a, and a relay has its own way back
        assert a.node.relay_of("b") == "r"
        assert b.node.relay_of("a") == fleet["r"].node.relay_of("b") == ""


@pytest.mark.parametrize("found", ["a", "b"])
async def test_a_direct_session_takes_over_once_there_is_a_way(found: str) -> None:
    async with running(relay("r"), *hidden("a", "b")) as fleet:
        await until(fleet.whole)
        a, b = fleet["a"], fleet["b"]
        fleet[found].dialled = True
        fleet.publish()
        await until(lambda: fleet.whole() and not a.node._up["b"].relay)
        a.node.send("b", Resnapshot(1))
        await until(lambda: b.seen.messages)
        assert {reason for _, reason in a.seen.downs + b.seen.downs} == {"duplicate"}


async def test_a_broken_way_is_gone_round() -> None:
    """The directory gives an address at which nobody listens."""
    async with running(relay("r"), FleetNode("a"), FleetNode("b")) as fleet:
        await until(fleet.whole)
        for here, there in (("a", "b"), ("b", "a")):
            node, far = fleet[here].node, fleet[there].entry()
            astray = type(far)(name=there, key=far.key, address="127.0.0.1", port=1)
            node.allow([fleet["r"].entry(), fleet[here].entry(), astray])
            fleet[here].transport.cut(node._up[there].number)
        await until(lambda: fleet["a"].node.relay_of("b") == fleet["b"].node.relay_of("a") == "r")
        fleet.publish()
        await until(lambda: fleet["a"].node.relay_of("b") == fleet["b"].node.relay_of("a") == "")
        await until(fleet.whole)


async def test_a_restarted_box_takes_its_session_over() -> None:
    async with running(relay("r"), *hidden("a", "b")) as fleet:
        await until(fleet.whole)
        a, b = fleet["a"], fleet["b"]
        await b.die()
        b.says = hello("b", incarnation=2)
        b.make()
        b.start()
        fleet.publish()
        await until(lambda: [h.incarnation for p, h in a.seen.ups if p == "b"][-1] == 2)
        await until(fleet.whole)


async def test_a_long_document_goes_through_and_beats_go_on() -> None:
    async with running(relay("r"), *hidden("a", "b")) as fleet:
        await until(fleet.whole)
        body = Random(1).randbytes(3 << 20)
        fleet["a"].node.send("b", Document("plan", 1, body, bytes(64)))
        fleet["b"].seen.downs.clear()
        await until(lambda: fleet["b"].seen.messages, 60)
        assert fleet["b"].seen.messages == [("a", Document("plan", 1, body, bytes(64)))]
        assert fleet["b"].seen.downs == []


async def test_a_frame_longer_than_the_window_goes_through() -> None:
    async with running(relay("r"), *hidden("a", "b")) as fleet:
        await until(fleet.whole)
        body = Random(2).randbytes(100_000)
        for number in range(20):
            # below the length at which documents travel in parts
            fleet["a"].node.send("b", Carry(str(number), body))
        await until(lambda: fleet["b"].node.ignored["refused"] == 20, 60)
        assert fleet["r"].relays.desk.refused["overload"] == 0


async def test_through_a_relay_nobody_relays() -> None:
    """What comes by a relayed session is neither carried on nor taken as carried."""
    async with running(relay("r1"), *hidden("a", "b")) as fleet:
        await until(fleet.whole)
        a, b = fleet["a"], fleet["b"]
        for record in (Carry("r1", b"x"), Carried("r1", b"x"), NotCarried("r1", "gone")):
            a.node.send("b", record)
        await until(lambda: b.node.ignored["refused"] == 3)
        assert fleet.whole()


async def test_a_relay_that_drops_everything_is_gone_round() -> None:
    relays = [relay("r1"), relay("r2")]
    first = in_order(["r1", "r2"], "a", "b")[0]
    async with running(*relays, *hidden("a", "b")) as fleet:
        # it takes what it is to carry, and says nothing
        fleet[first].relays.desk._direct = lambda _peer: True
        fleet[first].relays.desk._send = lambda _to, _record: True
        await until(lambda: fleet.whole("a", "b", "r1", "r2"))
        assert fleet["a"].node.relay_of("b") != first


async def test_a_relay_that_falls_silent_is_left() -> None:
    relays = [relay("r1"), relay("r2")]
    async with running(*relays, *hidden("a", "b")) as fleet:
        await until(fleet.whole)
        a, first = fleet["a"], fleet["a"].node.relay_of("b")
        desk = fleet[first].relays.desk
        desk._send = lambda _to, _record: True
        await until(lambda: a.node.relay_of("b") not in ("", first))
        await until(lambda: fleet.whole("a", "b"))
        assert ("b", "unreachable") in a.seen.downs


async def test_a_relay_that_lies_about_senders_gains_nothing() -> None:
    async with running(relay("r"), *hidden("a", "b", "c")) as fleet:
        desk = fleet["r"].relays.desk
        tell, lied = desk._send, []

        def lie(to: str, record: LinkMessage) -> bool:
            if isinstance(record, Carried):
                lied.append(to)
                record = Carried(
                    next(n for n in "abc" if n not in (to, record.sender)), record.packet
                )
            return tell(to, record)

        desk._send = lie
        await until(fleet.whole)
        assert lied
        fleet["a"].node.send("b", Resnapshot(7))
        await until(lambda: fleet["b"].seen.messages)
        assert fleet["b"].seen.messages == [("a", Resnapshot(7))]


names = st.sampled_from(["a", "b", "r", "hub", ""]) | st.text(max_size=5)
packets = st.binary(max_size=120)
relayed = st.one_of(
    st.builds(Carry, names, packets),
    st.builds(Carried, names, packets),
    st.builds(NotCarried, names, names),
)


@given(st.lists(st.tuples(names, relayed), max_size=20))
def test_whatever_is_said_of_packets_does_no_harm(said: list[tuple[str, LinkMessage]]) -> None:
    """Whoever says it: nothing is opened, and each packet is carried, counted or let be."""
    asyncio.run(_hear(said))


async def _hear(said: list[tuple[str, LinkMessage]]) -> None:
    sent: list[tuple[str, LinkMessage]] = []
    own = FleetNode("own", relay=True)
    relays = Relays(
        lambda to, record: sent.append((to, record)) or True,  # type: ignore[func-returns-value]
        lambda peer: peer in "abr",
        secret_key=own.secret,
    )
    relays.allow(own.entry(), [FleetNode(name, relay=name == "r").entry() for name in "abr"])
    for number, (peer, record) in enumerate(said):
        relays.take(peer, record, float(number))
    asked = sum(isinstance(record, Carry) for _, record in said)
    told = sum(isinstance(record, Carried | NotCarried) for _, record in sent)
    assert told == asked
    assert relays.sealed.ignored.total() <= len(said) - asked
    assert not relays.sealed._sessions


def test_the_order_of_relays_is_the_pairs_own() -> None:
    names = [f"r{number}" for number in range(5)]
    pairs = [(f"a{one}", f"a{two}") for one in range(30) for two in range(one)]
    first = [in_order(names, *pair)[0] for pair in pairs]
    assert first == [in_order(reversed(names), b, a)[0] for a, b in pairs]
    assert all(first.count(name) > len(pairs) / len(names) / 2 for name in names)
    # who is lost moves its own pairs only
    left = [in_order(names[1:], *pair)[0] for pair in pairs]
    assert all(now == was for was, now in zip(first, left, strict=True) if was != names[0])
    assert len({now for was, now in zip(first, left, strict=True) if was == names[0]}) == 4


async def test_relays_come_and_go_and_nothing_comes_twice_or_out_of_order() -> None:
    chance = Random(5)
    async with running(relay("r1"), relay("r2"), *hidden("a", "b", "c")) as fleet:
        await until(fleet.whole)
        ends = [(one, two) for one in "abc" for two in "abc" if one != two]
        numbers = dict.fromkeys(ends, 0)
        for _ in range(6):
            lost = chance.choice(["r1", "r2"])
            port = fleet[lost].port
            for step in range(20):
                for one, two in ends:
                    numbers[one, two] += 1
                    fleet[one].node.send(two, Resnapshot(numbers[one, two]))
                if step == 5:
                    await fleet[lost].die()
                await asyncio.sleep(0.01)
            fleet[lost].make(port)
            fleet[lost].start()
            fleet.publish()
            await until(fleet.whole)
        for one, two in ends:
            numbers[one, two] += 1
            fleet[one].node.send(two, Resnapshot(numbers[one, two]))
        for one, two in ends:
            await until(lambda: heard(fleet, one, two)[-1] == numbers[one, two])  # noqa: B023
            came = heard(fleet, one, two)
            assert came == sorted(set(came))


def heard(fleet: Fleet, one: str, two: str) -> list[int]:
    """Return the numbers that came from *one* to *two*."""
    messages = fleet[two].seen.messages
    return [m.expected for peer, m in messages if peer == one and isinstance(m, Resnapshot)]
