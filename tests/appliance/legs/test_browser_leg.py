"""A browser's leg: a real Chromium joins by WebRTC, talks, hears, and changes its path."""

import asyncio
import contextlib
import itertools
import math
import secrets
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from appliance.legs import whip
from appliance.legs.engine import MediaEngine
from appliance.legs.enginetypes import Browser, RtpRemote, Tone
from appliance.legs.mediaevents import MediaEvent, Secured
from appliance.legs.sdpice import Place
from tests import audio

CHROMIUM = Path("/usr/bin/chromium")
LOOPBACK = "127.0.0.1"
MICROPHONE_HZ = 440.0
PLAYED_HZ = 1000.0
LEG = 1
DEADLINE_S = 60.0

PAGE = """<!doctype html><meta charset=utf-8><title>leg</title><audio id=ear autoplay></audio>
<script>
let pc, meter, context;
const post = (method, type, body) =>
  fetch('/leg', {method, body, headers: {'Content-Type': type}});
async function join(codec) {
  const sound = await navigator.mediaDevices.getUserMedia({audio: {
    echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  context = new AudioContext({sampleRate: 48000});
  meter = context.createAnalyser();
  meter.fftSize = 8192;
  meter.smoothingTimeConstant = 0;
  pc.ontrack = event => {
    const heard = new MediaStream([event.track]);
    document.getElementById('ear').srcObject = heard;
    context.createMediaStreamSource(heard).connect(meter);
  };
  const sender = pc.addTransceiver(sound.getAudioTracks()[0], {direction: 'sendrecv'});
  const known = RTCRtpReceiver.getCapabilities('audio').codecs;
  sender.setCodecPreferences(known.filter(c => c.mimeType.toLowerCase() == 'audio/' + codec));
  await pc.setLocalDescription();
  const reply = await post('POST', 'application/sdp', pc.localDescription.sdp);
  await pc.setRemoteDescription({type: 'answer', sdp: await reply.text()});
}
async function restart() {
  pc.restartIce();
  const before = pc.remoteDescription.sdp;
  await pc.setLocalDescription();
  const own = name => pc.localDescription.sdp.match(new RegExp('a=' + name + ':.*'))[0];
  const fragment = [own('ice-ufrag'), own('ice-pwd'), ''].join('\\r\\n');
  const reply = await (await post('PATCH', 'application/trickle-ice-sdpfrag', fragment)).text();
  let sdp = before;
  for (const name of ['ice-ufrag', 'ice-pwd']) {
    const line = new RegExp('a=' + name + ':\\\\S+', 'g');
    sdp = sdp.replace(line, reply.match(new RegExp('a=' + name + ':\\\\S+'))[0]);
  }
  await pc.setRemoteDescription({type: 'answer', sdp});
}
function loudest() {
  const bins = new Float32Array(meter.frequencyBinCount);
  meter.getFloatFrequencyData(bins);
  let best = 0;
  for (let i = 1; i < bins.length; i++) if (bins[i] > bins[best]) best = i;
  return [best * context.sampleRate / meter.fftSize, bins[best]];
}
async function received() {
  for (const one of (await pc.getStats()).values())
    if (one.type == 'inbound-rtp') return [one.packetsReceived, one.packetsLost];
  return [0, 0];
}
</script>"""


