"""TLS of SIP: the box's certificate and key, and whom it may call by TLS."""

import ipaddress
import logging
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.base.errors import ConfigError
from appliance.config.model import ApplianceSettings, SipSettings

_log = logging.getLogger(__name__)

#: where enrolment keeps what it got, below `state_dir`, and the names of its files
IDENTITY = "identity"
CERTIFICATE, KEY, AUTHORITY = "certificate.pem", "key.pem", "ca.pem"
#: what nobody but the owner may do with a key; its group may read it
_FORBIDDEN = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP
#: larger files are no certificates
_LIMIT = 262_144


@dataclass(frozen=True, slots=True)
class SipTls:
    """What a stack needs to speak TLS; texts are PEM."""

    port: int
    #: holds what sofia-sip insists on; nothing secret
    folder: Path
    certificate: str
    key: str = field(repr=False)
    #: whose certificates other appliances have; empty: there are none
    authority: str = ""


@dataclass(frozen=True, slots=True)
class TlsFar:
    """Somebody whom we may call by TLS, and the name that its certificate must have."""

    address: str
    port: int
    name: str
    #: an appliance: its certificate must come from our authority
    ours: bool = False

    @property
    def line(self) -> str:
        """Return it as the stack wants it."""
        kind = "ours" if self.ours else "public"
        return f"{kind} {self.address} {self.port} {self.name}"


def is_tls(uri: str) -> bool:
    """Tell whether a request to that URI goes by TLS."""
    lower = uri.lower()
    return lower.startswith("sips:") or ";transport=tls" in lower


def lines(fars: Iterable[TlsFar]) -> str:
    """Return those that have a numeric address and a name that can be one."""
    return "\n".join(far.line for far in fars if _is_sound(far))


def _is_sound(far: TlsFar) -> bool:
    try:
        ipaddress.ip_address(far.address)
    except ValueError:
        return False
    return far.name.isascii() and far.name.isprintable() and " " not in far.name


def read_tls(settings: ApplianceSettings) -> SipTls | None:
    """Return the TLS of these settings, None where it is off or the box is not enrolled yet.

    Raises ConfigError `missing-file` or `bad-config`.
    """
    sip = settings.sip
    if not sip.tls_port:
        return None
    state = Path(settings.state_dir)
    identity = state / IDENTITY
    if not sip.certificate and not (identity / CERTIFICATE).exists():
        _log.warning("no SIP by TLS: this box has no certificate yet; it comes with enrolment")
        return None
    certificate = Path(sip.certificate) if sip.certificate else identity / CERTIFICATE
    key = Path(sip.key) if sip.key else identity / KEY
    authority = _authority(sip, identity)
    tls = SipTls(sip.tls_port, state / "sip-tls", _read(certificate), _read_key(key), authority)
    tls.folder.mkdir(mode=0o700, exist_ok=True)
    # whose certificates we ask clients for; sofia-sip reads no other name
    (tls.folder / "cafile.pem").write_text(tls.authority or tls.certificate)
    return tls


def _authority(sip: SipSettings, identity: Path) -> str:
    if sip.authority:
        return _read(Path(sip.authority))
    path = identity / AUTHORITY
    return _read(path) if path.exists() else ""


def _read_key(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError("missing-file", f"{path}: {error.strerror}") from error
    if mode & _FORBIDDEN:
        allowed = "0600, or 0640 for a group of its own"
        raise ConfigError("bad-config", f"{path}: mode {mode & 0o777:04o}, must be {allowed}")
    return _read(path)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _LIMIT:
            raise ConfigError("bad-config", f"{path} is too large to be PEM")
        return path.read_text("ascii")
    except OSError as error:
        raise ConfigError("missing-file", f"{path}: {error.strerror}") from error
    except UnicodeError as error:
        raise ConfigError("bad-config", f"{path} is not PEM") from error
