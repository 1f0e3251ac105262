"""A number that receives faxes: the real processes, and legs of another that send one."""

import asyncio
from pathlib import Path

import msgspec

from appliance.config.model import ApplianceSettings, FaxSettings, SipSettings, TrunkSettings
from appliance.plan.model import Flow, Number, TakeFax
from appliance.wire.commands import Dial, SendFax
from appliance.wire.events import FaxDone, LegDown, LegUp
from tests.appliance.legs.faxkit import document, pixels
from tests.appliance.legs.legsrig import legs_running
from tests.baresipkit import wait_for
from tests.spine.branch import agent, plan
from tests.spine.conftest import MakeBranch

STATION = "+49 30 4711"


async def test_a_fax_ends_as_files_and_in_the_journal(
    make_branch: MakeBranch, tmp_path: Path
) -> None:
    own = plan([agent("ann", "sales", "service")])
    own = msgspec.structs.replace(
        own,
        numbers=(*own.numbers, Number(number="400", flow="fax")),
        flows=(*own.flows, Flow(name="fax", start="fax", steps={"fax": TakeFax()})),
    )
    branch = await asyncio.to_thread(make_branch, own)
    settings = ApplianceSettings(
        state_dir=str(tmp_path / "far"),
        sip=SipSettings(address=branch.trunk),
        fax=FaxSettings(station=STATION),
        trunks={"branch": TrunkSettings(host=branch.address, check_s=0)},
    )
    (tmp_path / "far/faxes").mkdir(parents=True)
    wanted = document(tmp_path / "far/faxes/out.tif", pages=1, rows=60)
    async with legs_running(settings) as rig:
        far = await rig.brain()
        far.put(Dial(tok="t", kind="trunk", via="branch", to="400"))
        leg = (await far.event(LegUp)).leg
        far.put(SendFax(leg, "f", "out.tif"))
        sent = await far.event(FaxDone, within_s=90)
        assert (sent.reason, sent.pages, sent.t38) == ("normal", 1, True)
        await far.event(LegDown)
    await asyncio.to_thread(wait_for, "the journal", lambda: branch.entries("fax-kept"))
    (kept,) = [entry.as_dict() for entry in branch.entries("fax-kept")]
    assert (kept["pages"], kept["station"], kept["t38"]) == (1, STATION, True)
    faxes = branch.state / "faxes"
    assert pixels(faxes / kept["path"]) == wanted
    assert (faxes / kept["pdf"]).read_bytes().startswith(b"%PDF")
    await asyncio.to_thread(wait_for, "the end", lambda: branch.outcomes() == ["released"])
