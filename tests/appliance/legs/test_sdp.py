import random

import pytest

from appliance.base.errors import Verdict
from appliance.legs.sdp import (
    Direction,
    Local,
    Policy,
    SdpError,
    agree,
    answer,
    offer,
    parse,
)

HEAD = "v=0\r\no=al 2890844526 7 IN IP4 host.example\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
AUDIO = (
    "m=audio 49170 RTP/AVP 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\n"
)  # fmt: skip
US = Local("198.51.100.1", 30000, session_id=42)


def test_reads_an_offer() -> None:
    session = parse(HEAD + AUDIO + "a=ptime:30\r\na=sendonly\r\n")
    (media,) = session.media
    assert (session.session_id, session.version) == ("2890844526", "7")
    assert (media.kind, media.port, media.proto) == ("audio", 49170, "RTP/AVP")
    assert [(c.payload_type, c.name) for c in media.codecs] == [
        (0, "PCMU"),
        (8, "PCMA"),
        (97, "TELEPHONE-EVENT"),
    ]
    assert media.address == "192.0.2.9"
    assert media.direction == "sendonly"
    assert media.ptime_ms == 30


def test_media_lines_overrule_the_session() -> None:
    body = HEAD + "a=inactive\r\n" + AUDIO + "c=IN IP4 192.0.2.77\r\na=recvonly\r\n"
    body += "m=audio 4 RTP/AVP 8\r\n"
    first, second = parse(body).media
    assert (first.address, first.direction) == ("192.0.2.77", "recvonly")
    assert (second.address, second.direction) == ("192.0.2.9", "inactive")


def test_plain_line_feeds_and_ipv6() -> None:
    body = "v=0\no=- 1 1 IN IP6 ::1\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\nm=audio 9 RTP/AVP 8\n"
    text, agreed = answer(parse(body), Local("2001:db8::2", 5, 1))
    assert agreed.address == "2001:db8::1"
    assert "c=IN IP6 2001:db8::2\r\n" in text


