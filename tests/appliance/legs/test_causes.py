import pytest

from appliance.base.reasons import REASONS
from appliance.legs import causes


def test_every_word_of_ours_is_a_word() -> None:
    for reason in causes._REFUSALS:
        assert reason in REASONS
    words = {causes.reason_of(status, cause) for status in range(700) for cause in range(128)}
    assert words <= set(REASONS)


def test_every_word_can_be_told() -> None:
    for reason in REASONS:
        told = causes.refusal(reason)
        assert 400 <= told.status <= 603
        assert 1 <= told.cause <= 127


@pytest.mark.parametrize(
    ("reason", "status", "cause"),
    [
        ("busy", 486, 17),
        ("no-answer", 480, 19),
        ("declined", 603, 21),
        ("not-found", 404, 1),
        ("no-codec", 488, 65),
        ("cancelled", 487, 16),
        ("orphaned", 503, 41),
        ("overload", 503, 42),
        ("internal", 500, 41),
        ("what-is-this", 500, 41),
    ],
)
def test_what_we_tell(reason: str, status: int, cause: int) -> None:
    told = causes.refusal(reason)
    assert (told.status, told.cause) == (status, cause)


@pytest.mark.parametrize(
    "reason", ["busy", "declined", "not-found", "unavailable", "no-codec", "congestion",
               "unreachable", "timeout", "bad-request", "no-answer"]
)  # fmt: skip
def test_a_peer_hears_the_same_word(reason: str) -> None:
    told = causes.refusal(reason)
    assert causes.reason_of(told.status, told.cause) == reason


def test_headers() -> None:
    assert causes.reason_header("busy") == ("Reason", 'Q.850;cause=17;text="busy"')
    assert causes.refusal_headers("busy") == [("Reason", 'Q.850;cause=17;text="busy"')]
    assert causes.refusal_headers("overload")[1] == ("Retry-After", "5")


@pytest.mark.parametrize(
    ("status", "cause", "reason"),
    [
        (0, 0, "normal"),
        (0, 16, "normal"),
        (0, 38, "carrier-failure"),
        (0, 17, "busy"),
        (200, 0, "normal"),
        (486, 0, "busy"),
        (600, 0, "busy"),
        (486, 16, "busy"),
        (480, 19, "no-answer"),
        (480, 0, "unavailable"),
        (603, 0, "declined"),
        (404, 0, "not-found"),
        (484, 0, "not-found"),
        (401, 0, "refused"),
        (407, 0, "refused"),
        (403, 0, "refused"),
        (408, 0, "timeout"),
        (503, 0, "congestion"),
        (500, 17, "busy"),
        (500, 0, "carrier-failure"),
        (487, 0, "cancelled"),
        (488, 0, "no-codec"),
        (302, 0, "unavailable"),
        (499, 0, "bad-request"),
        (599, 0, "carrier-failure"),
        (699, 0, "declined"),
        (999, 0, "carrier-failure"),
        (486, 999, "busy"),
    ],
)
def test_what_we_hear(status: int, cause: int, reason: str) -> None:
    assert causes.reason_of(status, cause) == reason


@pytest.mark.parametrize(
    ("status", "cause"),
    [(200, 16), (404, 1), (486, 17), (480, 18), (503, 41), (504, 102), (499, 41), (302, 31)],
)
def test_rfc3398_from_sip(status: int, cause: int) -> None:
    assert causes.cause_of_status(status) == cause


@pytest.mark.parametrize(
    ("cause", "status"),
    [(1, 404), (17, 486), (18, 408), (19, 480), (21, 403), (28, 484), (34, 503), (27, 502),
     (88, 503), (102, 504), (127, 500), (99, 500)],
)  # fmt: skip
def test_rfc3398_from_q850(cause: int, status: int) -> None:
    assert causes.status_of_cause(cause) == status
