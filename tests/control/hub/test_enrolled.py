"""From a join token to a session with the hub: the box's end and control's end, both real."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from appliance.base.clock import SystemClock
from appliance.base.errors import BranchlineError
from appliance.link.enrol import BoxPlace, enrol_box
from appliance.link.identity import Identity
from appliance.link.jointoken import ENROL_PATH, ca_digest
from appliance.link.messages import PROTO, Hello
from appliance.link.node import LinkNode
from appliance.link.zmq_transport import ZmqTransport
from control.fleet import reception
from control.fleet.tokens import make_token
from control.models.base import moment
from tests.appliance.link.rig import Recorder, until
from tests.control.hub.rig import Control

PLACE = BoxPlace(
    name="berlin-1",
    sip_address="127.0.0.1",
    sip_port=5060,
    link_address="127.0.0.1",
    link_port=7410,
)


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[tuple[Control, str]]:
    made = Control(tmp_path)

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        status, answer = await asyncio.to_thread(reception.answer, made.parts, body)
        return web.Response(status=status, body=answer)

    application = web.Application()
    application.router.add_post(ENROL_PATH, handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
    made.parts.close()


def token(control: Control, **options: bool) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    digest = ca_digest(control.parts.authority.certificate.public_bytes(Encoding.DER))
    with control.parts.database.session() as session:
        return make_token(
            session,
            digest,
            site="berlin",
            name="berlin-1",
            who="test",
            at=moment(SystemClock()),
            **options,
        )


def node_of(identity: Identity, seen: Recorder) -> LinkNode:
    fields = identity.fields
    transport = ZmqTransport(
        address="127.0.0.1",
        port=0,
        public_key=identity.keys.curve.public,
        secret_key=identity.keys.curve.secret,
    )
    said = Hello(PROTO, "appliance", fields.name, fields.site, 1, "0.1.0")
    node = LinkNode(lambda: said, transport, SystemClock(), seen)
    node.allow([identity.hub])
    return node


async def test_a_box_waits_is_approved_and_comes_up_at_the_hub(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    made, url = control
    steps: list[str] = []

    def approve(step: str, _: str) -> None:
        steps.append(step)
        if step == "pending" and steps.count("pending") == 2:
            with made.parts.database.session() as session:
                made.parts.enrolment.approve(session, "berlin-1", "test")

    identity = await enrol_box(url, token(made), PLACE, tmp_path / "box", approve, poll_s=0.01)
    assert identity.fields.site == "berlin"
    assert bytes.fromhex(identity.fields.plan_verify_key) == made.parts.plan_public
    seen = Recorder()
    async with made.hub():
        node = node_of(identity, seen)
        node.start()
        node.dial("hub")
        task = asyncio.create_task(node.run())
        await until(lambda: node.peers() == {"hub"})
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert steps[-1] == "approved"


async def test_a_token_serves_one_box_only(control: tuple[Control, str], tmp_path: Path) -> None:
    made, url = control
    text = token(made, auto_approve=True)
    await enrol_box(url, text, PLACE, tmp_path / "one", lambda *_: None, poll_s=0.01)
    with pytest.raises(BranchlineError, match="used-token"):
        await enrol_box(url, text, PLACE, tmp_path / "two", lambda *_: None, poll_s=0.01)


async def test_a_token_of_another_control_is_not_known(
    control: tuple[Control, str], tmp_path: Path
) -> None:
    made, url = control
    other = Control(tmp_path / "other")
    with pytest.raises(BranchlineError, match="bad-token"):
        await enrol_box(url, token(other), PLACE, tmp_path / "box", lambda *_: None)
    other.parts.close()
    assert made.parts is not other.parts
