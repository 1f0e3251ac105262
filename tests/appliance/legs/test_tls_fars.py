"""SIP by TLS of phones and trunks, and the files it needs."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from appliance.base.errors import BranchlineError
from appliance.config.model import PhoneSettings, TrunkSettings
from appliance.legs.sip import SipStack
from appliance.legs.sipnative import SipError
from appliance.legs.siptls import read_tls
from appliance.wire.commands import Account, Accounts, Dial, Hang
from appliance.wire.events import LegDown, LegIn, LegUp, Registered, Unregistered
from tests.appliance.legs.legsrig import (
    LegsRig,
    answered,
    legs_running,
    settings_for,
)
from tests.appliance.legs.phonerig import SOUNDS, write_tone
from tests.appliance.legs.tlsrig import HERE, THERE, settings_of
from tests.baresipkit import Baresip
from tests.certificates import Authority, Pair, write_pair
from tests.ports import free_port

PHONE = "127.0.0.4"


def account(secret: str) -> Account:
    """Return the account that the phone has."""
    ha1 = hashlib.md5(f"ann:branchline:{secret}".encode(), usedforsecurity=False).hexdigest()
    return Account("ann", ha1, "")


def tls_phone(folder: Path, rig: LegsRig, ours: Authority, *, dial: str = "") -> Baresip:
    """Return a phone that knows nothing but TLS."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.pem").write_text(ours.pem)
    place = f"{rig.sip[0]}:{rig.daemon.settings.sip.tls_port};transport=tls"
    return Baresip(
        folder / "phone",
        address=PHONE,
        port=free_port(PHONE),
        account=(
            f"<sip:ann@{place}>;auth_user=ann;auth_pass=secret;regint=60;answermode=auto"
            ";audio_codecs=PCMA/8000/1;mediaenc=srtp-mand"
        ),
        says=write_tone(folder / "says.wav", SOUNDS[-1]),
        dial=f"{dial}@{place}" if dial else "",
        modules=("srtp",),
        config=f"sip_cafile {folder}/ca.pem",
    )


@contextlib.asynccontextmanager
async def ringing(phone: Baresip) -> AsyncIterator[Baresip]:
    """Keep a phone; at its end it says goodbye to legs, which have to answer."""
    try:
        yield phone
    finally:
        await asyncio.to_thread(phone.close)


async def test_a_phone_registers_and_calls_by_tls(tmp_path: Path) -> None:
    ours = Authority()
    settings = settings_of(tmp_path, HERE, ours.pair(HERE), ours)
    settings = msgspec.structs.replace(settings, phones=PhoneSettings(srtp="required"))
    async with legs_running(settings) as rig:
        brain = await rig.brain()
        brain.put(Accounts("branchline", [account("secret")]))
        async with ringing(tls_phone(tmp_path, rig, ours)) as phone:
            registered = (await brain.event(Registered)).registration
            assert registered.account == "ann"
            assert "transport=tls" in registered.contact
            # it is asked and called by the connection that it has opened
            brain.put(Dial(tok="d", kind="phone", via="ann", to="ann"))
            leg = (await brain.event(LegUp)).leg
            assert "SRTP is Enabled" in phone.said
            brain.put(Hang(leg))
            assert (await brain.event(LegDown, leg=leg)).reason == "normal"
            async with ringing(tls_phone(tmp_path / "again", rig, ours, dial="sip:100")):
                leg = await answered(brain)
                row = brain.heard(LegIn)[0].row
                assert (row.kind, row.via, row.called) == ("phone", "ann", "100")
                brain.put(Hang(leg))
                assert (await brain.event(LegDown, leg=leg)).reason == "normal"
        await brain.event(Unregistered, account="ann", reason="normal")


