"""Seconds from a kill -9 to the next offer: of the brain, of legs, of a whole branch, of the hub.

What was killed is started anew at once, as the supervisor does. Times are those of the packets:
from the kill to the INVITE at an agent's phone, or to the last BYE at the far ends.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.baresipkit import wait_for
from tests.bench import fleet
from tests.bench.capture import Capture, SipMessage, first_offer, now_s
from tests.bench.load import Phones, Sink, caller_scenario
from tests.bench.machine import Moment, Window
from tests.bench.report import Report
from tests.sippkit import Sipp
from tests.spine.branch import Branch, agent, plan

#: callers in a talk, and callers that wait, at the moment of the kill
TALKS = 50
WAITING = 50
#: agents that are free then
FREE = 100
#: each kill is done so often, in a branch of its own; of times the median counts, of losses all
ROUNDS = 3
#: new callers after the kill [1/s], and how many
_NEW_RATE, _NEW_CALLS = 20, 80
_LONG_MS = 90_000


class Loaded:
    """A branch with callers in talks and callers that wait."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._sink = Sink()
        stack.callback(self._sink.close)
        agents = [agent(f"a{number}", "sales") for number in range(TALKS + FREE)]
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        self.branch = Branch(
            Path(folder),
            plan(agents, wrap_up_s=0),
            extra='log_level = "warning"',
            sip="phone_check_s = 3600.0",
        )
        stack.callback(self.branch.stop)
        self.branch.start()
        names = [one.name for one in agents]
        stack.enter_context(Phones(self.branch, names, self._sink.sdp()))
        self.talking = self.call("200", TALKS)
        self.waiting = self.call("300", WAITING)
        wait_for("the talks", lambda: len(self.contacts("talking")) == TALKS)
        wait_for("the waiting", lambda: len(self.contacts("waiting")) == WAITING)
        #: contacts at the moment of the kill
        self.talks, self.places = self.contacts("talking"), self.contacts("waiting")

    def call(self, number: str, calls: int, rate: float = 20) -> Sipp:
        """Let *calls* callers call *number*; they stay until somebody ends it."""
        sipp = Sipp(
            caller_scenario(self._sink.sdp(), _LONG_MS),
            remote=(self.branch.address, 5060),
            address=self.branch.trunk,
            service=number,
            calls=calls,
            rate=rate,
            limit_s=300,
        )
        return self._stack.enter_context(sipp)

    def contacts(self, phase: str) -> set[str]:
        """Return the contacts in *phase*."""
        found = self.branch.status().get("contacts", [])
        return {contact["contact"] for contact in found if contact["phase"] == phase}

    @contextmanager
    def capture(self, into: list[SipMessage]) -> Iterator[None]:
        """Note what passes meanwhile."""
        capture = Capture(self.branch.folder, self.branch.address)
        with capture:
            yield
        into += capture.messages()


def run() -> Report:
    """Kill each part in turn."""
    report = Report("recover")
    begin = Moment.now([])
    _kill_brain(report)
    _kill_legs(report)
    fleet.measure(report)
    whole = Window.between(begin, Moment.now([]))
    report.figure("steal_percent", whole.steal_percent)
    report.figure("machine_busy_percent", whole.busy_percent)
    return report


def _rounds(one: Callable[[Loaded], tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Return each figure that *one* finds, in every round."""
    found = []
    for _ in range(ROUNDS):
        with ExitStack() as stack:
            found.append(one(Loaded(stack)))
    return list(zip(*found, strict=True))


def _kill_brain(report: Report) -> None:
    offers_s, talks_lost, places_lost = _rounds(_brain_round)
    offer_s = report.figure("brain_to_offer_s", statistics.median(offers_s))
    report.bar("brain_killed_to_offer", offer_s, "<= 2", "s")
    report.bar("brain_killed_talks_lost", max(talks_lost), "<= 0", "calls")
    report.bar("brain_killed_places_lost", max(places_lost), "<= 0", "calls")


def _brain_round(loaded: Loaded) -> tuple[float, ...]:
    branch, seen = loaded.branch, list[SipMessage]()
    with loaded.capture(seen):
        t_kill = now_s()
        branch.kill("brain")
        loaded.call("200", 1)
        branch.start_brain()
        wait_for("the next talk", lambda: loaded.contacts("talking") - loaded.talks)
    talks_lost = len(loaded.talks - loaded.contacts("talking"))
    places_lost = len(loaded.places - loaded.contacts("waiting"))
    return first_offer(seen, branch.address, t_kill) - t_kill, talks_lost, places_lost


def _kill_legs(report: Report) -> None:
    byes_s, missing, offers_s = _rounds(_legs_round)
    bye_s = report.figure("legs_to_last_bye_s", statistics.median(byes_s))
    offer_s = report.figure("legs_to_offer_s", statistics.median(offers_s))
    report.bar("legs_killed_to_last_bye", bye_s, "<= 5", "s")
    report.bar("legs_killed_far_ends_not_told", max(missing), "<= 0", "calls")
    report.bar("legs_killed_to_offer", offer_s, "<= 2", "s")


def _legs_round(loaded: Loaded) -> tuple[float, ...]:
    branch, seen = loaded.branch, list[SipMessage]()
    far_ends = 2 * TALKS + WAITING
    with loaded.capture(seen):
        t_kill = now_s()
        branch.kill("legs")
        loaded.call("200", _NEW_CALLS, _NEW_RATE)
        branch.start_legs()
        wait_for("the next talk", lambda: loaded.contacts("talking") - loaded.talks)
        wait_for("the far ends", lambda: not loaded.talking.running())
        wait_for("the far ends", lambda: not loaded.waiting.running())
    byes: dict[str, float] = {}
    for message in seen:
        if message.method == "BYE" and message.source == branch.address:
            byes.setdefault(message.header("Call-ID"), message.t_s)
    last_s = max(byes.values(), default=t_kill) - t_kill
    return last_s, max(0, far_ends - len(byes)), first_offer(seen, branch.address, t_kill) - t_kill
