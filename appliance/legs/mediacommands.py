"""Commands about sound: who hears whom, how loud, what plays, is recorded, faxed, looked for."""

from collections.abc import Callable
from typing import Any

from appliance.legs.errors import CommandError
from appliance.legs.exchange import Exchange
from appliance.wire.commands import (
    Bridge,
    KeepDigits,
    Level,
    Listen,
    MaskDigits,
    PauseRecord,
    Play,
    ReceiveFax,
    RecordLeg,
    Seek,
    SendFax,
    StopFax,
    StopPlay,
    StopRecord,
    StopTap,
    Tap,
    Unbridge,
    WatchSilence,
)

#: legs of one bridge
MAX_BRIDGE = 64
#: items of one play
MAX_ITEMS = 64
#: highest number of a play: what the engine's 64 bits take
MAX_PLAY = 2**62
#: what `Level` may say, as the engine takes it [dB]
QUIETEST_DB, LOUDEST_DB = -60.0, 20.0
#: the longest silence that is waited for, as the engine takes it [s]
LONGEST_SILENCE_S = 86_400.0


class MediaCommands:
    """Carries out what the brain asks for about sound."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._table = exchange.table
        self._media = exchange.media
        #: record -> what carries it out; each raises CommandError
        self.actions: dict[type, Callable[[Any], None]] = {
            Play: self._play,
            StopPlay: self._stop_play,
            Seek: self._seek,
            Bridge: self._bridge,
            Unbridge: self._unbridge,
            Level: self._level,
            Listen: self._listen,
            KeepDigits: self._keep_digits,
            WatchSilence: self._watch_silence,
            RecordLeg: self._record,
            StopRecord: self._stop_record,
            PauseRecord: self._pause_record,
            MaskDigits: self._mask_digits,
            Tap: self._tap,
            StopTap: self._stop_tap,
            ReceiveFax: self._fax,
            SendFax: self._fax,
            StopFax: self._stop_fax,
        }

    def _play(self, play: Play) -> None:
        self._exchange.row(play.leg)
        if not 0 < len(play.items) <= MAX_ITEMS or not 0 < play.play <= MAX_PLAY:
            raise CommandError("bad-request", "a Play needs a number and 1 to 64 items")
        self._media.play(play.leg, play.play, play.items, loop=play.loop)

    def _stop_play(self, stop: StopPlay) -> None:
        self._exchange.row(stop.leg)
        self._media.stop_play(stop.leg, "stopped")

    def _seek(self, seek: Seek) -> None:
        self._exchange.row(seek.leg)
        self._media.seek(seek)

    def _bridge(self, bridge: Bridge) -> None:
        legs = list(dict.fromkeys(bridge.legs))
        if not bridge.bridge or not 1 < len(legs) <= MAX_BRIDGE:
            raise CommandError("bad-request", "a Bridge needs an id and 2 to 64 legs")
        for leg in legs:
            self._exchange.row(leg)
            self._media.must_hear(leg)
        _check_parts(bridge, legs)
        self._media.bridged(self._table.bridge(bridge.bridge, legs, bridge.parts, bridge.rest))

    def _unbridge(self, unbridge: Unbridge) -> None:
        if self._table.unbridge(unbridge.bridge):
            self._media.unbridge(unbridge.bridge)

    def _level(self, level: Level) -> None:
        self._exchange.row(level.leg)
        for db in (level.says_db, level.hears_db):
            if not QUIETEST_DB <= db <= LOUDEST_DB:
                raise CommandError("bad-request", f"{db} dB is not -60 to 20")
        self._media.level(level)

    def _listen(self, listen: Listen) -> None:
        self._exchange.row(listen.leg)
        self._media.listen(listen)

    def _keep_digits(self, keep: KeepDigits) -> None:
        self._exchange.row(keep.leg)
        self._media.keep_digits(keep.leg, on=keep.on)

    def _watch_silence(self, watch: WatchSilence) -> None:
        self._exchange.row(watch.leg)
        if not 0 <= watch.after_s <= LONGEST_SILENCE_S:
            raise CommandError("bad-request", f"{watch.after_s} s is not 0 to a day")
        self._media.must_have(watch.leg)
        self._media.silence.expect(watch.leg, watch.after_s)

    def _record(self, record: RecordLeg) -> None:
        self._exchange.row(record.leg)
        if record.longest_ms < 0:
            raise CommandError("bad-request", f"{record.longest_ms} ms is no time")
        self._media.record(record)

    def _stop_record(self, stop: StopRecord) -> None:
        self._media.stop_record(stop.recording)

    def _pause_record(self, pause: PauseRecord) -> None:
        self._media.pause_record(pause.recording, on=pause.on)

    def _mask_digits(self, mask: MaskDigits) -> None:
        self._exchange.row(mask.leg)
        self._media.mask_digits(mask.leg, on=mask.on)

    def _tap(self, tap: Tap) -> None:
        self._exchange.row(tap.leg)
        self._media.tap(tap)

    def _stop_tap(self, stop: StopTap) -> None:
        self._media.stop_tap(stop.tap)

    def _fax(self, fax: ReceiveFax | SendFax) -> None:
        self._exchange.row(fax.leg)
        self._media.fax(fax)

    def _stop_fax(self, stop: StopFax) -> None:
        self._media.faxes.stop(stop.fax)


def _check_parts(bridge: Bridge, legs: list[int]) -> None:
    """Raise CommandError `bad-request` unless each part makes sense in that bridge."""
    known: set[int] = set()
    for part in bridge.parts:
        whom = [leg for leg in legs if leg != part.leg] if part.role == "whisper" else [0]
        if part.leg not in legs or part.leg in known or part.to not in whom:
            raise CommandError("bad-request", f"{part} is no part of {bridge.bridge!r}")
        known.add(part.leg)
