"""Branches and a hub in virtual time: real brains and a real hub over a network that can be cut.

Links and calls between the branches go through one `Cuts`, each way by itself. Each branch has a
clock of its own.
"""

import itertools
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any, Literal

import msgspec
import zmq

from appliance.base.clock import Clock
from appliance.call.turn import Journal
from appliance.config.model import ApplianceSettings, LinkSettings
from appliance.daemon.federation import Federation
from appliance.link import messages
from appliance.link.bodies import Directory, DirectoryHub
from appliance.link.identity import BoxKeys, CurveKeys, Identity, IdentityFields
from appliance.link.memory_transport import MemoryNetwork, MemoryTransport
from appliance.link.node import TICK_S
from appliance.link.session import Peer
from appliance.plan.model import Plan
from appliance.wire.commands import BrainRecord, Bridge, Dial
from appliance.wire.rows import LegKind
from control.hub.daemon import BEAT_S, Hub
from control.hub.store import FleetRecord
from control.settings import ControlSettings
from tests.appliance.brainkit import Box, PretendLegs, World

HUB = "hub"
#: a request between SIP ends is sent again this often, this long (RFC 3261 timer F)
SIP_AGAIN_S = 0.5
SIP_UNTIL_S = 32.0
#: what is late comes up to so much later [s]: longer than any deadline of a reservation
LATE_S = 4.0
#: rows of legs that are down, and commands, kept before the oldest are forgotten
KEPT = 200

#: told of each fact a brain writes: box, kind, contact, facts
Witness = Callable[[str, str, str, Any], None]
#: kill -9: the system ends its connections; power cut: nobody is told
Death = Literal["kill", "power"]


class ShiftedClock:
    """Another machine's clocks: they began elsewhere, and the wall clock is wrong."""

    def __init__(self, clock: Clock, *, monotonic_s: float, wall_s: float) -> None:
        self._clock = clock
        self._monotonic_s = monotonic_s
        self._wall_us = round(wall_s * 1e6)

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s() + self._monotonic_s

    def wall_us(self) -> int:
        return self._clock.wall_us() + self._wall_us

    def set_wall(self, off_s: float) -> None:
        """Set the wall clock to so much ahead of the world's."""
        self._wall_us = round(off_s * 1e6)


class Cuts:
    """Which ways are cut, by (from, to)."""

    def __init__(self) -> None:
        self.ways: set[tuple[str, str]] = set()

    def cut(self, a: str, b: str, *, one_way: bool = False) -> None:
        self.ways.add((a, b))
        if not one_way:
            self.ways.add((b, a))

    def heal(self) -> None:
        self.ways.clear()

    def open(self, a: str, b: str) -> bool:
        """Tell whether *a* and *b* reach each other both ways."""
        return a == b or not {(a, b), (b, a)} & self.ways


class Weather:
    """What becomes of frames on the network, and of records that brains send each other."""

    def __init__(self) -> None:
        #: shares that are lost, that come twice, that come late and so overtaken
        self.lost = self.twice = self.late = 0.0

    def clear(self) -> None:
        self.lost = self.twice = self.late = 0.0

    def fates(self, chance: Random) -> list[float]:
        """Return how much later [s] each copy of the next one arrives; none: it is lost."""
        if not (self.lost or self.twice or self.late):
            return [0.0]
        if chance.random() < self.lost:
            return []
        copies = 2 if chance.random() < self.twice else 1
        return [
            chance.uniform(0, LATE_S) if chance.random() < self.late else 0.0
            for _ in range(copies)
        ]


class IslandNetwork(MemoryNetwork):
    """The link's network, on the world's time."""

    def __init__(self, world: World, cuts: Cuts, chance: Random) -> None:
        super().__init__(chance)
        self._world = world
        self._ways = cuts
        self._random = chance
        self.weather = Weather()
        self._last_s: dict[tuple[str, int], float] = {}

    def carry(self, way: tuple[str, int], to: str, deliver: Callable[[], None]) -> None:
        pair = (_NAMES[way[0]], _NAMES[to])
        if pair in self._ways.ways:
            return
        now_s = self._world.clock.monotonic_s()
        delay_s = 0.005 + 0.02 * self._random.random() if pair[0] != pair[1] else 0.0
        due_s = max(now_s + delay_s, self._last_s.get(way, 0.0))
        self._last_s[way] = due_s
        for late_s in self.weather.fates(self._random):
            self._world.later(due_s + late_s - now_s, deliver)


