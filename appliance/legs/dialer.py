"""Calls out: to a phone's contact, through a trunk, to a peer appliance, over a hardware line."""

import asyncio
import logging
from collections.abc import Mapping

from appliance.legs.contacts import ContactTable, over_tls
from appliance.legs.errors import CommandError
from appliance.legs.exchange import Exchange
from appliance.legs.gate import FENCE_HEADER, RELAY_TO_HEADER, RESERVATION_HEADER, SipGate
from appliance.legs.lines import LinePort
from appliance.legs.numbers import clean, is_diallable
from appliance.legs.sipside import SipSide, Target
from appliance.legs.trunkwatch import TrunkWatch, place_of
from appliance.wire.commands import Dial
from appliance.wire.rows import LegRow

_log = logging.getLogger(__name__)

#: a call rings no longer than this, whatever the brain says [s] (RFC 3261 §16.6: timer C, 3 min)
MAX_RING_S = 180.0


class LegDialer:
    """Turns a `Dial` into a leg; what cannot be called is refused before there is one."""

    def __init__(
        self,
        exchange: Exchange,
        sip: SipSide,
        gate: SipGate,
        contacts: ContactTable,
        trunks: TrunkWatch,
        lines: Mapping[str, LinePort],
    ) -> None:
        self._exchange = exchange
        self._sip = sip
        self._gate = gate
        self._contacts = contacts
        self._trunks = trunks
        self._lines = lines
        self._here = sip.uri_host()

    def dial(self, dial: Dial) -> None:
        """Call out; raise CommandError with the reason."""
        match dial.kind:
            case "phone":
                row = self._sip.call_out(dial, self._phone(dial))
            case "trunk":
                row = self._sip.call_out(dial, self._trunk(dial))
            case "peer":
                row = self._sip.call_out(dial, self._peer(dial))
            case _:
                row = self._line(dial)
        # written so that a ring time that is no number counts as the longest
        ring_s = max(dial.ring_s, 1.0) if dial.ring_s <= MAX_RING_S else MAX_RING_S
        asyncio.get_running_loop().call_later(ring_s, self._give_up, row)

    def _give_up(self, row: LegRow) -> None:
        if self._exchange.table.rows.get(row.leg) is row and row.state != "up":
            self._exchange.hang(row.leg, "no-answer")

    def _phone(self, dial: Dial) -> Target:
        contact = self._contacts.get(dial.via)
        if contact is None:
            raise CommandError("unavailable", f"phone {dial.via} is not registered")
        if not contact.here:
            raise CommandError("unreachable", f"phone {dial.via} does not answer")
        return Target(
            contact.uri,
            self._from(dial, self._here),
            proxy=f"sip:{contact.address}:{contact.port}{over_tls(contact)};lr",
        )

    def _trunk(self, dial: Dial) -> Target:
        trunk = self._trunks.settings(dial.via)
        if trunk is None:
            raise CommandError("unknown-trunk", f"no trunk {dial.via}")
        if not is_diallable(dial.to):
            raise CommandError("bad-request", f"{dial.to!r} cannot be called")
        host = trunk.host if trunk.user else self._here
        headers: list[tuple[str, str]] = []
        if dial.private:
            headers.append(("Privacy", "id"))
            if _user(dial.caller):
                headers.append(("P-Asserted-Identity", f"<sip:{_user(dial.caller)}@{host}>"))
        number = dial.to.replace("#", "%23")
        return Target(
            f"sip:{number}@{place_of(trunk)}",
            self._from(dial, host),
            tuple(headers),
            user=trunk.user,
            secret=trunk.secret,
        )

    def _peer(self, dial: Dial) -> Target:
        peer = self._gate.peer(dial.via)
        if peer is None:
            raise CommandError("unknown-peer", f"no appliance {dial.via}")
        if not is_diallable(dial.reservation):
            raise CommandError("bad-request", "a call to a peer needs a reservation")
        headers: tuple[tuple[str, str], ...] = (
            (RESERVATION_HEADER, dial.reservation),
            (FENCE_HEADER, str(dial.fence)),
        )
        if dial.relay:
            relay = self._gate.peer(dial.relay)
            if relay is None or not (relay.relay and self._gate.by_tls(relay)):
                raise CommandError("unknown-peer", f"{dial.relay} is no relay")
            headers += ((RELAY_TO_HEADER, peer.appliance),)
            peer = relay
        place = f"{peer.address}:{peer.port}"
        if self._gate.by_tls(peer):
            place = f"{peer.address}:{peer.tls_port};transport=tls"
        to = f"sip:{dial.reservation}@{place}"
        by = peer.appliance if self._gate.by_tls(peer) else ""
        return Target(to, self._from(dial, self._here), headers, peer=by)

    def _line(self, dial: Dial) -> LegRow:
        port = self._lines.get(dial.via)
        if port is None:
            raise CommandError("unknown-trunk", f"no line {dial.via}")
        if not is_diallable(dial.to):
            raise CommandError("bad-request", f"{dial.to!r} cannot be called")
        return port.dial(dial)

    def _from(self, dial: Dial, host: str) -> tuple[str, str]:
        """Return From as URI and name (RFC 3323 §4.1.1.3 for who wants to be private)."""
        if dial.private:
            return "sip:anonymous@anonymous.invalid", "Anonymous"
        return f"sip:{_user(dial.caller) or 'unknown'}@{host}", clean(dial.caller_name)


def _user(caller: str) -> str:
    """Return a caller's number as the user part of a URI, or the empty text."""
    return caller.replace("#", "%23") if is_diallable(caller) else ""
