"""The part of the media engine's Python face that listens: digits, talk, tones, who answered."""

from collections.abc import Mapping

from _branchline_media import ffi, lib

from appliance.legs.enginebase import EngineBase, check, fill_tone
from appliance.legs.enginetypes import Greeting, Tone


class WatchCalls(EngineBase):
    """What a leg is listened to for."""

    def detect_digits(self, leg: int, on: bool) -> None:
        """Look for DTMF tones in what the leg says; RFC 4733 digits are always told."""
        check(lib.bl_leg_detect(self._alive(), leg, on), f"leg {leg}: digits")

    def keep_digits(self, leg: int, on: bool) -> None:
        """Do not pass RFC 4733 digits of the leg on in its bridge; they are told all the same."""
        check(lib.bl_leg_keep_digits(self._alive(), leg, on), f"leg {leg}: digits kept")

    def watch_talk(self, leg: int, on: bool) -> None:
        """Tell `Talk` when somebody begins and stops to talk."""
        check(lib.bl_leg_voice(self._alive(), leg, on), f"leg {leg}: talk")

    def silence_timeout(self, leg: int, ms: int) -> None:
        """Tell `MediaSilent` when nothing was received for so long; 0: never."""
        check(lib.bl_leg_silence(self._alive(), leg, ms), f"leg {leg}: silence after {ms} ms")

    def watch_tones(self, leg: int, tones: Mapping[int, Tone]) -> None:
        """Tell `ToneHeard` when one of up to 16 tones is certain; an empty mapping: none.

        The keys are the caller's own, 1 and up. A tone's level does not matter.
        """
        raw = ffi.new("struct bl_find_tone[]", len(tones))
        for slot, (number, tone) in zip(raw, tones.items(), strict=True):
            slot.id = number
            fill_tone(slot.tone, tone)
        check(lib.bl_leg_tones(self._alive(), leg, raw, len(tones)), f"leg {leg}: tones")

    def watch_answer_tones(self, leg: int, on: bool) -> None:
        """Tell `AnswerTone` when a fax or modem calls or answers."""
        check(lib.bl_leg_answer_tones(self._alive(), leg, on), f"leg {leg}: answer tones")

    def watch_greeting(self, leg: int, on: bool = True, how: Greeting | None = None) -> None:
        """From now on: tell `Answered` when it is clear who or what answered."""
        raw = ffi.NULL
        if how is not None:
            raw = ffi.new(
                "struct bl_greeting_setting *",
                {name: getattr(how, name) for name in Greeting.__slots__},
            )
        check(lib.bl_leg_greeting(self._alive(), leg, on, raw), f"leg {leg}: greeting")
