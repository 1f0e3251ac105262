"""T.38 in one SIP call: offered where we receive a fax, taken where the far end offers it.

A fax begins with sound. Who receives knows that there is a fax, and offers T.38 by a re-INVITE
(ITU-T T.38 annex D); where that is refused, the sound stays as it was agreed (RFC 3264 section 8)
and the fax goes on with G.711. UDPTL is in the clear: a call that is encrypted stays with sound.
"""

import asyncio
import logging
import random
from typing import Literal, Protocol

from appliance.base.errors import BranchlineError
from appliance.legs import t38sdp
from appliance.legs.legfaxes import LegFaxes
from appliance.legs.sdp import Local, SdpError, Session
from appliance.legs.t38sdp import T38Stream

_log = logging.getLogger(__name__)

#: our CED lasts 2.6 to 4.0 s (T.30 section 4.1.3): a far end that hears it has the first word
OFFER_AFTER_S = 3.0
#: after T.38 the far end's BYE, or its own way back to sound, is waited for
BACK_AFTER_S = 2.0
#: an offer that crossed the far end's is made again so often
TRIES = 3
#: waits before that [s], of who chose the Call-ID and of the other (RFC 3261 section 14.1)
OWNER_WAIT_S = (2.1, 4.0)
OTHER_WAIT_S = (0.0, 2.0)
_PENDING = 491

_Kind = Literal["", "t38", "sound"]


class FaxCall(Protocol):
    """The call, as its fax sees it."""

    leg: int

    def takes_t38(self) -> bool:
        """Tell whether the far end's policy and what is agreed allow T.38."""

    def bumped(self) -> Local:
        """Return our end with its next version."""

    def reoffer(self, body: str) -> None:
        """Send a re-INVITE; raise an error of the stack."""

    def sound_offer(self) -> str:
        """Return an offer of sound, with its next version."""


class SipFax:
    """Where a call stands between sound and T.38."""

    def __init__(self, call: FaxCall, faxes: LegFaxes, *, owner: bool) -> None:
        """*owner*: the Call-ID is ours."""
        self._call = call
        self._faxes = faxes
        self._wait_s = OWNER_WAIT_S if owner else OTHER_WAIT_S
        #: what our offer on its way is about
        self._asked: _Kind = ""
        self._tries = 0
        self._timer: asyncio.TimerHandle | None = None
        #: where T.38 goes, None: sound is agreed
        self.stream: T38Stream | None = None

    def begin(self, *, receives: bool) -> None:
        """Take up a fax that has just begun: after another one T.38 may be agreed already."""
        self._tries = TRIES
        self._stop_timer()
        if self.stream is not None:
            self._again(self.stream)
        elif receives and self._call.takes_t38():
            self._later(OFFER_AFTER_S, "t38")

    def over(self) -> None:
        """Go back to sound after T.38, unless the far end is quicker."""
        self._stop_timer()
        if self.stream is not None:
            self._tries = TRIES
            self._later(BACK_AFTER_S, "sound")

    def end(self) -> None:
        """Do nothing more: the call has ended."""
        self._stop_timer()

    def take_offer(self, body: str, offered: Session, local: Local) -> str:
        """Return our answer to an offer of T.38, nothing where it is for sound to answer.

        Raises SdpError `no-codec` where T.38 alone is offered and cannot be.
        """
        if not t38sdp.offers_t38(offered):
            return ""
        if not self._faxes.running(self._call.leg) or not self._call.takes_t38():
            if any(media.kind == "audio" and media.port for media in offered.media):
                return ""
            raise SdpError("no-codec", "T.38 without a fax, or where it is not allowed")
        text, stream = t38sdp.answer(body, local)
        self._switch(stream)
        return text

    def take_result(self, status: int, body: str) -> bool:
        """Take what became of our offer; False where sound is to be agreed as *body* says."""
        asked, self._asked = self._asked, ""
        if status == _PENDING and asked:
            self._tries -= 1
            if self._tries:
                self._later(random.uniform(*self._wait_s), asked)  # noqa: S311 - no secret
            return True
        if status >= 300:
            _log.info("leg %d: our offer was refused with %d", self._call.leg, status)
            return True
        if asked == "t38":
            self._answered(body)
        return asked == "t38"

    def sounds(self) -> None:
        """Note that sound is agreed: as before, or again."""
        if self.stream is not None:
            self._stop_timer()
        self.stream = None

    def _answered(self, body: str) -> None:
        """Change over; where the answer is none, or it comes too late, sound is offered again."""
        try:
            self._switch(t38sdp.read(body))
        except BranchlineError as error:
            _log.info("leg %d: no T.38: %s", self._call.leg, error)
            self._offer("sound")

    def _again(self, stream: T38Stream) -> None:
        try:
            self._faxes.switch(self._call.leg, stream)
        except BranchlineError as error:
            _log.warning("leg %d: %s", self._call.leg, error)

    def _switch(self, stream: T38Stream) -> None:
        """Change over, or raise SdpError: pages came by sound, it went back once, or is over."""
        if self.stream is None:
            try:
                self._faxes.switch(self._call.leg, stream)
            except BranchlineError as error:
                raise SdpError("no-codec", f"too late for T.38: {error}") from error
        elif (self.stream.address, self.stream.port) != (stream.address, stream.port):
            raise SdpError("no-codec", "T.38 cannot move")
        self.stream = stream
        self._stop_timer()

    def _offer(self, kind: _Kind) -> None:
        if self._asked or (kind == "t38" and self.stream is not None):
            return
        self._asked = kind
        call = self._call
        try:
            call.reoffer(t38sdp.offer(call.bumped()) if kind == "t38" else call.sound_offer())
        except BranchlineError as error:
            self._asked = ""
            _log.warning("leg %d: no offer of %s: %s", call.leg, kind, error)

    def _later(self, wait_s: float, kind: _Kind) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._offer, kind)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
