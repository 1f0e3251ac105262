"""The SIP stack against sipp, over real sockets, in both directions."""

import pytest

from appliance.legs.sipevents import (
    Acked,
    Answered,
    Cancelled,
    Ended,
    Failed,
    InfoIn,
    InviteIn,
    Offered,
    OfferResult,
    Progress,
)
from tests.appliance.legs.siprig import (
    ACK,
    ANSWERED,
    BYE,
    CALLEE,
    CALLEE_BYE,
    FROM,
    INVITE,
    SDP,
    Rig,
    call,
    capture,
    finish,
)
from tests.sippkit import SDP as SIPP_SDP
from tests.sippkit import Sipp, expect, in_dialog_response, request, response, scenario, send

# -- they call us ------------------------------------------------------------------------------


@pytest.mark.parametrize("tcp", [False, True])
def test_answers_calls(tcp: bool) -> None:
    with Rig() as rig:
        rig.answers()
        with Sipp("uac", remote=rig.at, calls=20, rate=100, tcp=tcp) as sipp:
            finish(rig, sipp)
        rig.until(lambda: len(rig.all(Ended)) == 20)
        assert len(rig.all(InviteIn)) == len(rig.all(Acked)) == 20
        assert len({event.call for event in rig.all(Ended)}) == 20
        assert rig.stack.live() == 0


def test_invite_tells_who_calls() -> None:
    headers = (
        'P-Asserted-Identity: "Al" <sip:+49301@carrier>',
        "Privacy: id",
        "X-Branchline-Reservation: r-1",
        "X-Branchline-Fence: 17",
        "X-Other: no",
        "User-Agent: tester/1",
        'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x", response="00"',
    )
    invite = request("INVITE", *headers, body=SIPP_SDP).replace(
        "From: sipp <", 'From: "Al \\"Capone\\"" <'
    )
    with Rig() as rig:
        rig.on(InviteIn, lambda event: rig.stack.respond(event.call, 486))
        xml = scenario(send(invite), expect(100, optional=True), expect(486), ACK)
        with Sipp(xml, remote=rig.at, service="4711") as sipp:
            finish(rig, sipp)
        event = rig.first(InviteIn)
        assert event.request_uri == f"sip:4711@127.0.0.1:{rig.port}"
        assert event.to_uri == event.request_uri
        assert event.from_uri == f"sip:sipp@127.0.0.1:{sipp.port}"
        assert event.from_name == 'Al "Capone"'
        assert event.pai == '"Al" <sip:+49301@carrier>'
        assert event.privacy == "id"
        assert event.extras == {"x-branchline-reservation": "r-1", "x-branchline-fence": "17"}
        assert event.user_agent == "tester/1"
        assert event.authorization.startswith('Digest username="u"')
        assert (event.source, event.source_port) == ("127.0.0.1", sipp.port)
        assert event.call_id.endswith("@127.0.0.1")
        assert event.sdp.startswith("v=0\r\n")
        assert event.t > 0
        assert isinstance(rig.over(event.call), Failed)


def test_caller_gives_up() -> None:
    cancel = request("CANCEL", 'Reason: Q.850;cause=16;text="gone"')
    xml = scenario(
        INVITE,
        expect(100, optional=True),
        expect(180),
        send(cancel),
        expect(200),
        expect(487),
        ACK,
    )
    with Rig() as rig:
        rig.on(InviteIn, lambda event: rig.stack.respond(event.call, 180))
        with Sipp(
            xml.replace("branch=[branch]", "branch=z9hG4bK-[pid]-[call_number]"), remote=rig.at
        ) as s:
            finish(rig, s)
        cancelled = rig.first(Cancelled)
        last = rig.over(cancelled.call)
        assert isinstance(last, Failed)
        assert (last.status, last.cause) == (487, 16)


