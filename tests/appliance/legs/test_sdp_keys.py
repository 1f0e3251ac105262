"""SRTP's keys in offers and answers (RFC 4568): policy, suites, hostile lines; no key in a log."""

import itertools

import pytest

from appliance.legs.sdp import (
    Crypto,
    Local,
    Policy,
    SdpError,
    Srtp,
    agree,
    answer,
    make_keys,
    offer,
    parse,
)
from appliance.legs.sipevents import Progress

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
KEY_30 = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
KEY_28 = "inline:bm8ga2V5LCBvbmx5IDI4IG9jdGV0cyBsb25nIQ=="
CM_80 = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY_30}\r\n"
SAVP = HEAD + "m=audio 4 RTP/SAVP 8\r\n"
AVP = HEAD + "m=audio 4 RTP/AVP 8\r\n"


def counted() -> tuple[Crypto, ...]:
    """Return keys of a source that is no more random than a counter."""
    numbers = itertools.count(1)
    return make_keys(lambda size: bytes([next(numbers)]) * size)


US = Local("198.51.100.1", 30000, session_id=42, keys=counted())
THEM = Local("192.0.2.5", 6000, session_id=1, keys=make_keys(lambda size: b"\x77" * size))


def secured(srtp: Srtp) -> Policy:
    return Policy(srtp=srtp, srtp_keys="sdes")


def test_keys_fit_their_suites_and_differ() -> None:
    sizes = {"AEAD_AES_128_GCM": 40, "AEAD_AES_256_GCM": 60}
    for crypto in US.keys:
        assert len(crypto.key.removeprefix("inline:")) == sizes.get(crypto.suite, 40)
    assert len({crypto.key for crypto in US.keys}) == len(US.keys) == 4


@pytest.mark.parametrize("srtp", ["optional", "required"])
def test_both_ends_agree_on_each_others_keys(srtp: Srtp) -> None:
    mine = offer(US, secured(srtp))
    assert ("RTP/SAVP" in mine) is (srtp == "required")
    theirs, there = answer(parse(mine), THEM, secured("optional"))
    here = agree(parse(theirs), US, secured(srtp))
    assert here.keys is not None
    assert there.keys is not None
    assert (here.keys.ours, here.keys.theirs) == (there.keys.theirs, there.keys.ours)
    assert here.keys.ours == f"1 AEAD_AES_128_GCM {US.keys[0].key}"


@pytest.mark.parametrize(
    ("srtp", "body", "outcome"),
    [
        ("off", AVP, "clear"),
        ("off", AVP + CM_80, "clear"),
        ("off", SAVP + CM_80, "no-codec"),
        ("optional", AVP, "clear"),
        ("optional", AVP + CM_80, "keys"),
        ("optional", SAVP + CM_80, "keys"),
        ("optional", SAVP, "no-encryption"),
        ("required", AVP, "no-encryption"),
        ("required", AVP + CM_80, "keys"),
        ("required", SAVP + CM_80, "keys"),
        ("required", SAVP.replace(" 8", " 18") + CM_80, "no-codec"),
        ("optional", AVP + "m=audio 6 RTP/SAVP 8\r\n" + CM_80, "keys"),
        ("optional", AVP + "m=audio 6 RTP/SAVP 8\r\n", "clear"),
    ],
)
def test_the_policy_decides(srtp: Srtp, body: str, outcome: str) -> None:
    try:
        text, agreed = answer(parse(body), US, secured(srtp))
    except SdpError as error:
        assert error.reason == outcome  # noqa: PT017
        return
    assert outcome == ("clear" if agreed.keys is None else "keys")
    assert ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" in text) is (outcome == "keys")


def test_an_answer_has_the_offers_tag_and_our_key() -> None:
    body = SAVP + f"a=crypto:7 AES_256_CM_HMAC_SHA1_80 {KEY_30}\r\n"
    body += f"a=crypto:9 AEAD_AES_128_GCM {KEY_28}|2^31|1:4\r\n" + CM_80
    text, agreed = answer(parse(body), US, secured("required"))
    assert agreed.keys is not None
    assert agreed.keys.theirs == f"9 AEAD_AES_128_GCM {KEY_28}|2^31|1:4"
    assert "m=audio 30000 RTP/SAVP 8\r\n" in text
    assert f"a=crypto:9 AEAD_AES_128_GCM {US.keys[0].key}\r\n" in text


