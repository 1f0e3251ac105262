"""Files that appear whole or not at all."""

import stat
from pathlib import Path

import pytest

from appliance.link.files import write_whole


def test_a_file_is_replaced_and_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_failure_leaves_the_old_file_and_no_scratch(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.mkdir()
    with pytest.raises(OSError, match="file"):
        write_whole(blocked, b"one")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
