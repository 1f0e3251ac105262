"""One native SIP stack (`cext/sip`): typed events out, checked commands in.

Its thread runs sofia-sip; its eventfd is readable while events wait. No native code calls back
into Python. `sip.py` puts two of them together.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from _branchline_sip import ffi, lib

from appliance.base.errors import BranchlineError, Verdict
from appliance.legs.byes import Dialog
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
    SipEvent,
)
from appliance.legs.siptls import SipTls, TlsFar, lines

#: events taken from the queue in one go
BATCH = 64
#: events waiting beyond which the stack itself refuses new requests with 503
QUEUE_LIMIT = 20_000
#: longest single text taken from the network; a body may be as long as a UDP packet
TEXT_LIMIT = 4_096
BODY_LIMIT = 65_536
#: calls of a stack with TLS have this number or a higher one
FIRST_TLS_CALL = 2**31

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")  # RFC 3261 section 25.1
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_URI = re.compile(r"sips?:[^\s<>\"\x00-\x1f\x7f]+", re.IGNORECASE)


class SipError(BranchlineError):
    """Raised when the stack does not start, or when a command's argument is not sound."""


# -- from native events ------------------------------------------------------------------------


def _text(ev: Any, which: int, limit: int = TEXT_LIMIT) -> str:
    size: int = ev.size[which]
    if not size:
        return ""
    raw: bytes = ffi.unpack(ev.text[which], min(size, limit))
    return raw.decode("latin-1")


def _body(ev: Any) -> str:
    return _text(ev, lib.BL_SIP_BODY, BODY_LIMIT)


def _lines(ev: Any, which: int) -> list[str]:
    return [line for line in _text(ev, which, BODY_LIMIT).split("\n") if line]


def _extras(ev: Any) -> dict[str, str]:
    pairs = (line.partition(":") for line in _lines(ev, lib.BL_SIP_EXTRAS))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _unquoted(name: str) -> str:
    """Return a display name without its quotes and escapes (RFC 3261 section 25.1)."""
    if len(name) >= 2 and name[0] == name[-1] == '"':
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name


def _dialog(ev: Any) -> Dialog:
    return Dialog(
        call_id=_text(ev, lib.BL_SIP_CALL_ID),
        local_tag=_text(ev, lib.BL_SIP_LOCAL_TAG),
        remote_tag=_text(ev, lib.BL_SIP_REMOTE_TAG),
        local_uri=_text(ev, lib.BL_SIP_LOCAL_URI),
        remote_uri=_text(ev, lib.BL_SIP_REMOTE_URI),
        target=_text(ev, lib.BL_SIP_TARGET),
        routes=tuple(_lines(ev, lib.BL_SIP_ROUTES)),
        local_cseq=ev.local_cseq,
    )


def _invite_in(ev: Any) -> SipEvent:
    return InviteIn(
        call=ev.call,
        t=ev.t,
        request_uri=_text(ev, lib.BL_SIP_REQUEST_URI),
        from_uri=_text(ev, lib.BL_SIP_FROM_URI),
        from_name=_unquoted(_text(ev, lib.BL_SIP_FROM_NAME)),
        to_uri=_text(ev, lib.BL_SIP_TO_URI),
        pai=_text(ev, lib.BL_SIP_PAI),
        privacy=_text(ev, lib.BL_SIP_PRIVACY),
        call_id=_text(ev, lib.BL_SIP_CALL_ID),
        source=_text(ev, lib.BL_SIP_SOURCE),
        source_port=ev.source_port,
        tls=ev.call >= FIRST_TLS_CALL,
        peer=_text(ev, lib.BL_SIP_PEER),
        authorization=_text(ev, lib.BL_SIP_AUTHORIZATION),
        user_agent=_text(ev, lib.BL_SIP_USER_AGENT),
        extras=_extras(ev),
        sdp=_body(ev),
    )


def _register_in(ev: Any) -> SipEvent:
    return RegisterIn(
        call=ev.call,
        t=ev.t,
        aor=_text(ev, lib.BL_SIP_TO_URI),
        contacts=_lines(ev, lib.BL_SIP_CONTACTS),
        expires_s=ev.seconds,
        authorization=_text(ev, lib.BL_SIP_AUTHORIZATION),
        source=_text(ev, lib.BL_SIP_SOURCE),
        source_port=ev.source_port,
        user_agent=_text(ev, lib.BL_SIP_USER_AGENT),
    )


def _info_in(ev: Any) -> SipEvent:
    return InfoIn(ev.call, ev.t, _text(ev, lib.BL_SIP_CONTENT_TYPE).lower(), _body(ev))