def test_bye_before_ack() -> None:
    xml = scenario(INVITE, expect(100, optional=True), expect(200), BYE)
    with Rig() as rig:
        rig.answers(ring=False)
        with Sipp(xml, remote=rig.at) as sipp:
            finish(rig, sipp)
        last = rig.over(rig.first(InviteIn).call)
        assert isinstance(last, Ended)


def test_refusal_carries_headers() -> None:
    check = '<action><ereg regexp="Q.850;cause=42" search_in="hdr" header="Reason:"'
    check += ' check_it="true" assign_to="1"/></action><Reference variables="1"/>'
    check = check.replace('<Reference variables="1"/>', "")
    xml = scenario(INVITE, expect(100, optional=True), expect(503, inner=check), ACK)
    xml = xml.replace("</scenario>", '<Reference variables="1"/></scenario>')
    with Rig() as rig:
        headers = [("Reason", "Q.850;cause=42"), ("Retry-After", "5")]
        rig.on(InviteIn, lambda e: rig.stack.respond(e.call, 503, headers=headers))
        with Sipp(xml, remote=rig.at) as sipp:
            finish(rig, sipp)
            assert "Retry-After: 5" in sipp.wait().messages
        last = rig.over(rig.first(InviteIn).call)
        assert isinstance(last, Failed)
        assert last.status == 503


def test_caller_leaves_the_offer_to_us() -> None:
    ack = request("ACK", to_tag=True, body=SIPP_SDP)
    xml = scenario(
        send(request("INVITE")),
        expect(100, optional=True),
        expect(180, optional=True),
        expect(200),
        send(ack, retrans=False),
        BYE,
    )
    with Rig() as rig:
        rig.answers()
        with Sipp(xml, remote=rig.at) as sipp:
            finish(rig, sipp)
        assert rig.first(InviteIn).sdp == ""
        assert "m=audio" in rig.first(Acked).sdp


def test_hold_and_resume() -> None:
    def reinvite(cseq: int, direction: str) -> str:
        body = SIPP_SDP + f"a={direction}\n"
        ack = send(request("ACK", to_tag=True, cseq=cseq), retrans=False)
        again = send(request("INVITE", to_tag=True, cseq=cseq, body=body))
        return again + expect(100, optional=True) + expect(200) + ack

    xml = scenario(INVITE, ANSWERED, reinvite(2, "sendonly"), reinvite(3, "sendrecv"), BYE)
    with Rig() as rig:
        rig.answers()
        with Sipp(xml, remote=rig.at) as sipp:
            finish(rig, sipp)
        last = rig.over(rig.first(InviteIn).call)
        assert isinstance(last, Ended)
        offers = [event.sdp for event in rig.all(Offered)]
        assert ["sendonly" in sdp for sdp in offers] == [True, False]
        assert len(rig.all(Acked)) == 1


def test_update_with_offer_asks_and_without_is_answered() -> None:
    xml = scenario(
        INVITE,
        ANSWERED,
        send(request("UPDATE", to_tag=True, cseq=2)),
        expect(200),
        send(request("UPDATE", to_tag=True, cseq=3, body=SIPP_SDP)),
        expect(200),
        BYE,
    )
    with Rig() as rig:
        rig.answers()
        with Sipp(xml, remote=rig.at) as sipp:
            finish(rig, sipp)
        (offered,) = rig.all(Offered)
        assert "m=audio" in offered.sdp


def test_info_brings_digits() -> None:
    info = request("INFO", to_tag=True, cseq=2, body="Signal=5\nDuration=160\n")
    info = info.replace("application/sdp", "application/dtmf-relay")
    with Rig() as rig:
        rig.answers()
        xml = scenario(INVITE, ANSWERED, send(info), expect(200), BYE)
        with Sipp(xml, remote=rig.at) as sipp:
            finish(rig, sipp)
        event = rig.first(InfoIn)
        assert event.content_type == "application/dtmf-relay"
        assert event.body.split() == ["Signal=5", "Duration=160"]


