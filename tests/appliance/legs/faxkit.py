"""Pages for the tests of fax: drawn, written as TIFF, and taken out of one again."""

import random
import struct
import subprocess
from pathlib import Path

WIDTH, ROWS = 1728, 300
REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


def bilevel(pages: int, *, rows: int = ROWS, order: str = "<") -> bytes:
    """An uncompressed TIFF of pages with bars and dirt."""
    dice = random.Random(7)
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    for number in range(pages):
        image = bytearray(rows * WIDTH // 8)
        for y in range(rows):
            start = y * WIDTH // 8 + 20 + number * 9 + y // 10
            image[start : start + 30] = b"\xff" * 30
            image[dice.randrange(len(image))] = 1
        at = len(out) + 2 + 11 * 12 + 4 + 16
        tags = [(256, 4, WIDTH), (257, 4, rows), (258, 3, 1), (259, 3, 1), (262, 3, 0)]
        tags += [(273, 4, at), (278, 4, rows), (279, 4, len(image))]
        tags += [(282, 5, at - 16), (283, 5, at - 8), (296, 3, 2)]
        out += struct.pack(f"{order}H", len(tags))
        for tag, kind, value in tags:
            short = struct.pack(f"{order}HH", value, 0) if kind == 3 else b""
            out += struct.pack(f"{order}HHI", tag, kind, 1)
            out += short or struct.pack(f"{order}I", value)
        last = number == pages - 1
        out += struct.pack(f"{order}I", 0 if last else at + len(image))
        out += struct.pack(f"{order}IIII", 204, 1, 98, 1) + bytes(image)
    return out


def strips(data: bytes) -> list[bytes]:
    """The image data of each page, the highest bit first."""
    out = []
    (at,) = struct.unpack_from("<I", data, 4)
    while at:
        (count,) = struct.unpack_from("<H", data, at)
        tags = {}
        for i in range(count):
            tag, _, _, value = struct.unpack_from("<HHII", data, at + 2 + 12 * i)
            tags[tag] = value
        strip = data[tags[273] : tags[273] + tags[279]]
        out.append(strip.translate(REVERSED) if tags.get(266) == 2 else strip)
        (at,) = struct.unpack_from("<I", data, at + 2 + 12 * count)
    return out


def document(path: Path, *, pages: int, rows: int = ROWS) -> list[bytes]:
    """Write a G4 file that can be sent; return the pixels of its pages."""
    plain = path.with_suffix(".plain")
    plain.write_bytes(bilevel(pages, rows=rows))
    subprocess.run(["tiffcp", "-c", "g4", "-r", "100000", str(plain), str(path)], check=True)
    return pixels(path)


def pixels(path: Path) -> list[bytes]:
    """Return the pixels of each page of a file."""
    plain = path.with_suffix(".pixels")
    subprocess.run(["tiffcp", "-c", "none", "-r", "100000", str(path), str(plain)], check=True)
    return strips(plain.read_bytes())
