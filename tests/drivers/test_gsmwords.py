"""What modems say about calls and networks, well-formed and mangled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import gsmwords as words
from drivers.gsmwords import CallEntry, CallerId


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (
            '+CLCC: 1,1,4,0,0,"33612345678",145',
            CallEntry(1, False, words.INCOMING, True, "+33612345678"),
        ),
        ('+CLCC: 1,1,4,0,0,"",128', CallEntry(1, False, words.INCOMING, True, None)),
        ('+CLCC: 2,0,0,0,0,"112",129,""', CallEntry(2, True, words.ACTIVE, True, "112")),
        ("+CLCC: 3,0,6,1,0", CallEntry(3, True, words.GONE, False, None)),
        ('+CLCC: 1,1,4,0,0,"0612<script>",129', CallEntry(1, False, 4, True, None)),
        ("+CLCC: 1,1", None),
        ("+CLCC: 1,1,9,0,0", None),
        ("+CLCC: 0,0,0,0,0", None),
        ('+CLCC: ,,,,,"1"', None),
    ],
)
def test_clcc(line: str, entry: CallEntry | None) -> None:
    assert words.parse_clcc(line) == entry


@pytest.mark.parametrize(
    ("line", "caller"),
    [
        ('+CLIP: "+33612345678",145,,,,0', CallerId("+33612345678")),
        ('+CLIP: "",128,,,,1', CallerId(None)),
        ('+CLIP: "0612345678",129,,,,1', CallerId(None)),
        ('+CLIP: "0612345678",129,"",,"00C90074 0E9"', CallerId("0612345678", "00C90074 0E9")),
        ('+CLIP: "0612345678",129,"",,"00C900740065"', CallerId("0612345678", "Éte")),
        (
            '+CLIP: "0612345678",129,"",,"Paul, the second"',
            CallerId("0612345678", "Paul, the second"),
        ),
        ("+CLIP: garbage", None),
    ],
)
def test_clip(line: str, caller: CallerId | None) -> None:
    assert words.parse_clip(line) == caller


@pytest.mark.parametrize(
    ("lines", "registered"),
    [
        (['+CREG: 2,1,"1A2B","01C3D4E5",7'], True),
        (["+CREG: 0,5"], True),
        (["+CREG: 2,2"], False),
        (["+CREG: 2,3"], False),
        (['+CREG: 1,"1A2B"'], None),
        ([], None),
    ],
)
def test_registration(lines: list[str], registered: bool | None) -> None:
    assert words.parse_registered(lines) is registered


@pytest.mark.parametrize(
    ("line", "dbm"),
    [("+CSQ: 21,99", -71), ("+CSQ: 0,0", -113), ("+CSQ: 31,99", -51), ("+CSQ: 99,99", None)],
)
def test_signal_is_in_dbm(line: str, dbm: int | None) -> None:
    assert words.parse_signal_dbm(line) == dbm


def test_operator_is_read_from_ucs2_and_from_text() -> None:
    assert words.parse_operator(['+COPS: 0,0,"004F00720061006E00670065",7']) == "Orange"
    assert words.parse_operator(['+COPS: 0,0,"Orange F",7']) == "Orange F"
    assert words.parse_operator(["+COPS: 0"]) == ""


@pytest.mark.parametrize(
    ("line", "cause", "reason"),
    [
        ('+CEER: "16 Normal call clearing"', 16, "normal"),
        ("+CEER: 17, CM_USER_BUSY", 17, "busy"),
        ('+CEER: "19 User alerting, no answer"', 19, "no-answer"),
        ('+CEER: "1 Unassigned number"', 1, "not-found"),
        ('+CEER: "34 No circuit/channel available"', 34, "congestion"),
        ('+CEER: "41 Temporary failure"', 41, "carrier-failure"),
    ],
)
def test_cause_and_its_reason(line: str, cause: int, reason: str) -> None:
    assert words.parse_cause([line]) == cause
    assert words.reason_of_cause(cause) == reason


@given(st.text())
def test_nothing_raises(text: str) -> None:
    for line in (text, "+CLCC: " + text, "+CLIP: " + text):
        words.parse_clcc(line)
        words.parse_clip(line)
        words.parse_signal_dbm(line)
        words.parse_operator([line, "+COPS: " + text])
        words.parse_registered([line, "+CREG: " + text])
        words.parse_cause([line, "+CEER: " + text])
        words.text_of(text)