def test_bye_tells_its_cause() -> None:
    bye = send(request("BYE", "Reason: SIP;cause=200, Q.850;cause=38", to_tag=True, cseq=2))
    with Rig() as rig:
        rig.answers()
        with Sipp(scenario(INVITE, ANSWERED, bye, expect(200)), remote=rig.at) as sipp:
            finish(rig, sipp)
        assert rig.first(Ended).cause == 38


def test_we_end_a_call_that_came_in() -> None:
    xml = scenario(
        INVITE, ANSWERED, expect("BYE"), send(in_dialog_response(200, "OK"), retrans=False)
    )
    with Rig() as rig:
        rig.answers()
        with Sipp(xml, remote=rig.at) as sipp:
            rig.stack.end(rig.up(), headers=[("Reason", "Q.850;cause=16")])
            finish(rig, sipp)
            assert "cause=16" in sipp.wait().messages
        assert isinstance(rig.over(rig.first(InviteIn).call), Ended)


def test_acked_tells_the_dialog() -> None:
    routes = "Record-Route: <sip:127.0.0.9;lr>, <sip:127.0.0.8;lr>"
    invite = send(request("INVITE", routes, body=SIPP_SDP))
    xml = scenario(invite, expect(100, optional=True), expect(180), expect(200), ACK, BYE)
    with Rig() as rig:
        rig.answers()
        with Sipp(xml, remote=rig.at) as sipp:
            finish(rig, sipp)
        event, dialog = rig.first(InviteIn), rig.first(Acked).dialog
        assert dialog.call_id == event.call_id
        assert dialog.remote_uri == event.from_uri
        assert dialog.local_uri == event.to_uri
        assert dialog.local_tag
        assert dialog.remote_tag.endswith("t1")
        assert dialog.target == f"sip:sipp@127.0.0.1:{sipp.port}"
        assert dialog.routes == ("<sip:127.0.0.9;lr>", "<sip:127.0.0.8;lr>")


# -- we call them ------------------------------------------------------------------------------


@pytest.mark.parametrize("tcp", [False, True])
def test_makes_calls(tcp: bool) -> None:
    with Rig() as rig, Sipp("uas", calls=20, tcp=tcp) as sipp:
        rig.on(Answered, lambda event: rig.stack.end(event.call))
        target = f"sip:bob@127.0.0.1:{sipp.port}" + (";transport=tcp" if tcp else "")
        calls = {rig.stack.invite(target, from_uri=FROM, sdp=SDP) for _ in range(20)}
        rig.until(lambda: len(rig.all(Ended)) == 20)
        assert {event.call for event in rig.all(Ended)} == calls
        assert {event.status for event in rig.all(Progress)} == {180}
        assert "m=audio" in rig.all(Answered)[0].sdp
        finish(rig, sipp)


def test_answered_tells_the_dialog() -> None:
    routes = (
        "Record-Route: <sip:[local_ip]:[local_port];lr;n=2>, <sip:[local_ip]:[local_port];lr;n=1>"
    )
    xml = scenario(CALLEE.replace("Contact:", f"{routes}\nContact:"), CALLEE_BYE)
    with Rig() as rig, Sipp(xml) as sipp:
        handle = call(rig, sipp, from_name='Al "C"')
        dialog = rig.first(Answered).dialog
        rig.stack.end(handle)
        finish(rig, sipp)
        assert dialog.local_uri == FROM
        assert dialog.remote_uri == f"sip:bob@127.0.0.1:{sipp.port}"
        assert dialog.remote_tag.endswith("u1")
        assert dialog.local_cseq > 0
        assert [route[-3:] for route in dialog.routes] == ["=1>", "=2>"]
        assert 'From: "Al \\"C\\"" <' in sipp.wait().messages


def test_they_are_busy() -> None:
    refusal = response(486, "Busy", 'Reason: Q.850;cause=17;text="busy"', "Retry-After: 30")
    with Rig() as rig, Sipp(scenario(expect("INVITE"), send(refusal), expect("ACK"))) as sipp:
        last = rig.over(call(rig, sipp))
        assert isinstance(last, Failed)
        assert (last.status, last.cause, last.retry_after_s) == (486, 17, 30)
        finish(rig, sipp)


