"""SIP events become rows and legs' events; commands about SIP legs go to their calls."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from appliance.base.errors import BranchlineError
from appliance.base.reasons import REASONS
from appliance.legs import causes, sdp
from appliance.legs.errors import CommandError
from appliance.legs.exchange import Exchange
from appliance.legs.gate import RELAY_TO_HEADER, Denied, SipGate
from appliance.legs.infodigit import digit_in
from appliance.legs.policies import CallPolicies, narrowed
from appliance.legs.registrar import PhoneRegistrar
from appliance.legs.sip import SipStack
from appliance.legs.sipcall import SipCall
from appliance.legs.sipevents import (
    Acked,
    Answered,
    Cancelled,
    Ended,
    Failed,
    InfoIn,
    InviteIn,
    Offered,
    OfferResult,
    OptionsResult,
    Progress,
    RegisterIn,
    RegisterResult,
)
from appliance.legs.siptls import is_tls
from appliance.legs.tombs import DialogFile
from appliance.legs.trunkwatch import TrunkWatch
from appliance.wire.commands import Dial
from appliance.wire.rows import LegRow

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to call by SIP, and how."""

    to: str
    #: From: URI and name
    caller: tuple[str, str]
    headers: Sequence[tuple[str, str]] = ()
    proxy: str = ""
    user: str = ""
    secret: str = ""
    #: an appliance that is reached by a connection which stands already, if there is one
    peer: str = ""
    #: by no other way
    standing: bool = False


class Relay(Protocol):
    """Who makes the second half of calls between two other appliances."""

    def bar(self, row: LegRow) -> str:
        """Return why a call may not be relayed, or nothing."""

    def refused(self, reason: str) -> None:
        """Count a call that is not relayed."""

    def begin(self, row: LegRow, call: SipCall) -> None:
        """Call the far appliance for a call that was let in."""

    def ringing(self, row: LegRow) -> None:
        """The far end rings."""

    def up(self, row: LegRow, call: SipCall) -> None:
        """A half is answered."""

    def held(self, row: LegRow) -> None:
        """A half was put on hold by its far end, or taken back."""


