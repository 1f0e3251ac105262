"""What every transport of the link shows on loopback: who gets in, who is cut, who comes back."""

from collections.abc import Callable

import zmq

from appliance.link.messages import PROTO, Document, Resnapshot
from tests.appliance.link.rig import RealNode, hello, pair, until


async def test_records_go_both_ways(nodes: list[RealNode], make: Callable[..., RealNode]) -> None:
    hub, box = await pair(nodes, make)
    for number in range(3000):
        hub.node.send("a", Resnapshot(number))
        box.node.send("hub", Resnapshot(number))
    await until(lambda: len(hub.seen.messages) == len(box.seen.messages) == 3000)
    assert [m for _, m in hub.seen.messages] == [Resnapshot(n) for n in range(3000)]


async def test_an_unknown_key_is_refused(
    nodes: list[RealNode], make: Callable[..., RealNode]
) -> None:
    hub, _ = await pair(nodes, make)
    stranger = make("a")
    nodes.append(stranger)
    stranger.start()
    stranger.node.allow([hub.peer()])
    stranger.node.dial("hub")
    await until(lambda: stranger.node.trouble.get("hub", ("",))[0] == "not-enrolled")
    assert hub.refused >= 1
    assert len(hub.seen.ups) == 1


async def test_a_hub_with_another_key_is_not_talked_to(
    nodes: list[RealNode], make: Callable[..., RealNode]
) -> None:
    hub, box = make("hub"), make("a")
    nodes += [hub, box]
    hub.start()
    box.start()
    hub.node.allow([box.peer()])
    other, _ = zmq.curve_keypair()
    box.node.allow([hub.peer(key=other.decode())])
    box.node.dial("hub")
    await until(lambda: "hub" in box.node.trouble)
    assert box.seen.ups == hub.seen.ups == []


async def test_a_revoked_key_is_cut_and_stays_out(
    nodes: list[RealNode], make: Callable[..., RealNode]
) -> None:
    hub, box = await pair(nodes, make)
    hub.node.allow([])
    await until(lambda: box.seen.downs, 5.0)
    assert hub.seen.downs == [("a", "not-enrolled")]
    await until(lambda: box.node.trouble["hub"][0] == "not-enrolled")
    assert hub.node.peers() == set()


async def test_a_name_that_is_not_the_keys_is_refused(
    nodes: list[RealNode], make: Callable[..., RealNode]
) -> None:
    hub, liar = make("hub"), make("a", says=hello("b"))
    honest = make("b")
    nodes += [hub, liar]
    hub.start()
    liar.start()
    hub.node.allow([liar.peer(), honest.peer()])
    liar.node.allow([hub.peer()])
    liar.node.dial("hub")
    await until(lambda: liar.node.trouble.get("hub", ("",))[0] == "not-enrolled")
    assert hub.seen.ups == []


async def test_an_old_version_is_refused_in_words(
    nodes: list[RealNode], make: Callable[..., RealNode]
) -> None:
    hub, old = make("hub"), make("a", says=hello("a", proto=PROTO + 2))
    nodes += [hub, old]
    hub.start()
    old.start()
    hub.node.allow([old.peer()])
    old.node.allow([hub.peer()])
    old.node.dial("hub")
    await until(lambda: "hub" in old.node.trouble)
    assert old.node.trouble["hub"][0] == "old-version"


async def test_a_hub_that_dies_is_noticed_and_found_again(
    nodes: list[RealNode], make: Callable[..., RealNode]
) -> None:
    hub, box = await pair(nodes, make)
    port = hub.port
    await hub.die()
    await until(lambda: box.seen.downs)
    hub.make(port)
    hub.start()
    hub.node.allow([box.peer(dialable=False)])
    await until(lambda: len(box.seen.ups) == 2)
    assert box.node.peers() == {"hub"}


async def test_an_appliance_that_dies_is_noticed(
    nodes: list[RealNode], make: Callable[..., RealNode]
) -> None:
    hub, box = await pair(nodes, make)
    await box.die()
    await until(lambda: hub.seen.downs, 5.0)
    assert hub.seen.downs[0][0] == "a"


async def test_a_peer_that_falls_silent_is_noticed(
    nodes: list[RealNode], make: Callable[..., RealNode]
) -> None:
    hub, box = await pair(nodes, make)
    box.node.tick = lambda: None  # type: ignore[method-assign] # connected, but it beats no more
    await until(lambda: hub.seen.downs, 5.0)
    assert hub.seen.downs == [("a", "unreachable")]


async def test_a_large_record_passes(nodes: list[RealNode], make: Callable[..., RealNode]) -> None:
    hub, box = await pair(nodes, make)
    body = bytes(4 << 20)
    hub.node.send("a", Document("plan", 1, body, bytes(64)))
    await until(lambda: box.seen.messages)
    assert box.seen.messages[0][1] == Document("plan", 1, body, bytes(64))