def test_redirections_are_not_followed() -> None:
    with Rig() as rig, Rig() as other:
        contact = f"Contact: <sip:evil@127.0.0.1:{other.port}>"
        refusal = response(302, "Moved").replace(
            "Contact: <sip:sipp@[local_ip]:[local_port]>", contact
        )
        with Sipp(scenario(expect("INVITE"), send(refusal), expect("ACK"))) as sipp:
            last = rig.over(call(rig, sipp))
            assert isinstance(last, Failed)
            assert last.status == 302
            finish(rig, sipp)
        other.pump()
        assert other.events == []


def test_we_give_up() -> None:
    xml = scenario(
        expect("INVITE", inner=capture("CSeq:", "[0-9]+", "1")),
        send(response(180, "Ringing"), retrans=False),
        expect("CANCEL"),
        send(response(200, "OK"), retrans=False),
        send(response(487, "Terminated").replace("[last_CSeq:]", "CSeq: [$1] INVITE")),
        expect("ACK"),
    )
    with Rig() as rig, Sipp(xml) as sipp:
        handle = call(rig, sipp)
        rig.first(Progress)
        rig.stack.end(handle)
        last = rig.over(handle)
        assert isinstance(last, Failed)
        assert last.status == 487
        finish(rig, sipp)


def test_we_give_up_while_they_answer() -> None:
    xml = scenario(
        expect("INVITE", inner=capture("CSeq:", "[0-9]+", "1")),
        send(response(180, "Ringing"), retrans=False),
        expect("CANCEL"),
        send(response(200, "OK"), retrans=False),
        send(response(200, "OK", body=SIPP_SDP).replace("[last_CSeq:]", "CSeq: [$1] INVITE")),
        expect("ACK"),
        expect("BYE"),
        send(in_dialog_response(200, "OK"), retrans=False),
    )
    with Rig() as rig, Sipp(xml) as sipp:
        handle = call(rig, sipp)
        rig.first(Progress)
        rig.stack.end(handle)
        last = rig.over(handle)
        assert isinstance(last, Failed)
        assert last.status == 487
        assert rig.all(Answered) == []
        finish(rig, sipp)


def test_they_hang_up() -> None:
    bye = """BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:bob@[local_ip]:[local_port]>;tag=[pid]u[call_number]
To[$1]
Call-ID: [call_id]
CSeq: 1 BYE
Reason: Q.850;cause=31
Content-Length: 0

"""
    callee = CALLEE.replace(
        expect("INVITE"), expect("INVITE", extra='rrs="true"', inner=capture("From", ".*", "1"))
    )
    with Rig() as rig, Sipp(scenario(callee, send(bye), expect(200))) as sipp:
        handle = call(rig, sipp)
        last = rig.over(handle)
        finish(rig, sipp)
        assert isinstance(last, Ended)
        assert last.cause == 31


def test_we_hold_and_are_refused_once() -> None:
    xml = scenario(
        CALLEE,
        expect("INVITE"),
        send(in_dialog_response(200, "OK", body=SIPP_SDP + "a=recvonly\n")),
        expect("ACK"),
        expect("INVITE"),
        send(in_dialog_response(488, "No")),
        expect("ACK"),
        CALLEE_BYE,
    )
    with Rig() as rig, Sipp(xml) as sipp:
        handle = call(rig, sipp)
        rig.first(Answered)
        rig.stack.reoffer(handle, SDP + "a=sendonly\r\n")
        result = rig.first(OfferResult)
        assert result.status == 200
        assert "recvonly" in result.sdp
        rig.stack.reoffer(handle, SDP)
        rig.until(lambda: len(rig.all(OfferResult)) == 2)
        assert rig.all(OfferResult)[1].status == 488
        assert rig.stack.live() == 1
        rig.stack.end(handle)
        assert isinstance(rig.over(handle), Ended)
        finish(rig, sipp)
