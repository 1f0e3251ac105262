"""Signed documents on the appliance: what is taken, what is kept, what is refused."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.link.bodies import Directory, DirectoryPeer, Roster
from appliance.link.documents import DocumentStore, fingerprint, peers_of
from appliance.link.messages import Document
from appliance.plan import canonical
from appliance.plan.model import Plan, Queue
from appliance.plan.signing import public_bytes, sign

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def document(content: Plan | Roster | Directory, *, key: Ed25519PrivateKey = KEY) -> Document:
    kind = type(content).__name__.lower()
    body = canonical.encode(content)
    signature = sign(key, kind, body)
    return msgspec.convert((20, kind, content.serial, body, signature), Document)


def store(folder: Path) -> DocumentStore:
    made = DocumentStore(folder, public_bytes(KEY), site="berlin", tenant="main")
    made.load()
    return made


def roster(serial: int, site: str = "berlin") -> Roster:
    return Roster(serial=serial, site=site, realm="branchline", accounts=())


async def test_a_document_is_taken_kept_and_there_after_a_restart(tmp_path: Path) -> None:
    first = store(tmp_path)
    ack, content = await first.take(document(Plan(serial=3)))
    assert (ack.kind, ack.serial, ack.reason) == ("plan", 3, "normal")
    assert content == Plan(serial=3)
    await first.take(document(roster(1)))
    again = store(tmp_path)
    assert again.plan == Plan(serial=3)
    assert again.roster == roster(1)
    assert again.directory is None


async def test_a_document_can_be_handed_on_as_it_came(tmp_path: Path) -> None:
    held = store(tmp_path)
    assert (held.serial("plan"), held.document("plan")) == (0, None)
    await held.take(document(Plan(serial=3)))
    assert (held.serial("plan"), held.document("plan")) == (3, document(Plan(serial=3)))


async def test_what_is_held_is_known_by_fingerprint_also_after_a_restart(tmp_path: Path) -> None:
    held = store(tmp_path)
    assert held.fingerprints() == []
    for content in (Plan(serial=3), roster(1), Plan(serial=4)):
        await held.take(document(content))
    wanted = {fingerprint(document(Plan(serial=4))), fingerprint(document(roster(1)))}
    assert set(held.fingerprints()) == set(store(tmp_path).fingerprints()) == wanted
    assert fingerprint(document(Plan(serial=4), key=OTHER)) not in wanted


async def test_the_same_document_again_is_acknowledged_and_not_new(tmp_path: Path) -> None:
    held = store(tmp_path)
    await held.take(document(Plan(serial=3)))
    ack, content = await held.take(document(Plan(serial=3)))
    assert (ack.reason, content) == ("normal", None)


async def test_an_older_document_is_refused(tmp_path: Path) -> None:
    held = store(tmp_path)
    await held.take(document(Plan(serial=3)))
    ack, content = await held.take(document(Plan(serial=2)))
    assert (ack.reason, content) == ("old-version", None)
    assert held.plan == Plan(serial=3)
    ack, _ = await store(tmp_path).take(document(Plan(serial=2)))
    assert ack.reason == "old-version"


async def test_two_documents_of_one_serial_are_told_apart(tmp_path: Path) -> None:
    held = store(tmp_path)
    await held.take(document(Plan(serial=3)))
    ack, _ = await held.take(document(Plan(serial=3, queues=(Queue(name="x"),))))
    assert ack.reason == "duplicate"


def altered(name: str) -> Document:
    good = document(Plan(serial=3))
    if name == "body":
        good.body += b" "
    elif name == "signature":
        good.signature = bytes(64)
    elif name == "short-signature":
        good.signature = b""
    elif name == "other-key":
        good = document(Plan(serial=3), key=Ed25519PrivateKey.generate())
    elif name == "kind":
        good = document(roster(3))
        good.kind = "plan"
    return good


@pytest.mark.parametrize("name", ["body", "signature", "short-signature", "other-key", "kind"])
async def test_what_is_not_signed_is_refused(tmp_path: Path, name: str) -> None:
    held = store(tmp_path)
    ack, content = await held.take(altered(name))
    assert (ack.reason, content) == ("bad-signature", None)
    assert held.plan is None
    assert store(tmp_path).plan is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (Plan(serial=3, tenant="other"), "bad-plan"),
        (roster(3, site="hamburg"), "bad-request"),
    ],
)
async def test_what_is_for_others_is_refused(
    tmp_path: Path, content: Plan | Roster, reason: str
) -> None:
    ack, _ = await store(tmp_path).take(document(content))
    assert ack.reason == reason


async def test_the_serial_outside_must_be_the_one_inside(tmp_path: Path) -> None:
    good = document(Plan(serial=3))
    good.serial = 9
    ack, _ = await store(tmp_path).take(good)
    assert ack.reason == "bad-plan"


async def test_signed_rubbish_is_refused(tmp_path: Path) -> None:
    body = b'{"serial": "three"}'
    ack, _ = await store(tmp_path).take(Document("plan", 3, body, sign(KEY, "plan", body)))
    assert ack.reason == "bad-plan"
    assert "serial" in ack.detail


async def test_a_spoilt_file_is_left_out(tmp_path: Path) -> None:
    await store(tmp_path).take(document(Plan(serial=3)))
    path = tmp_path / "plan.document"
    path.write_bytes(path.read_bytes()[:-5])
    assert store(tmp_path).plan is None
    path.write_bytes(msgspec.msgpack.encode(altered("other-key")))
    assert store(tmp_path).plan is None


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    ack, _ = await store(blocked).take(document(Plan(serial=3)))
    assert ack.reason == "disk-full"


def test_a_directory_makes_peers() -> None:
    entry = DirectoryPeer(
        appliance="a",
        site="berlin",
        link_address="10.0.0.1",
        link_port=7410,
        sip_address="10.0.0.1",
        sip_port=5060,
        curve_key="k" * 40,
    )
    [peer] = peers_of(Directory(serial=1, peers=(entry,)))
    assert (peer.name, peer.address, peer.port, peer.key) == ("a", "10.0.0.1", 7410, "k" * 40)
