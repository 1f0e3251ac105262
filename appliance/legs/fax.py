"""Faxes as files: the TIFF that the engine received becomes a PDF.

libtiff's `tiff2pdf` does it: it copies the G4 data as they are, and it runs in a process of its
own with little memory and time. The TIFF is read here first (TIFF 6.0 section 2), so that what is
truncated, foreign or senselessly large is refused by name.
"""

import asyncio
import contextlib
import mmap
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.base.errors import BranchlineError, Verdict

#: bounds on what we read; the engine's own limits (`fax.h`) lie below
BYTES_LIMIT = 256 * 1024 * 1024
PAGES_LIMIT = 1000
TAGS_LIMIT = 200
STRIPS_LIMIT = 20_000
WIDTH_LIMIT = 20_000
ROWS_LIMIT = 40_000

#: what `tiff2pdf` may take; a page of A4 needs some 5 MB and 10 ms
MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 60
WAIT_S = 120

_WIDTH, _ROWS, _BITS, _COMPRESSION = 256, 257, 258, 259
_STRIP_AT, _STRIP_SIZES, _X_RESOLUTION, _Y_RESOLUTION = 273, 279, 282, 283
_GROUP3, _GROUP4 = 3, 4
#: octets of each type of value (TIFF 6.0 section 2) that is looked at
_SIZES = {3: 2, 4: 4, 5: 8}


class FaxError(BranchlineError):
    """Raised when a fax file is missing, broken or empty (`bad-file`), or no PDF can be made."""

    verdict = Verdict.OURS


@dataclass(frozen=True, slots=True)
class FaxPage:
    """One page of a fax."""

    width: int
    rows: int
    x_dpi: int
    y_dpi: int


@dataclass(frozen=True, slots=True)
class FaxPdf:
    """A PDF that was made."""

    path: Path
    pages: int
    size_bytes: int


def _bad(why: str) -> FaxError:
    return FaxError("bad-file", f"fax: {why}")


