"""Enrolment against a small control of our own, honest and otherwise."""

import asyncio
import datetime
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appliance.base.errors import BranchlineError
from appliance.config.model import ApplianceSettings, SipSettings
from appliance.link.enrol import BoxPlace, enrol, enrol_box
from appliance.link.identity import BoxKeys, Identity
from appliance.link.jointoken import (
    ENROL_PATH,
    EnrolAnswer,
    EnrolError,
    EnrolRequest,
    JoinToken,
    ca_digest,
    is_sealed,
    read,
    seal,
)

PLACE = BoxPlace(
    name="berlin-1",
    sip_address="127.0.0.1",
    sip_port=5060,
    link_address="127.0.0.1",
    link_port=7410,
)
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Authority:
    """A CA that signs whatever it is given."""

    def __init__(self, name: str = "test CA") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key.public_key())

    def _sign(self, subject: x509.Name, key: Any) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=self.name,
            subject_name=subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=NOW - DAY,
            not_valid_after=NOW + DAY,
        )
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, csr_pem: str) -> str:
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        assert csr.is_signature_valid
        return self._sign(csr.subject, csr.public_key()).public_bytes(Encoding.PEM).decode()

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


class Control:
    """Control's end of the protocol; *twist* alters its answers."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.token = JoinToken(
            token_id=secrets.token_bytes(16),
            secret=secrets.token_bytes(32),
            ca_digest=ca_digest(self.authority.certificate.public_bytes(Encoding.DER)),
        )
        self.pending = 0
        self.seen: list[EnrolRequest] = []
        self.twist: Callable[[EnrolAnswer], EnrolAnswer] = lambda answer: answer
        self.answer_with: web.Response | None = None
        self.secret = self.token.secret

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        asked = read(body, EnrolRequest)
        self.seen.append(asked)
        if self.answer_with is not None:
            return self.answer_with
        if not is_sealed(body, EnrolRequest, self.token.secret):
            return refusal("bad-token")
        if len(self.seen) <= self.pending:
            answer = EnrolAnswer(
                nonce=asked.nonce, state="pending", ca_certificate=self.authority.pem
            )
        else:
            answer = self._approved(asked)
        return web.Response(body=seal(self.twist(answer), self.secret))

    def _approved(self, asked: EnrolRequest) -> EnrolAnswer:
        return EnrolAnswer(
            nonce=asked.nonce,
            state="approved",
            ca_certificate=self.authority.pem,
            certificate=self.authority.issue(asked.csr),
            name=asked.name,
            site="berlin",
            tenant="main",
            hub_address="127.0.0.1",
            hub_port=7400,
            hub_curve_key="k" * 40,
            hub_telemetry_port=7401,
            plan_verify_key="ab" * 32,
            control_url="http://127.0.0.1:8080",
        )


def refusal(reason: str, status: int = 403) -> web.Response:
    body = msgspec.json.encode(EnrolError(reason=reason, message="so it is"))
    return web.Response(status=status, body=body)


@pytest.fixture
async def control() -> AsyncIterator[tuple[Control, str]]:
    made = Control()
    application = web.Application()
    application.router.add_post(ENROL_PATH, made.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield made, f"http://127.0.0.1:{port}/"
    await runner.cleanup()


async def ask(
    url: str, token: JoinToken, folder: Path, **options: Any
) -> tuple[Identity, list[str]]:
    steps: list[str] = []
    identity = await enrol_box(
        url,
        token.text(),
        PLACE,
        folder,
        lambda step, _: steps.append(step),
        poll_s=0.01,
        **options,
    )
    return identity, steps


async def test_a_box_waits_for_a_person_and_gets_its_identity(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    made, url = control
    made.pending = 3
    identity, steps = await ask(url, made.token, tmp_path)
    assert steps == ["asking", "pending", "pending", "pending", "approved"]
    assert identity.fields.name == "berlin-1"
    assert Identity.load(tmp_path) == identity
    assert len({asked.nonce for asked in made.seen}) == 4
    assert len({asked.csr for asked in made.seen}) == 1


async def test_a_box_that_was_restarted_asks_with_the_same_keys(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    made, url = control
    made.pending = 3
    with pytest.raises(BranchlineError, match="not-approved"):
        await ask(url, made.token, tmp_path, patience_s=0.0)
    assert not Identity.exists(tmp_path)
    await ask(url, made.token, tmp_path)
    assert len({asked.curve_key for asked in made.seen}) == 1
    keys = [x509.load_pem_x509_csr(asked.csr.encode()).public_key() for asked in made.seen]
    assert all(key == keys[0] for key in keys)


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def failing(control: tuple[Control, str], folder: Path) -> BranchlineError:
    made, url = control
    with pytest.raises(BranchlineError) as caught:
        await ask(url, made.token, folder)
    assert not Identity.exists(folder)
    return caught.value


async def test_a_control_with_another_secret_is_not_believed(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    control[0].secret = secrets.token_bytes(32)
    assert (await failing(control, tmp_path)).reason == "bad-signature"


async def test_a_control_with_another_ca_is_not_believed(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    control[0].authority = Authority()
    assert (await failing(control, tmp_path)).reason == "bad-signature"


async def test_an_old_answer_is_not_believed(control: tuple[Control, str], tmp_path: Path) -> None:
    control[0].twist = lambda answer: msgspec.structs.replace(answer, nonce="0" * 32)
    assert (await failing(control, tmp_path)).reason == "bad-signature"


async def test_a_certificate_of_another_ca_is_not_taken(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    other = Authority()
    made, _ = control
    made.twist = lambda answer: msgspec.structs.replace(
        answer, certificate=other.issue(made.seen[-1].csr)
    )
    assert (await failing(control, tmp_path)).reason == "bad-signature"


async def test_a_certificate_for_another_key_is_not_taken(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    made, _ = control
    made.twist = lambda answer: msgspec.structs.replace(answer, certificate=made.authority.pem)
    assert (await failing(control, tmp_path)).reason == "bad-signature"


async def test_an_incomplete_identity_is_not_taken(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    control[0].twist = lambda answer: msgspec.structs.replace(answer, plan_verify_key="")
    assert (await failing(control, tmp_path)).reason == "bad-request"


@pytest.mark.parametrize("reason", ["used-token", "expired-token", "not-enrolled"])
async def test_a_refusal_is_told_by_its_word(
    control: tuple[Control, str], tmp_path: Path, reason: str
) -> None:
    control[0].twist = lambda answer: msgspec.structs.replace(
        answer, state="refused", reason=reason, message="so it is", certificate=""
    )
    error = await failing(control, tmp_path)
    assert (error.reason, error.message) == (reason, "so it is")


async def test_an_unknown_token_is_told_by_its_word(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    control[0].answer_with = refusal("bad-token")
    assert (await failing(control, tmp_path)).reason == "bad-token"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>a captive portal</html>", "bad-signature"),
        (200, b"x" * 100_000, "control-unreachable"),
        (404, b"nothing here", "control-unreachable"),
        (502, b"\xff\xfe", "control-unreachable"),
    ],
)
async def test_what_is_not_control_is_told(
    control: tuple[Control, str], tmp_path: Path, status: int, body: bytes, reason: str
) -> None:
    control[0].answer_with = web.Response(status=status, body=body)
    assert (await failing(control, tmp_path)).reason == reason


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "ftp://x", "nonsense", "http://"])
async def test_a_control_that_is_not_there_is_told(url: str, tmp_path: Path) -> None:
    with pytest.raises(BranchlineError) as caught:
        await ask(url, Control().token, tmp_path)
    assert caught.value.reason == "control-unreachable"
    await asyncio.sleep(0)


async def test_a_wrong_token_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(BranchlineError, match="bad-token"):
        await enrol_box("http://127.0.0.1:1", "bl1.xyz", PLACE, tmp_path, lambda *_: None)
    assert names_in(tmp_path) == []


async def test_an_engineer_is_told_in_words(control: tuple[Control, str], tmp_path: Path) -> None:
    made, url = control
    made.pending = 3
    said: list[str] = []
    settings = ApplianceSettings(name="berlin-1", state_dir=str(tmp_path))
    identity = await enrol(settings, url, made.token.text(), progress=said.append, poll_s=0.01)
    assert said[1].strip() == identity.keys.fingerprint
    assert said[2:] == [
        "Waiting: somebody at control must approve this box.",
        "Approved: this box is berlin-1.",
    ]
    assert identity == Identity.load(tmp_path / "identity")
    assert made.seen[0].sip_port == 5060


async def test_the_fingerprint_is_the_one_control_shows(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    from control.fleet.authority import fingerprint

    made, url = control
    await ask(url, made.token, tmp_path)
    keys = BoxKeys.load(tmp_path)
    csr = x509.load_pem_x509_csr(made.seen[0].csr.encode())
    assert keys.fingerprint.replace(" ", "") == fingerprint(csr)


async def test_an_address_nobody_can_dial_is_refused(tmp_path: Path) -> None:
    settings = ApplianceSettings(state_dir=str(tmp_path), sip=SipSettings(address="::"))
    with pytest.raises(BranchlineError, match=r"bad-config: sip\.address"):
        await enrol(settings, "http://127.0.0.1:1", Control().token.text(), progress=print)
