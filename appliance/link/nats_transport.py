"""The link over NATS: one subject per link key, on which its owner is dialled and answered."""

from collections.abc import Callable

from appliance.link.nats_client import NatsClient, NatsSettings
from appliance.link.sealed_handshake import key_bytes
from appliance.link.sealed_transport import LONGEST, SealedTransport

#: subject of a link key, in hexadecimal digits
SUBJECT = "branchline.link."


class NatsCarrier:
    """`Carrier` over a NATS cluster; where a key's owner is, the servers know."""

    def __init__(self, settings: NatsSettings, subject: str) -> None:
        self.client = NatsClient(settings, subject, longest=LONGEST)

    @property
    def ready(self) -> bool:
        """Tell whether there is a server now."""
        return self.client.connected

    def start(self, take: Callable[[bytes, str], None], changed: Callable[[], None]) -> None:
        """Connect, now and whenever the connection is lost."""
        self.client.start(lambda packet: take(packet, ""), changed)

    async def carry(self, key: bytes, way: str, packet: bytes) -> None:  # noqa: ARG002
        """Publish; waits while the server takes nothing. Raises PeerError `unreachable`."""
        await self.client.publish(subject_of(key), packet)

    async def flush(self, seconds: float) -> None:
        """Wait until the server has what was published."""
        await self.client.flush(seconds)

    async def close(self) -> None:
        """Leave the servers."""
        await self.client.close()


class NatsTransport(SealedTransport):
    """`Transport` over a NATS cluster."""

    def __init__(self, settings: NatsSettings, *, public_key: str, secret_key: str) -> None:
        carrier = NatsCarrier(settings, subject_of(key_bytes(public_key)))
        super().__init__(carrier, secret_key=secret_key)
        self.client = carrier.client


def subject_of(key: bytes) -> str:
    """Return the subject on which the owner of *key* listens."""
    return SUBJECT + key.hex()
