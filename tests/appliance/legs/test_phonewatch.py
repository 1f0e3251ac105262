"""Phones are asked one after the other, and noticed when they no longer answer."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from appliance.legs.phonewatch import PhoneWatch
from appliance.legs.sip import SipStack
from appliance.legs.sipevents import OptionsResult
from tests.appliance.legs.contactsrig import Told

CHECK_S = 4.0
LOOK_S = 0.2


class AskedStack(SipStack):
    """A stack that is never started: it notes who would be asked."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 5060)
        self.asked: list[str] = []

    def options(self, uri: str) -> int:
        self.asked.append(uri)
        return len(self.asked)


class Watched:
    """A watch over a table of phones on a held clock."""

    def __init__(self, path: Path) -> None:
        self.told = Told(path)
        self.stack = AskedStack()
        self.watch = PhoneWatch(self.stack, self.told.table, check_s=CHECK_S, chance=Random(1))
        self.silent = False

    @property
    def now(self) -> float:
        return self.told.clock.monotonic_s()

    def register(self, phones: int) -> None:
        for number in range(phones):
            self.watch.entered(self.told.put(str(number), expires_s=600), self.now)

    def run(self, seconds: float) -> list[int]:
        """Look every 0.2 s; return how many were asked at each look. Phones answer at once."""
        bursts = []
        for _ in range(round(seconds / LOOK_S)):
            self.told.clock.advance(LOOK_S)
            before = len(self.stack.asked)
            self.watch.look(self.now)
            bursts.append(len(self.stack.asked) - before)
            if not self.silent:
                for question in range(before + 1, len(self.stack.asked) + 1):
                    assert self.watch.answered(OptionsResult(question, self.now, 200), self.now)
        return bursts


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "contacts")


def test_a_thousand_phones_are_not_asked_at_once(watched: Watched) -> None:
    watched.register(1000)
    bursts = watched.run(60)
    times = Counter(watched.stack.asked)
    assert len(times) == 1000
    assert min(times.values()) >= 60 / (CHECK_S * 0.75) - 1
    late = bursts[len(bursts) // 2 :]
    assert max(late) < 250
    assert watched.told.unregistered() == []


def test_phones_found_after_a_restart_are_asked_one_after_the_other(watched: Watched) -> None:
    for number in range(300):
        watched.told.put(str(number), expires_s=600)
    watched.watch.found(watched.now)
    bursts = watched.run(CHECK_S)
    assert len(set(watched.stack.asked)) == 300
    assert max(bursts) < 60


def test_a_phone_that_falls_silent_is_told_once_and_again_when_it_is_back(
    watched: Watched,
) -> None:
    watched.register(1)
    watched.run(10)
    watched.silent = True
    watched.run(CHECK_S + 1.5)
    assert watched.told.unregistered() == [("0", "unreachable")]
    watched.silent = False
    watched.run(CHECK_S)
    assert watched.told.table.get("0") is not None
    assert watched.told.unregistered() == [("0", "unreachable")]


def test_a_phone_that_has_left_is_asked_no_more(watched: Watched) -> None:
    watched.register(2)
    watched.told.table.drop("0", "normal")
    watched.run(20)
    assert {uri.split("@")[0] for uri in watched.stack.asked} == {"sip:1"}


def test_an_answer_to_somebody_elses_question_is_not_ours(watched: Watched) -> None:
    assert not watched.watch.answered(OptionsResult(77, 0.0, 200), 0.0)
