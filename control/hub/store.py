"""What the hub reads from the database, and the little it writes; blocking, so in a thread."""

from typing import Protocol

import msgspec
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from appliance.base.errors import BranchlineError
from appliance.link import messages
from appliance.link.session import Peer
from control.models import fleet
from control.models.database import Database
from control.models.documents import Document as Row
from control.models.documents import latest


class FleetRecord(msgspec.Struct, frozen=True):
    """What the database says now: who belongs to the fleet, and the newest documents."""

    appliances: tuple[Peer, ...]
    #: (kind, site) -> document
    documents: dict[tuple[str, str], messages.Document]


class Store(Protocol):
    """Where the hub learns of the fleet. Raises BranchlineError `internal` where it is away."""

    def fleet(self, known: dict[tuple[str, str], messages.Document]) -> FleetRecord:
        """Return the fleet; documents in *known* that are still the newest are not read again."""

    def note(self, appliance: str, version: str, plan_serial: int) -> None:
        """Remember what an appliance last said about itself."""


class DatabaseStore:
    """`Store` over control's models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fleet(self, known: dict[tuple[str, str], messages.Document]) -> FleetRecord:
        """Return approved appliances and newest documents."""
        try:
            return self._read(known)
        except SQLAlchemyError as error:
            raise BranchlineError("internal", f"the database cannot be read: {error}") from error

    def note(self, appliance: str, version: str, plan_serial: int) -> None:
        """Remember what an appliance last said about itself."""
        try:
            with self._database.session() as session:
                fleet.note_acknowledged(session, appliance, version, plan_serial)
        except SQLAlchemyError as error:
            raise BranchlineError("internal", f"the database takes nothing: {error}") from error

    def _read(self, known: dict[tuple[str, str], messages.Document]) -> FleetRecord:
        with self._database.session() as session:
            peers = tuple(
                Peer(name=row.name, key=row.curve_key, site=row.site)
                for row in fleet.approved_appliances(session)
            )
            newest: dict[tuple[str, str], messages.Document] = {}
            query = select(Row.kind, Row.site, func.max(Row.serial)).group_by(Row.kind, Row.site)
            for kind, site, serial in session.execute(query):
                place = (kind, site)
                held = known.get(place)
                if held is not None and held.serial == serial:
                    newest[place] = held
                    continue
                row = latest(session, kind, site)
                if row is not None:
                    newest[place] = messages.Document(
                        row.kind, row.serial, row.body, row.signature
                    )
        return FleetRecord(peers, newest)
