"""Handing signed documents to the boxes, and what each answered.

The hub cannot sign: it passes on what publication left in the database.
"""

import logging
from collections.abc import Callable, Iterable

from appliance.base.errors import ConfigError
from appliance.link.documents import fingerprint
from appliance.link.messages import Document, DocumentAck, LinkMessage
from appliance.plan import canonical
from appliance.plan.model import Plan

_log = logging.getLogger(__name__)

#: in this order: whom to talk to, who may log in, then what to do
_ORDER = ("directory", "roster", "plan")
Documents = dict[tuple[str, str], Document]


class DocumentDesk:
    """The newest documents, and the box that gets each."""

    def __init__(self, send: Callable[[str, LinkMessage], bool]) -> None:
        self._send = send
        self._documents: Documents = {}
        self._prints: dict[tuple[str, str], str] = {}
        #: boxes that are up -> site
        self._boxes: dict[str, str] = {}
        #: box -> kind -> answer to the newest document
        self.acks: dict[str, dict[str, DocumentAck]] = {}

    @property
    def documents(self) -> Documents:
        """Return the newest documents by kind and site."""
        return self._documents

    def plan(self) -> Plan | None:
        """Return the newest plan; None where there is none or it cannot be read."""
        document = self._documents.get(("plan", ""))
        if document is None:
            return None
        try:
            return canonical.decode(document.body, Plan)
        except ConfigError as error:
            _log.error("plan %s cannot be read: %s", document.serial, error)
            return None

    def serial(self, kind: str, site: str = "") -> int:
        """Return the newest serial of that kind; 0: there is none."""
        document = self._documents.get((kind, site))
        return document.serial if document else 0

    def publish(self, documents: Documents) -> set[str]:
        """Take the newest documents and hand on what changed; return the kinds that did."""
        before, self._documents = self._documents, documents
        changed = {
            place
            for place, document in documents.items()
            if place not in before or before[place].serial != document.serial
        }
        self._prints = {
            place: fingerprint(document) if place in changed else self._prints[place]
            for place, document in documents.items()
        }
        for box, site in self._boxes.items():
            self._hand(box, [place for place in self._places(site) if place in changed])
        return {kind for kind, _ in changed}

    def box_up(self, box: str, site: str, held: Iterable[str] = ()) -> list[DocumentAck]:
        """Hand a box that has come up what it should hold, but for the fingerprints it *held*.

        Return these as its answers: it has taken them, or would not hold them.
        """
        self._boxes[box] = site
        self.acks.setdefault(box, {})
        known, places = frozenset(held), self._places(site)
        self._hand(box, [place for place in places if self._prints[place] not in known])
        return [
            DocumentAck(self._documents[place].kind, self._documents[place].serial, "normal")
            for place in places
            if self._prints[place] in known
        ]

    def box_down(self, box: str) -> None:
        """Hand nothing more to a box."""
        self._boxes.pop(box, None)

    def answered(self, box: str, ack: DocumentAck) -> bool:
        """Note what a box answered; return whether it is about the newest document."""
        site = self._boxes.get(box, "")
        place = (ack.kind, site if ack.kind == "roster" else "")
        document = self._documents.get(place)
        if document is None or document.serial != ack.serial:
            return False
        self.acks.setdefault(box, {})[ack.kind] = ack
        if ack.reason != "normal":
            _log.warning(
                "%s refused %s %s: %s %s", box, ack.kind, ack.serial, ack.reason, ack.detail
            )
        return True

    def _places(self, site: str) -> list[tuple[str, str]]:
        places = [(kind, site if kind == "roster" else "") for kind in _ORDER]
        return [place for place in places if place in self._documents]

    def _hand(self, box: str, places: list[tuple[str, str]]) -> None:
        for place in places:
            self.acks.setdefault(box, {}).pop(place[0], None)
            self._send(box, self._documents[place])
