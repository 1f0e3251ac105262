"""A caller leaves a message: the real processes, a phone that speaks tones, the file made."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from appliance.plan.model import Flow, HangUp, Number, Overflow, Plan
from appliance.plan.voicemail import Voicemail
from tests.audio import Sound, digit, level_dbm0, read_wav, silence, tone, total_dbm0
from tests.baresipkit import Baresip, wait_for
from tests.ports import free_port
from tests.spine.branch import Branch, agent, plan, write_wav
from tests.spine.conftest import MakeBranch

CALLER_HZ = 440.0
WORD = Flow(
    name="word",
    start="word",
    steps={
        "word": Voicemail(prompts=("beep",), silence_s=4.0, thanks=("beep",), otherwise="bye"),
        "bye": HangUp(),
    },
)


def word_plan(**queue: Any) -> Plan:
    """Return a plan with voicemail at 500, and as the overflow of its queues."""
    found = plan([agent("ann", "sales", "service")], **queue)
    return msgspec.structs.replace(
        found, numbers=(*found.numbers, Number(number="500", flow="word")), flows=(WORD,)
    )


@contextmanager
def caller(branch: Branch, folder: Path, number: str, *says: Sound) -> Iterator[Baresip]:
    """Call *number* and say that."""
    folder.mkdir(parents=True, exist_ok=True)
    write_wav(folder / "says.wav", np.concatenate([*says, silence(60_000)]))
    with Baresip(
        folder / "caller",
        address=branch.trunk,
        port=free_port(branch.trunk),
        account=f"<sip:caller@{branch.trunk}>;regint=0",
        says=folder / "says.wav",
        dial=f"sip:{number}@{branch.sip}",
    ) as phone:
        yield phone


def command(branch: Branch, *words: str) -> str:
    """Return what `branchline voicemail …` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "voicemail", *words, "-c", str(branch.config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def message_of(branch: Branch) -> Sound:
    """Return the only message that was left."""
    wait_for("the books", lambda: branch.outcomes() == ["voicemail"])
    (left,) = branch.entries("message-left")
    found = read_wav(branch.state / "recordings" / left.as_dict()["path"])
    assert found.shape[1] == 1
    return np.asarray(found[:, 0])


def assert_said(message: Sound, *, at_least_s: float) -> None:
    """Assert that it holds the caller's tone and nothing else but silence."""
    parts = [message[at : at + 1600] for at in range(0, len(message) - 1600, 1600)]
    loud = [part for part in parts if total_dbm0(part) > -30]
    assert len(loud) / 5 >= at_least_s
    # a busy machine may lose a packet here and there
    assert np.median([level_dbm0(part, CALLER_HZ) for part in loud]) == pytest.approx(-10, abs=1)
    assert np.median([total_dbm0(part) for part in loud]) == pytest.approx(-10, abs=1)
    for key_hz in (941, 1477):
        assert max(level_dbm0(part, key_hz) for part in parts) < -25


def test_a_message_is_kept_shown_and_deleted(make_branch: MakeBranch, tmp_path: Path) -> None:
    branch = make_branch(word_plan())
    says = [silence(4000), tone(CALLER_HZ, 5000), silence(500), digit("#", 120)]
    with caller(branch, tmp_path, "500", *says) as phone:
        message = message_of(branch)
        wait_for("thanks", lambda: phone.heard_s() > 0)
    assert_said(message, at_least_s=4)
    assert len(message) < 8000 * 13
    (row,) = json.loads(command(branch, "list", "--json"))
    assert (row["mailbox"], row["reason"]) == ("general", "normal")
    assert row["length_s"] == pytest.approx(len(message) / 8000, abs=0.2)
    assert branch.status()["messages"] == 1
    path = Path(command(branch, "path", row["message"]).strip())
    assert path.stat().st_size > 16_000 * 4
    command(branch, "delete", row["message"])
    assert json.loads(command(branch, "list", "--json")) == []
    assert not path.exists()


def test_who_waits_too_long_leaves_a_message_by_hanging_up(
    make_branch: MakeBranch, tmp_path: Path
) -> None:
    branch = make_branch(word_plan(overflow=(Overflow(after_s=1.0, flow="word"),)))
    with caller(branch, tmp_path, "200", tone(CALLER_HZ, 50_000)):
        wait_for("the message", lambda: list((branch.state / "recordings").rglob("*.wav")))
        (file,) = (branch.state / "recordings").rglob("*.wav")
        wait_for("some seconds of it", lambda: file.stat().st_size > 16_000 * 4)
    assert_said(message_of(branch), at_least_s=3)
    (ended,) = branch.entries("contact-ended")
    assert ended.as_dict()["waited_ms"] >= 1000


def test_a_brain_that_is_killed_loses_no_word(make_branch: MakeBranch, tmp_path: Path) -> None:
    branch = make_branch(word_plan())
    says = [tone(CALLER_HZ, 14_000), silence(500), digit("#", 120)]
    with caller(branch, tmp_path, "500", *says):
        wait_for("the message", lambda: list((branch.state / "recordings").rglob("*.wav")))
        (file,) = (branch.state / "recordings").rglob("*.wav")
        wait_for("a second of it", lambda: file.stat().st_size > 16_000)
        branch.kill("brain")
        branch.start_brain()
        message = message_of(branch)
    assert_said(message, at_least_s=6)
