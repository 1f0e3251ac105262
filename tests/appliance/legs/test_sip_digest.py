"""Digest as a client, registrations as client and as registrar."""

from appliance.legs.sipevents import Answered, Failed, RegisterIn, RegisterResult
from tests.appliance.legs.siprig import (
    CALLEE,
    CALLEE_BYE,
    Rig,
    call,
    finish,
)
from tests.sippkit import SDP as SIPP_SDP
from tests.sippkit import Sipp, expect, in_dialog_response, request, response, scenario, send

#: on a request whose credentials are right, go on behind the refusal
VERIFY = '<action><verifyauth assign_to="ok" username="alice" password="s3cret"/></action>'


def verified(method: str) -> str:
    """Expect a request with the right credentials; refuse it otherwise."""
    right = expect(method, extra='next="1" test="ok"', inner=VERIFY)
    return right + send(response(403, "Wrong"), retrans=False) + '<label id="1"/>\n'


CHALLENGE = (
    'Authenticate: Digest realm="there", nonce="5f3a{n}", algorithm=MD5, qop="auth"'
)  # fmt: skip


def _registered(rig: Rig, expires_s: int) -> str:
    contact = f"Contact: <sip:alice@127.0.0.1:{rig.port}>;expires={expires_s}"
    return in_dialog_response(200, "OK").replace(
        "Contact: <sip:sipp@[local_ip]:[local_port]>", contact
    )  # fmt: skip


def test_invite_answers_a_challenge() -> None:
    xml = scenario(
        expect("INVITE"),
        send(response(401, "No", "WWW-" + CHALLENGE.format(n=1))),
        expect("ACK"),
        verified("INVITE"),
        send(response(200, "OK", body=SIPP_SDP)),
        expect("ACK"),
        CALLEE_BYE,
    )
    with Rig() as rig, Sipp(xml) as sipp:
        handle = call(rig, sipp, user="alice", secret="s3cret")
        rig.first(Answered)
        rig.stack.end(handle)
        finish(rig, sipp)


def test_invite_answers_a_proxys_challenge() -> None:
    xml = scenario(
        expect("INVITE"),
        send(response(407, "No", "Proxy-" + CHALLENGE.format(n=1))),
        expect("ACK"),
        CALLEE,
        CALLEE_BYE,
    )
    with Rig() as rig, Sipp(xml) as sipp:
        handle = call(rig, sipp, user="alice", secret="s3cret")
        rig.first(Answered)
        rig.stack.end(handle)
        finish(rig, sipp)
        # sipp verifies Authorization only: it is enough that the other one was sent
        assert 'Proxy-Authorization: Digest username="alice"' in sipp.wait().messages


def test_wrong_secret_fails_in_the_end() -> None:
    again = "".join(
        expect("INVITE")
        + send(response(401, "No", "WWW-" + CHALLENGE.format(n=n)))
        + expect("ACK")
        for n in range(2)
    )
    with Rig() as rig, Sipp(scenario(again)) as sipp:
        last = rig.over(call(rig, sipp, user="alice", secret="guess"))
        assert isinstance(last, Failed)
        assert last.status == 401
        finish(rig, sipp)


def test_a_stale_nonce_is_no_wrong_secret() -> None:
    stale = CHALLENGE.format(n=2) + ", stale=true"
    xml = scenario(
        expect("INVITE"), send(response(401, "No", "WWW-" + CHALLENGE.format(n=1))), expect("ACK"),
        expect("INVITE"), send(response(401, "No", "WWW-" + stale)), expect("ACK"),
        CALLEE, CALLEE_BYE,
    )  # fmt: skip
    with Rig() as rig, Sipp(xml) as sipp:
        handle = call(rig, sipp, user="alice", secret="s3cret")
        rig.first(Answered)
        rig.stack.end(handle)
        rig.over(handle)
        finish(rig, sipp)


def test_challenge_without_secret_is_a_refusal() -> None:
    xml = scenario(
        expect("INVITE"), send(response(401, "No", "WWW-" + CHALLENGE.format(n=1))), expect("ACK")
    )
    with Rig() as rig, Sipp(xml) as sipp:
        last = rig.over(call(rig, sipp))
        assert isinstance(last, Failed)
        assert last.status == 401
        finish(rig, sipp)


def test_registers_refreshes_and_goes() -> None:
    with Rig() as rig:
        xml = scenario(
            expect("REGISTER"),
            send(response(401, "No", "WWW-" + CHALLENGE.format(n=1)), retrans=False),
            verified("REGISTER"),
            send(_registered(rig, 4), retrans=False),
            expect("REGISTER"),  # the refresh
            send(_registered(rig, 3600), retrans=False),
            expect("REGISTER"),
            send(_registered(rig, 0), retrans=False),
        )
        with Sipp(xml) as sipp:
            registrar = f"sip:127.0.0.1:{sipp.port}"
            aor = f"sip:alice@127.0.0.1:{sipp.port}"
            handle = rig.stack.register(aor, registrar, "alice", "s3cret", 60)
            rig.until(lambda: len(rig.all(RegisterResult)) == 2)
            rig.stack.unregister(handle)
            rig.until(lambda: len(rig.all(RegisterResult)) == 3)
            finish(rig, sipp)
    granted = [(event.status, event.expires_s) for event in rig.all(RegisterResult)]
    assert granted == [(200, 4), (200, 3600), (200, 0)]


def test_registrar_refuses() -> None:
    xml = scenario(expect("REGISTER"), send(response(403, "No"), retrans=False))
    with Rig() as rig, Sipp(xml) as sipp:
        registrar = f"sip:127.0.0.1:{sipp.port}"
        handle = rig.stack.register("sip:a@127.0.0.1", registrar, "a", "b", 60)
        result = rig.first(RegisterResult)
        assert (result.call, result.status, result.expires_s) == (handle, 403, 0)
        rig.stack.unregister(handle)
        finish(rig, sipp)


def test_phone_registers_with_us() -> None:
    contacts = "Contact: <sip:a@127.0.0.1:5>;expires=30, <sip:a@127.0.0.1:6>\nExpires: 99"
    register = request("REGISTER").replace("Contact: <sip:sipp@[local_ip]:[local_port]>", contacts)
    with Rig() as rig:
        rig.on(
            RegisterIn,
            lambda event: rig.stack.respond(event.call, 200, headers=[("Contact", "<sip:a@x>")]),
        )
        with Sipp(scenario(send(register), expect(200)), remote=rig.at, service="desk") as sipp:
            finish(rig, sipp)
            assert "Contact: <sip:a@x>" in sipp.wait().messages
        event = rig.first(RegisterIn)
        assert event.aor == f"sip:desk@127.0.0.1:{rig.port}"
        assert event.contacts == ["<sip:a@127.0.0.1:5>;expires=30", "<sip:a@127.0.0.1:6>"]
        assert event.expires_s == 99
        assert (event.source, event.source_port) == ("127.0.0.1", sipp.port)
