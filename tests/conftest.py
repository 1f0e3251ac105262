"""Settings of all tests."""

import pytest
from hypothesis import settings

# a loaded machine may stop an example for longer than any deadline; pytest's own time-out holds
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what mostly waits: side by side with the rest it costs next to nothing."""
    items.sort(key=lambda item: "tests/spine/" not in item.nodeid)
