"""The identity on disk: whole or not at all, and for its owner only."""

import stat
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from appliance.link.identity import BoxKeys, Identity
from tests.appliance.link.identities import FIELDS


def identity(folder: Path) -> Identity:
    keys = BoxKeys.load_or_make(folder)
    return Identity(fields=FIELDS, keys=keys, certificate_pem=b"certificate", ca_pem=b"ca")


def test_an_identity_survives_disk(tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    made = identity(folder)
    assert not Identity.exists(folder)
    made.save(folder)
    assert Identity.exists(folder)
    assert Identity.load(folder) == made
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert (made.hub.name, made.hub.role, made.hub.port) == ("hub", "hub", 7400)


def test_keys_are_made_once(tmp_path: Path) -> None:
    assert BoxKeys.load_or_make(tmp_path) == BoxKeys.load_or_make(tmp_path)


def test_no_identity_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing-file"):
        Identity.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("identity.json", b"{}"),
        ("identity.json", b"\xff"),
        ("curve.json", b'{"public": "short", "secret": ""}'),
        ("key.pem", b"-----BEGIN nothing-----"),
    ],
)
def test_a_spoilt_file_is_an_error_in_words(tmp_path: Path, name: str, content: bytes) -> None:
    identity(tmp_path).save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match="bad-config"):
        Identity.load(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="missing-file"):
        BoxKeys.load_or_make(tmp_path / "file")
