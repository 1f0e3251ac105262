"""How a NATS cluster is reached: settings that cannot work say what to do."""

from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from appliance.link.nats_client import NatsSettings
from tests.appliance.link.nats_rig import new_user

SERVERS = ("nats://127.0.0.1:4222",)


@pytest.mark.parametrize(
    "server",
    ["", "127.0.0.1:4222", "http://host", "nats://", "nats://host:0x", "ws://host", " nats://h"],
)
def test_what_is_no_server_is_an_error_in_words(server: str) -> None:
    with pytest.raises(ConfigError, match="write nats://host:4222 or tls://host:4222"):
        NatsSettings(servers=(server,)).check()


def test_a_password_in_an_address_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        NatsSettings(servers=("http://user:secret@host",)).check()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("server", ["nats://host", "nats://host:4222", "tls://[::1]:4222"])
def test_servers_are_named_by_address(server: str) -> None:
    NatsSettings(servers=(server,)).check()


def test_no_server_at_all_is_an_error() -> None:
    with pytest.raises(ConfigError, match="nats_servers is empty"):
        NatsSettings(servers=()).check()


def test_a_missing_file_is_named() -> None:
    for setting in ("credentials", "ca"):
        with pytest.raises(ConfigError, match=f"missing-file: nats_{setting}: /nowhere/x"):
            NatsSettings(servers=SERVERS, **{setting: "/nowhere/x"}).check()


def test_both_kinds_of_credentials_are_known(tmp_path: Path) -> None:
    seed, _ = new_user(tmp_path / "user.nk")
    assert NatsSettings(servers=SERVERS, credentials=seed).login() == {"nkeys_seed": seed}
    path = tmp_path / "user.creds"
    path.write_text(
        "-----BEGIN NATS USER JWT-----\neyJ0\n------END NATS USER JWT------\n"
        f"-----BEGIN USER NKEY SEED-----\n{Path(seed).read_text()}\n"
    )
    login = NatsSettings(servers=SERVERS, credentials=str(path)).login()
    assert login == {"user_credentials": str(path)}


def test_another_file_is_no_credentials(tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    seed, _ = new_user(tmp_path / "user.nk")
    path.write_text(f"{Path(seed).read_text()}\nand more\n")
    with pytest.raises(ConfigError, match="neither"):
        NatsSettings(servers=SERVERS, credentials=str(path)).check()
    path.write_text("hello")
    with pytest.raises(ConfigError, match=r"neither a \.creds file nor the seed"):
        NatsSettings(servers=SERVERS, credentials=str(path)).check()
    with pytest.raises(ConfigError, match=r"holds no certificate \(PEM\)"):
        NatsSettings(servers=SERVERS, ca=str(path)).check()


def test_tls_is_used_where_it_is_asked_for() -> None:
    assert NatsSettings(servers=SERVERS).tls() is None
    context = NatsSettings(servers=("tls://host:4222",)).tls()
    assert context is not None
    assert context.check_hostname
