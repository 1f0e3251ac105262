"""Keeps SIP trunks: registration at providers, OPTIONS to those that are asked, addresses."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from appliance.config.model import TrunkSettings
from appliance.legs.sip import SipStack
from appliance.legs.sipevents import OptionsResult, RegisterResult
from appliance.legs.sipnative import SipError
from appliance.legs.siptls import TlsFar
from appliance.legs.trunks import TrunkTable

_log = logging.getLogger(__name__)

#: after a registration was refused or nobody answered, the next try [s]
RETRY_S = 30.0
#: a registration that nothing comes of is begun anew [s]; a transaction takes at most 32 s
_GIVE_UP_S = 40.0
#: how often the trunks are looked at [s]
_LOOK_S = 0.5
#: names are looked up again this often [s]
_RESOLVE_S = 300.0
#: an OPTIONS without answer is given up after so long [s]: with T1 = 0.5 s it went out 3 times
_ANSWER_S = 3.0
#: statuses that the stack itself makes up when nobody answers
_NOBODY = (408, 503)


@dataclass(slots=True)
class _Watch:
    """What is known of one trunk."""

    settings: TrunkSettings
    registration: int = 0
    t_register: float = 0.0
    registered: bool = False
    asked: int = 0
    t_ask: float = 0.0
    t_asked: float = 0.0
    reachable: bool = True
    reason: str = ""
    addresses: frozenset[str] = field(default_factory=frozenset)

    @property
    def wants_check(self) -> bool:
        """Whether it is asked by OPTIONS; a registration alone does not show that it answers."""
        return self.settings.check_s > 0


class TrunkWatch:
    """Watches over all SIP trunks of the settings."""

    def __init__(
        self, settings: Mapping[str, TrunkSettings], stack: SipStack, trunks: TrunkTable
    ) -> None:
        self._stack = stack
        self._trunks = trunks
        self._watches = {name: _Watch(trunk) for name, trunk in settings.items()}
        self._registrations: dict[int, str] = {}
        self._questions: dict[int, str] = {}
        #: the addresses of trunks may have changed
        self.on_resolved: Callable[[], None] = lambda: None
        for name, trunk in settings.items():
            known = not trunk.register and not trunk.check_s
            trunks.add(name, "trunk", up=known, reason="" if known else "unreachable")

    def settings(self, name: str) -> TrunkSettings | None:
        """Return the settings of a trunk, or None when there is no such trunk."""
        watch = self._watches.get(name)
        return None if watch is None else watch.settings

    def trunk_at(self, address: str, port: int, *, tls: bool = False) -> str:
        """Return the trunk that packets from there belong to, or the empty text."""
        found = ""
        for name, watch in self._watches.items():
            if address in watch.addresses and tls == (watch.settings.transport == "tls"):
                if watch.settings.port == port:
                    return name
                found = found or name
        return found

    def tls_fars(self) -> Iterator[TlsFar]:
        """Yield whom calls by TLS may reach, and by what name."""
        for watch in self._watches.values():
            trunk = watch.settings
            if trunk.transport == "tls":
                for address in sorted(watch.addresses):
                    yield TlsFar(address, trunk.port, trunk.host)

    async def keep_watching(self) -> None:
        """Register, ask and resolve until cancelled."""
        loop = asyncio.get_running_loop()
        known = all(watch.addresses for watch in self._watches.values())
        t_resolve = loop.time() + (_RESOLVE_S if known else 0.0)
        while True:
            now = loop.time()
            if now >= t_resolve:
                t_resolve = now + _RESOLVE_S
                await self.resolve()
            for name, watch in self._watches.items():
                self._look(name, watch, now)
            await asyncio.sleep(_LOOK_S)

    async def resolve(self) -> None:
        """Look up where calls of each trunk may come from; what fails keeps what it had."""
        await asyncio.gather(*map(_resolve, self._watches.items()))
        self.on_resolved()

    def close(self) -> None:
        """Give registrations up."""
        for handle in self._registrations:
            self._stack.unregister(handle)

    # -- what the stack tells ------------------------------------------------------------------

    def registered(self, result: RegisterResult) -> None:
        """Take a registrar's answer."""
        name = self._registrations.get(result.call)
        if name is None:
            return
        watch = self._watches[name]
        if result.status < 300:
            watch.registered = True
        else:
            _log.warning("trunk %s: the registrar answers %d", name, result.status)
            watch.registered = False
            watch.reason = "unreachable" if result.status in _NOBODY else "refused"
            self._stack.unregister(result.call)
            del self._registrations[result.call]
            watch.registration = 0
            watch.t_register = asyncio.get_running_loop().time() + RETRY_S
        self._tell(name, watch)

    def asked(self, result: OptionsResult) -> bool:
        """Take the answer to an OPTIONS; return False when it was none of ours."""
        name = self._questions.pop(result.call, None)
        if name is None:
            return False
        watch = self._watches[name]
        if watch.asked == result.call:
            watch.asked = 0
            self._heard(name, watch, there=result.status not in _NOBODY)
        elif result.status not in _NOBODY:
            self._heard(name, watch, there=True)
        return True

    # -- inside ----------------------------------------------------------------------------------

    def _look(self, name: str, watch: _Watch, now: float) -> None:
        trunk = watch.settings
        try:
            if trunk.register and not watch.registered and now >= watch.t_register:
                self._register(name, watch)
            if watch.asked and now - watch.t_asked > _ANSWER_S:
                watch.asked = 0
                self._heard(name, watch, there=False)
            if watch.wants_check and not watch.asked and now >= watch.t_ask:
                watch.t_ask, watch.t_asked = now + trunk.check_s, now
                watch.asked = self._stack.options(f"sip:{place_of(trunk)}")
                self._questions[watch.asked] = name
        except SipError as error:
            _log.error("trunk %s: %s", name, error)

    def _register(self, name: str, watch: _Watch) -> None:
        trunk = watch.settings
        if watch.registration:  # nothing came of it: not even a timeout
            self._registrations.pop(watch.registration, None)
            self._stack.unregister(watch.registration)
        watch.t_register = asyncio.get_running_loop().time() + _GIVE_UP_S
        watch.registration = self._stack.register(
            f"sip:{trunk.user}@{trunk.host}",
            f"sip:{place_of(trunk)}",
            trunk.user,
            trunk.secret,
            trunk.expires_s,
        )
        self._registrations[watch.registration] = name

    def _heard(self, name: str, watch: _Watch, *, there: bool) -> None:
        watch.reachable = there
        if not there:
            watch.reason = "unreachable"
        self._tell(name, watch)

    def _tell(self, name: str, watch: _Watch) -> None:
        up = watch.reachable and (watch.registered or not watch.settings.register)
        self._trunks.changed(name, up=up, reason="" if up else watch.reason or "unreachable")


def place_of(trunk: TrunkSettings) -> str:
    """Return a trunk's host, port and transport as they stand in a URI."""
    over = "" if trunk.transport == "udp" else f";transport={trunk.transport}"
    return f"{trunk.host}:{trunk.port}{over}"


async def _resolve(named: tuple[str, _Watch]) -> None:
    """Look up the addresses of one trunk."""
    name, watch = named
    found: set[str] = set()
    for host in (watch.settings.host, *watch.settings.from_addresses):
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(
                host, None, type=socket.SOCK_DGRAM
            )
        except (OSError, UnicodeError) as error:
            _log.warning("trunk %s: %s cannot be resolved: %s", name, host, error)
            found |= watch.addresses
        else:
            found |= {str(info[4][0]) for info in infos}
    watch.addresses = frozenset(found)
