"""Which life of the legs process this is, and of which boot of the machine."""

import re
from pathlib import Path

from appliance.base.errors import ConfigError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NUMBER = re.compile(r"[0-9]{1,18}\s*\Z")


def boot_id() -> str:
    """Return the id of this boot; CLOCK_MONOTONIC begins anew with each."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def next_epoch(path: Path, boot: str) -> str:
    """Return the name of this life, `NUMBER-BOOT`; the number in *path* is raised by one.

    Raises ConfigError `missing-file` when it cannot be kept.
    """
    try:
        text = path.read_text(encoding="ascii")
    except (FileNotFoundError, UnicodeDecodeError):
        text = ""
    except OSError as error:
        raise ConfigError("missing-file", f"{path} cannot be read: {error}") from error
    number = int(text) + 1 if _NUMBER.match(text) else 1
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_text(f"{number}\n", encoding="ascii")
        beside.replace(path)
    except OSError as error:
        raise ConfigError("missing-file", f"{path} cannot be written: {error}") from error
    return f"{number}-{boot[:8]}"
