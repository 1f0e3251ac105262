"""Two appliances that nobody can dial reach each other through relays, over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from appliance.link.messages import Resnapshot
from tests.appliance.link.relay_rig import Fleet, FleetNode
from tests.appliance.link.rig import until


@asynccontextmanager
async def running(*nodes: FleetNode) -> AsyncIterator[Fleet]:
    """Run a fleet of these nodes."""
    fleet = Fleet(*nodes)
    try:
        fleet.start()
        yield fleet
    finally:
        await fleet.stop()


def hidden(*names: str) -> list[FleetNode]:
    """Return nodes behind NAT."""
    return [FleetNode(name, dialled=False) for name in names]


async def test_two_behind_nat_speak_through_a_relay() -> None:
    async with running(FleetNode("r", relay=True), *hidden("a", "b")) as fleet:
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