class _Watched:
    """A ledger that tells a witness what was written, once it is."""

    def __init__(self, journal: Journal, box: str, witness: Witness) -> None:
        self._journal = journal
        self._box = box
        self._witness = witness
        self._staged: list[tuple[str, str, Any]] = []
        self.keep, self.forget = journal.keep, journal.forget

    def add(self, kind: str, contact: str, facts: msgspec.Struct) -> None:
        self._staged.append((kind, contact, facts))
        self._journal.add(kind, contact, facts)

    def commit(self) -> int:
        number = self._journal.commit()
        staged, self._staged = self._staged, []
        for fact in staged:
            self._witness(self._box, *fact)
        return number


class IslandLegs(PretendLegs):
    """Legs whose agents take a moment to answer, whose talks end, and which forget the past."""

    def __init__(self, box: "IslandBox", epoch: str) -> None:
        super().__init__(box.world, epoch, box.clock)
        self._box = box
        self._fleet = box.fleet
        #: leg here -> the peer's end of the same call
        self.far: dict[int, tuple[IslandBox, int]] = {}
        self._talking: set[int] = set()
        self.on_peer_dial = self._peer_dial
        self.on_peer_answer = self._peer_answer
        self.on_peer_down = self._peer_down

    def call_in(self, called: str, caller: str = "+33123", kind: LegKind = "trunk",
                via: str = "provider", **more: object) -> int:  # fmt: skip
        if len(self.rows) > KEPT:
            old_s = self.now - SIP_UNTIL_S
            self.rows = {
                leg: row
                for leg, row in self.rows.items()
                if row.state != "down" or row.t_down > old_s
            }
        return super().call_in(called, caller, kind, via, **more)

    def take(self, record: BrainRecord) -> None:
        if isinstance(record, Dial):
            self.answer_after = self._fleet.chance.uniform(0.2, 1.2)
        elif isinstance(record, Bridge):
            if any(leg not in self.rows for leg in record.legs):
                return
            for leg in record.legs:
                if self.rows[leg].kind == "trunk" and leg not in self._talking:
                    self._talking.add(leg)
                    self._fleet.talk(self, leg)
        super().take(record)
        del self.commands[:-KEPT]

    # -- calls to other branches ---------------------------------------------------------------

    def _peer_dial(self, leg: int, dial: Dial) -> None:
        there = self._fleet.boxes[dial.via]

        def invite() -> None:
            if leg in self.rows and self.rows[leg].state != "down" and there.powered:
                far = there.legs.call_in(
                    "",
                    kind="peer",
                    via=self._box.name,
                    reservation=dial.reservation,
                    fence=dial.fence,
                )
                self.far[leg] = (there, far)
                there.legs.far[far] = (self._box, leg)

        self._fleet.sip(self._box, there, invite)

    def _peer_answer(self, leg: int) -> None:
        if leg in self.far:
            there, far = self.far[leg]
            legs = there.legs
            self._fleet.sip(self._box, there, lambda: legs.up(far))

    def _peer_down(self, leg: int, reason: str) -> None:
        if leg in self.far:
            there, far = self.far.pop(leg)
            legs = there.legs
            self._fleet.sip(self._box, there, lambda: legs.down(far, reason))


