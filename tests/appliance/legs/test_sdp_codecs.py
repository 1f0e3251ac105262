"""Codecs in offers and answers: which is taken, by which number, with which parameters."""

from dataclasses import replace

import pytest

from appliance.legs.enginetypes import RtpRemote
from appliance.legs.remote import rtp_remote
from appliance.legs.sdp import (
    WIDE,
    Agreed,
    CodecName,
    CodecOrder,
    Local,
    Policy,
    SdpError,
    agree,
    answer,
    offer,
    parse,
)

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
US = Local("198.51.100.1", 30000, session_id=42)
THEM = Local("192.0.2.5", 6000, session_id=1)
#: a soft-phone that likes Opus
PHONE = (
    HEAD + "m=audio 4000 RTP/AVP 96 9 8 13 101 97\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1; usedtx=1;maxaveragebitrate=24000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=rtpmap:97 telephone-event/48000\r\n"
)


def taken(body: str, *codecs: CodecName, order: CodecOrder = "theirs") -> Agreed:
    return answer(parse(body), US, Policy(codecs, order=order))[1]


@pytest.mark.parametrize(
    ("codecs", "order", "codec", "number", "event"),
    [
        (WIDE, "theirs", "OPUS", 96, 97),
        (("PCMA", "G722"), "theirs", "G722", 9, 101),
        (("PCMA", "G722"), "ours", "PCMA", 8, 101),
        (("L16", "PCMA"), "ours", "PCMA", 8, 101),
    ],
)
def test_the_policy_decides(
    codecs: tuple[CodecName, ...], order: CodecOrder, codec: str, number: int, event: int
) -> None:
    agreed = taken(PHONE, *codecs, order=order)
    assert (agreed.codec, agreed.payload_type, agreed.event_type) == (codec, number, event)
    assert agreed.receive_type == number


