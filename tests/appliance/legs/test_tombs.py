"""The file of dialogs: what one process put in it, the next one reads, whatever was torn."""

from pathlib import Path

import pytest

from appliance.base.errors import ConfigError
from appliance.legs.tombs import SLOT_BYTES, DialogFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dialogs"


def left(path: Path) -> list[bytes]:
    """Return what a successor inherits."""
    successor = DialogFile(path, 8)
    found = list(successor.inherited.values())
    successor.close()
    return found


def test_what_was_not_dropped_is_inherited(path: Path) -> None:
    dialogs = DialogFile(path, 8)
    dialogs.put(1, b"one")
    dialogs.put(2, b"two")
    dialogs.put(3, b"three")
    dialogs.put(3, b"three again")
    dialogs.drop(1)
    dialogs.drop(1)
    # not closed: a killed process closes nothing
    assert sorted(left(path)) == [b"three again", b"two"]


def test_what_was_inherited_is_kept_until_it_is_dropped(path: Path) -> None:
    DialogFile(path, 8).put(1, b"one")
    second = DialogFile(path, 8)
    second.put(1, b"another one")
    third = DialogFile(path, 8)
    assert sorted(third.inherited.values()) == [b"another one", b"one"]
    for key in list(third.inherited):
        third.drop(key)
    assert left(path) == []


def test_a_torn_dialog_is_no_dialog(path: Path) -> None:
    dialogs = DialogFile(path, 8)
    dialogs.put(1, b"one")
    dialogs.put(2, b"two")
    dialogs.close()
    content = path.read_bytes().replace(b"one", b"onx")
    path.write_bytes(content)
    assert left(path) == [b"two"]


@pytest.mark.parametrize(
    "content", [b"", b"noise" * 999, b"BLDIALOG1\0\0\0\0\0\0\0" + b"\xff" * 9999]
)
def test_a_file_that_is_none_of_ours_holds_nothing(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert left(path) == []


def test_a_full_file_and_a_dialog_too_long_are_borne(path: Path) -> None:
    dialogs = DialogFile(path, 2)
    for key in range(5):
        dialogs.put(key, b"%d" % key)
    dialogs.put(9, b"x" * SLOT_BYTES)
    dialogs.drop(0)
    dialogs.put(7, b"seven")
    assert sorted(left(path)) == [b"1", b"seven"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing-file"):
        DialogFile(tmp_path / "nowhere" / "dialogs")
