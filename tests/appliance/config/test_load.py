"""Settings: defaults serve, and a fault names file, field, value and what is allowed."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.base.errors import ConfigError, Verdict
from appliance.config.load import load_appliance
from appliance.config.model import ApplianceSettings


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "appliance.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    assert load_appliance(written(tmp_path, "")) == ApplianceSettings()


def test_sections_and_names(tmp_path: Path) -> None:
    found = load_appliance(
        written(
            tmp_path,
            """
            site = "berlin"
            [sip]
            port = 5070
            [media]
            prompt_dirs = ["/a", "/b"]
            silence_timeout_s = 30
            [trunks.isp]
            host = "sip.example"
            register = true
            [lines.gsm-1]
            profile = "sim7600"
            control = "/dev/ttyUSB2"
            audio = "/dev/ttyUSB4"
            """,
        )
    )
    assert (found.site, found.sip.port, found.sip.address) == ("berlin", 5070, "127.0.0.1")
    assert found.media.prompt_dirs == ("/a", "/b")
    assert found.media.silence_timeout_s == 30.0
    assert found.trunks["isp"].register
    assert found.lines["gsm-1"].number == ""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[sip]\nport = 99999", ["$.sip.port", "65535", "99999"]),
        ("[sip]\nport = 0", ["$.sip.port", "found 0"]),
        ('[sip]\nport = "5060"', ["$.sip.port", "int", "'5060'"]),
        ('site = "Berlin Mitte"', ["$.site", "'Berlin Mitte'"]),
        ('log_level = "loud"', ["$.log_level", "'loud'"]),
        ("[legs]\norphan_new_s = 0", ["$.legs.orphan_new_s", "found 0"]),
        ("[trunks.isp]\nport = 5060", ["host", "$.trunks"]),
        ('[trunks.isp]\nhost = "x"\nexpires_s = 5', ["expires_s", "30"]),
        ('[trunks.ISP]\nhost = "x"', ["trunks"]),
        ('[link]\ntransport = "nats"', ["nats_servers", "$.link"]),
        ('[link]\ntransport = "amqp"', ["$.link.transport", "'amqp'"]),
        ("colour = 1", ["colour"]),
        ("[sip]\nports = 5060", ["ports", "$.sip"]),
    ],
)
def test_a_fault_is_named(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_appliance(path)
    assert caught.value.reason == "bad-config"
    assert caught.value.verdict is Verdict.CONFIG
    for part in (str(path), *parts):
        assert part in caught.value.message


@pytest.mark.parametrize("text", ["[sip", "a = ", "a = 1\na = 2", "\x00", "a = " + "[" * 100_000])
def test_what_is_not_toml_is_said_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="is not TOML") as caught:
        load_appliance(written(tmp_path, text))
    assert caught.value.reason == "bad-config"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not there") as caught:
        load_appliance(tmp_path / "none.toml")
    assert caught.value.reason == "missing-file"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"site = '\xe4'"])
def test_a_file_that_is_not_utf8(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_appliance(written(tmp_path, content))


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_appliance(tmp_path)


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(max_examples=200)
def test_no_file_crashes_the_loader(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.getbasetemp(), content)
    with contextlib.suppress(ConfigError):
        load_appliance(path)
