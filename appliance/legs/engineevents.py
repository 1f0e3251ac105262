"""The media engine's events: what each of C's is to us."""

from collections.abc import Callable
from typing import Any

from _branchline_media import lib

from appliance.legs.enginesecure import SUITE_NAMES
from appliance.legs.mediaevents import (
    Answered,
    AnswerKind,
    AnswerTone,
    AnswerToneKind,
    DeviceCode,
    DeviceEnd,
    DeviceGone,
    DigitEnded,
    DigitHeard,
    DigitSource,
    FarGone,
    Insecure,
    InsecureReason,
    MediaEvent,
    MediaSilent,
    MediaStarted,
    PathFound,
    PathLost,
    PlayEnd,
    PlayEnded,
    RecordEnd,
    RecordGap,
    RecordingClosed,
    RecordingGap,
    Secured,
    Talk,
    TapEnd,
    TapEnded,
    TelephoneEvent,
    TicksLate,
    ToneHeard,
)

_DIGIT_SOURCES: dict[int, DigitSource] = {
    lib.BL_DIGIT_INBAND: "inband",
    lib.BL_DIGIT_RFC4733: "rfc4733",
    lib.BL_DIGIT_DEVICE: "device",
}
_DEVICE_ENDS: dict[int, DeviceEnd] = {
    lib.BL_DEVICE_ENDED: "ended",
    lib.BL_DEVICE_HUNG_UP: "hung-up",
    lib.BL_DEVICE_FAILED: "failed",
    lib.BL_DEVICE_FINISHED: "finished",
}
_PLAY_ENDS: dict[int, PlayEnd] = {
    lib.BL_PLAY_END: "end",
    lib.BL_PLAY_STOPPED: "stopped",
    lib.BL_PLAY_REPLACED: "replaced",
    lib.BL_PLAY_BRIDGED: "bridged",
    lib.BL_PLAY_REMOVED: "removed",
    lib.BL_PLAY_BARGED_DIGIT: "digit",
    lib.BL_PLAY_BARGED_SPEECH: "speech",
}
_RECORD_ENDS: dict[int, RecordEnd] = {
    lib.BL_RECORD_COMPLETE: "normal",
    lib.BL_RECORD_DISK_FULL: "disk-full",
    lib.BL_RECORD_FAILED: "recording-failed",
    lib.BL_RECORD_LONGEST: "longest",
}
_INSECURE: dict[int, InsecureReason] = {
    lib.BL_INSECURE_TIMEOUT: "timeout",
    lib.BL_INSECURE_STRANGER: "wrong-fingerprint",
    lib.BL_INSECURE_NO_PROFILE: "no-encryption",
    lib.BL_INSECURE_REFUSED: "refused",
}
_RECORD_GAPS: dict[int, RecordGap] = {lib.BL_GAP_PAUSED: "paused", lib.BL_GAP_LOST: "lost"}
_TAP_ENDS: dict[int, TapEnd] = {
    lib.BL_TAP_STOPPED: "stopped",
    lib.BL_TAP_READER_GONE: "reader-gone",
    lib.BL_TAP_FAILED: "tap-failed",
}
_ANSWER_TONES: dict[int, AnswerToneKind] = {
    lib.BL_TONE_CNG: "cng",
    lib.BL_TONE_CED: "ced",
    lib.BL_TONE_CED_REVERSED: "ced-reversed",
    lib.BL_TONE_ANSAM: "ansam",
    lib.BL_TONE_ANSAM_REVERSED: "ansam-reversed",
}
_ANSWERS: dict[int, AnswerKind] = {
    lib.BL_ANSWER_HUMAN: "human",
    lib.BL_ANSWER_MACHINE: "machine",
    lib.BL_ANSWER_FAX: "fax",
    lib.BL_ANSWER_SILENCE: "silence",
    lib.BL_ANSWER_UNKNOWN: "unknown",
    lib.BL_ANSWER_BEEP: "beep",
}


def _tone(raw: Any) -> MediaEvent:
    if raw.code > 0:
        return ToneHeard(raw.leg, raw.code)
    return AnswerTone(raw.leg, _ANSWER_TONES[raw.code])


#: the C event's kind -> what it is to us
EVENTS: dict[int, Callable[[Any], MediaEvent]] = {
    lib.BL_EVENT_DIGIT: lambda raw: DigitHeard(
        raw.leg, chr(raw.code), _DIGIT_SOURCES[raw.id], raw.value
    ),
    lib.BL_EVENT_DIGIT_ENDED: lambda raw: DigitEnded(raw.leg, chr(raw.code), raw.value),
    lib.BL_EVENT_TELEPHONE: lambda raw: TelephoneEvent(raw.leg, raw.code),
    lib.BL_EVENT_TALK: lambda raw: Talk(raw.leg, bool(raw.code)),
    lib.BL_EVENT_FAR_GONE: lambda raw: FarGone(raw.leg),
    lib.BL_EVENT_PLAY_ENDED: lambda raw: PlayEnded(
        raw.leg, raw.id, _PLAY_ENDS[raw.code], raw.value
    ),
    lib.BL_EVENT_RECORD_GAP: lambda raw: RecordingGap(
        raw.id, raw.leg, raw.value, _RECORD_GAPS[raw.code]
    ),
    lib.BL_EVENT_TAP_ENDED: lambda raw: TapEnded(raw.id, raw.leg, raw.value, _TAP_ENDS[raw.code]),
    lib.BL_EVENT_RECORD_CLOSED: lambda raw: RecordingClosed(
        raw.id, raw.leg, raw.value, _RECORD_ENDS[raw.code]
    ),
    lib.BL_EVENT_MEDIA_STARTED: lambda raw: MediaStarted(raw.leg),
    lib.BL_EVENT_MEDIA_SILENT: lambda raw: MediaSilent(raw.leg),
    lib.BL_EVENT_DEVICE_GONE: lambda raw: DeviceGone(raw.leg, _DEVICE_ENDS[raw.code], raw.value),
    lib.BL_EVENT_DEVICE_CODE: lambda raw: DeviceCode(raw.leg, chr(raw.code)),
    lib.BL_EVENT_SECURED: lambda raw: Secured(raw.leg, SUITE_NAMES.get(raw.code, "")),
    lib.BL_EVENT_INSECURE: lambda raw: Insecure(raw.leg, _INSECURE[raw.code]),
    lib.BL_EVENT_PATH: lambda raw: PathFound(raw.leg),
    lib.BL_EVENT_PATH_LOST: lambda raw: PathLost(raw.leg),
    lib.BL_EVENT_FAR_CLOSED: lambda raw: FarGone(raw.leg),
    lib.BL_EVENT_TICKS_LATE: lambda raw: TicksLate(raw.value),
    lib.BL_EVENT_TONE: _tone,
    lib.BL_EVENT_ANSWERED: lambda raw: Answered(raw.leg, _ANSWERS[raw.code], raw.value),
}
