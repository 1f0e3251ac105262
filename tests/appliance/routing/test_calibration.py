"""Promises of a wait come true as often as they say, also where the model is of another centre."""

import math
import random

import pytest

from appliance.plan.model import Agent, Plan, Queue, Site
from appliance.routing.calibration import PACE_MOST, Calibration
from appliance.routing.expected import Outlook, WaitModel
from appliance.routing.matchmaker import Matchmaker
from appliance.routing.model import ContactRow, Failure, SeatRow
from appliance.routing.views import queue_views
from tests.appliance.routing.rows import Published
from tests.bench.lively import TALK_MS, WRAP_UP_MS, Lively

OUTLOOK = Outlook(turns=2, scale_s=30.0)


def test_before_any_promise_it_is_the_model_s_interval() -> None:
    model = WaitModel(mean_handle_s=300.0)
    outlook = model.outlook(ahead=1, serving=10)
    assert outlook is not None
    expected = model.expect(ahead=1, serving=10)
    assert Calibration().interval(outlook) == pytest.approx(expected)
    assert Calibration().interval(Outlook(turns=0, scale_s=30.0)) == (0.0, 0.0)


def test_waits_that_take_longer_make_the_next_promises_longer() -> None:
    calibration = Calibration()
    for _ in range(40):
        calibration = calibration.learn(OUTLOOK, 180.0)
    assert calibration.pace == pytest.approx(3.0, rel=0.1)
    low_s, high_s = calibration.interval(OUTLOOK)
    assert low_s < 180 < high_s


def test_one_wait_is_no_rule() -> None:
    assert Calibration().learn(OUTLOOK, 600.0).pace == pytest.approx(5.5)
    assert Calibration().learn(OUTLOOK, 1e9).pace < PACE_MOST


def test_who_left_before_the_end_teaches_nothing_who_left_after_it_does() -> None:
    _, high_s = Calibration().interval(OUTLOOK)
    assert Calibration().learn(OUTLOOK, high_s - 1, left=True) == Calibration()
    assert Calibration().learn(OUTLOOK, high_s + 1, left=True).high > Calibration().high


@pytest.mark.parametrize("nonsense_s", [-1.0, math.nan, math.inf])
def test_nonsense_teaches_nothing(nonsense_s: float) -> None:
    assert Calibration().learn(OUTLOOK, nonsense_s) == Calibration()
    assert Calibration().learn(Outlook(turns=0, scale_s=30.0), 5.0) == Calibration()


@pytest.mark.parametrize("came_s", [0.0, 1e9])
def test_the_interval_stays_an_interval(came_s: float) -> None:
    calibration = Calibration()
    for _ in range(500):
        calibration = calibration.learn(OUTLOOK, came_s)
    low_s, high_s = calibration.interval(OUTLOOK)
    assert 0 <= low_s <= high_s < math.inf


# -- a simulated centre ------------------------------------------------------------------------


