"""Fixtures of the spine tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.plan.model import Plan
from tests.spine.branch import Branch
from tests.spine.federation import Federation

MakeBranch = Callable[..., Branch]


@pytest.fixture
def make_branch(tmp_path: Path) -> Iterator[MakeBranch]:
    """Return a function that makes and starts a branch; all are stopped at the end."""
    made: list[Branch] = []

    def make(plan: Plan, name: str = "north", *, start: bool = True, **options: Any) -> Branch:
        branch = Branch(tmp_path / name, plan, name=name, **options)
        made.append(branch)
        if start:
            branch.start()
        return branch

    yield make
    for branch in made:
        branch.stop()


MakeFederation = Callable[..., Federation]


@pytest.fixture
def make_federation(tmp_path: Path) -> Iterator[MakeFederation]:
    """Return a function that makes and starts control and two branches."""
    made: list[Federation] = []

    def make(plan: Plan, **options: Any) -> Federation:
        federation = Federation(tmp_path, plan, **options)
        made.append(federation)
        federation.start()
        return federation

    yield make
    for federation in made:
        federation.stop()
