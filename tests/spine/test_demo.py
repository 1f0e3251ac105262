"""The demo is the product: it comes up, takes a mobile call to the other branch, and ends."""

import signal
import subprocess
import sys
from pathlib import Path

from appliance.ledger.store import LedgerReader
from tests.baresipkit import wait_for
from tests.spine.branch import loopback

BRANCHLINE = [sys.executable, "-m", "appliance.cli"]


def connected_to(folder: Path) -> list[str]:
    """Return the branches whose agents took a call that entered at north."""
    reader = LedgerReader(folder / "north" / "ledger.db")
    try:
        facts = [
            entry.as_dict() for entry in reader.all_entries() if entry.kind == "contact-connected"
        ]
        return [fact["owner"] for fact in facts]
    finally:
        reader.close()


def test_demo_takes_a_call(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    out = tmp_path / "demo.out"
    with out.open("wb") as sink:
        demo = subprocess.Popen(
            [*BRANCHLINE, "demo", "run", "--bind", loopback(), "--second", loopback(),
             "--folder", str(folder)],
            stdout=sink, stderr=sink,
        )  # fmt: skip
    try:
        wait_for("the demo", lambda: "is running" in out.read_text(), limit_s=110)
        call = subprocess.run(
            [*BRANCHLINE, "demo", "call", "--press", "1", "--talk-s", "12",
             "--folder", str(folder)],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert call.returncode == 0, call.stderr
        assert "answered" in call.stdout
        wait_for("the agent", lambda: connected_to(folder) == ["south"])
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(60)
    assert "stopping" in out.read_text()
    assert demo.returncode == 0
