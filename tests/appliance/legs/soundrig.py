"""Legs without SIP, clock and network: real commands, table, engine and RTP sockets, stepped.

Each tick every far end says its next 20 ms, the engine runs, and what it sends is kept: what is
heard is the same on every run.
"""

import itertools
import socket
import struct
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from appliance.base.clock import HeldClock
from appliance.legs.commands import LegCommands
from appliance.legs.engine import MediaEngine, Prompt
from appliance.legs.enginetypes import RtpRemote
from appliance.legs.errors import CommandError
from appliance.legs.events import LegEvents
from appliance.legs.exchange import Exchange
from appliance.legs.faxtypes import PLAIN_FAX
from appliance.legs.legfaxes import LegFaxes
from appliance.legs.media import LegMedia, RtpPlace
from appliance.legs.playables import Playables
from appliance.legs.recorder import LegRecorder
from appliance.legs.table import LegTable
from appliance.legs.taps import LegTaps
from appliance.wire.commands import Accounts, BrainRecord, Bridge, Dial, Fallback, Peers
from appliance.wire.events import LegsRecord
from appliance.wire.rows import LegRow
from tests import audio

LOOPBACK = "127.0.0.1"
TICK_MS = 20
#: a far end's own sound is at this level
SAYS_DBM0 = -10.0

#: of a frame of a tap, before its samples: docs/media-engine.md
TAP_HEAD = struct.Struct("<2sBBHHQ")

T = TypeVar("T")


class Far:
    """A leg's far end: says its sound again and again, keeps what it hears."""

    def __init__(self, media: LegMedia, leg: int, says: audio.Sound) -> None:
        self.leg = leg
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.socket.setblocking(False)
        self.socket.connect((LOOPBACK, media.add_rtp(leg)))
        port = self.socket.getsockname()[1]
        media.set_remote(leg, RtpRemote(LOOPBACK, port, 0, "PCMU"), send=True, receive=True)
        self._numbers = itertools.count()
        self.says(says)
        #: nothing comes from it any more
        self.gone = False
        self._heard: list[audio.Sound] = []

    def says(self, sound: audio.Sound) -> None:
        """Say this from now on."""
        self._frames = itertools.cycle(audio.frames(sound))

    def tick(self) -> None:
        """Say the next frame."""
        if self.gone:
            return
        number = next(self._numbers)
        head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * audio.FRAME, self.leg)
        self.socket.send(head + audio.g711_encode(next(self._frames)))

    def take(self) -> None:
        """Keep what came."""
        while True:
            try:
                self._heard.append(audio.g711_decode(self.socket.recv(2048)[12:]))
            except BlockingIOError:
                return

    def forget(self) -> None:
        """Begin to listen anew."""
        self._heard.clear()

    @property
    def heard(self) -> audio.Sound:
        """All that was heard since `forget`."""
        return np.concatenate([audio.silence(0), *self._heard])

    def hears(self, hz: float) -> bool:
        """Tell whether the last 200 ms have a tone, which must be there or clearly not."""
        level = audio.level_dbm0(self.heard[-1600:], hz)
        assert level > -20 or level < -45, f"{hz} Hz at {level:.1f} dBm0"
        return level > -20


class TapReader:
    """Whoever listens on a tap's socket."""

    def __init__(self, path: Path) -> None:
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(str(path))
        self._door.listen(1)
        self._door.settimeout(10)
        self.there: socket.socket | None = None
        self._octets = b""

    def close(self) -> None:
        """Go away."""
        self._door.close()
        if self.there is not None:
            self.there.close()

    def frames(self) -> list[tuple[int, audio.Sound]]:
        """Return the frames that came since: their clock and samples."""
        if self.there is None:
            self.there, _ = self._door.accept()
            self.there.setblocking(False)
        while True:
            try:
                more = self.there.recv(1 << 16)
            except BlockingIOError:
                break
            if not more:
                break
            self._octets += more
        found = []
        while len(self._octets) >= TAP_HEAD.size:
            magic, version, sides, rate_hz, count, clock = TAP_HEAD.unpack_from(self._octets)
            assert (magic, version, rate_hz) == (b"BT", 1, 8000)
            end = TAP_HEAD.size + 2 * count * (2 if sides == 3 else 1)
            if len(self._octets) < end:
                break
            samples = np.frombuffer(self._octets[TAP_HEAD.size : end], "<i2")
            found.append((clock, samples))
            self._octets = self._octets[end:]
        return found


