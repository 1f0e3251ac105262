"""One SIP call and its leg: offers and answers with the engine, and the way to its far end."""

import logging
import secrets
from dataclasses import replace

from appliance.base.errors import BranchlineError
from appliance.legs import causes, sdp, t38sdp
from appliance.legs.errors import CommandError
from appliance.legs.media import LegMedia
from appliance.legs.remote import rtp_remote
from appliance.legs.sip import SipStack
from appliance.legs.sipfax import SipFax
from appliance.legs.table import LegTable

_log = logging.getLogger(__name__)

#: the address of RFC 2543's hold
_NOWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, never bound


class SipCall:
    """A call and its leg; the leg is 0 until the table has given it a number."""

    def __init__(
        self,
        stack: SipStack,
        media: LegMedia,
        table: LegTable,
        policy: sdp.Policy,
        call: int,
        *,
        out: bool,
    ) -> None:
        self._stack = stack
        self._media = media
        self._table = table
        self._policy = policy
        self.call = call
        self.leg = 0
        self._out = out
        #: what the far end offered and we have not answered yet
        self.offered: sdp.Session | None = None
        self._local: sdp.Local | None = None
        #: the answer as it was sent early or with 200; the same text both times (RFC 3261 §13.2.1)
        self._answer = ""
        self._answered = False
        self.agreed: sdp.Agreed | None = None
        #: what was agreed when we made our last offer
        self._known: sdp.Agreed | None = None
        self._fax = SipFax(self, media.faxes, owner=out)

    # -- FarEnd ----------------------------------------------------------------------------------

    def ring(self, *, early: bool) -> None:
        """Send 180, or 183 with our answer so that the caller hears us before we answer."""
        if self._answered:
            return
        if early and self.offered is not None:
            self._stack.respond(self.call, 183, sdp=self._body())
        else:
            self._stack.respond(self.call, 180)

    def answer(self) -> None:
        """Send 200 once."""
        if not self._answered:
            body = self._body()
            self._answered = True
            self._stack.respond(self.call, 200, sdp=body)

    def hang(self, reason: str) -> None:
        """Refuse, give up or end the call, and say why (RFC 3326)."""
        self._fax.end()
        if self._out or self._answered:
            self._stack.end(self.call, headers=[causes.reason_header(reason)])
        else:
            status = causes.refusal(reason).status
            self._stack.respond(self.call, status, headers=causes.refusal_headers(reason))

    def send_digits(self, digits: str) -> None:
        """Send digits in the media (RFC 4733, or tones)."""
        self._media.send_digits(self.leg, digits)

    def fax_begun(self, *, receives: bool) -> None:
        """Let the fax watch over itself: while a page goes out by T.38 nothing comes in."""
        self.watch()
        self._fax.begin(receives=receives)

    def fax_over(self) -> None:
        """Watch for silence again, and come back to sound."""
        self.watch()
        self._fax.over()

    # -- relayed calls -------------------------------------------------------------------------

    def offers(self) -> tuple[str, ...]:
        """Return the codecs that the far end has offered, best first."""
        media = self.offered.media if self.offered else ()
        return tuple(codec.name for one in media for codec in one.codecs if one.kind == "audio")

    def prefer(self, codec: sdp.CodecName) -> None:
        """Answer with that codec where it was offered: the other half has it."""
        rest = tuple(one for one in self._policy.codecs if one != codec)
        self._policy = replace(self._policy, codecs=(codec, *rest), order="ours")

    def hold(self, *, on: bool) -> None:
        """Put the far end on hold, or take it back (RFC 3264 §8.4)."""
        self._known = self.agreed
        direction: sdp.Direction = "sendonly" if on else "sendrecv"
        local, demand = self.bumped(), self._demand()
        body = sdp.offer(local, demand, direction=direction, known=self._known)
        self._stack.reoffer(self.call, body)

    # -- sipfax.FaxCall ------------------------------------------------------------------------

    def takes_t38(self) -> bool:
        """Tell whether the far end's policy and what is agreed allow T.38."""
        return self._policy.t38 and self.agreed is not None and self.agreed.keys is None

    def bumped(self) -> sdp.Local:
        """Return our end with its next version."""
        self._local = self._place().bumped()
        return self._local

    def reoffer(self, body: str) -> None:
        """Send a re-INVITE; raise an error of the stack."""
        self._stack.reoffer(self.call, body)

    def sound_offer(self) -> str:
        """Return an offer of sound, with its next version."""
        return self._offer(self.bumped())

    # -- offers and answers --------------------------------------------------------------------

    def offer(self, leg: int) -> str:
        """Give *leg* its media and return our offer; raise an error of the engine."""
        self.leg = leg
        return self._offer(self._place())

    def take_answer(self, body: str) -> None:
        """Take the far end's answer to our offer; raise SdpError."""
        agreed = sdp.agree(sdp.parse(body), self._place(), self._demand(), known=self._known)
        if agreed != self.agreed or self._fax.stream is not None:
            self._use(agreed)

    def take_result(self, status: int, body: str) -> None:
        """Take what became of an offer of ours within the call; raise SdpError."""
        if not self._fax.take_result(status, body) and body:
            self.take_answer(body)

    def ended(self) -> None:
        """Do nothing more: the far end has ended the call."""
        self._fax.end()

    def take_offer(self, body: str) -> str:
        """Take an offer within the call and return our answer; raise SdpError.

        Without a body the far end asks for our offer (RFC 3261 §14.2).
        """
        local = self.bumped()
        if not body:
            return t38sdp.offer(local) if self._fax.stream is not None else self._offer(local)
        offered = sdp.parse(body)
        if text := self._fax.take_offer(body, offered, local):
            return text
        text, agreed = sdp.answer(offered, local, self._demand())
        self._use(agreed)
        return text

    def _body(self) -> str:
        """Return our answer to the first offer, or our offer when the far end made none."""
        if self._answer:
            return self._answer
        try:
            local = self._place()
            if self.offered is None:
                self._answer = self._offer(local)
            else:
                self._answer, agreed = sdp.answer(self.offered, local, self._policy)
                self._use(agreed)
        except BranchlineError as error:
            reason = error.reason if isinstance(error, sdp.SdpError) else "overload"
            raise CommandError(reason, f"leg {self.leg} gets no media: {error}") from error
        return self._answer

    def _offer(self, local: sdp.Local) -> str:
        """Return an offer of ours; its answer is read with the same knowledge."""
        self._known = self.agreed
        return sdp.offer(local, self._demand(), known=self._known)

    def _demand(self) -> sdp.Policy:
        """Return what a later body must have: nobody is talked out of encryption in mid-call."""
        if self.agreed is None or not self.agreed.secure:
            return self._policy
        means: sdp.SrtpKeys = "sdes" if self.agreed.dtls is None else "dtls"
        return replace(self._policy, srtp="required", srtp_keys=means)

    def _place(self) -> sdp.Local:
        """Return where we receive; the first time, take a port for it."""
        if self._local is None:
            port = self._media.add_rtp(self.leg)
            address = self._media.place.named
            keys = sdp.make_keys(secrets.token_bytes) if self._policy.sdes else ()
            fingerprint = self._media.fingerprint() if self._policy.dtls else ""
            self._local = sdp.Local(
                address, port, session_id=self.leg, keys=keys, fingerprint=fingerprint
            )
        return self._local

    def _use(self, agreed: sdp.Agreed) -> None:
        """Let the engine send and receive as was agreed."""
        if (
            agreed.address in _NOWHERE and self.agreed is not None
        ):  # hold as of RFC 2543: where it is stays as it was
            agreed = replace(
                agreed,
                address=self.agreed.address,
                port=self.agreed.port,
                rtcp_port=self.agreed.rtcp_port,
            )
        if agreed.keys is not None and (self.agreed is None or agreed.keys != self.agreed.keys):
            self._media.secure(self.leg, agreed.keys)
        if agreed.dtls is not None and (self.agreed is None or agreed.dtls != self.agreed.dtls):
            self._media.shake(self.leg, rtp_remote(agreed), agreed.dtls)
            self._local = replace(self._place(), setup=agreed.dtls.setup)
        self.agreed = agreed
        self._fax.sounds()
        if 0 < agreed.max_ptime_ms < 20:
            _log.info("leg %d: the far end takes %d ms, gets 20", self.leg, agreed.max_ptime_ms)
        self._media.set_remote(
            self.leg,
            rtp_remote(agreed),
            send=agreed.direction in ("sendrecv", "sendonly"),
            receive=agreed.direction in ("sendrecv", "recvonly"),
        )
        if self._table.rows[self.leg].state == "up":
            self.watch()

    def watch(self) -> None:
        """Watch for silence, unless the far end has no reason to send or a fax runs."""
        receives = self.agreed is None or self.agreed.direction in ("sendrecv", "recvonly")
        held = self.agreed is not None and self.agreed.held
        fax = self._media.faxes.running(self.leg)
        self._media.watch_silence(self.leg, on=receives and not held and not fax)
