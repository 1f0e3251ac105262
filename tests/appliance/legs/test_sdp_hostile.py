"""Bodies made to hurt: they are read or refused by word, and our answers to them are clean."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.legs import t38sdp, whip
from appliance.legs.remote import rtp_remote
from appliance.legs.sdp import (
    WIDE,
    Local,
    Policy,
    SdpError,
    Session,
    agree,
    answer,
    make_keys,
    offer,
    parse,
)

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
US = Local("198.51.100.1", 30000, session_id=42, keys=make_keys(bytes), fingerprint="sha-256 AB")
POLICY = Policy((*WIDE, "L16"), "optional")
END = whip.BrowserEnd(1, (("192.0.2.1", 4000),), "ufrag", "p" * 24, "sha-256 AB")
REASONS = ("bad-request", "no-codec", "no-encryption")

#: pieces that mean something, and pieces that break them
WORDS = st.sampled_from(
    [
        "audio", "video", "image", "application", "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVPF",
        "udptl", "t38", "0", "8", "9", "13", "96", "101", "111", "127", "128", "65536",
        "99999999999999999999", "-1", "٣", "IN", "IP4", "IP6", "::", "192.0.2.1",
        "2001:db8::1", "224.0.0.1", "host.local", "opus/48000/2", "PCMA/8000", "G722/8000",
        "telephone-event/48000", "telephone-event/8000", "CN/8000", "L16/16000", "opus/0/0",
        "useinbandfec=1;usedtx=1", "maxplaybackrate=8000", "1", "AES_CM_128_HMAC_SHA1_80",
        "inline:" + "A" * 40, "inline:" + "A" * 40 + "|2^20|1:4", "inline:====", "KDR=1",
        "sha-256", "AB:" * 31 + "AB", "actpass", "active", "holdconn", "udp", "typ", "host",
        "2130706431", "BUNDLE", "\x00", "\r", "\x0b", "\u2028", "a=inactive", "x" * 300,
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "rtpmap", "fmtp", "ptime", "maxptime", "rtcp", "rtcp-mux", "crypto", "fingerprint",
        "setup", "ice-ufrag", "ice-pwd", "ice-lite", "candidate", "end-of-candidates", "mid",
        "group", "sendonly", "recvonly", "inactive", "sendrecv", "T38FaxVersion", "msid",
    ]
)  # fmt: skip
VALUES = st.lists(WORDS, max_size=9).map(" ".join)
ATTRIBUTES = st.builds("a={}:{}".format, NAMES, VALUES) | NAMES.map("a={}".format)
LINES = ATTRIBUTES | VALUES.map("m={}".format) | VALUES.map("c={}".format)
MEDIA = st.sampled_from(
    [
        "m=audio 4 RTP/AVP 8 96 101",
        "m=audio 4 RTP/SAVP 96 8",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 110",
        "m=image 4 udptl t38",
        "a=rtpmap:96 opus/48000/2",
        "a=rtpmap:111 opus/48000/2",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40,
        "a=ice-ufrag:abcd",
        "a=ice-pwd:" + "p" * 22,
        "a=fingerprint:sha-256 " + "AB:" * 31 + "AB",
        "a=setup:actpass",
        "a=rtcp-mux",
    ]
)
#: streams that are refused, with things in them that our answer must not repeat
OTHERS = st.builds(
    "m={} 4 {} {}".format,
    st.sampled_from(["audio", "video", "image", "application"]),
    st.sampled_from(["RTP/AVP", "RTP/SAVPF", "udptl", "UDP/TLS/RTP/SAVPF"]),
    VALUES,
)
#: one stream that can be taken as it stands: by SIP, by SIP with keys, by a browser
GOOD = st.sampled_from(
    [
        "m=audio 4 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000",
        "m=audio 4 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40,
        f"m=audio 4 UDP/TLS/RTP/SAVP 8\r\na=setup:active\r\na=fingerprint:sha-256 {'AB:' * 31}AB",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 110\r\na=rtpmap:111 opus/48000/2\r\n"
        "a=rtpmap:110 telephone-event/48000\r\na=rtcp-mux\r\na=ice-ufrag:abcd\r\n"
        f"a=ice-pwd:{'p' * 22}\r\na=setup:actpass\r\na=fingerprint:sha-256 {'AB:' * 31}AB",
    ]
)
BODIES = st.lists(MEDIA | LINES | OTHERS | GOOD, max_size=8).map(
    lambda lines: HEAD + "\r\n".join(lines)
)
MANY = settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])


def clean(text: str, streams: int) -> None:
    """Assert that a text of ours is SDP that nobody could have written into."""
    assert text.isascii()
    assert text.isprintable() or set(text) - set("\r\n") == {c for c in text if c.isprintable()}
    assert text.replace("\r\n", "").count("\r") == text.replace("\r\n", "").count("\n") == 0
    assert len(parse(text).media) == streams


def read(body: str) -> Session | None:
    try:
        return parse(body)
    except SdpError as error:
        assert error.reason == "bad-request"  # noqa: PT017
        return None


@MANY
@given(BODIES | st.text(max_size=300).map(lambda text: HEAD + text) | st.text(max_size=300))
def test_any_body_is_answered_cleanly_or_refused_by_word(body: str) -> None:
    session = read(body)
    if session is None:
        return
    try:
        text, agreed = answer(session, US, POLICY)
    except SdpError as error:
        assert error.reason in REASONS  # noqa: PT017
        assert "AAAA" not in str(error)  # noqa: PT017
        return
    clean(text, len(session.media))
    remote = rtp_remote(agreed)
    assert 0 < remote.port < 65_536
    assert 0 <= remote.payload_type < 128
    assert remote.payload_type != remote.event_payload_type
    if remote.noise_payload_type is not None:
        assert remote.noise_payload_type not in (remote.payload_type, remote.event_payload_type)
    assert remote.event_rate_hz in (0, 8000)
    assert -1 <= remote.rtcp_port < 65_536
    assert remote.rate_hz in (8000, 16_000)
    clean(offer(US, POLICY, known=agreed), 1)


@MANY
@given(BODIES)
def test_any_answer_is_read_or_refused_by_word(body: str) -> None:
    session = read(body)
    if session is not None:
        with suppress(SdpError):
            assert agree(session, US, POLICY).codec in POLICY.codecs


@MANY
@given(BODIES)
def test_any_browser_is_answered_cleanly_or_refused_by_word(body: str) -> None:
    try:
        far = whip.read(body)
    except SdpError as error:
        assert error.reason in REASONS  # noqa: PT017
        assert "pppp" not in str(error)  # noqa: PT017
        return
    clean(whip.answer(far, END), len(parse(body).media))
    assert whip.read_fragment(whip.restarted(END, far)).restarts(far.ice)


@MANY
@given(st.lists(LINES | MEDIA, max_size=10).map("\r\n".join) | st.text(max_size=200))
def test_any_fragment_is_read_or_refused_by_word(body: str) -> None:
    try:
        whip.read_fragment(body)
    except SdpError as error:
        assert error.reason == "bad-request"  # noqa: PT017


@MANY
@given(BODIES)
def test_any_fax_is_read_or_refused_by_word(body: str) -> None:
    try:
        t38sdp.answer(body, US)
    except SdpError as error:
        assert error.reason in REASONS  # noqa: PT017


@pytest.mark.parametrize("char", ["\x00", "\r", "\x0b", "\x85", "\u2028", "é"])
@pytest.mark.parametrize("where", ["RTP/AVP 31{}", "RTP/AVP {}31", "RTP{}/AVP 31"])
def test_what_is_refused_is_not_repeated_blindly(char: str, where: str) -> None:
    body = HEAD + "m=audio 4 RTP/AVP 8\r\nm=video 4 " + where.format(char) + "\r\n"
    try:
        clean(answer(parse(body), US)[0], 2)
    except SdpError as error:
        assert error.reason == "bad-request"  # noqa: PT017


@pytest.mark.parametrize(
    "attribute",
    [
        "crypto:1 AES_CM_128_HMAC_SHA1_80 " + "inline:" * 2000,
        "crypto:1" + " " * 15_000,
        "crypto:1 A inline:x" + " \t" * 7000 + "\x00",
        "fingerprint:sha-256 " + "AB:" * 5000,
        "candidate:" + "1 " * 7000,
        "fmtp:96 " + ";=" * 7000,
        "rtcp:" + "1" * 15_000,
        "rtpmap:96 " + "x" * 15_000,
    ],
)
def test_a_long_line_does_not_run_away(attribute: str) -> None:
    """Bounded patterns read 16,000 characters in milliseconds; runaway ones would not end here."""
    body = HEAD + f"m=audio 4 RTP/AVP 8 96\r\na={attribute}\r\n"
    for work in (lambda: answer(parse(body), US, POLICY), lambda: whip.read(body)):
        with suppress(SdpError):
            work()
