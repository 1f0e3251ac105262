"""What the brain asks for, carried out one by one; what cannot be is answered with `Refused`."""

import logging
from collections.abc import Callable
from typing import Any, Protocol

from appliance.base.errors import BranchlineError
from appliance.base.reasons import REASONS
from appliance.legs.errors import CommandError
from appliance.legs.events import LegEvents
from appliance.legs.exchange import Exchange
from appliance.legs.mediacommands import MediaCommands
from appliance.wire.commands import (
    Accounts,
    Answer,
    BrainRecord,
    Dial,
    Fallback,
    Hang,
    Peers,
    Ring,
    SendDigits,
)
from appliance.wire.events import Refused

_log = logging.getLogger(__name__)

#: digits of one command
MAX_DIGITS = 64


class Dialler(Protocol):
    """Who calls out."""

    def dial(self, dial: Dial) -> None:
        """Call out; raise CommandError."""


class Knowledge(Protocol):
    """Who keeps what the brain tells once and for all."""

    def know_accounts(self, accounts: Accounts) -> None:
        """Take the phones that may register."""

    def know_peers(self, peers: Peers) -> None:
        """Take the appliances that may call."""

    def know_fallback(self, fallback: Fallback) -> None:
        """Take where waiting callers go without a brain."""


class LegCommands:
    """Carries out commands on the exchange."""

    def __init__(
        self, exchange: Exchange, dialler: Dialler, knowledge: Knowledge, events: LegEvents
    ) -> None:
        self._exchange = exchange
        self._dialler = dialler
        self._events = events
        self._table = exchange.table
        self._media = exchange.media
        self._actions: dict[type, Callable[[Any], None]] = {
            Answer: self._answer,
            Ring: self._ring,
            Hang: self._hang,
            Dial: self._dial,
            SendDigits: self._send_digits,
            Accounts: knowledge.know_accounts,
            Peers: knowledge.know_peers,
            Fallback: knowledge.know_fallback,
            **MediaCommands(exchange).actions,
        }

    def obey(self, command: BrainRecord) -> None:
        """Carry out *command*, or answer why not; never raises."""
        action = self._actions.get(type(command))
        if action is None:
            self._refuse(command, "unknown-record")
            return
        try:
            action(command)
        except BranchlineError as error:
            _log.info("%s refused: %s", type(command).__name__, error)
            self._refuse(command, error.reason)
        except Exception:  # noqa: BLE001 - one bad command must not take the calls of others
            _log.exception("%s failed", type(command).__name__)
            self._refuse(command, "internal")

    def _refuse(self, command: BrainRecord, reason: str) -> None:
        about = getattr(command, "tok", None) or getattr(command, "leg", "")
        for name in ("bridge", "recording", "fax"):
            about = about or getattr(command, name, "")
        tag = command.__struct_config__.tag
        self._events.emit(Refused, tag, str(about), reason)

    def _answer(self, answer: Answer) -> None:
        row = self._exchange.row(answer.leg)
        if row.out:
            raise CommandError("wrong-state", f"leg {row.leg} was dialled by us")
        if row.state == "up":
            return
        try:
            self._exchange.far(answer.leg).answer()
        except BranchlineError as error:
            self._exchange.hang(answer.leg, error.reason)
            raise

    def _ring(self, ring: Ring) -> None:
        row = self._exchange.row(ring.leg)
        if row.out or row.state == "up":
            raise CommandError("wrong-state", f"leg {row.leg} does not wait for an answer")
        row.state = "ringing"
        self._exchange.far(ring.leg).ring(early=ring.early)

    def _hang(self, hang: Hang) -> None:
        if hang.leg in self._table.tombs:
            return
        self._exchange.row(hang.leg)
        if hang.reason not in REASONS:
            raise CommandError("bad-request", f"{hang.reason!r} is no reason")
        self._exchange.hang(hang.leg, hang.reason)

    def _dial(self, dial: Dial) -> None:
        if dial.tok in self._table.tokens:
            return
        if not dial.tok:
            raise CommandError("bad-request", "a Dial needs a token")
        if dial.owner:
            self._exchange.row(dial.owner)
        self._dialler.dial(dial)

    def _send_digits(self, send: SendDigits) -> None:
        row = self._exchange.row(send.leg)
        if row.state != "up":
            raise CommandError("wrong-state", f"leg {send.leg} is not answered")
        self._media.must_hear(send.leg)
        if len(send.digits) > MAX_DIGITS or not set(send.digits) <= set("0123456789*#ABCD"):
            raise CommandError("bad-request", "digits are 0-9, *, #, A-D, at most 64")
        self._exchange.far(send.leg).send_digits(send.digits)
