"""The parts of control that pages and commands stand on, put together once."""

from typing import Self

from appliance.base.clock import Clock, SystemClock
from appliance.base.errors import ConfigError
from appliance.plan.signing import public_bytes
from control.fleet.authority import CA_CERTIFICATE, Authority
from control.fleet.enrolment import Enrolment
from control.fleet.hubclient import HubClient
from control.fleet.keys import hub_pair, plan_key
from control.fleet.publication import Publication
from control.models.database import Database
from control.settings import ControlSettings


class ControlParts:
    """Settings, database, authority, publication and the way to the hub."""

    def __init__(self, settings: ControlSettings, clock: Clock) -> None:
        state = settings.state_path
        try:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError("bad-config", f"state_dir {state}: {error.strerror}") from error
        self.settings = settings
        self.clock = clock
        if not settings.database_url:
            # the database holds token secrets and verifiers; SQLite's other files take its mode
            (state / "control.db").touch(mode=0o600)
        self.database = Database(settings.database)
        self.authority = Authority.open(state, settings.tenant, clock)
        self.hub_key = hub_pair(state).public
        key = plan_key(state)
        self.plan_public = public_bytes(key)
        self.publication = Publication(settings, key, clock)
        self.enrolment = Enrolment(settings, self.authority, self.publication, clock)
        self.hub = HubClient(settings)

    @classmethod
    def open(cls, settings: ControlSettings, clock: Clock | None = None) -> Self:
        """Open a control that `init` has made; raise ConfigError `missing-file` otherwise."""
        if not (settings.state_path / CA_CERTIFICATE).exists():
            raise ConfigError(
                "missing-file",
                f"{settings.state_path} holds no control yet: run `branchline control init`",
            )
        parts = cls(settings, clock or SystemClock())
        parts.database.upgrade()
        return parts

    @classmethod
    def make(cls, settings: ControlSettings, clock: Clock | None = None) -> Self:
        """Make (or complete) state folder, keys, authority and tables."""
        parts = cls(settings, clock or SystemClock())
        parts.database.upgrade()
        return parts

    def close(self) -> None:
        """Close the database."""
        self.database.close()
