"""A real soft-phone and legs that talk: a tone goes each way, and is looked for there."""

import asyncio
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from appliance.config.model import ApplianceSettings, Codec, Srtp, SrtpKeys
from appliance.wire.commands import Dial, Hang, Play, RecordLeg
from appliance.wire.events import LegDown, LegUp, RecordingDone
from tests.appliance.legs.legsrig import (
    TRUNK_ADDRESS,
    LegsRig,
    ScriptedBrain,
    answered,
    legs_running,
    settings_for,
)
from tests.baresipkit import Baresip, wait_for
from tests.ports import free_port

#: what legs play; every codec carries it
OUR_HZ = 620
#: what a phone says where the codec has the telephone band, and where it has more
NARROW_HZ, WIDE_HZ = 440, 5200


@dataclass(frozen=True)
class Sound:
    """A codec as baresip writes it, the module that holds it, and its rates."""

    codec: Codec
    name: str
    modules: tuple[str, ...]
    rate_hz: int
    channels: int = 1
    says_hz: int = WIDE_HZ


SOUNDS = [
    Sound("OPUS", "opus/48000/2", ("opus",), 48_000, 2),
    Sound("G722", "G722/16000/1", ("g722",), 16_000),
    Sound("L16", "L16/16000/1", ("l16",), 16_000),
    Sound("PCMU", "PCMU/8000/1", (), 8000, says_hz=NARROW_HZ),
    Sound("PCMA", "PCMA/8000/1", (), 8000, says_hz=NARROW_HZ),
]
G722 = SOUNDS[1]
ALL: tuple[Codec, ...] = tuple(sound.codec for sound in SOUNDS)


def write_tone(path: Path, sound: Sound) -> Path:
    """Write what a phone of that codec says: a minute's tone at the codec's own rate."""
    t = np.arange(60 * sound.rate_hz) / sound.rate_hz
    one = np.asarray(8000 * np.sin(2 * np.pi * sound.says_hz * t), np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((sound.channels, 2, sound.rate_hz, 0, "NONE", ""))
        file.writeframes(np.repeat(one, sound.channels).tobytes())
    return path


def loudest_hz(samples: npt.NDArray[np.int16], rate_hz: int) -> float:
    """Return the strongest frequency of the last but one second."""
    second = samples[-2 * rate_hz : -rate_hz].astype(np.float64)
    assert len(second) == rate_hz, "too little was heard"
    spectrum = np.abs(np.fft.rfft(second * np.hanning(rate_hz)))
    assert 4 * spectrum.max() / rate_hz > 1000, "as good as silence"
    return float(spectrum.argmax())


def settings_of(
    folder: Path,
    port: int,
    codecs: Sequence[Codec],
    srtp: Srtp = "off",
    srtp_keys: SrtpKeys = "both",
) -> ApplianceSettings:
    """Return settings with a trunk of that policy."""
    settings = settings_for(folder, trunk_port=port)
    trunk = msgspec.structs.replace(
        settings.trunks["city"], codecs=tuple(codecs), srtp=srtp, srtp_keys=srtp_keys
    )
    return msgspec.structs.replace(settings, trunks={"city": trunk})


def phone(
    folder: Path,
    port: int,
    sound: Sound,
    *,
    dial: str = "",
    more: str = "",
    modules: Sequence[str] = (),
    config: str = "",
) -> Baresip:
    """Return a baresip that speaks only that codec, and answers at once."""
    folder.mkdir(parents=True, exist_ok=True)
    account = f"<sip:200@{TRUNK_ADDRESS}>;regint=0;answermode=auto;audio_codecs={sound.name}"
    return Baresip(
        folder / "phone",
        address=TRUNK_ADDRESS,
        port=port,
        account=account + more,
        says=write_tone(folder / "says.wav", sound),
        dial=dial,
        modules=(*sound.modules, *(("srtp", "dtls_srtp") if "mediaenc" in more else ()), *modules),
        config=f"audio_srate {sound.rate_hz}\n{config}",
    )


def heard(folder: Path) -> Path:
    """Return the file in which the phone keeps what it hears."""
    return next((folder / "phone").glob("dump-*-dec.wav"), folder / "nothing-yet")


def first_channel(path: Path) -> tuple[npt.NDArray[np.int16], int]:
    """Return the first channel of a WAV file and its rate."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return samples.reshape(-1, file.getnchannels())[:, 0], file.getframerate()


async def talk(brain: ScriptedBrain, rig: LegsRig, leg: int, folder: Path, sound: Sound) -> None:
    """Let both ends hear each other for some seconds, and hang up."""
    brain.put(Play(leg, 1, [f"tone:{OUR_HZ}"], loop=True), RecordLeg(leg, "talk", "talk.wav"))
    enough = 3 * 2 * sound.rate_hz * sound.channels
    async with asyncio.timeout(30):
        while not heard(folder).exists() or heard(folder).stat().st_size < enough:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    brain.put(Hang(leg))
    assert (await brain.event(LegDown, leg=leg)).reason == "normal"
    await brain.event(RecordingDone)


def assert_both_heard(rig: LegsRig, folder: Path, sound: Sound) -> None:
    """Assert that each end has heard the other's tone."""
    assert loudest_hz(*first_channel(heard(folder))) == OUR_HZ
    recordings = Path(rig.daemon.settings.state_dir) / "recordings"
    assert loudest_hz(*first_channel(recordings / "talk.wav")) == sound.says_hz


async def phone_calls(
    folder: Path,
    sound: Sound,
    srtp: Srtp = "off",
    more: str = "",
    *,
    srtp_keys: SrtpKeys = "both",
    config: str = "",
) -> str:
    """Have a phone call legs and talk; return what it printed."""
    port = free_port(TRUNK_ADDRESS)
    async with legs_running(settings_of(folder, port, ALL, srtp, srtp_keys)) as rig:
        brain = await rig.brain()
        dial = f"sip:200@{rig.sip[0]}:{rig.sip[1]}"
        with phone(folder, port, sound, dial=dial, more=more, config=config) as baresip:
            leg = await answered(brain)
            await talk(brain, rig, leg, folder, sound)
        assert_both_heard(rig, folder, sound)
        return baresip.said


async def legs_call(
    folder: Path,
    sound: Sound,
    srtp: Srtp = "off",
    more: str = "",
    *,
    srtp_keys: SrtpKeys = "both",
    config: str = "",
) -> str:
    """Have legs call a phone and talk; return what the phone printed."""
    port = free_port(TRUNK_ADDRESS)
    async with legs_running(settings_of(folder, port, ALL, srtp, srtp_keys)) as rig:
        brain = await rig.brain()
        with phone(folder, port, sound, more=more, config=config) as baresip:
            await asyncio.to_thread(wait_for, "the phone", lambda: "ready" in baresip.said)
            brain.put(Dial(tok="d", kind="trunk", via="city", to="200"))
            leg = (await brain.event(LegUp)).leg
            await talk(brain, rig, leg, folder, sound)
        assert_both_heard(rig, folder, sound)
        return baresip.said