class _Reader:
    """Numbers of a TIFF in its own order of octets, none beyond its end."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self._data = data
        self.size = len(data)
        orders = {b"II*\0": "<", b"MM\0*": ">"}
        order = orders.get(bytes(data[:4]))
        if order is None:
            raise _bad("no TIFF")
        self._order = order

    def numbers(self, at: int, code: str, count: int = 1) -> tuple[int, ...]:
        layout = struct.Struct(f"{self._order}{count}{code}")
        if at < 8 and (at, code) != (4, "I"):
            raise _bad("it points into its own head")
        if at + layout.size > self.size:
            raise _bad("truncated")
        return layout.unpack(self._data[at : at + layout.size])


def _tag_values(reader: _Reader, entry: int, kind: int, count: int) -> tuple[int, ...]:
    if not 0 < count <= STRIPS_LIMIT:
        raise _bad("too many strips")
    at = entry + 8
    if _SIZES[kind] * count > 4:
        (at,) = reader.numbers(at, "I")
    return reader.numbers(at, "H" if kind == 3 else "I", count * (2 if kind == 5 else 1))


def _tags(reader: _Reader, directory: int) -> tuple[dict[int, tuple[int, ...]], int]:
    """Return the values we look at, and where the next directory is."""
    (count,) = reader.numbers(directory, "H")
    if not 0 < count <= TAGS_LIMIT:
        raise _bad("too many tags")
    wanted = (_WIDTH, _ROWS, _BITS, _COMPRESSION, _STRIP_AT, _STRIP_SIZES)
    tags: dict[int, tuple[int, ...]] = {}
    for i in range(count):
        entry = directory + 2 + 12 * i
        tag, kind = reader.numbers(entry, "H", 2)
        (values,) = reader.numbers(entry + 4, "I")
        numeric = kind in (3, 4) and tag in wanted
        if numeric or (kind == 5 and tag in (_X_RESOLUTION, _Y_RESOLUTION)):
            tags[tag] = _tag_values(reader, entry, kind, values)
    (following,) = reader.numbers(directory + 2 + 12 * count, "I")
    return tags, following


def _dpi(values: tuple[int, ...]) -> int:
    return round(values[0] / values[1]) if len(values) == 2 and values[1] else 0


def _page(reader: _Reader, tags: dict[int, tuple[int, ...]]) -> FaxPage:
    width, rows = tags.get(_WIDTH, (0,))[0], tags.get(_ROWS, (0,))[0]
    if not (0 < width <= WIDTH_LIMIT and 0 < rows <= ROWS_LIMIT):
        raise _bad(f"a page of {width} x {rows}")
    if tags.get(_BITS, (1,)) != (1,):
        raise _bad("not black and white")
    if tags.get(_COMPRESSION, (1,))[0] not in (_GROUP3, _GROUP4):
        raise _bad("neither G3 nor G4")
    starts, sizes = tags.get(_STRIP_AT, ()), tags.get(_STRIP_SIZES, ())
    if not starts or len(starts) != len(sizes):
        raise _bad("a page without an image")
    if any(at + size > reader.size for at, size in zip(starts, sizes, strict=True)):
        raise _bad("truncated")
    return FaxPage(
        width, rows, _dpi(tags.get(_X_RESOLUTION, ())), _dpi(tags.get(_Y_RESOLUTION, ()))
    )


def pages_of(data: bytes | mmap.mmap) -> tuple[FaxPage, ...]:
    """Return the pages of a TIFF, or raise `FaxError` `bad-file`."""
    reader = _Reader(data)
    pages: list[FaxPage] = []
    seen: set[int] = set()
    (at,) = reader.numbers(4, "I")
    while at:
        if at in seen or len(pages) >= PAGES_LIMIT:
            raise _bad("its pages never end")
        seen.add(at)
        tags, at = _tags(reader, at)
        pages.append(_page(reader, tags))
    if not pages:
        raise _bad("no page")
    return tuple(pages)


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if len(data) > BYTES_LIMIT:
                raise _bad("too large")
            yield data
    except OSError as exc:
        raise _bad(f"cannot be read: {exc}") from exc
    except ValueError as exc:  # an empty file cannot be mapped
        raise _bad("empty") from exc


def read_pages(path: Path) -> tuple[FaxPage, ...]:
    """Return the pages of a TIFF file, or raise `FaxError` `bad-file`."""
    with _mapped(path) as data:
        return pages_of(data)


def _tiff2pdf(tiff: Path, pdf: Path) -> None:
    """Run it; the texts of the TIFF came from the far end and are left out of the PDF."""
    limits = [f"--as={MEMORY_BYTES}", f"--cpu={CPU_S}", f"--fsize={BYTES_LIMIT}"]
    texts = ["-t", "Fax", "-s", "Fax", "-c", "Branchline", "-a", "Branchline", "-k", "fax"]
    command = ["prlimit", *limits, "tiff2pdf", *texts, "-o", str(pdf), str(tiff)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=WAIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise FaxError("pdf-failed", f"fax: tiff2pdf took longer than {WAIT_S} s") from exc
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise FaxError("pdf-failed", f"fax: tiff2pdf ended with {done.returncode}: {last}")


def make_pdf(tiff: Path, pdf: Path) -> FaxPdf:
    """Make *pdf* of *tiff*, whole or not at all; raises `FaxError`."""
    pages = read_pages(tiff)
    part = pdf.with_name(pdf.name + ".part")
    try:
        _tiff2pdf(tiff.absolute(), part.absolute())
        size = part.stat().st_size
        part.replace(pdf)
    except OSError as exc:
        raise FaxError("pdf-failed", f"fax: {exc}") from exc
    finally:
        part.unlink(missing_ok=True)
    return FaxPdf(pdf, len(pages), size)


async def to_pdf(tiff: Path, pdf: Path) -> FaxPdf:
    """Make *pdf* of *tiff* as `make_pdf` does, beside the loop."""
    return await asyncio.to_thread(make_pdf, tiff, pdf)