_MAKERS: dict[int, Callable[[Any], SipEvent]] = {
    lib.BL_SIP_INVITE: _invite_in,
    lib.BL_SIP_PROGRESS: lambda ev: Progress(ev.call, ev.t, ev.status, _body(ev)),
    lib.BL_SIP_ANSWER: lambda ev: Answered(ev.call, ev.t, _body(ev), _dialog(ev)),
    lib.BL_SIP_ACK: lambda ev: Acked(ev.call, ev.t, _dialog(ev), _body(ev)),
    lib.BL_SIP_FAIL: lambda ev: Failed(
        ev.call, ev.t, ev.status, ev.cause, ev.seconds, _text(ev, lib.BL_SIP_WORD)
    ),
    lib.BL_SIP_BYE: lambda ev: Ended(ev.call, ev.t, ev.cause, _text(ev, lib.BL_SIP_WORD)),
    lib.BL_SIP_CANCEL: lambda ev: Cancelled(ev.call, ev.t),
    lib.BL_SIP_OFFER: lambda ev: Offered(ev.call, ev.t, _body(ev)),
    lib.BL_SIP_OFFER_DONE: lambda ev: OfferResult(ev.call, ev.t, ev.status, _body(ev)),
    lib.BL_SIP_REGISTER: _register_in,
    lib.BL_SIP_REGISTERED: lambda ev: RegisterResult(ev.call, ev.t, ev.status, ev.seconds),
    lib.BL_SIP_OPTIONS: lambda ev: OptionsResult(ev.call, ev.t, ev.status),
    lib.BL_SIP_INFO: _info_in,
}


# -- to native commands ------------------------------------------------------------------------


