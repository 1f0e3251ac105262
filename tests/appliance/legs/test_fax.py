import contextlib
import random
import re
import struct
import subprocess
from pathlib import Path

import pytest

from appliance.legs import fax
from appliance.legs.fax import FaxError, FaxPage, make_pdf, pages_of, read_pages, to_pdf
from tests.appliance.legs.faxkit import ROWS, WIDTH, bilevel, strips


@pytest.fixture
def received(tmp_path: Path) -> Path:
    """A G4 file of three pages as libspandsp writes it: one strip, the lowest bit first."""
    plain, path = tmp_path / "plain.tif", tmp_path / "fax.tif"
    plain.write_bytes(bilevel(3))
    options = ["-c", "g4", "-f", "lsb2msb", "-r", "100000"]
    subprocess.run(["tiffcp", *options, str(plain), str(path)], check=True)
    return path


def test_reads_pages(received: Path) -> None:
    assert read_pages(received) == (FaxPage(WIDTH, ROWS, 204, 98),) * 3


def test_pdf_holds_the_same_g4_data(received: Path, tmp_path: Path) -> None:
    made = make_pdf(received, tmp_path / "fax.pdf")
    data = made.path.read_bytes()
    assert (made.pages, made.size_bytes) == (3, len(data))
    assert len(re.findall(rb"/Type /Page\b(?!s)", data)) == 3
    assert data.count(b"/CCITTFaxDecode") == 3
    for strip in strips(received.read_bytes()):
        assert strip in data
    assert not list(tmp_path.glob("*.part"))


def test_far_ends_texts_stay_out(received: Path, tmp_path: Path) -> None:
    subprocess.run(["tiffset", "-s", "270", "EVIL) /Launch (", str(received)], check=True)
    made = make_pdf(received, tmp_path / "fax.pdf")
    assert b"EVIL" not in made.path.read_bytes()


def test_what_is_truncated_is_refused(received: Path) -> None:
    data = received.read_bytes()
    for size in range(0, len(data), 97):
        with pytest.raises(FaxError) as caught:
            pages_of(data[:size])
        assert caught.value.reason == "bad-file"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no TIFF"),
        (b"%PDF-1.4 and so on", "no TIFF"),
        (b"II*\0\0\0\0\0", "no page"),
        (b"II*\0\4\0\0\0", "own head"),
        (b"II*\0\xff\xff\xff\xff", "truncated"),
        (b"II*\0\x08\0\0\0\xff\xff" + b"\0" * 90, "too many tags"),
        (bilevel(1), "neither G3 nor G4"),
        (bilevel(2, order=">"), "neither G3 nor G4"),
    ],
)
def test_what_is_no_fax_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(FaxError, match=words):
        pages_of(data)


def test_pages_in_a_ring_are_refused(received: Path) -> None:
    data = bytearray(received.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    struct.pack_into("<I", data, at + 2 + 12 * count, at)
    with pytest.raises(FaxError, match="never end"):
        pages_of(bytes(data))


def test_any_change_is_read_or_refused(received: Path) -> None:
    data = received.read_bytes()
    dice = random.Random(1)
    for _ in range(3000):
        broken = bytearray(data)
        for _ in range(4):
            broken[dice.choice((dice.randrange(len(data)), dice.randrange(16)))] = dice.randrange(
                256
            )
        with contextlib.suppress(FaxError):
            assert 0 < len(pages_of(bytes(broken))) <= fax.PAGES_LIMIT


def test_missing_and_empty_files(tmp_path: Path) -> None:
    empty = tmp_path / "empty.tif"
    empty.touch()
    for path in (empty, tmp_path / "missing.tif", tmp_path):
        with pytest.raises(FaxError) as caught:
            make_pdf(path, tmp_path / "fax.pdf")
        assert caught.value.reason == "bad-file"
    assert not (tmp_path / "fax.pdf").exists()


def test_a_tool_that_fails_leaves_nothing(
    received: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fax, "BYTES_LIMIT", received.stat().st_size + 1)
    monkeypatch.setattr(fax, "MEMORY_BYTES", 4096)
    with pytest.raises(FaxError) as caught:
        make_pdf(received, tmp_path / "fax.pdf")
    assert caught.value.reason == "pdf-failed"
    assert not (tmp_path / "fax.pdf").exists()
    assert not list(tmp_path.glob("*.part"))


async def test_beside_the_loop(received: Path, tmp_path: Path) -> None:
    assert (await to_pdf(received, tmp_path / "fax.pdf")).pages == 3