@pytest.mark.parametrize(
    "line",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30} KDR=1",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30} WSH=64 FEC_ORDER=FEC_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30};{KEY_30}",
        f"1 AES_CM_128_HMAC_SHA1_32 {KEY_30}|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}|1:5",
        "1 F8_128_HMAC_SHA1_80 inline:whatever",
    ],
)
def test_a_line_that_is_not_for_us_is_passed_over(line: str) -> None:
    body = SAVP + f"a=crypto:{line}\r\n"
    with pytest.raises(SdpError) as caught:
        answer(parse(body), US, secured("optional"))
    assert caught.value.reason == "no-encryption"
    text, _ = answer(parse(body + CM_80.replace(":1 ", ":2 ")), US, secured("optional"))
    assert "a=crypto:2 " in text


@pytest.mark.parametrize(
    "line",
    [
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}",
        f"1 aes_cm_128_hmac_sha1_80 {KEY_30} WSH=64",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}|2^48",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}|1048576|1:4",
        f"1 AEAD_AES_128_GCM {KEY_28.rstrip('=')}",
    ],
)
def test_a_line_that_is_for_us(line: str) -> None:
    _, agreed = answer(parse(SAVP + f"a=crypto:{line}\r\n"), US, secured("optional"))
    assert agreed.keys is not None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        f"x AES_CM_128_HMAC_SHA1_80 {KEY_30}",
        f"99999999999 AES_CM_128_HMAC_SHA1_80 {KEY_30}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:",
        "1 AES_CM_128_HMAC_SHA1_80 inline:short",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}A",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}=",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30[:-1]}*",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}|2^49",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}|0",
        f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}|2^31|",
        f"1 AEAD_AES_256_GCM {KEY_30}",
        f"1 AEAD_AES_128_GCM {KEY_28}=",
        f"1 AES_CM_128_HMAC_SHA1_80 uri:{KEY_30[7:]}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 5000,
    ],
)
def test_a_line_that_is_none_is_refused_and_not_shown(line: str) -> None:
    with pytest.raises(SdpError) as caught:
        answer(parse(SAVP + f"a=crypto:{line}\r\n"), US, secured("optional"))
    assert caught.value.reason == "bad-request"
    assert "inline" not in str(caught.value)


def test_too_many_lines_or_tags_twice() -> None:
    many = "".join(CM_80.replace(":1 ", f":{tag} ") for tag in range(1, 40))
    for body in (SAVP + CM_80 + CM_80, SAVP + many):
        with pytest.raises(SdpError) as caught:
            answer(parse(body), US, secured("optional"))
        assert caught.value.reason == "bad-request"


def test_an_answer_to_a_line_that_was_not_offered() -> None:
    for line in (f"5 AEAD_AES_128_GCM {KEY_28}", f"1 AES_CM_128_HMAC_SHA1_80 {KEY_30}"):
        with pytest.raises(SdpError) as caught:
            agree(parse(SAVP + f"a=crypto:{line}\r\n"), US, secured("optional"))
        assert caught.value.reason == "bad-request"


def test_keys_of_the_session_are_nobodys() -> None:
    body = HEAD + CM_80 + "m=audio 4 RTP/AVP 8\r\n"
    assert answer(parse(body), US, secured("optional"))[1].keys is None


def test_an_answer_without_keys() -> None:
    assert agree(parse(AVP), US, secured("optional")).keys is None
    with pytest.raises(SdpError) as caught:
        agree(parse(AVP), US, secured("required"))
    assert caught.value.reason == "no-encryption"


def test_keys_are_not_shown() -> None:
    session = parse(SAVP + CM_80)
    _, agreed = answer(session, US, secured("required"))
    event = Progress(1, 0.0, 183, SAVP + CM_80)
    for value in (session, US, agreed, agreed.keys, US.keys[0], event):
        assert "inline" not in repr(value)
    for body in ("v=0\r\na=x\r\ninline:abc", "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\nc=inline:abc\r\n"):
        with pytest.raises(SdpError) as caught:
            parse(body)
        assert "abc" not in str(caught.value)
