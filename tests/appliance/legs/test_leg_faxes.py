"""Faxes from end to end: two legs processes call each other by SIP, one sends, one receives."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from appliance.config.model import ApplianceSettings, FaxSettings, MediaSettings, SipSettings
from appliance.config.model import TrunkSettings as Trunk
from appliance.wire.commands import Dial, Hang, ReceiveFax, SendDigits, SendFax
from appliance.wire.events import Digit, FaxDone, FaxPage, LegDown, LegOut, LegUp
from tests.appliance.legs.faxkit import document, pixels
from tests.appliance.legs.legsrig import (
    LegsRig,
    ScriptedBrain,
    answered,
    legs_running,
)
from tests.ports import free_port

#: a short fax takes some 25 s of real time
FAX_S = 60.0
NEAR, FAR = "127.0.0.1", "127.0.0.3"


def settings(folder: Path, address: str, port: int, trunks: dict[str, Trunk]) -> ApplianceSettings:
    return ApplianceSettings(
        state_dir=str(folder),
        sip=SipSettings(address=address, port=port),
        media=MediaSettings(first_port=free_port(address) & ~1, last_port=65534),
        fax=FaxSettings(station=f"+49 30 {port}"),
        trunks=trunks,
    )


def station(rig: LegsRig) -> str:
    return rig.daemon.settings.fax.station


@dataclass
class Pair:
    """Who sends, who receives, and their brains."""

    sender: LegsRig
    receiver: LegsRig
    out: ScriptedBrain
    into: ScriptedBrain
    folder: Path

    async def call(self, trunk: str = "open") -> tuple[int, int]:
        """Return both legs of a new call."""
        self.out.put(Dial(tok="t", kind="trunk", via=trunk, to="4711"))
        into = await answered(self.into)
        leg = (await self.out.event(LegOut)).leg
        await self.out.event(LegUp, leg=leg)
        return leg, into

    def document(self, *, pages: int, rows: int) -> list[bytes]:
        """Put a document where the sender's faxes are; return its pixels."""
        folder = self.folder / "near/faxes"
        folder.mkdir(parents=True, exist_ok=True)
        return document(folder / "out.tif", pages=pages, rows=rows)

    async def talk(self, out: int, into: int) -> None:
        """See that sound is agreed again: a digit is heard at the other end."""
        async with asyncio.timeout(FAX_S):
            while not self.out.heard(Digit, leg=out):
                self.into.put(SendDigits(into, "5"))
                await asyncio.sleep(0.5)

    def received(self, done: FaxDone) -> Path:
        return self.folder / "far/faxes" / done.path


@contextlib.asynccontextmanager
async def pair(tmp_path: Path, *, receiver_t38: bool = True) -> AsyncIterator[Pair]:
    ports = free_port(NEAR), free_port(FAR)
    outward = {
        "open": Trunk(host=FAR, port=ports[1], check_s=0),
        "sound": Trunk(host=FAR, port=ports[1], check_s=0, t38=False),
    }
    inward = {"city": Trunk(host=NEAR, port=ports[0], check_s=0, t38=receiver_t38)}
    near = settings(tmp_path / "near", NEAR, ports[0], outward)
    far = settings(tmp_path / "far", FAR, ports[1], inward)
    async with legs_running(near) as sender, legs_running(far) as receiver:
        yield Pair(sender, receiver, await sender.brain(), await receiver.brain(), tmp_path)


async def goes_through(folder: Path, trunk: str) -> FaxDone:
    """Send a fax of two pages, see that they are the same at the far end, then let both talk."""
    async with pair(folder) as both:
        wanted = both.document(pages=2, rows=60)
        out, into = await both.call(trunk)
        both.into.put(ReceiveFax(into, "f", "2026/in.tif"))
        both.out.put(SendFax(out, "g", "out.tif"))
        done = await both.into.event(FaxDone, fax="f", within_s=FAX_S)
        sent = await both.out.event(FaxDone, fax="g", within_s=FAX_S)
        assert [(one.reason, one.pages) for one in (done, sent)] == [("normal", 2)] * 2
        assert [event.pages for event in both.into.heard(FaxPage, leg=into)] == [1, 2]
        assert (done.station, sent.station) == (station(both.sender), station(both.receiver))
        assert (done.path, done.pdf, sent.path) == ("2026/in.tif", "2026/in.pdf", "out.tif")
        assert pixels(both.received(done)) == wanted
        assert both.received(done).with_suffix(".pdf").read_bytes().startswith(b"%PDF")
        assert not both.receiver.daemon.table.rows[into].fax
        await both.talk(out, into)
        both.out.put(Hang(out))
        assert (await both.into.event(LegDown)).reason == "normal"
        return done


async def test_faxes_go_through_as_sound_and_by_t38(tmp_path: Path) -> None:
    t38, refused = await asyncio.gather(
        goes_through(tmp_path / "t38", "open"), goes_through(tmp_path / "refused", "sound")
    )
    assert (t38.t38, refused.t38) == (True, False)


async def is_cut_off(folder: Path, *, t38: bool) -> None:
    """Hang up in the second page of three."""
    async with pair(folder, receiver_t38=t38) as both:
        wanted = both.document(pages=3, rows=500)
        out, into = await both.call()
        both.into.put(ReceiveFax(into, "f", "in.tif"))
        both.out.put(SendFax(out, "g", "out.tif"))
        await both.into.event(FaxPage, pages=1, within_s=FAX_S)
        await asyncio.sleep(4)  # into the next page
        both.out.put(Hang(out))
        done = await both.into.event(FaxDone)
        assert (done.reason, done.pages, done.t38) == ("call-dropped", 1, t38)
        assert pixels(both.received(done)) == wanted[:1]
        assert both.received(done).with_suffix(".pdf").exists()
        sent = await both.out.event(FaxDone)
        assert (sent.reason, sent.pages, sent.path) == ("call-dropped", 1, "out.tif")
        assert not both.receiver.daemon.table.rows


async def test_pages_that_came_whole_outlive_the_call(tmp_path: Path) -> None:
    await asyncio.gather(
        is_cut_off(tmp_path / "t38", t38=True), is_cut_off(tmp_path / "sound", t38=False)
    )