def _line(text: str, what: str) -> bytes:
    """Return one line of a message, or raise: a line break would let a value forge headers."""
    if _CONTROL.search(text):
        raise SipError("bad-request", f"{what} has a control character: {text[:80]!r}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise SipError("bad-request", f"{what} cannot be encoded: {text[:80]!r}") from exc


def _uri(text: str, what: str) -> bytes:
    if not _URI.fullmatch(text):
        raise SipError("bad-request", f"{what} is not a SIP URI: {text[:80]!r}")
    return _line(text, what)


def _headers(headers: Sequence[tuple[str, str]]) -> bytes:
    lines = []
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise SipError("bad-request", f"not a header name: {name[:80]!r}")
        lines.append(name.encode("ascii") + b": " + _line(value, name))
    return b"\r\n".join(lines)


def _sdp(text: str) -> bytes:
    if "\x00" in text:
        raise SipError("bad-request", "an SDP body has a NUL byte")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise SipError("bad-request", "an SDP body cannot be encoded") from exc


def _address(uri: str, name: str) -> bytes:
    """Return a From value: display name, quoted as RFC 3261 section 25.1 wants, and URI."""
    plain = _uri(uri, "from_uri")
    if not name:
        return b"<" + plain + b">"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return b'"' + _line(quoted, "from_name") + b'" <' + plain + b">"


def _tls_parts(tls: SipTls) -> dict[str, Any]:
    """Return the fields of the native TLS settings; they must live as long as those are used."""
    texts = {"folder": str(tls.folder), "certificate": tls.certificate, "key": tls.key}
    if tls.authority:
        texts["authority"] = tls.authority
    return {name: ffi.new("char[]", text.encode()) for name, text in texts.items()}


def _checked(result: int, what: str) -> int:
    """Return a handle or zero, or raise for an error number."""
    if result >= 0:
        return result
    if result == lib.BL_SIP_EARG:
        raise SipError("bad-request", f"{what}: an argument is missing, too long or unsound")
    if result == lib.BL_SIP_ESTOPPED:
        raise SipError("shutdown", f"{what}: the SIP stack has stopped")
    raise SipError("internal", f"{what}: the SIP stack answered {result}")


class NativeStack:
    """One SIP endpoint at *address*, *port*: on UDP and TCP, or with *tls* on nothing but TLS."""

    def __init__(
        self,
        address: str,
        port: int,
        *,
        user_agent: str,
        queue_limit: int,
        tls: SipTls | None = None,
        reached_at: str = "",
    ) -> None:
        self.address = address
        self._reached_at = reached_at
        self.port = port
        self._user_agent = user_agent
        self._queue_limit = queue_limit
        self._tls = tls
        self._native: Any = ffi.NULL
        self._events = ffi.new("bl_sip_event_t[]", BATCH)
        self._left: list[SipEvent] = []

    def start(self) -> None:
        """Bind and run; raise `SipError` `port-busy` when the port is taken."""
        address = ffi.new("char[]", _line(self.address, "address"))
        user_agent = ffi.new("char[]", _line(self._user_agent, "user_agent"))
        config = ffi.new("bl_sip_config_t *")
        config.address, config.user_agent = address, user_agent
        config.port, config.queue_limit = self.port, self._queue_limit
        reached_at = ffi.new("char[]", _line(self._reached_at, "public_address"))
        config.reached_at = reached_at if self._reached_at else ffi.NULL
        parts = _tls_parts(self._tls) if self._tls else {}
        tls = ffi.new("bl_sip_tls_t *", parts)
        config.tls = tls if parts else ffi.NULL
        error = ffi.new("int32_t *")
        self._native = lib.bl_sip_start(config, error)
        if self._native:
            return
        if error[0] == lib.BL_SIP_EPORT:
            text = f"SIP cannot bind {self.address}:{self.port}"
            raise SipError("port-busy", text, verdict=Verdict.CONFIG)
        if error[0] == lib.BL_SIP_ETLS:
            text = "SIP by TLS: certificate, key or authority is no PEM, or they are no pair"
            raise SipError("bad-config", text, verdict=Verdict.CONFIG)
        if error[0] == lib.BL_SIP_EARG:
            text = f"not an address and port: {self.address}:{self.port}"
            raise SipError("bad-config", text, verdict=Verdict.CONFIG)
        raise SipError("internal", f"the SIP stack does not start ({error[0]})")

    def close(self) -> None:
        """End all calls, then the stack; takes up to some seconds. `poll` still gives the rest."""
        if not self._native:
            return
        lib.bl_sip_stop(self._native)
        self._left = self.poll()
        native, self._native = self._native, ffi.NULL
        lib.bl_sip_free(native)

    def fileno(self) -> int:
        """Return the descriptor that is readable while events wait."""
        return int(lib.bl_sip_fd(self._running()))

    def poll(self) -> list[SipEvent]:
        """Take all events that wait."""
        if not self._native:
            rest, self._left = self._left, []
            return rest
        out: list[SipEvent] = []
        while True:
            count = lib.bl_sip_poll(self._native, self._events, BATCH)
            for i in range(count):
                ev = self._events[i]
                out.append(_MAKERS[ev.kind](ev))
            lib.bl_sip_release(self._events, count)
            if count < BATCH:
                return out

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
        result = lib.bl_sip_respond(
            self._running(), call, status, _line(phrase, "phrase"), _sdp(sdp), _headers(headers)
        )
        _checked(result, "respond")

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
        texts = {
            "to": _uri(to_uri, "to_uri"),
            "from": _address(from_uri, from_name),
            "sdp": _sdp(sdp),
            "headers": _headers(headers),
            "proxy": _uri(proxy, "proxy") if proxy else b"",
            "user": _line(user, "user"),
            "secret": _line(secret, "secret"),
            "peer": _line(peer, "peer"),
        }
        kept = {name: ffi.new("char[]", text) for name, text in texts.items()}
        invitation = ffi.new("bl_sip_invitation_t *", {**kept, "standing": standing})
        return _checked(lib.bl_sip_invite(self._running(), invitation), "invite")

    def end(self, call: int, *, headers: Sequence[tuple[str, str]] = ()) -> None:
        """End a call with BYE, CANCEL or 480, as its state wants; its last event follows."""
        _checked(lib.bl_sip_end(self._running(), call, _headers(headers)), "end")

    def reoffer(self, call: int, sdp: str) -> None:
        """Send a re-INVITE with a new offer; `OfferResult` follows."""
        _checked(lib.bl_sip_reoffer(self._running(), call, _sdp(sdp)), "reoffer")

    def register(self, aor: str, registrar: str, user: str, secret: str, expires_s: int) -> int:
        """Register and stay registered; a `RegisterResult` follows for each refresh."""
        if not 1 <= expires_s <= 2**31 - 1:
            raise SipError("bad-request", f"not a time to be registered: {expires_s} s")
        texts = {
            "aor": _uri(aor, "aor"),
            "registrar": _uri(registrar, "registrar"),
            "user": _line(user, "user"),
            "secret": _line(secret, "secret"),
        }
        kept = {name: ffi.new("char[]", text) for name, text in texts.items()}
        binding = ffi.new("bl_sip_binding_t *", {**kept, "expires_s": expires_s})
        return _checked(lib.bl_sip_register(self._running(), binding), "register")

    def unregister(self, handle: int) -> None:
        """Give a registration up; a `RegisterResult` with 0 s follows if it stood."""
        _checked(lib.bl_sip_unregister(self._running(), handle), "unregister")

    def expect(self, fars: Iterable[TlsFar]) -> None:
        """Say whom we may call by TLS, in place of those named before."""
        _checked(lib.bl_sip_expect(self._running(), lines(fars).encode("ascii")), "expect")

    def options(self, uri: str) -> int:
        """Ask whether somebody is at *uri*; `OptionsResult` follows."""
        return _checked(lib.bl_sip_options(self._running(), _uri(uri, "uri")), "options")

    def live(self) -> int:
        """Return the number of calls whose last event has not come yet."""
        return int(lib.bl_sip_live(self._native)) if self._native else 0

    def _running(self) -> Any:
        if not self._native:
            raise SipError("shutdown", "the SIP stack is not running")
        return self._native
