"""What is needed to end each call if this process is killed: kept in a mapped file.

A page of a mapped file outlives the process that wrote it, without a system call for each call.
The next legs process reads what is left there and sends the BYE that its predecessor could not.
"""

import logging
import mmap
import struct
import zlib
from pathlib import Path

from appliance.base.errors import ConfigError

_log = logging.getLogger(__name__)

_MAGIC = b"BLDIALOG1\0\0\0\0\0\0\0"
#: a dialog with a route set of some ten proxies fits
SLOT_BYTES = 4096
SLOTS = 4096
#: length and CRC-32 of what a slot holds; length 0: nothing
_SLOT_HEAD = struct.Struct("<II")


class DialogFile:
    """One slot for each confirmed dialog."""

    def __init__(self, path: Path, slots: int = SLOTS) -> None:
        """Take over *path*; what a predecessor left is in `inherited` until `drop` ends it.

        Raises ConfigError `missing-file` when the file cannot be written.
        """
        self.path = path
        left = _read(path)[:slots]
        try:
            self._map = _make(path, slots)
        except OSError as error:
            raise ConfigError("missing-file", f"{path} cannot be written: {error}") from error
        self._free = list(range(slots - 1, -1, -1))
        self._slot_of: dict[int, int] = {}
        #: key (negative) -> dialog of a predecessor
        self.inherited: dict[int, bytes] = {}
        for number, dialog in enumerate(left, start=1):
            self.inherited[-number] = dialog
            self.put(-number, dialog)
        _replace(path)

    def put(self, key: int, dialog: bytes) -> None:
        """Keep *dialog*, in place of what was kept for *key*."""
        if not 0 < len(dialog) <= SLOT_BYTES - _SLOT_HEAD.size:
            _log.warning("a dialog of %d bytes is not kept", len(dialog))
            return
        slot = self._slot_of.get(key)
        if slot is None:
            if not self._free:
                _log.warning("no slot left for a dialog")
                return
            slot = self._slot_of[key] = self._free.pop()
        start = len(_MAGIC) + slot * SLOT_BYTES
        body = start + _SLOT_HEAD.size
        # killed half way, the slot is empty or its sum is wrong, and never a wrong dialog
        _SLOT_HEAD.pack_into(self._map, start, 0, 0)
        self._map[body : body + len(dialog)] = dialog
        _SLOT_HEAD.pack_into(self._map, start, len(dialog), zlib.crc32(dialog))

    def drop(self, key: int) -> None:
        """Forget a dialog that has ended; harmless when it is not kept."""
        self.inherited.pop(key, None)
        slot = self._slot_of.pop(key, None)
        if slot is not None:
            _SLOT_HEAD.pack_into(self._map, len(_MAGIC) + slot * SLOT_BYTES, 0, 0)
            self._free.append(slot)

    def close(self) -> None:
        """Let go of the file; what it holds stays."""
        self._map.close()


def _make(path: Path, slots: int) -> mmap.mmap:
    """Return a new mapped file beside *path*, to be put in its place when it is complete."""
    size = len(_MAGIC) + slots * SLOT_BYTES
    with _beside(path).open("w+b") as file:
        file.truncate(size)
        mapped = mmap.mmap(file.fileno(), size)
    mapped[: len(_MAGIC)] = _MAGIC
    return mapped


def _replace(path: Path) -> None:
    _beside(path).replace(path)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _read(path: Path) -> list[bytes]:
    """Return the whole dialogs in *path*; a file that is none of ours holds none."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    if not content.startswith(_MAGIC):
        return []
    dialogs = []
    last = len(content) - _SLOT_HEAD.size
    for start in range(len(_MAGIC), last, SLOT_BYTES):
        length, check = _SLOT_HEAD.unpack_from(content, start)
        body = start + _SLOT_HEAD.size
        dialog = content[body : body + length]
        if 0 < length == len(dialog) <= SLOT_BYTES and zlib.crc32(dialog) == check:
            dialogs.append(dialog)
    return dialogs
