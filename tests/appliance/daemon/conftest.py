"""Fixtures of tests of the brain."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.brainkit import World
from tests.appliance.daemon.escrowkit import MakeScene, scenes


@pytest.fixture
def world() -> Iterator[World]:
    """A world with a held clock; its boxes end with it."""
    made = World()
    yield made
    made.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeScene]:
    """What makes branches that stand in for each other's call-backs; they end with it."""
    with scenes(tmp_path) as made:
        yield made
