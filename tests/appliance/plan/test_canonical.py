"""Canonical bytes: one document, one sequence of bytes; hostile bytes get a clear refusal."""

import hashlib
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.base.errors import ConfigError, Verdict
from appliance.plan import canonical
from appliance.plan.checks import parse_plan
from appliance.plan.model import Agent, Flow, HangUp, Plan, Queue, Step
from tests.appliance.plan.plans import FULL, SOUND


@pytest.mark.parametrize("plan", SOUND)
def test_there_and_back(plan: Plan) -> None:
    body = canonical.encode(plan)
    assert canonical.decode(body, Plan) == plan
    assert canonical.encode(canonical.decode(body, Plan)) == body


@pytest.mark.parametrize("step", get_args(Step), ids=lambda step: step.__name__)
def test_what_a_step_leaves_out_is_written_and_read(step: type[msgspec.Struct]) -> None:
    texts = {"number": "100", "name": "n", "queue": "q", "calendar": "c", "trunk": "t"}
    given: dict[str, object] = {
        "prompts": ("p",),
        "choices": {"1": "s"},
        "country": "DE",
        "url": "https://e.org/",
    }
    needed = [one.name for one in msgspec.structs.fields(step) if one.required]
    left_out = step(**{name: given.get(name, texts.get(name, "s")) for name in needed})
    assert msgspec.json.decode(msgspec.json.encode(left_out), type=step) == left_out


def test_keys_are_sorted_without_spaces_in_utf_8() -> None:
    agent = Agent(name="ann", site="a", account="p1", title="Müller", skills={"b": 1, "a": 2})
    assert (
        canonical.encode(agent)
        == (
            '{"account":"p1","cost":1.0,"exclusive":[],"name":"ann","reserve":false,"site":"a",'
            '"skills":{"a":2,"b":1},"slots":{"voice":1},"title":"Müller"}'
        ).encode()
    )


def test_the_order_of_making_does_not_matter() -> None:
    steps: dict[str, Step] = {f"step-{number}": HangUp() for number in range(9)}
    turned = dict(reversed(steps.items()))
    first = Flow(name="f", start="step-0", steps=steps)
    second = Flow(name="f", start="step-0", steps=turned)
    assert canonical.encode(first) == canonical.encode(second)


def test_a_number_is_written_as_its_type_says() -> None:
    assert canonical.encode(Queue(name="q", ring_s=20)) == canonical.encode(
        Queue(name="q", ring_s=20.0)
    )


def test_what_breaks_its_own_rules_is_not_written() -> None:
    with pytest.raises(ConfigError, match=r"bad-plan: ring_s: ") as raised:
        canonical.encode(Queue(name="q", ring_s=-1))
    assert raised.value.verdict is Verdict.CONFIG
    with pytest.raises(ConfigError, match="ring_s"):
        canonical.encode(Queue(name="q", ring_s=float("nan")))
    with pytest.raises(ConfigError, match="cannot be written"):
        canonical.encode(Queue(name="q", title="\ud800"))


def test_the_digest_is_sha_256() -> None:
    body = canonical.encode(FULL)
    assert canonical.digest(body) == hashlib.sha256(body).hexdigest()
    assert canonical.digest(body) != canonical.digest(body + b" ")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"queues":[{"name":"A b"}]}', r"queues\[0\]\.name: Expected `str` matching"),
        (b'{"serial":-1}', r"serial: Expected `int` >= 0"),
        (b'{"numbers":[{}]}', r"numbers\[0\]: Object missing required field `number`"),
        (b'{"colour":"red"}', r"document: .*unknown field `colour`"),
        (b'{"queues":[{"name":"q","skills":{"x":99}}]}', r"queues\[0\]\.skills\[\.\.\.\]: "),
        (b'{"queues":[{"name":"q","skills":{"X":1}}]}', r"queues\[0\]\.skills \(key\): "),
        (b'{"tenant":"main\\n"}', r"tenant: Expected `str` matching"),
        (b'{"numbers":[{"number":"1\\n"}]}', r"numbers\[0\]\.number: "),
        (b"[]", r"document: Expected `object`"),
        (b'{"serial":1', r"not a JSON document: "),
        (b"", r"not a JSON document: "),
        (b'{"tenant":"\xff"}', r"not a JSON document: |tenant: "),
        (b'{"format":2}', r"format: 2 is not known here"),
    ],
)
def test_errors_name_the_place(body: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        parse_plan(body)
    assert raised.value.reason == "bad-plan"


def test_the_reason_word_is_the_document_s() -> None:
    with pytest.raises(ConfigError) as raised:
        canonical.decode(b"[]", Plan, reason="bad-config")
    assert raised.value.reason == "bad-config"


def test_deep_and_long_documents_are_refused() -> None:
    with pytest.raises(ConfigError):
        parse_plan(b"[" * 1_000_000)
    with pytest.raises(ConfigError):
        parse_plan(b'{"flows":' + b"[" * 1_000_000)
    with pytest.raises(ConfigError, match="at most"):
        parse_plan(b" " * (canonical.MAX_BODY + 1))


@given(st.binary(max_size=40), st.integers(0, 2_000), st.integers(0, 20))
def test_no_damage_crashes_the_reader(noise: bytes, at: int, cut: int) -> None:
    body = canonical.encode(FULL)
    damaged = body[:at] + noise + body[at + cut :]
    try:
        plan = parse_plan(damaged)
    except ConfigError as error:
        assert error.reason == "bad-plan"  # noqa: PT017 - either way is right
    else:
        assert msgspec.convert(msgspec.to_builtins(plan), Plan) == plan
