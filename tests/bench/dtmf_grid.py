"""How well DTMF digits are found, line by line of the standards; spandsp's detector beside it.

Each line is 16 digits times 25 random phases and places in the frame (cext/test/dtmf_grid.h).
Talk-off: prompts read in a studio in several languages, the same slower and faster, music, and
synthetic speech, in which there are no digits.
"""

import itertools
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.bench import native
from tests.bench.dtmf import SOUNDS
from tests.bench.report import Report

#: Debian's asterisk-moh-opsound-wav
MUSIC = Path("/usr/share/asterisk/moh")
#: at which each voice is heard as well: up to a third of an octave deeper, nearly half higher
_SPEEDS = (0.8, 0.9, 1.1, 1.2, 1.35)
#: texts that every Debian has, to be read aloud
_TEXTS = Path("/usr/share/common-licenses")
_NAMES = ("GPL-3", "GPL-2", "LGPL-2.1", "MPL-2.0", "Apache-2.0", "Artistic")
#: some five minutes of speech [characters]
_SLICE = 5000
#: among them the voices that came nearest to digits while the detector was made
_VOICES = (
    "sv+f3", "el+f3", "sw+f3", "en-us", "cs+f3", "de+m1", "en-us+croak", "en-gb+f2", "fr+f3",
    "it+m3", "es+f4", "pl", "da+f3", "nl+f1", "en-us+whisper", "pt+f5", "fi+f3", "tr+m4", "ro+f3",
)  # fmt: skip
#: how many of the voices read each slice
_READERS = 3


def run() -> Report:
    """Ask both the grid, then let both hear what holds no digits."""
    report = Report("dtmf-grid")
    lines = native.run("bench_dtmf_grid")
    for name, line in lines.items():
        _line(report, name, line)
    _beside_the_peer(report, lines)
    voices = {folder.name: sorted(folder.glob("**/*.wav")) for folder in SOUNDS.iterdir()}
    for name, files in sorted(voices.items()):
        _talk_off(report, f"prompts_{name}", [_hear(files)])
    _talk_off(report, "prompts_at_other_speeds", map(_hear_at_other_speeds, voices.values()))
    _talk_off(report, "music", [_hear(MUSIC.glob("*.wav"))])
    with tempfile.TemporaryDirectory(prefix="bench-") as folder_name:
        _talk_off(report, "synthetic", [_hear(_read_aloud(Path(folder_name)))])
    report.notes.append("gap_20_ms: Q.24 leaves 10 to 40 ms open; we bridge it, spandsp parts it")
    return report


def _line(report: Report, name: str, line: dict[str, Any]) -> None:
    """Enter one line: percent of tones told as often as they must be."""
    for who in ("ours", "spandsp"):
        # where the standards leave it open: how often it was told at all
        what = "told" if line["want"] == "open" else "wanted"
        report.figure(f"{name}_{who}_percent", line[who][what])
    if line["want"] != "open":
        report.bar(name, line["ours"]["wanted"], f">= {line['percent']}", f"% {line['want']}")


def _beside_the_peer(report: Report, lines: dict[str, Any]) -> None:
    """Enter where spandsp is better, and where it misses a line that ours does not win."""
    judged = {name: line for name, line in lines.items() if line["want"] != "open"}
    behind = [
        name for name, line in judged.items() if line["ours"]["wanted"] < line["spandsp"]["wanted"]
    ]
    not_ahead = [
        name
        for name, line in judged.items()
        if line["spandsp"]["wanted"] < line["percent"]
        and line["ours"]["wanted"] <= line["spandsp"]["wanted"]
    ]
    report.bar("lines_behind_spandsp", len(behind), "<= 0", "lines")
    report.bar("lines_spandsp_misses_and_ours_too", len(not_ahead), "<= 0", "lines")
    report.notes += [f"behind spandsp: {name}" for name in behind]


def _hear(files: Iterable[Path]) -> dict[str, float]:
    """Let both hear *files*; return what they found, none of which is a digit."""
    found: dict[str, float] = native.run("bench_dtmf_grid", *sorted(str(path) for path in files))
    return found


def _hear_at_other_speeds(files: Iterable[Path]) -> dict[str, float]:
    """Let both hear a voice slower and faster, which makes it deeper and higher."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        spoken = [Path(folder) / f"{speed}.wav" for speed in _SPEEDS]
        for speed, file in zip(_SPEEDS, spoken, strict=True):
            subprocess.run(
                ["sox", "-V1", *map(str, files), "-r", "8000", "-b", "16", "-c", "1", str(file),
                 "speed", str(speed)],
                check=True,
            )  # fmt: skip
        return _hear(spoken)


def _talk_off(report: Report, name: str, heard: Iterable[dict[str, float]]) -> None:
    """Enter how often each took something for a digit, in all and by the hour."""
    parts = list(heard)
    ours, spandsp = (sum(part[who] for part in parts) for who in ("ours", "spandsp"))
    seconds = sum(part["seconds"] for part in parts)
    hours = report.figure(f"talk_off_{name}_hours", seconds / 3600)
    report.figure(f"talk_off_{name}_ours_per_hour", ours / hours)
    report.figure(f"talk_off_{name}_spandsp_per_hour", spandsp / hours)
    report.bar(f"talk_off_{name}", ours, f"<= {spandsp}", "hits")


def _read_aloud(folder: Path) -> list[Path]:
    """Let many voices read texts in turns; return the files, at 8 kHz."""
    text = "\n".join((_TEXTS / name).read_text() for name in _NAMES)
    slices = [text[at : at + _SLICE] for at in range(0, len(text), _SLICE)]
    turns = zip(slices * _READERS, itertools.cycle(_VOICES), strict=False)
    files = []
    for number, (words, voice) in enumerate(turns):
        spoken, file = folder / f"{number}-full.wav", folder / f"{number}.wav"
        subprocess.run(
            ["espeak-ng", "-v", voice, "--stdin", "-w", str(spoken)],
            input=words.encode(), check=True,
        )  # fmt: skip
        subprocess.run(
            ["sox", "-V1", str(spoken), "-r", "8000", "-b", "16", "-c", "1", str(file)],
            check=True,
        )  # fmt: skip
        spoken.unlink()
        files.append(file)
    return files
