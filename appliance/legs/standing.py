"""Connections by TLS that stand: to each relay, so that it reaches us behind a NAT, too.

As RFC 5626 and RFC 5923 have it, in spirit: who cannot be dialled keeps the way open, and what
comes by it is known by the certificate at its ends, never by an address.
"""

import asyncio
import logging

from appliance.legs.gate import SipGate
from appliance.legs.sip import SipStack
from appliance.legs.sipevents import OptionsResult
from appliance.legs.sipnative import SipError

_log = logging.getLogger(__name__)

#: a relay is asked so often whether it is there [s]: what is lost meanwhile is two offers at most
KEEP_S = 5.0
#: statuses that the stack itself makes up when nobody answers
_NOBODY = (408, 503)


class StandingWays:
    """Asks each relay by OPTIONS, which opens the connection and keeps it open."""

    def __init__(self, stack: SipStack, gate: SipGate) -> None:
        self._stack = stack
        self._gate = gate
        #: OPTIONS under way -> the relay that is asked
        self._asked: dict[int, str] = {}
        #: relays that have answered last time
        self.up: set[str] = set()

    async def keep(self) -> None:
        """Keep the ways open until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(KEEP_S)

    def look(self) -> None:
        """Ask each relay that is not being asked."""
        relays = {peer.appliance: peer for peer in self._gate.relays()}
        self.up &= relays.keys()
        for name in relays.keys() - set(self._asked.values()):
            peer = relays[name]
            uri = f"sip:{name}@{peer.address}:{peer.tls_port};transport=tls"
            try:
                self._asked[self._stack.options(uri)] = name
            except SipError as error:
                _log.warning("relay %s cannot be asked: %s", name, error)

    def asked(self, result: OptionsResult) -> bool:
        """Take the answer to an OPTIONS; return False when it was none of ours."""
        name = self._asked.pop(result.call, None)
        if name is None:
            return False
        here = result.status not in _NOBODY
        if here != (name in self.up):
            _log.info("relay %s is %s", name, "there" if here else "not there")
        (self.up.add if here else self.up.discard)(name)
        return True
