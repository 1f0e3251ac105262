"""The federation's part of `recover`: hub and branch killed, and a plan published.

Control, hub and two branches run as real processes; each branch has one robot agent.
"""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from appliance.plan.model import Number
from tests.baresipkit import wait_for
from tests.bench.capture import Capture, SipMessage, first_offer, now_s
from tests.bench.load import Sink, caller_scenario
from tests.bench.report import Report
from tests.sippkit import Sipp
from tests.spine.branch import Branch, agent, plan
from tests.spine.federation import Federation

AGENTS = (agent("ann", "sales"), agent("bob", "sales", site="south"), agent("sam", "service"))
PLAN = plan(AGENTS, wrap_up_s=0)
#: a number that only the published plan has
NEW_NUMBER = "777"
_TALK_MS = 60_000


def measure(report: Report) -> None:
    """Enter the federation's figures and bars."""
    for sign in (signal.SIGKILL, signal.SIGSTOP):
        with _federation() as federation:
            _hub_gone(report, federation, sign)
        with _federation() as federation:
            _branch_gone(report, federation, sign)
    with _federation() as federation:
        _published(report, federation)


@contextmanager
def _federation() -> Iterator[Federation]:
    """Give a federation that is whole."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        federation = Federation(Path(folder), PLAN, extra='log_level = "warning"')
        try:
            federation.start()
            yield federation
        finally:
            federation.stop()


def _hub_gone(report: Report, federation: Federation, sign: signal.Signals) -> None:
    """Own callers get own agents, by the branch's own matchmaker."""
    branch, seen = federation.north, list[SipMessage]()
    federation.robots(branch, "ann", answer_after_s=0)
    hub = federation.control.hub
    with _capture(federation, seen), _gone(sign, hub) as t_gone, _caller(branch, "200"):
        _wait_talk(branch)
    _enter(report, "hub", sign, first_offer(seen, branch.address, t_gone) - t_gone)


def _branch_gone(report: Report, federation: Federation, sign: signal.Signals) -> None:
    """A caller whose agent rang in the branch that is gone is offered to another agent."""
    branch, other, seen = federation.north, federation.south, list[SipMessage]()
    federation.robots(other, "bob", answer_after_s=20)
    with _caller(branch, "200"):
        wait_for("the ring", lambda: other.seats().get("bob") == "ringing")
        federation.robots(branch, "ann", answer_after_s=0)
        with _capture(federation, seen), _gone(sign, other.brain, other.legs) as t_gone:
            _wait_talk(branch)
    _enter(report, "branch", sign, first_offer(seen, branch.address, t_gone) - t_gone)


def _enter(report: Report, what: str, sign: signal.Signals, offer_s: float) -> None:
    how = "killed" if sign == signal.SIGKILL else "silent"
    report.bar(f"{what}_{how}_to_offer", report.figure(f"{what}_{how}_to_offer_s", offer_s),
               "<= 2", "s")  # fmt: skip


@contextmanager
def _gone(sign: signal.Signals, *processes: "subprocess.Popen[bytes] | None") -> Iterator[float]:
    """Kill processes, or stop them as a power cut would, closing no connection; give the time."""
    t_gone = now_s()
    for process in processes:
        assert process
        process.send_signal(sign)
    yield t_gone
    for process in processes:
        assert process
        process.kill()
        process.wait()


def _published(report: Report, federation: Federation) -> None:
    """A number that was just published is served at both branches."""
    seen = list[SipMessage]()
    branches = {"ann": federation.north, "bob": federation.south}
    for name, branch in branches.items():
        federation.robots(branch, name, answer_after_s=0)
    numbers = (*PLAN.numbers, Number(number=NEW_NUMBER, queue="sales"))
    draft = federation.control.folder / "plan.json"
    draft.write_bytes(msgspec.json.encode(msgspec.structs.replace(PLAN, numbers=numbers)))
    federation.control.run("import-plan", str(draft))
    with _capture(federation, seen), ExitStack() as stack:
        for branch in branches.values():
            stack.enter_context(_caller(branch, NEW_NUMBER, calls=200, rate=10))
        t_published = now_s()
        federation.control.run("publish")
        for branch in branches.values():
            _wait_talk(branch)
    last_s = max(first_offer(seen, one.address, t_published) for one in branches.values())
    report.figure("publication_to_call_s", last_s - t_published)
    report.bar("publication_to_call", last_s - t_published, "<= 5", "s")


def _wait_talk(branch: Branch) -> None:
    wait_for("the talk", lambda: "talking" in branch.phases())


@contextmanager
def _capture(federation: Federation, into: list[SipMessage]) -> Iterator[None]:
    """Note what passes at both branches meanwhile."""
    addresses = [branch.address for branch in federation.branches.values()]
    capture = Capture(federation.control.folder, *addresses)
    with capture:
        yield
    into += capture.messages()


@contextmanager
def _caller(branch: Branch, number: str, calls: int = 1, rate: float = 10) -> Iterator[None]:
    """Let callers call *number*, until the context ends."""
    sink = Sink()
    sipp = Sipp(
        caller_scenario(sink.sdp(), _TALK_MS),
        remote=(branch.address, 5060),
        address=branch.trunk,
        service=number,
        calls=calls,
        rate=rate,
        limit_s=90,
    )
    with sipp:
        yield
    sink.close()
