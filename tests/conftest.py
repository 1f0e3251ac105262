"""Settings of all tests."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

# a loaded machine may stop an example for longer than any deadline; pytest's own time-out holds
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what mostly waits: side by side with the rest it costs next to nothing."""
    items.sort(key=lambda item: "tests/spine/" not in item.nodeid)
    for item in items:
        if _is_over_nats(item):
            item.add_marker(pytest.mark.filterwarnings(_UNRAISABLE))


@pytest.fixture(autouse=True)
def nats_leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what nats-py leaves to the collector, before another test is blamed for it.

    The client drops the sockets of servers that died or were refused, without closing them.
    """
    yield
    if _is_over_nats(request.node):
        gc.collect()


_OURS = "nats_leaves_nothing"
_UNRAISABLE = "ignore::pytest.PytestUnraisableExceptionWarning"


def _is_over_nats(item: pytest.Item) -> bool:
    names = [item.nodeid, *getattr(item, "fixturenames", ())]
    return any("nats" in name or "cluster" in name for name in names if name != _OURS)
