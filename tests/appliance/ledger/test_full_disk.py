"""A disk that takes nothing: an error with its reason, nothing forgotten, and on it goes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base.clock import SystemClock
from appliance.ledger.errors import LedgerError
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.records import FlowStepped

ROOT = Path(__file__).parents[3]


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.appliance.ledger.fuller",
            str(tmp_path / "ledger.db"),
            str(300_000),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ledger-unwritable", "True", "True"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    added = 0
    with LedgerJournal(small_disk / "ledger.db", "box", clock=SystemClock()) as journal:
        reason = ""
        while not reason:
            journal.record(FlowStepped(step="x" * 2000), "c1")
            added += 1
            try:
                journal.commit()
            except LedgerError as error:
                reason = error.reason
        assert reason == "disk-full"
        with pytest.raises(LedgerError):
            journal.commit()
        assert len(journal.entries(contact="c1", limit=10_000)) == added - 1
        subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
        journal.record(FlowStepped(step="room again"), "c1")
        journal.commit()
        assert len(journal.entries(contact="c1", limit=10_000)) == added + 1
        assert journal.verify().ok


def test_opening_on_a_full_disk(small_disk: Path) -> None:
    with pytest.raises(OSError, match="space"):
        (small_disk / "ballast").write_bytes(b"x" * (2 << 20))
    with pytest.raises(LedgerError) as caught:
        LedgerJournal(small_disk / "ledger.db", "box", clock=SystemClock())
    assert caught.value.reason in {"disk-full", "ledger-unwritable"}
    (small_disk / "ballast").unlink()
    LedgerJournal(small_disk / "ledger.db", "box", clock=SystemClock()).close()
