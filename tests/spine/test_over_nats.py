"""Two branches and control over a NATS cluster, one of whose servers is killed meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.appliance.link.nats_rig import NatsCluster
from tests.baresipkit import wait_for
from tests.spine.branch import agent, plan
from tests.spine.conftest import MakeFederation
from tests.spine.federation import call

PLAN = plan([agent("amy", "service"), agent("bob", "sales", site="south")])


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    made = NatsCluster(tmp_path / "nats")
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_the_agent_of_the_other_branch_answers_before_and_after_a_server_is_killed(
    make_federation: MakeFederation, cluster: NatsCluster
) -> None:
    settings = cluster.settings()
    servers = msgspec.json.encode(settings.servers).decode()
    login = f'nats_servers = {servers}\nnats_credentials = "{settings.credentials}"\n'
    federation = make_federation(
        PLAN, sections=f'[link]\ntransport = "nats"\n{login}', control_extra=login
    )
    # hub and two boxes, each with one connection
    assert sum(server.clients() for server in cluster.servers) == 3
    federation.robots(federation.south, "bob")
    with call(federation, "200", talk_ms=1000) as caller:
        assert caller.wait().ok
    victim = max(cluster.servers, key=lambda server: server.clients())
    victim.kill()
    for branch in federation.branches.values():
        wait_for("the federation", lambda: federation.whole(branch))  # noqa: B023
    with call(federation, "200", talk_ms=1000) as caller:
        assert caller.wait().ok
    wait_for("the books", lambda: federation.north.outcomes() == ["served", "served"])
