"""A leg's media: its place in the engine, what plays, who hears whom, what is recorded."""

import asyncio
import itertools
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from appliance.base.errors import BranchlineError
from appliance.legs.engine import MediaEngine, Prompt
from appliance.legs.enginetypes import Device, Member, RtpRemote, Tone
from appliance.legs.errors import CommandError
from appliance.legs.events import LegEvents
from appliance.legs.faxtypes import FaxEnded, FaxPage
from appliance.legs.legdigits import LegDigits
from appliance.legs.legfaxes import LegFaxes
from appliance.legs.listening import LegListening
from appliance.legs.mediaevents import (
    DeviceGone,
    DigitHeard,
    Insecure,
    MediaSilent,
    PlayEnded,
    RecordingClosed,
    RecordingGap,
    TapEnded,
    TicksLate,
)
from appliance.legs.prompts import PromptStore
from appliance.legs.recorder import LegRecorder
from appliance.legs.sdp import Dtls, Keys
from appliance.legs.silence import SilenceWatch
from appliance.legs.table import BridgeChange, LegTable
from appliance.legs.taps import LegTaps
from appliance.legs.tones import named_tone
from appliance.wire.commands import Level, Listen, ReceiveFax, RecordLeg, Seek, SendFax, Tap
from appliance.wire.events import LegQuality
from appliance.wire.rows import DigitSource

_log = logging.getLogger(__name__)

#: an item that begins so is a tone
_TONE = "tone:"
#: the farthest place of a play [ms]: 12 days, as the engine has it
MAX_SEEK_MS = 1 << 30


@dataclass(frozen=True, slots=True)
class RtpPlace:
    """Where RTP is received, how long silence is believed to be a pause, and the country."""

    address: str
    first_port: int
    last_port: int
    silence_timeout_s: float
    #: whose tones are played (ISO 3166); empty: none in particular
    country: str = ""
    #: what our SDP says, where it is not the address that we bind
    public: str = ""

    @property
    def named(self) -> str:
        """The address that far ends are told."""
        return self.public or self.address


