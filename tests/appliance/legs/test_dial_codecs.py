"""A call to another branch offers only the codecs that its `Dial` names, in their order."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from appliance.config.model import ApplianceSettings, LinkSettings
from appliance.legs.policies import narrowed
from appliance.legs.sdp import Policy
from appliance.wire.commands import Dial, Peer, Peers
from appliance.wire.events import LegUp
from tests.appliance.legs.legsrig import DEADLINE_S, answered, legs_running, settings_for
from tests.ports import free_port

HERE, THERE = "127.0.0.1", "127.0.0.2"
#: payload types in our offers
KINDS = {"PCMU": 0, "PCMA": 8, "G722": 9, "L16": 97, "OPUS": 111}


class Ear(asyncio.DatagramProtocol):
    """Passes SIP on between two appliances and hears what they offer and answer."""

    def __init__(self, one: tuple[str, int], other: tuple[str, int]) -> None:
        self._way = {one: other, other: one}
        self.heard: list[str] = []
        self.transport: asyncio.DatagramTransport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr in self._way:
            self.heard.append(data.decode())
            self.transport.sendto(data, self._way[addr])

    def codecs(self, first_line: str) -> list[int]:
        """Return the sound's payload types in the first such message."""
        (body, *_) = [text for text in self.heard if re.match(first_line, text) and "m=" in text]
        found = re.search(r"^m=audio \d+ \S+ (.*)$", body, re.MULTILINE)
        assert found is not None
        kinds = [int(kind) for kind in found[1].split()]
        return [kind for kind in kinds if kind in KINDS.values()]


def box(folder: Path, address: str, *codecs: str) -> ApplianceSettings:
    """Return the settings of an appliance whose calls go by UDP."""
    settings = settings_for(folder)
    sip = msgspec.structs.replace(settings.sip, address=address)
    link = LinkSettings(codecs=codecs) if codecs else LinkSettings()  # type: ignore[arg-type]
    return msgspec.structs.replace(settings, sip=sip, link=link)


@contextlib.asynccontextmanager
async def listening(
    place: tuple[str, int], one: tuple[str, int], other: tuple[str, int]
) -> AsyncIterator[Ear]:
    """Stand between the two, at *place*."""
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(
        lambda: Ear(one, other), local_addr=place
    )
    made.transport = transport
    try:
        yield made
    finally:
        transport.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("named", "offered"),
    [
        (("PCMU", "OPUS"), ["PCMU", "OPUS"]),
        (("OPUS",), ["OPUS"]),
        (("G722", "PCMA"), ["G722", "PCMA"]),
        ((), ["OPUS", "G722", "PCMA", "PCMU"]),
        (("L16",), ["OPUS", "G722", "PCMA", "PCMU"]),
    ],
    ids=["in its order", "one", "another", "none named", "none that the settings have"],
)
async def test_the_invite_offers_what_the_dial_names(
    tmp_path: Path, named: tuple[str, ...], offered: list[str]
) -> None:
    one, other = box(tmp_path / "a", HERE), box(tmp_path / "b", THERE)
    place = (HERE, free_port(HERE))
    async with (
        legs_running(one) as here,
        legs_running(other) as there,
        listening(place, here.sip, there.sip) as ear,
    ):
        brain_here, brain_there = await here.brain(), await there.brain()
        brain_here.put(Peers("box-a", [Peer("box-b", *place)]))
        brain_there.put(Peers("box-b", [Peer("box-a", *here.sip)]))
        brain_here.put(
            Dial(tok="d", kind="peer", via="box-b", reservation="r", fence=1, codecs=named)
        )
        await answered(brain_there)
        await brain_here.event(LegUp, within_s=DEADLINE_S)
        assert ear.codecs("INVITE ") == [KINDS[name] for name in offered]
        assert ear.codecs("SIP/2.0 200") == [KINDS[offered[0]]]


def test_nothing_is_offered_that_the_settings_do_not_have() -> None:
    policy = Policy(("OPUS", "PCMA"), "required", "ours", comfort_noise=False)
    left = Policy(("PCMA",), "required", "ours", comfort_noise=False)
    assert narrowed(policy, ("G722", "PCMA", "PCMA", "nonsense")) == left
    assert narrowed(policy, ("G722",)) == narrowed(policy, ()) == policy
