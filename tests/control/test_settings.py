"""Settings: defaults that serve, and errors that name the place."""

from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from control.settings import ControlSettings, load_control


def test_defaults_stay_on_loopback() -> None:
    settings = ControlSettings()
    assert settings.url == "http://127.0.0.1:8080"
    assert settings.hub_address == "127.0.0.1"
    assert settings.database == "sqlite:////var/lib/branchline/control/control.db"


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "control.toml"
    path.write_text(f'state_dir = "{tmp_path}"\nweb_port = 8443\nweb_https = true\n')
    settings = load_control(path)
    assert settings.url == "https://127.0.0.1:8443"
    assert settings.hub_live == f"ipc://{tmp_path}/hub-live.ipc"


def test_own_url_and_database(tmp_path: Path) -> None:
    path = tmp_path / "control.toml"
    path.write_text('web_url = "https://bl.example/"\ndatabase_url = "postgresql://x/y"\n')
    settings = load_control(path)
    assert (settings.url, settings.database) == ("https://bl.example", "postgresql://x/y")


@pytest.mark.parametrize(
    ("text", "names"),
    [("web_port = 0", "web_port"), ("colour = 1", "colour"), ('log_level = "x"', "log_level")],
)
def test_errors_name_the_field(tmp_path: Path, text: str, names: str) -> None:
    path = tmp_path / "control.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=names) as caught:
        load_control(path)
    assert str(path) in caught.value.message


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing-file"):
        load_control(tmp_path / "none.toml")
