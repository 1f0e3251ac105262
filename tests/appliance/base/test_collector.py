"""The collector is calmed, and still finds cycles."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from appliance.base.collector import calm, keep


class Knot:
    """An object that holds itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_is_there_is_left_out_and_new_cycles_are_still_found() -> None:
    calm()
    assert gc.get_freeze_count() > 1000
    assert gc.isenabled()
    knot = weakref.ref(Knot())
    gc.collect()
    assert knot() is None


def test_what_has_come_since_is_left_out_too() -> None:
    calm()
    before = gc.get_freeze_count()
    come = [[number] for number in range(1000)]
    keep()
    assert gc.get_freeze_count() >= before + len(come)
    knot = weakref.ref(Knot())
    gc.collect()
    assert knot() is None
