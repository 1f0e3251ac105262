"""Fixtures of tests of the brain."""

from collections.abc import Iterator

import pytest

from tests.appliance.brainkit import World


@pytest.fixture
def world() -> Iterator[World]:
    """A world with a held clock; its boxes end with it."""
    made = World()
    yield made
    made.close()