class Signalling:
    """What stands between page and engine: WHIP's POST and PATCH (RFC 9725)."""

    def __init__(self, engine: MediaEngine, port: int) -> None:
        self._engine = engine
        self._place: Place = (LOOPBACK, port)
        self._sessions = itertools.count(1)
        self._far: whip.BrowserFar | None = None

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def join(self, request: web.Request) -> web.Response:
        far = whip.read(await request.text())
        leg = self._engine.add_browser_leg(LEG, far.setup, far.fingerprint)
        agreed = far.agreed
        self._engine.set_remote(
            LEG,
            RtpRemote(
                LOOPBACK, 9, agreed.payload_type, agreed.codec, agreed.event_type,
                rate_hz=agreed.rate_hz, rtcp_port=9, fec=agreed.fec,
            ),
        )  # fmt: skip
        text = whip.answer(far, self._end(leg))
        self._far = far
        return web.Response(status=201, text=text, content_type="application/sdp")

    async def restart(self, request: web.Request) -> web.Response:
        fragment = whip.read_fragment(await request.text())
        assert fragment.ice
        leg = self._engine.restart_browser_leg(LEG)
        assert self._far
        text = whip.restarted(self._end(leg), self._far)
        return web.Response(text=text, content_type="application/trickle-ice-sdpfrag")

    def _end(self, leg: Browser) -> whip.BrowserEnd:
        return whip.BrowserEnd(
            next(self._sessions), (self._place,), leg.ufrag, leg.pwd, leg.fingerprint
        )


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    """Return what the pretended microphone says, again and again."""
    path = tmp_path / "microphone.wav"
    audio.write_wav(path, audio.tone(MICROPHONE_HZ, 2000))
    return path


@contextlib.asynccontextmanager
async def served(engine: MediaEngine) -> AsyncIterator[str]:
    signalling = Signalling(engine, engine.open_browser_port(LOOPBACK, 0))
    app = web.Application()
    app.router.add_get("/", signalling.page)
    app.router.add_post("/leg", signalling.join)
    app.router.add_patch("/leg", signalling.restart)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def opened(url: str, microphone: Path) -> AsyncIterator[Page]:
    flags = [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required",
        "--disable-features=WebRtcHideLocalIpsWithMdns",
    ]  # fmt: skip
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            page = await browser.new_page()
            await page.goto(url)
            yield page
        finally:
            await browser.close()


async def until_heard(page: Page, hz: float) -> None:
    """Wait until the page's loudest frequency is that of the tone it is played."""
    await page.wait_for_function(
        "hz => Math.abs(loudest()[0] - hz) < 12 && loudest()[1] > -60",
        arg=hz,
        timeout=DEADLINE_S * 1000,
    )


async def until_received(page: Page, packets: int) -> None:
    """Wait until the page has received so many."""
    wait = """async least => {
        while ((await received())[0] < least) await new Promise(go => setTimeout(go, 50));
    }"""
    async with asyncio.timeout(DEADLINE_S):
        await page.evaluate(wait, packets)


def said(path: Path) -> audio.Sound:
    """Return what the leg said last, of its recording."""
    with wave.open(str(path)) as file:
        step = file.getframerate() // audio.RATE_HZ
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    return np.asarray(both[::step, 0][-audio.RATE_HZ :], dtype=np.int16)


@pytest.mark.parametrize("codec", ["opus", "pcmu"])
async def test_chromium_talks_hears_and_changes_its_path(
    tmp_path: Path, microphone: Path, codec: str
) -> None:
    recording = tmp_path / f"{secrets.token_hex(4)}.wav"
    events: list[MediaEvent] = []
    with MediaEngine(workers=1) as engine:
        engine.start()
        async with served(engine) as url, opened(url, microphone) as page:
            await page.evaluate("codec => join(codec)", codec)
            engine.play(LEG, 1, [Tone((PLAYED_HZ,), ((60_000, 0),))], loop=True)
            engine.record(1, LEG, str(recording))
            await until_heard(page, PLAYED_HZ)
            before, _ = await page.evaluate("received()")
            await page.evaluate("restart()")
            await until_received(page, before + 150)
            await until_heard(page, PLAYED_HZ)
            _, lost = await page.evaluate("received()")
            events += engine.poll()
            stats = engine.stats(LEG)
        engine.stop_record(1)
    assert any(isinstance(event, Secured) for event in events)
    assert lost <= 2, "a restart loses no sound"
    assert stats.forged == stats.replayed == 0
    assert stats.packets_in > 100
    assert audio.level_dbm0(said(recording), MICROPHONE_HZ) > -20
    assert not math.isnan(stats.round_trip_us)
