"""A call from a trunk through menu and queue to an agent in the same branch, with real phones."""

from pathlib import Path

import numpy as np
import pytest

from tests.audio import digit, read_wav, silence
from tests.baresipkit import Baresip, wait_for
from tests.sippkit import SDP, expect, pause, request, run, scenario, send
from tests.spine.branch import Robots, agent, plan, write_tone, write_wav
from tests.spine.conftest import MakeBranch
from tests.spine.phones import AGENT_HZ, CALLER_HZ, assert_tone, phone


def test_tones_pass_both_ways_and_the_recording_is_in_step(
    make_branch: MakeBranch, tmp_path: Path
) -> None:
    branch = make_branch(plan([agent("ann", "sales")]))
    says = write_tone(tmp_path / "agent.wav", AGENT_HZ)
    with phone(branch, tmp_path / "agent", "ann", says) as ann:
        with Baresip(
            tmp_path / "caller",
            address=branch.trunk,
            port=5100,
            account=f"<sip:caller@{branch.trunk}>;regint=0",
            says=write_tone(tmp_path / "caller.wav", CALLER_HZ),
            dial=f"sip:200@{branch.sip}",
        ) as caller:
            wait_for("the talk", lambda: "talking" in branch.phases())
            wait_for("sound at the agent", lambda: ann.heard_s() > 8)
        wait_for("the end", lambda: branch.outcomes() == ["served"])
        wait_for("the recording", lambda: branch.entries("recording-kept"))
    at_agent, at_caller = ann.heard(), caller.heard()
    assert_tone(at_agent[3 * 8000 : 4 * 8000], CALLER_HZ, AGENT_HZ)
    assert_tone(at_caller[-3 * 8000 : -2 * 8000], AGENT_HZ, CALLER_HZ)
    (kept,) = branch.entries("recording-kept")
    recording = read_wav(branch.state / "recordings" / kept.as_dict()["path"])
    assert_tone(recording[3 * 8000 : 4 * 8000, 0], CALLER_HZ, AGENT_HZ)
    assert_tone(recording[3 * 8000 : 4 * 8000, 1], AGENT_HZ, CALLER_HZ)


PCAPS = Path("/usr/share/sip-tester")


def caller_pressing_rfc4733(key: str) -> str:
    """Return a sipp caller that sends a digit as a telephone event, then talks a while."""
    return scenario(
        send(request("INVITE", body=SDP)),
        expect(100, optional=True),
        expect(180, optional=True),
        expect(183, optional=True),
        expect(200, extra='rtd="true"'),
        send(request("ACK", to_tag=True), retrans=False),
        pause(2500),
        f'<nop><action><exec play_pcap_audio="{PCAPS}/dtmf_2833_{key}.pcap"/></action></nop>',
        pause(4000),
        send(request("BYE", cseq=2, to_tag=True)),
        expect(200),
    )  # fmt: skip


@pytest.mark.parametrize(("key", "queue"), [("1", "sales"), ("2", "service")])
def test_digits_by_rfc4733_steer_the_menu(make_branch: MakeBranch, key: str, queue: str) -> None:
    branch = make_branch(plan([agent("ann", "sales"), agent("bob", "service")]))
    robots = Robots(branch, ["ann", "bob"])
    try:
        result = run(
            caller_pressing_rfc4733(key),
            remote=(branch.address, 5060),
            address=branch.trunk,
            service="100",
        )
        assert result.ok, result
        wait_for("the books", lambda: branch.outcomes() == ["served"])
        (queued,) = branch.entries("contact-queued")
        assert queued.as_dict()["queue"] == queue
        (stepped,) = [e for e in branch.entries("flow-stepped") if e.as_dict().get("digit")]
        assert stepped.as_dict()["digit"] == key
    finally:
        robots.close()


def test_digits_in_band_steer_the_menu(make_branch: MakeBranch, tmp_path: Path) -> None:
    branch = make_branch(plan([agent("ann", "sales"), agent("bob", "service")]))
    robots = Robots(branch, ["ann", "bob"])
    says = np.concatenate([silence(3000), digit("2", 100), silence(60_000)])
    write_wav(tmp_path / "caller.wav", says)
    try:
        with Baresip(
            tmp_path / "caller",
            address=branch.trunk,
            port=5090,
            account=f"<sip:caller@{branch.trunk}>;regint=0",
            says=tmp_path / "caller.wav",
            dial=f"sip:100@{branch.sip}",
        ):
            wait_for("the talk", lambda: "talking" in branch.phases())
        wait_for("the books", lambda: branch.outcomes() == ["served"])
        (connected,) = branch.entries("contact-connected")
        assert connected.as_dict()["seat"] == "bob"
    finally:
        robots.close()


@pytest.mark.parametrize("calls", [50])
def test_many_calls_at_once(make_branch: MakeBranch, calls: int) -> None:
    agents = [f"agent-{number}" for number in range(calls)]
    branch = make_branch(plan([agent(name, "sales") for name in agents]))
    robots = Robots(branch, agents)
    try:
        result = run(
            "uac",
            remote=(branch.address, 5060),
            address=branch.trunk,
            service="200",
            calls=calls,
            rate=20,
            limit_s=60,
            args=("-d", "6000"),
        )
        assert result.ok, result
        assert (result.successful, result.failed) == (calls, 0)
        wait_for("the books", lambda: len(branch.outcomes()) == calls)
        assert set(branch.outcomes()) == {"served"}
    finally:
        robots.close()
