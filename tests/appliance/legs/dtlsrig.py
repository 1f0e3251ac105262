"""A far end by SIP that keys by DTLS-SRTP, for several tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from appliance.legs import sdp
from appliance.legs.engine import MediaEngine
from appliance.legs.mediaevents import MediaEvent
from appliance.legs.remote import rtp_remote
from appliance.legs.sip import SipStack
from appliance.legs.sipevents import SipEvent
from tests.appliance.legs.legsrig import (
    TRUNK_ADDRESS,
    LegsRig,
)
from tests.ports import free_port


class FarEnd:
    """A far end made of a stack and an engine of its own, whose SDP a test can spoil."""

    def __init__(self) -> None:
        self.stack = SipStack(TRUNK_ADDRESS, free_port(TRUNK_ADDRESS))
        self.engine = MediaEngine(max_legs=4)
        self.policy = sdp.Policy(srtp="required", srtp_keys="dtls")
        self.local = sdp.Local(TRUNK_ADDRESS, 0, session_id=1)
        self.answers: list[str] = []
        self.heard: list[MediaEvent] = []
        self._events: asyncio.Queue[SipEvent] = asyncio.Queue()

    def start(self) -> None:
        """Begin, with one leg."""
        self.stack.start()
        self.engine.start()
        port = self.engine.add_rtp_leg(1, TRUNK_ADDRESS, 0, 0)
        self.local = replace(self.local, port=port, fingerprint=self.engine.fingerprint())
        loop = asyncio.get_running_loop()
        loop.add_reader(self.stack.fileno(), self._take)
        loop.add_reader(self.engine.fileno(), lambda: self.heard.extend(self.engine.poll()))

    async def close(self) -> None:
        """End."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.stack.fileno())
        loop.remove_reader(self.engine.fileno())
        await loop.run_in_executor(None, self.stack.close)
        self.engine.close()

    def _take(self) -> None:
        for event in self.stack.poll():
            self._events.put_nowait(event)

    async def event(self, *kinds: type[SipEvent]) -> SipEvent:
        """Wait for the next event of these kinds."""
        async with asyncio.timeout(20):
            while True:
                event = await self._events.get()
                if isinstance(event, kinds):
                    return event

    async def media(self, kind: type[MediaEvent], count: int = 1) -> None:
        """Wait until the engine has told that."""
        async with asyncio.timeout(20):
            while sum(isinstance(one, kind) for one in self.heard) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def call(self, rig: LegsRig, offer: str) -> int:
        """Call legs with that offer."""
        host, port = rig.sip
        caller = f"sip:100@{TRUNK_ADDRESS}:{self.stack.port}"
        return self.stack.invite(f"sip:200@{host}:{port}", from_uri=caller, sdp=offer)

    def offer(self, setup: str = "actpass") -> str:
        """Return our offer."""
        return sdp.offer(self.local, self.policy).replace("setup:actpass", f"setup:{setup}")

    def use(self, answer: str) -> sdp.Agreed:
        """Take what legs answered."""
        agreed = sdp.agree(sdp.parse(answer), self.local, self.policy)
        self.engine.set_remote(1, rtp_remote(agreed))
        assert agreed.dtls is not None
        self.engine.dtls(1, agreed.dtls.setup, agreed.dtls.fingerprint)
        self.engine.detect_digits(1, True)
        return agreed


@contextlib.asynccontextmanager
async def far_end() -> AsyncIterator[FarEnd]:
    """Run a far end."""
    end = FarEnd()
    end.start()
    try:
        yield end
    finally:
        await end.close()
