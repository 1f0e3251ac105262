import random

import pytest

from appliance.legs import sdp
from appliance.legs.sdp import Local, SdpError
from appliance.legs.t38sdp import OURS, T38, T38Stream, answer, offer, offers_t38, read

HEAD = "v=0\r\no=al 2890844526 7 IN IP4 host.example\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
AUDIO = "m=audio 0 RTP/AVP 0 8\r\n"
#: as a gateway writes it
IMAGE = (
    "m=image 49172 udptl t38\r\n"
    "a=T38FaxVersion:3\r\na=T38MaxBitRate:33600\r\na=T38FaxFillBitRemoval:0\r\n"
    "a=T38FaxTranscodingMMR\r\na=T38FaxTranscodingJBIG:1\r\n"
    "a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxBuffer:2000\r\n"
    "a=T38FaxMaxDatagram:288\r\na=T38FaxUdpEC:t38UDPFEC\r\n"
)
US = Local("198.51.100.1", 30000, session_id=42)


def test_reads_what_a_gateway_writes() -> None:
    assert read(HEAD + AUDIO + IMAGE) == T38Stream(
        index=1,
        address="192.0.2.9",
        port=49172,
        t38=T38(
            version=3,
            max_bit_rate=33600,
            rate_management="transferred",
            repair="fec",
            max_buffer=2000,
            max_datagram=288,
            fill_bit_removal=False,
            transcoding_mmr=True,
            transcoding_jbig=True,
        ),
    )


def test_a_bare_stream_means_the_defaults() -> None:
    assert read(HEAD + "m=image 4000 UDPTL T38\r\n").t38 == T38()


def test_names_are_read_in_any_case() -> None:
    body = HEAD + "m=image 4 udptl t38\r\na=t38faxudpec:T38UDPREDUNDANCY\r\na=T38faxVersion: 1\r\n"
    assert read(body).t38 == T38(version=1, repair="redundancy")


def test_attributes_of_another_stream_are_not_taken() -> None:
    body = HEAD + "a=T38FaxVersion:9\r\nm=image 4 udptl t38\r\n" + AUDIO + "a=T38FaxVersion:2\r\n"
    assert read(body).t38.version == 0


def test_unknown_repair_is_none() -> None:
    assert read(HEAD + "m=image 4 udptl t38\r\na=T38FaxUdpEC:other\r\n").t38.repair == "none"


def test_our_offer_can_be_read() -> None:
    assert read(offer(US)) == T38Stream(0, "198.51.100.1", 30000, OURS)


def test_answers_in_its_place_with_what_both_can() -> None:
    text, stream = answer(HEAD + AUDIO + IMAGE + "m=video 6 RTP/AVP 31\r\n", US)
    assert stream.t38.max_datagram == 288
    answered = sdp.parse(text)
    assert [(m.kind, m.port) for m in answered.media] == [
        ("audio", 0),
        ("image", 30000),
        ("video", 0),
    ]
    ours = read(text).t38
    assert (ours.version, ours.max_bit_rate, ours.repair) == (0, 14400, "fec")
    assert "T38FaxFillBitRemoval" not in text
    assert "Transcoding" not in text


def test_the_offers_rate_management_and_lower_rate_are_kept() -> None:
    body = HEAD + "m=image 4 udptl t38\r\na=T38MaxBitRate:9600\r\n"
    ours = read(answer(body + "a=T38FaxRateManagement:localTCF\r\n", US)[0]).t38
    assert (ours.rate_management, ours.max_bit_rate) == ("local", 9600)


@pytest.mark.parametrize(
    "media",
    [
        AUDIO,
        "m=image 0 udptl t38\r\n",
        "m=image 4 udptl t37\r\n",
        "m=image 4 TCP t38\r\n",
        "m=image 4 RTP/AVP 98\r\na=rtpmap:98 t38/8000\r\n",
        "m=audio 4 udptl t38\r\n",
    ],
)
def test_other_streams_are_no_t38(media: str) -> None:
    assert not offers_t38(sdp.parse(HEAD + media))
    with pytest.raises(SdpError) as caught:
        read(HEAD + media)
    assert caught.value.reason == "no-codec"


@pytest.mark.parametrize(
    "line",
    [
        "a=T38FaxVersion:x",
        "a=T38FaxVersion:-1",
        "a=T38FaxVersion:100",
        "a=T38MaxBitRate:1000001",
        "a=T38FaxMaxDatagram:65536",
        "a=T38FaxMaxBuffer:9999999999",
        "a=T38FaxMaxBuffer:²",
        "a=T38FaxRateManagement:other",
        "a=T38FaxFillBitRemoval:yes",
        "c=IN IP4 0.0.0.0",
    ],
)
def test_senseless_values_are_refused(line: str) -> None:
    with pytest.raises(SdpError) as caught:
        read(HEAD + "m=image 4 udptl t38\r\n" + line + "\r\n")
    assert caught.value.reason == "bad-request"


def test_any_change_is_read_or_refused() -> None:
    dice = random.Random(3)
    body = HEAD + AUDIO + IMAGE
    refused = 0
    for _ in range(3000):
        broken = list(body)
        for _ in range(3):
            broken[dice.randrange(len(broken))] = chr(dice.randrange(1, 300))
        try:
            text, _ = answer("".join(broken), US)
        except SdpError:
            refused += 1
        else:
            read(text)
    assert 0 < refused < 3000
