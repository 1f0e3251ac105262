"""A mobile caller through the pretend SIM7600: tones both ways, a key, and the recording."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from drivers.sim.client import place_call
from tests.audio import digit, read_wav, silence, tone
from tests.baresipkit import wait_for
from tests.spine.branch import Branch, Robots, agent, plan, write_tone, write_wav
from tests.spine.conftest import MakeBranch
from tests.spine.phones import AGENT_HZ, CALLER_HZ, assert_tone

#: a modem's audio is somewhat lower
LEAST_DBM0 = -16.0


def branch_with_modem(make_branch: MakeBranch, modem: Path) -> Branch:
    """Return a branch whose line `gsm` is the modem in *modem*."""
    line = (
        f'[lines.gsm]\nprofile = "sim7600"\ncontrol = "{modem / "at"}"\n'
        f'audio = "{modem / "pcm"}"\nnumber = "100"\n'
    )
    branch = make_branch(plan([agent("ann", "sales"), agent("bob", "service")]), sections=line)
    wait_for(
        "the line",
        lambda: any(t["name"] == "gsm" and t["up"] for t in branch.status()["trunks"]),
    )
    return branch


def test_mobile_caller_presses_a_key_and_talks(make_branch: MakeBranch, tmp_path: Path) -> None:
    modem = tmp_path / "modem"
    says = np.concatenate([silence(3500), digit("2", 120), silence(3000), tone(CALLER_HZ, 30_000)])
    with subprocess.Popen(
        [sys.executable, "-m", "appliance.cli", "sim", "modem", "sim7600", "--dir", str(modem)],
        stdout=subprocess.DEVNULL,
    ) as pretend:
        try:
            wait_for("the modem", (modem / "at").exists)
            branch = branch_with_modem(make_branch, modem)
            robots = Robots(
                branch, ["ann", "bob"], says=write_tone(tmp_path / "agent.wav", AGENT_HZ)
            )
            try:
                events = list(
                    place_call(
                        modem, "+33612345678",
                        say=str(write_wav(tmp_path / "caller.wav", says)),
                        talk_s=14, record=str(tmp_path / "heard.wav"),
                    )
                )  # fmt: skip
            finally:
                robots.close()
        finally:
            pretend.terminate()
    assert [e["event"] for e in events][:2] == ["ringing", "answered"]
    wait_for("the books", lambda: branch.outcomes() == ["served"])
    (arrived,) = branch.entries("contact-arrived")
    assert arrived.as_dict()["caller"] == "+33612345678"
    (connected,) = branch.entries("contact-connected")
    assert connected.as_dict()["seat"] == "bob"
    heard = read_wav(tmp_path / "heard.wav")[:, 0]
    assert_tone(heard[-3 * 8000 : -2 * 8000], AGENT_HZ, CALLER_HZ, least_dbm0=LEAST_DBM0)
    (kept,) = branch.entries("recording-kept")
    recording = read_wav(branch.state / "recordings" / kept.as_dict()["path"])
    assert_tone(recording[-3 * 8000 : -2 * 8000, 0], CALLER_HZ, AGENT_HZ, least_dbm0=LEAST_DBM0)
    assert_tone(recording[-3 * 8000 : -2 * 8000, 1], AGENT_HZ, CALLER_HZ, least_dbm0=LEAST_DBM0)
