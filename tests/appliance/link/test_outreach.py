"""Who dials whom, when and by which way; on a held clock."""

from random import Random

import pytest

from appliance.link.dialler import DETOUR_AFTER_S, DIRECT_AGAIN_S, LONGEST_WAIT_S
from appliance.link.memory_transport import MemoryNetwork, MemoryTransport
from appliance.link.messages import DEAD_S
from appliance.link.node import TICK_S
from appliance.link.outreach import Outreach
from appliance.link.relays import Relays, RelayTransport
from appliance.link.session import LinkSession, Peer
from tests.appliance.link.rig import CurveNode


class Dials(RelayTransport):
    """A transport that only notes who is dialled."""

    def __init__(self, relays: Relays) -> None:
        super().__init__(MemoryTransport(MemoryNetwork(), "key", "own", 1), relays.sealed)
        self.numbers = iter(range(1, 10_000))

    def dial(self, name: str, address: str, port: int, key: str) -> int:
        return next(self.numbers)

    def dial_by(self, relay: str, name: str, key: str) -> int:
        return -next(self.numbers)


class Box:
    """One end's outreach; every attempt fails at once unless it is kept."""

    def __init__(self, name: str, *peers: Peer, own_port: int = 1) -> None:
        self.sessions: dict[int, LinkSession] = {}
        self.up: dict[str, LinkSession] = {}
        keys = CurveNode(name)
        self.relays = Relays(lambda *_: True, lambda peer: peer[0] == "r", secret_key=keys.secret)
        self.transport = Dials(self.relays)
        self.outreach = Outreach(name, "appliance", Random(1), self.sessions, self.up)
        self.now_s = 0.0
        #: when, whom, by which relay
        self.dialled: list[tuple[float, str, str]] = []
        own = Peer(name=name, key=keys.key, port=own_port)
        self.relays.allow(own, peers)
        self.outreach.know(own, peers)
        for peer in peers:
            self.outreach.add(peer.name, self.transport, 0.0)

    def run(self, seconds: float, *, keep: bool = False) -> None:
        """Let time pass in ticks."""
        for _ in range(round(seconds / TICK_S)):
            for session in self.outreach.due(self.transport, self.relays, self.now_s):
                self.dialled.append((round(self.now_s, 1), session.peer.name, session.relay))
                if keep:
                    self.sessions[session.number] = session
                    self.come_up(session)
                else:
                    self.outreach.ended(session, self.now_s, was_up=False)
            self.now_s += TICK_S

    def come_up(self, session: LinkSession) -> None:
        session.state = "up"
        self.up[session.peer.name] = session
        self.outreach.came_up(session, self.now_s)

    def lose(self, name: str) -> None:
        session = self.up[name]
        self.outreach.ended(session, self.now_s, was_up=True)
        session.state = "leaving"
        del self.up[name], self.sessions[session.number]

    def first(self, *, relayed: bool) -> float:
        """Return when an attempt of this kind was made first."""
        return next(at_s for at_s, _, relay in self.dialled if bool(relay) == relayed)


def peer(name: str, port: int = 1) -> Peer:
    return Peer(name=name, key=CurveNode(name).key, port=port, relay=name[0] == "r")


R1, R2 = peer("r1"), peer("r2")


@pytest.mark.parametrize(
    ("own", "own_port", "peer_port", "direct_s", "relayed_s"),
    [
        # neither can be dialled: the lesser name at once, the other when that came to nothing
        ("a", 0, 0, None, 0.0),
        ("c", 0, 0, None, DEAD_S),
        # both can: directly, and through a relay when that failed
        ("a", 1, 1, 0.0, DETOUR_AFTER_S),
        ("c", 1, 1, DEAD_S, DETOUR_AFTER_S + DEAD_S),
        # one can: the other dials at once, whatever their names
        ("a", 0, 1, 0.0, DETOUR_AFTER_S),
        ("c", 0, 1, 0.0, DETOUR_AFTER_S + DEAD_S),
        ("c", 1, 0, None, DETOUR_AFTER_S + DEAD_S),
    ],
)
def test_who_dials_when(
    own: str, own_port: int, peer_port: int, direct_s: float | None, relayed_s: float
) -> None:
    box = Box(own, peer("b", peer_port), R1, own_port=own_port)
    box.dialled.clear()
    box.run(10)
    box.dialled = [dialled for dialled in box.dialled if dialled[1] == "b"]
    assert box.first(relayed=True) == pytest.approx(relayed_s, abs=TICK_S * 1.01)
    if direct_s is None:
        assert all(relay for _, _, relay in box.dialled)
    else:
        assert box.first(relayed=False) == pytest.approx(direct_s, abs=TICK_S * 1.01)


def test_one_relay_after_the_other_is_tried_for_as_long_as_it_takes() -> None:
    box = Box("a", peer("b", 0), R1, R2, own_port=0)
    box.run(60)
    tried = [relay for _, name, relay in box.dialled if name == "b"]
    assert tried[: 2 * 5] == [tried[0], tried[1]] * 5
    assert {*tried} == {"r1", "r2"}
    assert len(tried) > 2 * 60 / (LONGEST_WAIT_S + 0.5)


def test_beside_a_relayed_session_a_direct_one_is_tried_now_and_then() -> None:
    box = Box("a", peer("b"), R1)
    box.run(DETOUR_AFTER_S)
    box.run(0.5, keep=True)
    assert box.up["b"].relay == "r1"
    box.dialled.clear()
    box.run(4 * DIRECT_AGAIN_S)
    at = [at_s for at_s, name, relay in box.dialled if name == "b" and not relay]
    assert at[0] >= DETOUR_AFTER_S + DIRECT_AGAIN_S
    assert 3 <= len(at) <= 4
    assert not any(relay for _, _, relay in box.dialled)


def test_a_lost_relayed_session_is_made_anew_at_once_through_another() -> None:
    box = Box("a", peer("b", 0), R1, R2, own_port=0)
    box.run(0.2, keep=True)
    first = box.up["b"].relay
    box.run(20)
    box.dialled.clear()
    began_s = box.now_s
    box.lose("b")
    box.run(0.2)
    at_s, name, relay = box.dialled[0]
    assert at_s == pytest.approx(began_s)
    assert name == "b"
    assert relay not in ("", first)
