"""The benches' results: the object that machines read, and the command's options."""

import json
from datetime import datetime

import pytest

from tests.bench import __main__ as command
from tests.bench.capture import SipMessage, first_offer
from tests.bench.load import Stream, streams
from tests.bench.report import Report


def report() -> Report:
    found = Report("sample")
    found.figure("call_cpu_ms", 1.23456)
    found.bar("call_cpu", 1.23456, "<= 8.8", "ms")
    found.bar("rate", 90, ">= 100", "1/s")
    return found


def test_json_has_the_agreed_shape() -> None:
    text = report().as_json()
    assert "\n" not in text
    whole = json.loads(text)
    assert list(whole) == ["bench", "date", "machine", "commit", "figures", "bars"]
    assert datetime.fromisoformat(whole["date"]).tzinfo
    assert whole["bench"] == "sample"
    assert whole["figures"] == {"call_cpu_ms": 1.235}
    assert whole["bars"] == [
        {"name": "call_cpu", "value": 1.235, "must": "<= 8.8", "unit": "ms", "ok": True},
        {"name": "rate", "value": 90.0, "must": ">= 100", "unit": "1/s", "ok": False},
    ]


def test_the_table_says_which_bar_is_missed() -> None:
    lines = report().as_text().splitlines()
    assert [line.split()[-1] for line in lines if "<= 8.8" in line] == ["ok"]
    assert [line.split()[-1] for line in lines if ">= 100" in line] == ["MISSED"]


def test_list_names_all_benches(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == list(command.BENCHES)
    assert {"spine", "recover"} <= set(names)


@pytest.mark.parametrize("arguments", [[], ["no-such-bench"]])
def test_an_unknown_name_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)
    assert caught.value.code == 2
    assert "spine" in capsys.readouterr().err


def message(t_s: float, source: str, first: str, call: str, port: int = 0) -> SipMessage:
    body = f"v=0\r\nm=audio {port} RTP/AVP 8\r\n" if port else ""
    return SipMessage(t_s, source, "", f"{first}\r\nCall-ID: {call}\r\n\r\n{body}")


def test_streams_pair_both_sides_of_each_call() -> None:
    seen = [
        message(1, "trunk", "INVITE sip:200 SIP/2.0", "a", 6000),
        message(2, "branch", "SIP/2.0 200 OK", "a", 20000),
        message(3, "branch", "INVITE sip:a1 SIP/2.0", "b", 20002),
        message(4, "phone", "SIP/2.0 200 OK", "b", 6004),
        message(5, "trunk", "INVITE sip:200 SIP/2.0", "unanswered", 6008),
    ]
    assert streams(seen, "branch") == [
        Stream(6000, "branch", 20000),
        Stream(6004, "branch", 20002),
    ]


def test_the_first_offer_is_the_branchs_own_and_after_the_kill() -> None:
    seen = [
        message(1, "branch", "INVITE sip:a1 SIP/2.0", "a"),
        message(2, "trunk", "INVITE sip:200 SIP/2.0", "b"),
        message(3, "branch", "INVITE sip:a2 SIP/2.0", "c"),
        message(4, "branch", "INVITE sip:a3 SIP/2.0", "d"),
    ]
    assert first_offer(seen, "branch", 1.5) == 3
