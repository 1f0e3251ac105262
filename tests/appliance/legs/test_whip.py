"""A browser's offer, our answer, and the fragments of ICE restarts (RFC 9725, RFC 8840)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from appliance.legs.sdp import SdpError, parse
from appliance.legs.sdpice import Candidate, Ice
from appliance.legs.whip import BrowserEnd, BrowserFar, answer, read, read_fragment, restarted

CHROMIUM = Path("/usr/bin/chromium")
#: what Chromium 156 offers for one audio stream, before it has gathered candidates
OFFER = (Path(__file__).parent / "offer_chromium_156.sdp").read_bytes().decode()
FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)
US = BrowserEnd(
    session_id=7,
    places=(("192.0.2.1", 4000), ("203.0.113.1", 4001)),
    ufrag="ourufrag",
    pwd="our+password/of+24+chars",
    fingerprint=FINGERPRINT,
)


def answered(body: str) -> tuple[str, BrowserFar]:
    """Read an offer and answer it."""
    far = read(body)
    return answer(far, US), far


def test_chromiums_offer_is_answered() -> None:
    text, far = answered(OFFER)
    assert text == (
        "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        "a=ice-lite\r\na=group:BUNDLE 0\r\n"
        "m=audio 4000 UDP/TLS/RTP/SAVPF 111 110\r\na=rtpmap:111 opus/48000/2\r\n"
        "a=fmtp:111 maxplaybackrate=16000;sprop-maxcapturerate=16000;stereo=0;useinbandfec=1\r\n"
        "a=rtpmap:110 telephone-event/48000\r\na=fmtp:110 0-15\r\n"
        "a=ptime:20\r\na=sendrecv\r\na=mid:0\r\na=rtcp-mux\r\na=msid:branchline sound\r\n"
        "a=ice-ufrag:ourufrag\r\na=ice-pwd:our+password/of+24+chars\r\n"
        f"a=fingerprint:{FINGERPRINT}\r\na=setup:passive\r\n"
        "a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\r\n"
        "a=candidate:2 1 udp 2130706175 203.0.113.1 4001 typ host\r\n"
        "a=end-of-candidates\r\n"
    )
    agreed = far.agreed
    assert (agreed.codec, agreed.payload_type, agreed.event_type) == ("OPUS", 111, 110)
    assert (agreed.direction, agreed.fec, agreed.rate_hz) == ("sendrecv", True, 16_000)
    assert (far.mid, far.setup) == ("0", "passive")
    assert far.fingerprint.startswith("sha-256 ")
    assert len(far.ice.pwd) == 24
    assert far.ice.pwd not in repr(far)
    assert US.pwd not in repr(US)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """Return a page of a real browser."""
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    flags += ["--no-first-run", "--disable-background-networking", "--disable-sync"]
    flags += ["--disable-component-update", "--allow-loopback-in-peer-connection"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser.new_page()
        browser.close()


_OFFERS = """async ({codec, more}) => {
    const pc = window.pc = new RTCPeerConnection({bundlePolicy: "max-bundle"});
    const sound = pc.addTransceiver("audio", {direction: "sendrecv"});
    const can = RTCRtpReceiver.getCapabilities("audio").codecs;
    const isFirst = one => one.mimeType.toLowerCase() === "audio/" + codec;
    sound.setCodecPreferences([...can.filter(isFirst), ...can.filter(one => !isFirst(one))]);
    if (more) { pc.addTransceiver("video"); pc.createDataChannel("chat"); }
    await pc.setLocalDescription();
    return pc.localDescription.sdp;
}"""
_TAKES = """async answer => {
    await pc.setRemoteDescription({type: "answer", sdp: answer});
    return [pc.signalingState, pc.getTransceivers().map(one => one.currentDirection)];
}"""
_RESTARTS = """async () => {
    pc.restartIce();
    await pc.setLocalDescription(await pc.createOffer());
    return pc.localDescription.sdp;
}"""


@pytest.mark.parametrize("codec", ["opus", "g722", "pcma", "pcmu"])
@pytest.mark.parametrize("more", [False, True], ids=["sound", "sound-video-data"])
def test_a_browser_takes_our_answer(page: Page, codec: str, more: bool) -> None:
    text, far = answered(page.evaluate(_OFFERS, {"codec": codec, "more": more}))
    assert far.agreed.codec == codec.upper()
    state, directions = page.evaluate(_TAKES, text)
    assert state == "stable"
    assert directions[0] == "sendrecv"
    assert "sendrecv" not in directions[1:]
    assert [media.port for media in parse(text).media] == ([4000, 0, 0] if more else [4000])


def test_a_browser_restarts_ice(page: Page) -> None:
    text, far = answered(page.evaluate(_OFFERS, {"codec": "opus", "more": False}))
    page.evaluate(_TAKES, text)
    offer = page.evaluate(_RESTARTS)
    lines = [line for line in offer.split("\r\n") if line.startswith(("a=ice-", "a=mid", "m="))]
    fragment = read_fragment("\r\n".join(lines))
    assert fragment.restarts(far.ice)
    again = replace(US, ufrag="newufrag", pwd="another+password/of+24+c")
    new = read_fragment(restarted(again, far))
    assert new.ice is not None
    assert (new.ice.ufrag, new.ice.lite, new.mid) == ("newufrag", True, "0")
    # what a page does with it: our former answer with the new credentials
    text = text.replace(US.ufrag, new.ice.ufrag).replace(US.pwd, new.ice.pwd)
    assert page.evaluate(_TAKES, text)[0] == "stable"


def test_other_streams_are_refused_with_their_names() -> None:
    body = OFFER.replace("BUNDLE 0", "BUNDLE 0 1") + (
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n"
        "a=rtpmap:96 VP8/90000\r\n"
    )
    text, _ = answered(body)
    assert text.endswith("m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n")
    assert "a=group:BUNDLE 0\r\n" in text


def test_a_refused_stream_must_have_a_sound_name_too() -> None:
    with pytest.raises(SdpError):
        read(OFFER + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1 2\r\n")


@pytest.mark.parametrize(
    ("old", "new", "setup"),
    [("actpass", "active", "passive"), ("actpass", "passive", "active")],
)
def test_who_begins_the_handshake(old: str, new: str, setup: str) -> None:
    text, far = answered(OFFER.replace(old, new))
    assert far.setup == setup
    assert f"a=setup:{setup}\r\n" in text


def test_attributes_of_the_session_count_for_its_streams() -> None:
    head, _, media = OFFER.partition("m=audio")
    moved = [
        line for line in media.split("\r\n") if line.startswith(("a=ice", "a=finger", "a=set"))
    ]
    for line in moved:
        media = media.replace(line + "\r\n", "")
    _, far = answered(head + "".join(line + "\r\n" for line in moved) + "m=audio" + media)
    assert far == answered(OFFER)[1]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("a=ice-ufrag:", "a=x:", "bad-request"),
        ("a=ice-pwd:", "a=ice-pwd:short\r\na=x:", "bad-request"),
        ("a=fingerprint:sha-256 ", "a=fingerprint:sha-512 ", "bad-request"),
        ("a=fingerprint:sha-256 ", "a=fingerprint:sha-1 ", "no-encryption"),
        ("a=fingerprint:sha-256 ", "a=fingerprint:", "bad-request"),
        ("a=fingerprint:", "a=x:", "no-encryption"),
        ("a=setup:actpass", "a=setup:holdconn", "bad-request"),
        ("a=setup:actpass", "", "bad-request"),
        ("a=mid:0", "a=mid:0\x00", "bad-request"),
        ("a=mid:0", "a=mid:" + "x" * 65, "bad-request"),
        ("a=rtcp-mux\r\n", "", "bad-request"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "no-codec"),
        ("UDP/TLS/RTP/SAVPF 111 63 9 0 8", "UDP/TLS/RTP/SAVPF 63", "no-codec"),
        ("m=audio 9", "m=audio 0", "no-codec"),
    ],
)
def test_what_is_no_browsers_offer(old: str, new: str, reason: str) -> None:
    with pytest.raises(SdpError) as caught:
        answered(OFFER.replace(old, new))
    assert caught.value.reason == reason


def test_candidates() -> None:
    lines = [
        "1 1 udp 2113937151 192.0.2.2 39382 typ host generation 0 network-cost 999",
        "2 1 UDP 1677729535 203.0.113.9 4000 typ srflx raddr 0.0.0.0 rport 0",
        "3 1 udp 2113942271 2001:db8::2 39273 typ host",
        "4 1 udp 2113937151 4ad8a6a8-0f0c-44e0-8a0f-1c6b2d7b4f0e.local 4 typ host",
        "5 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active",
        "6 2 udp 2113937150 192.0.2.2 39383 typ host",
        "7 1 udp 99999999999 192.0.2.2 39383 typ host",
        "8 1 udp 1 192.0.2.999 4 typ host",
        "9 1 udp 1 192.0.2.2 99999 typ host",
        "rubbish",
    ]
    body = OFFER + "".join(f"a=candidate:{line}\r\n" for line in lines)
    assert answered(body)[1].ice.candidates == (
        Candidate("192.0.2.2", 39382, 2113937151, "host"),
        Candidate("203.0.113.9", 4000, 1677729535, "srflx"),
        Candidate("2001:db8::2", 39273, 2113942271, "host"),
    )
    many = OFFER + f"a=candidate:{lines[0]}\r\n" * 100
    assert len(answered(many)[1].ice.candidates) == 32


def test_a_restart_by_fragment() -> None:
    """As RFC 9725 §4.3.3 shows it."""
    fragment = read_fragment(
        "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:ysXw\r\n"
        "a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n"
        "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0"
        " ufrag EsAw network-id 1\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=ice-ufrag:other\r\n"
    )
    assert fragment.ice == Ice(
        "ysXw",
        "vw5LmwG4y/e6dPP/zAP9Gp5k",
        candidates=(Candidate("192.0.2.1", 61764, 2122260223, "host"),),
    )
    assert (fragment.mid, fragment.ended) == ("0", False)
    assert fragment.restarts(answered(OFFER)[1].ice)
    assert not fragment.restarts(fragment.ice)


def test_candidates_that_trickle_restart_nothing() -> None:
    _, far = answered(OFFER)
    trickle = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n"
    assert not read_fragment(trickle).restarts(far.ice)
    assert read_fragment(trickle).ended
    same = f"a=ice-ufrag:{far.ice.ufrag}\r\na=ice-pwd:{far.ice.pwd}\r\n" + trickle
    assert not read_fragment(same).restarts(far.ice)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "v=0\r\n",
        "a=mid:0\r\n",
        "a=ice-ufrag:abcd\r\n",
        "a=ice-ufrag:abcd\r\na=ice-pwd:short\r\n",
        "a=ice-ufrag:\x00\x00\x00\x00\r\na=ice-pwd:" + "p" * 22,
        "a=end-of-candidates\r\n" * 500,
        "a=candidate:" + "1" * 20_000,
    ],
)
def test_what_is_no_fragment(body: str) -> None:
    with pytest.raises(SdpError) as caught:
        read_fragment(body)
    assert caught.value.reason == "bad-request"
