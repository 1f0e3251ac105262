"""Fixtures of the link's tests: nodes over each transport."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.appliance.link.nats_rig import NatsCluster, NatsNode
from tests.appliance.link.rig import CurveNode, RealNode


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Three NATS servers that no test may harm."""
    made = NatsCluster(tmp_path_factory.mktemp("nats"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    """Three servers that a test may kill."""
    made = NatsCluster(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(params=["zeromq", "nats"])
def make(request: pytest.FixtureRequest) -> Callable[..., RealNode]:
    """Make a node over each transport."""
    if request.param == "zeromq":
        return CurveNode
    return functools.partial(NatsNode, request.getfixturevalue("cluster"))


@pytest.fixture
async def nodes() -> AsyncIterator[list[RealNode]]:
    """Keep the nodes of a test, and stop those that run."""
    made: list[RealNode] = []
    yield made
    for node in made:
        if hasattr(node, "task"):
            await node.stop()
