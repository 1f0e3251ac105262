"""A box behind a NAT that maps an address of its own to it."""

from pathlib import Path

import msgspec

from appliance.legs import sdp
from appliance.legs.sipevents import Acked, Ended, InviteIn
from appliance.wire.commands import Dial, Hang
from appliance.wire.events import LegUp
from tests.appliance.legs.dtlsrig import far_end
from tests.appliance.legs.legsrig import legs_running, settings_for

PUBLIC = "127.0.0.77"


async def test_contact_and_sdp_say_where_others_reach_us(tmp_path: Path) -> None:
    async with far_end() as far:
        settings = settings_for(tmp_path, trunk_port=far.stack.port)
        sip = msgspec.structs.replace(settings.sip, public_address=PUBLIC)
        async with legs_running(msgspec.structs.replace(settings, sip=sip)) as rig:
            brain = await rig.brain()
            brain.put(Dial(tok="d", kind="trunk", via="city", to="200"))
            invite = await far.event(InviteIn)
            assert isinstance(invite, InviteIn)
            assert f"c=IN IP4 {PUBLIC}" in invite.sdp
            answer, _ = sdp.answer(sdp.parse(invite.sdp), far.local)
            far.stack.respond(invite.call, 200, sdp=answer)
            acked = await far.event(Acked)
            assert isinstance(acked, Acked)
            assert acked.dialog.target == f"sip:{PUBLIC}:{settings.sip.port}"
            brain.put(Hang((await brain.event(LegUp)).leg))
            await far.event(Ended)
