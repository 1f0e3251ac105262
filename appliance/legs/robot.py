"""Pretend phones: they register, answer, talk for a while and hang up. For demo and tests.

Any number of accounts share one SIP stack and one engine, as the lines of a soft-phone do.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.base.errors import BranchlineError
from appliance.legs import causes, sdp
from appliance.legs.engine import MediaEngine, Prompt
from appliance.legs.enginetypes import Tone
from appliance.legs.numbers import user_of
from appliance.legs.prompts import decode
from appliance.legs.remote import rtp_remote
from appliance.legs.sip import SipStack
from appliance.legs.sipevents import (
    Acked,
    Cancelled,
    Ended,
    Failed,
    InviteIn,
    Offered,
    RegisterResult,
    SipEvent,
)
from appliance.legs.stop import until_told_to_stop

_log = logging.getLogger(__name__)

#: a registration is refreshed within this [s]
_EXPIRES_S = 60
#: the next try after a registration was refused [s]
_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Robot:
    """One pretend phone; times below zero mean never."""

    account: str
    secret: str
    #: from the first ring to the answer
    answer_after_s: float = 2.0
    #: from the answer to the end; the far end may end it earlier
    talk_s: float = 20.0
    #: WAV that it speaks again and again; empty: a tone
    says: str = ""
    #: WAV file that is to hold what it hears; a number is added for each call
    records: str = ""
    tone_hz: float = 440.0


@dataclass(slots=True)
class _RobotCall:
    robot: Robot
    call: int
    leg: int
    local: sdp.Local
    invite: InviteIn
    timer: asyncio.TimerHandle | None = None


class RobotPhones:
    """Phones at one address; `start`, then `close`."""

    def __init__(
        self,
        robots: Sequence[Robot],
        registrar: tuple[str, int],
        *,
        address: str,
        port: int,
        domain: str = "",
    ) -> None:
        self._robots = {robot.account: robot for robot in robots}
        self._registrar = f"sip:{registrar[0]}:{registrar[1]}"
        self._domain = domain or registrar[0]
        self._address = address
        self._stack = SipStack(address, port, user_agent="Branchline-Robot")
        self._engine = MediaEngine(max_legs=max(16, 2 * len(robots)))
        self._numbers = itertools.count(1)
        self._calls: dict[int, _RobotCall] = {}
        self._registrations: dict[int, Robot] = {}
        self._sounds: dict[str, Prompt] = {}
        self._closing = False
        #: accounts that are registered now
        self.registered: set[str] = set()
        #: calls answered so far
        self.answered = 0

    async def start(self) -> None:
        """Register all; raise BranchlineError for a port that is busy or a file that is not."""
        for robot in self._robots.values():
            if robot.says:
                samples = memoryview(decode(Path(robot.says))).cast("B")
                self._sounds[robot.says] = self._engine.load_prompt(samples)
        self._stack.start()
        self._engine.start()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._stack.fileno(), self._drain)
        loop.add_reader(self._engine.fileno(), self._engine.poll)
        for robot in self._robots.values():
            self._register(robot)

    async def close(self) -> None:
        """Hang up, leave the registrar and stop."""
        self._closing = True
        for call in list(self._calls.values()):
            self._stack.end(call.call)
            self._over(call.call)
        for handle in self._registrations:
            self._stack.unregister(handle)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._stack.fileno())
        loop.remove_reader(self._engine.fileno())
        await loop.run_in_executor(None, self._stack.close)
        self._engine.close()

    def _register(self, robot: Robot) -> None:
        if self._closing:
            return
        aor = f"sip:{robot.account}@{self._domain}"
        handle = self._stack.register(
            aor, self._registrar, robot.account, robot.secret, _EXPIRES_S
        )
        self._registrations[handle] = robot

    def _drain(self) -> None:
        for event in self._stack.poll():
            try:
                self._take(event)
            except BranchlineError as error:
                _log.warning("%s: %s", type(event).__name__, error)

    def _take(self, event: SipEvent) -> None:
        match event:
            case RegisterResult():
                self._register_result(event)
            case InviteIn():
                self._invite(event)
            case Acked():
                self._talk(event.call)
            case Offered():
                self._reoffered(event)
            case Ended() | Failed() | Cancelled():
                self._over(event.call)
            case _:
                pass

    def _register_result(self, event: RegisterResult) -> None:
        robot = self._registrations.get(event.call)
        if robot is None:
            return
        if event.status < 300:
            self.registered.add(robot.account)
            return
        _log.warning("%s: the registrar answers %d", robot.account, event.status)
        self.registered.discard(robot.account)
        del self._registrations[event.call]
        self._stack.unregister(event.call)
        asyncio.get_running_loop().call_later(_RETRY_S, self._register, robot)

    # -- calls -----------------------------------------------------------------------------------

    def _invite(self, event: InviteIn) -> None:
        robot = self._robots.get(user_of(event.request_uri))
        if robot is None:
            self._refuse(event.call, "not-found")
        elif any(call.robot is robot for call in self._calls.values()):
            self._refuse(event.call, "busy")
        else:
            leg = next(self._numbers)
            port = self._engine.add_rtp_leg(leg, self._address, 0, 0)
            local = sdp.Local(self._address, port, session_id=leg)
            call = _RobotCall(robot, event.call, leg, local, event)
            self._calls[event.call] = call
            self._stack.respond(event.call, 180)
            if robot.answer_after_s >= 0:
                self._after(call, robot.answer_after_s, self._answer)

    def _after(self, call: _RobotCall, seconds: float, step: Callable[[_RobotCall], None]) -> None:
        loop = asyncio.get_running_loop()
        call.timer = loop.call_later(seconds, step, call)

    def _answer(self, call: _RobotCall) -> None:
        try:
            self._stack.respond(call.call, 200, sdp=self._agree(call, call.invite.sdp))
        except BranchlineError as error:
            self._refuse(call.call, error.reason)

    def _agree(self, call: _RobotCall, offer: str) -> str:
        body, agreed = sdp.answer(sdp.parse(offer), call.local)
        self._engine.set_remote(call.leg, rtp_remote(agreed))
        self._engine.set_flow(call.leg, send=not agreed.held, receive=True)
        return body

    def _reoffered(self, event: Offered) -> None:
        call = self._calls.get(event.call)
        if call is not None:
            call.local = call.local.bumped()
            self._stack.respond(event.call, 200, sdp=self._agree(call, event.sdp))

    def _talk(self, handle: int) -> None:
        call = self._calls.get(handle)
        if call is None:
            return
        self.answered += 1
        robot = call.robot
        sound = self._sounds.get(robot.says) or Tone((robot.tone_hz,), ((1000, 0),))
        self._engine.play(call.leg, 1, [sound], loop=True)
        if robot.records:
            path = Path(robot.records)
            path = path.with_name(f"{path.stem}-{robot.account}-{call.leg}.wav")
            self._engine.record(call.leg, call.leg, str(path))
        if robot.talk_s >= 0:
            self._after(call, robot.talk_s, self._hang_up)

    def _hang_up(self, call: _RobotCall) -> None:
        self._stack.end(call.call)

    def _refuse(self, call: int, reason: str) -> None:
        headers = causes.refusal_headers(reason)
        self._stack.respond(call, causes.refusal(reason).status, headers=headers)

    def _over(self, handle: int) -> None:
        call = self._calls.pop(handle, None)
        if call is not None:
            if call.timer is not None:
                call.timer.cancel()
            self._engine.remove(call.leg)


async def run(
    robots: Sequence[Robot], registrar: tuple[str, int], *, address: str, port: int
) -> None:
    """Run phones until told to stop."""
    phones = RobotPhones(robots, registrar, address=address, port=port)
    await phones.start()
    await until_told_to_stop()
    await phones.close()
