"""kill -9 at random moments: what was committed is there, whole, and the next life knows."""

import os
import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from appliance.base.clock import SystemClock
from appliance.ledger.journal import LedgerJournal
from appliance.ledger.store import LedgerReader
from tests.appliance.ledger.writer import CONTACTS, contact_of, state_of

KILLS = 20
ROOT = Path(__file__).parents[3]


def write_until_killed(path: Path, commits: int) -> tuple[int, int, int]:
    """Kill a writer in the midst of its work after it told of *commits* commits or more.

    Return its incarnation and the last step and number it told of.
    """
    incarnation, step, number = 0, -1, 0
    with subprocess.Popen(
        [sys.executable, "-m", "tests.appliance.ledger.writer", str(path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if not line.endswith(b"\n"):
                break
            word, *values = line.split()
            if word == b"open":
                incarnation, number = map(int, values)
            else:
                step, number = map(int, values)
            if step >= commits and writer.poll() is None:
                writer.kill()
    return incarnation, step, number


def test_nothing_committed_is_lost(tmp_path: Path) -> None:
    path, dice = tmp_path / "ledger.db", random.Random(20)
    last_incarnation, last_number = 0, 0
    for _ in range(KILLS):
        commits = dice.choice((0, 3, 200, 1000)) + dice.randrange(50)
        incarnation, step, number = write_until_killed(path, commits)
        assert incarnation > last_incarnation
        with closing(LedgerReader(path)) as reader:
            assert reader.verify().ok
            found = {entry.number: entry for entry in reader.entries(number - 1, limit=10)}
            assert found[number].fact() is not None
            # at most one commit more than was told of: the one that the kill interrupted
            assert max(found) <= number + 2
            assert number > last_number
        last_incarnation, last_number = incarnation, number
        with LedgerJournal(path, "box", clock=SystemClock()) as journal:
            assert journal.incarnation == incarnation + 1
            states = dict(journal.kept("contact-"))
            last_incarnation = journal.incarnation
        for back in range(min(step, CONTACTS - 2)):
            # the interrupted commit may have overwritten the oldest state, no other
            assert states[contact_of(step - back)] == state_of(step - back)
