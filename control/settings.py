"""Control's settings: frozen, typed, with units in the names. `docs/configuration.md`."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from appliance.config.load import load_toml
from appliance.config.model import Port, Slug

_HUB_NAME = r"^hub(?:-[a-z0-9](?:[a-z0-9-]{0,57}[a-z0-9])?)?$(?!\n)"
#: where the settings are looked for when no file is named
DEFAULT_FILE = Path("/etc/branchline/control.toml")


class ControlSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `control.toml`."""

    #: organisation
    tenant: Slug = "main"
    #: where database, keys and the hub's sockets are kept
    state_dir: str = "/var/lib/branchline/control"
    #: SQLAlchemy URL of the database; empty: SQLite in `state_dir`
    database_url: str = ""
    #: where the pages and the REST interface listen
    web_address: str = "127.0.0.1"
    web_port: Port = 8080
    #: threads of the web server; each open live page holds one
    web_threads: int = 32
    #: the pages are reached through HTTPS, so cookies say so
    web_https: bool = False
    #: URL that people and boxes reach control at; empty: made of the three above
    web_url: str = ""
    #: which hub `branchline control hub` runs; further ones are called `hub-2`, `hub-3`, …
    hub_name: Annotated[str, msgspec.Meta(pattern=_HUB_NAME)] = "hub"
    #: where the hub listens, and where boxes are told to dial it
    hub_address: str = "127.0.0.1"
    #: the link's ROUTER socket
    link_port: Port = 7400
    #: servers of the NATS cluster, such as `nats://192.0.2.5:4222` or `tls://…`: the hub is
    #: reached by it too; empty: by ZeroMQ only
    nats_servers: tuple[str, ...] = ()
    #: file with a NATS user's JWT and seed (`.creds`) or with an nkey seed; empty: none
    nats_credentials: str = ""
    #: file with the certificates (PEM) that NATS servers must be signed by; empty: the system's
    nats_ca: str = ""
    #: telemetry from boxes (XSUB)
    telemetry_in_port: Port = 7401
    #: where monitoring systems subscribe (XPUB); whoever reaches it may read, so keep it inside
    telemetry_out_address: str = "127.0.0.1"
    telemetry_out_port: Port = 7402
    #: realm of the phones' digest (RFC 7616); the same as the boxes' `sip.realm`
    realm: str = "branchline"
    log_level: Literal["trace", "debug", "info", "warning", "error"] = "info"
    log_json: bool = False

    @property
    def state_path(self) -> Path:
        """Return the state folder."""
        return Path(self.state_dir)

    @property
    def database(self) -> str:
        """Return the database's URL."""
        return self.database_url or f"sqlite:///{self.state_path.absolute() / 'control.db'}"

    @property
    def url(self) -> str:
        """Return the URL of the pages, without a slash at its end."""
        scheme = "https" if self.web_https else "http"
        return self.web_url.rstrip("/") or f"{scheme}://{self.web_address}:{self.web_port}"

    @property
    def hub_commands(self) -> str:
        """Return the ZeroMQ address of the hub's commands (REP)."""
        return f"ipc://{self.state_path.absolute() / f'{self.hub_name}-commands.ipc'}"

    @property
    def hub_live(self) -> str:
        """Return the ZeroMQ address of the hub's numbered changes (PUB)."""
        return f"ipc://{self.state_path.absolute() / f'{self.hub_name}-live.ipc'}"

    @property
    def hub_ledger(self) -> str:
        """Return the ZeroMQ address where the intake takes ledgers, from all hubs (ROUTER)."""
        return f"ipc://{self.state_path.absolute() / 'hub-ledger.ipc'}"


def load_control(path: Path | None) -> ControlSettings:
    """Return the settings in *path*; without one the default file's, or the defaults.

    Raises ConfigError `missing-file` or `bad-config`.
    """
    if path is not None:
        return load_toml(path, ControlSettings)
    if DEFAULT_FILE.exists():
        return load_toml(DEFAULT_FILE, ControlSettings)
    return ControlSettings()
