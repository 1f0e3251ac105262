"""A relay and two appliances that nobody can dial: all they say of where they are is wrong."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from appliance.config.model import ApplianceSettings, LinkSettings
from appliance.wire.commands import BrainRecord, Dial, Peer, Peers
from tests.appliance.legs.legsrig import LegsRig, ScriptedBrain, legs_running
from tests.appliance.legs.tlsrig import settings_of
from tests.certificates import Authority
from tests.ports import free_port

#: where no socket is: what a NAT makes of an address within
NOWHERE = "127.0.0.77"
ADDRESSES = {"box-r": "127.0.0.5", "box-a": "127.0.0.1", "box-b": "127.0.0.2"}


class Trio:
    """`box-r` relays between `box-a` and `box-b`."""

    def __init__(self, ours: Authority) -> None:
        self.ours = ours
        self.rigs: dict[str, LegsRig] = {}
        self.brains: dict[str, ScriptedBrain] = {}
        self._stops: dict[str, contextlib.AsyncExitStack] = {}

    async def start(self, name: str, settings: ApplianceSettings) -> None:
        """Run a box."""
        self._stops[name] = contextlib.AsyncExitStack()
        self.rigs[name] = await self._stops[name].enter_async_context(legs_running(settings))

    async def stop(self, *names: str) -> None:
        """Stop these boxes, or all."""
        for name in names or tuple(self._stops):
            await self._stops.pop(name).aclose()

    @property
    def a(self) -> ScriptedBrain:
        """Return the brain of the box that calls."""
        return self.brains["box-a"]

    @property
    def b(self) -> ScriptedBrain:
        """Return the brain of the box that is called."""
        return self.brains["box-b"]

    @property
    def r(self) -> ScriptedBrain:
        """Return the relay's brain."""
        return self.brains["box-r"]

    async def acquaint(self) -> None:
        """Tell all of each other, and wait until the two are connected to the relay."""
        for name, rig in self.rigs.items():
            self.brains[name] = await rig.brain()
            self.put(name, self.directory(name))
        await self.connected("box-a", "box-b")

    async def connected(self, *names: str) -> None:
        """Wait until these have a way to the relay."""
        async with asyncio.timeout(20):
            for name in names:
                while not self.rigs[name].daemon.standing.up:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    def directory(self, name: str) -> Peers:
        """Return what a box knows of the others."""
        return Peers(
            name,
            [self.peer(other) for other in self.rigs if other != name],
            relay=name == "box-r",
        )

    def put(self, name: str, *commands: BrainRecord) -> None:
        """Let a box's brain command its legs."""
        self.brains[name].put(*commands)

    def dial(self, tok: str = "d", reservation: str = "r-1", codecs: tuple[str, ...] = ()) -> None:
        """Let `box-a` call `box-b`."""
        self.a.put(
            Dial(
                tok=tok, kind="peer", via="box-b", reservation=reservation, fence=7, ring_s=20.0,
                relay="box-r", codecs=codecs,
            )
        )  # fmt: skip

    def peer(self, name: str) -> Peer:
        """Return a box as the others know it."""
        settings = self.rigs[name].daemon.settings
        relays = name == "box-r"
        address = settings.sip.address if relays else NOWHERE
        return Peer(name, address, settings.sip.port, settings.sip.tls_port, relay=relays)


@contextlib.asynccontextmanager
async def trio(
    folder: Path, *, relay_calls: int = 50, few_ports: bool = False
) -> AsyncIterator[Trio]:
    """Run the three; with *few_ports* the relay has RTP ports for one call."""
    ours = Authority()
    three = Trio(ours)
    try:
        for name, address in ADDRESSES.items():
            settings = settings_of(folder / name, address, ours.pair(name), ours)
            if name != "box-r":
                sip = msgspec.structs.replace(settings.sip, public_address=NOWHERE)
                settings = msgspec.structs.replace(settings, sip=sip)
            elif few_ports:
                first = free_port(address)
                media = msgspec.structs.replace(
                    settings.media, first_port=first, last_port=first + 3
                )
                settings = msgspec.structs.replace(settings, media=media)
            link = LinkSettings(relay_calls=relay_calls)
            await three.start(name, msgspec.structs.replace(settings, link=link))
        await three.acquaint()
        yield three
    finally:
        await three.stop()
