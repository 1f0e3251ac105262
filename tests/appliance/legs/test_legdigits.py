"""Digits in several forms: told once, passed on once."""

import asyncio

import pytest

from appliance.base.clock import SystemClock
from appliance.legs import legdigits
from appliance.legs.events import LegEvents
from appliance.legs.legdigits import LegDigits
from appliance.legs.table import LegTable
from appliance.wire.events import Digit, LegsRecord
from appliance.wire.rows import DigitSource, LegRow

#: long enough after the settling for a relay to have happened [s]
AFTER_S = legdigits.SETTLE_S * 2


class Bench:
    """Two legs in a bridge and a third alone."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str, str]] = []
        self.sent: list[tuple[int, str]] = []
        events = LegEvents(SystemClock())
        events.send = self._take
        self.table = LegTable(events)
        for number in range(3):
            row = LegRow(leg=0, out=False, kind="trunk", via=f"t{number}", state="up")
            self.table.come_in(row)
        self.table.bridge("b", [1, 2])
        self.digits = LegDigits(self.table, events, lambda *sent: self.sent.append(sent))

    def _take(self, record: LegsRecord) -> None:
        if isinstance(record, Digit):
            self.told.append((record.leg, record.digit, record.source))

    def heard(self, *digits: tuple[str, DigitSource], leg: int = 1) -> None:
        for digit, source in digits:
            self.digits.heard(leg, digit, source, 0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("source", ["info", "line"])
async def test_what_comes_beside_the_sound_is_passed_on(bench: Bench, source: DigitSource) -> None:
    bench.heard(("5", source))
    assert bench.told == [(1, "5", source)]
    await asyncio.sleep(AFTER_S)
    assert bench.sent == [(2, "5")]


@pytest.mark.parametrize("source", ["inband", "rfc4733"])
async def test_what_the_engine_passes_on_is_left_to_it(bench: Bench, source: DigitSource) -> None:
    bench.heard(("5", source))
    await asyncio.sleep(AFTER_S)
    assert bench.told == [(1, "5", source)]
    assert bench.sent == []


@pytest.mark.parametrize("media", ["inband", "rfc4733"])
@pytest.mark.parametrize("info_first", [True, False])
async def test_a_far_end_that_sends_both_is_heard_once(
    bench: Bench, media: DigitSource, info_first: bool
) -> None:
    forms: list[tuple[str, DigitSource]] = [("7", "info"), ("7", media)]
    bench.heard(*(forms if info_first else forms[::-1]))
    await asyncio.sleep(AFTER_S)
    assert [told[1] for told in bench.told] == ["7"]
    assert bench.sent == []
    # from now on its INFO is known to be an echo, even when the media are slow
    bench.heard(("8", "info"))
    await asyncio.sleep(AFTER_S)
    bench.heard(("8", media))
    assert [told[1] for told in bench.told] == ["7", "8"]
    assert bench.sent == []


async def test_each_press_of_the_same_key_counts(bench: Bench) -> None:
    bench.heard(("1", "rfc4733"), ("1", "rfc4733"), ("1", "info"), ("1", "info"))
    assert [told[2] for told in bench.told] == ["rfc4733", "rfc4733"]
    bench.heard(("2", "info"), ("2", "info"))
    assert [told[1] for told in bench.told] == ["1", "1", "2", "2"]


async def test_other_keys_and_other_legs_are_no_echo(bench: Bench) -> None:
    bench.heard(("1", "rfc4733"), ("2", "info"))
    bench.heard(("1", "info"), leg=2)
    assert bench.told == [(1, "1", "rfc4733"), (1, "2", "info"), (2, "1", "info")]
    await asyncio.sleep(AFTER_S)
    assert bench.sent == [(2, "2"), (1, "1")]


async def test_later_it_is_another_press(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legdigits, "ECHO_S", 0.05)
    bench.heard(("1", "rfc4733"))
    await asyncio.sleep(0.1)
    bench.heard(("1", "info"))
    assert [told[2] for told in bench.told] == ["rfc4733", "info"]


async def test_without_a_bridge_nobody_gets_it(bench: Bench) -> None:
    bench.heard(("1", "info"), leg=3)
    bench.heard(("2", "info"))
    bench.table.unbridge("b")
    await asyncio.sleep(AFTER_S)
    assert bench.sent == []


async def test_a_leg_that_ends_takes_its_digits_with_it(bench: Bench) -> None:
    bench.heard(("1", "info"))
    bench.digits.forget(1)
    await asyncio.sleep(AFTER_S)
    assert bench.sent == []
