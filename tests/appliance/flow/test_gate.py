"""The gate before a data source: when it is shut, and who may try again."""

from appliance.flow.gate import FAILURES, REST_S, Gate


def failed(times: int, now_s: float = 0.0) -> Gate:
    gate = Gate()
    for _ in range(times):
        gate.failed(now_s)
    return gate


def test_some_failures_do_not_shut_it() -> None:
    gate = failed(FAILURES - 1)
    assert not gate.down
    assert all(gate.passes(0) for _ in range(100))
    gate.worked()
    for _ in range(FAILURES - 1):
        gate.failed(0)
    assert gate.passes(0)


def test_nobody_passes_while_it_rests_and_then_one_at_a_time() -> None:
    gate = failed(FAILURES, 100)
    assert gate.down
    assert not gate.passes(100 + REST_S - 0.1)
    assert gate.passes(100 + REST_S)
    assert not gate.passes(100 + REST_S)
    gate.failed(111)
    assert not gate.passes(111 + REST_S - 0.1)
    assert gate.passes(111 + REST_S)
    gate.worked()
    assert not gate.down
    assert all(gate.passes(122) for _ in range(3))
