"""The SIP stack's Python face: typed events out, checked commands in.

`SipStack` is one native stack for UDP and TCP (`sipnative.py`) and, where there is TLS, a second
one for nothing else, on a thread of its own: whatever strangers do to the handshakes of the one,
the other serves on, and what comes by the second has come by TLS for certain. Calls of the two
have no number in common.
"""

import select
import threading
from collections.abc import Iterable, Sequence

from appliance.legs.sipevents import (
    SipEvent,
)
from appliance.legs.sipnative import FIRST_TLS_CALL, QUEUE_LIMIT, NativeStack, SipError
from appliance.legs.siptls import SipTls, TlsFar, is_tls


class SipStack:
    """One SIP endpoint on UDP and TCP at *address*, *port*, and by TLS at *tls*'s port."""

    def __init__(
        self,
        address: str,
        port: int,
        *,
        user_agent: str = "Branchline",
        queue_limit: int = QUEUE_LIMIT,
        tls: SipTls | None = None,
        reached_at: str = "",
    ) -> None:
        """*reached_at*: the address in our Contact, where that is another."""
        self.address = address
        self.reached_at = reached_at or address
        self.port = port
        self.tls_port = tls.port if tls else 0
        self._plain = NativeStack(
            address,
            port,
            user_agent=user_agent,
            queue_limit=queue_limit,
            reached_at=reached_at,
        )
        self._tls: NativeStack | None = None
        if tls is not None:
            self._tls = NativeStack(
                address,
                tls.port,
                user_agent=user_agent,
                queue_limit=queue_limit,
                tls=tls,
                reached_at=reached_at,
            )
        self._readable: select.epoll | None = None

    def start(self) -> None:
        """Bind and run; raise `SipError` `port-busy` or `bad-config`."""
        self._plain.start()
        if self._tls is None:
            return
        try:
            self._tls.start()
        except SipError:
            self._plain.close()
            raise
        self._readable = select.epoll()
        for stack in (self._plain, self._tls):
            self._readable.register(stack.fileno(), select.EPOLLIN)

    def close(self) -> None:
        """End all calls, then the stack; takes up to some seconds. `poll` still gives the rest."""
        if self._readable is not None:
            self._readable.close()
            self._readable = None
        if self._tls is None:
            self._plain.close()
            return
        beside = threading.Thread(target=self._tls.close)
        beside.start()
        self._plain.close()
        beside.join()

    def fileno(self) -> int:
        """Return the descriptor that is readable while events wait."""
        return self._plain.fileno() if self._readable is None else self._readable.fileno()

    def poll(self) -> list[SipEvent]:
        """Take all events that wait."""
        events = self._plain.poll()
        return events + self._tls.poll() if self._tls is not None else events

    def came_by_tls(self, call: int) -> bool:
        """Tell whether a call, registration or question goes by TLS."""
        return call >= FIRST_TLS_CALL

    def respond(
        self,
        call: int,
        status: int,
        *,
        phrase: str = "",
        sdp: str = "",
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Respond to an `InviteIn`, `Offered` or `RegisterIn`; nothing happens if it is over."""
        self._of(call).respond(call, status, phrase=phrase, sdp=sdp, headers=headers)

    def invite(
        self,
        to_uri: str,
        *,
        from_uri: str,
        from_name: str = "",
        sdp: str,
        headers: Sequence[tuple[str, str]] = (),
        proxy: str = "",
        user: str = "",
        secret: str = "",
        peer: str = "",
        standing: bool = False,
    ) -> int:
        """Call out; *user* and *secret* answer a digest challenge. Returns the call.

        An appliance *peer* is called by the connection on which it has proven itself, where there
        is one; with *standing* by no other way.
        """
        return self._to(proxy or to_uri).invite(
            to_uri,
            from_uri=from_uri,
            from_name=from_name,
            sdp=sdp,
            headers=headers,
            proxy=proxy,
            user=user,
            secret=secret,
            peer=peer,
            standing=standing,
        )

    def end(self, call: int, *, headers: Sequence[tuple[str, str]] = ()) -> None:
        """End a call with BYE, CANCEL or 480, as its state wants; its last event follows."""
        self._of(call).end(call, headers=headers)

    def reoffer(self, call: int, sdp: str) -> None:
        """Send a re-INVITE with a new offer; `OfferResult` follows."""
        self._of(call).reoffer(call, sdp)

    def register(self, aor: str, registrar: str, user: str, secret: str, expires_s: int) -> int:
        """Register and stay registered; a `RegisterResult` follows for each refresh."""
        return self._to(registrar).register(aor, registrar, user, secret, expires_s)

    def unregister(self, handle: int) -> None:
        """Give a registration up; a `RegisterResult` with 0 s follows if it stood."""
        self._of(handle).unregister(handle)

    def options(self, uri: str) -> int:
        """Ask whether somebody is at *uri*; `OptionsResult` follows."""
        return self._to(uri).options(uri)

    def expect(self, fars: Iterable[TlsFar]) -> None:
        """Say whom we may call by TLS, in place of those named before."""
        if self._tls is not None:
            self._tls.expect(fars)

    def live(self) -> int:
        """Return the number of calls whose last event has not come yet."""
        return self._plain.live() + (self._tls.live() if self._tls is not None else 0)

    def _of(self, call: int) -> NativeStack:
        return self._tls if self._tls is not None and self.came_by_tls(call) else self._plain

    def _to(self, uri: str) -> NativeStack:
        if not is_tls(uri):
            return self._plain
        if self._tls is None:
            raise SipError("bad-config", "there is no TLS: sip.tls_port is 0")
        return self._tls
