"""Hub and box over NATS: documents, proposals, revocation; and beside boxes over ZeroMQ."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from appliance.base.errors import ConfigError
from control.hub.daemon import Hub
from tests.appliance.link.nats_rig import NatsCluster
from tests.appliance.link.rig import contact, seat, until
from tests.control.hub.rig import PLAN, Box, Control


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    made = NatsCluster(tmp_path_factory.mktemp("nats"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def control(tmp_path: Path, cluster: NatsCluster) -> Iterator[Control]:
    made = Control(tmp_path)
    settings = cluster.settings()
    made.settings = msgspec.structs.replace(
        made.settings,
        nats_servers=settings.servers,
        nats_credentials=settings.credentials,
    )
    yield made
    made.parts.close()


@pytest.fixture
async def hub(control: Control) -> AsyncIterator[Hub]:
    control.publish()
    async with control.hub() as running:
        yield running


@pytest.fixture
async def boxes(
    control: Control, cluster: NatsCluster, tmp_path: Path
) -> AsyncIterator[dict[str, Box]]:
    """Box a is on NATS, box b on ZeroMQ."""
    made = {
        "a": Box("a", control, tmp_path, nats=cluster.settings()),
        "b": Box("b", control, tmp_path),
    }
    for box in made.values():
        control.approve(box)
    yield made
    for box in made.values():
        await box.stop()


async def test_a_box_over_nats_gets_its_documents_and_proposals(
    hub: Hub, boxes: dict[str, Box], control: Control
) -> None:
    box = boxes["a"]
    box.start()
    await until(lambda: box.up and {ack.kind for ack in box.acks} >= {"directory", "plan"})
    assert {ack.reason for ack in box.acks} == {"normal"}
    box.publisher.set_contact(contact("c1", "a"))
    box.publisher.set_seat(seat("ann", "a"))
    await until(lambda: box.proposals)
    assert box.proposals[0].proposal.contact == "c1"
    serial = control.publish(msgspec.structs.replace(PLAN, numbers=()))
    await hub.reload()
    await until(lambda: any(ack.kind == "plan" and ack.serial == serial for ack in box.acks))


async def test_boxes_on_nats_and_on_zeromq_are_one_queue(hub: Hub, boxes: dict[str, Box]) -> None:
    for box in boxes.values():
        box.start()
        box.publisher.set_reaches({"a", "b", "hub"} - {box.name})
    await until(lambda: hub.node.peers() == {"a", "b"})
    boxes["a"].publisher.set_contact(contact("c1", "a"))
    boxes["b"].publisher.set_seat(seat("bob", "b"))
    await until(lambda: boxes["b"].proposals)
    assert boxes["b"].proposals[0].proposal.seat == "bob"
    assert boxes["b"].proposals[0].proposal.contact == "c1"


async def test_a_revoked_box_is_cut_within_5_s_and_stays_out(
    hub: Hub, boxes: dict[str, Box], control: Control
) -> None:
    box = boxes["a"]
    box.start()
    await until(lambda: box.up)
    control.revoke(box)
    await until(lambda: box.downs, 5.0)
    await until(lambda: box.node.trouble["hub"][0] == "not-enrolled")
    assert hub.node.peers() == set()


def test_settings_that_cannot_work_stop_the_hub_in_words(control: Control) -> None:
    control.settings = msgspec.structs.replace(control.settings, nats_credentials="/nowhere")
    with pytest.raises(ConfigError, match="missing-file: nats_credentials: /nowhere"):
        Hub(control.settings, control.store, control.parts.clock)
