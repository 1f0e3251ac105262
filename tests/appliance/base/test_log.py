"""The log: one line per event to standard error, for people or as JSON."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import logging, sys
from appliance.base import log
log.set_up(sys.argv[1], as_json=sys.argv[2] == "json")
logger = logging.getLogger("appliance.test")
logger.log(log.TRACE, "> %s", b"\\x01")
logger.info("call %s", "c1", extra={"leg": 7})
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("oh")
"""


def said(level: str, form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, level, form],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_lines() -> None:
    first, *_ = [json.loads(line) for line in said("info", "json")]
    assert first["event"] == "call c1"
    assert first["level"] == "info"
    assert first["logger"] == "appliance.test"
    assert first["leg"] == 7
    assert first["timestamp"].endswith("Z")


def test_levels() -> None:
    assert "> b'\\x01'" in said("trace", "plain")[0]
    assert "call c1" in said("debug", "plain")[0]
    assert "oh" in said("warning", "plain")[0]
