"""Publishing: the draft is checked, numbered, signed and kept; the hub is told to hand it out."""

from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from appliance.base.clock import Clock
from appliance.base.errors import ConfigError
from appliance.link.bodies import Directory, DirectoryPeer, Roster, RosterAccount
from appliance.plan import canonical, model
from appliance.plan.checks import check, parse_plan
from appliance.plan.signing import sign
from control.fleet.draft import Change, DraftError, Remark, build_plan, changes
from control.fleet.hubs import directory_hubs
from control.models import documents, fleet
from control.models import plan as rows
from control.models.base import moment
from control.models.documents import Document, DocumentKind
from control.models.people import note
from control.settings import ControlSettings


class PublicationError(ConfigError):
    """Raised when the draft may not be published; *remarks* name the places."""

    def __init__(self, remarks: list[Remark]) -> None:
        sentences = "; ".join(f"{remark.place}: {remark.message}" for remark in remarks)
        super().__init__("bad-plan", sentences)
        self.remarks = remarks


class Draft(msgspec.Struct, frozen=True):
    """What would be published now; *plan* is None where a row cannot stand in a plan."""

    plan: model.Plan | None
    remarks: list[Remark]
    changes: list[Change]
    #: sites whose roster would change
    rosters: list[str]

    @property
    def empty(self) -> bool:
        """Tell whether publishing would change nothing."""
        return self.plan is not None and not self.changes and not self.rosters

    @property
    def errors(self) -> list[Remark]:
        """Return what stands against publishing."""
        return [remark for remark in self.remarks if remark.severity == "error"]


class Publication:
    """Publishes documents, each signed and with a serial of its own kind."""

    def __init__(self, settings: ControlSettings, key: Ed25519PrivateKey, clock: Clock) -> None:
        self._settings = settings
        self._key = key
        self._clock = clock

    def draft(self, session: Session) -> Draft:
        """Return what would be published now, and what speaks against it."""
        last = documents.latest(session, "plan")
        serial = last.serial + 1 if last else 1
        try:
            plan = build_plan(session, self._settings.tenant, serial)
        except DraftError as error:
            return Draft(None, [Remark(error.place, "bad-plan", error.message)], [], [])
        old = parse_plan(last.body) if last else None
        rosters = [roster.site for roster in self._changed_rosters(session, serial)]
        remarks = [
            Remark(found.place, found.reason, found.message, found.severity)
            for found in check(plan)
        ]
        return Draft(plan, remarks, changes(old, plan), rosters)

    def publish(self, session: Session, who: str) -> Document | None:
        """Publish the draft and the rosters that changed; None where nothing changed.

        Raises PublicationError.
        """
        draft = self.draft(session)
        if draft.errors or draft.plan is None:
            raise PublicationError(draft.errors)
        if draft.empty:
            return None
        at = moment(self._clock)
        document = self._add(session, "plan", "", draft.plan.serial, draft.plan, at, who)
        for roster in self._changed_rosters(session, draft.plan.serial):
            self._add(session, "roster", roster.site, roster.serial, roster, at, who)
        what = f"published plan {draft.plan.serial}"
        summary = [f"{change.place} {change.what}" for change in draft.changes]
        note(session, at, who, what, after={"changes": summary, "rosters": draft.rosters})
        self.publish_directory(session, who)
        return document

    def publish_directory(self, session: Session, who: str) -> Document | None:
        """Publish enrolled boxes and further hubs if they changed; follows approval at once."""
        last = documents.latest(session, "directory")
        serial = last.serial + 1 if last else 1
        peers = tuple(_peer(row) for row in fleet.approved_appliances(session))
        hubs = directory_hubs(self._settings)
        directory = Directory(serial=serial, peers=peers, hubs=hubs)
        before = canonical.decode(last.body, Directory) if last else None
        if before and (before.peers, before.hubs) == (peers, hubs):
            return None
        at = moment(self._clock)
        document = self._add(session, "directory", "", serial, directory, at, who)
        names = [peer.appliance for peer in peers]
        after = {"appliances": names, "hubs": [hub.hub for hub in hubs]}
        note(session, at, who, f"published directory {serial}", after=after)
        return document

    def _add(
        self,
        session: Session,
        kind: DocumentKind,
        site: str,
        serial: int,
        content: msgspec.Struct,
        at: datetime,
        who: str,
    ) -> Document:
        """Sign and keep one document."""
        body = canonical.encode(content)
        signature = sign(self._key, kind, body)
        document = Document(
            kind=kind,
            site=site,
            serial=serial,
            body=body,
            signature=signature,
            created_at=at,
            by=who,
        )
        session.add(document)
        session.flush()
        return document

    def _changed_rosters(self, session: Session, serial: int) -> list[Roster]:
        """Return the rosters that differ from the last published ones."""
        changed = []
        for site in fleet.all_sites(session):
            accounts = _accounts(session, site.name)
            last = documents.latest(session, "roster", site.name)
            previous = canonical.decode(last.body, Roster) if last else None
            known = (previous.realm, previous.accounts) if previous else (self._realm, ())
            if known != (self._realm, accounts):
                roster = Roster(
                    serial=serial, site=site.name, realm=self._realm, accounts=accounts
                )
                changed.append(roster)
        return changed

    @property
    def _realm(self) -> str:
        return self._settings.realm


def _accounts(session: Session, site: str) -> tuple[RosterAccount, ...]:
    """Return the accounts of a site's agents that have a secret."""
    return tuple(
        RosterAccount(
            account=agent.account,
            agent=agent.name,
            ha1_md5=agent.ha1_md5,
            ha1_sha256=agent.ha1_sha256,
        )
        for agent in rows.all_agents(session)
        if agent.site == site and agent.ha1_sha256
    )


def _peer(row: fleet.Appliance) -> DirectoryPeer:
    """Return an enrolled box as its peers need it."""
    return DirectoryPeer(
        appliance=row.name,
        site=row.site,
        link_address=row.link_address,
        link_port=0 if row.nat else row.link_port,
        sip_address=row.sip_address,
        sip_port=row.sip_port,
        sip_tls_port=row.sip_tls_port,
        curve_key=row.curve_key,
        relay=row.relay,
    )