class Announcer:
    """Tells each caller of a lively centre the wait, and scores it."""

    def __init__(self, plan: Plan, seed: int, load: float, *, calibrated: bool) -> None:
        every_ms = (TALK_MS + WRAP_UP_MS) / len(plan.agents) / load
        chance = random.Random(seed)
        self.centre = Lively(plan, chance, every_ms=every_ms, patience_ms=600_000)
        self.centre.publish, self.centre.tell = self._published, self._told
        self._plan = plan
        self._matchmaker = Matchmaker(plan)
        for owner, snapshot in self.centre.snapshots().items():
            self._matchmaker.on_snapshot(owner, snapshot, 0)
        self._calibrated = calibrated
        self._models: dict[str, WaitModel] = {}
        self._calibrations: dict[str, Calibration] = {}
        #: contact -> its queue, when it was told [ms], what that was made of, the interval [s]
        self._promises: dict[str, tuple[str, int, Outlook | None, tuple[float, float]]] = {}
        self._talks: dict[str, int] = {}
        self.scored: list[bool] = []

    def run(self, calls: int) -> float:
        """Let *calls* come; return how many promises were kept, the first hundred left out."""
        centre, matchmaker = self.centre, self._matchmaker
        while centre.done < calls:
            centre.step()
            for proposal in matchmaker.propose(centre.now_ms):
                centre.follow(proposal)
        counted = self.scored[100:]
        assert len(counted) > 300
        return sum(counted) / len(counted)

    def _published(self, row: ContactRow | SeatRow, *failures: Failure) -> None:
        contacts = [row] if isinstance(row, ContactRow) else []
        seats = [row] if isinstance(row, SeatRow) else []
        rows = Published(contacts=contacts, seats=seats, failures=list(failures))
        self._matchmaker.on_delta(row.owner, rows, self.centre.now_ms)
        if isinstance(row, ContactRow):
            if row.state == "waiting" and row.contact not in self._promises:
                self._promise(row)
            elif row.state == "talking":
                self._talks[row.contact] = self.centre.now_ms
                self._score(row.contact, left=False)

    def _promise(self, row: ContactRow) -> None:
        matchmaker = self._matchmaker
        views = queue_views(self._plan, matchmaker.plan, matchmaker.floor)
        view = next(view for view in views if view.queue == row.queue)
        model = self._models.get(row.queue, WaitModel())
        outlook = model.outlook(ahead=view.waiting - 1, serving=view.serving, ready=view.ready)
        interval = (0.0, 0.0)
        if outlook is not None:
            interval = self._calibrations.get(row.queue, Calibration()).interval(outlook)
        if interval[1] < 10:
            outlook = None  # not worth saying
        self._promises[row.contact] = (row.queue, self.centre.now_ms, outlook, interval)

    def _score(self, contact: str, *, left: bool) -> None:
        queue, told_ms, outlook, (low_s, high_s) = self._promises[contact]
        if outlook is None:
            return
        came_s = (self.centre.now_ms - told_ms) / 1000
        if not left or came_s > high_s:
            self.scored.append(low_s <= came_s <= high_s)
        if self._calibrated:
            calibration = self._calibrations.get(queue, Calibration())
            self._calibrations[queue] = calibration.learn(outlook, came_s, left=left)

    def _told(self, row: ContactRow, what: str, _more: str = "") -> None:
        if what == "served":
            talk_s = (self.centre.now_ms - self._talks.pop(row.contact)) / 1000
            model = self._models.get(row.queue, WaitModel())
            self._models[row.queue] = model.observe(talk_s, WRAP_UP_MS / 1000)
        elif what == "abandoned":
            self._score(row.contact, left=True)


def agents(*skills: dict[str, int], count: int) -> tuple[Agent, ...]:
    return tuple(
        Agent(name=f"a{n}", site="s", account=f"p{n}", skills=skills[n % len(skills)])
        for n in range(count)
    )


ONE = Plan(queues=(Queue(name="q"),), agents=agents({}, count=10), sites=(Site(name="s"),))
#: agents serve several queues, so each queue sees more of them than it has
SHARED = Plan(
    queues=(
        Queue(name="q", skills={"a": 1}),
        Queue(name="r", skills={"b": 1}),
        Queue(name="s", skills={"a": 1}),
    ),
    agents=agents({"a": 5}, {"b": 5}, {"a": 3, "b": 3}, count=24),
    sites=(Site(name="s"),),
)


@pytest.mark.parametrize(("plan", "load"), [(ONE, 1.0), (SHARED, 0.95), (SHARED, 1.05)])
def test_four_of_five_promises_come_true(plan: Plan, load: float) -> None:
    assert 0.72 <= Announcer(plan, 5, load, calibrated=True).run(2_000) <= 0.86


def test_the_model_alone_promises_too_much() -> None:
    assert Announcer(SHARED, 5, 1.05, calibrated=False).run(2_000) < 0.55
