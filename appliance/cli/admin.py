"""Asking the running brain on this machine: one JSON object a line over its admin socket."""

import json
import socket
from pathlib import Path
from typing import Any

from appliance.base.errors import PeerError

#: the socket's name in the state folder; the brain's `daemon/admin.py` listens there
SOCKET = "brain.sock"
#: how long the brain may take to answer [s]; it answers at once or is hung
PATIENCE_S = 5.0
#: a longer answer is not read [bytes]
_ANSWER_MOST = 16 << 20


def ask(state_dir: Path, do: str, **more: object) -> dict[str, Any]:
    """Return the brain's answer to *do*, with *more* about it.

    Raises PeerError `unavailable`, or what the brain answers.
    """
    path = state_dir / SOCKET
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(path))
            connection.sendall(json.dumps({**more, "do": do}).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline(_ANSWER_MOST)
    except OSError as error:
        raise PeerError(
            "unavailable", f"no brain answers at {path} ({error}); is it running?"
        ) from error
    try:
        answer = json.loads(line)
    except ValueError:
        raise PeerError("unavailable", f"the brain at {path} answered no JSON") from None
    if not isinstance(answer, dict):
        raise PeerError("unavailable", f"the brain at {path} answered no object")
    if "error" in answer:
        raise PeerError(str(answer["error"]), str(answer.get("message", "")))
    return answer