class SipSide:
    """All SIP calls of this process."""

    def __init__(
        self,
        stack: SipStack,
        exchange: Exchange,
        gate: SipGate,
        registrar: PhoneRegistrar,
        trunks: TrunkWatch,
        dialogs: DialogFile,
        policies: CallPolicies,
        *,
        max_legs: int,
    ) -> None:
        self._stack = stack
        self._exchange = exchange
        self._table = exchange.table
        self._gate = gate
        self._registrar = registrar
        self._trunks = trunks
        self._dialogs = dialogs
        self._policies = policies
        self._max_legs = max_legs
        self._calls: dict[int, SipCall] = {}
        #: set by who puts the parts together
        self.relay: Relay | None = None
        #: who else asks by OPTIONS
        self.standing: Callable[[OptionsResult], bool] = lambda _result: False
        self._actions: dict[type, Callable[[Any], None]] = {
            InviteIn: self._invite,
            Progress: self._progress,
            Answered: self._answered,
            Acked: self._acked,
            Failed: self._failed,
            Ended: self._ended,
            Cancelled: self._cancelled,
            Offered: self._offered,
            OfferResult: self._offer_result,
            InfoIn: self._info,
            RegisterIn: registrar.register,
            RegisterResult: trunks.registered,
            OptionsResult: self._asked,
        }

    def drain(self) -> None:
        """Take all events the stack has; called when its descriptor is readable."""
        for event in self._stack.poll():
            try:
                self._actions[type(event)](event)
            except Exception:  # noqa: BLE001 - one call's trouble must not take the others with it
                _log.exception("%s failed", type(event).__name__)

    def call_out(self, dial: Dial, target: Target) -> LegRow:
        """Call *target*; raise CommandError when it cannot even be tried."""
        self._room()
        row = self._table.go_out(dial)
        tls = is_tls(target.proxy or target.to)
        policy = narrowed(self._policies.of(dial.kind, dial.via, tls=tls), dial.codecs)
        call = SipCall(self._stack, self._exchange.media, self._table, policy, 0, out=True)
        try:
            body = call.offer(row.leg)
            from_uri, from_name = target.caller
            call.call = self._stack.invite(
                target.to,
                from_uri=from_uri,
                from_name=from_name,
                sdp=body,
                headers=target.headers,
                proxy=target.proxy,
                user=target.user,
                secret=target.secret,
                peer=target.peer,
                standing=target.standing,
            )
        except BranchlineError as error:
            _log.error("leg %d cannot be dialled: %s", row.leg, error)
            self._exchange.hang(row.leg, error.reason)
            return row
        self._calls[call.call] = call
        self._exchange.connect(row.leg, call)
        return row

    def uri_host(self) -> str:
        """Return our host and port as they stand in a URI."""
        host = f"[{self._stack.address}]" if ":" in self._stack.address else self._stack.address
        return f"{host}:{self._stack.port}"

    def _room(self) -> None:
        if len(self._table.rows) >= self._max_legs:
            raise CommandError("overload", "all legs are in use")

    # -- calls that come in --------------------------------------------------------------------

    def _invite(self, event: InviteIn) -> None:
        admitted = self._gate.admit(event)
        if isinstance(admitted, Denied):
            _log.info("a call from %s is refused with %d", event.source, admitted.status)
            self._stack.respond(event.call, admitted.status, headers=admitted.headers)
            if self.relay is not None and RELAY_TO_HEADER.lower() in event.extras:
                self.relay.refused("refused")
            return
        try:
            self._may_relay(admitted)
            tls = self._stack.came_by_tls(event.call)
            policy = self._policies.of(admitted.kind, admitted.via, tls=tls)
            offered = _speakable(event.sdp, policy)
            self._room()
        except BranchlineError as error:
            refusal = causes.refusal(error.reason)
            headers = causes.refusal_headers(error.reason)
            self._stack.respond(event.call, refusal.status, headers=headers)
            return
        media = self._exchange.media
        call = SipCall(self._stack, media, self._table, policy, event.call, out=False)
        call.offered = offered
        self._calls[event.call] = call
        call.leg = self._table.come_in(admitted).leg
        self._exchange.connect(call.leg, call)
        if admitted.kind == "relay" and self.relay is not None:
            self.relay.begin(admitted, call)

    def _may_relay(self, row: LegRow) -> None:
        """Raise CommandError where a call is to be relayed and may not be."""
        if row.kind != "relay" or self.relay is None:
            return
        if reason := self.relay.bar(row):
            self.relay.refused(reason)
            raise CommandError(reason, f"{row.via} to {row.called} is not relayed")

    def _acked(self, event: Acked) -> None:
        self._keep(event)
        call = self._calls.get(event.call)
        if call is None or call.leg not in self._table.rows:
            self._stack.end(event.call)
            return
        try:
            if call.offered is None and call.agreed is None:
                call.take_answer(event.sdp)
        except BranchlineError as error:
            self._exchange.hang(call.leg, error.reason)
            return
        self._up(call)

    def _cancelled(self, event: Cancelled) -> None:
        call = self._calls.pop(event.call, None)
        if call is not None:
            self._exchange.ended(call.leg, "cancelled", cause=causes.NORMAL_CLEARING)

    # -- calls that go out ---------------------------------------------------------------------

    def _progress(self, event: Progress) -> None:
        call = self._calls.get(event.call)
        if call is None or call.leg not in self._table.rows:
            return
        early = False
        if event.sdp:
            try:
                call.take_answer(event.sdp)
                early = True
            except BranchlineError as error:
                _log.info("leg %d: early media are not understood: %s", call.leg, error)
        self._table.ringing(call.leg, event.status, early=early)
        row = self._table.rows[call.leg]
        if row.kind == "relay" and self.relay is not None:
            self.relay.ringing(row)

    def _answered(self, event: Answered) -> None:
        self._keep(event)
        call = self._calls.get(event.call)
        if call is None or call.leg not in self._table.rows:
            # our CANCEL crossed the 200: nobody waits for this call any more
            self._stack.end(event.call, headers=[causes.reason_header("caller-gone")])
            return
        try:
            if event.sdp or call.agreed is None:
                call.take_answer(event.sdp)
        except BranchlineError as error:
            self._exchange.hang(call.leg, error.reason)
            return
        self._up(call)

    def _up(self, call: SipCall) -> None:
        self._table.up(call.leg)
        call.watch()
        row = self._table.rows[call.leg]
        if row.kind == "relay" and self.relay is not None:
            self.relay.up(row, call)

    # -- both ----------------------------------------------------------------------------------

    def _offered(self, event: Offered) -> None:
        call = self._calls.get(event.call)
        if call is None or call.leg not in self._table.rows:
            self._stack.respond(event.call, 481)
            return
        try:
            body = call.take_offer(event.sdp)
        except BranchlineError as error:
            refusal = causes.refusal(error.reason)
            self._stack.respond(event.call, refusal.status)
            return
        self._stack.respond(event.call, 200, sdp=body)
        row = self._table.rows[call.leg]
        was_held = row.held
        if call.agreed is not None:
            self._table.held(call.leg, on=call.agreed.held)
        if row.kind == "relay" and row.held != was_held and self.relay is not None:
            self.relay.held(row)

    def _offer_result(self, event: OfferResult) -> None:
        call = self._calls.get(event.call)
        if call is None or call.leg not in self._table.rows:
            return
        try:
            call.take_result(event.status, event.sdp)
        except BranchlineError as error:
            _log.warning("leg %d: the answer to our offer: %s", call.leg, error)

    def _failed(self, event: Failed) -> None:
        self._dialogs.drop(event.call)
        call = self._calls.pop(event.call, None)
        if call is not None:
            reason = self._word(call, event.word) or causes.reason_of(event.status, event.cause)
            cause = event.cause or causes.cause_of_status(event.status)
            self._exchange.ended(call.leg, reason, cause=cause)

    def _ended(self, event: Ended) -> None:
        self._dialogs.drop(event.call)
        call = self._calls.pop(event.call, None)
        if call is not None:
            call.ended()
            reason = causes.reason_of(0, event.cause)
            self._exchange.ended(call.leg, reason, cause=event.cause or causes.NORMAL_CLEARING)

    def _word(self, call: SipCall, word: str) -> str:
        """Return why a relayed call has failed: both relay and far end say it in our words."""
        row = self._table.rows.get(call.leg)
        relayed = row is not None and (row.kind == "relay" or bool(row.relay))
        return word if relayed and word in REASONS else ""

    def _info(self, event: InfoIn) -> None:
        call = self._calls.get(event.call)
        found = digit_in(event.content_type, event.body)
        if call is not None and found is not None and call.leg in self._table.rows:
            digit, duration_ms = found
            self._exchange.media.digit(call.leg, digit, "info", duration_ms)

    def _asked(self, event: OptionsResult) -> None:
        if not (self._registrar.asked(event) or self.standing(event)):
            self._trunks.asked(event)

    def _keep(self, event: Answered | Acked) -> None:
        """Write down what a successor needs to end this call."""
        self._dialogs.put(event.call, msgspec.msgpack.encode(event.dialog))


def _speakable(body: str, policy: sdp.Policy) -> sdp.Session | None:
    """Return an offer that we could answer, None when there is none; raise SdpError."""
    if not body:
        return None
    offered = sdp.parse(body)
    keys = sdp.make_keys(bytes)  # only tried, never sent
    local = sdp.Local("0.0.0.0", 0, 0, keys=keys, fingerprint="-")  # noqa: S104 - as above
    sdp.answer(offered, local, policy)
    return offered