class IslandBox(Box):
    """One branch: brain, legs, and its place in the federation."""

    def __init__(self, fleet: "IslandFleet", name: str, clock: Clock) -> None:
        self.fleet = fleet
        self.powered = True
        self._epochs = itertools.count(1)
        super().__init__(fleet.world, fleet.folder, name, fleet.plan, site=name, clock=clock)

    def _legs(self) -> PretendLegs:
        legs = IslandLegs(self, f"e{next(self._epochs)}")
        self.legs: IslandLegs = legs
        return legs

    def _journal(self) -> Journal:
        return _Watched(self.journal, self.name, self.fleet.witness)

    def _federate(self) -> None:
        fleet = self.fleet
        self.transport = MemoryTransport(fleet.network, _key(self.name), self.name, 1)
        settings = ApplianceSettings(
            state_dir=str(fleet.folder / f"{self.name}.state"),
            link=LinkSettings(escrow_move_s=fleet.escrow_move_s),
        )
        self.federation = Federation(
            settings,
            _identity(self.name, fleet.verify_key),
            self.brain,
            self.journal,
            self.clock,
            self.transport,
            fleet.chance,
        )
        self.post = self._post
        self.federation.node.start()
        self.federation.hubs.know(fleet.directory)
        self.federation.know([_peer(name) for name in fleet.names])
        self._beat()

    def _post(self, peer: str, message: messages.LinkMessage) -> bool:
        """Send what the brain says, through the weather."""
        for late_s in self.fleet.weather.fates(self.fleet.chance):
            if late_s:
                self._later(late_s, partial(_send, self.federation, peer, message))
            else:
                self.federation.send(peer, message)
        return True

    def _beat(self) -> None:
        self.federation.node.tick()
        self.federation.tick()
        self._later(TICK_S, self._beat)

    def die(self, death: Death) -> None:
        """End the brain; legs go on. Its peers notice, or must find out."""
        if self.alive:
            self.kill()
            _end(self.fleet.network, self.transport, death)

    def power_off(self) -> None:
        """End brain and legs: every call that stands here is gone."""
        self.die("power")
        self.powered = False
        self._gone = self.legs

    def power_on(self) -> None:
        """Begin with what the ledger kept; the far ends of lost calls are told (idea 6)."""
        old, accounts = self.legs, list(self.legs.registrations)
        self.powered = True
        self._legs()
        for there, far in old.far.values():
            legs = there.legs
            self.fleet.sip(self, there, partial(legs.down, far, "legs-restart"))
        self.start()
        for account in accounts:
            self.legs.register(account)


def _send(federation: Federation, peer: str, message: messages.LinkMessage) -> None:
    federation.send(peer, message)


class IslandHub:
    """A hub that can be killed and made anew."""

    def __init__(self, fleet: "IslandFleet", clock: Clock, name: str = HUB) -> None:
        self._fleet = fleet
        self._clock = clock
        self.name = name
        self.alive = False
        self.start()

    def start(self) -> None:
        fleet = self._fleet
        state = fleet.folder / "control"
        state.mkdir(exist_ok=True)
        self.transport = MemoryTransport(fleet.network, _key(self.name), self.name, 1)
        settings = ControlSettings(state_dir=str(state), hub_name=self.name)
        self.hub = hub = Hub(
            settings, _NoStore(), self._clock, transport=self.transport, soon=self._soon(fleet)
        )
        self.alive = True
        hub._peers = {name: _peer(name) for name in fleet.names}
        hub._allow()
        hub.floor.set_plan(fleet.plan)
        hub.floor.gather(fleet.names)
        hub.node.start()
        self._every(TICK_S, hub, hub.node.tick)
        self._every(BEAT_S, hub, hub._beat)

    def die(self, death: Death) -> None:
        if self.alive:
            self.alive = False
            _end(self._fleet.network, self.transport, death)

    def _soon(self, fleet: "IslandFleet") -> Callable[[Callable[[], None]], object]:
        transport = self.transport
        return lambda call: fleet.world.soon(
            lambda: call() if self.alive and self.transport is transport else None
        )

    def _every(self, seconds: float, hub: Hub, call: Callable[[], None]) -> None:
        if self.alive and self.hub is hub:
            call()
            self._fleet.world.later(seconds, lambda: self._every(seconds, hub, call))


