"""Robots that are phones of a legs process, and their accounts."""

import contextlib
import hashlib
from collections.abc import AsyncIterator

from appliance.legs.robot import Robot, RobotPhones
from appliance.wire.commands import Account, Accounts
from tests.appliance.legs.legsrig import LegsRig
from tests.ports import free_port

REALM = "branchline"
PHONES = "127.0.0.5"


def accounts(*names: str) -> Accounts:
    """Return accounts whose secret is `s3cret`."""
    texts = {name: f"{name}:{REALM}:s3cret".encode() for name in names}
    return Accounts(
        REALM,
        [
            Account(name, hashlib.md5(text).hexdigest(), hashlib.sha256(text).hexdigest())  # noqa: S324
            for name, text in texts.items()
        ],
    )


@contextlib.asynccontextmanager
async def robots(rig: LegsRig, *phones: Robot) -> AsyncIterator[RobotPhones]:
    """Run robots that register with *rig*."""
    running = RobotPhones(phones, rig.sip, address=PHONES, port=free_port(PHONES))
    await running.start()
    try:
        yield running
    finally:
        await running.close()
