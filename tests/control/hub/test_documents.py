"""Who gets which document, in what order, and what the answers mean."""

from appliance.link.documents import fingerprint
from appliance.link.messages import Document, DocumentAck, LinkMessage
from appliance.plan import canonical
from appliance.plan.model import Plan
from control.hub.documents import DocumentDesk


def document(kind: str, serial: int) -> Document:
    body = canonical.encode(Plan(serial=serial)) if kind == "plan" else b"{}"
    return Document(kind, serial, body, b"")  # type: ignore[arg-type]


class Desk:
    """A desk and what it sent, as (box, kind, serial)."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, int]] = []
        self.desk = DocumentDesk(self._send)

    def _send(self, box: str, message: LinkMessage) -> bool:
        assert isinstance(message, Document)
        self.sent.append((box, message.kind, message.serial))
        return True

    def take(self) -> list[tuple[str, str, int]]:
        sent, self.sent = self.sent, []
        return sent


ALL = {
    ("plan", ""): document("plan", 4),
    ("directory", ""): document("directory", 2),
    ("roster", "berlin"): document("roster", 3),
    ("roster", "hamburg"): document("roster", 9),
}


def test_a_box_gets_what_is_for_its_site_in_order() -> None:
    made = Desk()
    made.desk.publish(ALL)
    made.desk.box_up("b-1", "berlin")
    assert made.take() == [("b-1", "directory", 2), ("b-1", "roster", 3), ("b-1", "plan", 4)]


def test_what_a_box_holds_is_not_sent_again_and_counts_as_its_answer() -> None:
    made = Desk()
    made.desk.publish(ALL)
    held = [fingerprint(ALL["plan", ""]), "made up"]
    acks = made.desk.box_up("b-1", "berlin", held)
    assert made.take() == [("b-1", "directory", 2), ("b-1", "roster", 3)]
    assert acks == [DocumentAck("plan", 4, "normal")]
    # of the same serial, and another: it must come, and be refused in words
    other = document("plan", 4)
    other.signature = b"another key's"
    assert made.desk.box_up("b-1", "berlin", [fingerprint(other)]) == []
    assert ("b-1", "plan", 4) in made.take()


def test_what_changed_is_handed_on_to_whom_it_concerns() -> None:
    made = Desk()
    made.desk.publish(ALL)
    for box, site in (("b-1", "berlin"), ("h-1", "hamburg"), ("gone", "berlin")):
        made.desk.box_up(box, site)
    made.desk.box_down("gone")
    made.take()
    changed = made.desk.publish({**ALL, ("roster", "berlin"): document("roster", 4)})
    assert (changed, made.take()) == ({"roster"}, [("b-1", "roster", 4)])
    assert made.desk.publish(made.desk.documents) == set()
    changed = made.desk.publish({**made.desk.documents, ("plan", ""): document("plan", 5)})
    assert made.take() == [("b-1", "plan", 5), ("h-1", "plan", 5)]
    assert made.desk.plan() == Plan(serial=5)


def test_an_answer_counts_for_the_newest_document_only() -> None:
    made = Desk()
    made.desk.publish(ALL)
    made.desk.box_up("b-1", "berlin")
    assert not made.desk.answered("b-1", DocumentAck("plan", 3, "normal"))
    assert not made.desk.answered("b-1", DocumentAck("novel", 3, "normal"))
    assert made.desk.answered("b-1", DocumentAck("roster", 3, "normal"))
    assert made.desk.answered("b-1", DocumentAck("plan", 4, "bad-plan", "so it is"))
    assert made.desk.acks["b-1"]["plan"].reason == "bad-plan"
    made.desk.publish({**ALL, ("plan", ""): document("plan", 5)})
    assert "plan" not in made.desk.acks["b-1"]


def test_a_plan_that_cannot_be_read_is_none() -> None:
    made = Desk()
    made.desk.publish({("plan", ""): Document("plan", 1, b"rubbish", b"")})
    assert made.desk.plan() is None
    assert made.desk.serial("plan") == 1
    assert Desk().desk.plan() is None