class Nobody:
    """Stands where calls go out and where lists are kept; these tests need neither."""

    def dial(self, dial: Dial) -> None:
        """Call nobody."""
        raise CommandError("unknown-trunk", dial.via)

    def know_accounts(self, accounts: Accounts) -> None:
        """Forget it."""

    def know_peers(self, peers: Peers) -> None:
        """Forget it."""

    def know_fallback(self, fallback: Fallback) -> None:
        """Forget it."""


class SoundRig:
    """Legs on a stepped engine; `put` commands, `run` for some time, look what was `told`."""

    def __init__(self, folder: Path, *, country: str = "") -> None:
        self.recordings, self.taps = folder / "recordings", folder / "taps"
        self.taps.mkdir()
        self.told: list[LegsRecord] = []
        self.events = LegEvents(HeldClock())
        self.events.send = self.told.append
        self.table = LegTable(self.events)
        self.engine = MediaEngine(stepped=True)
        prompts: Playables[Prompt] = Playables(
            [],
            self.recordings,
            lambda samples, rate: self.engine.load_prompt(memoryview(samples).cast("B"), rate),
        )
        self.media = LegMedia(
            self.engine,
            prompts,
            LegRecorder(self.engine, self.table, self.events, self.recordings),
            LegTaps(self.engine, self.table, self.events, self.taps),
            LegFaxes(self.engine, self.table, self.events, folder / "faxes", PLAIN_FAX),
            self.table,
            self.events,
            RtpPlace(LOOPBACK, 0, 0, 60.0, country),
        )
        self.exchange = Exchange(self.table, self.media)
        self._commands = LegCommands(self.exchange, Nobody(), Nobody(), self.events)
        self._fars: list[Far] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for far in self._fars:
            far.socket.close()
        self.engine.close()

    def add(self, says: audio.Sound | float = 0.0) -> Far:
        """Return the far end of a new leg that is up and says a sound, or a tone [Hz]."""
        if isinstance(says, float):
            says = audio.tone(says, 1000, SAYS_DBM0) if says else audio.silence(20)
        row = LegRow(leg=0, out=False, kind="trunk", via="city", state="new")
        leg = self.table.come_in(row).leg
        far = Far(self.media, leg, says)
        self._fars.append(far)
        self.table.up(leg)
        return far

    def row(self, far: Far) -> LegRow:
        """Return a leg's row, as a snapshot would show it."""
        return self.table.rows[far.leg]

    def put(self, *commands: BrainRecord) -> None:
        """Carry out commands."""
        for command in commands:
            self._commands.obey(command)

    def run(self, ms: int) -> None:
        """Let so much time pass."""
        living = [far for far in self._fars if far.leg in self.table.rows]
        for _ in range(ms // TICK_MS):
            for far in living:
                far.tick()
            self.engine.step()
            for far in living:
                far.take()
            self.media.drain()

    def heard(self, kind: type[T], **fields: Any) -> list[T]:
        """Return the events of *kind* so far whose fields are these."""
        return [
            event
            for event in self.told
            if isinstance(event, kind)
            and all(getattr(event, name) == value for name, value in fields.items())
        ]

    def pair(self) -> tuple[Far, Far]:
        """Return two in a talk, one of 440 and one of 620 Hz."""
        one, other = self.add(440.0), self.add(620.0)
        self.put(Bridge("b", [one.leg, other.leg]))
        self.run(400)
        return one, other
