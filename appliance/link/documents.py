"""Signed documents from control on the appliance: checked, kept on disk, handed on.

A document is taken only if its signature holds and it is newer than the one held; it is on disk
before it is acknowledged, so that the branch starts with it when control is away.
"""

import asyncio
import hashlib
import hmac
import logging
from pathlib import Path

import msgspec

from appliance.base.errors import BranchlineError, ConfigError, PeerError
from appliance.link.bodies import Directory, Roster
from appliance.link.files import write_whole
from appliance.link.messages import Document, DocumentAck
from appliance.link.session import Peer
from appliance.plan import canonical
from appliance.plan.model import Plan
from appliance.plan.signing import load_public_key, verify

_log = logging.getLogger(__name__)

#: name of the folder below `state_dir`
FOLDER = "documents"
Content = Plan | Roster | Directory
_KINDS: dict[str, type[Plan] | type[Roster] | type[Directory]] = {
    "plan": Plan,
    "roster": Roster,
    "directory": Directory,
}


class DocumentStore:
    """The newest document of each kind, in memory and on disk."""

    def __init__(self, folder: Path, verify_key: bytes, *, site: str, tenant: str) -> None:
        self._folder = folder
        self._key = load_public_key(verify_key)
        self._site = site
        self._tenant = tenant
        self._held: dict[str, tuple[Document, Content]] = {}
        #: kind -> fingerprint of what is held
        self._prints: dict[str, str] = {}
        self._turn = asyncio.Lock()

    # -- what is held --------------------------------------------------------------------------

    @property
    def plan(self) -> Plan | None:
        """Return the plan in force; None: none was ever received."""
        held = self._held.get("plan")
        return held[1] if held and isinstance(held[1], Plan) else None

    @property
    def roster(self) -> Roster | None:
        """Return who may log in here; None: none was ever received."""
        held = self._held.get("roster")
        return held[1] if held and isinstance(held[1], Roster) else None

    @property
    def directory(self) -> Directory | None:
        """Return the enrolled appliances; None: none was ever received."""
        held = self._held.get("directory")
        return held[1] if held and isinstance(held[1], Directory) else None

    def document(self, kind: str) -> Document | None:
        """Return the newest document of *kind* as it came, signature and all."""
        held = self._held.get(kind)
        return held[0] if held else None

    def serial(self, kind: str) -> int:
        """Return the serial of what is held; 0: nothing."""
        document = self.document(kind)
        return document.serial if document else 0

    def fingerprints(self) -> list[str]:
        """Return the fingerprint of each document that is held."""
        return list(self._prints.values())

    def load(self) -> None:
        """Read what is on disk; what does not hold is left out, and logged."""
        for kind in _KINDS:
            path = self._path(kind)
            if not path.exists():
                continue
            try:
                document = msgspec.msgpack.decode(path.read_bytes(), type=Document)
                if document.kind != kind:
                    raise PeerError("bad-request", f"{path} holds a {document.kind}")
                self._hold(document, self._check(document))
            except (OSError, msgspec.MsgspecError, BranchlineError) as error:
                _log.error("%s is left out: %s", path, error)

    # -- what comes in -------------------------------------------------------------------------

    async def take(self, document: Document) -> tuple[DocumentAck, Content | None]:
        """Take a document; return the answer, and its content where it is new.

        Checking and writing happen in a thread: a large plan does not hold up the loop.
        """
        async with self._turn:
            try:
                if self._is_held(document):
                    return _ack(document, "normal"), None
                content = await asyncio.to_thread(self._keep, document)
            except BranchlineError as error:
                _log.warning("< %s %s: %s", document.kind, document.serial, error)
                return _ack(document, error.reason, error.message), None
            self._hold(document, content)
        _log.info("< %s %s is in force", document.kind, document.serial)
        return _ack(document, "normal"), content

    def _hold(self, document: Document, content: Content) -> None:
        self._held[document.kind] = (document, content)
        self._prints[document.kind] = fingerprint(document)

    def _is_held(self, document: Document) -> bool:
        """Tell whether this very document is held; raise PeerError where a newer one is."""
        held = self._held.get(document.kind)
        if held is None or document.serial > held[0].serial:
            return False
        if document.serial < held[0].serial:
            raise PeerError("old-version", f"serial {held[0].serial} is held already")
        if not hmac.compare_digest(held[0].body, document.body):
            raise PeerError("duplicate", f"another {document.kind} has serial {document.serial}")
        return True

    def _keep(self, document: Document) -> Content:
        content = self._check(document)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._path(document.kind), msgspec.msgpack.encode(document))
        except OSError as error:
            message = f"{self._folder}: {error.strerror}"
            raise ConfigError("disk-full", message) from error
        return content

    def _check(self, document: Document) -> Content:
        """Return the content; raise BranchlineError unless all of it is as it must be."""
        verify(self._key, document.kind, document.body, document.signature)
        reason = "bad-plan" if document.kind == "plan" else "bad-request"
        content: Content = canonical.decode(document.body, _KINDS[document.kind], reason=reason)
        if content.serial != document.serial:
            raise PeerError(reason, f"serial {document.serial} holds serial {content.serial}")
        if isinstance(content, Plan) and content.tenant != self._tenant:
            raise PeerError(reason, f"the plan is for tenant {content.tenant!r}")
        if isinstance(content, Roster) and content.site != self._site:
            raise PeerError(reason, f"the roster is for site {content.site!r}")
        return content

    def _path(self, kind: str) -> Path:
        return self._folder / f"{kind}.document"


def fingerprint(document: Document) -> str:
    """Return what tells a document from all others, its signature included."""
    whole = hashlib.sha256(b"%s\0%s\0" % (document.kind.encode(), document.signature))
    whole.update(document.body)
    return whole.hexdigest()


def peers_of(directory: Directory) -> list[Peer]:
    """Return the enrolled appliances as peers of the link."""
    return [
        Peer(
            name=entry.appliance,
            site=entry.site,
            key=entry.curve_key,
            address=entry.link_address,
            port=entry.link_port,
            relay=entry.relay,
        )
        for entry in directory.peers
    ]


def _ack(document: Document, reason: str, detail: str = "") -> DocumentAck:
    return DocumentAck(document.kind, document.serial, reason, detail)