@pytest.mark.parametrize(
    ("file", "text", "mode", "reason"),
    [
        ("key.pem", None, 0o644, "bad-config"),
        ("key.pem", None, 0o620, "bad-config"),
        ("key.pem", "no key", 0o600, "bad-config"),
        ("certificate.pem", "no certificate", 0o600, "bad-config"),
        ("ca.pem", "no authority", 0o600, "bad-config"),
        ("key.pem", "", 0o600, "bad-config"),
        ("key.pem", None, None, "missing-file"),
    ],
)
async def test_bad_files_are_told_at_the_start(
    tmp_path: Path, file: str, text: str | None, mode: int | None, reason: str
) -> None:
    ours = Authority()
    settings = settings_of(tmp_path, HERE, ours.pair("box-a"), ours)
    path = Path(settings.state_dir) / "identity" / file
    if mode is None:
        path.unlink()
    else:
        path.chmod(mode)
    if text is not None:
        path.write_text(text)
    with pytest.raises(BranchlineError) as caught:
        async with legs_running(settings):
            pass
    assert caught.value.reason == reason
    assert "PRIVATE" not in str(caught.value)


def test_a_box_that_is_not_enrolled_yet_has_no_tls(tmp_path: Path) -> None:
    ours = Authority()
    settings = settings_of(tmp_path, HERE, ours.pair("box-a"), ours)
    (Path(settings.state_dir) / "identity/certificate.pem").unlink()
    assert read_tls(settings) is None
    sip = msgspec.structs.replace(settings.sip, certificate=str(tmp_path / "nowhere.pem"))
    with pytest.raises(BranchlineError) as caught:
        read_tls(msgspec.structs.replace(settings, sip=sip))
    assert caught.value.reason == "missing-file"


def test_files_of_ones_own_come_before_enrolments(tmp_path: Path) -> None:
    ours, theirs = Authority(), Authority("own")
    settings = settings_of(tmp_path, HERE, ours.pair("box-a"), ours)
    folder = write_pair(tmp_path / "own", theirs.pair("box-a"), theirs.pem)
    sip = msgspec.structs.replace(
        settings.sip,
        certificate=str(folder / "certificate.pem"),
        key=str(folder / "key.pem"),
        authority=str(folder / "ca.pem"),
    )
    tls = read_tls(msgspec.structs.replace(settings, sip=sip))
    assert tls is not None
    assert tls.authority == theirs.pem
    assert (tls.folder / "cafile.pem").read_text() == theirs.pem


def test_a_key_of_another_certificate_is_none(tmp_path: Path) -> None:
    ours = Authority()
    pair = Pair(ours.pair("box-a").certificate, ours.pair("box-a").key)
    tls = read_tls(settings_of(tmp_path, HERE, pair, ours))
    assert tls is not None
    assert "PRIVATE" not in repr(tls)
    with pytest.raises(SipError) as caught:
        SipStack(HERE, free_port(), tls=tls).start()
    assert caught.value.reason == "bad-config"


async def test_without_tls_a_trunk_by_tls_is_no_trunk(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    trunk = msgspec.structs.replace(settings.trunks["city"], transport="tls")
    async with legs_running(msgspec.structs.replace(settings, trunks={"city": trunk})) as rig:
        brain = await rig.brain()
        brain.put(Dial(tok="d", kind="trunk", via="city", to="200"))
        assert (await brain.event(LegDown)).reason == "bad-config"


@pytest.mark.parametrize("wrong", ["", "name"])
async def test_a_trunk_by_tls_must_be_who_its_host_is(tmp_path: Path, wrong: str) -> None:
    ours = Authority()
    settings = settings_of(tmp_path / "us", HERE, ours.pair(HERE), ours)
    theirs = settings_of(tmp_path / "provider", THERE, ours.pair(wrong or THERE), ours)
    settings, theirs = (
        msgspec.structs.replace(
            one,
            trunks={
                "city": TrunkSettings(
                    host=other.sip.address, port=other.sip.tls_port, transport="tls", check_s=0
                )
            },
        )
        for one, other in ((settings, theirs), (theirs, settings))
    )
    async with legs_running(settings) as us, legs_running(theirs) as provider:
        brain, other = await us.brain(), await provider.brain()
        brain.put(Dial(tok="d", kind="trunk", via="city", to="200"))
        if wrong:
            assert (await brain.event(LegDown)).reason == "wrong-certificate"
            return
        leg = await answered(other)
        assert other.heard(LegIn)[0].row.via == "city"
        await brain.event(LegUp)
        other.put(Hang(leg))
        assert (await brain.event(LegDown)).reason == "normal"