class LegMedia:
    """The legs' media in the engine."""

    def __init__(
        self,
        engine: MediaEngine,
        prompts: PromptStore[Prompt],
        recorder: LegRecorder,
        taps: LegTaps,
        faxes: LegFaxes,
        table: LegTable,
        events: LegEvents,
        place: RtpPlace,
    ) -> None:
        self.place = place
        self._engine = engine
        self._prompts = prompts
        self._recorder = recorder
        self._taps = taps
        self._listening = LegListening(engine, table, events, place.country)
        self.faxes = faxes
        self._table = table
        self._events = events
        self._digits = LegDigits(table, events, self._pass_digit)
        self._legs: set[int] = set()
        self.silence = SilenceWatch(engine, table, place.silence_timeout_s)
        #: leg -> the play whose prompts are being fetched
        self._fetching: dict[int, int] = {}
        #: leg -> the play that was moved in and the number of its last relative move
        self._seeks: dict[int, tuple[int, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._bridge_numbers: dict[str, int] = {}
        self._next_bridge = itertools.count(1)
        #: a leg has lost its media, with a reason word; set by who ends legs
        self.on_lost: Callable[[int, str], None] = lambda _leg, _reason: None

    # -- legs --------------------------------------------------------------------------------

    def add_rtp(self, leg: int) -> int:
        """Give *leg* an RTP socket; return its port. Raises an error of the engine."""
        place = self.place
        port = self._engine.add_rtp_leg(leg, place.address, place.first_port, place.last_port)
        self._legs.add(leg)
        return port

    def add_line(self, leg: int, fd: int, device: Device) -> None:
        """Give *leg* the sound of a hardware line. Raises an error of the engine."""
        self._engine.add_device_leg(leg, fd, device)
        self._legs.add(leg)
        self._engine.detect_digits(leg, True)

    def set_remote(self, leg: int, remote: RtpRemote, *, send: bool, receive: bool) -> None:
        """Say where a leg's far end is and what it wants."""
        pauses = remote.noise_payload_type is not None and remote.codec in ("PCMA", "PCMU")
        self.silence.may_pause(leg, on=pauses)
        self._engine.set_remote(leg, remote)
        self._engine.set_flow(leg, send=send, receive=receive)
        self._engine.detect_digits(leg, not self.faxes.running(leg))

    def secure(self, leg: int, keys: Keys) -> None:
        """Encrypt a leg's sound from now on (RFC 3711)."""
        self._engine.secure(leg, keys.ours, keys.theirs)

    def fingerprint(self) -> str:
        """Return our certificate's, for `a=fingerprint`."""
        return self._engine.fingerprint()

    def shake(self, leg: int, remote: RtpRemote, dtls: Dtls) -> None:
        """Let a handshake with that far end make a leg's keys (RFC 5764); nothing goes before.

        It repeats nothing where both ends are as they were.
        """
        self._engine.set_flow(leg, send=False, receive=False)
        self._engine.set_remote(leg, remote)
        self._engine.dtls(leg, dtls.setup, dtls.fingerprint)

    def watch_silence(self, leg: int, *, on: bool) -> None:
        """End the leg when nothing comes from it any more; off while it may be silent."""
        if leg in self._legs:
            self.silence.watch(leg, on=on)

    def keep_digits(self, leg: int, *, on: bool) -> None:
        """Pass a leg's digits on to nobody, or to its bridge's others again."""
        self.must_have(leg)
        self._engine.keep_digits(leg, on)
        self._table.rows[leg].keeps_digits = on

    def must_have(self, leg: int) -> None:
        """Raise CommandError `wrong-state` when *leg* has no media yet."""
        if leg not in self._legs:
            raise CommandError("wrong-state", f"leg {leg} has no media yet")

    def must_hear(self, leg: int) -> None:
        """Raise CommandError `wrong-state` when *leg* has no media, or a fax has them."""
        self.must_have(leg)
        if self.faxes.running(leg):
            raise CommandError("wrong-state", f"leg {leg} has a fax")

    def has(self, leg: int) -> bool:
        """Tell whether *leg* has media."""
        return leg in self._legs

    def remove(self, leg: int) -> None:
        """Take a leg out of the engine, and tell what was heard on it."""
        self._digits.forget(leg)
        if leg not in self._legs:
            return
        self._legs.discard(leg)
        self.silence.forget(leg)
        self._fetching.pop(leg, None)
        self._seeks.pop(leg, None)
        stats = self._engine.stats(leg)
        self._engine.remove(leg)
        self._events.emit(
            LegQuality,
            leg,
            stats.packets_in,
            stats.packets_out,
            stats.lost,
            stats.late,
            stats.jitter_us / 1000,
            refused=stats.malformed
            + stats.unknown
            + stats.foreign
            + stats.forged
            + stats.replayed,
            concealed=stats.concealed,
            far_lost=stats.far_lost,
            round_trip_ms=stats.round_trip_us / 1000,
            mos_lq=stats.mos_lq_hundredths / 100,
            mos_cq=stats.mos_cq_hundredths / 100,
        )

    # -- plays -----------------------------------------------------------------------------------

    def play(self, leg: int, play: int, items: list[str], *, loop: bool) -> None:
        """Play *items*; where one is not at hand yet it is fetched without holding up anyone."""
        self.must_hear(leg)
        self._give_up_fetching(leg, "replaced")
        self._table.playing(leg, play)
        at_hand = self._all_at_hand(items)
        if at_hand is not None:
            self._engine.play(leg, play, at_hand, loop=loop)
            return
        self._fetching[leg] = play
        task = asyncio.get_running_loop().create_task(self._fetch(leg, play, items, loop))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop_play(self, leg: int, why: str) -> None:
        """Stop what plays or is about to; *why* is told for a play that has not begun."""
        self._give_up_fetching(leg, why)
        if leg in self._legs:
            self._engine.stop_play(leg)

    def seek(self, seek: Seek) -> None:
        """Move within the play that runs; raise CommandError `gone` when it is another."""
        leg = seek.leg
        self.must_have(leg)
        if self._table.rows[leg].play != seek.play:
            raise CommandError("gone", f"leg {leg}: play {seek.play} does not run")
        if leg in self._fetching:
            raise CommandError("wrong-state", f"leg {leg}: play {seek.play} has not begun")
        if abs(seek.ms) > MAX_SEEK_MS:
            raise CommandError("bad-request", f"{seek.ms} ms is farther than any play")
        play, last = self._seeks.get(leg, (0, 0))
        if seek.relative and play == seek.play and seek.number <= last:
            return
        if seek.relative:
            self._seeks[leg] = (seek.play, seek.number)
        self._engine.seek_play(leg, seek.ms, relative=seek.relative)

    def _all_at_hand(self, items: list[str]) -> list[Prompt | Tone] | None:
        sounds: list[Prompt | Tone] = []
        for item in items:
            if item.startswith(_TONE):
                sounds.append(named_tone(item.removeprefix(_TONE), self.place.country))
                continue
            prompts = self._prompts.at_hand(item)
            if prompts is None:
                return None
            sounds.extend(prompts)
        return sounds

    async def _fetch(self, leg: int, play: int, items: list[str], loop: bool) -> None:
        sounds: list[Prompt | Tone] = []
        why = "internal"
        try:
            for item in items:
                if item.startswith(_TONE):
                    sounds.append(named_tone(item.removeprefix(_TONE), self.place.country))
                else:
                    sounds.extend(await self._prompts.fetch(item))
            if self._fetching.get(leg) == play:
                self._engine.play(leg, play, sounds, loop=loop)
                del self._fetching[leg]
        except BranchlineError as error:
            _log.warning("leg %d: %s", leg, error)
            why = error.reason
            if self._fetching.get(leg) == play:
                self._engine.stop_play(leg)  # what it was to replace
        finally:
            if self._fetching.get(leg) == play:
                self._give_up_fetching(leg, why)

    def _give_up_fetching(self, leg: int, why: str) -> None:
        play = self._fetching.pop(leg, None)
        if play is not None:
            self._table.played(leg, play, why)

    # -- bridges -------------------------------------------------------------------------------

    def bridged(self, change: BridgeChange) -> None:
        """Let the legs of changed bridges hear each other, each in its role."""
        self.mask()
        for bridge in change.dissolved:
            self.unbridge(bridge)
        for bridge, legs in change.changed.items():
            number = self._bridge_numbers.get(bridge)
            if number is None:
                number = self._bridge_numbers[bridge] = next(self._next_bridge)
            for leg in legs:
                self._give_up_fetching(leg, "bridged")
            rows = self._table.rows
            members = [Member(leg, rows[leg].role, rows[leg].whispers_to) for leg in legs]
            self._engine.bridge(number, members)

    def unbridge(self, bridge: str) -> None:
        """Let nobody hear each other in *bridge*."""
        number = self._bridge_numbers.pop(bridge, None)
        if number is not None:
            self._engine.unbridge(number)
            self.mask()

    # -- faxes ---------------------------------------------------------------------------------

    def fax(self, command: ReceiveFax | SendFax) -> None:
        """Receive or send a fax, for which the leg leaves its bridge and hears no play."""
        leg = command.leg
        self.must_have(leg)
        if isinstance(command, SendFax):
            self.faxes.send(command)
        else:
            self.faxes.receive(command)
        self.stop_play(leg, "stopped")
        self.bridged(self._table.move_out(leg))
        # a modem's signals may sound like digits
        self._engine.detect_digits(leg, False)

    def fax_over(self, leg: int) -> None:
        """Listen to a leg again whose fax is over."""
        if leg in self._legs:
            self._engine.detect_digits(leg, True)

    # -- how loud, and who is listened to --------------------------------------------------------

    def level(self, level: Level) -> None:
        """Make what a leg says and hears louder, softer or silent."""
        self.must_have(level.leg)
        says_db = -math.inf if level.mute else level.says_db
        hears_db = -math.inf if level.deaf else level.hears_db
        self._engine.gain(level.leg, says_db, hears_db)
        row = self._table.rows[level.leg]
        row.says_db, row.hears_db = level.says_db, level.hears_db
        row.mute, row.deaf = level.mute, level.deaf

    def listen(self, listen: Listen) -> None:
        """Listen to a leg for this and nothing else."""
        self.must_have(listen.leg)
        self._listening.listen(listen)

    # -- recordings, taps and digits -------------------------------------------------------------

    def record(self, command: RecordLeg) -> None:
        """Record a leg; raise CommandError."""
        self.must_have(command.leg)
        self._recorder.start(command)

    def stop_record(self, recording: str) -> None:
        """Close a recording."""
        self._recorder.stop(recording)

    def pause_record(self, recording: str, *, on: bool) -> None:
        """Leave out of a recording what is said from now on, or go on; raise CommandError."""
        self._recorder.pause(recording, on=on)

    def tap(self, tap: Tap) -> None:
        """Copy a leg's sound to a socket; raise CommandError."""
        self.must_have(tap.leg)
        self._taps.start(tap)

    def stop_tap(self, tap: str) -> None:
        """End a tap."""
        self._taps.stop(tap)

    def mask_digits(self, leg: int, *, on: bool) -> None:
        """Keep a leg's digits out of recordings and taps, or no more."""
        self._table.rows[leg].masked = on
        self.mask()

    def mask(self) -> None:
        """Hide digits wherever a masked leg could be heard now, and nowhere else."""
        self._recorder.mask()
        self._taps.mask()

    def send_digits(self, leg: int, digits: str) -> None:
        """Send digits to the far end of *leg*."""
        self.must_hear(leg)
        self._engine.send_digits(leg, digits)

    def digit(self, leg: int, digit: str, source: DigitSource, duration_ms: int = 0) -> None:
        """Take a digit that came from the far end of *leg*, in any of its forms."""
        self._digits.heard(leg, digit, source, duration_ms)

    def _pass_digit(self, leg: int, digit: str) -> None:
        if leg in self._legs:
            try:
                self._engine.send_digits(leg, digit)
            except BranchlineError as error:
                _log.warning("leg %d: a digit is lost: %s", leg, error)

    # -- what the engine tells -----------------------------------------------------------------

    def drain(self) -> None:
        """Take all events that the engine has; called when its descriptor is readable."""
        for event in self._engine.poll():
            match event:
                case DigitHeard() if event.leg in self._table.rows:
                    source: DigitSource = "line" if event.source == "device" else event.source
                    self.digit(event.leg, event.digit, source, event.duration_ms)
                case PlayEnded():
                    self._table.played(event.leg, event.play, event.why)
                case MediaSilent() | DeviceGone() | Insecure() if event.leg in self._legs:
                    self.on_lost(event.leg, _why_lost(event))
                case RecordingClosed():
                    self._recorder.closed(event)
                case RecordingGap():
                    self._recorder.gap(event)
                case TapEnded():
                    self._taps.ended(event)
                case FaxPage() | FaxEnded():
                    self.faxes.told(event)
                case TicksLate():
                    _log.warning("%d media ticks were late", event.count)
                case _:
                    self._listening.told(event)


def _why_lost(event: MediaSilent | DeviceGone | Insecure) -> str:
    """Return the reason word of a leg that has lost its media."""
    if isinstance(event, Insecure):
        return event.reason
    return "media-timeout" if isinstance(event, MediaSilent) else "line-lost"
