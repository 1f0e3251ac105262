"""Paths that somebody else names: inside the folder they belong to, or refused."""

from pathlib import Path

from appliance.legs.errors import CommandError


def inside(folder: Path, path: str, reason: str) -> Path:
    """Return where *path* is, which must be inside *folder*, links followed.

    Raises CommandError with that reason.
    """
    root = folder.resolve()
    try:
        whole = (folder / path).resolve()
    except (OSError, RuntimeError, ValueError):
        whole = root
    if whole == root or not whole.is_relative_to(root):
        raise CommandError(reason, f"{path!r} is not inside {folder}")
    return whole
