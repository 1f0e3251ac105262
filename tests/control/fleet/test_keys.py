"""Control's own keys: made once, private, and named when spoilt."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from control.fleet import keys


def test_keys_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    assert keys.hub_pair(tmp_path) == keys.hub_pair(tmp_path)
    assert keys.web_secret(tmp_path) == keys.web_secret(tmp_path)
    raw = {keys.plan_key(tmp_path).private_bytes_raw() for _ in range(2)}
    assert len(raw) == 1
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    keys.write_private(path, b"first")
    with pytest.raises(FileExistsError):
        keys.write_private(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "read"), [(keys.HUB_KEY.format("hub"), keys.hub_pair), (keys.PLAN_KEY, keys.plan_key)]
)
def test_spoilt_keys_are_named(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    (tmp_path / name).write_text("nothing")
    with pytest.raises(ConfigError, match=name):
        read(tmp_path)