def test_an_answer_with_opus() -> None:
    text, agreed = answer(parse(PHONE), US, Policy(WIDE))
    assert text.endswith(
        "m=audio 30000 RTP/AVP 96 97\r\na=rtpmap:96 opus/48000/2\r\n"
        "a=fmtp:96 maxplaybackrate=16000;sprop-maxcapturerate=16000;stereo=0;useinbandfec=1\r\n"
        "a=rtpmap:97 telephone-event/48000\r\na=fmtp:97 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
    assert rtp_remote(agreed) == RtpRemote(
        "192.0.2.9", 4000, 96, "OPUS", 97, rate_hz=16_000, bitrate=24_000, fec=True, dtx=True
    )


def test_an_answer_with_g722_takes_comfort_noise() -> None:
    text, agreed = answer(parse(PHONE), US, Policy(("G722",)))
    assert "m=audio 30000 RTP/AVP 9 101 13\r\na=rtpmap:9 G722/8000\r\n" in text
    assert "a=rtpmap:13 CN/8000\r\n" in text
    assert agreed.noise_type == rtp_remote(agreed).noise_payload_type == 13
    assert (agreed.rate_hz, agreed.clock_hz) == (16_000, 8000)


def test_opus_has_no_comfort_noise_beside_it() -> None:
    assert taken(PHONE, "OPUS").noise_type is None
    assert "CN" not in offer(US, Policy(("OPUS",)))


@pytest.mark.parametrize(
    ("codec", "noise", "number"),
    [
        ("PCMA/8000", "13 CN/8000", 13),
        ("PCMA/8000", "98 CN/8000", 98),
        ("PCMA/8000", "98 CN/16000", None),
        ("PCMA/8000", "20 CN/8000", None),
        ("PCMA/8000", "98 CN/8000/2", None),
        ("G722/8000", "13 CN/8000", 13),
        ("L16/16000", "98 CN/16000", 98),
        ("L16/16000", "13 CN/8000", None),
        ("L16/8000", "13 CN/8000", 13),
        ("opus/48000/2", "98 CN/48000", None),
    ],
)
def test_comfort_noise_goes_with_a_codec_of_its_clock(
    codec: str, noise: str, number: int | None
) -> None:
    body = HEAD + f"m=audio 4 RTP/AVP 96 {noise.split()[0]}\r\na=rtpmap:96 {codec}\r\n"
    text, agreed = answer(parse(body + f"a=rtpmap:{noise}\r\n"), US, Policy((*WIDE, "L16")))
    assert agreed.noise_type == number
    assert (f"a=rtpmap:{noise}\r\n" in text) is (number is not None)


def test_comfort_noise_can_be_refused() -> None:
    policy = Policy(("PCMA", "G722", "L16"), comfort_noise=False)
    mine = offer(US, policy)
    assert "CN" not in mine
    text, agreed = answer(parse(PHONE), US, policy)
    assert agreed.noise_type is None
    assert "CN" not in text
    body = HEAD + "m=audio 4 RTP/AVP 8 13\r\n"
    assert agree(parse(body), US, policy).noise_type is None


@pytest.mark.parametrize(("answered", "number"), [("13", 13), ("", None), ("98", None)])
def test_comfort_noise_is_sent_to_who_took_it_as_it_was_offered(
    answered: str, number: int | None
) -> None:
    body = HEAD + f"m=audio 4 RTP/AVP 8 {answered}\r\na=rtpmap:98 CN/8000\r\n"
    agreed = agree(parse(body), US, Policy(("PCMA",)))
    assert rtp_remote(agreed).noise_payload_type == number


@pytest.mark.parametrize(
    ("fmtp", "rate_hz"),
    [
        ("maxplaybackrate=8000;sprop-maxcapturerate=8000", 8000),
        ("maxplaybackrate=8000", 16_000),
        ("maxplaybackrate=48000;sprop-maxcapturerate=8000", 16_000),
        ("maxplaybackrate=8000;sprop-maxcapturerate=99999999999999999999", 16_000),
        ("maxplaybackrate=x;=;;", 16_000),
        ("", 16_000),
    ],
)
def test_opus_to_a_far_end_of_the_telephone_band(fmtp: str, rate_hz: int) -> None:
    body = HEAD + f"m=audio 4 RTP/AVP 96\r\na=rtpmap:96 OPUS/48000/2\r\na=fmtp:96 {fmtp}\r\n"
    assert taken(body, "OPUS").rate_hz == rate_hz


@pytest.mark.parametrize(("limit", "bitrate"), [(6000, 6000), (5999, 0), (510_001, 0)])
def test_opus_bitrate(limit: int, bitrate: int) -> None:
    body = HEAD + "m=audio 4 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
    assert taken(body + f"a=fmtp:96 maxaveragebitrate={limit}\r\n", "OPUS").bitrate == bitrate


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
def test_l16(rate_hz: int) -> None:
    body = HEAD + f"m=audio 4 RTP/AVP 96\r\na=rtpmap:96 L16/{rate_hz}\r\n"
    assert taken(body, "L16").rate_hz == rate_hz


@pytest.mark.parametrize(
    "codec", ["opus/48000", "opus/16000/2", "L16/48000", "L16/8000/2", "G722/16000", "CN/8000"]
)
def test_what_only_looks_like_ours(codec: str) -> None:
    with pytest.raises(SdpError) as caught:
        taken(HEAD + f"m=audio 4 RTP/AVP 96\r\na=rtpmap:96 {codec}\r\n", *WIDE, "L16")
    assert caught.value.reason == "no-codec"


@pytest.mark.parametrize(
    ("codec", "clocks", "taken_hz", "told_hz"),
    [
        ("opus/48000/2", (8000, 48_000), 48_000, 0),
        ("opus/48000/2", (8000,), 8000, 8000),
        ("opus/48000/2", (16_000, 8000), 8000, 8000),
        ("opus/48000/2", (16_000,), 0, None),
        ("G722/8000", (48_000, 16_000, 8000), 8000, 0),
        ("G722/8000", (16_000,), 0, None),
        ("L16/16000", (8000, 16_000), 16_000, 0),
        ("L16/16000", (8000,), 8000, 8000),
        ("PCMA/8000", (48_000, 8000), 8000, 0),
    ],
)
def test_events_have_the_clock_of_the_codec_or_8000(
    codec: str, clocks: tuple[int, ...], taken_hz: int, told_hz: int | None
) -> None:
    """What the engine is told is 0 where the events' clock is the codec's."""
    numbers = {100 + i: hz for i, hz in enumerate(clocks)}
    body = HEAD + f"m=audio 4 RTP/AVP 96 {' '.join(map(str, numbers))}\r\na=rtpmap:96 {codec}\r\n"
    body += "".join(f"a=rtpmap:{n} telephone-event/{hz}\r\n" for n, hz in numbers.items())
    text, agreed = answer(parse(body), US, Policy((*WIDE, "L16")))
    remote = rtp_remote(agreed)
    assert agreed.event_clock_hz == taken_hz
    if told_hz is None:
        assert remote.event_payload_type is None
        assert "telephone-event" not in text
        return
    assert remote.event_rate_hz == told_hz
    assert remote.event_payload_type is not None
    assert numbers[remote.event_payload_type] == taken_hz
    assert text.count("telephone-event") == 1
    assert f"a=fmtp:{remote.event_payload_type} 0-15\r\n" in text


@pytest.mark.parametrize(
    ("answered", "number", "number_in", "rate_hz"),
    [
        ("110 telephone-event/48000", 110, 0, 0),
        ("101 telephone-event/8000", 101, 0, 8000),
        ("119 telephone-event/8000", 119, 101, 8000),
        ("119 telephone-event/48000", 119, 110, 0),
    ],
)
def test_events_in_an_answer(answered: str, number: int, number_in: int, rate_hz: int) -> None:
    body = HEAD + f"m=audio 4 RTP/AVP 111 {number}\r\na=rtpmap:111 opus/48000/2\r\n"
    remote = rtp_remote(agree(parse(body + f"a=rtpmap:{answered}\r\n"), US, Policy(WIDE)))
    assert remote.event_payload_type == number
    assert (remote.event_payload_type_in, remote.event_rate_hz) == (number_in, rate_hz)


def test_our_offer_of_all() -> None:
    text = offer(US, Policy((*WIDE, "L16")))
    assert "m=audio 30000 RTP/AVP 111 9 8 0 97 110 101 102 13 105\r\n" in text
    for line in (
        "111 opus/48000/2", "97 L16/16000", "110 telephone-event/48000", "105 CN/16000",
    ):  # fmt: skip
        assert f"a=rtpmap:{line}\r\n" in text
    assert "a=rtcp-mux\r\n" in text


@pytest.mark.parametrize("first", [*WIDE, "L16"])
def test_each_codec_is_agreed_from_both_ends(first: CodecName) -> None:
    policy = Policy((first,))
    body, there = answer(parse(offer(US, policy)), THEM, policy)
    here = agree(parse(body), US, policy)
    assert here.codec == there.codec == first
    assert here.event_type == there.event_type is not None
    assert here.rtcp_port == here.port == 6000
    assert (here.rate_hz, here.fec) == (there.rate_hz, there.fec)
    assert here.fec is (first == "OPUS")
    assert here.rate_hz == {"PCMA": 8000, "PCMU": 8000}.get(first, 16_000)


def test_numbers_may_differ_by_direction() -> None:
    body = HEAD + "m=audio 4 RTP/AVP 120\r\na=rtpmap:120 opus/48000/2\r\n"
    agreed = agree(parse(body), US, Policy(WIDE))
    assert (agreed.payload_type, agreed.receive_type) == (120, 111)


def test_a_later_offer_keeps_numbers() -> None:
    """Theirs stay what they are, and none of ours takes one of them (RFC 3264 section 8.3.2)."""
    body = HEAD + "m=audio 4 RTP/AVP 101 111 127\r\na=rtpmap:101 opus/48000/2\r\n"
    body += "a=rtpmap:111 telephone-event/48000\r\na=rtpmap:127 telephone-event/8000\r\n"
    _, agreed = answer(parse(body), US, Policy(WIDE))
    later = offer(US.bumped(), Policy((*WIDE, "L16")), known=agreed)
    assert "m=audio 30000 RTP/AVP 101 9 8 0 97 111 127 102 13 105\r\n" in later
    back, _ = answer(parse(later), THEM, Policy(WIDE))
    assert agree(parse(back), US, Policy(WIDE), known=agreed).receive_type == 101


def test_a_number_that_is_taken_is_replaced_by_a_free_one() -> None:
    body = HEAD + "m=audio 4 RTP/AVP 8 111\r\na=rtpmap:111 speex/8000\r\n"
    _, agreed = answer(parse(body), US)
    assert "m=audio 30000 RTP/AVP 127 110\r\n" in offer(US, Policy(("OPUS",)), known=agreed)
    everything = tuple(replace(agreed.known[1], payload_type=i, name=str(i)) for i in range(128))
    full = offer(US, Policy(("OPUS", "PCMA")), known=replace(agreed, known=everything))
    assert parse(full.replace("RTP/AVP ", "RTP/AVP 8")).media[0].codecs


@pytest.mark.parametrize(
    ("lines", "rtcp_port"),
    [
        ("", 0),
        ("a=rtcp:4009\r\n", 4009),
        ("a=rtcp:4009 IN IP4 192.0.2.9\r\n", 4009),
        ("a=rtcp:4009 IN IP4 192.0.2.200\r\n", -1),
        ("a=rtcp:4009\r\na=rtcp-mux\r\n", 4000),
        ("a=rtcp:99999\r\n", 0),
        ("a=rtcp:\r\n", 0),
        ("a=rtcp:4009 IN IP4 host.example\r\n", 0),
    ],
)
def test_where_rtcp_goes(lines: str, rtcp_port: int) -> None:
    body = HEAD + "m=audio 4000 RTP/AVP 8\r\n" + lines
    text, agreed = answer(parse(body), US)
    assert agreed.rtcp_port == rtcp_port
    assert ("a=rtcp-mux\r\n" in text) is ("rtcp-mux" in lines)


def test_the_longest_packet() -> None:
    body = HEAD + "m=audio 4 RTP/AVP 8\r\na=ptime:10\r\na=maxptime:10\r\n"
    text, agreed = answer(parse(body), US)
    assert (agreed.ptime_ms, agreed.max_ptime_ms) == (10, 10)
    assert "a=ptime:20\r\n" in text


def test_avpf_is_answered_as_avpf() -> None:
    text, _ = answer(parse(HEAD + "m=audio 4 RTP/AVPF 8\r\na=rtcp-fb:* nack\r\n"), US)
    assert "m=audio 30000 RTP/AVPF 8\r\n" in text
    assert "rtcp-fb" not in text


def test_a_number_with_two_meanings_is_refused() -> None:
    body = HEAD + "m=audio 4 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:96 PCMA/8000\r\n"
    with pytest.raises(SdpError) as caught:
        parse(body)
    assert caught.value.reason == "bad-request"


def test_a_number_that_stands_twice_counts_once() -> None:
    assert len(parse(HEAD + "m=audio 4 RTP/AVP 8 8 8\r\n").media[0].codecs) == 1


def test_a_fax_is_recognised() -> None:
    fax, sound = parse(HEAD + "m=image 4 udptl t38\r\nm=audio 5 RTP/AVP 8\r\n").media
    assert fax.is_t38
    assert not sound.is_t38
    assert not parse(HEAD + "m=image 0 udptl t38\r\n").media[0].is_t38
