"""DTLS-SRTP in offers and answers (RFC 5763, RFC 8842): profiles, roles, fingerprints, policy."""

from dataclasses import replace

import pytest

from appliance.legs.sdp import (
    Dtls,
    Local,
    Policy,
    SdpError,
    Setup,
    Srtp,
    SrtpKeys,
    agree,
    answer,
    make_keys,
    offer,
    parse,
)

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
SHA_256 = "sha-256 " + ":".join(["AB"] * 32)
OURS = "sha-256 " + ":".join(["01"] * 32)
FINGERPRINT = f"a=fingerprint:{SHA_256}\r\n"
ACTPASS = FINGERPRINT + "a=setup:actpass\r\n"
CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\n"
AVP = HEAD + "m=audio 4 RTP/AVP 8\r\n"
SAVP = HEAD + "m=audio 4 RTP/SAVP 8\r\n"
DTLS = HEAD + "m=audio 4 UDP/TLS/RTP/SAVP 8\r\n"
DTLS_F = HEAD + "m=audio 4 UDP/TLS/RTP/SAVPF 8\r\n"

US = Local("198.51.100.1", 30000, session_id=42, keys=make_keys(bytes), fingerprint=OURS)
THEM = Local("192.0.2.5", 6000, session_id=1, keys=make_keys(bytes), fingerprint=SHA_256)


@pytest.mark.parametrize(
    ("srtp", "keys", "profile", "crypto", "fingerprint"),
    [
        ("off", "both", "RTP/AVP", False, False),
        ("off", "dtls", "RTP/AVP", False, False),
        ("optional", "sdes", "RTP/AVP", True, False),
        ("optional", "dtls", "RTP/AVP", False, True),
        ("optional", "both", "RTP/AVP", True, True),
        ("required", "sdes", "RTP/SAVP", True, False),
        ("required", "dtls", "UDP/TLS/RTP/SAVP", False, True),
        ("required", "both", "RTP/SAVP", True, True),
    ],
)
def test_what_our_offers_say(
    srtp: Srtp, keys: SrtpKeys, profile: str, *, crypto: bool, fingerprint: bool
) -> None:
    text = offer(US, Policy(srtp=srtp, srtp_keys=keys))
    assert f"m=audio 30000 {profile} 8" in text
    assert ("a=crypto:" in text) is crypto
    assert (f"a=fingerprint:{OURS}\r\na=setup:actpass\r\n" in text) is fingerprint


@pytest.mark.parametrize(
    ("srtp", "keys", "body", "outcome"),
    [
        ("off", "both", DTLS + ACTPASS, "no-codec"),
        ("off", "both", AVP + ACTPASS, "clear"),
        ("optional", "dtls", AVP + ACTPASS, "dtls"),
        ("optional", "dtls", AVP + CRYPTO, "clear"),
        ("optional", "dtls", SAVP + CRYPTO, "no-encryption"),
        ("optional", "sdes", DTLS + ACTPASS, "no-encryption"),
        ("optional", "sdes", DTLS + ACTPASS + CRYPTO, "no-encryption"),
        ("optional", "sdes", AVP + ACTPASS + CRYPTO, "sdes"),
        ("optional", "both", AVP + ACTPASS + CRYPTO, "dtls"),
        ("required", "both", SAVP + ACTPASS + CRYPTO, "dtls"),
        ("required", "both", SAVP + CRYPTO, "sdes"),
        ("required", "both", SAVP + "a=fingerprint:sha-1 AB:CD\r\n" + CRYPTO, "sdes"),
        ("required", "both", AVP, "no-encryption"),
        ("required", "dtls", DTLS, "no-encryption"),
        ("required", "dtls", DTLS + "a=fingerprint:sha-1 AB:CD\r\n", "no-encryption"),
        ("required", "dtls", DTLS + ACTPASS, "dtls"),
        ("required", "dtls", DTLS_F + ACTPASS, "dtls"),
        ("required", "dtls", SAVP + ACTPASS, "dtls"),
        ("required", "dtls", DTLS + FINGERPRINT, "bad-request"),
        ("required", "dtls", DTLS + FINGERPRINT + "a=setup:holdconn\r\n", "bad-request"),
        ("required", "dtls", DTLS + "a=setup:active\r\na=fingerprint:x\r\n", "bad-request"),
    ],
)
def test_the_policy_decides(srtp: Srtp, keys: SrtpKeys, body: str, outcome: str) -> None:
    try:
        text, agreed = answer(parse(body), US, Policy(srtp=srtp, srtp_keys=keys))
    except SdpError as error:
        assert error.reason == outcome  # noqa: PT017
        return
    kinds = {"dtls": agreed.dtls is not None, "sdes": agreed.keys is not None}
    assert [kind for kind, is_there in kinds.items() if is_there] == (
        [] if outcome == "clear" else [outcome]
    )
    assert (f"a=fingerprint:{OURS}\r\na=setup:passive" in text) is (outcome == "dtls")
    assert ("a=crypto" in text) is (outcome == "sdes")
    assert f" {agreed.profile} 8\r\n" in text
    assert f" {agreed.profile} 8\r\n" in body