def test_answers_the_callers_first_choice() -> None:
    text, agreed = answer(parse(HEAD + AUDIO), US)
    assert text == (
        "v=0\r\no=- 42 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
        "m=audio 30000 RTP/AVP 0 97\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
    assert (agreed.codec, agreed.payload_type, agreed.event_type) == ("PCMU", 0, 97)
    assert (agreed.address, agreed.port) == ("192.0.2.9", 49170)
    assert not agreed.held


def test_codec_on_a_dynamic_type() -> None:
    body = HEAD + "m=audio 4 RTP/AVP 111\r\na=rtpmap:111 pcma/8000/1\r\n"
    text, agreed = answer(parse(body), US)
    assert (agreed.codec, agreed.payload_type, agreed.event_type) == ("PCMA", 111, None)
    assert "a=rtpmap:111 PCMA/8000\r\n" in text


def test_a_static_type_may_be_mapped_to_something_else() -> None:
    with pytest.raises(SdpError) as caught:
        answer(parse(HEAD + "m=audio 4 RTP/AVP 8\r\na=rtpmap:8 PCMA/16000\r\n"), US)
    assert caught.value.reason == "no-codec"


def test_other_streams_are_refused_in_their_places() -> None:
    body = HEAD + "m=video 6 RTP/AVP 31 32\r\n" + AUDIO + "m=image 8 udptl t38\r\n"
    body += "m=audio 10 RTP/SAVP 8\r\n"
    text, agreed = answer(parse(body), US)
    lines = [line for line in text.split("\r\n") if line.startswith("m=")]
    assert lines == [
        "m=video 0 RTP/AVP 31 32",
        "m=audio 30000 RTP/AVP 0 97",
        "m=image 0 udptl t38",
        "m=audio 0 RTP/SAVP 8",
    ]
    assert agreed.port == 49170


@pytest.mark.parametrize(
    ("theirs", "ours", "held"),
    [
        ("sendrecv", "sendrecv", False),
        ("sendonly", "recvonly", True),
        ("recvonly", "sendonly", False),
        ("inactive", "inactive", True),
    ],
)
def test_hold_and_resume(theirs: Direction, ours: Direction, held: bool) -> None:
    text, agreed = answer(parse(HEAD + AUDIO + f"a={theirs}\r\n"), US)
    assert f"a={ours}\r\n" in text
    assert agreed.direction == ours
    assert agreed.held is held


def test_hold_by_null_address() -> None:
    body = (HEAD + AUDIO).replace("192.0.2.9", "0.0.0.0")  # noqa: S104
    text, agreed = answer(parse(body), US)
    assert agreed.held
    assert agreed.direction == "recvonly"
    assert "a=recvonly\r\n" in text


def test_we_hold_too() -> None:
    text, agreed = answer(parse(HEAD + AUDIO + "a=sendonly\r\n"), US, wanted="sendonly")
    assert agreed.direction == "inactive"
    assert "a=inactive" in text


def test_offer_and_its_answer() -> None:
    mine = offer(US)
    assert "m=audio 30000 RTP/AVP 8 0 101 13\r\n" in mine
    theirs, agreed_there = answer(parse(mine), Local("192.0.2.5", 6000, 1))
    agreed_here = agree(parse(theirs), US)
    assert (agreed_here.address, agreed_here.port) == ("192.0.2.5", 6000)
    assert agreed_here.codec == agreed_there.codec == "PCMA"
    assert agreed_here.event_type == agreed_there.event_type == 101
    assert agreed_here.direction == "sendrecv"


def test_holding_offer_and_its_answer() -> None:
    mine = offer(US.bumped(), direction="sendonly")
    assert "o=- 42 2 IN" in mine
    theirs, agreed_there = answer(parse(mine), Local("192.0.2.5", 6000, 1))
    assert agreed_there.held
    agreed = agree(parse(theirs), US, wanted="sendonly")
    assert agreed.direction == "sendonly"
    assert not agreed.held


def test_codecs_can_be_limited() -> None:
    mine = offer(US, Policy(("PCMU",)))
    assert "m=audio 30000 RTP/AVP 0 101 13\r\n" in mine
    _, agreed = answer(parse(HEAD + AUDIO), US, Policy(("PCMA",)))
    assert agreed.codec == "PCMA"


def test_senseless_ptime_is_no_reason_to_lose_a_call() -> None:
    for value in ("", "0", "x", "99999", "-20"):
        assert parse(HEAD + AUDIO + f"a=ptime:{value}\r\n").media[0].ptime_ms == 20


@pytest.mark.parametrize(
    "media",
    [
        "",
        "m=audio 0 RTP/AVP 8\r\n",
        "m=audio 4 RTP/AVP 18\r\n",
        "m=audio 4 RTP/AVP 96\r\n",
        "m=audio 4 RTP/SAVPF 8\r\n",
        "m=video 4 RTP/AVP 8\r\n",
        "m=audio 4 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n",
        "m=audio 4 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000/2\r\n",
    ],
)
def test_no_codec(media: str) -> None:
    with pytest.raises(SdpError) as caught:
        answer(parse(HEAD + media), US)
    assert caught.value.reason == "no-codec"
    assert caught.value.verdict is Verdict.CALLER


@pytest.mark.parametrize(
    "body",
    [
        "",
        "v=1\r\n",
        "hello",
        "m=audio 4 RTP/AVP 8\r\nv=0\r\n",
        "v=0\r\n",
        "v=0\r\no=a b\r\n",
        HEAD + "m=audio 99999 RTP/AVP 8\r\n",
        HEAD + "m=audio -1 RTP/AVP 8\r\n",
        HEAD + "m=audio x RTP/AVP 8\r\n",
        HEAD + "m=audio 4 RTP/AVP\r\n",
        HEAD + "m=audio 4 RTP/AVP x\r\n",
        HEAD + "m=audio 4 RTP/AVP 128\r\n",
        HEAD + "m=audio 4 RTP/AVP" + " 8" * 3000 + "\r\n",
        HEAD + "m=audio 4 RTP/AVP 8\r\na=rtpmap:8\r\n",
        HEAD + "m=audio 4 RTP/AVP 8\r\na=rtpmap:999 PCMA/8000\r\n",
        HEAD + "m=audio 4 RTP/AVP 8\r\nc=IN IP4 1.2.3\r\n",
        HEAD + "m=audio 4 RTP/AVP 8\r\nc=IN IP4 host.example\r\n",
        HEAD + "m=audio 4 RTP/AVP 8\r\nc=IN IP4 224.0.0.1\r\n",
        HEAD + "m=audio 4 RTP/AVP 8\r\nc=IN IP6 192.0.2.1\r\n",
        HEAD + "m=audio 4 RTP/AVP 8\r\n=\r\n",
        HEAD + "m=audio 4 RTP/AVP 8\r\n" * 17,
        HEAD + "a=x\r\n" * 500,
        HEAD + "a=" + "x" * 20000,
        HEAD.replace("c=IN IP4 192.0.2.9\r\n", "") + AUDIO,
        "\x00" * 50,
        "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nm=audio ٣ RTP/AVP 8\r\n",
    ],
)
def test_malformed(body: str) -> None:
    with pytest.raises(SdpError) as caught:
        answer(parse(body), US)
    assert caught.value.reason == "bad-request"


def test_mutations_raise_nothing_else() -> None:
    rng = random.Random(20)
    seed = HEAD + AUDIO + "a=ptime:20\r\na=sendonly\r\nm=video 3 RTP/AVP 31\r\n"
    answered = 0
    for _ in range(5000):
        text = list(seed)
        for _ in range(rng.randint(1, 8)):
            at = rng.randrange(len(text))
            if rng.random() < 0.5:
                text[at] = chr(rng.choice([0, 10, 13, 32, 45, 47, 48, 57, 58, 61, 97, 255, 0x663]))
            else:
                del text[at : at + rng.randint(1, 20)]
        try:
            body, agreed = answer(parse("".join(text)), US)
        except SdpError as error:
            assert error.reason in ("bad-request", "no-codec")  # noqa: PT017
            continue
        answered += 1
        assert 0 < agreed.port < 65536
        assert parse(body).media
    assert answered > 200
