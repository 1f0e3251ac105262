"""Bad input from outside and at the start: a clear word, an exit status, and nothing lost."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.baresipkit import wait_for
from tests.sippkit import SDP, expect, pause, request, run, scenario, send
from tests.spine.branch import Branch, Robots, agent, loopback, plan
from tests.spine.conftest import MakeBranch

PLAN = plan([agent("ann", "sales")])


def invite(body: str = SDP, *after: str, status: int = 200) -> str:
    """Return a caller that expects *status*."""
    return scenario(
        send(request("INVITE", body=body)),
        expect(100, optional=True),
        expect(180, optional=True),
        expect(status),
        send(request("ACK", to_tag=True), retrans=False),
        *after,
    )


def serves_a_caller(branch: Branch) -> None:
    """Assert that an ordinary caller is served."""
    before = branch.outcomes().count("served")
    result = run(
        "uac", remote=(branch.address, 5060), address=branch.trunk, service="200",
        args=("-d", "2500"),
    )  # fmt: skip
    assert result.ok, result
    wait_for("the books", lambda: branch.outcomes().count("served") == before + 1)


def test_callers_who_may_not_or_cannot(make_branch: MakeBranch) -> None:
    branch = make_branch(PLAN)
    robots = Robots(branch, ["ann"])
    try:
        stranger = run(
            invite(status=403), remote=(branch.address, 5060), address=loopback(), service="200"
        )
        assert stranger.ok, stranger
        assert "Reason:" not in stranger.messages
        no_number = run(
            invite(status=404), remote=(branch.address, 5060), address=branch.trunk, service="999"
        )
        assert no_number.ok, no_number
        video = SDP.replace("RTP/AVP 8 0 101", "RTP/AVP 34").replace("101", "34")
        no_codec = run(
            invite(video, status=488), remote=(branch.address, 5060), address=branch.trunk,
            service="200",
        )  # fmt: skip
        assert no_codec.ok, no_codec
        garbage = run(
            invite("this is no session description\n", status=400),
            remote=(branch.address, 5060), address=branch.trunk, service="200",
        )  # fmt: skip
        assert garbage.ok, garbage
        reasons = [e.as_dict().get("reason") for e in branch.entries("contact-ended")]
        assert reasons == ["unknown-number"]
        serves_a_caller(branch)
    finally:
        robots.close()


def test_rtp_to_a_dead_port_harms_nobody(make_branch: MakeBranch) -> None:
    branch = make_branch(PLAN)
    robots = Robots(branch, ["ann"])
    try:
        dead = SDP.replace("[media_port]", "9")
        bye = send(request("BYE", cseq=2, to_tag=True)), expect(200)
        result = run(
            invite(dead, pause(3000), *bye), remote=(branch.address, 5060),
            address=branch.trunk, service="200",
        )  # fmt: skip
        assert result.ok, result
        wait_for("wrap-up", lambda: branch.seats().get("ann") == "ready")
        serves_a_caller(branch)
    finally:
        robots.close()


def started(
    *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of our commands that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "appliance.cli", *arguments],
        capture_output=True, text=True, timeout=30, env={**os.environ, **(env or {})},
    )  # fmt: skip


@pytest.mark.parametrize("part", ["legs", "appliance"])
def test_wrong_field_is_named(tmp_path: Path, part: str) -> None:
    config = tmp_path / "appliance.toml"
    config.write_text(f'state_dir = "{tmp_path}"\n[sip]\nport = 99999\n')
    done = started(part, "run", "--config", str(config))
    assert done.returncode == 78
    assert "bad-config" in done.stderr
    assert "sip.port" in done.stderr
    assert "99999" in done.stderr
    assert "Traceback" not in done.stderr


def test_busy_port_is_named(make_branch: MakeBranch) -> None:
    branch = make_branch(PLAN, start=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((branch.address, 5060))
        done = started("legs", "run", "--config", str(branch.config))
    assert done.returncode not in (0, 1)
    assert "port-busy" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_library_is_named(tmp_path: Path, make_branch: MakeBranch) -> None:
    branch = make_branch(PLAN, start=False)
    (tmp_path / "_branchline_sip.py").write_text("raise ImportError('libsofia-sip-ua.so.0')\n")
    hide = (
        "import sys; sys.meta_path.insert(0, __import__('importlib.machinery', fromlist=['x'])"
        ".PathFinder); from appliance.cli.entry import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", hide, "legs", "run", "--config", str(branch.config)],
        capture_output=True, text=True, timeout=30,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert "missing-library" in done.stderr
    assert done.returncode not in (0, 1)


def test_control_unreachable_at_start_leaves_the_branch_serving(
    make_branch: MakeBranch,
) -> None:
    branch = make_branch(PLAN, start=False)
    done = started(
        "appliance", "join", "--config", str(branch.config),
        "--control", f"http://{loopback()}:8080", "--token", "bl1." + "A" * 107,
    )  # fmt: skip
    assert "control-unreachable" in done.stderr
    assert done.returncode == 69
    branch.start()
    robots = Robots(branch, ["ann"])
    try:
        serves_a_caller(branch)
    finally:
        robots.close()


def test_wrong_token_is_named(make_branch: MakeBranch) -> None:
    branch = make_branch(PLAN, start=False)
    done = started(
        "appliance", "join", "--config", str(branch.config),
        "--control", "http://127.0.0.1:1", "--token", "nonsense",
    )  # fmt: skip
    assert "bad-token" in done.stderr
    assert done.returncode == 78