@pytest.mark.parametrize(
    ("offered", "now", "role"),
    [
        ("actpass", None, "passive"),
        ("active", None, "passive"),
        ("passive", None, "active"),
        # in a later offer: as it is (RFC 8842 §5.3)
        ("actpass", "passive", "passive"),
        ("actpass", "active", "active"),
        # the far end changes sides, which begins anew
        ("passive", "passive", "active"),
        ("active", "active", "passive"),
    ],
)
def test_our_role_in_answers(offered: str, now: Setup | None, role: Setup) -> None:
    body = DTLS + ACTPASS.replace("actpass", offered)
    text, agreed = answer(
        parse(body), replace(US, setup=now), Policy(srtp="required", srtp_keys="dtls")
    )
    assert agreed.dtls == Dtls(role, SHA_256)
    assert f"a=setup:{role}\r\n" in text


@pytest.mark.parametrize("srtp", ["optional", "required"])
@pytest.mark.parametrize("keys", ["dtls", "both"])
def test_both_ends_agree(srtp: Srtp, keys: SrtpKeys) -> None:
    policy = Policy(srtp=srtp, srtp_keys=keys)
    theirs, there = answer(parse(offer(US, policy)), THEM, policy)
    here = agree(parse(theirs), US, policy)
    assert there.dtls == Dtls("passive", OURS)
    assert here.dtls == Dtls("active", SHA_256)
    assert here.secure
    assert there.secure
    # a later offer keeps the profile that the far end knows
    later = offer(US.bumped(), Policy(srtp="required", srtp_keys="dtls"), known=here)
    assert f" {here.profile} 8" in later
    assert "a=setup:actpass" in later


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (FINGERPRINT + "a=setup:actpass\r\n", "bad-request"),
        (FINGERPRINT + "a=setup:holdconn\r\n", "bad-request"),
        (FINGERPRINT, "bad-request"),
        ("a=fingerprint:sha-256 AB\r\na=setup:active\r\n", "bad-request"),
        ("a=setup:active\r\n", "no-encryption"),
    ],
)
def test_answers_that_are_none(lines: str, reason: str) -> None:
    with pytest.raises(SdpError) as caught:
        agree(parse(DTLS + lines), US, Policy(srtp="required", srtp_keys="dtls"))
    assert caught.value.reason == reason


def test_a_fingerprint_of_the_session_counts_and_the_streams_own_counts_more() -> None:
    session = HEAD + ACTPASS
    policy = Policy(srtp="required", srtp_keys="dtls")
    audio = "m=audio 4 UDP/TLS/RTP/SAVP 8\r\n"
    assert answer(parse(session + audio), US, policy)[1].dtls == Dtls("passive", SHA_256)
    own = f"a=fingerprint:{OURS}\r\n"
    assert answer(parse(session + audio + own), US, policy)[1].dtls == Dtls("passive", OURS)


def test_rtcp_without_mux_would_want_a_handshake_of_its_own() -> None:
    policy = Policy(srtp="required", srtp_keys="dtls")
    assert answer(parse(DTLS + ACTPASS), US, policy)[1].rtcp_port == -1
    muxed = DTLS + ACTPASS + "a=rtcp-mux\r\n"
    assert answer(parse(muxed), US, policy)[1].rtcp_port == 4