class IslandFleet:
    """All branches, their hub, and the ways between them."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        names: list[str],
        chance: Random,
        witness: Witness = lambda *_: None,
        *,
        wall_off_s: float = 0.0,
        talk_s: float = 4.0,
        verify_key: str = "00" * 32,
        escrow_move_s: float = 60.0,
        hubs: tuple[str, ...] = (HUB,),
    ) -> None:
        self.folder, self.plan, self.names = folder, plan, names
        self.chance, self.witness = chance, witness
        self.talk_s, self.verify_key = talk_s, verify_key
        self.escrow_move_s = escrow_move_s
        self.world = World()
        self.cuts = Cuts()
        self.network = IslandNetwork(self.world, self.cuts, chance)
        #: of the records that brains send each other; the network has its own
        self.weather = Weather()
        self.boxes: dict[str, IslandBox] = {}
        #: each machine's clocks, also the hubs'
        self.clocks = {name: self._clock(wall_off_s) for name in (*hubs, *names)}
        self.directory = Directory(
            serial=1,
            peers=(),
            hubs=tuple(
                DirectoryHub(hub=name, link_address=name, link_port=1, curve_key=_key(name))
                for name in hubs
                if name != HUB
            ),
        )
        self.hubs = {name: IslandHub(self, self.clocks[name], name) for name in hubs}
        self.hub = self.hubs[HUB]
        for name in names:
            self.boxes[name] = IslandBox(self, name, self.clocks[name])
        for agent in plan.agents:
            self.boxes[agent.site].legs.register(agent.account)

    def _clock(self, wall_off_s: float) -> ShiftedClock:
        chance = self.chance
        return ShiftedClock(
            self.world.clock,
            monotonic_s=chance.uniform(0, 1e6),
            wall_s=chance.uniform(-wall_off_s, wall_off_s),
        )

    @property
    def now_s(self) -> float:
        return self.world.clock.monotonic_s()

    def run(self, seconds: float) -> None:
        self.world.run(seconds)

    def close(self) -> None:
        self.world.close()

    def sip(self, here: IslandBox, there: IslandBox, deliver: Callable[[], None]) -> None:
        """Bring a SIP message to another branch, again and again while the way is cut."""
        self._sip((here.name, there.name), deliver, self.now_s + SIP_UNTIL_S)

    def _sip(self, way: tuple[str, str], deliver: Callable[[], None], until_s: float) -> None:
        if self.cuts.open(*way):
            self.world.later(self.chance.uniform(0.005, 0.025), deliver)
        elif self.now_s < until_s:
            self.world.later(SIP_AGAIN_S, lambda: self._sip(way, deliver, until_s))

    def talk(self, legs: IslandLegs, leg: int) -> None:
        """End a talk after a while, from the caller's side."""
        self.world.later(self.chance.expovariate(1 / self.talk_s), lambda: legs.down(leg))


class _NoStore:
    """A database that has nothing new."""

    def fleet(self, known: dict[tuple[str, str], messages.Document]) -> FleetRecord:
        return FleetRecord((), known)

    def note(self, appliance: str, version: str, plan_serial: int) -> None:
        pass


def _end(network: MemoryNetwork, transport: MemoryTransport, death: Death) -> None:
    if death == "kill":
        transport.close()
    else:
        network.unlisten(transport)
        transport._events = None


#: link key -> whose it is
_NAMES: dict[str, str] = {}


@cache
def _pair(name: str) -> tuple[str, str]:
    """Return the link keys of *name*, public and secret."""
    public, secret = (key.decode() for key in zmq.curve_keypair())
    _NAMES[public] = name
    return public, secret


def _key(name: str) -> str:
    return _pair(name)[0]


def _peer(name: str) -> Peer:
    return Peer(name=name, key=_key(name), site=name, address=name, port=1)


def _identity(name: str, verify_key: str) -> Identity:
    fields = IdentityFields(
        name=name,
        site=name,
        tenant="main",
        hub_address=HUB,
        hub_port=1,
        hub_curve_key=_key(HUB),
        plan_verify_key=verify_key,
    )
    public, secret = _pair(name)
    curve = CurveKeys(public=public, secret=secret)
    keys = BoxKeys(key_pem=b"", curve=curve)
    return Identity(fields=fields, keys=keys, certificate_pem=b"", ca_pem=b"")
